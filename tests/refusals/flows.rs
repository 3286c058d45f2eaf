//! What flows are refused for.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use earmark::domain::flow::NodeFailure;
use earmark::flow::{BusinessLine, Definition, DefinitionErrors, Node, NodeCall, NodeError, Plugins, Scope};
use earmark::{BeginFlow, Config, Engine, Error, FlowId, Refusal, Remedy, RemedyStep};
use serde_json::json;

use crate::common::business;

/// Two nodes whose rollback fails for good, and one that refuses.
const CHAIN: &str = "business = \"shop\"\n[chains.default]\nsubmit = [\"one\", \"two\", \"refuse\"]\n\
     [nodes.one]\nrollback_retries = 0\n[nodes.two]\nrollback_retries = 0\n";

/// The outcomes that rollbacks have asked for.
#[derive(Clone, Default)]
struct Line(Arc<Mutex<Vec<Refusal>>>);

impl Node<Vec<u8>> for Line {
    async fn process(&self, _: &mut Vec<u8>, call: &NodeCall) -> Result<(), NodeError> {
        if call.node() == "refuse" { Err(NodeError::refused("never")) } else { Ok(()) }
    }

    async fn rollback(&self, _: &mut Vec<u8>, _: &NodeFailure, call: &NodeCall) -> Result<(), NodeError> {
        // The way forward gave no command: its key is used up for good.
        for outcome in call.forward_outcomes(0).await? {
            self.0.lock().unwrap().extend(outcome.err());
        }
        Err(NodeError::refused("it stays"))
    }
}

impl BusinessLine for Line {
    fn definition(&self) -> Result<Definition, DefinitionErrors> {
        Definition::parse("line.toml", CHAIN)
    }

    fn provide(&self, plugins: Plugins) -> Plugins {
        let scope = Scope::business(business());
        let add = |plugins: Plugins, name| plugins.node::<Vec<u8>>(&scope, name, self.clone());
        ["one", "two", "refuse"].into_iter().fold(plugins, add)
    }
}

/// The codes that flows are refused with.
pub(crate) async fn refusals() -> BTreeSet<String> {
    let line = Line::default();
    let lines: Vec<Arc<dyn BusinessLine>> = vec![Arc::new(line.clone())];
    let engine = Engine::open(Config { lines, ..Config::in_memory() }).await.unwrap();
    let begin = |chain, context: serde_json::Value| BeginFlow::new(business(), chain, &context).unwrap();
    let mut seen = BTreeSet::new();
    let mut note = |error: Error| match error {
        Error::Refused(refusal) => seen.insert(refusal.code().to_owned()),
        other => panic!("{other:?}"),
    };
    note(engine.run_flow::<Vec<u8>>(begin("dance", json!([]))).await.unwrap_err());
    note(engine.run_flow::<Vec<u8>>(begin("submit", json!("no bytes"))).await.unwrap_err());
    note(engine.run_flow::<Vec<u8>>(begin("submit", json!(vec![0; 40_000]))).await.unwrap_err());
    note(engine.run_flow::<Vec<u8>>(begin("submit", json!([]))).await.unwrap_err());
    while engine.flows().await.unwrap().iter().any(|flow| flow.parked.is_none()) {
        tokio::task::yield_now().await;
    }
    let stands = engine.flows().await.unwrap()[0].id;
    let step = |flow, node: Option<&str>| RemedyStep {
        flow,
        node: node.map(Into::into),
        remedy: Remedy::Skip,
        reason: "looked".into(),
    };
    note(engine.remedy(step(FlowId(9), None)).await.unwrap_err());
    note(engine.remedy(step(stands, None)).await.unwrap_err());
    note(engine.remedy(step(stands, Some("refuse"))).await.unwrap_err());
    seen.extend(line.0.lock().unwrap().iter().map(|refusal| refusal.code().to_owned()));
    seen
}
