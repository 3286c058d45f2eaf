//! `earmark snapshot`: the one command that writes. It opens the engine on a folder that is not in use, takes a
//! snapshot, and closes the engine again.

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::out::{Exit, Failure, Out};
use super::words::{bytes, count, grouped};
use crate::config::Config;
use crate::engine::{Engine, RecoveryReport, SnapshotReport};
use crate::error::Error;
use crate::journal::LogError;
use crate::port::fs::RealFs;
use crate::replay::Folder;

#[derive(Serialize)]
struct SnapshotJson<'a> {
    folder: &'a str,
    path: String,
    low: u64,
    high: u64,
    orders: u64,
    skus: u64,
    keys: u64,
    bytes: u64,
    millis: u64,
    replayed: u64,
    finished: u64,
    undone: u64,
    parked: u64,
    unusable: Vec<UnusableJson>,
}

#[derive(Serialize)]
struct UnusableJson {
    path: String,
    reason: String,
}

pub(super) fn run(path: &Path, out: &mut Out) -> Result<Exit, Failure> {
    // An engine would make a journal where there is none.
    let folder = Folder::open(Arc::new(RealFs), path)?;
    let name = folder.path().display().to_string();
    if folder.in_use() {
        return Err(in_use(&name));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .map_err(|error| Failure::Unreadable(format!("no threads can be started: {error}")))?;
    let (report, recovery) = runtime.block_on(take(path)).map_err(|error| match error {
        Error::Journal(LogError::InUse { .. }) => in_use(&name),
        error => Failure::Unreadable(format!("no snapshot of {name} was taken: {error}")),
    })?;
    if out.is_json() {
        out.json(&json(&name, &report, &recovery));
    } else {
        text(&name, &report, &recovery, out);
    }
    Ok(Exit::Fine)
}

fn in_use(name: &str) -> Failure {
    Failure::InUse(format!("{name} is in use by an engine; ask that one for a snapshot"))
}

async fn take(path: &Path) -> Result<(SnapshotReport, RecoveryReport), Error> {
    let config = Config {
        snapshot_every_bytes: None,
        snapshot_every_ms: None,
        snapshot_bytes_per_second_max: None,
        ..Config::new(path)
    };
    let engine = Engine::open(config).await?;
    let recovery = engine.recovery().clone();
    let taken = engine.snapshot().await;
    // Closing says why the engine halted, if it did.
    engine.close().await?;
    Ok((taken?, recovery))
}

fn json<'a>(name: &'a str, report: &SnapshotReport, recovery: &RecoveryReport) -> SnapshotJson<'a> {
    let unusable = recovery.refused.iter().map(|refused| UnusableJson {
        path: refused.path.display().to_string(),
        reason: refused.reason.clone(),
    });
    SnapshotJson {
        folder: name,
        path: report.path.display().to_string(),
        low: report.low,
        high: report.high,
        orders: report.orders,
        skus: report.skus,
        keys: report.keys,
        bytes: report.bytes,
        millis: report.millis,
        replayed: recovery.records,
        finished: recovery.finished,
        undone: recovery.undone,
        parked: recovery.parked,
        unusable: unusable.collect(),
    }
}

fn text(name: &str, report: &SnapshotReport, recovery: &RecoveryReport, out: &mut Out) {
    let file = report.path.file_name().map_or_else(String::new, |file| file.to_string_lossy().into_owned());
    out.line(format_args!("{name}: {file} was written, {}", bytes(report.bytes)));
    let begun = recovery.loaded.as_ref().map_or_else(
        || "the journal alone".to_owned(),
        |loaded| format!("the snapshot {}", loaded.path.display()),
    );
    out.line(format_args!("  opened      from {begun}, {} replayed", count(recovery.records, "record")));
    for refused in &recovery.refused {
        out.line(format_args!("  not usable  {}: {}", refused.path.display(), refused.reason));
    }
    let open = recovery.finished + recovery.undone + recovery.parked;
    if open > 0 {
        out.line(format_args!(
            "  in flight   {} orders finished, {} undone, {} parked",
            grouped(recovery.finished),
            grouped(recovery.undone),
            grouped(recovery.parked)
        ));
    }
    out.line(format_args!(
        "  holds       {}, {}, {}",
        count(report.orders, "order"),
        count(report.skus, "SKU"),
        count(report.keys, "answered key")
    ));
    out.line(format_args!("  goes on     from record {}", grouped(report.low)));
}
