//! Rollbacks that fail for good, and what operators do about them; chains that an engine does not have.

use earmark::port::fs_sim::SimFs;
use earmark::{
    BeginFlow, Engine, EntityId, Error, FlowId, Principal, Refusal, Remedy, RemedyStep, Request, State,
};

use crate::common::journal::{read, write};
use crate::common::{business, cancellation, order, receive};
use crate::world::{Act, Trail, World};

const CHAIN: &str = "business = \"shop\"\n[chains.default]\nsubmit = [\"place\", \"n2\", \"n3\"]\n[nodes.place]\nrollback_retries = 1\nrollback_backoff = \"1s\"\n[nodes.n2]\nrollback_retries = 0\n";
const WHY: &str = " because process n3 refused";

fn world() -> World {
    let world = World::new(CHAIN, &["place", "n2", "n3"]);
    world.act("process n3", Act::Refuse);
    world.act(&format!("rollback n2{WHY}"), Act::Refuse);
    world
}

async fn failed(world: &World, fs: &SimFs) -> Engine {
    let engine = world.open(fs).await;
    receive(&engine, "a", 5).await;
    let begin = BeginFlow::new(business(), "submit", &Trail::default()).unwrap();
    let error = engine.run_flow::<Trail>(begin).await.unwrap_err();
    assert!(matches!(error, Error::Refused(Refusal::FlowFailed { .. })), "{error}");
    engine
}

