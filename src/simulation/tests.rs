//! Schedules in `cargo test`, and engines broken on purpose.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking and shows its seed"
)]

use super::*;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn a_hundred_and_fifty_random_schedules_break_no_promise() {
    let (first, runs) = (number("EARMARK_SEED", 1), number("EARMARK_SCHEDULES", 150));
    let (mut sum, mut failures) = (Tally::default(), Vec::new());
    for seed in first..first + runs {
        let ran = run(&Plan::of(seed).unwrap(), None);
        sum.add(&ran.tally);
        if let Some(Broken { life, what }) = ran.broken {
            failures.push(format!("EARMARK_SEED={seed} EARMARK_SCHEDULES=1: in life {life}: {what}"));
        }
    }
    eprintln!("EARMARK_SEED={first} EARMARK_SCHEDULES={runs}: {sum:#?}");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    let changed = [sum.edits_staged, sum.edits_accepted, sum.edits_declined, sum.short_shipments, sum.splits];
    assert!(runs < 100 || !changed.contains(&0), "what clients were granted of each kind: {changed:?}");
    let flows = [sum.flows, sum.flows_failed, sum.remedies];
    assert!(runs < 100 || !flows.contains(&0), "flows that ended, failed, and stood still: {flows:?}");
}

#[test]
fn the_same_seed_gives_the_same_operations_and_the_same_states() {
    let first = number("EARMARK_SEED", 1);
    let mut digests = std::collections::BTreeSet::new();
    for seed in first..first + 12 {
        let plan = Plan::of(seed).unwrap();
        let ran = run(&plan, None);
        assert_eq!(ran, run(&Plan::of(seed).unwrap(), None), "EARMARK_SEED={seed}");
        digests.insert(ran.digest);
    }
    assert_eq!(digests.len(), 12, "schedules of different seeds differ");
}

/// How many schedules it took to find out that the engine is broken.
fn found_after(sabotage: Sabotage) -> Option<(u64, Broken)> {
    (1..=400)
        .find_map(|seed| run(&Plan::of(seed).unwrap(), Some(sabotage)).broken.map(|broken| (seed, broken)))
}

#[test]
fn an_engine_that_is_broken_on_purpose_is_found_out() {
    let mut missed = Vec::new();
    for sabotage in Sabotage::ALL {
        match found_after(sabotage) {
            Some((runs, broken)) => {
                let what: String = broken.what.chars().take(200).collect();
                eprintln!("{sabotage}: found by schedule {runs}, in life {}: {what}", broken.life);
            }
            None => missed.push(sabotage.name()),
        }
    }
    assert!(missed.is_empty(), "not found: {missed:?}");
}

#[test]
fn a_failing_schedule_shrinks_to_one_that_still_fails_and_is_told_in_words() {
    let sabotage = Some(Sabotage::SyncSkipped);
    let (seed, _) = found_after(Sabotage::SyncSkipped).unwrap();
    let plan = Plan::of(seed).unwrap();
    let shrunk = shrink(&plan, sabotage, 400).unwrap();
    assert!(shrunk.plan.commands() < plan.commands() / 2, "{}", shrunk.plan.describe().join("\n"));
    assert_eq!(run(&shrunk.plan, sabotage).broken, Some(shrunk.broken));
    let words = shrunk.plan.describe();
    assert!(words.iter().any(|line| line.contains("end: ")), "{words:?}");
    assert!(run(&shrunk.plan, None).broken.is_none(), "it fails because of the sabotage alone");
}
