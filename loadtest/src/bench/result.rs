//! What the stages measured, held against the goals; as a table and as JSON.

use serde::Serialize;

use super::Arguments;
use super::callers::Measured;
use super::stage::Staged;
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
    /// The p99 in milliseconds, below.
    P99Millis(f64),
    /// The longest wait in milliseconds, below.
    LongestWaitMillis(f64),
}

impl Goal {
    /// Whether the goal means nothing without a trustworthy measurement of the disk.
    const fn is_relative_to_disk(self) -> bool {
        matches!(self, Self::TimesRawP50(_))
    }
}

/// A goal and whether it was met.
#[derive(Debug, Serialize)]
pub(crate) struct Judged {
    goal: String,
    /// `None` where an unsteady disk leaves nothing to compare with.
    met: Option<bool>,
}

impl Judged {
    const fn word(&self) -> &'static str {
        match self.met {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "unclear",
        }
    }
}

/// One step of one stage.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) callers: usize,
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
    pub(crate) goals: Vec<Judged>,
}

impl Row {
    pub(crate) fn new(
        name: &'static str,
        callers: usize,
        staged: &Staged,
        measured: &Measured,
        goals: &[Goal],
    ) -> Self {
        let latency = Quantiles::of(&measured.latency);
        let raw = staged.raw;
        let times_raw_p50 = if raw.p50_us > 0.0 { latency.p50_us / raw.p50_us } else { 0.0 };
        let longest_wait_ms = staged.measured.longest.as_secs_f64() * 1_000.0;
        let mut row = Self {
            name,
            callers,
            per_second: measured.per_second,
            latency,
            longest_wait_ms,
            refused: staged.measured.refused,
            raw,
            raw_p50_us: staged.raw_p50_us,
            disk_steady: is_steady(staged.raw_p50_us, &raw),
            times_raw_p50,
            goals: Vec::new(),
        };
        row.goals = goals.iter().map(|goal| row.judge(*goal)).collect();
        row
    }

    fn judge(&self, goal: Goal) -> Judged {
        let (text, met) = match goal {
            Goal::PerSecond(rate) => (format!("≥ {}", report::per_second(rate)), self.per_second >= rate),
            Goal::TimesRawP50(times) => (format!("p50 ≤ {times} × raw"), self.times_raw_p50 <= times),
            Goal::P99Millis(millis) => (format!("p99 < {millis} ms"), self.latency.p99_us < millis * 1_000.0),
            Goal::LongestWaitMillis(millis) => {
                (format!("longest wait < {millis} ms"), self.longest_wait_ms < millis)
            }
        };
        // What granted nothing has waits of zero, and meets nothing.
        let met = met && self.latency.count > 0;
        Judged { goal: text, met: (self.disk_steady || !goal.is_relative_to_disk()).then_some(met) }
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
        self.rows.iter().find(|row| row.name == name && row.callers == callers).map(|row| row.per_second)
    }

    /// Whether every goal was met; one that could not be judged was not.
    pub(crate) fn goals_are_met(&self) -> bool {
        self.rows.iter().flat_map(|row| &row.goals).all(|judged| judged.met == Some(true))
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
        header.extend(["longest", "refused", "raw p50 before / after", "raw p99", "× raw"]);
        let rows: Vec<_> = self.rows.iter().map(cells).collect();
        report::rows(&header, 2, &rows);
        if self.rows.iter().any(|row| !row.disk_steady) {
            report::line(
                "!: the disk was not steady around this stage; its figures say little about the engine.",
            );
        }
        report::line(
            "granted: answers that granted something, in the counted time. raw: append of 200 bytes and fdatasync, \
             one thread, right before and after the stage. longest: of the whole stage, also behind the counted time.",
        );
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

fn cells(row: &Row) -> Vec<String> {
    let goals: Vec<String> =
        row.goals.iter().map(|judged| format!("{} {}", judged.goal, judged.word())).collect();
    let mut cells = vec![
        row.name.to_owned(),
        goals.join("\n"),
        report::count(row.callers as u64),
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
    ]);
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        Row {
            name: "reserve",
            callers: 64,
            per_second: 100_000.0,
            latency: Quantiles { count: 10, p50_us: 150.0, p99_us: 4_000.0, ..Quantiles::default() },
            longest_wait_ms: 20.0,
            refused: 0,
            raw: Quantiles { p50_us: 100.0, ..Quantiles::default() },
            raw_p50_us: [100.0; 2],
            disk_steady: true,
            times_raw_p50: 1.5,
            goals: Vec::new(),
        }
    }

    #[test]
    fn goals_are_judged_at_their_bounds() {
        let cases = [
            (Goal::PerSecond(100_000.0), true),
            (Goal::PerSecond(100_001.0), false),
            (Goal::TimesRawP50(1.5), true),
            (Goal::TimesRawP50(1.4), false),
            (Goal::P99Millis(5.0), true),
            (Goal::P99Millis(4.0), false),
            (Goal::LongestWaitMillis(1_000.0), true),
            (Goal::LongestWaitMillis(20.0), false),
        ];
        for (goal, expected) in cases {
            assert_eq!(row().judge(goal).met, Some(expected), "{goal:?}");
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
        assert_eq!(row.judge(Goal::TimesRawP50(1.6)).met, None);
        assert_eq!(row.judge(Goal::PerSecond(1.0)).met, Some(true));
    }

    #[test]
    fn a_stage_that_granted_nothing_meets_nothing() {
        let row = Row { latency: Quantiles::default(), ..row() };
        assert_eq!(row.judge(Goal::P99Millis(5.0)).met, Some(false));
    }
}