fn remedy(remedy: Remedy, node: Option<&str>) -> Request<RemedyStep> {
    let step =
        RemedyStep { flow: FlowId(1), node: node.map(Into::into), remedy, reason: "looked at it".into() };
    Request::from(step).by(Principal::new("ann").unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_rollback_that_fails_for_good_parks_the_flow_and_its_order_and_the_others_have_run() {
    let (world, fs) = (world(), SimFs::new());
    let engine = failed(&world, &fs).await;
    world.settle(&engine).await;
    let flow = engine.flows().await.unwrap().remove(0);
    let reason = flow.parked.clone().unwrap();
    assert_eq!(
        reason,
        "the rollback of n2 failed at its last try, number 1: rollback n2 because process n3 refused refused"
    );
    assert_eq!((flow.order, flow.answered), (Some(order("o-1")), true));
    assert!(world.calls().contains(&format!("rollback place{WHY}")));
    let refused = engine.cancel(cancellation("o-1", &[])).await.unwrap_err();
    assert_eq!(refused, Error::Refused(Refusal::Parked { reason: format!("flow 1: {reason}").into() }));
    // It stays so over a restart.
    let live = engine.cut().await.unwrap();
    world.close(engine).await;
    let engine = world.open(&fs.crash()).await;
    assert_eq!(engine.cut().await.unwrap().hash, live.hash);
    assert!(engine.flows().await.unwrap()[0].parked.is_some());
    world.close(engine).await;
}

#[tokio::test(start_paused = true)]
async fn an_operator_has_a_step_tried_again_or_skipped_or_given_up_and_the_order_goes_on() {
    for what in [Remedy::Retry, Remedy::Skip, Remedy::Abandon] {
        let (world, fs) = (world(), SimFs::new());
        let engine = failed(&world, &fs).await;
        world.settle(&engine).await;
        let calls = world.calls().len();
        world.act(&format!("rollback n2{WHY}"), Act::Well);
        engine.remedy(remedy(what, Some("n2"))).await.unwrap();
        world.settle(&engine).await;
        assert_eq!(world.calls().len() - calls, usize::from(what == Remedy::Retry), "{what:?}");
        assert_eq!(engine.flows().await.unwrap(), []);
        assert_eq!(engine.cancel(cancellation("o-1", &[])).await.unwrap().state, State::Cancelled);
        let unknown = engine.remedy(remedy(what, None)).await.unwrap_err();
        assert_eq!(unknown, Error::Refused(Refusal::UnknownFlow));
        let live = engine.cut().await.unwrap();
        world.close(engine).await;
        let engine = world.open(&fs.crash()).await;
        assert_eq!(engine.cut().await.unwrap().hash, live.hash, "{what:?}");
        world.close(engine).await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_decided_and_why_stands_in_the_journal() {
    let (world, fs) = (world(), SimFs::new());
    let engine = failed(&world, &fs).await;
    world.settle(&engine).await;
    engine.remedy(remedy(Remedy::Skip, None)).await.unwrap();
    world.settle(&engine).await;
    let entries = engine.flow_timeline(FlowId(1), 0, 100).await.unwrap().entries;
    let decided =
        entries.iter().find(|entry| entry.by.as_ref().is_some_and(|by| by.as_str() == "ann")).unwrap();
    assert_eq!(decided.what.describe(), "An operator decided to skip node 0/1: looked at it.");
    assert!(entries.last().unwrap().what.describe().contains("Ended"));
    world.close(engine).await;
}

#[tokio::test(start_paused = true)]
async fn only_a_step_that_stands_still_can_be_decided_about() {
    let world = World::new(CHAIN, &["place", "n2", "n3"]);
    world.act("process n2", Act::Hang);
    let engine = world.open(&SimFs::new()).await;
    receive(&engine, "a", 5).await;
    let begin = BeginFlow::new(business(), "submit", &Trail::default()).unwrap();
    let running = tokio::spawn({
        let engine = engine.clone();
        async move { engine.run_flow::<Trail>(begin).await }
    });
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    let refused = engine.remedy(remedy(Remedy::Skip, Some("n2"))).await.unwrap_err();
    assert_eq!(refused, Error::Refused(Refusal::NothingStandsStill));
    let refused =
        engine.unpark(&EntityId::Flow(FlowId(1)), Principal::new("ann").unwrap()).await.unwrap_err();
    assert_eq!(refused, Error::Refused(Refusal::NotParked));
    running.abort();
    world.close(engine).await;
}

#[tokio::test(start_paused = true)]
async fn a_step_that_waits_for_its_next_try_can_be_skipped_or_given_up() {
    for (what, is_fine) in [(Remedy::Retry, true), (Remedy::Skip, true), (Remedy::Abandon, false)] {
        let text = "business = \"shop\"\n[chains.default]\nsubmit = [\"n1\", \"n2\"]\n[nodes.n2]\nretries = 100\nbackoff = \"1h\"\nbackoff_max = \"1h\"\njitter_percent = 0\n";
        let world = World::new(text, &["n1", "n2"]);
        world.act("process n2", Act::Fail);
        let engine = world.open(&SimFs::new()).await;
        let begin = BeginFlow::new(business(), "submit", &Trail::default()).unwrap();
        let running = tokio::spawn({
            let engine = engine.clone();
            async move { engine.run_flow::<Trail>(begin).await }
        });
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        world.act("process n2", Act::Well);
        engine.remedy(remedy(what, None)).await.unwrap();
        assert_eq!(running.await.unwrap().is_ok(), is_fine, "{what:?}");
        let tries = world.calls().iter().filter(|call| *call == "process n2").count();
        assert_eq!(tries, 1 + usize::from(what == Remedy::Retry));
        world.close(engine).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_engine_without_the_line_shows_its_flows_and_lets_an_operator_decide() {
    let world = World::new(CHAIN, &["place", "n2", "n3"]);
    world.act("process n2", Act::Hang);
    let fs = SimFs::new();
    let engine = world.open(&fs).await;
    receive(&engine, "a", 5).await;
    let begin = BeginFlow::new(business(), "submit", &Trail::default()).unwrap();
    let running = tokio::spawn({
        let engine = engine.clone();
        async move { engine.run_flow::<Trail>(begin).await }
    });
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    let image = fs.crash();
    running.abort();
    world.close(engine).await;
    let tool = crate::common::sim::open(&image).await;
    assert_eq!((tool.recovery().flows, tool.flows().await.unwrap().len()), (1, 1));
    tool.remedy(remedy(Remedy::Skip, Some("n2"))).await.unwrap();
    tool.close().await.unwrap();
    let after = world.again();
    let engine = after.open(&image).await;
    after.settle(&engine).await;
    assert_eq!(after.calls()[0], "process n3");
    after.close(engine).await;
}

#[tokio::test(start_paused = true)]
async fn an_order_leaves_the_park_with_its_flow_wherever_a_crash_comes() {
    let (world, fs) = (world(), SimFs::new());
    let engine = failed(&world, &fs).await;
    world.settle(&engine).await;
    world.act(&format!("rollback n2{WHY}"), Act::Well);
    engine.remedy(remedy(Remedy::Retry, Some("n2"))).await.unwrap();
    world.settle(&engine).await;
    world.close(engine).await;
    let records = read(&fs);
    for length in 0..=records.len() {
        let again = world.again();
        let engine = again.open(&write(&records[..length])).await;
        again.settle(&engine).await;
        for flow in engine.flows().await.unwrap() {
            let step =
                RemedyStep { flow: flow.id, node: None, remedy: Remedy::Retry, reason: "again".into() };
            engine.remedy(step).await.unwrap();
        }
        again.settle(&engine).await;
        assert_eq!(engine.flows().await.unwrap(), [], "behind record {length}");
        assert_eq!(engine.cut().await.unwrap().violations, Vec::<String>::new(), "behind record {length}");
        again.close(engine).await;
    }
}
