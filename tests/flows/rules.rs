//! The order of calls: for success, a failure at each node, a skip at each node, errors in each of the other phases;
//! and all of that with a crash behind every record.

use earmark::port::fs_sim::SimFs;
use earmark::{BeginFlow, Engine, Error, Refusal};

use crate::common::business;
use crate::common::journal::{read, write};
use crate::world::{Act, Trail, World};

const NODES: [&str; 4] = ["n1", "n2", "n3", "n4"];

fn text(options: &str) -> String {
    let nodes: String = NODES.iter().map(|name| format!("[nodes.{name}]\n{options}\n")).collect();
    format!("business = \"shop\"\n[chains.default]\nsubmit = [\"n1\", \"n2\", \"n3\", \"n4\"]\n{nodes}")
}

/// What one node does when it works, and what one node does in another phase.
#[derive(Clone, Copy, Debug)]
struct Case {
    /// The node that does not work well, and how.
    worked: Option<(usize, Act)>,
    /// The phase and node at which there is an error.
    error: Option<(&'static str, usize)>,
}

fn cases() -> Vec<Case> {
    let acts = [Act::Refuse, Act::Skip, Act::Panic];
    let worked = acts.iter().flat_map(|act| (0..NODES.len()).map(|node| Some((node, *act)))).chain([None]);
    let phases = ["rollback", "success", "callback"];
    worked
        .flat_map(|worked| {
            let errors = phases.iter().flat_map(|phase| (0..NODES.len()).map(|node| Some((*phase, node))));
            errors.chain([None]).map(move |error| Case { worked, error })
        })
        .collect()
}

/// The calls that are to be made, in their order; and what the caller is told.
fn expected(case: Case) -> (Vec<String>, Result<Option<String>, String>) {
    let mut calls = Vec::new();
    let last = case.worked.map_or(NODES.len(), |(node, _)| node);
    for name in NODES.iter().take(last + 1) {
        calls.push(format!("process {name}"));
    }
    let done = &NODES[..last];
    let (outcome, because) = match case.worked {
        None => (Ok(None), String::new()),
        Some((node, Act::Skip)) => (Ok(Some(NODES[node].to_owned())), String::new()),
        Some((node, Act::Panic)) => {
            let message = format!("it panicked: process {} panicked", NODES[node]);
            (Err(message.clone()), format!(" because {message}"))
        }
        Some((node, _)) => {
            let message = format!("process {} refused", NODES[node]);
            (Err(message.clone()), format!(" because {message}"))
        }
    };
    let tell = if outcome.is_ok() { "success" } else { "rollback" };
    let why = if outcome.is_ok() { "" } else { because.as_str() };
    calls.extend(done.iter().rev().map(|name| format!("{tell} {name}{why}")));
    calls.extend(done.iter().rev().map(|name| format!("callback {name}{because}")));
    // A rollback that failed is tried again behind everything.
    if let Some(("rollback", node)) = case.error.filter(|(_, node)| outcome.is_err() && *node < last) {
        calls.push(format!("rollback {}{because}", NODES[node]));
    }
    (calls, outcome)
}

fn world_of(case: Case) -> World {
    let world = World::new(&text("rollback_retries = 3\nrollback_backoff = \"1s\""), &NODES);
    if let Some((node, act)) = case.worked {
        world.act(&format!("process {}", NODES[node]), act);
    }
    let (calls, _) = expected(case);
    if let Some((phase, node)) = case.error {
        let begins = format!("{phase} {}", NODES[node]);
        let act = if phase == "rollback" { Act::Fail } else { Act::Refuse };
        for call in calls.iter().filter(|call| call.starts_with(&begins)) {
            world.act(call, act);
        }
    }
    world
}

async fn run(engine: &Engine) -> Result<Option<String>, String> {
    let begin = BeginFlow::new(business(), "submit", &Trail::default()).unwrap();
    match engine.run_flow::<Trail>(begin).await {
        Ok(done) => Ok(done.skipped.map(|(node, _)| node.to_string())),
        Err(Error::Refused(Refusal::FlowFailed { message, .. })) => Err(message.to_string()),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test(start_paused = true)]
async fn nodes_are_called_in_the_order_of_the_rules_whatever_fails() {
    for case in cases() {
        let (calls, outcome) = expected(case);
        let world = world_of(case);
        let fs = SimFs::new();
        let engine = world.open(&fs).await;
        assert_eq!(run(&engine).await, outcome, "{case:?}");
        world.settle(&engine).await;
        assert_eq!(world.calls(), calls, "{case:?}");
        let live = engine.cut().await.unwrap();
        assert_eq!((live.works.flows.len(), live.works.flows_begun), (0, 1), "{case:?}");
        world.close(engine).await;
        let again = world.open(&fs.crash()).await;
        assert_eq!(again.cut().await.unwrap().hash, live.hash, "{case:?}");
        world.close(again).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_crash_behind_any_record_repeats_a_call_at_the_most_and_changes_no_order() {
    let mut crashes = 0;
    for case in cases() {
        let (calls, _) = expected(case);
        let world = world_of(case);
        let fs = SimFs::new();
        let engine = world.open(&fs).await;
        // Whatever it came to: the test above looks at that.
        let _ = run(&engine).await;
        world.settle(&engine).await;
        world.close(engine).await;
        let (records, all) = (read(&fs), world.called());
        for length in 1..=records.len() {
            let before: Vec<_> = all
                .iter()
                .filter(|call| call.durable <= length as u64)
                .map(|call| call.what.clone())
                .collect();
            let after = world.again();
            if length == records.len() || before.len() == calls.len() {
                after.clock.advance(1_000);
            }
            let engine = after.open(&write(&records[..length])).await;
            after.settle(&engine).await;
            let rest = after.calls();
            let begun = engine.cut().await.unwrap().works.flows_begun > 0;
            after.close(engine).await;
            crashes += 1;
            if !begun {
                assert!(rest.is_empty(), "{case:?}, behind record {length}: {rest:?}");
                continue;
            }
            assert!(calls.ends_with(&rest), "{case:?}, behind record {length}: {before:?} and then {rest:?}");
            let from = calls.len() - rest.len();
            assert!(from <= before.len(), "{case:?}, behind record {length}: {before:?} and then {rest:?}");
        }
    }
    assert!(crashes > 1_000, "{crashes}");
}
