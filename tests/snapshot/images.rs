//! Copies of a folder with other snapshots in it, and what an engine shows when it is opened there.

use std::path::PathBuf;

use earmark::port::fs::Fs;
use earmark::port::fs_sim::SimFs;
use earmark::{BusinessCounts, Config, Engine, OrderCounts, OrderQuery, OrderSummary, StateHash, Tombstone};

use crate::common::sim::FOLDER;

/// The snapshots of a folder, newest first.
pub fn snapshots(fs: &SimFs) -> Vec<PathBuf> {
    let all = earmark::snapshot::list(fs, FOLDER.as_ref()).unwrap();
    all.into_iter().map(|listed| listed.path).collect()
}

/// A copy in which only `kept` is left of the snapshots.
pub fn with_only(fs: &SimFs, kept: Option<&PathBuf>) -> SimFs {
    let image = fs.kill();
    for path in snapshots(&image).iter().filter(|path| Some(*path) != kept) {
        image.remove(path).unwrap();
    }
    image.sync_dir(FOLDER.as_ref()).unwrap();
    image
}

/// Everything an engine shows that is to be the same, whatever it was recovered from.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    pub hash: StateHash,
    pub violations: Vec<String>,
    pub orders: Vec<OrderSummary>,
    pub retired: Vec<Tombstone>,
    pub counts: OrderCounts,
    pub businesses: Vec<BusinessCounts>,
    pub timers: usize,
}

pub async fn shown(engine: &Engine) -> Shown {
    let cut = engine.cut().await.unwrap();
    let mut orders = Vec::new();
    let mut after = None;
    loop {
        let page = engine.orders(&OrderQuery::all(), after, 100).await.unwrap();
        orders.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    // What was armed is counted when the timers have looked.
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    Shown {
        hash: cut.hash,
        violations: cut.violations,
        orders,
        retired: cut.retired,
        counts: engine.order_counts().await.unwrap(),
        businesses: engine.businesses(None, 100).await.unwrap().items,
        timers: engine.timers_armed(),
    }
}

/// Opens the folder as the journal alone and as each snapshot with the journal leave it: all show the same.
/// Answers how many snapshots there were, and how many records were passed over.
pub async fn assert_all_show(
    fs: &SimFs,
    live: &Shown,
    what: &str,
    config: impl Fn(&SimFs) -> Config,
) -> (usize, u64) {
    let snapshots = snapshots(fs);
    let mut skipped = 0;
    for kept in snapshots.iter().map(Some).chain([None]) {
        let image = with_only(fs, kept);
        let engine = Engine::open(config(&image)).await.unwrap();
        let report = engine.recovery();
        assert_eq!(report.loaded.as_ref().map(|loaded| &loaded.path), kept, "{what}: {:?}", report.refused);
        skipped += report.skipped;
        assert_eq!(shown(&engine).await, *live, "{what}, recovered from {kept:?}");
        assert_eq!(report.finished + report.undone + report.parked, 0, "{what}");
        engine.close().await.unwrap();
    }
    (snapshots.len(), skipped)
}
