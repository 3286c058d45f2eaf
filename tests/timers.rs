//! Deadlines on the engine's clock: at their exact tick, once, through restarts and clock steps.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::sim::{config, open};
use common::{cart, order, payment, placement, receive, refusal, reserve, sku, stock};
use earmark::domain::ids::EntityId;
use earmark::domain::inventory::{HoldOwner, StockEvent};
use earmark::port::ManualClock;
use earmark::port::fs_sim::SimFs;
use earmark::{
    Config, Engine, Error, ExtendDeadline, OrderType, Refusal, ReserveStock, SkuCommand, State, Terms,
    TermsByType, Timestamp,
};

const START: u64 = 1_000_000;
const MINUTE: u64 = 60_000;

async fn open_at(fs: &SimFs, clock: &Arc<ManualClock>) -> Engine {
    let terms = Terms { pay_within_ms: Some(15 * MINUTE), ..Terms::physical() };
    let clock = clock.clone();
    Engine::open(Config {
        clock,
        terms: TermsByType { physical: terms, ..TermsByType::default() },
        clock_step_ms_max: None,
        ..config(fs)
    })
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

/// A cart's hold on "a" until `after` milliseconds after the start.
async fn hold(engine: &Engine, name: &str, quantity: u64, after: u64) {
    let until = Timestamp::from_millis(START + after);
    engine.stock(&sku("a"), ReserveStock::new(cart(name), quantity).until(until)).await.unwrap();
}

async fn extend(engine: &Engine, name: &str, after: u64) {
    let deadline = Timestamp::from_millis(START + after);
    engine.stock(&sku("a"), SkuCommand::Extend { cart: cart(name), deadline }).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_cart_gives_its_units_back_at_its_tick_and_not_before() {
    let (fs, clock) = (SimFs::new(), clock());
    let engine = open_at(&fs, &clock).await;
    receive(&engine, "a", 3).await;
    hold(&engine, "c", 2, MINUTE).await;
    settle().await;
    assert_eq!(engine.timers_armed(), 1);
    clock.advance(MINUTE - 1);
    settle().await;
    assert_eq!(stock(&engine, "a").await, [1, 2, 0, 0]);
    clock.advance(1);
    settle().await;
    assert_eq!((stock(&engine, "a").await, engine.timers_armed()), ([3, 0, 0, 0], 0));
    let live = engine.cut().await.unwrap();
    assert_eq!(live.violations, Vec::<String>::new());
    engine.close().await.unwrap();
    assert_eq!(open(&fs).await.cut().await.unwrap().hash, live.hash);
}

#[tokio::test(start_paused = true)]
async fn the_last_units_of_a_lapsed_cart_are_for_others_from_its_tick_on_before_any_timer_fires() {
    let (fs, clock) = (SimFs::new(), clock());
    let engine = open_at(&fs, &clock).await;
    receive(&engine, "a", 3).await;
    hold(&engine, "c", 1, MINUTE).await;
    hold(&engine, "d", 2, MINUTE).await;
    settle().await;
    clock.advance(MINUTE - 1);
    let short = Refusal::InsufficientStock { sku: sku("a"), requested: 1, available: 0 };
    assert_eq!(refusal(engine.stock(&sku("a"), reserve("e", 1)).await), short);
    clock.advance(1);
    engine.stock(&sku("a"), reserve("e", 1)).await.unwrap();
    // One lapsed cart was enough; the other lapses when its timer comes.
    assert_eq!(stock(&engine, "a").await, [0, 3, 0, 0]);
    engine.place(placement("o", &[("a", 2)])).await.unwrap();
    assert_eq!(stock(&engine, "a").await, [0, 3, 0, 0]);
    assert_eq!(engine.sku(&sku("a")).view().await.unwrap().unwrap().holds, 2);
}

#[tokio::test(start_paused = true)]
async fn the_timers_follow_a_cart_that_is_extended_or_asks_again() {
    let (fs, clock) = (SimFs::new(), clock());
    let engine = open_at(&fs, &clock).await;
    receive(&engine, "a", 9).await;
    hold(&engine, "active", 1, MINUTE).await;
    for step in 1..=1_000 {
        extend(&engine, "active", MINUTE + step).await;
    }
    hold(&engine, "sooner", 2, 9 * MINUTE).await;
    hold(&engine, "sooner", 3, MINUTE).await;
    hold(&engine, "later", 4, MINUTE).await;
    hold(&engine, "later", 5, 9 * MINUTE).await;
    settle().await;
    assert_eq!((stock(&engine, "a").await, engine.timers_armed()), ([0, 9, 0, 0], 1));
    clock.advance(MINUTE);
    settle().await;
    assert_eq!(stock(&engine, "a").await, [3, 6, 0, 0], "`sooner` alone");
    clock.advance(999);
    settle().await;
    assert_eq!(stock(&engine, "a").await, [3, 6, 0, 0]);
    clock.advance(1);
    settle().await;
    assert_eq!(stock(&engine, "a").await, [4, 5, 0, 0], "and `active`");
    clock.advance(8 * MINUTE);
    settle().await;
    assert_eq!((stock(&engine, "a").await, engine.timers_armed()), ([9, 0, 0, 0], 0));
}

#[tokio::test(start_paused = true)]
async fn a_cart_that_is_paid_for_ordered_or_given_back_waits_for_nothing() {
    let (fs, clock) = (SimFs::new(), clock());
    let engine = open_at(&fs, &clock).await;
    receive(&engine, "a", 6).await;
    for name in ["paid", "ordered", "released"] {
        hold(&engine, name, 2, MINUTE).await;
    }
    settle().await;
    assert_eq!(engine.timers_armed(), 1);
    engine.stock(&sku("a"), SkuCommand::Commit { cart: cart("paid") }).await.unwrap();
    engine.place(placement("o", &[("a", 2)]).from_cart(cart("ordered"))).await.unwrap();
    engine.stock(&sku("a"), SkuCommand::Release { cart: cart("released") }).await.unwrap();
    settle().await;
    assert_eq!(engine.timers_armed(), 0);
    clock.advance(9 * MINUTE);
    settle().await;
    assert_eq!(stock(&engine, "a").await, [2, 2, 2, 0]);
}

#[tokio::test(start_paused = true)]
async fn carts_that_came_due_while_the_engine_was_down_lapse_in_small_turns() {
    let (fs, clock) = (SimFs::new(), clock());
    let engine = open_at(&fs, &clock).await;
    receive(&engine, "a", 1_000).await;
    for n in 0..600 {
        hold(&engine, &format!("c-{n}"), 1, MINUTE).await;
    }
    hold(&engine, "late", 1, 9 * MINUTE).await;
    let fs = fs.crash();
    drop(engine);
    clock.advance(2 * MINUTE);
    let engine = open_at(&fs, &clock).await;
    let mut seen = vec![stock(&engine, "a").await[1]];
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(1)).await;
        seen.push(stock(&engine, "a").await[1]);
    }
    assert!(seen.is_sorted_by(|before, after| before - after <= 256), "{seen:?}");
    settle().await;
    assert_eq!((stock(&engine, "a").await, engine.timers_armed()), ([999, 1, 0, 0], 1));
    clock.advance(7 * MINUTE);
    settle().await;
    assert_eq!((stock(&engine, "a").await, engine.timers_armed()), ([1_000, 0, 0, 0], 0));
}

