//! The options of nodes: tries, time limits, keys, what a crash means, and the flag that includes a node in its own
//! rollback.

use earmark::port::fs_sim::SimFs;
use earmark::{BeginFlow, Engine, Error, Refusal};

use crate::common::journal::{read, write};
use crate::common::{business, receive};
use crate::world::{Act, Called, Trail, World};

fn world(options: &str) -> World {
    let text = format!(
        "business = \"shop\"\n[chains.default]\nsubmit = [\"n1\", \"n2\", \"n3\"]\n[nodes.n1]\neffect = \"none\"\n[nodes.n2]\n{options}\n"
    );
    World::new(&text, &["n1", "n2", "n3"])
}

async fn run(engine: &Engine) -> Result<Trail, String> {
    let begin = BeginFlow::new(business(), "submit", &Trail::default()).unwrap();
    match engine.run_flow::<Trail>(begin).await {
        Ok(done) => Ok(done.context),
        Err(Error::Refused(Refusal::FlowFailed { node, message, .. })) => Err(format!("{node}: {message}")),
        Err(error) => panic!("{error}"),
    }
}

/// Runs the flow while time passes.
async fn run_to_the_end(world: &World, engine: &Engine) -> Result<Trail, String> {
    let waiting = tokio::spawn({
        let engine = engine.clone();
        async move { run(&engine).await }
    });
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    world.settle(engine).await;
    waiting.await.unwrap()
}

