//! Real kills: a process that uses an engine in every way is killed again and again, and each time what it
//! was answered is held against what the next opening finds.
//!
//! The engine and its callers run in a child process. Each call is told to the parent before it is made and
//! each answer when it has come, as one line of JSON through a pipe: what has arrived there outlives the child.
//! The parent kills the child with SIGKILL at a random moment: while it opens the folder, while it takes a
//! snapshot, or in the middle of its work. Then it opens the folder itself and compares.

mod check;
mod child;
mod ledger;
mod life;
mod result;
#[cfg(test)]
mod tests;
mod workload;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use earmark::{Config, Engine, Retention};
use serde::{Deserialize, Serialize};

use crate::progress::Progress;
use crate::store::{self, DurabilityChoice, Folder};
use ledger::Ledger;
use life::Moment;
use result::Tally;

pub(crate) use child::{ChildArguments, run as run_child};

/// Rounds on one folder; then comes a new one, so that a long run does not read the same history ever again.
const ROUNDS_PER_FOLDER: u32 = 10;

/// Small, so that every round changes segments many times.
const SEGMENT_BYTES: u64 = 64 << 10;

/// What the engine's folder is opened with at first.
const OPENING_STOCK: u64 = 200;

/// Arguments of `kills`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How often a process is killed.
    #[arg(long, default_value_t = 200, value_name = "N")]
    rounds: u32,
    /// Chooses what is called and when it is killed. What comes of it depends on threads and machine too.
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// How long a process works at most before it is killed.
    #[arg(long, default_value = "300ms", value_name = "TIME", value_parser = humantime::parse_duration)]
    duration_per_round: Duration,
    /// Callers side by side.
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=256))]
    callers: u64,
    /// What an acknowledged answer survives.
    #[arg(long, value_enum, default_value_t)]
    durability: DurabilityChoice,
    /// An empty or new folder for the data, which is kept; a temporary one otherwise.
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Print the result as a table in Markdown.
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
    /// Print one JSON document instead of tables.
    #[arg(long)]
    json: bool,
}

/// What parent and child agree on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Plan {
    folder: PathBuf,
    durability: DurabilityChoice,
    seed: u64,
    round: u32,
    callers: u64,
    /// Whether segments are dropped that no snapshot needs.
    drops_history: bool,
}

impl Plan {
    async fn open(&self) -> Result<Engine> {
        store::open_with(&self.folder, self.durability, |config| self.adjust(config)).await
    }

    fn adjust(&self, config: &mut Config) {
        config.segment_bytes = SEGMENT_BYTES;
        config.batch_bytes_max = 4 << 10;
        config.lines_per_order_max = 8;
        config.sku_idle_ms = 2;
        config.snapshot_every_bytes = None;
        if self.drops_history {
            config.retention = Retention::ToOlderSnapshot;
        }
    }
}

/// Kills and compares; `true` when every promise was kept.
///
/// # Errors
/// When a process cannot be started, or a folder not be read or written.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    ensure!(arguments.rounds > 0, "`--rounds` must be positive");
    ensure!(arguments.durability != DurabilityChoice::Memory, "nothing survives a kill in memory");
    let folder = Folder::take(arguments.folder.as_deref())?;
    let runtime = store::runtime(None)?;
    let mut progress = Progress::new("kills", Some(u64::from(arguments.rounds)));
    let (mut tally, mut ledger) = (Tally::default(), Ledger::default());
    let mut random = fastrand::Rng::with_seed(arguments.seed);
    let started = Instant::now();
    for round in 0..arguments.rounds {
        let number = round / ROUNDS_PER_FOLDER;
        let plan = Plan {
            folder: folder.path().join(format!("shop-{number}")),
            durability: arguments.durability,
            seed: arguments.seed,
            round,
            callers: arguments.callers,
            drops_history: number % 2 == 1,
        };
        if round % ROUNDS_PER_FOLDER == 0 {
            ledger = Ledger::default();
            runtime.block_on(workload::open_shop(&plan, &mut ledger))?;
        }
        let moment = Moment::draw(&mut random, arguments.duration_per_round, tally.opening());
        let lived = life::one(&plan, moment, &mut ledger)?;
        tally.lived(round, lived);
        runtime
            .block_on(check::after_kill(&plan, &mut ledger, &mut tally, &mut random))
            .with_context(|| format!("round {round}"))?;
        progress.at(u64::from(round) + 1);
        if !tally.is_kept() {
            break;
        }
        let is_last = (round + 1) % ROUNDS_PER_FOLDER == 0;
        if is_last && !folder.is_kept() {
            std::fs::remove_dir_all(&plan.folder).context("removing a folder that is done with")?;
        }
    }
    progress.finish();
    tally.seconds = started.elapsed().as_secs_f64();
    result::print(&tally, arguments)?;
    if !tally.is_kept() {
        crate::report::note(&format!("the data is in {}", folder.keep().display()));
    }
    Ok(tally.is_kept())
}
