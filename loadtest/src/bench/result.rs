//! What the stages measured, held against the goals; as a table and as JSON.

use serde::Serialize;

use super::Arguments;
use super::callers::StageMeasured;
use super::open_loop::Open;
use super::stage::{Around, Checked};
use crate::goal::{self, Judged};
use crate::latency::Quantiles;
use crate::report;
use crate::store::{DurabilityChoice, WritePathChoice};

/// By which factor the raw p50s before and after a stage differ at most on a steady disk.
const P50_APART_MAX: f64 = 1.3;

/// The raw p99 as a multiple of the raw p50, at most, on a steady disk.
const P99_OVER_P50_MAX: f64 = 5.0;

/// What a row is to reach.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// Granted work a second, at least.
    PerSecond(f64),
    /// The p50 as a multiple of the raw loop's p50, at most.
    TimesRawP50(f64),
    /// The p99 as a multiple of the raw loop's p50, at most.
    P99TimesRawP50(f64),
    /// The p99.9 as a multiple of that of the raw loop beside it, at most.
    P999TimesRawOpen {
        /// The multiple.
        most: f64,
        /// The raw loop's p99.9, in microseconds; `None` where it fell behind.
        raw_us: Option<f64>,
    },
    /// The rate as a multiple of that of uniform demand, at least.
    TimesUniform {
        /// The multiple.
        least: f64,
        /// What was found, in turns.
        found: f64,
    },
    /// The longest wait in milliseconds, at most.
    LongestWaitMillis(f64),
}

impl Goal {
    /// Whether the goal means nothing without a trustworthy measurement of the disk before and after.
    const fn is_relative_to_disk(self) -> bool {
        matches!(self, Self::TimesRawP50(_) | Self::P99TimesRawP50(_))
    }
}

/// One step of one stage.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// Callers as closed loops; `None` for an open loop.
    pub(crate) callers: Option<usize>,
    /// Granted work a second.
    pub(crate) per_second: f64,
    pub(crate) latency: Quantiles,
    /// The longest wait of any call of the stage, also of those that ended after the counted time.
    pub(crate) longest_wait_ms: f64,
    pub(crate) refused: u64,
    /// The raw append-and-sync loop right before and after.
    pub(crate) raw: Quantiles,
    /// Its p50 before and after: how steady the disk was meanwhile.
    pub(crate) raw_p50_us: [f64; 2],
    /// Whether the disk was steady enough for the row to say something about the engine.
    pub(crate) disk_steady: bool,
    /// The p50 as a multiple of the raw p50.
    pub(crate) times_raw_p50: f64,
    /// What was sent in an open loop.
    pub(crate) open: Option<Open>,
    /// The answers of the whole stage against the engine's books.
    pub(crate) checked: Checked,
    pub(crate) goals: Vec<Judged>,
}

impl Row {
    pub(crate) fn new(
        name: &'static str,
        callers: Option<usize>,
        around: &Around,
        measured: &StageMeasured,
        step: usize,
        goals: &[Goal],
    ) -> Self {
        let latency = measured.steps.get(step).map(|step| Quantiles::of(&step.latency)).unwrap_or_default();
        let raw = around.raw;
        let times_raw_p50 = if raw.p50_us > 0.0 { latency.p50_us / raw.p50_us } else { 0.0 };
        let mut row = Self {
            name,
            callers,
            per_second: measured.rate(step),
            latency,
            longest_wait_ms: measured.longest.as_secs_f64() * 1_000.0,
            refused: measured.refused,
            raw,
            raw_p50_us: around.raw_p50_us,
            disk_steady: is_steady(around.raw_p50_us, &raw),
            times_raw_p50,
            open: None,
            checked: around.checked.clone(),
            goals: Vec::new(),
        };
        row.goals = goals.iter().map(|goal| row.judge(*goal)).collect();
        row
    }

    fn judge(&self, goal: Goal) -> Judged {
        let judged = match goal {
            Goal::PerSecond(rate) => {
                Judged::at_least(format!("≥ {}", report::per_second(rate)), self.per_second, rate)
            }
            Goal::TimesRawP50(times) => {
                Judged::at_most(format!("p50 ≤ {times} × raw p50"), self.times_raw_p50, times)
            }
            Goal::P99TimesRawP50(times) => {
                let bound = times * self.raw.p50_us;
                Judged::at_most(format!("p99 ≤ {times} × raw p50"), self.latency.p99_us, bound)
            }
            Goal::P999TimesRawOpen { most, raw_us } => {
                let text = format!("p99.9 ≤ {most} × raw p99.9");
                let bound = most * raw_us.unwrap_or_default();
                Judged::at_most(text, self.latency.p999_us, bound).clear_if(raw_us.is_some())
            }
            Goal::TimesUniform { least, found } => {
                Judged::at_least(format!("≥ {least} × uniform (found {found:.3})"), found, least)
            }
            Goal::LongestWaitMillis(millis) => {
                Judged::at_most(format!("longest wait ≤ {millis} ms"), self.longest_wait_ms, millis)
            }
        };
        judged.clear_if(self.disk_steady || !goal.is_relative_to_disk())
    }
}

