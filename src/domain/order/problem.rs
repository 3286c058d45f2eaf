//! What stands in the way of changes of an order.

use serde::{Deserialize, Serialize};

/// What is wrong with an edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum EditProblem {
    /// It changes nothing.
    #[error("it changes nothing")]
    Empty,
    /// It changes the units, or the amounts, of one line twice.
    #[error("the line is changed twice")]
    Twice,
    /// Nothing would be left to ship: that is a cancellation.
    #[error("nothing would be left to ship; cancel what is not wanted")]
    LeavesNothing,
    /// The line would share SKUs with lines that are reserved at placement and with lines that are not.
    #[error("its SKUs are reserved at placement for one line and taken at payment for another")]
    TwoDeductions,
    /// The order waits for units.
    #[error("the order waits for units; they have to come, or to be called off, first")]
    Waits,
    /// Units would come to an order of a flash sale.
    #[error("a flash sale takes its units at placement; units can only be given up")]
    AddsUnits,
}

/// Why an order cannot be split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum SplitProblem {
    /// All units would go to one child.
    #[error("all of its units belong together")]
    OneGroup,
    /// A group has no units.
    #[error("a group has no units")]
    EmptyGroup,
    /// Units have left the house.
    #[error("units of it have left the house")]
    Shipped,
    /// It waits for units.
    #[error("it waits for units")]
    Waits,
    /// Units were added to it that nobody has paid for.
    #[error("units were added to it that are not paid for")]
    Unpaid,
    /// It has kits, whose parts may lie at several locations.
    #[error("it has kits, whose parts may lie at several locations")]
    Kits,
    /// The ids of its children would be too long.
    #[error("the ids of its children would be too long")]
    IdTooLong,
}
