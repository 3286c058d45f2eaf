//! `earmark crash-sweep`: cuts a copy of a journal wherever a crash could have cut it, and recovers each time.

mod check;
mod image;
mod points;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::out::{Exit, Failure, Out};
use super::source::now_millis;
use super::words::{count, grouped};
use crate::domain::time::Timestamp;
use crate::journal::segment;
use crate::port::fs::{Fs, RealFs};
use crate::replay::{Folder, Until};
use crate::snapshot;
use check::Settled;
use image::{Original, Taken};
use points::{Cut, Frames, Payloads};

/// Findings that are kept.
const FINDINGS_MAX: usize = 100;

/// How much is swept.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct Extent {
    /// Cuts behind a record, evenly spread where the journal has more; the last hundred records are always among them
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..))]
    records: u64,
    /// Cuts within the last batch, evenly spread where it has more bytes
    #[arg(long, value_name = "N", default_value_t = 200)]
    bytes: u64,
    /// Recover from the journal alone, without the folder's snapshots
    #[arg(long)]
    without_snapshots: bool,
    /// Recoveries side by side
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: u8,
    /// Print the result as a table in Markdown
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
}

#[derive(Debug, Default, Serialize)]
struct SweepJson<'a> {
    folder: &'a str,
    ok: bool,
    records: u64,
    /// Cuts behind a record, that before the first one included.
    record_cuts: u64,
    /// Cuts within the last batch.
    byte_cuts: u64,
    /// Recoveries: each cut is recovered twice.
    recoveries: u64,
    /// Orders between two steps that recovery finished, over all cuts.
    finished: u64,
    /// Orders between two steps that recovery undid, over all cuts.
    undone: u64,
    findings: Vec<FindingJson>,
    findings_total: u64,
    millis: u64,
}

#[derive(Clone, Debug, Serialize)]
struct FindingJson {
    /// The last record before the cut.
    sequence: u64,
    /// How many bytes of the batch behind it were left, where it was cut within one.
    bytes: Option<u64>,
    what: String,
}

/// What the sweep has found so far.
#[derive(Default)]
struct Found {
    settled: Settled,
    findings: Vec<FindingJson>,
    total: u64,
}

pub(super) fn run(path: &Path, extent: Extent, out: &mut Out) -> Result<Exit, Failure> {
    let mut folder = Folder::open(Arc::new(RealFs), path)?;
    let name = folder.path().display().to_string();
    if folder.in_use() {
        return Err(Failure::InUse(format!("{name} is in use by an engine; sweep a copy of it")));
    }
    let (original, cuts) = prepare(&mut folder, path, extent)?;
    let began = now_millis();
    let found = sweep(&original, &cuts, extent.jobs)?;
    let millis = now_millis().saturating_sub(began).max(1);
    let byte_cuts = cuts.iter().filter(|cut| matches!(cut, Cut::Byte { .. })).count() as u64;
    let report = SweepJson {
        folder: &name,
        ok: found.total == 0,
        records: original.frames.iter().map(|frame| u64::from(frame.count)).sum(),
        record_cuts: cuts.len() as u64 - byte_cuts,
        byte_cuts,
        recoveries: 2 * cuts.len() as u64,
        finished: found.settled.finished,
        undone: found.settled.undone,
        findings: found.findings,
        findings_total: found.total,
        millis,
    };
    if out.is_json() {
        out.json(&report);
    } else if extent.markdown {
        table(&report, out);
    } else {
        text(&report, out);
    }
    Ok(if report.ok { Exit::Fine } else { Exit::Wrong })
}

/// Reads where the journal can be cut, and chooses.
fn prepare(folder: &mut Folder, path: &Path, extent: Extent) -> Result<(Original, Vec<Cut>), Failure> {
    let mut frames = Frames::default();
    folder.replay(0, Until::End, &mut frames, &mut |_| ()).complete()?;
    let cuts = points::choose(&frames.0, extent.records, extent.bytes);
    let partial = |cut: &Cut| match cut {
        Cut::Record { frame, kept } => frames.0.get(*frame).filter(|frame| *kept < frame.count),
        _ => None,
    };
    let wanted: BTreeSet<u64> = cuts.iter().filter_map(partial).map(|frame| frame.first).collect();
    let mut payloads = Payloads { wanted: &wanted, found: BTreeMap::new() };
    folder.replay(0, Until::End, &mut payloads, &mut |_| ()).complete()?;
    let entries =
        RealFs.list(path).map_err(|error| Failure::Unreadable(format!("{}: {error}", path.display())))?;
    let segments = entries.into_iter().filter_map(|entry| {
        let first = segment::first_sequence_of(&entry.name)?;
        Some((entry.name, first))
    });
    let mut snapshots = Vec::new();
    if !extent.without_snapshots {
        for listed in folder.snapshots()? {
            // A snapshot that cannot be used is passed over, as recovery does.
            if let Ok((header, footer)) = snapshot::verify(&RealFs, &listed.path) {
                let (low, high) = (header.low.cursor.sequence, footer.high.sequence);
                let batch = header.low.batch;
                snapshots.push(Taken { path: listed.path, low, high, batch });
            }
        }
    }
    let first = folder.first_sequence()?;
    let oldest = snapshots.iter().map(|taken| taken.high).min();
    if first > 1 && oldest.is_none() {
        return Err(Failure::Unreadable(format!(
            "{}: the journal begins with record {first}, and no snapshot stands under it",
            path.display()
        )));
    }
    let original = Original {
        folder: path.to_path_buf(),
        segments: segments.collect(),
        snapshots,
        payloads: payloads.found,
        frames: frames.0,
        read: Mutex::default(),
    };
    // Before the oldest snapshot was complete, the journal still had its beginning.
    let from = oldest.filter(|_| first > 1).unwrap_or(0);
    let cuts = cuts.into_iter().filter(|cut| original.last_record(*cut) + 1 >= from).collect();
    Ok((original, cuts))
}

