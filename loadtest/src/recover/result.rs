//! What a run came to, as tables and as JSON.

use serde::Serialize;

use super::Plan;
use super::frame::{AtCut, Opened, Rebuilt, SnapshotTaken};
use super::open::AUDITED_ORDERS_MAX;
use crate::goal::{self, Judged};
use crate::report::{self, Promise};

/// Events that are replayed in a second, at least.
const EVENTS_PER_SECOND_MIN: f64 = 3_000_000.0;

/// Resident bytes of an order with its holds, at most: 3.5 GB for ten million.
const BYTES_PER_ORDER_MAX: f64 = 350.0;

/// Microseconds for each order that an opening from a snapshot takes, at most: 20 s for ten million.
const MICROS_PER_ORDER_MAX: f64 = 2.0;

/// The kill.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Killed {
    /// Batches behind the cut that were acknowledged before it.
    pub(crate) acknowledged: u64,
    /// Bytes of the journal's segments.
    pub(crate) journal_bytes: u64,
}

/// The whole run.
#[derive(Debug, Serialize)]
pub(crate) struct RecoverResult {
    pub(crate) plan: Plan,
    /// The engine before the kill.
    pub(crate) cut: AtCut,
    pub(crate) snapshot: SnapshotTaken,
    pub(crate) killed: Killed,
    /// The opening from the snapshot, after the kill.
    pub(crate) with_snapshot: Opened,
    /// The opening from the journal alone.
    pub(crate) alone: Opened,
    /// The state at the cut.
    pub(crate) rebuilt: Rebuilt,
    /// What was to be reached; empty until it is judged.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) goals: Vec<Judged>,
    pub(crate) promises: Vec<Promise>,
}

/// A rate with milliseconds.
fn rate(units: u64, millis: u64) -> f64 {
    report::rate(units, millis as f64 / 1_000.0)
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", report::count(bytes / 1_000_000))
}

impl RecoverResult {
    /// Whether every promise was kept.
    pub(crate) fn is_kept(&self) -> bool {
        self.promises.iter().all(Promise::is_kept)
    }

    /// Holds what was measured against the goals, by order where they are for ten million.
    pub(super) fn judge(&mut self) {
        let replay = |name: &str, events: u64, millis: u64| {
            let goal = format!("{name} ≥ {}", report::per_second(EVENTS_PER_SECOND_MIN));
            Judged::at_least(goal, rate(events, millis), EVENTS_PER_SECOND_MIN)
        };
        let bytes = |name: &str, opened: u64| {
            let goal = format!("{name} ≤ {BYTES_PER_ORDER_MAX} bytes an order, 3.5 GB for ten million");
            Judged::at_most(goal, opened as f64, BYTES_PER_ORDER_MAX)
        };
        let Self { cut, with_snapshot, alone, rebuilt, .. } = &*self;
        let micros = with_snapshot.phases.whole as f64 * 1_000.0 / with_snapshot.orders.max(1) as f64;
        self.goals = vec![
            replay("events replayed by an opening", alone.recovery.events_replayed, alone.phases.replay),
            replay("events replayed by reading", rebuilt.events, rebuilt.replay_millis),
            bytes("memory of the live engine", cut.memory.per_order(cut.orders)),
            bytes("memory after an opening", with_snapshot.memory.per_order(with_snapshot.orders)),
            Judged::at_most(
                format!("opening from a snapshot ≤ {MICROS_PER_ORDER_MAX} µs an order, 20 s for ten million"),
                micros,
                MICROS_PER_ORDER_MAX,
            ),
        ];
    }

    /// Whether every goal was met.
    pub(super) fn goals_are_met(&self) -> bool {
        self.goals.iter().all(Judged::is_met)
    }

