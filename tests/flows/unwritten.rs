//! Nodes that have not written `success` or `callback`: nobody waits for them, and nobody else is passed over.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use earmark::domain::flow::NodeFailure;
use earmark::flow::{BusinessLine, Definition, DefinitionErrors, Node, NodeCall, NodeError, Plugins, Scope};
use earmark::port::fs_sim::SimFs;
use earmark::{BeginFlow, Config, Engine};

use crate::common::{business, sim};
use crate::world::Trail;

/// Has written nothing but its work.
struct Plain;

/// Leaves every other success to a plain node, and counts the others.
struct Sometimes(Arc<Counted>);

#[derive(Default)]
struct Counted {
    asked: AtomicU32,
    own: AtomicU32,
    called_back: AtomicU32,
}

impl Node<Trail> for Plain {
    async fn process(&self, _: &mut Trail, _: &NodeCall) -> Result<(), NodeError> {
        Ok(())
    }
}

impl Node<Trail> for Sometimes {
    async fn process(&self, _: &mut Trail, _: &NodeCall) -> Result<(), NodeError> {
        Ok(())
    }

    async fn success(&self, trail: &mut Trail, call: &NodeCall) -> Result<(), NodeError> {
        if self.0.asked.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
            return Plain.success(trail, call).await;
        }
        self.0.own.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    async fn callback(&self, _: &mut Trail, _: Option<&NodeFailure>, _: &NodeCall) -> Result<(), NodeError> {
        self.0.called_back.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

struct Line(&'static str, Arc<Counted>);

impl BusinessLine for Line {
    fn definition(&self) -> Result<Definition, DefinitionErrors> {
        let text = format!("business = \"shop\"\n[chains.default]\nsubmit = [\"{}\"]\n", self.0);
        Definition::parse("line.toml", text)
    }

    fn provide(&self, plugins: Plugins) -> Plugins {
        let all = &Scope::everywhere();
        let plugins = plugins.node::<Trail>(all, "plain", Plain);
        plugins.node::<Trail>(all, "sometimes", Sometimes(self.1.clone()))
    }
}

async fn open(node: &'static str, counted: &Arc<Counted>) -> Engine {
    let lines: Vec<Arc<dyn BusinessLine>> = vec![Arc::new(Line(node, counted.clone()))];
    Engine::open(Config { lines, ..sim::config(&SimFs::new()) }).await.unwrap()
}

/// Runs a flow; how many records it took.
async fn run(engine: &Engine) -> u64 {
    let before = engine.end().sequence;
    let begin = BeginFlow::new(business(), "submit", &Trail::default()).unwrap();
    engine.run_flow::<Trail>(begin).await.unwrap();
    engine.end().sequence - before
}

#[tokio::test(start_paused = true)]
async fn nothing_waits_for_calls_that_a_node_has_not_written() {
    let counted = Arc::default();
    let engine = open("plain", &counted).await;
    // The first flow finds out: it waits for the journal before the success and before the call-back.
    assert_eq!(run(&engine).await, 4);
    for _ in 0..3 {
        assert_eq!(run(&engine).await, 2);
    }
    let told = engine.flow_timeline(earmark::FlowId(4), 0, 100).await.unwrap().entries;
    let told: Vec<_> = told.iter().map(|entry| entry.what.describe()).collect();
    assert!(told.iter().any(|what| what.contains("was called back")), "{told:?}");
    engine.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_node_that_leaves_a_call_to_another_one_is_asked_every_time() {
    let counted = Arc::<Counted>::default();
    let engine = open("sometimes", &counted).await;
    for _ in 0..6 {
        assert_eq!(run(&engine).await, 4);
    }
    let count = |of: &AtomicU32| of.load(Ordering::Relaxed);
    assert_eq!((count(&counted.asked), count(&counted.own), count(&counted.called_back)), (6, 3, 6));
    engine.close().await.unwrap();
}
