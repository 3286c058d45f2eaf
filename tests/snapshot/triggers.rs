//! When snapshots are taken by themselves.

use std::time::Duration;

use earmark::port::fs_sim::SimFs;
use earmark::{Config, Engine};

use super::images::snapshots;
use super::workload::Shop;
use crate::common::sim::config;

async fn work(engine: &Engine, shop: &mut Shop, steps: usize) {
    for _ in 0..steps {
        engine.submit_all(shop.step()).await;
    }
    // The look whether one is due comes every tenth of a second.
    tokio::time::sleep(Duration::from_millis(500)).await;
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_is_taken_when_the_journal_has_grown() {
    let fs = SimFs::new();
    let engine = Engine::open(Config { snapshot_every_bytes: Some(20_000), ..config(&fs) }).await.unwrap();
    let mut shop = Shop::new(31);
    shop.stock(&engine).await;
    work(&engine, &mut shop, 3).await;
    assert_eq!(snapshots(&fs).len(), 0);
    work(&engine, &mut shop, 200).await;
    assert!(!snapshots(&fs).is_empty());
    engine.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn by_default_snapshots_are_taken_by_length_and_not_by_time() {
    let defaults = Config::new("folder");
    assert_eq!((defaults.snapshot_every_bytes, defaults.snapshot_every_ms), (Some(256 << 20), None));
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_is_taken_after_a_while_if_there_is_anything_new() {
    let fs = SimFs::new();
    let clock = std::sync::Arc::new(earmark::port::ManualClock::new(earmark::Timestamp::from_millis(1_000)));
    let config = Config { snapshot_every_ms: Some(60_000), clock: clock.clone(), ..config(&fs) };
    let engine = Engine::open(config).await.unwrap();
    let mut shop = Shop::new(32);
    shop.stock(&engine).await;
    work(&engine, &mut shop, 3).await;
    assert_eq!(snapshots(&fs).len(), 0);
    clock.advance(60_000);
    work(&engine, &mut shop, 0).await;
    let first = snapshots(&fs);
    assert_eq!(first.len(), 1);
    clock.advance(120_000);
    work(&engine, &mut shop, 0).await;
    assert_eq!(snapshots(&fs), first, "nothing was journaled since");
    engine.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_engine_in_memory_takes_no_snapshot() {
    let engine = Engine::open(Config::in_memory()).await.unwrap();
    assert_eq!(engine.snapshot().await.unwrap_err().code(), "SNAPSHOT");
    engine.close().await.unwrap();
}