/// All stages of a run.
#[derive(Debug, Serialize)]
pub(crate) struct BenchResult {
    pub(crate) cores: usize,
    pub(crate) workers: Option<usize>,
    pub(crate) durability: DurabilityChoice,
    pub(crate) write_path: WritePathChoice,
    pub(crate) seconds: f64,
    pub(crate) rows: Vec<Row>,
}

impl BenchResult {
    /// A result without any stage.
    pub(crate) fn new(arguments: &Arguments) -> Self {
        Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            workers: arguments.workers,
            durability: arguments.durability,
            write_path: arguments.write_path,
            seconds: arguments.seconds,
            rows: Vec::new(),
        }
    }

    /// The rate that a stage of this run reached.
    pub(crate) fn rate_of(&self, name: &str, callers: usize) -> Option<f64> {
        self.rows
            .iter()
            .find(|row| row.name == name && row.callers == Some(callers))
            .map(|row| row.per_second)
    }

    /// Whether every goal was met; one that could not be judged was not.
    pub(crate) fn goals_are_met(&self) -> bool {
        self.rows.iter().flat_map(|row| &row.goals).all(Judged::is_met)
    }

    /// Whether every answer is in the engines' books, and nothing else.
    pub(crate) fn answers_are_true(&self) -> bool {
        self.rows.iter().all(|row| row.checked.differences.is_empty())
    }

    /// Prints the table.
    pub(crate) fn print(&self) {
        let workers = self.workers.unwrap_or(self.cores);
        report::line(&format!(
            "{} cores, {workers} worker threads, durability {:?}, write path {:?}, {} s a stage, callers in the engine's process",
            self.cores, self.durability, self.write_path, self.seconds
        ));
        let mut header = vec!["stage", "goal", "callers", "granted"];
        header.extend(report::QUANTILE_HEADER);
        header.extend(["longest", "refused", "raw p50 before / after", "raw p99", "× raw", "checked"]);
        let rows: Vec<_> = self.rows.iter().map(cells).collect();
        report::rows(&header, 2, &rows);
        self.rows.iter().for_each(print_open);
        if self.rows.iter().any(|row| !row.disk_steady) {
            report::line(
                "!: the disk was not steady around this stage; its figures say little about the engine.",
            );
        }
        report::line(
            "granted: answers that granted something, in the counted time. raw: append of 200 bytes and fdatasync, \
             one thread, right before and after the stage. longest: of the whole stage, also behind the counted time. \
             checked: orders and units that were answered for in the whole stage, compared with the engine's books \
             at its end.",
        );
        report::line(goal::TIMES_LEGEND);
        self.print_differences();
    }

    fn print_differences(&self) {
        for row in &self.rows {
            for difference in &row.checked.differences {
                report::line(&format!("BROKEN  {}: {difference}", row.name));
            }
        }
    }
}

/// Whether the raw loop found about the same disk before and after, without long stalls in between.
///
/// A disk that others use as well, or that is throttled, gives figures that say more about it than about
/// the engine.
fn is_steady([before, after]: [f64; 2], raw: &Quantiles) -> bool {
    let apart = before.max(after) / before.min(after).max(1.0);
    apart <= P50_APART_MAX && raw.p99_us <= raw.p50_us * P99_OVER_P50_MAX
}

/// What was sent in an open loop, and what the raw loop found meanwhile.
fn print_open(row: &Row) {
    let Some(open) = &row.open else { return };
    let pace = if open.raw_kept_pace() { "" } else { ", which it did not keep up with" };
    report::line(&format!(
        "{}: {} due of a peak of {}, sent late by {} (p50) to {} (p99.9); raw open loop beside it: p50 {}, p99 {}, \
         p99.9 {}, of {} appends of 4 KiB{pace}",
        row.name,
        report::per_second(open.offered_per_second),
        report::per_second(open.peak_per_second),
        report::duration(open.lateness.p50_us),
        report::duration(open.lateness.p999_us),
        report::duration(open.raw.p50_us),
        report::duration(open.raw.p99_us),
        report::duration(open.raw.p999_us),
        report::count(open.raw.count),
    ));
}

