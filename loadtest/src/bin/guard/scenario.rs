//! What is counted.

use anyhow::Result;

use crate::window::Counted;
use crate::{flow, pure, recovery, whole};

/// A hot path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    /// The name in tables and in the baseline.
    pub(crate) name: &'static str,
    /// What the counts are divided by.
    pub(crate) per: &'static str,
    /// How far instructions may be from the baseline, in per cent of it.
    pub(crate) tolerance: f64,
    /// Runs it and answers what was counted within its window.
    pub(crate) run: fn() -> Result<Counted>,
}

/// Tolerances cover two things: what a repetition changes, which is nothing for what is pure and less than 1 per cent
/// for the rest; and what the compiler inlines elsewhere because something else was changed.
const PURE: f64 = 3.0;
const WHOLE: f64 = 3.0;
const RECOVERY: f64 = 4.0;

const fn new(
    name: &'static str,
    per: &'static str,
    tolerance: f64,
    run: fn() -> Result<Counted>,
) -> Scenario {
    Scenario { name, per, tolerance, run }
}

/// Every scenario, in the order of the table.
pub(crate) const ALL: &[Scenario] = &[
    new("pure: reserve", "command", PURE, pure::reserve),
    new("pure: place, 3 lines", "command", PURE, pure::place),
    new("pure: encode a record", "record", PURE, pure::encode),
    new("pure: decode a record", "record", PURE, pure::decode),
    new("reserve, one hot SKU", "command", WHOLE, whole::reserve),
    new("place, 1 line", "command", WHOLE, whole::place_one),
    new("place, 3 lines", "command", WHOLE, whole::place_three),
    new("place, pay, ship, deliver", "order", WHOLE, whole::life),
    new("flow of 11 nodes", "flow", WHOLE, flow::checkout),
    new("replay the journal", "record", RECOVERY, recovery::replay),
    new("load a snapshot", "order", RECOVERY, recovery::load),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_scenarios_have_the_same_name() {
        let mut names: Vec<_> = ALL.iter().map(|scenario| scenario.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }
}
