//! What a run of kills came to.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use earmark::RecoveryReport;
use serde::Serialize;

use super::Arguments;
use super::ledger::Compared;
use super::life::Lived;
use crate::report::{self, Promise};

/// What is promised, in the order in which it is printed.
const PROMISES: [&str; 11] = [
    "every acknowledged answer is there",
    "a key is answered the same again",
    "what a kill interrupted is done once under its key",
    "nothing oversold",
    "units conserved",
    "the engine's own invariants hold",
    "no order is left unfinished",
    "journal alone and snapshots lead to the same state",
    "verify finds nothing wrong",
    "no call failed while its process lived",
    OTHER,
];

/// Where a promise is broken that is not in the list.
const OTHER: &str = "nothing else is wrong";

/// What a process needs beside what the engine reports, and all of it as long as nothing is known.
const OPENING_USUAL: Duration = Duration::from_millis(3);

/// What a run did and found.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Tally {
    kills: u64,
    killed_opening: u64,
    killed_in_snapshot: u64,
    answers: u64,
    refusals: u64,
    snapshots: u64,
    pub(super) snapshots_loaded: u64,
    in_doubt: u64,
    finished: u64,
    undone: u64,
    batches_cut: u64,
    records_replayed: u64,
    orders_compared: u64,
    carts_compared: u64,
    counters_compared: u64,
    pub(super) keys_asked: u64,
    pub(super) states: u64,
    opening_micros: u64,
    pub(super) seconds: f64,
    broken: BTreeMap<&'static str, Vec<String>>,
}

impl Tally {
    /// About how long the last opening took.
    pub(super) fn opening(&self) -> Duration {
        OPENING_USUAL + Duration::from_micros(self.opening_micros)
    }

    /// A process was killed.
    pub(super) fn lived(&mut self, round: u32, lived: Lived) {
        self.kills += 1;
        self.killed_opening += u64::from(!lived.was_open);
        self.killed_in_snapshot += u64::from(lived.in_snapshot);
        self.answers += lived.answered;
        self.refusals += lived.refused;
        self.snapshots += lived.snapshots;
        self.wrong("no call failed while its process lived", round, lived.faults);
    }

    /// The folder was opened after a kill.
    pub(super) fn recovered(&mut self, report: &RecoveryReport) {
        self.finished += report.finished;
        self.undone += report.undone;
        self.batches_cut += u64::from(report.bytes_cut > 0);
        self.records_replayed += report.records;
        self.opening_micros = report.millis.saturating_mul(1_000);
    }

    /// What was known was compared with what was found.
    pub(super) fn compared(&mut self, compared: Compared) {
        self.orders_compared += compared.orders;
        self.carts_compared += compared.carts;
        self.counters_compared += compared.counters;
        self.in_doubt += compared.in_doubt;
    }

    /// Notes differences from what was promised.
    pub(super) fn wrong(
        &mut self,
        promise: &'static str,
        round: u32,
        differences: impl IntoIterator<Item = String>,
    ) {
        let mut told = differences.into_iter().map(|text| format!("round {round}: {text}")).peekable();
        if told.peek().is_some() {
            let promise = if PROMISES.contains(&promise) { promise } else { OTHER };
            self.broken.entry(promise).or_default().extend(told);
        }
    }

    /// Whether every promise was kept.
    pub(super) fn is_kept(&self) -> bool {
        self.broken.is_empty()
    }

    fn promises(&self) -> Vec<Promise> {
        let differences = |name| self.broken.get(name).into_iter().flatten().cloned();
        PROMISES.map(|name| Promise::from_differences(name, differences(name))).into()
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let broken: usize = self.broken.values().map(Vec::len).sum();
        [
            ("processes killed", self.kills),
            ("… while they opened the folder", self.killed_opening),
            ("… while they took a snapshot", self.killed_in_snapshot),
            ("answers acknowledged", self.answers),
            ("… of them refusals", self.refusals),
            ("calls that a kill left without an answer", self.in_doubt),
            ("snapshots taken", self.snapshots),
            ("openings that began with a snapshot", self.snapshots_loaded),
            ("records replayed after kills", self.records_replayed),
            ("orders that recovery finished", self.finished),
            ("orders that recovery undid", self.undone),
            ("openings that cut an unfinished batch", self.batches_cut),
            ("orders compared with what was told of them", self.orders_compared),
            ("carts compared", self.carts_compared),
            ("counters compared", self.counters_compared),
            ("answered keys asked again", self.keys_asked),
            ("states compared, from a snapshot or the journal alone", self.states),
            ("differences", broken as u64),
        ]
        .map(|(name, number)| (name, report::count(number)))
        .into_iter()
        .chain([("seconds", format!("{:.0}", self.seconds))])
        .collect()
    }
}

/// Prints what was done and which promises were kept.
pub(super) fn print(tally: &Tally, arguments: &Arguments) -> Result<()> {
    let promises = tally.promises();
    if arguments.json {
        return report::json(&serde_json::json!({ "found": tally, "promises": promises }));
    }
    if arguments.markdown {
        let rows = tally.facts().into_iter().map(|(name, value)| vec![name.to_owned(), value]);
        report::markdown(&["kills", ""], rows);
    } else {
        report::facts("kills", &tally.facts());
    }
    report::promises(&promises);
    Ok(())
}
