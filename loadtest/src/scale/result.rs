//! What was measured and proved, as one document.

use std::path::Path;

use serde::Serialize;

use super::at_rest;
use super::child::{Cost, Found};
use super::growth::{Expected, Growth};
use super::load::{Check, Wrong};
use super::plan::{Axis, Base, CommandName, Resting};
use super::{Arguments, growth};
use crate::latency::Quantiles;
use crate::lifecycle::{Machine, PromiseRow};
use crate::process::Memory;
use crate::recover::RecoverResult;
use crate::report::Promise;
use crate::snapshot::WorkloadResult;
use crate::store::DurabilityChoice;

/// A point of an axis.
#[derive(Debug, Serialize)]
pub(super) struct PointFound {
    pub(super) has: Base,
    pub(super) costs: Vec<Cost>,
    /// The process of the point: before its engine was opened, and at the end of its load.
    pub(super) memory: Memory,
    #[serde(skip)]
    wrong: Wrong,
}

impl From<(Base, Found)> for PointFound {
    fn from((has, Found { costs, memory, wrong }): (Base, Found)) -> Self {
        Self { has, costs, memory, wrong }
    }
}

/// An axis with its points.
#[derive(Debug, Serialize)]
pub(super) struct AxisFound {
    pub(super) axis: Axis,
    pub(super) points: Vec<PointFound>,
    /// A bare loop of appends and syncs before and behind it, where answers wait for syncs.
    pub(super) raw_sync: Vec<Quantiles>,
    /// How the cost of each command grew.
    pub(super) growth: Vec<Growth>,
}

impl AxisFound {
    pub(super) const fn new(axis: Axis) -> Self {
        Self { axis, points: Vec::new(), raw_sync: Vec::new(), growth: Vec::new() }
    }

    /// How many there are of what grows along the axis.
    pub(super) const fn place_of(&self, has: &Base) -> u32 {
        match self.axis {
            Axis::Orders => has.orders,
            Axis::Lines => has.lines,
            Axis::Callers => has.callers,
            Axis::Skus | Axis::Memory | Axis::Recovery | Axis::Stall => has.skus,
        }
    }

    /// Microseconds of processor time for a command, by points.
    pub(super) fn costs(&self, command: CommandName) -> Vec<(f64, f64)> {
        let cost_of = |point: &PointFound| {
            let cost = point.costs.iter().find(|cost| cost.command == command)?;
            Some((f64::from(self.place_of(&point.has)), cost.processor_us))
        };
        self.points.iter().filter_map(cost_of).collect()
    }

    fn judge(&mut self) {
        let expected = if self.axis == Axis::Lines { Expected::Linear } else { Expected::Flat };
        let growth = |command: CommandName| {
            let of = format!("processor time of a {}", command.noun());
            Growth::of(of, &self.costs(command), expected)
        };
        self.growth = self.axis.commands().into_iter().filter_map(growth).collect();
    }
}

/// Memory of some kind of entity.
#[derive(Debug, Serialize)]
pub(super) struct RestingFound {
    pub(super) resting: Resting,
    /// Entities that were added, on top of as many.
    pub(super) count: u32,
    #[serde(flatten)]
    pub(super) found: at_rest::Found,
}

/// A whole run.
#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    pub(super) machine: Machine,
    pub(super) workers: Option<usize>,
    pub(super) durability: DurabilityChoice,
    pub(super) seconds: f64,
    pub(super) seed: u64,
    pub(super) base: Base,
    pub(super) axes: Vec<AxisFound>,
    pub(super) memory: Vec<RestingFound>,
    pub(super) recoveries: Vec<RecoverResult>,
    /// How recovery grew with the journal.
    pub(super) recovery_growth: Vec<Growth>,
    pub(super) stall: Vec<WorkloadResult>,
    /// Points that did not fit, and why.
    pub(super) left_out: Vec<String>,
    pub(super) promises: Vec<PromiseRow>,
}

