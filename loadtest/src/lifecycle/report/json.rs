//! Everything a run measured and proved, as one JSON document. `docs/lifecycle-report.md` explains the
//! fields; a change to their meaning raises the version.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::super::ledger::{End, Entry};
use super::super::machine::Machine;
use super::super::measure::{Measured, Second, Step};
use super::super::shares::Shares;
use crate::latency::Quantiles;
use crate::report::Promise;
use crate::store::{DurabilityChoice, Recovery};

/// The version of the document.
pub(crate) const VERSION: u32 = 1;

/// The name of the document.
pub(crate) const FORMAT: &str = "earmark-lifecycle-report";

/// Steps of the quantiles between one half of what is left and the next.
const QUANTILES_PER_HALF: u32 = 4;

/// The whole document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Document {
    pub(crate) format: String,
    pub(crate) version: u32,
    pub(crate) build: Build,
    pub(crate) settings: Settings,
    pub(crate) shares: Shares,
    pub(crate) machine: Machine,
    pub(crate) conditions: Conditions,
    pub(crate) outcome: Outcome,
    pub(crate) steps: Vec<StepRow>,
    pub(crate) seconds: Vec<Second>,
    pub(crate) proof: Proof,
}

/// What was measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Build {
    /// The version of this program and of the engine.
    pub(crate) version: String,
    /// Whether it was built with optimisations.
    pub(crate) optimised: bool,
    /// When the run began, in UTC.
    pub(crate) began: String,
}

/// How the run was set up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) seed: u64,
    pub(crate) duration_s: f64,
    pub(crate) warm_up_s: f64,
    /// Callers of a closed loop; `None` in an open loop.
    pub(crate) callers: Option<u32>,
    /// Orders a second of an open loop; `None` in a closed loop.
    pub(crate) rate: Option<f64>,
    pub(crate) durability: DurabilityChoice,
    pub(crate) workers: Option<usize>,
    pub(crate) skus: usize,
    pub(crate) hot_skus: usize,
    pub(crate) zipf: f64,
    pub(crate) clock_speed: u64,
    /// Periods by the engine's clock.
    pub(crate) pay_within_s: u64,
    pub(crate) confirm_after_s: u64,
    pub(crate) complete_after_s: u64,
    /// `refund` or `revive`.
    pub(crate) late_payment: String,
}

/// What the disk and the schedule were like.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Conditions {
    /// A bare append-and-sync loop on the same disk before and after; `None` where nothing is synced.
    pub(crate) raw_sync_before: Option<Quantiles>,
    pub(crate) raw_sync_after: Option<Quantiles>,
    /// By how much orders of an open loop began late for want of a processor; it is part of their latencies.
    pub(crate) schedule_lateness: Option<Quantiles>,
}

/// What came of the orders.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// Orders that were begun, the warm-up included.
    pub(crate) orders: u64,
    /// Orders by how they ended.
    pub(crate) ends: Vec<EndCount>,
    /// Orders that timed out and that late money brought back.
    pub(crate) revived: u64,
    /// Orders on which money came beyond what was due.
    pub(crate) beyond_due: u64,
    /// Refused placements and carts in a hundred, within the counted time.
    pub(crate) refused_percent: f64,
    /// Lives that ended a second, within the counted time.
    pub(crate) lives_per_second: f64,
    /// Answered commands a second, within the counted time.
    pub(crate) commands_per_second: f64,
    /// Records in the journal at the end.
    pub(crate) records: u64,
    /// Milliseconds from the end of the last life until every timer had fired.
    pub(crate) settled_ms: u64,
}

/// How many orders ended like this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EndCount {
    pub(crate) end: End,
    pub(crate) orders: u64,
}

/// One step over the whole run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StepRow {
    pub(crate) step: Step,
    /// Answers a second, within the counted time.
    pub(crate) per_second: f64,
    /// Latencies of what began within the counted time.
    pub(crate) latency: Quantiles,
    /// Pairs of a quantile and the latency at it in microseconds.
    pub(crate) curve: Vec<(f64, f64)>,
}

/// What was proved.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Proof {
    pub(crate) kept: bool,
    pub(crate) hash_live: String,
    /// `None` where nothing survives that could be recovered.
    pub(crate) hash_recovered: Option<String>,
    pub(crate) recovery: Option<Recovery>,
    pub(crate) promises: Vec<PromiseRow>,
}

/// One promise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PromiseRow {
    pub(crate) name: String,
    pub(crate) kept: bool,
    pub(crate) difference_count: usize,
    pub(crate) differences: Vec<String>,
}

impl From<&Promise> for PromiseRow {
    fn from(promise: &Promise) -> Self {
        Self {
            name: promise.name.to_owned(),
            kept: promise.is_kept(),
            difference_count: promise.difference_count,
            differences: promise.differences.clone(),
        }
    }
}

impl Outcome {
    /// Counts how the orders ended and how fast they did.
    pub(crate) fn of(entries: &[Entry], seconds: &[Second]) -> Self {
        let count = |of: &dyn Fn(&Entry) -> bool| entries.iter().filter(|entry| of(entry)).count() as u64;
        let ends = End::ALL.map(|end| EndCount { end, orders: count(&|entry| entry.end == end) });
        let (placed, refused) = (per_second(seconds, Step::Place), per_second(seconds, Step::Refused));
        let commands = Step::ALL.into_iter().filter(|step| step.is_command());
        Self {
            orders: entries.len() as u64,
            ends: ends.to_vec(),
            revived: count(&|entry| entry.revived),
            beyond_due: count(&|entry| entry.beyond_due),
            refused_percent: if refused > 0.0 { 100.0 * refused / (placed + refused) } else { 0.0 },
            lives_per_second: per_second(seconds, Step::Life),
            commands_per_second: commands.map(|step| per_second(seconds, step)).sum(),
            records: 0,
            settled_ms: 0,
        }
    }
}

