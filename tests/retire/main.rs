//! Orders leave memory when they are closed for good, by a journaled record, and nothing is lost by it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a test fails by panicking"
)]

#[path = "../common/mod.rs"]
mod common;

mod after;
mod crash;
mod timed;

use std::sync::Arc;
use std::time::Duration;

use common::sim::config;
use common::*;
use earmark::port::ManualClock;
use earmark::port::fs_sim::SimFs;
use earmark::{Config, DeliverOrder, Engine, Error, Refusal, Timestamp};

const START: u64 = 1_000_000;
const HOUR: u64 = 3_600_000;

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp::from_millis(START)))
}

fn setting(fs: &SimFs, clock: &Arc<ManualClock>, after: Option<u64>) -> Config {
    Config { clock: clock.clone(), clock_step_ms_max: None, retire_after_ms: after, ..config(fs) }
}

async fn open(fs: &SimFs, clock: &Arc<ManualClock>, after: Option<u64>) -> Engine {
    Engine::open(setting(fs, clock, after)).await.unwrap()
}

/// Lets the timers, which look at the clock every few milliseconds, do what is due.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(200)).await;
}

async fn fulfil(engine: &Engine, id: &str) {
    engine.place(placement(id, &[("a", 1)])).await.unwrap();
    engine.pay(payment(id, 1_000)).await.unwrap();
    engine.ship(shipment(id, &[])).await.unwrap();
    engine.deliver(DeliverOrder::all(order(id))).await.unwrap();
}

async fn cancelled(engine: &Engine, id: &str) {
    engine.place(placement(id, &[("a", 1)])).await.unwrap();
    engine.cancel(cancellation(id, &[])).await.unwrap();
}

fn retired(at: u64) -> Refusal {
    Refusal::OrderRetired { at: Timestamp::from_millis(at) }
}

async fn is_there(engine: &Engine, id: &str) -> bool {
    match engine.order(&order(id)).view().await {
        Ok(Some(_)) => true,
        Err(Error::Refused(Refusal::OrderRetired { .. })) => false,
        other => panic!("{other:?}"),
    }
}

/// The state hash, after everything that opening leads to has happened.
async fn hash(engine: &Engine) -> earmark::StateHash {
    settle().await;
    let cut = engine.cut().await.unwrap();
    assert_eq!(cut.violations, Vec::<String>::new());
    cut.hash
}
