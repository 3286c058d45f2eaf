//! Medians over the rounds, their ratios, and whether the goals were met.

use serde::Serialize;

use super::rounds::Round;
use super::{Arguments, WorkloadName};
use crate::latency::Quantiles;
use crate::report;
use crate::store::DurabilityChoice;

/// The least that is left of the throughput while a snapshot is taken.
const THROUGHPUT_LEFT_MIN: f64 = 0.9;

/// The longest that an actor may stand still, in milliseconds.
const STALL_MILLIS_MAX: f64 = 1.0;

/// A workload's rounds, and what they come to.
#[derive(Debug, Serialize)]
pub(crate) struct WorkloadResult {
    pub(crate) name: WorkloadName,
    pub(crate) without: Sums,
    pub(crate) with: Sums,
    /// The throughput with a snapshot as a part of that without: the median over pairs of neighbouring rounds.
    pub(crate) throughput_left: f64,
    pub(crate) throughput_goal_met: bool,
    /// Whether no answer of any round with a snapshot was waited for longer than the goal; `None` where it was,
    /// and half as long in a round without a snapshot: then it is the machine that stalls, or the queue in front.
    pub(crate) stall_goal_met: Option<bool>,
    /// What a snapshot adds to the longest wait of a round, in microseconds: the median over pairs of neighbouring
    /// rounds. Below zero where it cannot be told from what there is without one.
    pub(crate) longest_added_us: f64,
    pub(crate) snapshots: u64,
    /// Medians over the snapshots.
    pub(crate) snapshot_millis: f64,
    pub(crate) snapshot_bytes: f64,
    pub(crate) snapshot_entities: f64,
    /// A bare loop of appends and syncs before and after, where answers wait for syncs.
    pub(crate) raw_sync: Vec<Quantiles>,
    pub(crate) rounds: Vec<Round>,
}

/// Rounds of one kind, summed up.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Sums {
    /// Median over the rounds.
    pub(crate) per_second: f64,
    /// Medians over the rounds, in microseconds.
    pub(crate) wait_p50_us: f64,
    pub(crate) wait_p99_us: f64,
    /// The longest wait of a round: the median over the rounds, and the longest of all.
    pub(crate) wait_max_median_us: f64,
    pub(crate) wait_max_us: f64,
    /// The latest that the probe asked in any round.
    pub(crate) late_max_us: f64,
}

impl Sums {
    fn of(rounds: &[&Round]) -> Self {
        let median = |of: fn(&Round) -> f64| median(rounds.iter().map(|round| of(round)).collect());
        let most = |of: fn(&Round) -> f64| rounds.iter().map(|round| of(round)).fold(0.0, f64::max);
        Self {
            per_second: median(|round| round.per_second),
            wait_p50_us: median(|round| round.waits.p50_us),
            wait_p99_us: median(|round| round.waits.p99_us),
            wait_max_median_us: median(|round| round.waits.max_us),
            wait_max_us: most(|round| round.waits.max_us),
            late_max_us: most(|round| round.lateness.max_us),
        }
    }
}

/// The middle one, or the mean of the two in the middle; zero of nothing.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.len().saturating_sub(1) / 2, values.len() / 2);
    match (values.get(low), values.get(high)) {
        (Some(low), Some(high)) => f64::midpoint(*low, *high),
        _ => 0.0,
    }
}

fn within_goal(with: &Sums, without: &Sums) -> Option<bool> {
    let is_within = |sums: &Sums| sums.wait_max_us <= STALL_MILLIS_MAX * 1_000.0;
    // Where nothing was asked, nothing is known.
    let met = with.wait_max_us > 0.0 && is_within(with);
    let is_due_to_snapshot = is_within(without) || with.wait_max_us > 2.0 * without.wait_max_us;
    (met || is_due_to_snapshot).then_some(met)
}

