//! Axes, points, and what a process is asked to do.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::Arguments;
use crate::bench::callers::Window;
use crate::store::DurabilityChoice;

/// Lines of the orders that are there before anything is measured, whatever the lines of those that are measured.
pub(super) const LINES_BUILT: u32 = 3;

/// How long callers run before they are counted, as a part of the time for which they are.
const WARM_UP_PART: f64 = 0.3;

/// Orders of more lines than this are counted for longer, in proportion, so that all callers get some answers.
const LINES_A_SECOND: f64 = 200.0;

/// What grows, or is looked at, in the order in which it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Axis {
    /// SKUs in stock: 10 to 100,000.
    Skus,
    /// Orders that are there before: 1,000 to 1,000,000.
    Orders,
    /// Lines of an order: 1 to 1,000, as many as an engine allows by default.
    Lines,
    /// Callers at a time: 1 to 10,000.
    Callers,
    /// Memory for each resting order, by its lines, and for each SKU, by its holds.
    Memory,
    /// Recovery of a journal of 10,000 to 1,000,000 records: from a snapshot, and alone.
    Recovery,
    /// The longest that a read of a SKU waits, with and without snapshots.
    Stall,
}

impl Axis {
    /// The axes along which the cost of a command is measured.
    pub(super) const OF_COMMANDS: [Self; 4] = [Self::Skus, Self::Orders, Self::Lines, Self::Callers];

    /// What is counted along it.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Skus => "SKUs",
            Self::Orders => "orders there",
            Self::Lines => "lines of an order",
            Self::Callers => "callers",
            Self::Memory => "entities at rest",
            Self::Recovery => "records in the journal",
            Self::Stall => "holds and orders",
        }
    }

    /// The points: each ten times the one before.
    pub(super) fn points(self, arguments: &Arguments) -> Vec<u32> {
        let (first, last, full): (u32, _, _) = match self {
            Self::Skus => (10, 100_000, 1_000_000),
            Self::Orders => (1_000, 1_000_000, 10_000_000),
            Self::Lines => (1, 1_000, 1_000),
            Self::Callers => (1, 10_000, 10_000),
            Self::Recovery => (10_000, 1_000_000, 10_000_000),
            Self::Memory | Self::Stall => return Vec::new(),
        };
        let last = arguments.bounded(if arguments.full { full } else { last });
        std::iter::successors(Some(first), |point| point.checked_mul(10))
            .take_while(|point| *point <= last)
            .collect()
    }

    /// What is measured along it. How many lines an order has is nothing to a reservation.
    pub(super) fn commands(self) -> Vec<CommandName> {
        match self {
            Self::Skus | Self::Orders | Self::Callers => vec![CommandName::Reserve, CommandName::Place],
            Self::Lines => vec![CommandName::Place],
            Self::Memory | Self::Recovery | Self::Stall => Vec::new(),
        }
    }
}

/// A command that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum CommandName {
    /// One unit of a SKU for a new cart, and, as a command of its own, given back.
    Reserve,
    /// An order.
    Place,
}

impl CommandName {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Reserve => "reserve",
            Self::Place => "place",
        }
    }
}

/// What a point has of everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Base {
    pub(super) skus: u32,
    pub(super) orders: u32,
    pub(super) lines: u32,
    pub(super) callers: u32,
}

impl Base {
    /// The point of an axis: everything as it is, but for one thing.
    pub(super) const fn at(mut self, axis: Axis, point: u32) -> Self {
        match axis {
            Axis::Skus => self.skus = point,
            Axis::Orders => self.orders = point,
            Axis::Lines => self.lines = point,
            Axis::Callers => self.callers = point,
            Axis::Memory | Axis::Recovery | Axis::Stall => {}
        }
        self
    }
}

/// How every process is to run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Setting {
    pub(super) folder: PathBuf,
    pub(super) durability: DurabilityChoice,
    pub(super) workers: Option<usize>,
    pub(super) seed: u64,
}

/// One point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Point {
    pub(super) setting: Setting,
    pub(super) has: Base,
    pub(super) commands: Vec<CommandName>,
    pub(super) seconds: f64,
}

impl Point {
    pub(super) fn window(&self) -> Window {
        let counted = self.seconds * f64::from(self.has.lines).max(LINES_A_SECOND) / LINES_A_SECOND;
        Window {
            warm_up: Duration::from_secs_f64(counted * WARM_UP_PART),
            counted: Duration::from_secs_f64(counted),
        }
    }
}

/// What rests in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Resting {
    /// Orders of so many lines, with their holds.
    Orders { lines: u32 },
    /// SKUs with so many holds each.
    Skus { holds: u32 },
}

/// Memory of so many entities, on top of as many.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct AtRest {
    pub(super) setting: Setting,
    pub(super) resting: Resting,
    pub(super) count: u32,
    /// SKUs of the orders.
    pub(super) skus: u32,
}

/// What a process is to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Task {
    Point(Point),
    AtRest(AtRest),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args as _, FromArgMatches as _};

    fn points(axis: Axis, line: &str) -> Vec<u32> {
        let command = Arguments::augment_args(clap::Command::new("scale").no_binary_name(true));
        let matches = command.try_get_matches_from(line.split_whitespace()).unwrap();
        axis.points(&Arguments::from_arg_matches(&matches).unwrap())
    }

    #[test]
    fn each_point_is_ten_times_the_one_before_up_to_the_bound() {
        assert_eq!(points(Axis::Skus, ""), [10, 100, 1_000, 10_000, 100_000]);
        assert_eq!(points(Axis::Orders, ""), [1_000, 10_000, 100_000, 1_000_000]);
        assert_eq!(points(Axis::Lines, ""), [1, 10, 100, 1_000]);
        assert_eq!(points(Axis::Callers, ""), [1, 10, 100, 1_000, 10_000]);
        assert_eq!(points(Axis::Recovery, ""), [10_000, 100_000, 1_000_000]);
        assert_eq!(points(Axis::Skus, "--full").last(), Some(&1_000_000));
        assert_eq!(points(Axis::Orders, "--full").last(), Some(&10_000_000));
        assert_eq!(points(Axis::Lines, "--full").last(), Some(&1_000));
        assert_eq!(points(Axis::Skus, "--up-to 150"), [10, 100]);
        assert_eq!(points(Axis::Recovery, "--up-to 150"), Vec::<u32>::new());
    }

    #[test]
    fn a_point_differs_from_the_base_in_one_thing_alone() {
        let base = Base { skus: 1, orders: 2, lines: 3, callers: 4 };
        assert_eq!(base.at(Axis::Skus, 9), Base { skus: 9, ..base });
        assert_eq!(base.at(Axis::Orders, 9), Base { orders: 9, ..base });
        assert_eq!(base.at(Axis::Lines, 9), Base { lines: 9, ..base });
        assert_eq!(base.at(Axis::Callers, 9), Base { callers: 9, ..base });
    }
}
