//! What runs, in which order: every point and every look at memory in a process of its own.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use super::plan::{AtRest, Axis, Point, Resting, Setting, Task};
use super::result::{AxisFound, Outcome, RestingFound};
use super::{Arguments, at_rest, child};
use crate::latency::Quantiles;
use crate::process::{self, Need, Room};
use crate::raw_sync::RawSync;
use crate::store::DurabilityChoice;
use crate::{recover, report, snapshot};

/// How long the bare loop runs before an axis and behind it.
const RAW_FOR: Duration = Duration::from_millis(300);

/// Entities whose memory is measured, on top of as many.
const RESTING: u32 = 25_000;

/// What is looked at in memory.
const LOOKED_AT: [Resting; 6] = [
    Resting::Orders { lines: 1 },
    Resting::Orders { lines: 3 },
    Resting::Orders { lines: 10 },
    Resting::Skus { holds: 0 },
    Resting::Skus { holds: 1 },
    Resting::Skus { holds: 10 },
];

/// Holds of the hot SKU, and orders, of the stage about stalls; its rounds.
const STALL_HOLDS: u32 = 1_000_000;
const STALL_ORDERS: u32 = 100_000;
const STALL_ROUNDS: u32 = 2;

/// Memory that a SKU takes while it is an actor, and that one of its movements takes on the disk, in bytes.
const MEMORY_BYTES_SKU: u64 = 8_000;
const DISK_BYTES_SKU: u64 = 400;

/// Runs what was asked for, and adds what was found.
pub(super) fn run(arguments: &Arguments, folder: &Path, outcome: &mut Outcome) -> Result<()> {
    for axis in Axis::OF_COMMANDS {
        if arguments.wants(axis) {
            outcome.axes.push(along(axis, arguments, folder, &mut outcome.left_out)?);
        }
    }
    if arguments.wants(Axis::Memory) {
        for resting in LOOKED_AT {
            outcome.memory.push(look_at(resting, arguments, folder)?);
        }
    }
    if arguments.wants(Axis::Recovery) {
        recoveries(arguments, folder, outcome)?;
    }
    if arguments.wants(Axis::Stall) {
        report::note("the longest wait of a read, with and without snapshots …");
        let sizes = [STALL_HOLDS, STALL_ORDERS].map(|size| arguments.bounded(size));
        let data = made(folder, "stall")?;
        outcome.stall = snapshot::stall(&data, sizes, STALL_ROUNDS, arguments.seconds)?;
    }
    Ok(())
}

fn made(folder: &Path, name: &str) -> Result<std::path::PathBuf> {
    let data = folder.join(name);
    std::fs::create_dir(&data).with_context(|| format!("making {}", data.display()))?;
    Ok(data)
}

/// Lets a process work in a new folder, which is removed behind it.
fn within<T>(folder: &Path, arguments: &Arguments, work: impl FnOnce(Setting) -> Result<T>) -> Result<T> {
    let data = made(folder, "engine")?;
    let found = work(Setting {
        folder: data.clone(),
        durability: arguments.durability,
        workers: arguments.workers,
        seed: arguments.seed,
    })?;
    std::fs::remove_dir_all(&data).with_context(|| format!("removing {}", data.display()))?;
    Ok(found)
}

/// What the disk can do, where answers wait for it.
fn raw_sync(arguments: &Arguments, folder: &Path) -> Result<Option<Quantiles>> {
    if arguments.durability != DurabilityChoice::Disk {
        return Ok(None);
    }
    Ok(Some(Quantiles::of(&RawSync::new(folder)?.measure(RAW_FOR)?)))
}

fn along(axis: Axis, arguments: &Arguments, folder: &Path, left_out: &mut Vec<String>) -> Result<AxisFound> {
    let mut found = AxisFound::new(axis);
    found.raw_sync.extend(raw_sync(arguments, folder)?);
    for point in axis.points(arguments) {
        let has = arguments.base().at(axis, point);
        let what = format!("{} {}", report::count(u64::from(point)), axis.title());
        if has.lines > has.skus {
            left_out.push(format!("{what}: each line needs a SKU of its own, and there are {}", has.skus));
            continue;
        }
        let orders = recover::need(u64::from(has.orders), u64::from(super::plan::LINES_BUILT));
        let need = Need {
            memory_bytes: orders.memory_bytes + u64::from(has.skus) * MEMORY_BYTES_SKU,
            disk_bytes: orders.disk_bytes + u64::from(has.skus) * DISK_BYTES_SKU,
        };
        if let Some(lack) = Room::look(folder).lacks(&what, need) {
            left_out.push(lack);
            continue;
        }
        report::note(&format!("{what} …"));
        let at: child::Found = within(folder, arguments, |setting| {
            let (commands, seconds) = (axis.commands(), arguments.seconds);
            process::ask("scale-child", &Task::Point(Point { setting, has, commands, seconds }))
        })?;
        found.points.push((has, at).into());
    }
    found.raw_sync.extend(raw_sync(arguments, folder)?);
    Ok(found)
}

fn look_at(resting: Resting, arguments: &Arguments, folder: &Path) -> Result<RestingFound> {
    let count = arguments.bounded(RESTING);
    report::note(&format!("memory of {} {} …", report::count(u64::from(count)), resting.name()));
    let found: at_rest::Found = within(folder, arguments, |setting| {
        process::ask("scale-child", &Task::AtRest(AtRest { setting, resting, count, skus: arguments.skus }))
    })?;
    Ok(RestingFound { resting, count, found })
}

fn recoveries(arguments: &Arguments, folder: &Path, outcome: &mut Outcome) -> Result<()> {
    for records in Axis::Recovery.points(arguments) {
        report::note(&format!("recovery of {} records …", report::count(u64::from(records))));
        let data = made(folder, "recovery")?;
        let plan =
            recover::Plan::of_records(records, data.join("engine"), arguments.durability, arguments.seed);
        match plan.lacks(folder) {
            Some(lack) => outcome.left_out.push(lack),
            None => outcome.recoveries.push(recover::measure(plan)?),
        }
        std::fs::remove_dir_all(&data).with_context(|| format!("removing {}", data.display()))?;
    }
    Ok(())
}
