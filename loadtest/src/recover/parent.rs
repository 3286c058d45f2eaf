//! The parent: starts the processes, kills the one that builds, and holds against each other what they say.

use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::Child;

use anyhow::{Context, Result, bail};

use super::frame::{AtCut, Frame, Opened, Rebuilt, SnapshotTaken, hear};
use super::result::{Killed, RecoverResult};
use super::workload::{Fate, Workload};
use super::{Arguments, Plan, Task, copy};
use crate::process;
use crate::progress::Progress;
use crate::report::{self, Promise};
use crate::store::Folder;

/// Acknowledged batches behind the cut before the kill, at least and at most.
const KILL_AFTER: std::ops::Range<u64> = 5..60;

/// What the building process said before it was killed.
#[derive(Default)]
struct Built {
    cut: Option<AtCut>,
    snapshot: Option<SnapshotTaken>,
    acknowledged: Vec<u32>,
    faults: Vec<String>,
    killed: bool,
}

/// Builds, kills, recovers, compares; `true` when every promise was kept.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let folder = Folder::take(arguments.folder.as_deref())?;
    let plan = Plan::new(arguments, folder.path().join("engine"))?;
    if !arguments.anyway
        && let Some(lack) = plan.lacks(folder.path())
    {
        bail!("{lack}; ask for fewer orders, name a --folder on another disk, or begin --anyway");
    }
    if !arguments.json {
        report::line(&format!(
            "{} orders of {} lines over {} SKUs, {} % of them finished, a snapshot at {} %, durability {:?}, in {}",
            report::count(u64::from(plan.orders)),
            plan.lines,
            report::count(u64::from(plan.skus)),
            plan.share_finished,
            plan.snapshot_at,
            plan.durability,
            plan.folder.display(),
        ));
    }
    let mut result = measure(plan)?;
    result.judge();
    if let Some(path) = &arguments.report {
        let text = serde_json::to_string_pretty(&result)?;
        std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    if arguments.json {
        report::json(&result)?;
    } else {
        result.print();
        report::kept_data(&folder, &result.plan.folder);
    }
    Ok(result.is_kept() && (!arguments.strict || result.goals_are_met()))
}

/// Builds, kills, recovers and compares, in the plan's folder and beside it.
pub(crate) fn measure(plan: Plan) -> Result<RecoverResult> {
    let copied = plan.folder.with_file_name("journal-alone");
    let built = build(&plan)?;
    let Some(cut) = built.cut else { bail!("the engine's process did not come to its cut") };
    let Some(snapshot) = built.snapshot else { bail!("the engine's process took no snapshot") };
    let killed =
        Killed { acknowledged: built.acknowledged.len() as u64, journal_bytes: bytes(&plan.folder)? };
    let phase = Progress::new("bytes", None);
    phase.event("the engine was killed (SIGKILL); opening its folder from the snapshot");
    phase.finish();
    let with_snapshot = open(&plan, plan.folder.clone(), &built.acknowledged)?;
    report::note("opening the journal alone, in a copy without the snapshot");
    copy::without_snapshots(&plan.folder, &copied)?;
    let alone = open(&plan, copied.clone(), &built.acknowledged)?;
    std::fs::remove_dir_all(&copied).with_context(|| format!("removing {}", copied.display()))?;
    report::note("rebuilding the state at the cut, by reading alone");
    let rebuilt = rebuild(&plan, cut.sequence.saturating_sub(1))?;

    let mut promises = promises(&plan, &cut, &with_snapshot, &alone, &rebuilt)?;
    promises.insert(0, Promise::from_differences("every command was answered as it should be", built.faults));
    promises.insert(
        1,
        Promise::from_check("the engine was killed while it placed orders", built.killed, || {
            "its process ended before the kill".to_owned()
        }),
    );
    let goals = Vec::new();
    Ok(RecoverResult { plan, cut, snapshot, killed, with_snapshot, alone, rebuilt, goals, promises })
}

/// Lets a child build until it is killed.
fn build(plan: &Plan) -> Result<Built> {
    let mut built = Built::default();
    let mut progress = Progress::new("orders", Some(u64::from(plan.orders)));
    let mut child = start(plan, &Task::Build)?;
    let mut pipe = pipe_of(&mut child)?;
    let kill_after = KILL_AFTER.start + plan.seed % (KILL_AFTER.end - KILL_AFTER.start);
    // After the kill the loop goes on to the end of the pipe: what is in it was acknowledged.
    while let Some(frame) = hear(&mut pipe)? {
        match frame {
            Frame::Built(orders) => progress.at(orders),
            Frame::Snapshot(snapshot) => {
                progress.event(&format!(
                    "snapshot of {} orders: {} bytes in {} ms, beside the load",
                    report::count(snapshot.orders),
                    report::count(snapshot.bytes),
                    report::count(snapshot.millis)
                ));
                built.snapshot = Some(snapshot);
            }
            Frame::Cut(cut) => built.cut = Some(*cut),
            Frame::Acknowledged(batch) => built.acknowledged.push(batch),
            Frame::Fault(text) => built.faults.push(text),
            Frame::Reading(..) | Frame::Opened(_) | Frame::Rebuilt(_) => bail!("the child lost its way"),
        }
        if !built.killed && built.acknowledged.len() as u64 >= kill_after {
            // On Unix this is SIGKILL: the child gets no chance to tidy up.
            child.kill().context("killing the child")?;
            built.killed = true;
        }
    }
    let status = child.wait().context("waiting for the child")?;
    progress.finish();
    if !built.killed {
        bail!("the engine's process ended with {status} before it was killed; see its message above");
    }
    Ok(built)
}

