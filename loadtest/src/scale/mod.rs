//! How the cost of a command grows, and memory and recovery with it.
//!
//! Along an axis one thing becomes ten times more from point to point, and everything else stays at the base. Each
//! point is a process of its own with an engine of its own, so that memory and processor time are its alone: it
//! builds the state, lets closed-loop callers reserve (and release again, so that the state stays as it is) and then
//! place orders, and checks what the engine says of itself against what was granted.
//!
//! The cost that is compared is processor time for a command, user and system, of the whole process: the engine's,
//! its writer's and the callers' own. It is less noisy than wall time, and it shows what a spare core would hide.
//!
//! - `plan`: axes, points, and what a process is asked to do.
//! - `load`: who calls. `child`: one point. `at_rest`: memory for each entity.
//! - `stages`: what runs, in which order. `growth`: how a cost grew, in words.
//! - `result`, `table`, `plot`: what came of it.

mod at_rest;
mod child;
mod growth;
mod load;
mod plan;
mod plot;
mod result;
mod stages;
mod table;

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::report;
use crate::store::{DurabilityChoice, Folder};
use plan::{Axis, Base, Task};

/// Arguments of `scale`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Run only these axes and stages; all when not given.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "AXIS")]
    axis: Vec<Axis>,
    /// The base: SKUs in stock.
    #[arg(long, default_value_t = 10_000, value_name = "N", value_parser = clap::value_parser!(u32).range(3..=1_000_000))]
    skus: u32,
    /// The base: orders that are there before anything is measured, three lines each.
    #[arg(long, default_value_t = 10_000, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=10_000_000))]
    orders: u32,
    /// The base: lines of an order that is placed, each of another SKU and one unit.
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    lines: u32,
    /// The base: callers, each a closed loop.
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    callers: u32,
    /// Leave out points beyond this number, and make the stages no larger.
    #[arg(long, value_name = "N", conflicts_with = "full", value_parser = clap::value_parser!(u32).range(1..))]
    up_to: Option<u32>,
    /// Add a million SKUs, ten million orders, and a journal of ten million records. Takes some 9 GB of memory and
    /// 10 GB of disk, and half an hour or more; a point that does not fit is named and left out.
    #[arg(long)]
    full: bool,
    /// Seconds for which each command is counted at each point, after three tenths of it to run warm.
    #[arg(long, default_value_t = 1.0, value_name = "N", value_parser = crate::bench::parse_seconds)]
    seconds: f64,
    /// Chooses the SKUs of orders and reservations, and what becomes of the orders that are recovered.
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// What an acknowledged answer survives. The stage `stall` always runs at `process`, where no read waits for a
    /// sync.
    #[arg(long, value_enum, default_value_t)]
    durability: DurabilityChoice,
    /// Threads of the engine's runtime, which callers share; one for each core when not given.
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
    /// An empty or new folder for the data, which goes again point by point; a temporary one otherwise. It decides
    /// which disk is measured.
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Draw cost by axis and recovery by length of the journal into this file, on logarithmic axes.
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    /// Print one JSON document instead of tables.
    #[arg(long)]
    json: bool,
    /// Print the tables in Markdown, as the docs have them.
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
}

impl Arguments {
    fn base(&self) -> Base {
        Base { skus: self.skus, orders: self.orders, lines: self.lines, callers: self.callers }
    }

    fn wants(&self, axis: Axis) -> bool {
        self.axis.is_empty() || self.axis.contains(&axis)
    }

    /// A size of a stage, within the bound that was asked for.
    fn bounded(&self, size: u32) -> u32 {
        self.up_to.map_or(size, |most| size.min(most))
    }
}

/// Measures along the axes; `true` when every promise was kept.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    ensure!(arguments.lines <= arguments.skus, "--lines must be at most --skus: each line has its own SKU");
    let survives = arguments.durability != DurabilityChoice::Memory;
    ensure!(
        survives || !arguments.wants(Axis::Recovery),
        "nothing survives a kill in memory; choose another durability, or leave out `recovery` with --axis"
    );
    let folder = Folder::take(arguments.folder.as_deref())?;
    let mut outcome = result::Outcome::new(arguments, folder.path());
    stages::run(arguments, folder.path(), &mut outcome)?;
    outcome.judge();
    if let Some(path) = &arguments.plot {
        let drawing = plot::draw(&outcome)?;
        std::fs::write(path, drawing).with_context(|| format!("writing {}", path.display()))?;
    }
    if arguments.json {
        report::json(&outcome)?;
    } else {
        table::print(&outcome, arguments.markdown);
    }
    Ok(outcome.is_kept())
}

/// Arguments of the hidden subcommand.
#[derive(Debug, clap::Args)]
pub(crate) struct ChildArguments {
    /// What to do, as JSON.
    task: String,
}

/// Does what the parent asks for, and prints what was found as JSON.
pub(crate) fn run_child(arguments: &ChildArguments) -> Result<bool> {
    match serde_json::from_str(&arguments.task).context("reading the task")? {
        Task::Point(point) => report::json(&child::run(&point)?)?,
        Task::AtRest(at_rest) => report::json(&at_rest::run(&at_rest)?)?,
    }
    Ok(true)
}
