//! Commands that make another order of an order than the one that was placed.

use serde::{Deserialize, Serialize};

use super::{Command, LineQuantity, OrderCommand};
use crate::domain::ids::OrderId;
use crate::domain::inventory::Reason;

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
