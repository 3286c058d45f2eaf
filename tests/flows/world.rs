//! A business line whose nodes write down each call, and do as they are told.

use std::sync::{Arc, Mutex};

use earmark::domain::flow::NodeFailure;
use earmark::flow::{BusinessLine, Definition, DefinitionErrors, Node, NodeCall, NodeError, Plugins, Scope};
use earmark::port::fs_sim::SimFs;
use earmark::port::{Clock, ManualClock};
use earmark::{Config, Engine, Timestamp};
use serde::{Deserialize, Serialize};

use crate::common::{placement, sim};

pub(crate) const BEGAN: u64 = 1_000_000;

/// What the nodes share: where they have been.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Trail {
    pub(crate) visited: Vec<String>,
}

/// A call of a node, and how far the journal was durable then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Called {
    pub(crate) what: String,
    pub(crate) key: String,
    pub(crate) durable: u64,
}

/// What a node does when it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Well,
    Refuse,
    Fail,
    Unknown,
    Skip,
    Panic,
    Hang,
    /// Waits until so many are there.
    Meet(usize),
    /// Leaves its name in the trail.
    Leave,
}

/// What the nodes do, by call (`process n1`), and what they did.
#[derive(Default)]
pub(crate) struct Script {
    pub(crate) acts: Vec<(String, Act)>,
    pub(crate) calls: Vec<Called>,
    pub(crate) engine: Option<Engine>,
}

/// The world outside of the engine.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) script: Arc<Mutex<Script>>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) text: String,
    pub(crate) nodes: Vec<&'static str>,
}

impl World {
    pub(crate) fn new(text: &str, nodes: &[&'static str]) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(BEGAN)));
        Self { script: Arc::default(), clock, text: text.to_owned(), nodes: nodes.to_vec() }
    }

    /// Another world with the same acts in which nothing has been called yet.
    pub(crate) fn again(&self) -> Self {
        let acts = self.script.lock().unwrap().acts.clone();
        let script = Arc::new(Mutex::new(Script { acts, ..Script::default() }));
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(BEGAN)));
        Self { script, clock, ..self.clone() }
    }

    pub(crate) fn act(&self, call: &str, act: Act) {
        let mut script = self.script.lock().unwrap();
        script.acts.retain(|(known, _)| known != call);
        script.acts.push((call.to_owned(), act));
    }

    fn does(&self, node: &str, act: Act) -> bool {
        let call = format!("process {node}");
        self.script.lock().unwrap().acts.iter().any(|(known, acts)| *known == call && *acts == act)
    }

    pub(crate) fn config(&self, fs: &SimFs) -> Config {
        Config { clock: self.clock.clone(), lines: vec![Arc::new(self.clone())], ..sim::config(fs) }
    }

    pub(crate) async fn open(&self, fs: &SimFs) -> Engine {
        let engine = Engine::open(self.config(fs)).await.unwrap();
        self.script.lock().unwrap().engine = Some(engine.clone());
        engine
    }

    pub(crate) async fn close(&self, engine: Engine) {
        self.script.lock().unwrap().engine = None;
        engine.close().await.unwrap();
    }

    pub(crate) fn calls(&self) -> Vec<String> {
        self.script.lock().unwrap().calls.iter().map(|call| call.what.clone()).collect()
    }

    pub(crate) fn called(&self) -> Vec<Called> {
        self.script.lock().unwrap().calls.clone()
    }

    /// Lets time pass until no flow is under way, but for those that are parked.
    pub(crate) async fn settle(&self, engine: &Engine) {
        for _ in 0..200 {
            let flows = engine.flows().await.unwrap();
            if flows.iter().all(|flow| flow.parked.is_some()) {
                return;
            }
            // Time passes when nothing else can happen.
            if flows.iter().all(|flow| flow.parked.is_some() || flow.again_at().is_some()) {
                self.clock.advance(1_000);
            }
            tokio::time::sleep(std::time::Duration::from_millis(30)).await;
        }
        panic!("flows that never end: {:?}", engine.flows().await.unwrap());
    }

    async fn call(&self, what: String, call: &NodeCall) -> Result<(), NodeError> {
        let act = {
            let mut script = self.script.lock().unwrap();
            let durable = script.engine.as_ref().map_or(0, |engine| engine.end().sequence - 1);
            script.calls.push(Called { what: what.clone(), key: call.key().to_owned(), durable });
            let act = script.acts.iter().find(|(known, _)| *known == what).map(|(_, act)| *act);
            act.unwrap_or(Act::Well)
        };
        match act {
            Act::Well => Ok(()),
            Act::Refuse => Err(NodeError::refused(format!("{what} refused"))),
            // What does not work at first works once the clock has moved.
            Act::Fail if self.clock.now() == Timestamp::from_millis(BEGAN) => {
                Err(NodeError::failed(format!("{what} failed")))
            }
            Act::Unknown if self.clock.now() == Timestamp::from_millis(BEGAN) => {
                Err(NodeError::unknown(format!("{what} is unknown")))
            }
            Act::Fail | Act::Unknown => Ok(()),
            Act::Skip => Err(NodeError::skip(format!("{what} skipped"))),
            Act::Panic => panic!("{what} panicked"),
            Act::Hang => std::future::pending().await,
            Act::Leave => Ok(()),
            Act::Meet(many) => {
                while self.calls().iter().filter(|call| call.starts_with("process")).count() < many + 1 {
                    tokio::task::yield_now().await;
                }
                Ok(())
            }
        }
    }
}

struct Named(&'static str, World);

impl Node<Trail> for Named {
    async fn process(&self, trail: &mut Trail, call: &NodeCall) -> Result<(), NodeError> {
        let leaves = self.1.nodes.len() < 5 || self.1.does(self.0, Act::Leave);
        if leaves {
            trail.visited.push(self.0.to_owned());
        }
        if self.0 == "place" {
            let place = placement("o-1", &[("a", 1)]);
            call.submit_order(place).await?;
        }
        self.1.call(format!("process {}", self.0), call).await
    }

    async fn resume(&self, _: &mut Trail, call: &NodeCall) -> Result<(), NodeError> {
        self.1.call(format!("resume {}", self.0), call).await
    }

    async fn rollback(&self, _: &mut Trail, failure: &NodeFailure, call: &NodeCall) -> Result<(), NodeError> {
        self.1.call(format!("rollback {} because {failure}", self.0), call).await
    }

    async fn success(&self, _: &mut Trail, call: &NodeCall) -> Result<(), NodeError> {
        self.1.call(format!("success {}", self.0), call).await
    }

    async fn callback(
        &self,
        _: &mut Trail,
        failure: Option<&NodeFailure>,
        call: &NodeCall,
    ) -> Result<(), NodeError> {
        let because = failure.map(|failure| format!(" because {failure}")).unwrap_or_default();
        self.1.call(format!("callback {}{because}", self.0), call).await
    }
}

impl BusinessLine for World {
    fn definition(&self) -> Result<Definition, DefinitionErrors> {
        Definition::parse("line.toml", &*self.text)
    }

    fn provide(&self, plugins: Plugins) -> Plugins {
        let scope = Scope::everywhere();
        let add = |plugins: Plugins, name: &&'static str| {
            plugins.node::<Trail>(&scope, name, Named(name, self.clone()))
        };
        self.nodes.iter().fold(plugins, add)
    }
}
