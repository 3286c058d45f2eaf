//! Commands that make another order of an order than the one that was placed.

use serde::{Deserialize, Serialize};

use smol_str::SmolStr;

use super::{Command, LineQuantity, LineRequest, OrderCommand};
use crate::domain::ids::OrderId;
use crate::domain::inventory::{LocationId, Reason};

/// Ship fewer units than the order still has, and call the others off: one decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShipShort {
    /// The order.
    pub order: OrderId,
    /// Units that leave the house, by line; never empty.
    pub lines: Vec<LineQuantity>,
    /// Units that are called off, by line; empty for all that do not leave and have not left.
    pub missing: Vec<LineQuantity>,
    /// Why they are called off, in the caller's words.
    pub reason: Reason,
}

impl From<ShipShort> for Command {
    fn from(command: ShipShort) -> Self {
        Self::Order(Some(command.order.clone()), OrderCommand::ShipShort(command))
    }
}

/// Totals of some units of a line, in minor units of the order's currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amounts {
    /// Before discount.
    pub gross: i64,
    /// Discount, at most the gross.
    pub discount: i64,
    /// Share of the shipping cost.
    pub shipping: i64,
}

impl Amounts {
    /// Amounts without discount and shipping.
    #[must_use]
    pub const fn of(gross: i64) -> Self {
        Self { gross, discount: 0, shipping: 0 }
    }
}

/// One change of an edit. A line is named at most once by those that change its units, and at most once by
/// those that change its amounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EditChange {
    /// More units of a line.
    AddUnits {
        /// Number of the line, from 1.
        line: u32,
        /// Units that come to it; positive.
        quantity: u32,
        /// Totals of the units that come to it.
        amounts: Amounts,
    },
    /// Fewer units of a line: they are called off, by the shares that were fixed.
    TakeUnits {
        /// Number of the line, from 1.
        line: u32,
        /// Units to call off; positive.
        quantity: u32,
    },
    /// Another line, numbered behind the present ones.
    AddLine(LineRequest),
    /// All units of a line that have not left the house are called off.
    RemoveLine {
        /// Number of the line, from 1.
        line: u32,
    },
    /// Other amounts for a line.
    Reprice {
        /// Number of the line, from 1.
        line: u32,
        /// Totals of all its units that are not called off, once the edit has changed them.
        amounts: Amounts,
    },
}

/// Prepare a change of an order. Nothing of the order changes until it is accepted; it takes the place of an edit
/// that was staged before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageEdit {
    /// The order.
    pub order: OrderId,
    /// What is to change; never empty.
    pub changes: Vec<EditChange>,
}

/// Carry out the staged edit, as it was previewed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptEdit {
    /// The order.
    pub order: OrderId,
    /// The version of the order that was previewed.
    pub version: u64,
}

/// Drop the staged edit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeclineEdit {
    /// The order.
    pub order: OrderId,
    /// The version of the order that was previewed.
    pub version: u64,
}

impl From<StageEdit> for Command {
    fn from(command: StageEdit) -> Self {
        Self::Order(Some(command.order.clone()), OrderCommand::StageEdit(command))
    }
}

impl From<AcceptEdit> for Command {
    fn from(command: AcceptEdit) -> Self {
        Self::Order(Some(command.order.clone()), OrderCommand::AcceptEdit(command))
    }
}

impl From<DeclineEdit> for Command {
    fn from(command: DeclineEdit) -> Self {
        Self::Order(Some(command.order.clone()), OrderCommand::DeclineEdit(command))
    }
}

/// What else is known of a line, in the caller's words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineTags {
    /// The channel that fulfils it: own goods, a marketplace …
    pub channel: Option<SmolStr>,
    /// What has to be heeded when it is shipped: cooled, bulky …
    pub constraint: Option<SmolStr>,
}

/// What decides which units of an order go together. Groups are numbered by their first lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SplitBy {
    /// Lines of one seller.
    Seller,
    /// Lines of one channel.
    Channel,
    /// Lines with the same constraint.
    Constraint,
    /// These units; what no group names is one more.
    Groups(Vec<Vec<LineQuantity>>),
    /// These units, which lie at these locations; what no group names is one more. See
    /// `OrderHandle::split_by_location`, which names them.
    Located(Vec<(LocationId, Vec<LineQuantity>)>),
}

/// Split a paid order into orders of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitOrder {
    /// The order.
    pub order: OrderId,
    /// By what.
    pub by: SplitBy,
}

impl From<SplitOrder> for Command {
    fn from(command: SplitOrder) -> Self {
        Self::Order(Some(command.order.clone()), OrderCommand::Split(command))
    }
}