fn keys(called: &[Called], what: &str) -> Vec<String> {
    called.iter().filter(|call| call.what == what).map(|call| call.key.clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_node_that_fails_is_tried_again_under_the_next_key_and_then_goes_on() {
    let world = world("retries = 3\nbackoff = \"1s\"\njitter_percent = 0");
    world.act("process n2", Act::Fail);
    let engine = world.open(&SimFs::new()).await;
    assert!(run_to_the_end(&world, &engine).await.is_ok());
    assert_eq!(keys(&world.called(), "process n2"), ["flow/1/0/n2/1", "flow/1/0/n2/2"]);
    assert!(world.calls().contains(&"success n2".to_owned()));
    world.close(engine).await;
}

#[tokio::test(start_paused = true)]
async fn an_outcome_that_nobody_knows_is_asked_for_again_under_the_same_key() {
    let world = world("retries = 3\nbackoff = \"1s\"");
    world.act("process n2", Act::Unknown);
    let engine = world.open(&SimFs::new()).await;
    assert!(run_to_the_end(&world, &engine).await.is_ok());
    assert_eq!(keys(&world.called(), "process n2"), ["flow/1/0/n2/1", "flow/1/0/n2/1"]);
    world.close(engine).await;
}

#[tokio::test(start_paused = true)]
async fn a_key_over_all_attempts_stays_the_same() {
    let world = world("retries = 3\nbackoff = \"1s\"\nkey = \"node\"");
    world.act("process n2", Act::Fail);
    let engine = world.open(&SimFs::new()).await;
    assert!(run_to_the_end(&world, &engine).await.is_ok());
    assert_eq!(keys(&world.called(), "process n2"), ["flow/1/0/n2", "flow/1/0/n2"]);
    world.close(engine).await;
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_not_tried_again_and_a_failure_only_as_often_as_the_chain_says() {
    for (act, retries, calls) in [(Act::Refuse, 3, 1), (Act::Fail, 0, 1), (Act::Skip, 3, 1)] {
        let world = world(&format!("retries = {retries}"));
        world.act("process n2", act);
        let engine = world.open(&SimFs::new()).await;
        assert_eq!(run_to_the_end(&world, &engine).await.is_ok(), act == Act::Skip);
        assert_eq!(keys(&world.called(), "process n2").len(), calls, "{act:?}");
        world.close(engine).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_takes_too_long_or_is_not_known_is_undone_with_the_rest() {
    for (act, message) in [(Act::Hang, "it took longer than 300 ms"), (Act::Unknown, "process n2 is unknown")]
    {
        let world = world("timeout = \"300ms\"");
        world.act("process n2", act);
        let engine = world.open(&SimFs::new()).await;
        assert_eq!(run(&engine).await, Err(format!("n2: {message}")));
        let because = format!(" because {message}");
        let calls: Vec<_> = ["rollback n2", "rollback n1", "callback n2", "callback n1"]
            .map(|it| format!("{it}{because}"))
            .into();
        assert_eq!(world.calls()[2..], calls[..]);
        world.close(engine).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_to_roll_back_itself_is_and_one_that_skips_is_called_back() {
    for (act, expected) in [
        (Act::Refuse, vec!["rollback n2", "rollback n1", "callback n2", "callback n1"]),
        (Act::Skip, vec!["success n1", "callback n2", "callback n1"]),
    ] {
        let world = world("rollback_self = true");
        world.act("process n2", act);
        let engine = world.open(&SimFs::new()).await;
        assert_eq!(run(&engine).await.is_ok(), act == Act::Skip);
        let calls = world.calls();
        let begins: Vec<_> = calls[2..].iter().map(|call| call.split(" because").next().unwrap()).collect();
        assert_eq!(begins, expected, "{act:?}");
        world.close(engine).await;
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_crash_a_node_is_run_again_or_asked_or_undone_as_its_chain_says() {
    for (rule, expected) in [
        ("retry", vec!["process n2", "process n3"]),
        ("resume", vec!["resume n2", "process n3"]),
        ("compensate", vec!["rollback n2 because interrupted by a crash"]),
    ] {
        let before = world(&format!("after_crash = \"{rule}\""));
        before.act("process n2", Act::Hang);
        let fs = SimFs::new();
        let engine = before.open(&fs).await;
        let begin = BeginFlow::new(business(), "submit", &Trail::default()).unwrap();
        let running = tokio::spawn({
            let engine = engine.clone();
            async move { engine.run_flow::<Trail>(begin).await }
        });
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        assert_eq!(before.calls(), ["process n1", "process n2"]);
        let image = fs.crash();
        running.abort();
        before.close(engine).await;
        let after = before.again();
        after.act("process n2", Act::Well);
        let engine = after.open(&image).await;
        assert_eq!(engine.recovery().flows, 1);
        after.settle(&engine).await;
        assert_eq!(after.calls()[..expected.len()], expected[..], "{rule}");
        // The same key as before the crash: whoever is asked twice can tell.
        if rule != "compensate" {
            assert_eq!(after.called()[0].key, before.called()[1].key, "{rule}");
        }
        after.close(engine).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_never_runs_forward_after_its_rollback_wherever_the_crash_comes() {
    let first = world("rollback_retries = 2\nrollback_backoff = \"1s\"\nafter_crash = \"compensate\"");
    first.act("process n3", Act::Refuse);
    first.act("rollback n2 because process n3 refused", Act::Fail);
    let fs = SimFs::new();
    let engine = first.open(&fs).await;
    assert!(run_to_the_end(&first, &engine).await.is_err());
    first.close(engine).await;
    let (records, all) = (read(&fs), first.called());
    for length in 1..=records.len() {
        let after = first.again();
        let engine = after.open(&write(&records[..length])).await;
        after.settle(&engine).await;
        after.close(engine).await;
        let before = all.iter().filter(|call| call.durable <= length as u64).map(|call| call.what.clone());
        let calls: Vec<_> = before.chain(after.calls()).collect();
        for node in ["n1", "n2", "n3"] {
            let undone = calls.iter().position(|call| call.starts_with(&format!("rollback {node}")));
            let worked = calls.iter().rposition(|call| *call == format!("process {node}"));
            assert!(undone.is_none_or(|undone| worked.is_none_or(|worked| worked < undone)), "{calls:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_flow_under_a_key_runs_once_and_its_answer_outlives_a_restart() {
    let world = world("");
    let fs = SimFs::new();
    let engine = world.open(&fs).await;
    let begin = || {
        let begin = BeginFlow::new(business(), "submit", &Trail::default()).unwrap();
        earmark::Request::from(begin).with_key(business(), crate::common::key("once"))
    };
    let (one, two) = tokio::join!(engine.run_flow::<Trail>(begin()), engine.run_flow::<Trail>(begin()));
    assert_eq!(one, two);
    let calls = world.calls();
    let again = engine.run_flow::<Trail>(begin()).await;
    world.close(engine).await;
    let engine = world.open(&fs.crash()).await;
    assert_eq!((engine.run_flow::<Trail>(begin()).await, again), (one.clone(), one));
    assert_eq!(world.calls(), calls);
    world.close(engine).await;
}

#[tokio::test(start_paused = true)]
async fn whoever_asks_again_after_a_crash_waits_for_the_end_of_the_flow_that_goes_on() {
    let before = world("");
    before.act("process n2", Act::Hang);
    let fs = SimFs::new();
    let engine = before.open(&fs).await;
    let begin = || {
        let begin = BeginFlow::new(business(), "submit", &Trail::default()).unwrap();
        earmark::Request::from(begin).with_key(business(), crate::common::key("once"))
    };
    let running = tokio::spawn({
        let (engine, begin) = (engine.clone(), begin());
        async move { engine.run_flow::<Trail>(begin).await }
    });
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    let image = fs.crash();
    before.close(engine).await;
    assert_eq!(running.await.unwrap(), Err(Error::OutcomeUnknown));
    let after = before.again();
    after.act("process n2", Act::Well);
    let engine = after.open(&image).await;
    let done = engine.run_flow::<Trail>(begin()).await.unwrap();
    assert_eq!((done.flow.0, done.context.visited.len()), (1, 3));
    assert_eq!(after.calls().iter().filter(|call| *call == "process n3").count(), 1);
    after.close(engine).await;
}

#[tokio::test(start_paused = true)]
async fn whoever_began_a_flow_is_answered_when_the_engine_halts_before_a_node_may_act() {
    let (world, fs) =
        (World::new("business = \"shop\"\n[chains.default]\nsubmit = [\"n1\"]\n", &["n1"]), SimFs::new());
    let engine = world.open(&fs).await;
    fs.fail_sync(1);
    let begin = BeginFlow::new(business(), "submit", &Trail::default()).unwrap();
    let run = engine.run_flow::<Trail>(begin);
    let answer = tokio::time::timeout(std::time::Duration::from_secs(60), run).await.expect("an answer");
    assert_eq!(answer.unwrap_err(), Error::OutcomeUnknown);
    assert_eq!(world.calls(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn what_a_node_that_acts_outside_is_answered_by_the_engine_is_durable_before_it_acts() {
    let text = "business = \"shop\"\n[chains.default]\nsubmit = [\"place\"]\n";
    let (world, fs) = (World::new(text, &["place"]), SimFs::new());
    let engine = world.open(&fs).await;
    receive(&engine, "a", 5).await;
    run(&engine).await.unwrap();
    world.close(engine).await;
    let records = read(&fs);
    let reserved = records.iter().rposition(|record| record.order().is_some()).unwrap() as u64 + 1;
    let called = world.called().into_iter().find(|call| call.what == "process place").unwrap();
    assert!(called.durable >= reserved, "record {reserved} was to be durable, {} was", called.durable);
}
