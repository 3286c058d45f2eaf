//! Commands of an order's life that move no stock: its steps on the way, changes, more time, the end.

use serde::{Deserialize, Serialize};

use super::{Command, OrderCommand};
use crate::domain::ids::OrderId;
use crate::domain::inventory::Reason;
use crate::domain::order::Delivery;
use crate::domain::time::Timestamp;

/// A step on an order's way that moves no stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProgressStep {
    /// The goods are fetched.
    Pick,
    /// The goods are packed.
    Pack,
    /// The buyer confirms the receipt, which starts after-sales.
    Confirm,
    /// The after-sales window ends, or the period of a membership.
    Complete,
    /// Virtual goods are handed over. The engine does that when they are paid for, and again by itself where a SKU
    /// could not; this asks for it at once.
    HandOver,
}

/// Record that the order took its next step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgressOrder {
    /// The order.
    pub order: OrderId,
    /// The step.
    pub step: ProgressStep,
}

/// Change where an order goes; possible until all of it was shipped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeDelivery {
    /// The order.
    pub order: OrderId,
    /// The new address and contact.
    pub delivery: Delivery,
}

/// Put off the moment that the order waits for: the end of its payment, confirmation or completion period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtendDeadline {
    /// The order.
    pub order: OrderId,
    /// The new deadline, later than the present one.
    pub until: Timestamp,
}

/// Close a finished order by hand; nothing more happens to it then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseOrder {
    /// The order.
    pub order: OrderId,
    /// Why, in the caller's words.
    pub reason: Reason,
}

/// Let an order that is closed for good leave memory. Its id stays taken, and its history in the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetireOrder {
    /// The order.
    pub order: OrderId,
    /// Whether money that is due back was paid back: the engine has no other word of it. Without, an order to
    /// which money is due is refused, unless it was closed by hand.
    pub refunded: bool,
}

impl From<RetireOrder> for Command {
    fn from(command: RetireOrder) -> Self {
        Self::Order(Some(command.order.clone()), OrderCommand::Retire(command))
    }
}

impl From<ProgressOrder> for Command {
    fn from(command: ProgressOrder) -> Self {
        Self::Order(Some(command.order.clone()), OrderCommand::Progress(command))
    }
}

impl From<ChangeDelivery> for Command {
    fn from(command: ChangeDelivery) -> Self {
        Self::Order(Some(command.order.clone()), OrderCommand::ChangeDelivery(command))
    }
}

impl From<ExtendDeadline> for Command {
    fn from(command: ExtendDeadline) -> Self {
        Self::Order(Some(command.order.clone()), OrderCommand::ExtendDeadline(command))
    }
}

impl From<CloseOrder> for Command {
    fn from(command: CloseOrder) -> Self {
        Self::Order(Some(command.order.clone()), OrderCommand::Close(command))
    }
}
