//! Snapshots at random moments of a random workload: whatever is recovered from, the state is the same.

use earmark::port::fs_sim::{SimFs, SplitMix};
use earmark::{Engine, Timestamp};

use super::images::{assert_all_show, shown};
use super::workload::Shop;
use crate::common::seed;
use crate::common::sim::open;

/// Runs steps, with snapshots beside some of them.
async fn live(engine: &Engine, shop: &mut Shop, steps: u64) -> u64 {
    let mut running = Vec::new();
    for _ in 0..steps {
        if shop.random.below(6) == 0 {
            let engine = engine.clone();
            running.push(tokio::spawn(async move { engine.snapshot().await.unwrap() }));
        }
        if shop.random.below(20) == 0 {
            engine.forget_keys(Timestamp::from_millis(1_000_000 + shop.random.below(2))).await.unwrap();
        }
        for answer in engine.submit_all(shop.step()).await {
            if let Err(error) = answer {
                assert!(error.refusal().is_some() || error.code() == "KEY_REUSED", "{error}");
            }
        }
    }
    let taken = running.len() as u64;
    for task in running {
        let report = task.await.unwrap();
        assert!(report.low <= report.high);
    }
    taken
}

/// Three lives of one folder, each ended in another way; answers snapshots taken and records passed over.
async fn lives(seed: u64) -> (u64, u64) {
    let mut shop = Shop::new(seed);
    let mut fs = SimFs::new();
    let (mut taken, mut skipped) = (0, 0);
    for life in 0..3 {
        let engine = open(&fs).await;
        if life == 0 {
            shop.stock(&engine).await;
        }
        let steps = 4 + shop.random.below(20);
        taken += live(&engine, &mut shop, steps).await;
        let before = shown(&engine).await;
        assert_eq!(before.violations, Vec::<String>::new(), "seed {seed}");
        if shop.random.below(2) == 0 {
            engine.close().await.unwrap();
            fs = fs.crash();
        } else {
            engine.flush().await.unwrap();
            fs = if shop.random.below(2) == 0 { fs.crash() } else { fs.kill() };
            drop(engine);
        }
        skipped += assert_all_show(&fs, &before, &format!("seed {seed}, life {life}")).await.1;
    }
    (taken, skipped)
}

async fn rounds(count: u64) {
    let mut random = SplitMix::new(seed(0x5a4b));
    let (mut taken, mut skipped) = (0, 0);
    for _ in 0..count {
        let (more, passed) = lives(random.next_u64()).await;
        (taken, skipped) = (taken + more, skipped + passed);
    }
    assert!(taken >= count && skipped >= count, "{taken} snapshots, {skipped} records passed over");
}

#[tokio::test(start_paused = true)]
async fn the_state_is_the_same_live_from_the_journal_and_from_every_snapshot() {
    rounds(100).await;
}

#[tokio::test(start_paused = true)]
#[ignore = "a minute or more: run it with --ignored"]
async fn a_thousand_rounds_of_snapshots_at_random_moments() {
    rounds(1_000).await;
}
