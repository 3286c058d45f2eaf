//! Parallel groups and sub-chains.

use earmark::flow::{
    BusinessLine, Definition, DefinitionErrors, NodeCall, NodeError, Plugins, Scope, SubChain,
};
use earmark::port::fs_sim::SimFs;
use earmark::{BeginFlow, Config, Engine, Error, Refusal};
use std::sync::Arc;

use crate::common::journal::{read, write};
use crate::common::{business, sim};
use crate::world::{Act, Trail, World};

const GROUP: &str =
    "business = \"shop\"\n[chains.default]\nsubmit = [\"n1\", [\"n2\", \"n3\", \"n4\"], \"n5\"]\n";
const NODES: [&str; 5] = ["n1", "n2", "n3", "n4", "n5"];

async fn run(engine: &Engine) -> Result<(), String> {
    let begin = BeginFlow::new(business(), "submit", &Trail::default()).unwrap();
    match engine.run_flow::<Trail>(begin).await {
        Ok(_) => Ok(()),
        Err(Error::Refused(Refusal::FlowFailed { node, .. })) => Err(node.to_string()),
        Err(error) => panic!("{error}"),
    }
}

/// The calls without their reasons, those of a group sorted.
fn plain(world: &World) -> Vec<String> {
    world.calls().iter().map(|call| call.split(" because").next().unwrap().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn the_nodes_of_a_group_run_side_by_side_and_are_told_in_the_order_of_the_chain() {
    let world = World::new(GROUP, &NODES);
    // Nobody in the group could go on if one waited for another.
    world.act("process n2", Act::Meet(3));
    world.act("process n3", Act::Meet(3));
    world.act("process n4", Act::Meet(3));
    let engine = world.open(&SimFs::new()).await;
    assert_eq!(run(&engine).await, Ok(()));
    let calls = plain(&world);
    assert_eq!((calls[0].as_str(), calls[4].as_str()), ("process n1", "process n5"));
    let backwards = |what: &str| NODES.iter().rev().map(|node| format!("{what} {node}")).collect::<Vec<_>>();
    assert_eq!((&calls[5..10], &calls[10..]), (&backwards("success")[..], &backwards("callback")[..]));
    world.close(engine).await;
}

#[tokio::test(start_paused = true)]
async fn when_one_of_a_group_fails_the_others_end_and_are_rolled_back_in_the_order_of_the_chain() {
    for failing in ["n2", "n3", "n4"] {
        let world = World::new(GROUP, &NODES);
        world.act(&format!("process {failing}"), Act::Refuse);
        let engine = world.open(&SimFs::new()).await;
        assert_eq!(run(&engine).await, Err(failing.to_owned()));
        let undone = ["n4", "n3", "n2", "n1"].into_iter().filter(|node| *node != failing);
        let undone: Vec<_> = undone.map(|node| format!("rollback {node}")).collect();
        let calls = plain(&world);
        assert_eq!(calls[4..7], undone[..], "{failing}");
        assert!(!calls.contains(&"process n5".to_owned()));
        world.close(engine).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_in_a_group_outweighs_a_skip_and_a_skip_alone_ends_the_way_forward() {
    let world = World::new(GROUP, &NODES);
    world.act("process n2", Act::Skip);
    world.act("process n4", Act::Refuse);
    let engine = world.open(&SimFs::new()).await;
    assert_eq!(run(&engine).await, Err("n4".to_owned()));
    world.close(engine).await;
    let world = World::new(GROUP, &NODES);
    world.act("process n2", Act::Skip);
    let engine = world.open(&SimFs::new()).await;
    assert_eq!(run(&engine).await, Ok(()));
    let told: Vec<_> = plain(&world)[4..].to_vec();
    assert_eq!(told, ["success n4", "success n3", "success n1", "callback n4", "callback n3", "callback n1"]);
    world.close(engine).await;
}

#[tokio::test(start_paused = true)]
async fn nodes_of_a_group_that_change_the_same_field_fail_the_flow_and_are_undone() {
    let world = World::new(GROUP, &NODES);
    world.act("process n2", Act::Leave);
    world.act("process n3", Act::Leave);
    let engine = world.open(&SimFs::new()).await;
    let failed = run(&engine).await.unwrap_err();
    assert!(["n2", "n3"].contains(&failed.as_str()), "{failed}");
    let calls = world.calls();
    let because = "because two nodes of a parallel group have changed visited";
    for node in ["n1", "n2", "n3", "n4"] {
        assert!(calls.contains(&format!("rollback {node} {because}")), "{calls:?}");
    }
    world.close(engine).await;
}

struct Wrap;

impl SubChain<Trail> for Wrap {
    type Context = Trail;

    fn enter(&self, _: &mut Trail, _: &NodeCall) -> Result<Trail, NodeError> {
        Ok(Trail { visited: vec!["wrapping".to_owned()] })
    }

    fn leave(&self, trail: &mut Trail, sub: Trail, _: &NodeCall) -> Result<(), NodeError> {
        trail.visited.extend(sub.visited);
        Ok(())
    }
}

/// The world's nodes, and one that carries a sub-chain.
struct Wrapping(World);

impl BusinessLine for Wrapping {
    fn definition(&self) -> Result<Definition, DefinitionErrors> {
        self.0.definition()
    }

    fn provide(&self, plugins: Plugins) -> Plugins {
        self.0.provide(plugins).sub_chain::<Trail>(&Scope::everywhere(), "wrap", Wrap)
    }
}

const WRAPPED: &str = "business = \"shop\"\n[chains.default]\nsubmit = [\"n1\", \"wrap\", \"n4\"]\ngift = [\"n2\", \"n3\"]\n[nodes.wrap]\nchain = \"gift\"\n[nodes.n4]\nrollback_retries = 0\n";

fn config(world: &World, fs: &SimFs) -> Config {
    Config { clock: world.clock.clone(), lines: vec![Arc::new(Wrapping(world.clone()))], ..sim::config(fs) }
}

async fn open(world: &World, fs: &SimFs) -> Engine {
    let engine = Engine::open(config(world, fs)).await.unwrap();
    world.script.lock().unwrap().engine = Some(engine.clone());
    engine
}

#[tokio::test(start_paused = true)]
async fn a_sub_chain_goes_by_the_same_rules_with_a_context_of_its_own() {
    let world = World::new(WRAPPED, &["n1", "n2", "n3", "n4"]);
    let engine = open(&world, &SimFs::new()).await;
    let begin = BeginFlow::new(business(), "submit", &Trail::default()).unwrap();
    let done = engine.run_flow::<Trail>(begin).await.unwrap();
    assert_eq!(done.context.visited, ["n1", "wrapping", "n2", "n3", "n4"]);
    let sub = ["process n2", "process n3", "success n3", "success n2", "callback n3", "callback n2"];
    let whole = [
        &["process n1"][..],
        &sub,
        &["process n4", "success n4", "success n1", "callback n4", "callback n1"],
    ];
    assert_eq!(world.calls(), whole.concat());
    world.close(engine).await;
}

#[tokio::test(start_paused = true)]
async fn a_failure_in_a_sub_chain_fails_its_node_and_a_later_one_rolls_the_sub_chain_back() {
    for (failing, expected) in [
        ("n3", vec!["rollback n2", "callback n2", "rollback n1", "callback n1"]),
        ("n4", vec!["rollback n3", "rollback n2", "rollback n1", "callback n1"]),
    ] {
        let world = World::new(WRAPPED, &["n1", "n2", "n3", "n4"]);
        world.act(&format!("process {failing}"), Act::Refuse);
        let engine = open(&world, &SimFs::new()).await;
        assert!(run(&engine).await.is_err());
        let calls = plain(&world);
        let from = calls.iter().position(|call| *call == format!("process {failing}")).unwrap() + 1;
        assert_eq!(calls[from..], expected[..], "{failing}");
        world.close(engine).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_crash_behind_any_record_of_a_sub_chain_or_group_ends_with_everything_done_or_undone_once() {
    for (text, failing) in [(WRAPPED, Some("n4")), (WRAPPED, None), (GROUP, Some("n5")), (GROUP, None)] {
        let world = World::new(text, &NODES);
        if let Some(failing) = failing {
            world.act(&format!("process {failing}"), Act::Refuse);
        }
        let fs = SimFs::new();
        let engine = open(&world, &fs).await;
        assert_eq!(run(&engine).await.is_ok(), failing.is_none());
        world.close(engine).await;
        let (records, all) = (read(&fs), world.called());
        for length in 1..=records.len() {
            let before = all.iter().filter(|call| call.durable <= length as u64);
            let before: Vec<_> = before.map(|call| (call.what.clone(), call.key.clone())).collect();
            let after = world.again();
            let engine = open(&after, &write(&records[..length])).await;
            after.settle(&engine).await;
            let begun = engine.cut().await.unwrap().works.flows_begun > 0;
            after.close(engine).await;
            let after = after.called().into_iter().map(|call| (call.what, call.key));
            let mut calls: Vec<_> = before.into_iter().chain(after).collect();
            calls.sort();
            calls.dedup();
            let mut whole: Vec<_> = all.iter().map(|call| (call.what.clone(), call.key.clone())).collect();
            whole.sort();
            assert!(!begun || calls == whole, "{failing:?}, behind record {length}: {calls:?}");
        }
    }
}
