//! The power goes, or the process is killed, at every operation while orders are retired.

use std::sync::Arc;

use earmark::port::ManualClock;
use earmark::port::fs_sim::SimFs;
use earmark::{Engine, StateHash};

use super::*;

/// A folder with orders of every kind, some of them closed for good, and a snapshot of some of it.
async fn history(clock: &Arc<ManualClock>) -> SimFs {
    let fs = SimFs::new();
    let engine = open(&fs, clock, Some(HOUR)).await;
    receive(&engine, "a", 99).await;
    for n in 0..4 {
        fulfil(&engine, &format!("done-{n}")).await;
    }
    engine.snapshot().await.unwrap();
    cancelled(&engine, "cancelled").await;
    engine.place(placement("open", &[("a", 1)])).await.unwrap();
    engine.close().await.unwrap();
    fs
}

/// Retires some of the orders by hand, with a snapshot beside it, and the others by the timers, with another one.
/// Any of it may fail with the power.
async fn retire(fs: &SimFs, clock: &Arc<ManualClock>) -> Result<Engine, Error> {
    let engine = Engine::open(setting(fs, clock, None)).await?;
    for id in ["done-0", "cancelled"] {
        let handle = engine.order(&order(id));
        let _ = tokio::join!(engine.snapshot(), handle.retire());
    }
    engine.close().await?;
    let engine = Engine::open(setting(fs, clock, Some(HOUR))).await?;
    let _ = engine.snapshot().await;
    settle().await;
    let _ = engine.snapshot().await;
    Ok(engine)
}

async fn assert_ends_alike(fs: &SimFs, clock: &Arc<ManualClock>, expected: StateHash, what: &str) -> u64 {
    let engine = open(fs, clock, Some(HOUR)).await;
    let found = engine.recovery().retired;
    assert_eq!(hash(&engine).await, expected, "{what}");
    assert_eq!(engine.order_counts().await.unwrap().total(), 1, "{what}");
    assert_eq!(engine.recovery().refused, [], "{what}");
    engine.close().await.unwrap();
    found
}

#[tokio::test(start_paused = true)]
async fn the_power_may_go_at_any_operation_while_orders_are_retired() {
    let clock = clock();
    let history = history(&clock).await;
    clock.advance(HOUR);
    let whole = history.crash();
    let before = whole.counters().operations;
    let engine = retire(&whole, &clock).await.unwrap();
    let operations = whole.counters().operations - before;
    let expected = hash(&engine).await;
    assert_eq!(engine.cut().await.unwrap().retired.len(), 5);
    engine.close().await.unwrap();
    let mut between = 0;
    for cut in 1..=operations {
        let fs = history.crash();
        fs.power_off_at(cut);
        let engine = retire(&fs, &clock).await;
        for (image, how) in [(fs.crash(), "cut"), (fs.kill(), "killed"), (fs.crash_torn(cut), "torn")] {
            let found = assert_ends_alike(&image, &clock, expected, &format!("{how} at {cut}")).await;
            between += u64::from(found > 0 && found < 5);
        }
        drop(engine);
    }
    assert!(operations > 20 && between > 0, "{operations} operations, {between} in the middle");
}
