//! Named locks: one holder at a time, in the order of asking, under a number that only grows.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../common/mod.rs"]
mod common;

mod crashes;
mod model;
mod turns;

use std::sync::Arc;
use std::time::Duration;

use common::sim::config;
use earmark::port::ManualClock;
use earmark::port::fs_sim::SimFs;
use earmark::{Config, Engine, LockHandle, LockOwner, Timestamp};

pub(crate) const START: u64 = 1_000_000;

pub(crate) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp::from_millis(START)))
}

pub(crate) async fn open_at(fs: &SimFs, clock: &Arc<ManualClock>) -> Engine {
    let config = Config { clock: clock.clone(), clock_step_ms_max: None, ..config(fs) };
    Engine::open(config).await.unwrap()
}

pub(crate) fn owner(name: &str) -> LockOwner {
    name.parse().unwrap()
}

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn lock(engine: &Engine) -> LockHandle {
    engine.lock(&"report".parse().unwrap())
}

/// Lets the timers, which look at the clock every few milliseconds, do what is due.
pub(crate) async fn settle() {
    tokio::time::sleep(ms(200)).await;
}
