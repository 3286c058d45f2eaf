//! What retention drops of the journal, and what can be answered then.

use earmark::journal::LogError;
use earmark::port::fs_sim::SimFs;
use earmark::{Config, Cursor, Engine, Error, Retention};

use super::images::{shown, snapshots};
use super::workload::Shop;
use crate::common::sim::config;

async fn open(fs: &SimFs) -> Engine {
    Engine::open(Config { retention: Retention::ToOlderSnapshot, ..config(fs) }).await.unwrap()
}

async fn work(engine: &Engine, shop: &mut Shop, steps: usize) {
    for _ in 0..steps {
        engine.submit_all(shop.step()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn segments_before_the_older_snapshot_go_and_the_first_sequence_is_named() {
    let fs = SimFs::new();
    let engine = open(&fs).await;
    let mut shop = Shop::new(21);
    shop.stock(&engine).await;
    work(&engine, &mut shop, 150).await;
    let first = engine.snapshot().await.unwrap();
    assert_eq!(first.first_sequence, 1, "with one snapshot nothing goes");
    work(&engine, &mut shop, 150).await;
    let second = engine.snapshot().await.unwrap();
    assert!(second.first_sequence > 1 && second.first_sequence <= first.low, "{first:?}, {second:?}");
    assert_eq!(engine.start().sequence, second.first_sequence);

    let asked = Cursor { epoch: 0, sequence: 1 };
    let Err(Error::Journal(LogError::Truncated { first: named, .. })) = engine.subscribe(asked).map(|_| ())
    else {
        panic!("a cursor that was truncated away is an error")
    };
    assert_eq!(named, second.first_sequence);
    let timeline = engine.sku(&"a".parse().unwrap()).timeline(0, 1_000).await.unwrap();
    assert_eq!(timeline.first_sequence, second.first_sequence);
    assert!(!timeline.entries.is_empty());

    let before = shown(&engine).await;
    engine.close().await.unwrap();
    for crash in [fs.crash(), fs.kill()] {
        let again = open(&crash).await;
        assert!(again.recovery().loaded.is_some());
        assert_eq!(shown(&again).await, before);
        // And once more from the older one, with the newest gone.
        again.close().await.unwrap();
        let newest = snapshots(&crash)[0].clone();
        let older = crash.kill();
        earmark::port::fs::Fs::remove(&older, &newest).unwrap();
        assert_eq!(shown(&open(&older).await).await, before);
    }
}

#[tokio::test(start_paused = true)]
async fn history_is_kept_by_default_and_can_be_read_across_segments_that_opening_skipped() {
    let fs = SimFs::new();
    let engine = crate::common::sim::open(&fs).await;
    let mut shop = Shop::new(22);
    shop.stock(&engine).await;
    for _ in 0..3 {
        work(&engine, &mut shop, 100).await;
        assert_eq!(engine.snapshot().await.unwrap().first_sequence, 1);
    }
    let all = records(&engine).await;
    let timeline = engine.sku(&"a".parse().unwrap()).timeline(0, 1_000).await.unwrap();
    engine.close().await.unwrap();
    assert_eq!(snapshots(&fs).len(), 2);
    let again = crate::common::sim::open(&fs.crash()).await;
    assert!(again.recovery().loaded.is_some() && again.recovery().records < all as u64 / 2);
    assert_eq!(records(&again).await, all);
    assert_eq!(again.sku(&"a".parse().unwrap()).timeline(0, 1_000).await.unwrap(), timeline);
}

/// How many records a subscriber reads from the beginning.
async fn records(engine: &Engine) -> usize {
    let mut subscription = engine.subscribe(engine.start()).unwrap();
    let mut count = 0;
    while let Some(published) = subscription.try_next().unwrap() {
        count += 1;
        assert_eq!(published.sequence, count as u64);
    }
    count
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_at_the_end_of_a_segment_is_used_whatever_follows() {
    for retention in [Retention::default(), Retention::ToOlderSnapshot] {
        let fs = SimFs::new();
        let engine = Engine::open(Config { retention, ..config(&fs) }).await.unwrap();
        let mut shop = Shop::new(4);
        for round in 0..60 {
            shop.stock(&engine).await;
            let report = engine.snapshot().await.unwrap();
            // Long enough for a seal: a segment that begins with the next batch begins behind the low mark.
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            work(&engine, &mut shop, 1).await;
            let again = open(&fs.kill()).await;
            assert_eq!(again.recovery().refused, [], "round {round}, {retention:?}");
            assert_eq!(again.recovery().loaded.as_ref().map(|it| it.low), Some(report.low));
            again.close().await.unwrap();
        }
        engine.close().await.unwrap();
    }
}
