//! `earmark flow list`, `show`, `retry`, `skip` and `abandon`: a flow whose rollback failed for good.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use earmark::domain::flow::NodeFailure;
use earmark::flow::{BusinessLine, Definition, DefinitionErrors, Node, NodeCall, NodeError, Plugins, Scope};
use earmark::{BeginFlow, Config, Engine, State};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::{business, folder, order, placement, receive};
use crate::shop::{block_on, config};
use crate::tool::{fine, image, json, on};

const CHAIN: &str = "business = \"shop\"\n[chains.default]\nsubmit = [\"place\", \"bill\"]\n\
     [nodes.place]\nrollback_retries = 0\n";

/// A node that places an order and gives it back only when it may, and one that refuses.
#[derive(Clone, Default)]
pub struct Stubborn(pub Arc<AtomicBool>);

impl Node<Value> for Stubborn {
    async fn process(&self, context: &mut Value, call: &NodeCall) -> Result<(), NodeError> {
        if call.node() == "bill" {
            return Err(NodeError::refused("no such account"));
        }
        let placed = call.submit_order(placement("o-1", &[("lamp", 1)])).await?;
        context["order"] = placed.order.as_str().into();
        Ok(())
    }

    async fn rollback(&self, _: &mut Value, _: &NodeFailure, call: &NodeCall) -> Result<(), NodeError> {
        if !self.0.load(Ordering::Relaxed) {
            return Err(NodeError::refused("the till is closed"));
        }
        let cancel = earmark::CancelOrder::all(order("o-1"), "no account");
        call.submit_order(cancel).await?;
        Ok(())
    }
}

impl BusinessLine for Stubborn {
    fn definition(&self) -> Result<Definition, DefinitionErrors> {
        Definition::parse("lines/shop.toml", CHAIN)
    }

    fn provide(&self, plugins: Plugins) -> Plugins {
        let scope = Scope::business(business());
        let add = |plugins: Plugins, name| plugins.node::<Value>(&scope, name, self.clone());
        ["place", "bill"].into_iter().fold(plugins, add)
    }
}

fn with(folder: &Path, line: &Stubborn) -> Config {
    Config { lines: vec![Arc::new(line.clone())], ..config(folder) }
}

/// A folder with a flow that stands still.
pub fn standing() -> TempDir {
    let folder = folder();
    block_on(async {
        let engine = Engine::open(with(folder.path(), &Stubborn::default())).await.unwrap();
        receive(&engine, "lamp", 5).await;
        let begin = BeginFlow::new(business(), "submit", &json!({"buyer": "ada"})).unwrap();
        let failed = engine.run_flow::<Value>(begin).await.unwrap_err();
        assert_eq!(failed.code(), "FLOW_FAILED");
        while engine.flows().await.unwrap().iter().any(|flow| flow.parked.is_none()) {
            tokio::task::yield_now().await;
        }
        engine.close().await.unwrap();
    });
    folder
}

#[test]
fn a_flow_that_stands_still_is_listed_and_shown_with_its_nodes_and_nothing_is_changed() {
    let folder = standing();
    let folder = folder.path();
    let before = image(folder);
    let listed = json(folder, "flow list *");
    assert_eq!((&listed["begun"], listed["flows"].as_array().unwrap().len()), (&json!(1), 1));
    let flow = &listed["flows"][0];
    assert_eq!(
        (&flow["order"], &flow["chain"], &flow["answered"]),
        (&json!("o-1"), &json!("submit"), &json!(true))
    );
    let why = "the rollback of place failed at its last try, number 1: the till is closed";
    assert_eq!(flow["parked"], why);
    let shown = json(folder, "flow show * 1");
    assert_eq!(shown["contexts"], json!([{"buyer": "ada", "order": "o-1"}]));
    let nodes: Vec<_> = shown["nodes"].as_array().unwrap().iter().map(|node| &node["node"]).collect();
    assert_eq!(nodes, ["place", "bill"]);
    let text = fine(folder, "flow show * 1");
    assert!(text.contains("  PARKED: ") && text.contains("  bill: failed\n      no such account"), "{text}");
    assert!(text.contains("  place: done, rollback stands still"), "{text}");
    let text = fine(folder, "flow list *");
    assert!(text.contains("1 flow under way, of 1 that began"), "{text}");
    let text = fine(folder, "inspect * flow 1");
    assert!(text.contains(why) && text.contains("chain       submit for default, rules 1"), "{text}");
    assert_eq!(image(folder), before);
}

#[test]
fn an_operator_decides_on_a_folder_at_rest_and_the_flow_goes_on_when_its_engine_is_opened() {
    for (remedy, may, left) in [
        ("retry", true, State::Cancelled),
        ("skip", false, State::Reserved),
        ("abandon", false, State::Reserved),
    ] {
        let folder = standing();
        let folder = folder.path();
        let ran = on(folder, &format!("flow {remedy} * 1 bill --by ann --reason looked"));
        assert_eq!(ran.code, 1, "{}", ran.err);
        assert!(
            ran.err.contains("no such step of the flow stands still (NOTHING_STANDS_STILL)"),
            "{}",
            ran.err
        );
        let said = json(folder, &format!("flow {remedy} * 1 place --by ann --reason looked"));
        assert_eq!((&said["remedy"], &said["order"]), (&json!(remedy), &json!("o-1")));
        let line = Stubborn::default();
        line.0.store(may, Ordering::Relaxed);
        block_on(async {
            let engine = Engine::open(with(folder, &line)).await.unwrap();
            while !engine.flows().await.unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
            assert_eq!(engine.order(&order("o-1")).view().await.unwrap().unwrap().state, left, "{remedy}");
            engine.close().await.unwrap();
        });
        let told = fine(folder, "inspect * flow 1");
        assert!(told.contains("Node bill failed: no such account."), "{told}");
        assert!(
            told.contains("flow 1 has ended.")
                && told.contains(&format!("An operator decided to {remedy} node place: looked. (by ann)")),
            "{told}"
        );
        let ran = on(folder, "flow show * 1");
        assert_eq!(ran.code, 1);
        assert!(ran.err.contains("flow 1 has ended"), "{}", ran.err);
    }
}

#[test]
fn decisions_without_an_author_or_on_a_folder_in_use_are_turned_away() {
    let folder = standing();
    let folder = folder.path();
    assert_eq!(on(folder, "flow skip * 1 --reason x").code, 2);
    assert_eq!(on(folder, "flow skip * 1 --by ann").code, 2);
    assert_eq!(on(folder, "inspect * flow one").code, 2);
    assert_eq!(on(folder, "flow skip * 7 --by ann --reason x").code, 1);
    let ran = on(folder, "flow show * 7");
    assert!(ran.code == 1 && ran.err.contains("flow 7 never began"), "{}", ran.err);
    block_on(async {
        let engine = Engine::open(config(folder)).await.unwrap();
        assert_eq!(on(folder, "flow skip * 1 --by ann --reason x").code, 5);
        engine.close().await.unwrap();
    });
}