fn cells(row: &Row) -> Vec<String> {
    let goals: Vec<String> = row.goals.iter().map(Judged::text).collect();
    let mut cells = vec![
        row.name.to_owned(),
        goals.join("\n"),
        row.callers.map_or_else(|| "open loop".to_owned(), |callers| report::count(callers as u64)),
        report::per_second(row.per_second),
    ];
    cells.extend(report::quantile_cells(&row.latency));
    cells.extend([
        report::duration(row.longest_wait_ms * 1_000.0),
        report::count(row.refused),
        format!(
            "{}{}",
            row.raw_p50_us.map(report::duration).join(" / "),
            if row.disk_steady { "" } else { " !" }
        ),
        report::duration(row.raw.p99_us),
        format!("{:.2}", row.times_raw_p50),
        match row.checked.differences.as_slice() {
            [] => report::count(row.checked.count()),
            _ => "BROKEN".to_owned(),
        },
    ]);
    cells
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::stage::Books;

    fn row() -> Row {
        Row {
            name: "reserve",
            callers: Some(64),
            per_second: 100_000.0,
            latency: Quantiles {
                count: 10,
                p50_us: 150.0,
                p99_us: 4_000.0,
                p999_us: 300.0,
                ..Quantiles::default()
            },
            longest_wait_ms: 20.0,
            refused: 0,
            raw: Quantiles { p50_us: 100.0, ..Quantiles::default() },
            raw_p50_us: [100.0; 2],
            disk_steady: true,
            times_raw_p50: 1.5,
            open: None,
            checked: Checked { answered: Books::default(), differences: Vec::new() },
            goals: Vec::new(),
        }
    }

    #[test]
    fn goals_are_judged_at_their_bounds() {
        let raw_us = Some(100.0);
        let cases = [
            (Goal::PerSecond(100_000.0), true),
            (Goal::PerSecond(100_001.0), false),
            (Goal::TimesRawP50(1.5), true),
            (Goal::TimesRawP50(1.4), false),
            (Goal::P99TimesRawP50(40.0), true),
            (Goal::P99TimesRawP50(39.0), false),
            (Goal::P999TimesRawOpen { most: 3.0, raw_us }, true),
            (Goal::P999TimesRawOpen { most: 2.9, raw_us }, false),
            (Goal::TimesUniform { least: 0.9, found: 0.9 }, true),
            (Goal::TimesUniform { least: 0.9, found: 0.89 }, false),
            (Goal::LongestWaitMillis(20.0), true),
            (Goal::LongestWaitMillis(19.0), false),
        ];
        for (goal, expected) in cases {
            assert_eq!(row().judge(goal).is_met(), expected, "{goal:?}");
        }
    }

    #[test]
    fn a_disk_that_changed_or_stalled_is_not_steady() {
        let raw = |p50_us, p99_us| Quantiles { count: 1_000, p50_us, p99_us, ..Quantiles::default() };
        assert!(is_steady([90.0, 100.0], &raw(95.0, 150.0)));
        assert!(!is_steady([90.0, 300.0], &raw(95.0, 150.0)));
        assert!(!is_steady([90.0, 90.0], &raw(90.0, 4_000.0)));
    }

    #[test]
    fn on_an_unsteady_disk_what_is_relative_to_it_stays_unclear() {
        let row = Row { disk_steady: false, ..row() };
        assert_eq!(row.judge(Goal::TimesRawP50(1.6)).text(), "p50 ≤ 1.6 × raw p50 unclear × 1.07");
        assert!(row.judge(Goal::PerSecond(1.0)).is_met());
    }

    #[test]
    fn without_a_raw_loop_that_kept_its_pace_an_open_loop_stays_unclear() {
        let judged = row().judge(Goal::P999TimesRawOpen { most: 3.0, raw_us: None });
        assert_eq!(judged.text(), "p99.9 ≤ 3 × raw p99.9 unclear");
    }

    #[test]
    fn a_stage_that_granted_nothing_meets_nothing() {
        let row = Row { latency: Quantiles::default(), per_second: 0.0, times_raw_p50: 0.0, ..row() };
        for goal in [Goal::PerSecond(1.0), Goal::TimesRawP50(1.0), Goal::P99TimesRawP50(5.0)] {
            assert!(!row.judge(goal).is_met(), "{goal:?}");
        }
    }
}
