//! One round after the other.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Serialize;

use super::probe::{Probe, Waits};
use super::result::WorkloadResult;
use super::workload::Load;
use super::{Arguments, WorkloadName};
use crate::latency::Quantiles;
use crate::raw_sync::RawSync;
use crate::store::{self, DurabilityChoice};

/// How long the callers run before the first round.
const WARM_UP: Duration = Duration::from_secs(1);

/// Between two rounds: answers of one do not fall into the next.
const PAUSE: Duration = Duration::from_millis(200);

/// How long the bare loop runs before the first round and after the last.
const RAW_FOR: Duration = Duration::from_millis(700);

/// One round.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Round {
    /// Whether snapshots were taken.
    pub(crate) with_snapshot: bool,
    pub(crate) seconds: f64,
    /// Answers to callers in a second.
    pub(crate) per_second: f64,
    /// What the probe waited for answers.
    pub(crate) waits: Quantiles,
    /// How late the probe asked: what the machine took.
    pub(crate) lateness: Quantiles,
    /// Snapshots in the round.
    pub(crate) snapshots: Vec<Snapshot>,
}

/// A snapshot that was taken in a round.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Snapshot {
    pub(crate) millis: u64,
    pub(crate) bytes: u64,
    /// SKUs, orders and keys in it.
    pub(crate) entities: u64,
}

/// Builds a state and measures rounds on it.
pub(crate) fn run(name: WorkloadName, arguments: &Arguments, folder: &Path) -> Result<WorkloadResult> {
    let data = folder.join(format!("{name:?}").to_lowercase());
    std::fs::create_dir(&data).with_context(|| format!("making {}", data.display()))?;
    let mut raw = Vec::new();
    raw.extend(raw_sync(arguments, folder)?);
    let rounds = store::runtime(arguments.workers)?.block_on(measure(name, arguments, &data))?;
    if arguments.folder.is_none() {
        std::fs::remove_dir_all(&data).with_context(|| format!("removing {}", data.display()))?;
    }
    raw.extend(raw_sync(arguments, folder)?);
    Ok(WorkloadResult::of(name, rounds, raw))
}

/// What the disk can do, where answers wait for it.
fn raw_sync(arguments: &Arguments, folder: &Path) -> Result<Option<Quantiles>> {
    if arguments.durability != DurabilityChoice::Disk {
        return Ok(None);
    }
    Ok(Some(Quantiles::of(&RawSync::new(folder)?.measure(RAW_FOR)?)))
}

async fn measure(name: WorkloadName, arguments: &Arguments, data: &Path) -> Result<Vec<Round>> {
    let bound = (arguments.megabytes_per_second > 0).then_some(arguments.megabytes_per_second * 1_000_000);
    let engine = store::open_with(data, arguments.durability, |config| {
        config.snapshot_every_bytes = None;
        config.snapshot_bytes_per_second_max = bound;
    })
    .await?;
    let load = Load::build(engine.clone(), name, arguments).await?;
    let callers: Vec<_> =
        (0..arguments.callers).map(|caller| tokio::spawn(load.clone().call(caller))).collect();
    let probe = Probe::start(load.engine().clone(), Arc::clone(load.skus()), arguments.probe_rate);
    tokio::time::sleep(WARM_UP).await;
    let mut rounds = Vec::new();
    let seconds = Duration::from_secs_f64(arguments.seconds);
    for number in 0..arguments.rounds {
        // Without and with, then with and without: what grows from round to round falls on both alike.
        let first = number % 2 == 1;
        for with_snapshot in [first, !first] {
            rounds.push(one(&load, &probe, seconds, with_snapshot).await?);
        }
    }
    load.stop();
    for caller in callers {
        caller.await.context("a caller panicked")??;
    }
    probe.stop()?;
    drop(load);
    engine.close().await.context("closing the engine")?;
    Ok(rounds)
}

async fn one(load: &Load, probe: &Probe, seconds: Duration, with_snapshot: bool) -> Result<Round> {
    let noted = probe.begin()?;
    let (began, before) = (Instant::now(), load.answered());
    let mut snapshots = Vec::new();
    if with_snapshot {
        while began.elapsed() < seconds {
            let report = load.engine().snapshot().await.context("taking a snapshot")?;
            let entities = report.skus + report.orders + report.keys;
            snapshots.push(Snapshot { millis: report.millis, bytes: report.bytes, entities });
        }
    } else {
        tokio::time::sleep(seconds).await;
    }
    let (took, answered) = (began.elapsed().as_secs_f64(), load.answered() - before);
    probe.pause();
    // Questions that are still open belong to the round.
    tokio::time::sleep(PAUSE).await;
    let (waits, lateness) = quantiles(&noted);
    let per_second = crate::report::rate(answered, took);
    Ok(Round { with_snapshot, seconds: took, per_second, waits, lateness, snapshots })
}

/// What was noted: waits, and how late was asked.
pub(crate) fn quantiles(noted: &Mutex<Waits>) -> (Quantiles, Quantiles) {
    let noted = noted.lock().unwrap_or_else(PoisonError::into_inner);
    (Quantiles::of(&noted.waits), Quantiles::of(&noted.lateness))
}
