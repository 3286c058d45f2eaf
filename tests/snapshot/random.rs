//! Snapshots at random moments of a random workload: whatever is recovered from, the state is the same.

use std::sync::Arc;
use std::time::Duration;

use earmark::port::fs_sim::{SimFs, SplitMix};
use earmark::port::{Clock, ManualClock};
use earmark::{Config, Engine, Timestamp};

use super::images::{Shown, assert_all_show, shown};
use super::workload::Shop;
use crate::common::seed;
use crate::common::sim::config;

/// Longer than an order of physical goods has time to pay.
const LONG_MS: u64 = 31 * 60 * 1_000;

/// Runs steps, with snapshots beside some of them, while time goes on.
async fn live(engine: &Engine, shop: &mut Shop, steps: u64, clock: &ManualClock) -> u64 {
    let mut running = Vec::new();
    for _ in 0..steps {
        if shop.random.below(6) == 0 {
            let engine = engine.clone();
            running.push(tokio::spawn(async move { engine.snapshot().await.unwrap() }));
        }
        if shop.random.below(20) == 0 {
            let ago = shop.random.below(100);
            let before = Timestamp::from_millis(clock.now().as_millis() - ago);
            engine.forget_keys(before).await.unwrap();
        }
        clock.advance(if shop.random.below(25) == 0 { LONG_MS } else { shop.random.below(50) });
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

/// What an engine shows when its timers have done what is due.
async fn settled(engine: &Engine) -> Shown {
    tokio::time::sleep(Duration::from_millis(200)).await;
    shown(engine).await
}

/// What took part in the lives of folders.
#[derive(Default)]
struct Seen {
    snapshots: u64,
    passed_over: u64,
    retired: u64,
}

/// Three lives of one folder, each ended in another way, each with its own word on how long orders stay.
async fn lives(seed: u64, seen: &mut Seen) {
    let mut shop = Shop::new(seed);
    let mut fs = SimFs::new();
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_000_000)));
    for life in 0..3 {
        let retire_after_ms = (shop.random.below(4) > 0).then(|| 1 + shop.random.below(150));
        let clock = clock.clone();
        let with = |fs: &SimFs| Config { retire_after_ms, clock: clock.clone(), ..config(fs) };
        let engine = Engine::open(with(&fs)).await.unwrap();
        if life == 0 {
            shop.stock(&engine).await;
        }
        let steps = 4 + shop.random.below(20);
        seen.snapshots += live(&engine, &mut shop, steps, &clock).await;
        let before = settled(&engine).await;
        seen.retired += before.retired.len() as u64;
        assert_eq!(before.violations, Vec::<String>::new(), "seed {seed}");
        if shop.random.below(2) == 0 {
            engine.close().await.unwrap();
            fs = fs.crash();
        } else {
            engine.flush().await.unwrap();
            fs = if shop.random.below(2) == 0 { fs.crash() } else { fs.kill() };
            drop(engine);
        }
        let what = format!("seed {seed}, life {life}");
        seen.passed_over += assert_all_show(&fs, &before, &what, with).await.1;
    }
}

async fn rounds(count: u64) {
    let mut random = SplitMix::new(seed(0x5a4b));
    let mut seen = Seen::default();
    for _ in 0..count {
        lives(random.next_u64(), &mut seen).await;
    }
    let Seen { snapshots, passed_over, retired } = seen;
    assert!(
        snapshots.min(passed_over).min(retired) >= count,
        "{snapshots} snapshots, {passed_over} records passed over, {retired} orders retired"
    );
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
