//! The power goes, or the process is killed, at every operation on the file system.

use earmark::port::fs_sim::SimFs;

use super::script::Ledger;
use crate::common::sim::{open, try_open};

async fn assert_recovers(image: &SimFs, ledger: &Ledger, what: &str) {
    let engine = try_open(image).await.unwrap_or_else(|error| panic!("{what}: {error}"));
    let cut = engine.cut().await.unwrap();
    ledger.assert_true_of(&cut, what);
    ledger.assert_keys_remembered(&engine, what).await;
    let cut = engine.cut().await.unwrap();
    engine.close().await.unwrap();
    let again = open(&image.crash()).await;
    assert_eq!(again.cut().await.unwrap().hash, cut.hash, "{what}: opened once more");
    assert_eq!(again.recovery().finished + again.recovery().undone, 0, "{what}: reconciled twice");
}

#[tokio::test(start_paused = true)]
async fn a_clean_run_has_the_same_hash_live_recovered_and_replayed_twice() {
    let fs = SimFs::new();
    let engine = open(&fs).await;
    let mut ledger = Ledger::default();
    assert!(ledger.run(&engine).await.is_continue());
    let live = engine.cut().await.unwrap();
    ledger.assert_true_of(&live, "live");
    engine.close().await.unwrap();
    for _ in 0..2 {
        let engine = open(&fs.crash()).await;
        assert_eq!(engine.cut().await.unwrap().hash, live.hash);
        assert!(engine.recovery().sealed);
    }
}

#[tokio::test(start_paused = true)]
async fn the_power_may_go_at_any_operation() {
    for direct in [true, false] {
        cut_everywhere(direct).await;
    }
}

async fn cut_everywhere(direct: bool) {
    let whole = SimFs::new();
    whole.allow_direct(direct);
    let engine = open(&whole).await;
    assert!(Ledger::default().run(&engine).await.is_continue());
    engine.close().await.unwrap();
    let operations = whole.counters().operations;
    let mut told = 0;
    for cut in 1..=operations {
        let fs = SimFs::new();
        fs.allow_direct(direct);
        fs.power_off_at(cut);
        let mut ledger = Ledger::default();
        if let Ok(engine) = try_open(&fs).await {
            let _ = ledger.run(&engine).await;
        }
        told += ledger.answered;
        assert_recovers(&fs.crash(), &ledger, &format!("cut {cut}")).await;
        assert_recovers(&fs.kill(), &ledger, &format!("kill {cut}")).await;
        for seed in 0..12 {
            assert_recovers(&fs.crash_torn(seed), &ledger, &format!("cut {cut} torn by {seed}")).await;
        }
    }
    // Past the page cache a batch is one operation, and otherwise two.
    let (operations_min, told_min) = if direct { (40, 300) } else { (60, 500) };
    assert!(operations > operations_min && told > told_min, "{operations} operations, {told} answers");
}
