//! An engine on a simulated file system, driven by the test's own runtime: the same run every time.

use std::sync::Arc;

use earmark::domain::time::Timestamp;
use earmark::port::fs_sim::SimFs;
use earmark::port::{ManualClock, SeededEntropy};
use earmark::{Config, Driver, Engine, Error};

pub(crate) const FOLDER: &str = "/engine";

/// Small, so that a short run changes segments.
pub(crate) const SEGMENT_BYTES: u64 = 32 << 10;

pub(crate) fn config(fs: &SimFs) -> Config {
    Config {
        fs: Arc::new(fs.clone()),
        driver: Driver::Task,
        clock: Arc::new(ManualClock::new(Timestamp::from_millis(1_000_000))),
        entropy: Arc::new(SeededEntropy::new(7)),
        segment_bytes: SEGMENT_BYTES,
        batch_bytes_max: 4 << 10,
        lines_per_order_max: 8,
        registry_shards: 2,
        ..Config::new(FOLDER)
    }
}

pub(crate) async fn try_open(fs: &SimFs) -> Result<Engine, Error> {
    Engine::open(config(fs)).await
}

pub(crate) async fn open(fs: &SimFs) -> Engine {
    try_open(fs).await.unwrap()
}
