//! Deadlines on the engine's clock: at their exact tick, once, through restarts and clock steps.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::sim::{config, open};
use common::{order, payment, placement, receive, sku};
use earmark::port::ManualClock;
use earmark::port::fs_sim::SimFs;
use earmark::{Config, Engine, Error, ExtendDeadline, OrderType, Refusal, State, Terms, Timestamp};

const START: u64 = 1_000_000;
const MINUTE: u64 = 60_000;

async fn open_at(fs: &SimFs, clock: &Arc<ManualClock>) -> Engine {
    let terms = Terms { pay_within_ms: Some(15 * MINUTE), ..Terms::physical() };
    let clock = clock.clone();
    Engine::open(Config { clock, physical_terms: terms, clock_step_ms_max: None, ..config(fs) })
        .await
        .unwrap()
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp::from_millis(START)))
}

async fn place(engine: &Engine, id: &str) {
    engine.place(placement(id, &[("a", 1)]).of_type(OrderType::Physical)).await.unwrap();
}

async fn state(engine: &Engine, id: &str) -> State {
    engine.order(&order(id)).view().await.unwrap().unwrap().state
}

/// Lets the timers, which look at the clock every few milliseconds, do what is due.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(200)).await;
}

#[tokio::test(start_paused = true)]
async fn an_unpaid_order_gives_its_stock_back_when_its_time_is_up_and_not_before() {
    let (fs, clock) = (SimFs::new(), clock());
    let engine = open_at(&fs, &clock).await;
    receive(&engine, "a", 1).await;
    place(&engine, "o").await;
    settle().await;
    assert_eq!(engine.timers_armed(), 1);
    clock.advance(15 * MINUTE - 1);
    settle().await;
    assert_eq!(state(&engine, "o").await, State::Reserved);
    clock.advance(1);
    settle().await;
    assert_eq!(state(&engine, "o").await, State::Cancelled);
    assert_eq!(engine.sku(&sku("a")).view().await.unwrap().unwrap().counters.available, 1);
    assert_eq!(engine.timers_armed(), 0);
    assert_eq!(engine.cut().await.unwrap().violations, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_payment_after_the_deadline_is_late_even_where_no_timer_has_fired() {
    let (fs, clock) = (SimFs::new(), clock());
    let engine = open_at(&fs, &clock).await;
    receive(&engine, "a", 1).await;
    place(&engine, "o").await;
    clock.advance(15 * MINUTE);
    // No time for a timer: the command itself finds the order overdue.
    let answer = engine.pay(payment("o", 1_000)).await.unwrap();
    assert_eq!((answer.state, answer.paid, answer.refund_due), (State::Cancelled, 1_000, 1_000));
}

#[tokio::test(start_paused = true)]
async fn deadlines_survive_a_crash_and_what_came_due_meanwhile_happens_then() {
    let (fs, clock) = (SimFs::new(), clock());
    let engine = open_at(&fs, &clock).await;
    receive(&engine, "a", 1_000).await;
    for n in 0..600 {
        place(&engine, &format!("o-{n}")).await;
    }
    engine.pay(payment("o-7", 1_000)).await.unwrap();
    let fs = fs.crash();
    drop(engine);
    clock.advance(16 * MINUTE);
    let engine = open_at(&fs, &clock).await;
    settle().await;
    assert_eq!(state(&engine, "o-0").await, State::Cancelled);
    assert_eq!(state(&engine, "o-599").await, State::Cancelled);
    assert_eq!(state(&engine, "o-7").await, State::Paid);
    let counters = engine.sku(&sku("a")).view().await.unwrap().unwrap().counters;
    assert_eq!((counters.available, counters.reserved, counters.committed), (999, 0, 1));
    let live = engine.cut().await.unwrap();
    assert_eq!(live.violations, Vec::<String>::new());
    engine.close().await.unwrap();
    assert_eq!(open(&fs).await.cut().await.unwrap().hash, live.hash);
}

#[tokio::test(start_paused = true)]
async fn an_extended_deadline_holds_and_one_that_is_not_later_is_refused() {
    let (fs, clock) = (SimFs::new(), clock());
    let engine = open_at(&fs, &clock).await;
    receive(&engine, "a", 1).await;
    place(&engine, "o").await;
    let extend = |minutes: u64| ExtendDeadline {
        order: order("o"),
        until: Timestamp::from_millis(START + minutes * MINUTE),
    };
    let refused = engine.submit(extend(15)).await.unwrap_err();
    assert_eq!(refused, Error::Refused(Refusal::DeadlineNotLater));
    engine.submit(extend(30)).await.unwrap();
    clock.advance(29 * MINUTE);
    settle().await;
    assert_eq!(state(&engine, "o").await, State::Reserved);
    clock.advance(MINUTE);
    settle().await;
    assert_eq!(state(&engine, "o").await, State::Cancelled);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_steps_too_far_forward_halts_the_timers_until_they_are_resumed() {
    let (fs, clock) = (SimFs::new(), clock());
    let step = Some(MINUTE);
    let engine =
        Engine::open(Config { clock: clock.clone(), clock_step_ms_max: step, ..config(&fs) }).await.unwrap();
    receive(&engine, "a", 1).await;
    place(&engine, "o").await;
    settle().await;
    clock.advance(31 * MINUTE);
    settle().await;
    assert!(engine.timers_halted());
    assert_eq!(state(&engine, "o").await, State::Reserved);
    engine.resume_timers();
    settle().await;
    assert_eq!(state(&engine, "o").await, State::Cancelled);
}
