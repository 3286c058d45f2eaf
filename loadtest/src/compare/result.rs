//! What was measured and proved, as tables and as one JSON document.

use std::path::Path;

use serde::Serialize;

use super::field::{Field, Missing, Program};
use super::run::Measured;
use super::work::WorkloadName;
use super::{Arguments, ContenderName, postgres, redis};
use crate::latency::Quantiles;
use crate::lifecycle::Machine;
use crate::report::{self, Promise};
use crate::stats;

/// What no figure contains.
const EXCLUDED: [&str; 7] = [
    "starting, making tables, the opening stock, connecting and warming up are not counted",
    "Earmark and the map are called in process; PostgreSQL and Redis answer over a loopback socket, and their processes share the machine with the callers",
    "an answer of Earmark contains its idempotency key, an event in its journal and the order's whole rules; a row or a string is less",
    "a latency contains the wait for a connection that callers share",
    "one order has one line of one unit: no figure speaks of larger ones",
    "the sync loop decides nothing and has one thread, whatever the number of callers; the map survives nothing",
    "snapshots, rewriting of Redis' file and vacuum over hours are longer than these runs",
];

/// The header cells that belong to [`Row::cells`].
const HEADER: [&str; 11] = [
    "workload",
    "contender",
    "reached",
    "callers",
    "connections",
    "answers, median",
    "least",
    "most",
    "p50",
    "p99",
    "Earmark gives",
];

/// One contender in one workload at one number of callers.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    workload: WorkloadName,
    callers: u32,
    contender: ContenderName,
    /// `in process` or `socket`.
    reached: &'static str,
    /// Connections that the callers share; `None` where there are none.
    connections: Option<usize>,
    /// Answers a second, by rounds.
    rounds: Vec<f64>,
    /// Their median, the least and the most.
    per_second: [f64; 3],
    /// Medians over the rounds.
    p50_us: f64,
    p99_us: f64,
    /// How many times as many answers Earmark gave, the median of the rounds.
    earmark_times: Option<f64>,
    latency: Vec<Quantiles>,
    pub(super) promises: Vec<Promise>,
}

/// A whole run.
#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    machine: Machine,
    workers: usize,
    rounds: u32,
    seconds: f64,
    warm_up: f64,
    seed: u64,
    programs: Vec<Program>,
    excluded: [&'static str; 7],
    /// Who could not be had, and why.
    missing: Vec<Missing>,
    pub(super) rows: Vec<Row>,
}

impl Outcome {
    pub(super) fn new(arguments: &Arguments, folder: &Path, field: &Field) -> Self {
        let machine = Machine::look(folder);
        Self {
            workers: arguments.workers.unwrap_or(machine.processors),
            machine,
            rounds: arguments.rounds,
            seconds: arguments.seconds,
            warm_up: arguments.warm_up,
            seed: arguments.seed,
            programs: field.programs.clone(),
            excluded: EXCLUDED,
            missing: field.missing.clone(),
            rows: Vec::new(),
        }
    }

    /// Adds all rounds of one workload at one number of callers.
    pub(super) fn add(&mut self, workload: WorkloadName, callers: u32, cell: &[Measured]) {
        let rounds = |name| -> Vec<&Measured> { cell.iter().filter(|run| run.contender == name).collect() };
        let rates = |runs: &[&Measured]| -> Vec<f64> { runs.iter().map(|run| run.per_second).collect() };
        let earmark = rates(&rounds(ContenderName::Earmark));
        for name in clap::ValueEnum::value_variants().iter().copied() {
            let runs = rounds(name);
            if runs.is_empty() {
                continue;
            }
            let rates = rates(&runs);
            let median = |value: fn(&Quantiles) -> f64| {
                let values: Vec<f64> = runs.iter().map(|run| value(&run.latency)).collect();
                stats::median(&values).unwrap_or_default()
            };
            let bound =
                |better: fn(f64, f64) -> f64| rates.iter().copied().reduce(better).unwrap_or_default();
            self.rows.push(Row {
                workload,
                callers,
                contender: name,
                reached: name.reached(),
                connections: connections(name, callers),
                per_second: [stats::median(&rates).unwrap_or_default(), bound(f64::min), bound(f64::max)],
                p50_us: median(|latency| latency.p50_us),
                p99_us: median(|latency| latency.p99_us),
                earmark_times: stats::ratio(&earmark, &rates),
                rounds: rates,
                latency: runs.iter().map(|run| run.latency).collect(),
                promises: merged(&runs),
            });
        }
    }

