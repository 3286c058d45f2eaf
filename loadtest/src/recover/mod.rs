//! Recovery at size: builds orders, kills the engine, and times what it takes to be back.
//!
//! A child process leads orders to where they rest, takes a snapshot on the way, says what the state is at
//! a cut, and goes on placing orders until the parent kills it with SIGKILL. What becomes of the folder then
//! is measured by processes that are started for nothing else, so that their memory is theirs alone: one
//! opens it from the snapshot, one opens a copy without snapshots, one rebuilds the state at the cut. The
//! copy shares the journal's finished segments by hard links and has its own of the others.
//!
//! - `workload`: what each order will do, drawn from the seed.
//! - `frame`: what the processes say to the parent.
//! - `build`, `open`: the processes.
//! - `parent`, `result`: who starts and kills them, and what came of it.

mod build;
mod copy;
mod frame;
mod open;
mod parent;
mod result;
mod workload;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::process::{Need, Room};
use crate::report;
use crate::store::DurabilityChoice;

pub(crate) use frame::Opened;
pub(crate) use parent::{measure, run};
pub(crate) use result::RecoverResult;

/// Memory that an order takes while it is recovered, and what each of its lines adds, in bytes: a third more than
/// was measured.
const MEMORY_BYTES_ORDER: u64 = 400;
const MEMORY_BYTES_LINE: u64 = 150;

/// The same on the disk: journal, snapshots, and the copy's share.
const DISK_BYTES_ORDER: u64 = 300;
const DISK_BYTES_LINE: u64 = 200;

/// Records that an order of [`Plan::of_records`] leaves in the journal, on average, in tenths: a placement over
/// three SKUs is seven, and some orders go on.
const TENTHS_OF_RECORDS_PER_ORDER: u64 = 93;

/// What so many orders need, about.
pub(crate) fn need(orders: u64, lines: u64) -> Need {
    Need {
        memory_bytes: orders * (MEMORY_BYTES_ORDER + lines * MEMORY_BYTES_LINE),
        disk_bytes: orders * (DISK_BYTES_ORDER + lines * DISK_BYTES_LINE),
    }
}

/// Arguments of `recover`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Orders to build before the kill. A million of three lines take about 0.9 GB of disk and 0.7 GB of memory; the run
    /// does not begin where they do not fit.
    #[arg(long, default_value_t = 200_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    orders: u32,
    /// Lines of each order, each of another SKU and one unit.
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    lines: u32,
    /// SKUs over which the lines are spread.
    #[arg(long, default_value_t = 10_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    skus: u32,
    /// How many in a hundred orders are led to their end: nine in ten of them paid, shipped and delivered, the
    /// others cancelled. Of those that stay open, with their holds, a third is paid for.
    #[arg(long, default_value_t = 30, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    share_finished: u8,
    /// A snapshot is taken, beside the load, when so many in a hundred orders are built.
    #[arg(long, default_value_t = 80, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(1..=100))]
    snapshot_at: u8,
    /// Orders in one call.
    #[arg(long, default_value_t = 1_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    batch: u32,
    /// Chooses SKUs, fates and the moment of the kill: the same seed, the same orders.
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// What an acknowledged answer survives.
    #[arg(long, value_enum, default_value_t)]
    durability: DurabilityChoice,
    /// Threads of the engine's runtime; one for each core when not given.
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
    /// An empty or new folder for the data, which is kept; a temporary one otherwise.
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Begin although memory or disk seem too small for so many orders.
    #[arg(long)]
    anyway: bool,
    /// Fail with exit code 1 when a goal is missed; a broken promise does so anyway.
    #[arg(long)]
    strict: bool,
    /// Write the JSON document of the run to this file too.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Print one JSON document instead of tables.
    #[arg(long)]
    json: bool,
}

/// What parent and children agree on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Plan {
    folder: PathBuf,
    durability: DurabilityChoice,
    workers: Option<usize>,
    orders: u32,
    lines: u32,
    skus: u32,
    share_finished: u8,
    snapshot_at: u8,
    batch: u32,
    seed: u64,
}

impl Plan {
    fn new(arguments: &Arguments, folder: PathBuf) -> Result<Self> {
        ensure!(
            arguments.durability != DurabilityChoice::Memory,
            "nothing survives a kill in memory; choose another durability"
        );
        ensure!(
            arguments.lines <= arguments.skus,
            "--lines must be at most --skus: each line has its own SKU"
        );
        Ok(Self {
            folder,
            durability: arguments.durability,
            workers: arguments.workers,
            orders: arguments.orders,
            lines: arguments.lines,
            skus: arguments.skus,
            share_finished: arguments.share_finished,
            snapshot_at: arguments.snapshot_at,
            batch: arguments.batch,
            seed: arguments.seed,
        })
    }

    /// Orders of three lines over a thousand SKUs whose journal has about so many records, with a snapshot when all
    /// of them are built.
    pub(crate) fn of_records(records: u32, folder: PathBuf, durability: DurabilityChoice, seed: u64) -> Self {
        let (lines, skus, share_finished, batch) = (3, 1_000, 30, 1_000);
        let (workers, snapshot_at) = (None, 100);
        let of_orders = u64::from(records.saturating_sub(skus)) * 10 / TENTHS_OF_RECORDS_PER_ORDER;
        let orders = u32::try_from(of_orders).unwrap_or(u32::MAX).max(1);
        Self { folder, durability, workers, orders, lines, skus, share_finished, snapshot_at, batch, seed }
    }

    /// What the run lacks on this machine, with its data in this folder; `None` when it fits.
    pub(crate) fn lacks(&self, folder: &Path) -> Option<String> {
        let (orders, lines) = (u64::from(self.orders), u64::from(self.lines));
        let what = format!("{} orders of {lines} lines", report::count(orders));
        Room::look(folder).lacks(&what, need(orders, lines))
    }

    /// Calls that it takes to place the orders.
    fn batches(&self) -> u32 {
        self.orders.div_ceil(self.batch)
    }
}

/// What a child is to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Task {
    /// Build the orders, and go on until killed.
    Build,
    /// Open the folder, prove what is in it, and close it.
    Open {
        /// The folder.
        folder: PathBuf,
        /// Batches behind the cut that were acknowledged, by number.
        acknowledged: Vec<u32>,
    },
    /// Rebuild the state behind a record from the journal alone.
    Rebuild {
        /// The record's sequence number.
        last: u64,
    },
}

/// Arguments of the hidden subcommand.
#[derive(Debug, clap::Args)]
pub(crate) struct ChildArguments {
    /// The plan, as JSON.
    plan: String,
    /// What to do, as JSON.
    task: String,
}

/// Does what the parent asks for, and reports on standard output.
pub(crate) fn run_child(arguments: &ChildArguments) -> Result<bool> {
    let plan: Plan = serde_json::from_str(&arguments.plan).context("reading the plan")?;
    let task: Task = serde_json::from_str(&arguments.task).context("reading the task")?;
    match task {
        Task::Build => build::run(plan)?,
        Task::Open { folder, acknowledged } => open::run(&plan, &folder, &acknowledged)?,
        Task::Rebuild { last } => open::rebuild(&plan, last)?,
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn plan(orders: u32) -> Plan {
        Plan {
            folder: PathBuf::new(),
            durability: DurabilityChoice::Process,
            workers: None,
            orders,
            lines: 3,
            skus: 100,
            share_finished: 30,
            snapshot_at: 80,
            batch: 100,
            seed: 7,
        }
    }

    #[test]
    fn the_last_batch_has_the_orders_that_are_left() {
        assert_eq!((plan(100).batches(), plan(101).batches()), (1, 2));
    }
}