impl WorkloadResult {
    pub(super) fn of(name: WorkloadName, rounds: Vec<Round>, raw_sync: Vec<Quantiles>) -> Self {
        let of = |with: bool| rounds.iter().filter(|round| round.with_snapshot == with).collect::<Vec<_>>();
        let (plain, busy) = (of(false), of(true));
        let pairs = plain.iter().zip(&busy).filter(|(plain, _)| plain.per_second > 0.0);
        let throughput_left = median(pairs.map(|(plain, busy)| busy.per_second / plain.per_second).collect());
        let added = plain.iter().zip(&busy).map(|(plain, busy)| busy.waits.max_us - plain.waits.max_us);
        let longest_added_us = median(added.collect());
        let taken: Vec<_> = busy.iter().flat_map(|round| &round.snapshots).copied().collect();
        let (without, with) = (Sums::of(&plain), Sums::of(&busy));
        let of_taken = |of: fn(&super::rounds::Snapshot) -> u64| {
            median(taken.iter().map(|snapshot| of(snapshot) as f64).collect())
        };
        Self {
            name,
            without,
            with,
            throughput_left,
            throughput_goal_met: throughput_left >= THROUGHPUT_LEFT_MIN,
            stall_goal_met: within_goal(&with, &without),
            longest_added_us,
            snapshots: taken.len() as u64,
            snapshot_millis: of_taken(|snapshot| snapshot.millis),
            snapshot_bytes: of_taken(|snapshot| snapshot.bytes),
            snapshot_entities: of_taken(|snapshot| snapshot.entities),
            raw_sync,
            rounds,
        }
    }
}

/// All workloads of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    pub(crate) cores: usize,
    pub(crate) workers: Option<usize>,
    pub(crate) durability: DurabilityChoice,
    pub(crate) callers: u32,
    pub(crate) probe_rate: u32,
    pub(crate) holds: u32,
    pub(crate) orders: u32,
    pub(crate) skus: u32,
    pub(crate) workloads: Vec<WorkloadResult>,
}

impl Outcome {
    /// A result without any workload.
    pub(super) fn new(arguments: &Arguments) -> Self {
        Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            workers: arguments.workers,
            durability: arguments.durability,
            callers: arguments.callers,
            probe_rate: arguments.probe_rate,
            holds: arguments.holds,
            orders: arguments.orders,
            skus: arguments.skus,
            workloads: Vec::new(),
        }
    }

    /// Whether every goal was met.
    pub(super) fn goals_are_met(&self) -> bool {
        self.workloads
            .iter()
            .all(|workload| workload.throughput_goal_met && workload.stall_goal_met == Some(true))
    }

    /// Prints the tables.
    pub(super) fn print(&self) {
        report::line(&format!(
            "{} cores, {} worker threads, durability {:?}, {} callers, {} questions of the probe a second",
            self.cores,
            self.workers.unwrap_or(self.cores),
            self.durability,
            report::count(u64::from(self.callers)),
            report::count(u64::from(self.probe_rate)),
        ));
        let header = [
            "workload",
            "snapshot",
            "answers",
            "probe p50",
            "p99",
            "longest, median of rounds",
            "longest of all",
            "asked late by",
        ];
        let mut rows = Vec::new();
        for workload in &self.workloads {
            rows.push(self.row(workload, "none", &workload.without));
            rows.push(self.row(workload, "running", &workload.with));
        }
        report::rows(&header, 2, &rows);
        for workload in &self.workloads {
            workload.print();
        }
        report::line(
            "\nanswers: medians over the rounds. probe: a read of a SKU at a fixed rate, from question to answer; with \
             --callers 1 there is no queue in front of it. \
             asked late by: the longest that a thread which only sleeps was not woken, which is the machine's doing.",
        );
    }

    fn row(&self, workload: &WorkloadResult, snapshot: &str, sums: &Sums) -> Vec<String> {
        let name = match workload.name {
            WorkloadName::Hot => format!("one SKU, {} holds", report::count(u64::from(self.holds))),
            WorkloadName::Spread => format!("placements over {} SKUs", report::count(u64::from(self.skus))),
        };
        let waits =
            [sums.wait_p50_us, sums.wait_p99_us, sums.wait_max_median_us, sums.wait_max_us, sums.late_max_us];
        let mut cells = vec![name, snapshot.to_owned(), report::per_second(sums.per_second)];
        cells.extend(waits.map(report::duration));
        cells
    }
}