    /// Whether all books were as answered.
    pub(super) fn is_kept(&self) -> bool {
        self.rows.iter().flat_map(|row| &row.promises).all(Promise::is_kept)
    }

    /// Prints the tables.
    pub(super) fn print(&self, markdown: bool) {
        let machine = &self.machine;
        report::line(&format!(
            "{}, {} cores, {}, {}; {} worker threads; {} rounds of {} s, interleaved, each after {} s of warming up",
            machine.processor,
            machine.processors,
            machine.system,
            machine.file_system,
            self.workers,
            self.rounds,
            self.seconds,
            self.warm_up,
        ));
        for program in &self.programs {
            report::line(&format!("{} {}: {}", program.name, program.version, program.settings));
        }
        self.excluded.iter().for_each(|what| report::line(&format!("- {what}")));
        self.print_missing();
        let rows = self.rows.iter().map(Row::cells);
        if markdown {
            report::line("");
            report::markdown(&HEADER, rows);
        } else {
            report::rows(&HEADER, 3, &rows.collect::<Vec<_>>());
        }
        self.print_promises();
        self.print_missing();
    }

    fn print_missing(&self) {
        for missing in &self.missing {
            report::line(&format!("NOT MEASURED: {}: {}", missing.contender.name(), missing.why));
        }
    }

    /// Every broken promise with its row; the others are counted.
    fn print_promises(&self) {
        let (mut kept, mut broken) = (0_u64, 0_u64);
        for row in &self.rows {
            for promise in &row.promises {
                if promise.is_kept() {
                    kept += 1;
                    continue;
                }
                broken += 1;
                report::line(&format!(
                    "BROKEN {} ({}, {} callers): {}: {}",
                    row.contender.name(),
                    row.workload.name(),
                    row.callers,
                    promise.name,
                    promise.differences.join("; ")
                ));
            }
        }
        report::line(&format!(
            "\nBooks were compared with answers after every run: {} promises kept over all rounds, {} broken",
            report::count(kept),
            report::count(broken)
        ));
    }
}

impl Row {
    fn cells(&self) -> Vec<String> {
        let [median, least, most] = self.per_second.map(report::per_second);
        vec![
            self.workload.name(),
            self.contender.name(),
            self.reached.to_owned(),
            report::count(u64::from(self.callers)),
            self.connections.map_or("none".to_owned(), |connections| connections.to_string()),
            median,
            least,
            most,
            report::duration(self.p50_us),
            report::duration(self.p99_us),
            self.earmark_times.map_or("?".to_owned(), times),
        ]
    }
}

/// A ratio, with two digits that say something.
fn times(ratio: f64) -> String {
    if ratio < 0.1 { format!("{ratio:.4} times") } else { format!("{ratio:.2} times") }
}

/// The promises of all rounds, each once with the differences of all.
fn merged(runs: &[&Measured]) -> Vec<Promise> {
    let mut all: Vec<Promise> = Vec::new();
    for promise in runs.iter().flat_map(|run| &run.promises) {
        match all.iter_mut().find(|known| known.name == promise.name) {
            None => all.push(promise.clone()),
            Some(known) => {
                known.differences.extend(promise.differences.iter().cloned());
                known.difference_count += promise.difference_count;
            }
        }
    }
    all
}

fn connections(name: ContenderName, callers: u32) -> Option<usize> {
    let most = match name {
        ContenderName::PostgresTransaction | ContenderName::PostgresStatement => postgres::CONNECTIONS_MAX,
        ContenderName::Redis => redis::CONNECTIONS_MAX,
        ContenderName::Earmark | ContenderName::EarmarkHold | ContenderName::Sync | ContenderName::Map => {
            return None;
        }
    };
    Some(most.min(callers as usize))
}