#[tokio::test(start_paused = true)]
async fn a_sku_that_rests_wakes_when_a_cart_lapses() {
    let (fs, clock) = (SimFs::new(), clock());
    let config = Config { sku_idle_ms: 50, clock: clock.clone(), clock_step_ms_max: None, ..config(&fs) };
    let engine = Engine::open(config).await.unwrap();
    receive(&engine, "a", 3).await;
    hold(&engine, "c", 2, MINUTE).await;
    clock.advance(MINUTE - 1);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(stock(&engine, "a").await, [1, 2, 0, 0]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    clock.advance(1);
    settle().await;
    assert_eq!((stock(&engine, "a").await, engine.timers_armed()), ([3, 0, 0, 0], 0));
}

#[tokio::test(start_paused = true)]
async fn carts_and_commands_keep_to_the_units_that_are_there_while_the_timers_are_halted() {
    let (fs, clock) = (SimFs::new(), clock());
    let config = Config { clock: clock.clone(), clock_step_ms_max: Some(MINUTE), ..config(&fs) };
    let engine = Engine::open(config).await.unwrap();
    receive(&engine, "a", 2).await;
    hold(&engine, "c", 2, 30 * MINUTE).await;
    settle().await;
    clock.advance(31 * MINUTE);
    // The command comes before the timers have looked at the clock, and must not outrun their halt.
    let short = Refusal::InsufficientStock { sku: sku("a"), requested: 1, available: 0 };
    assert_eq!(refusal(engine.stock(&sku("a"), reserve("d", 1)).await), short);
    settle().await;
    assert!(engine.timers_halted());
    assert_eq!(refusal(engine.stock(&sku("a"), reserve("d", 1)).await), short);
    assert_eq!(stock(&engine, "a").await, [0, 2, 0, 0]);
    engine.resume_timers();
    settle().await;
    assert_eq!(stock(&engine, "a").await, [2, 0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn what_lapsed_on_a_parked_sku_is_given_back_when_it_is_unparked() {
    let clock = clock();
    let received = common::journal::received(&sku("a"), 3);
    let parked = common::journal::parked(EntityId::Sku(sku("a")), Some("looked at"));
    let deadline = Some(Timestamp::from_millis(START + MINUTE));
    let owner = HoldOwner::Cart(cart("c"));
    let held = StockEvent::Reserved {
        owner,
        quantity: 2,
        step: 0,
        deadline,
        purchase: None,
        at: earmark::domain::inventory::LocationId::MAIN,
    };
    let fs = common::journal::write(&[received, common::journal::moved(&sku("a"), 2, held), parked]);
    let engine = open_at(&fs, &clock).await;
    settle().await;
    assert_eq!(engine.timers_armed(), 1);
    clock.advance(MINUTE);
    settle().await;
    assert_eq!((stock(&engine, "a").await, engine.timers_armed()), ([1, 2, 0, 0], 0));
    engine.unpark(&EntityId::Sku(sku("a")), "operator".parse().unwrap()).await.unwrap();
    settle().await;
    assert_eq!((stock(&engine, "a").await, engine.timers_armed()), ([3, 0, 0, 0], 0));
}