impl Outcome {
    pub(super) fn new(arguments: &Arguments, folder: &Path) -> Self {
        Self {
            machine: Machine::look(folder),
            workers: arguments.workers,
            durability: arguments.durability,
            seconds: arguments.seconds,
            seed: arguments.seed,
            base: arguments.base(),
            axes: Vec::new(),
            memory: Vec::new(),
            recoveries: Vec::new(),
            recovery_growth: Vec::new(),
            stall: Vec::new(),
            left_out: Vec::new(),
            promises: Vec::new(),
        }
    }

    /// Says how everything grew, and which promises were kept.
    pub(super) fn judge(&mut self) {
        self.axes.iter_mut().for_each(AxisFound::judge);
        let ways: [(&str, WholeMillis); 2] = [
            ("from the journal alone", |it| it.alone.phases.whole),
            ("from a snapshot", |it| it.with_snapshot.phases.whole),
        ];
        for (name, whole) in ways {
            let points: Vec<_> = self.recovery_points(whole);
            let of = format!("time of a recovery {name}");
            self.recovery_growth.extend(Growth::of(of, &points, growth::Expected::Linear));
        }
        self.promises = self.promised();
    }

    /// Microseconds of recoveries by records of their journals.
    pub(super) fn recovery_points(&self, whole: WholeMillis) -> Vec<(f64, f64)> {
        let point =
            |it: &RecoverResult| (it.alone.recovery.records_replayed as f64, whole(it) as f64 * 1_000.0);
        self.recoveries.iter().map(point).collect()
    }

    fn promised(&self) -> Vec<PromiseRow> {
        let mut wrong: Vec<(Check, String)> = Vec::new();
        for axis in &self.axes {
            for point in &axis.points {
                let place = format!("{} {}", axis.place_of(&point.has), axis.axis.title());
                wrong.extend(point.wrong.iter().map(|(check, text)| (*check, format!("{place}: {text}"))));
            }
        }
        for memory in &self.memory {
            let place = memory.resting.name();
            wrong.extend(memory.found.wrong.iter().map(|(check, text)| (*check, format!("{place}: {text}"))));
        }
        let mut promises = Vec::new();
        if !self.axes.is_empty() || !self.memory.is_empty() {
            promises.extend(Check::ALL.map(|check| {
                let of_it = wrong.iter().filter(|(found, _)| *found == check);
                Promise::from_differences(check.promise(), of_it.map(|(_, text)| text.clone()))
            }));
        }
        if !self.recoveries.is_empty() {
            let broken = self.recoveries.iter().flat_map(|it| {
                let broken = it.promises.iter().filter(|promise| !promise.is_kept());
                broken.map(|promise| {
                    format!("{} orders: {}: {}", it.cut.orders, promise.name, promise.differences.join("; "))
                })
            });
            promises.push(Promise::from_differences("every recovery kept what `recover` promises", broken));
        }
        promises.iter().map(PromiseRow::from).collect()
    }

    /// Whether every promise was kept.
    pub(super) fn is_kept(&self) -> bool {
        self.promises.iter().all(|promise| promise.kept)
    }
}

/// Which time of a recovery.
pub(super) type WholeMillis = fn(&RecoverResult) -> u64;

impl CommandName {
    pub(super) const fn noun(self) -> &'static str {
        match self {
            Self::Reserve => "reservation",
            Self::Place => "placement",
        }
    }
}

impl Resting {
    /// What it is, in words.
    pub(super) fn name(self) -> String {
        match self {
            Self::Orders { lines: 1 } => "orders of 1 line, with its hold".to_owned(),
            Self::Orders { lines } => format!("orders of {lines} lines, with their holds"),
            Self::Skus { holds: 0 } => "SKUs without holds".to_owned(),
            Self::Skus { holds: 1 } => "SKUs with 1 hold".to_owned(),
            Self::Skus { holds } => format!("SKUs with {holds} holds"),
        }
    }
}