    /// Prints the tables.
    pub(crate) fn print(&self) {
        self.print_building();
        let mut rows = Vec::new();
        for (name, opened) in [("snapshot and tail", &self.with_snapshot), ("journal alone", &self.alone)] {
            rows.extend(phases(name, opened));
        }
        let rebuilt = &self.rebuilt;
        rows.push(row("state at the cut, by reading", "replay", rebuilt.replay_millis, |millis| {
            replayed(rebuilt.records, rebuilt.events, millis)
        }));
        rows.push(row("", "state hash", rebuilt.hash_millis, |millis| {
            format!("{} orders, {}", report::count(self.cut.orders), per_second(self.cut.orders, millis))
        }));
        report::rows(&["recovered from", "phase", "time", "what"], 2, &rows);
        self.print_memory();
        self.print_goals();
        report::line(&format!("\nstate hash at the cut {}", self.cut.state_hash));
        report::line(&format!("after the kill        {}", self.with_snapshot.state_hash));
        report::promises(&self.promises);
        if self.with_snapshot.audit.is_none() {
            report::line(&format!(
                "(orders were not held against the holds of SKUs one by one: that copies everything, and is done \
                 up to {} orders)",
                report::count(AUDITED_ORDERS_MAX)
            ));
        }
    }

    fn print_building(&self) {
        let Self { cut, snapshot, killed, with_snapshot, .. } = self;
        let orders = u64::from(self.plan.orders);
        report::facts(
            "the engine that was killed",
            &[
                ("orders built", report::count(cut.orders)),
                ("  a second", report::per_second(report::rate(orders, cut.seconds))),
                ("holds", report::count(cut.holds)),
                ("records", report::count(cut.sequence.saturating_sub(1))),
                ("journal", megabytes(killed.journal_bytes)),
                ("snapshot of orders", report::count(snapshot.orders)),
                ("  bytes", megabytes(snapshot.bytes)),
                ("  taken in", format!("{} ms", report::count(snapshot.millis))),
                ("orders acknowledged behind the cut", report::count(with_snapshot.acknowledged)),
                ("  in doubt, and there", report::count(with_snapshot.in_doubt)),
            ],
        );
    }

    fn print_goals(&self) {
        report::line("");
        for goal in &self.goals {
            report::line(&goal.text());
        }
        report::line(goal::TIMES_LEGEND);
    }

    fn print_memory(&self) {
        let rows = [
            ("live, at the cut", &self.cut.memory, self.cut.orders),
            ("opened from snapshot and tail", &self.with_snapshot.memory, self.with_snapshot.orders),
            ("opened from the journal alone", &self.alone.memory, self.alone.orders),
        ];
        let rows = rows.map(|(name, memory, orders)| {
            vec![
                name.to_owned(),
                megabytes(memory.after_bytes),
                megabytes(memory.peak_bytes),
                format!("{} bytes", report::count(memory.per_order(orders))),
            ]
        });
        report::rows(&["resident memory", "now", "peak", "an order with its holds"], 1, &rows);
    }
}

fn per_second(units: u64, millis: u64) -> String {
    report::per_second(rate(units, millis))
}

/// A record holds all events of one decision.
fn replayed(records: u64, events: u64, millis: u64) -> String {
    format!(
        "{} records, {}; {} events, {}",
        report::count(records),
        per_second(records, millis),
        report::count(events),
        per_second(events, millis)
    )
}

fn row(name: &str, phase: &str, millis: u64, what: impl FnOnce(u64) -> String) -> Vec<String> {
    vec![name.to_owned(), phase.to_owned(), report::duration(millis as f64 * 1_000.0), what(millis)]
}

/// The rows of one opening.
fn phases(name: &str, opened: &Opened) -> Vec<Vec<String>> {
    let (phases, recovery) = (opened.phases, &opened.recovery);
    let mut rows = Vec::new();
    if let Some((entities, bytes)) = opened.loaded {
        rows.push(row("", "load the snapshot", phases.load, |millis| {
            let bytes = rate(bytes, millis) / 1_000_000.0;
            format!("{} entities, {}, {bytes:.0} MB/s", report::count(entities), per_second(entities, millis))
        }));
    }
    rows.push(row("", "replay", phases.replay, |millis| {
        replayed(recovery.records_replayed, recovery.events_replayed, millis)
    }));
    rows.push(row("", "settle", phases.settle, |millis| {
        format!("{} orders, {}", report::count(recovery.orders), per_second(recovery.orders, millis))
    }));
    rows.push(row("", "rest", phases.rest, |_| {
        format!("{} orders finished, {} undone", recovery.finished, recovery.undone)
    }));
    rows.push(row("", "whole", phases.whole, |millis| per_second(recovery.orders, millis) + " orders"));
    if let Some(first) = rows.first_mut().and_then(|row| row.first_mut()) {
        name.clone_into(first);
    }
    rows
}
