//! Two engines are given the same random commands, and one of them is bothered meanwhile: its actors go to rest,
//! keys come again, its process is killed. Neither answers nor state may differ.
//!
//! A failure prints its seed and the shortest list of commands; `PROPTEST_CASES` sets how many lists are tried.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{business, cancellation, key, order, payment, placement, reserve, shipment, sim, sku};
use earmark::port::ManualClock;
use earmark::port::fs_sim::SimFs;
use earmark::{
    Answer, Command, Config, DeliverOrder, Engine, Error, Request, SkuCommand, StateHash, Timestamp,
};
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};

/// One command, and what happens beside it.
#[derive(Clone, Debug)]
struct Step {
    command: Command,
    /// Milliseconds that pass before it.
    pause: u64,
    /// How many of the commands before it come again under their keys.
    again: usize,
    /// Whether the process is killed before it.
    killed: bool,
}

fn command() -> impl Strategy<Value = Command> {
    let goods = prop::collection::vec((0..3usize, 1..4u32), 1..3);
    (0..12u8, 0..4u8, goods, 0..4i64, any::<bool>()).prop_map(|(kind, who, goods, number, whole)| {
        let names = ["a", "b", "c"];
        let lines: Vec<_> = goods.iter().map(|(at, quantity)| (names[*at], *quantity)).collect();
        let (id, name) = (format!("o{who}"), names[goods[0].0]);
        let part: &[(u32, u32)] = if whole { &[] } else { &[(1, 1)] };
        let at = |command| Command::Sku(sku(name), command);
        match kind {
            0..=2 => {
                let place = placement(&id, &lines);
                if whole { place.into() } else { place.from_cart(common::cart("c0")).in_part().into() }
            }
            3 | 4 => payment(&id, number * 2_000).into(),
            5 => shipment(&id, part).into(),
            6 => DeliverOrder::all(order(&id)).into(),
            7 => cancellation(&id, part).into(),
            8 => at(reserve(&format!("c{}", who % 2), u64::from(lines[0].1))),
            9 => at(SkuCommand::Release { cart: common::cart(&format!("c{}", who % 2)) }),
            10 => at(SkuCommand::receive(number as u64, "delivery")),
            _ => at(SkuCommand::adjust(1 - number, "count")),
        }
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (command(), prop_oneof![Just(0u64), 0..40u64], 0..3usize, prop::bool::weighted(0.05));
    let step = step.prop_map(|(command, pause, again, killed)| Step { command, pause, again, killed });
    prop::collection::vec(step, 1..60)
}

/// What is done to an engine beside giving it commands.
#[derive(Clone, Copy, Default)]
struct Bother {
    rests: bool,
    repeats: bool,
    kills: bool,
}

type Told = Result<Answer, Error>;

/// Gives the commands; what was answered, the state's hash, and how often the bother took place.
async fn run(steps: &[Step], bother: Bother) -> (Vec<Told>, StateHash, u64) {
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_000_000)));
    let sku_idle_ms = if bother.rests { 1 } else { 1_000_000 };
    let with = |fs: &SimFs| Config { sku_idle_ms, clock: clock.clone(), ..sim::config(fs) };
    let mut fs = SimFs::new();
    let mut engine = Engine::open(with(&fs)).await.unwrap();
    for name in ["a", "b", "c"] {
        common::receive(&engine, name, 5).await;
    }
    let (mut requests, mut told, mut bothered) = (Vec::<Request<Command>>::new(), Vec::new(), 0);
    for (number, step) in steps.iter().enumerate() {
        if bother.kills && step.killed {
            fs = fs.kill();
            engine = Engine::open(with(&fs)).await.unwrap();
            bothered += 1;
        }
        clock.advance(step.pause);
        tokio::time::sleep(Duration::from_millis(step.pause)).await;
        bothered += u64::from(bother.rests && engine.memory().actors_bytes == 0);
        let request = Request::from(step.command.clone()).with_key(business(), key(&format!("k{number}")));
        requests.push(request.clone());
        told.push(engine.submit::<Command>(request).await);
        for back in 0..if bother.repeats { step.again } else { 0 } {
            // From the last one on, in strides.
            let at = number - (7 * back).min(number);
            let again = engine.submit::<Command>(requests[at].clone()).await;
            assert_eq!(again, told[at], "{:?} is answered otherwise after {number}", requests[at]);
            bothered += 1;
        }
    }
    let cut = engine.cut().await.unwrap();
    assert_eq!(cut.violations, Vec::<String>::new());
    (told, cut.hash, bothered)
}

/// Runs with and without the bother on paused runtimes of their own; how often it took place.
fn compare(steps: &[Step], bother: Bother) -> Result<u64, TestCaseError> {
    let paused = || tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let (told, hash, _) = paused().unwrap().block_on(run(steps, Bother::default()));
    let (told_too, hash_too, bothered) = paused().unwrap().block_on(run(steps, bother));
    prop_assert_eq!(told, told_too);
    prop_assert_eq!(hash, hash_too);
    Ok(bothered)
}

/// Tries many lists; the bother has to have taken place in most of them.
fn nothing_changes(bother: Bother) {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(48);
    let rng_seed = RngSeed::Fixed(common::seed(0x9a55));
    let config = ProptestConfig { failure_persistence: None, cases, rng_seed, ..ProptestConfig::default() };
    let bothered = std::cell::Cell::new(0);
    let mut runner = TestRunner::new(config);
    let outcome = runner.run(&steps(), |steps| {
        bothered.set(bothered.get() + compare(&steps, bother)?);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    assert!(bothered.get() >= u64::from(cases), "it took place only {} times", bothered.get());
}

#[test]
fn actors_that_go_to_rest_at_any_moment_change_no_answer_and_no_state() {
    nothing_changes(Bother { rests: true, ..Bother::default() });
}

#[test]
fn the_same_key_at_any_moment_gives_the_same_answer_and_changes_nothing() {
    nothing_changes(Bother { repeats: true, ..Bother::default() });
}

#[test]
fn kills_and_repeated_keys_and_rests_together_change_nothing() {
    nothing_changes(Bother { rests: true, repeats: true, kills: true });
}
