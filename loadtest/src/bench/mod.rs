//! Throughput and latency, held against what the disk itself can do in the same minute.
//!
//! Every stage opens an engine of its own in a new folder, lets its callers run warm, and then counts for
//! a fixed time. Callers are closed loops: each asks again as soon as it was answered, so a latency is
//! what one caller waits with so many others beside it. The raw append-and-sync loop runs right before
//! and right after each stage, on the same disk.

pub(crate) mod callers;
mod result;
mod stage;
mod stages;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::ValueEnum;
use serde::Serialize;

use crate::report;
use crate::store::{DurabilityChoice, Folder, WritePathChoice};

/// Arguments of `bench`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Run only these stages; all when not given.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "STAGE")]
    only: Vec<StageName>,
    /// Seconds for which each stage counts.
    #[arg(long, default_value_t = 5.0, value_name = "N", value_parser = parse_seconds)]
    seconds: f64,
    /// Seconds for which each stage runs before it counts.
    #[arg(long, default_value_t = 1.0, value_name = "N", value_parser = parse_seconds)]
    warm_up: f64,
    /// Threads of the engine's runtime; one for each core when not given.
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
    /// Chooses the SKUs of the orders that are placed.
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// What an acknowledged answer survives; the goals are for `disk`.
    #[arg(long, value_enum, default_value_t)]
    durability: DurabilityChoice,
    /// How the journal's batches get to the disk.
    #[arg(long, value_enum, default_value_t)]
    write_path: WritePathChoice,
    /// An empty or new folder for the data, which is kept; a temporary one otherwise. It decides which
    /// disk is measured.
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Fail with exit code 1 when a goal is missed.
    #[arg(long)]
    strict: bool,
    /// Print one JSON document instead of a table.
    #[arg(long)]
    json: bool,
}

/// The stages, in the order in which they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
enum StageName {
    /// One caller reserves units of one SKU.
    One,
    /// 64 callers reserve units of one SKU.
    Hot64,
    /// 1,024 callers reserve units of one SKU.
    Hot1024,
    /// 10,000 callers reserve units of one SKU.
    Hot10000,
    /// Two callers reserve units of one SKU, a thousand reservations a call.
    Batch,
    /// 64 and 1,024 callers place orders of three lines over 10,000 SKUs.
    Place,
    /// 64 callers place, pay, ship and deliver orders of three lines over 10,000 SKUs.
    Lifecycle,
}

pub(crate) fn parse_seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("`{text}` is not a number"))?;
    // An hour fits every type on the way; zero would divide by nothing.
    if seconds > 0.0 && seconds <= 3_600.0 {
        Ok(seconds)
    } else {
        Err("must be between 0 and 3600".to_owned())
    }
}

/// Runs the stages; `true` unless `--strict` was given and a goal was missed.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let folder = Folder::take(arguments.folder.as_deref())?;
    let bench = stage::Bench {
        folder: folder.path().to_owned(),
        durability: arguments.durability,
        write_path: arguments.write_path,
        workers: arguments.workers,
        seed: arguments.seed,
        window: callers::Window {
            warm_up: Duration::from_secs_f64(arguments.warm_up),
            counted: Duration::from_secs_f64(arguments.seconds),
        },
    };
    let wanted = |name: &StageName| arguments.only.is_empty() || arguments.only.contains(name);
    let mut result = result::BenchResult::new(arguments);
    for name in StageName::value_variants().iter().filter(|name| wanted(name)) {
        report::note(&format!("stage {name:?} …"));
        stages::run(*name, &bench, &mut result)?;
    }
    ensure!(!result.rows.is_empty(), "no stage was run");
    if arguments.json {
        report::json(&result)?;
    } else {
        result.print();
        report::kept_folder(&folder);
    }
    Ok(!arguments.strict || result.goals_are_met())
}
