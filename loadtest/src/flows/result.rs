//! What was measured and proved, as tables and as one JSON document.

use anyhow::Result;
use earmark::ChainView;
use serde::Serialize;

use super::drive::Notes;
use super::{Arguments, LineName};
use crate::latency::Quantiles;
use crate::report::{self, Promise};
use crate::store::DurabilityChoice;

/// Flows of eleven nodes in a second, at least.
const FLOWS_PER_SECOND_MIN: f64 = 10_000.0;
/// The p99 of such a flow in milliseconds, below.
const P99_MILLIS_MAX: f64 = 5.0;

/// The flows of one chain.
#[derive(Debug, Serialize)]
pub(super) struct ChainRow {
    chain: &'static str,
    latency: Quantiles,
}

/// One node.
#[derive(Debug, Serialize)]
pub(super) struct NodeRow {
    chain: String,
    node: String,
    processed: u64,
    failed: u64,
    skipped: u64,
    pub(super) rolled_back: u64,
    p50_us: f64,
    p99_us: f64,
    max_us: f64,
}

/// What came of one line.
#[derive(Debug, Serialize)]
pub(super) struct LineResult {
    name: LineName,
    /// All flows, also those before the counted time and behind it.
    pub(super) flows: u64,
    failed: u64,
    orders: u64,
    flows_per_second: f64,
    chains: Vec<ChainRow>,
    pub(super) nodes: Vec<NodeRow>,
    /// Appends with a sync, without an engine, before and after.
    raw: [Quantiles; 2],
    reopened_ms: f64,
    /// For the chain of eleven nodes: whether throughput and p99 are as they should be.
    goals: Option<[bool; 2]>,
    pub(super) promises: Vec<Promise>,
}

impl LineResult {
    pub(super) fn of(
        name: LineName,
        arguments: &Arguments,
        notes: &Notes,
        chains: &[ChainView],
        raw: [Quantiles; 2],
        promises: Vec<Promise>,
        reopened_ms: f64,
    ) -> Result<Self> {
        let flows_per_second = report::rate(notes.counted, arguments.seconds);
        let rows = notes.chains.iter();
        let rows: Vec<_> =
            rows.map(|(chain, waits)| ChainRow { chain, latency: Quantiles::of(waits) }).collect();
        let goals = (name == LineName::Chain).then(|| {
            let p99_us = rows.iter().map(|row| row.latency.p99_us).fold(0.0, f64::max);
            [flows_per_second >= FLOWS_PER_SECOND_MIN, p99_us > 0.0 && p99_us < P99_MILLIS_MAX * 1_000.0]
        });
        Ok(Self {
            name,
            flows: notes.flows,
            failed: notes.failed,
            orders: notes.states.values().sum(),
            flows_per_second,
            chains: rows,
            nodes: chains.iter().flat_map(nodes).collect(),
            raw,
            reopened_ms,
            goals,
            promises,
        })
    }

    pub(super) fn is_kept(&self) -> bool {
        self.promises.iter().all(Promise::is_kept)
    }

    fn print(&self) {
        report::line(&format!(
            "\n{}: {} flows, {} of them failed, {} orders; {}; reopened in {:.0} ms; a bare append and sync: p50 {} before, {} after",
            self.name.name(),
            report::count(self.flows),
            report::count(self.failed),
            report::count(self.orders),
            report::per_second(self.flows_per_second),
            self.reopened_ms,
            report::duration(self.raw[0].p50_us),
            report::duration(self.raw[1].p50_us),
        ));
        if let Some([rate, p99]) = self.goals {
            let word = |met: bool| if met { "met" } else { "MISSED" };
            report::line(&format!(
                "  at least {} (goal: {}), p99 below {P99_MILLIS_MAX} ms (goal: {})",
                report::per_second(FLOWS_PER_SECOND_MIN),
                word(rate),
                word(p99)
            ));
        }
        let mut header = vec!["whole flows", "counted"];
        header.extend(report::QUANTILE_HEADER);
        let rows = self.chains.iter().map(|row| {
            let mut cells = vec![row.chain.to_owned(), report::count(row.latency.count)];
            cells.extend(report::quantile_cells(&row.latency));
            cells
        });
        report::rows(&header, 1, &rows.collect::<Vec<_>>());
        let header = ["chain", "node", "worked", "failed", "rolled back", "p50", "p99", "max"];
        let rows = self.nodes.iter().map(|node| {
            let mut cells = vec![node.chain.clone(), node.node.clone()];
            cells.extend([node.processed, node.failed, node.rolled_back].map(report::count));
            cells.extend([node.p50_us, node.p99_us, node.max_us].map(fine));
            cells
        });
        report::rows(&header, 2, &rows.collect::<Vec<_>>());
        report::promises(&self.promises);
    }
}

/// A time that may be below a microsecond.
fn fine(micros: f64) -> String {
    if micros < 10.0 { format!("{micros:.1} µs") } else { report::duration(micros) }
}

fn nodes(chain: &ChainView) -> impl Iterator<Item = NodeRow> + '_ {
    let micros = |nanos: u64| (nanos as f64 / 100.0).round() / 10.0;
    chain.nodes.iter().map(move |node| NodeRow {
        chain: chain.chain.to_string(),
        node: node.node.to_string(),
        processed: node.processed,
        failed: node.failed,
        skipped: node.skipped,
        rolled_back: node.rolled_back,
        p50_us: micros(node.p50_nanos),
        p99_us: micros(node.p99_nanos),
        max_us: micros(node.max_nanos),
    })
}

/// All lines of a run.
#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    cores: usize,
    workers: Option<usize>,
    durability: DurabilityChoice,
    callers: u32,
    skus: u32,
    pub(super) lines: Vec<LineResult>,
}

impl Outcome {
    /// A result without any line.
    pub(super) fn new(arguments: &Arguments) -> Self {
        Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            workers: arguments.workers,
            durability: arguments.durability,
            callers: arguments.callers,
            skus: arguments.skus,
            lines: Vec::new(),
        }
    }

    /// Whether every promise was kept.
    pub(super) fn is_kept(&self) -> bool {
        self.lines.iter().all(LineResult::is_kept)
    }

    /// Whether every goal was met.
    pub(super) fn goals_are_met(&self) -> bool {
        self.lines.iter().filter_map(|line| line.goals).all(|goals| goals == [true, true])
    }

    /// Prints the tables.
    pub(super) fn print(&self) {
        report::line(&format!(
            "{} cores, {} worker threads, durability {:?}, {} callers in the engine's process, {} SKUs",
            self.cores,
            self.workers.unwrap_or(self.cores),
            self.durability,
            report::count(u64::from(self.callers)),
            report::count(u64::from(self.skus)),
        ));
        self.lines.iter().for_each(LineResult::print);
    }
}
