//! What order systems learned by overselling, deadlocking and losing money: each lesson as a test of the real
//! engine under concurrency, with several seeds.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../common/mod.rs"]
mod common;
mod holds;
mod money;
mod taking;

use std::future::Future;

use common::{seed, soon};
use earmark::{Config, Engine, Error, Refusal};

pub(crate) const SEEDS: u64 = 8;

/// Runs a lesson with several seeds; `EARMARK_SEED` says which is the first.
pub(crate) async fn each_seed<F: Future<Output = ()>>(lesson: impl Fn(fastrand::Rng) -> F) {
    let first = seed(1);
    for seed in first..first + SEEDS {
        soon(&format!("seed {seed}"), lesson(fastrand::Rng::with_seed(seed))).await;
    }
}

pub(crate) async fn engine() -> Engine {
    Engine::open(Config::in_memory()).await.unwrap()
}

/// Runs `calls` side by side; their results in the order of the calls.
pub(crate) async fn together<T: Send + 'static>(
    calls: Vec<impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let calls: Vec<_> = calls.into_iter().map(tokio::spawn).collect();
    let mut results = Vec::with_capacity(calls.len());
    for call in calls {
        results.push(call.await.unwrap());
    }
    results
}

/// How many were granted; whoever was not was refused for want of stock.
pub(crate) fn granted<T: std::fmt::Debug>(answers: &[Result<T, Error>]) -> u64 {
    let mut granted = 0;
    for answer in answers {
        match answer {
            Ok(_) => granted += 1,
            Err(Error::Refused(Refusal::InsufficientStock { .. })) => {}
            other => panic!("{other:?}"),
        }
    }
    granted
}