/// Answers to a step a second, within the counted time.
fn per_second(seconds: &[Second], step: Step) -> f64 {
    let answers: u64 = seconds.iter().map(|second| second.count(step)).sum();
    answers as f64 / seconds.len().max(1) as f64
}

/// A row for each step that had answers.
pub(crate) fn steps(measured: &Measured) -> Vec<StepRow> {
    let answered = Step::ALL.iter().zip(&measured.totals).filter(|(_, total)| !total.is_empty());
    let row = |(step, total): (&Step, &Histogram<u64>)| StepRow {
        step: *step,
        per_second: per_second(&measured.seconds, *step),
        latency: Quantiles::of(total),
        curve: curve(total),
    };
    answered.map(row).collect()
}

fn curve(histogram: &Histogram<u64>) -> Vec<(f64, f64)> {
    let points = histogram.iter_quantiles(QUANTILES_PER_HALF);
    points.map(|point| (point.quantile_iterated_to(), point.value_iterated_to() as f64 / 1_000.0)).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::lifecycle::measure::SecondOfStep;
    use crate::lifecycle::workload::tests::shares;

    fn settings() -> Settings {
        Settings {
            seed: 1,
            duration_s: 5.0,
            warm_up_s: 1.0,
            callers: Some(64),
            rate: None,
            durability: DurabilityChoice::Disk,
            workers: None,
            skus: 1_000,
            hot_skus: 10,
            zipf: 1.0,
            clock_speed: 600,
            pay_within_s: 900,
            confirm_after_s: 3_600,
            complete_after_s: 7_200,
            late_payment: "revive".to_owned(),
        }
    }

    fn proof() -> Proof {
        Proof {
            kept: false,
            hash_live: "ab".to_owned(),
            hash_recovered: Some("ab".to_owned()),
            recovery: Some(Recovery::default()),
            promises: vec![
                PromiseRow {
                    name: "one".to_owned(),
                    kept: true,
                    difference_count: 0,
                    differences: Vec::new(),
                },
                PromiseRow {
                    name: "two".to_owned(),
                    kept: false,
                    difference_count: 1,
                    differences: vec!["order-7".to_owned()],
                },
            ],
        }
    }

    /// A small document with something in every part of it.
    pub(crate) fn document() -> Document {
        let latency = Quantiles {
            count: 1_000,
            p50_us: 900.0,
            p90_us: 1_500.0,
            p99_us: 4_000.0,
            p999_us: 9_000.0,
            max_us: 12_000.0,
        };
        let steps = [Step::Place, Step::Refused, Step::Pay, Step::Life];
        let seconds = (1..=5).map(|until| Second {
            until,
            steps: steps.iter().map(|step| SecondOfStep { step: *step, latency }).collect(),
        });
        let curve = vec![(0.0, 100.0), (0.5, 900.0), (0.9, 1_500.0), (0.999, 9_000.0), (1.0, 12_000.0)];
        let rows = steps.map(|step| StepRow { step, per_second: 1_000.0, latency, curve: curve.clone() });
        Document {
            format: FORMAT.to_owned(),
            version: VERSION,
            build: Build {
                version: "0.1.0".to_owned(),
                optimised: true,
                began: "2027-01-01T00:00:00Z".to_owned(),
            },
            settings: settings(),
            shares: shares(),
            machine: Machine {
                processor: "Example <CPU> & more".to_owned(),
                processors: 2,
                ..Machine::default()
            },
            conditions: Conditions {
                raw_sync_before: Some(latency),
                raw_sync_after: Some(latency),
                schedule_lateness: None,
            },
            outcome: Outcome {
                orders: 5_000,
                ends: vec![EndCount { end: End::Delivered, orders: 5_000 }],
                ..Outcome::default()
            },
            steps: rows.to_vec(),
            seconds: seconds.collect(),
            proof: proof(),
        }
    }

    #[test]
    fn a_document_that_was_written_is_read_back_unchanged() {
        let document = document();
        let text = serde_json::to_string_pretty(&document).unwrap();
        assert_eq!(serde_json::from_str::<Document>(&text).unwrap(), document);
    }

    #[test]
    fn orders_are_counted_by_how_they_ended() {
        let ends = [End::Delivered, End::Delivered, End::Refused, End::TimedOut];
        let entries: Vec<Entry> = (0..).zip(ends).map(|(n, end)| Entry { end, ..Entry::new(n) }).collect();
        let outcome = Outcome::of(&entries, &document().seconds);
        assert_eq!(outcome.ends.iter().map(|of| of.orders).sum::<u64>(), 4);
        // As many were refused as placed in each second of the document.
        assert!((outcome.refused_percent - 50.0).abs() < 1e-9);
        assert!((outcome.lives_per_second - 1_000.0).abs() < 1e-9);
        // A life and its restocking are no commands of their own.
        assert!((outcome.commands_per_second - 3_000.0).abs() < 1e-9);
    }
}
