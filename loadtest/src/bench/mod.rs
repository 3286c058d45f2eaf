//! Throughput and latency, held against what the disk itself can do in the same minute.
//!
//! Every stage opens an engine of its own in a new folder, lets its callers run warm, and then counts for
//! a fixed time. Callers are closed loops: each asks again as soon as it was answered, so a latency is
//! what one caller waits with so many others beside it. The raw append-and-sync loop runs right before
//! and right after each stage, on the same disk. In two stages requests are sent at fixed moments instead, at half of
//! the rate that callers reached, and a raw loop does so meanwhile. At the end of a stage the engine's books are
//! held against all answers.
//!
//! - `callers`, `open_loop`: when somebody asks, and what is recorded of the answers.
//! - `buyers`, `shoppers`: what they ask for.
//! - `stage`, `stages`: an engine for each stage, and the stages with their goals.
//! - `result`: the table, and the JSON document.

mod buyers;
pub(crate) mod callers;
mod open_loop;
mod result;
mod shoppers;
mod stage;
mod stages;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
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
    /// Seconds for which an open loop counts: long enough for a p99.9 of the raw loop beside it, which appends 200
    /// times a second.
    #[arg(long, default_value_t = 20.0, value_name = "N", value_parser = parse_seconds)]
    open_seconds: f64,
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
    /// Fail with exit code 1 when a goal is missed; an answer that is not in the engine's books does so anyway.
    #[arg(long)]
    strict: bool,
    /// Write the JSON document of the run to this file too.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
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
    /// 64 callers reserve units of one SKU and of 10,000, in turns.
    Turns,
    /// 1,024 callers reserve units of one SKU.
    Hot1024,
    /// 10,000 callers reserve units of one SKU.
    Hot10000,
    /// Two callers reserve units of one SKU, a thousand reservations a call.
    Batch,
    /// The same over 10,000 SKUs.
    BatchSpread,
    /// Two callers reserve units over 10,000 SKUs and commit them, a thousand a call.
    Pairs,
    /// 64 and 1,024 callers place orders of three lines over 10,000 SKUs.
    Place,
    /// 64 and 1,024 callers place, pay, ship and deliver orders of one line over 10,000 SKUs.
    LifecycleOneLine,
    /// 64 and 1,024 callers place, pay, ship and deliver orders of three lines over 10,000 SKUs.
    Lifecycle,
    /// Reservations of one SKU in an open loop, at half of the rate that 1,024 callers reach, beside a raw open loop.
    HalfReserve,
    /// Placements of three lines over 10,000 SKUs in the same way.
    HalfPlace,
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

/// Runs the stages; `true` when every answer was in the books, and with `--strict` every goal was met.
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
        open_for: Duration::from_secs_f64(arguments.open_seconds),
    };
    let wanted = |name: &StageName| arguments.only.is_empty() || arguments.only.contains(name);
    let mut result = result::BenchResult::new(arguments);
    for name in StageName::value_variants().iter().filter(|name| wanted(name)) {
        report::note(&format!("stage {name:?} …"));
        stages::run(*name, &bench, &mut result)?;
    }
    ensure!(!result.rows.is_empty(), "no stage was run");
    if let Some(path) = &arguments.report {
        let text = serde_json::to_string_pretty(&result)?;
        std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    if arguments.json {
        report::json(&result)?;
    } else {
        result.print();
        report::kept_folder(&folder);
    }
    Ok(result.answers_are_true() && (!arguments.strict || result.goals_are_met()))
}