impl WorkloadResult {
    /// Whether the goals were met, in words.
    pub(crate) fn verdicts(&self) -> [String; 2] {
        let word = |met: bool| if met { "met" } else { "MISSED" };
        [
            format!(
                "{:.3} of the throughput is left meanwhile (at least {THROUGHPUT_LEFT_MIN}: {})",
                self.throughput_left,
                word(self.throughput_goal_met)
            ),
            format!(
                "the longest wait was {} (at most {STALL_MILLIS_MAX} ms: {}); without a snapshot {}",
                report::duration(self.with.wait_max_us),
                self.stall_goal_met.map_or("unclear, for so is a wait without one", word),
                report::duration(self.without.wait_max_us)
            ),
        ]
    }

    fn print(&self) {
        report::line(&format!(
            "\n{:?}: {} snapshots of {} entities, {} MB, in {} ms (medians)",
            self.name,
            report::count(self.snapshots),
            report::count(self.snapshot_entities as u64),
            report::count((self.snapshot_bytes / 1e6) as u64),
            report::count(self.snapshot_millis as u64),
        ));
        self.verdicts().iter().for_each(|verdict| report::line(&format!("  {verdict}")));
        report::line(&format!(
            "  a snapshot adds {:.2} ms to the longest wait of a round (median over pairs)",
            self.longest_added_us / 1_000.0
        ));
        for (when, raw) in ["before", "after"].iter().zip(&self.raw_sync) {
            report::line(&format!(
                "  a bare append and sync {when}: p50 {}, longest {}",
                report::duration(raw.p50_us),
                report::duration(raw.max_us)
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(with_snapshot: bool, per_second: f64, max_us: f64) -> Round {
        let waits = Quantiles { max_us, ..Quantiles::default() };
        Round { with_snapshot, per_second, waits, ..Round::default() }
    }

    fn result(rounds: Vec<Round>) -> WorkloadResult {
        WorkloadResult::of(WorkloadName::Hot, rounds, Vec::new())
    }

    #[test]
    fn the_throughput_left_is_the_median_of_pairs_and_not_of_sums() {
        let rounds = [(100.0, 92.0), (1_000.0, 950.0), (10.0, 1.0)];
        let rounds =
            rounds.iter().flat_map(|(plain, busy)| [round(false, *plain, 1.0), round(true, *busy, 1.0)]);
        let result = result(rounds.collect());
        assert!((result.throughput_left - 0.92).abs() < 1e-9, "{}", result.throughput_left);
        assert!(result.throughput_goal_met && result.stall_goal_met == Some(true));
    }

    #[test]
    fn a_long_wait_with_a_snapshot_misses_the_goal_unless_there_is_one_without_too() {
        let waited =
            |plain, busy| result(vec![round(false, 1.0, plain), round(true, 1.0, busy)]).stall_goal_met;
        assert_eq!(waited(9_000.0, 1_000.0), Some(true));
        let rounds = vec![round(false, 1.0, 700.0), round(true, 1.0, 1_000.0)];
        assert!((result(rounds).longest_added_us - 300.0).abs() < 1e-9);
        assert_eq!(waited(1_000.0, 1_001.0), Some(false));
        assert_eq!(waited(9_000.0, 1_001.0), None);
        assert_eq!(waited(9_000.0, 18_001.0), Some(false));
        assert_eq!(waited(1_000.0, 0.0), Some(false));
    }
}
