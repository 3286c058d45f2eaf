//! The power goes, or the process is killed, at every operation of a snapshot.

use earmark::port::fs_sim::SimFs;

use super::images::{Shown, shown, snapshots};
use super::workload::Shop;
use crate::common::sim::{open, try_open};

/// A folder with some history and, with `before`, an earlier snapshot.
async fn history(before: usize) -> (SimFs, Shown) {
    let fs = SimFs::new();
    let engine = open(&fs).await;
    let mut shop = Shop::new(11);
    shop.stock(&engine).await;
    for _ in 0..=before {
        for _ in 0..6 {
            engine.submit_all(shop.step()).await;
        }
        if before > 0 {
            engine.snapshot().await.unwrap();
        }
    }
    for _ in 0..3 {
        engine.submit_all(shop.step()).await;
    }
    let shown = shown(&engine).await;
    engine.close().await.unwrap();
    (fs.crash(), shown)
}

async fn assert_recovers(image: &SimFs, expected: &Shown, what: &str) -> usize {
    let engine = try_open(image).await.unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(shown(&engine).await, *expected, "{what}");
    // Nothing that has a snapshot's name is anything but whole.
    assert_eq!(engine.recovery().refused, Vec::new(), "{what}");
    let found = snapshots(image).len();
    engine.close().await.unwrap();
    found
}

#[tokio::test(start_paused = true)]
async fn the_power_may_go_at_any_operation_of_a_snapshot() {
    for before in [0, 2] {
        let (history, expected) = history(before).await;
        let whole = history.crash();
        let engine = open(&whole).await;
        let from = whole.counters().operations;
        engine.snapshot().await.unwrap();
        let operations = whole.counters().operations - from;
        engine.close().await.unwrap();
        assert!(operations > 6, "{operations}");
        let (mut old, mut new) = (0, 0);
        for cut in 1..=operations {
            let fs = history.crash();
            let engine = open(&fs).await;
            fs.power_off_at(cut);
            let taken = engine.snapshot().await;
            assert!(taken.is_err(), "cut {cut}: {taken:?}");
            let what = format!("{before} before, cut {cut}");
            let found = assert_recovers(&fs.crash(), &expected, &what).await;
            let at_least = before.min(2);
            assert!(found >= at_least, "{what}: {found} snapshots");
            old += usize::from(found == at_least);
            // A rename that is not synced is seen after a kill.
            new += usize::from(assert_recovers(&fs.kill(), &expected, &what).await > at_least);
            for seed in 0..8 {
                assert_recovers(&fs.crash_torn(seed), &expected, &format!("{what}, torn by {seed}")).await;
            }
            drop(engine);
        }
        assert!(old > 3 && new > 0, "{old} without the new one, {new} with it");
    }
}