/// Lets a child open a folder and prove what is in it.
fn open(plan: &Plan, folder: PathBuf, acknowledged: &[u32]) -> Result<Opened> {
    let mut opened = None;
    listen(plan, &Task::Open { folder, acknowledged: acknowledged.to_vec() }, |frame| {
        if let Frame::Opened(found) = frame {
            opened = Some(*found);
        }
    })?;
    opened.context("the process that opened the folder said nothing of it")
}

fn rebuild(plan: &Plan, last: u64) -> Result<Rebuilt> {
    let mut rebuilt = None;
    listen(plan, &Task::Rebuild { last }, |frame| {
        if let Frame::Rebuilt(found) = frame {
            rebuilt = Some(found);
        }
    })?;
    rebuilt.context("the process that rebuilt the state said nothing of it")
}

/// Runs a child to its end.
fn listen(plan: &Plan, task: &Task, mut take: impl FnMut(Frame)) -> Result<()> {
    let mut child = start(plan, task)?;
    let mut pipe = pipe_of(&mut child)?;
    let mut progress = Progress::new("bytes read", None);
    while let Some(frame) = hear(&mut pipe)? {
        match frame {
            Frame::Reading(done, total) => {
                progress.at(done);
                progress.recovering(done, total);
            }
            frame => take(frame),
        }
    }
    progress.finish();
    let status = child.wait().context("waiting for the child")?;
    if !status.success() {
        bail!("a process that looked at the folder ended with {status}; see its message above");
    }
    Ok(())
}

fn start(plan: &Plan, task: &Task) -> Result<Child> {
    process::start("recover-child", &[serde_json::to_string(plan)?, serde_json::to_string(task)?])
}

fn pipe_of(child: &mut Child) -> Result<BufReader<std::process::ChildStdout>> {
    Ok(BufReader::new(child.stdout.take().context("the child has no standard output")?))
}

/// Bytes of the journal in a folder.
fn bytes(folder: &Path) -> Result<u64> {
    let mut sum = 0;
    for entry in std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().ends_with(".seg") {
            sum += entry.metadata()?.len();
        }
    }
    Ok(sum)
}

fn promises(
    plan: &Plan,
    cut: &AtCut,
    with_snapshot: &Opened,
    alone: &Opened,
    rebuilt: &Rebuilt,
) -> Result<Vec<Promise>> {
    let differs = |one: &String, other: &String| format!("{one} instead of {other}");
    let began = with_snapshot.loaded.is_some() && with_snapshot.refused.is_empty();
    let mut promises = vec![
        Promise::from_check("recovery began with the snapshot", began, || {
            format!("it did not: {}", with_snapshot.refused.join("; "))
        }),
        Promise::from_check("the copy was recovered from the journal alone", alone.loaded.is_none(), || {
            "there was a snapshot".to_owned()
        }),
        Promise::from_check(
            "the state at the cut, rebuilt from the journal, is the one that the engine had",
            rebuilt.state_hash == cut.state_hash,
            || differs(&rebuilt.state_hash, &cut.state_hash),
        ),
        Promise::from_check(
            "the state after the kill is the same from the snapshot and from the journal alone",
            with_snapshot.state_hash == alone.state_hash,
            || differs(&alone.state_hash, &with_snapshot.state_hash),
        ),
        Promise::from_differences("the units at the cut are those of the orders", units(plan, cut)?),
    ];
    for (name, opened) in [
        ("from the snapshot: every acknowledged order is there, in its state", with_snapshot),
        ("from the journal alone: every acknowledged order is there, in its state", alone),
    ] {
        promises.push(Promise {
            name,
            differences: opened.lost.clone(),
            difference_count: usize::try_from(opened.lost_count).unwrap_or(usize::MAX),
        });
    }
    for (name, opened) in [
        ("from the snapshot: nothing oversold, no unit lost", with_snapshot),
        ("from the journal alone: nothing oversold, no unit lost", alone),
    ] {
        promises.push(Promise::from_differences(name, opened.broken_skus.clone()));
    }
    if let (Some(one), Some(other)) = (&with_snapshot.audit, &alone.audit) {
        let found = one.iter().chain(other).cloned();
        promises.push(Promise::from_differences("the engine's own invariants hold", found));
    }
    Ok(promises)
}

/// How the units on the books at the cut differ from what the orders were led to.
fn units(plan: &Plan, cut: &AtCut) -> Result<Vec<String>> {
    let workload = Workload::new(plan)?;
    let mut expected = [0_u128; 3];
    for number in 0..plan.orders {
        let [reserved, committed, shipped] = &mut expected;
        let place = match workload.fate(number) {
            Fate::Reserved => reserved,
            Fate::Paid => committed,
            Fate::Delivered => shipped,
            Fate::Cancelled => continue,
        };
        *place += u128::from(plan.lines);
    }
    let names = ["reserved", "committed", "shipped"];
    let pairs = names.iter().zip(expected.iter().zip(&cut.units));
    let differ = pairs.filter(|(_, (expected, found))| expected != found);
    Ok(differ
        .map(|(name, (expected, found))| format!("{found} units {name} instead of {expected}"))
        .collect())
}
