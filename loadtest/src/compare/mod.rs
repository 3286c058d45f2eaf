//! The same work given to Earmark and to what people use for it today, side by side, in one run.
//!
//! Everybody sells one unit to a new order with each call, at most once for each order id, and never a unit that is
//! not there. Rounds are interleaved: in each, every contender runs once, and the order moves on from round to round.
//! Afterwards each contender's books are compared with what it answered.
//!
//! - `work`: what is asked for. `contender`: how it is asked, and what the books say.
//! - `engine`, `postgres`, `redis`, `map`: who is asked. `server`: processes that are started for it.
//!   `field`: those who are there.
//! - `run`: one contender, once. `check`: whether its answers were true.
//! - `result`: medians and ratios, as tables and as one JSON document.

mod check;
mod contender;
mod engine;
mod field;
mod map;
mod postgres;
mod redis;
mod result;
mod run;
mod server;
#[cfg(test)]
mod tests;
mod work;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::ValueEnum;
use serde::Serialize;

use crate::bench::callers::Window;
use crate::report;
use crate::store::Folder;
use work::{Work, WorkloadName};

/// Arguments of `compare`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Run only these contenders; all when not given. Ratios need `earmark` among them.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "CONTENDER")]
    only: Vec<ContenderName>,
    /// Run only these workloads; all when not given.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "WORKLOAD")]
    workload: Vec<WorkloadName>,
    /// Numbers of callers, each a closed loop. Where they are more than a server's connections (32 for PostgreSQL,
    /// 64 for Redis), they share those.
    #[arg(long, value_delimiter = ',', value_name = "N", default_values_t = [1, 64, 1_024], value_parser = clap::value_parser!(u32).range(1..=10_000))]
    callers: Vec<u32>,
    /// Rounds, in each of which every contender runs once; figures are medians over them.
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rounds: u32,
    /// Seconds for which each contender counts in each round.
    #[arg(long, default_value_t = 3.0, value_name = "N", value_parser = crate::bench::parse_seconds)]
    seconds: f64,
    /// Seconds for which it runs before it counts.
    #[arg(long, default_value_t = 0.5, value_name = "N", value_parser = crate::bench::parse_seconds)]
    warm_up: f64,
    /// Chooses the SKUs of the orders.
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Threads of the callers' runtime, which is Earmark's too; one for each core when not given.
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
    /// An empty or new folder for all data, which is kept; a temporary one otherwise. It decides which disk is
    /// measured. PostgreSQL refuses to run as root and is then run as another user, who must be able to get there.
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Print one JSON document instead of tables.
    #[arg(long)]
    json: bool,
    /// Print the table in Markdown, as the docs have it.
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
}

/// Who does the work, in the order of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
enum ContenderName {
    /// Earmark, durability `Disk`: an order of one line, under an idempotency key.
    Earmark,
    /// Earmark, durability `Disk`: only a hold at the SKU, under an idempotency key. Not in the lifecycle.
    EarmarkHold,
    /// PostgreSQL, fsync on: one transaction inserts the order and then updates the stock conditionally.
    PostgresTransaction,
    /// PostgreSQL, fsync on: the same as one statement.
    PostgresStatement,
    /// Redis with `appendfsync always`: a Lua script writes the order under its id and updates the stock.
    Redis,
    /// A limit: one thread that appends 200 bytes and syncs, for each answer. It decides nothing.
    Sync,
    /// A limit: a hash map behind a mutex, in memory. It survives nothing.
    Map,
}

impl ContenderName {
    /// Whether the contender can do this work.
    const fn does(self, workload: WorkloadName) -> bool {
        !matches!((self, workload), (Self::EarmarkHold, WorkloadName::Lifecycle))
    }

    /// How its callers reach it: no figure is shown without.
    const fn reached(self) -> &'static str {
        match self {
            Self::Earmark | Self::EarmarkHold | Self::Map | Self::Sync => "in process",
            Self::PostgresTransaction | Self::PostgresStatement | Self::Redis => "socket",
        }
    }

    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

impl Arguments {
    fn contenders(&self) -> Vec<ContenderName> {
        let all = ContenderName::value_variants().iter().copied();
        all.filter(|name| self.only.is_empty() || self.only.contains(name)).collect()
    }

    fn workloads(&self) -> Vec<WorkloadName> {
        let all = WorkloadName::value_variants().iter().copied();
        all.filter(|name| self.workload.is_empty() || self.workload.contains(name)).collect()
    }

    fn window(&self) -> Window {
        Window {
            warm_up: Duration::from_secs_f64(self.warm_up),
            counted: Duration::from_secs_f64(self.seconds),
        }
    }
}

/// Runs everybody on everything; `true` when all books were as answered.
///
/// A server that could not be started is told and left out; it is no failure.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let folder = Folder::take(arguments.folder.as_deref())?;
    let field = field::Field::prepare(folder.path(), &arguments.contenders(), arguments.workers)?;
    let mut outcome = result::Outcome::new(arguments, folder.path(), &field);
    for workload in arguments.workloads() {
        for callers in &arguments.callers {
            let work = Work::new(workload, arguments.seed)?;
            let cell = rounds(&field, &work, *callers as usize, arguments)?;
            outcome.add(workload, *callers, &cell);
        }
    }
    ensure!(!outcome.rows.is_empty(), "nobody was there to be measured");
    if arguments.json {
        report::json(&outcome)?;
    } else {
        outcome.print(arguments.markdown);
        if folder.is_kept() {
            report::line(&format!("\nThe data is in {}.", folder.path().display()));
        }
    }
    Ok(outcome.is_kept())
}

/// All rounds of one workload at one number of callers.
fn rounds(
    field: &field::Field,
    work: &Work,
    callers: usize,
    arguments: &Arguments,
) -> Result<Vec<run::Measured>> {
    let mut contenders = field.contenders.clone();
    contenders.retain(|name| name.does(work.name));
    let mut cell = Vec::new();
    for round in 0..arguments.rounds {
        report::note(&format!(
            "{}, {callers} callers, round {} of {} …",
            work.name.name(),
            round + 1,
            arguments.rounds
        ));
        for name in &contenders {
            cell.push(run::once(field, *name, work, callers, arguments.window())?);
        }
        // Nobody is always the first. The engine's own neighbours stay the same.
        if !contenders.is_empty() {
            contenders.rotate_left(1);
        }
    }
    Ok(cell)
}
