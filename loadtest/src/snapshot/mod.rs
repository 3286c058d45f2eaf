//! What a snapshot costs those who work meanwhile.
//!
//! Callers as closed loops keep an engine busy. Rounds without a snapshot and rounds in which one is taken after
//! the other alternate, in an order that turns round each time, so that whatever drifts (a state that grows, a
//! machine that others use) falls on both alike. Beside the callers a probe asks a SKU for its counters at a
//! fixed rate, whatever became of its last question (open loop): the longest it waits for an answer is the longest
//! that an actor stood still, with the queue in front of it.
//!
//! Waits are measured at durability `process` unless another is asked for: there no answer waits for a sync.
//! With `disk` they hold the syncs of the journal, and a bare loop of appends and syncs beside it says how long
//! those take by themselves.
//!
//! - `workload`: who calls, what for.
//! - `probe`: who asks and waits.
//! - `rounds`: one round after the other.
//! - `result`: medians, ratios and goals.

pub(crate) mod probe;
mod result;
mod rounds;
mod workload;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::{Args as _, FromArgMatches as _, ValueEnum};
use serde::Serialize;

pub(crate) use result::WorkloadResult;
pub(crate) use rounds::quantiles;

use crate::report;
use crate::store::{DurabilityChoice, Folder};

/// Arguments of `snapshot`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Run only these workloads; all when not given.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "WORKLOAD")]
    only: Vec<WorkloadName>,
    /// Holds of the hot SKU.
    #[arg(long, default_value_t = 1_000_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    holds: u32,
    /// Orders that are there before the first round of placements.
    #[arg(long, default_value_t = 100_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    orders: u32,
    /// SKUs over which the placements are spread, three lines each.
    #[arg(long, default_value_t = 10_000, value_name = "N", value_parser = clap::value_parser!(u32).range(3..=1_000_000))]
    skus: u32,
    /// Callers that ask at the same time.
    #[arg(long, default_value_t = 64, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    callers: u32,
    /// Rounds without a snapshot, and as many with one.
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rounds: u32,
    /// Seconds of a round; one with snapshots ends with its last snapshot.
    #[arg(long, default_value_t = 3.0, value_name = "N", value_parser = crate::bench::parse_seconds)]
    seconds: f64,
    /// Questions of the probe in a second.
    #[arg(long, default_value_t = 500, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    probe_rate: u32,
    /// Bytes that a snapshot may write in a second, in megabytes; 0 sets no bound.
    #[arg(long, default_value_t = 134, value_name = "N")]
    megabytes_per_second: u64,
    /// What an acknowledged answer survives; with `disk`, waits hold the journal's syncs.
    #[arg(long, value_enum, default_value = "process")]
    durability: DurabilityChoice,
    /// Threads of the engine's runtime, which callers share; one for each core when not given.
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
    /// An empty or new folder for the data, which is kept; a temporary one otherwise.
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Fail with exit code 1 when a goal is missed.
    #[arg(long)]
    strict: bool,
    /// Write the JSON document of the run to this file too.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Print one JSON document instead of tables.
    #[arg(long)]
    json: bool,
}

/// The workloads, in the order in which they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WorkloadName {
    /// Carts reserve and release units of one SKU that has many holds.
    Hot,
    /// Orders of three lines are placed over many SKUs.
    Spread,
}

/// The longest wait of a read of a SKU, as [`run`] measures it, on one SKU with so many holds and over so many
/// orders: what every workload came to.
pub(crate) fn stall(
    folder: &Path,
    [holds, orders]: [u32; 2],
    rounds: u32,
    seconds: f64,
) -> Result<Vec<WorkloadResult>> {
    let arguments = Arguments { holds, orders, rounds, seconds, ..defaults()? };
    WorkloadName::value_variants().iter().map(|name| rounds::run(*name, &arguments, folder)).collect()
}

/// The arguments of a call without any.
fn defaults() -> Result<Arguments> {
    let command = Arguments::augment_args(clap::Command::new("snapshot").no_binary_name(true));
    Ok(Arguments::from_arg_matches(&command.try_get_matches_from::<_, &str>([])?)?)
}

impl WorkloadName {
    /// What it is, in words.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Hot => "reservations of one SKU with many holds",
            Self::Spread => "placements over many SKUs",
        }
    }
}

/// Runs the workloads; `true` unless `--strict` was given and a goal was missed.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    ensure!(
        arguments.durability != DurabilityChoice::Memory,
        "an engine in memory takes no snapshots; choose another durability"
    );
    let folder = Folder::take(arguments.folder.as_deref())?;
    let mut outcome = result::Outcome::new(arguments);
    for name in WorkloadName::value_variants() {
        if arguments.only.is_empty() || arguments.only.contains(name) {
            report::note(&format!("workload {name:?} …"));
            outcome.workloads.push(rounds::run(*name, arguments, folder.path())?);
        }
    }
    if let Some(path) = &arguments.report {
        let text = serde_json::to_string_pretty(&outcome)?;
        std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    if arguments.json {
        report::json(&outcome)?;
    } else {
        outcome.print();
        if folder.is_kept() {
            report::line(&format!("\nThe data is in {}.", folder.path().display()));
        }
    }
    Ok(!arguments.strict || outcome.goals_are_met())
}