fn sweep(original: &Original, cuts: &[Cut], jobs: u8) -> Result<Found, Failure> {
    let bar = ProgressBar::with_draw_target(Some(cuts.len() as u64), ProgressDrawTarget::stderr_with_hz(10));
    let style = ProgressStyle::with_template("{bar:40} {pos} of {len} cuts, {eta} left {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let (next, found) = (AtomicUsize::new(0), Mutex::new(Found::default()));
    let work = || -> Result<(), String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|error| format!("no runtime can be started: {error}"))?;
        while let Some(cut) = cuts.get(next.fetch_add(1, Ordering::Relaxed)) {
            let outcome = runtime.block_on(one(original, *cut));
            note(&found, original, *cut, outcome);
            bar.inc(1);
        }
        Ok(())
    };
    let ended = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        let ended: Vec<_> = threads.into_iter().map(|it| it.join()).collect();
        ended
    });
    bar.finish_and_clear();
    for thread in ended {
        match thread {
            Ok(ended) => ended.map_err(Failure::Unreadable)?,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
    Ok(found.into_inner().unwrap_or_else(PoisonError::into_inner))
}

async fn one(original: &Original, cut: Cut) -> Result<Settled, Vec<String>> {
    let image = original.image(cut).map_err(|problem| vec![problem])?;
    let at = match cut {
        Cut::Start => Timestamp::from_millis(0),
        Cut::Record { frame, .. } | Cut::Byte { frame, .. } => {
            original.frames.get(frame).map_or(Timestamp::from_millis(0), |frame| frame.at)
        }
    };
    check::check(&image, &original.folder, original.last_record(cut), at).await
}

fn note(found: &Mutex<Found>, original: &Original, cut: Cut, outcome: Result<Settled, Vec<String>>) {
    let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
    match outcome {
        Ok(settled) => {
            found.settled.finished += settled.finished;
            found.settled.undone += settled.undone;
        }
        Err(wrong) => {
            found.total += wrong.len() as u64;
            let left = FINDINGS_MAX.saturating_sub(found.findings.len());
            let sequence = original.last_record(cut);
            let bytes = if let Cut::Byte { kept, .. } = cut { Some(kept) } else { None };
            let findings = wrong.into_iter().map(|what| FindingJson { sequence, bytes, what });
            found.findings.extend(findings.take(left));
        }
    }
}

fn table(report: &SweepJson<'_>, out: &mut Out) {
    out.line(format_args!("| crash points |  |"));
    out.line(format_args!("| --- | --- |"));
    for (what, number) in [
        ("records of the journal", report.records),
        ("cuts behind a record", report.record_cuts),
        ("cuts within the last batch", report.byte_cuts),
        ("recoveries", report.recoveries),
        ("orders that recovery finished, over all cuts", report.finished),
        ("orders that recovery undid, over all cuts", report.undone),
        ("cuts that lost something, or left something half done", report.findings_total),
        ("milliseconds", report.millis),
    ] {
        out.line(format_args!("| {what} | {} |", grouped(number)));
    }
}

fn text(report: &SweepJson<'_>, out: &mut Out) {
    let verdict = if report.ok { "every cut recovers" } else { "WRONG" };
    out.line(format_args!("{}: {verdict}", report.folder));
    out.line(format_args!(
        "  cuts        {} behind a record (of {}), {} within the last batch; each recovered twice",
        grouped(report.record_cuts),
        count(report.records, "record"),
        grouped(report.byte_cuts)
    ));
    out.line(format_args!(
        "  in flight   {} orders finished, {} undone, over all cuts",
        grouped(report.finished),
        grouped(report.undone)
    ));
    out.line(format_args!("  took        {} ms", grouped(report.millis)));
    for finding in report.findings.iter().take(10) {
        let within = finding.bytes.map_or(String::new(), |bytes| format!(" and {bytes} bytes of a batch"));
        out.line(format_args!("WRONG: behind record {}{within}: {}", finding.sequence, finding.what));
    }
    let more = report.findings_total.saturating_sub(10);
    if more > 0 {
        out.line(format_args!("… and {} more", grouped(more)));
    }
}
