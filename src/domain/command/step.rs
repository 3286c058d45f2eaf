//! The steps that an order's saga asks of one SKU's inventory.

use serde::{Deserialize, Serialize};

use crate::domain::ids::{CartId, CustomerId, OrderId};
use crate::domain::inventory::{HoldOwner, LocationId};

/// What an order's saga asks of one SKU; see `order::saga`. `number` grows with each step of the order, so
/// that a step that is delivered again after a crash is recognised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockStep {
    /// The order that asks.
    pub order: OrderId,
    /// The number of the step within the order, from 1.
    pub number: u32,
    /// What to do.
    pub op: StepOp,
    /// Units, summed over the order's lines of this SKU.
    pub quantity: u64,
    /// The buyer of the order.
    pub buyer: Option<CustomerId>,
    /// The cart that became the order: `Reserve` takes over what it holds.
    pub cart: Option<CartId>,
    /// Whether a step that takes is content with fewer units than it asks for, but at least one; and a
    /// `Release` gives back what there is, up to what it asks for.
    pub partial: bool,
    /// Where `Ship` takes the units, and where `Unship` finds them again; `None` for the order in which they
    /// were allocated, and for where they left from.
    pub from: Option<LocationId>,
    /// Whether a step that takes may wait for what is not there, where the SKU's policy promises units.
    pub may_wait: bool,
    /// Units that the buyer may have in all, by the terms of the order; see `Terms::units_per_buyer_max`.
    pub buyer_max: Option<u64>,
    /// Of a `Release`: how many of its units are reserved ones, where the order knows that it has others that are
    /// paid for; `None` for as many as there are.
    pub unpaid: Option<u64>,
    /// Of `PassOn` and `PassBack`: the orders that get the units, and how many each.
    pub heirs: Vec<Heir>,
}

/// An order that gets units of another one's hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heir {
    /// The order.
    pub order: OrderId,
    /// Units that it gets; they are paid for.
    pub units: u64,
    /// Where they lie; `None` for the order in which they were allocated.
    pub from: Option<LocationId>,
}

/// What an order has at a SKU after a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// Units held for it, reserved and committed.
    pub held: u64,
    /// Units it waits for.
    pub awaiting: u64,
    /// All units ever filled for it while it has had its hold. Only grows; 0 where there is no hold.
    pub filled: u64,
}

impl StockStep {
    /// The owner of the hold the step works on.
    #[must_use]
    pub fn owner(&self) -> HoldOwner {
        HoldOwner::Order(self.order.clone())
    }
}

/// What a step does to the order's hold on one SKU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StepOp {
    /// available → reserved.
    Reserve,
    /// available → reserved → committed, in one message: deduction at payment.
    Take,
    /// reserved → committed.
    Commit,
    /// committed → reserved: undoes `Commit`.
    Uncommit,
    /// reserved, then committed → available. Giving back nothing is no error.
    Release,
    /// committed → shipped.
    Ship,
    /// shipped → committed: undoes `Ship`.
    Unship,
    /// available → reserved, on top of what the order has.
    Add,
    /// reserved → available: undoes `Add`, where it was done.
    TakeBack,
    /// committed for one order → committed for others, in one record.
    PassOn,
    /// The way back: undoes `PassOn`, where it was done.
    PassBack,
}

impl StepOp {
    /// Whether it takes available units, so that others can stand in its way.
    #[must_use]
    pub const fn takes(self) -> bool {
        matches!(self, Self::Reserve | Self::Take | Self::Add)
    }

    /// The operation that undoes this one; `None` for those that are themselves an undoing.
    #[must_use]
    pub const fn undo(self) -> Option<Self> {
        match self {
            Self::Reserve | Self::Take => Some(Self::Release),
            Self::Commit => Some(Self::Uncommit),
            Self::Ship => Some(Self::Unship),
            Self::Add => Some(Self::TakeBack),
            Self::PassOn => Some(Self::PassBack),
            Self::Uncommit | Self::Release | Self::Unship | Self::TakeBack | Self::PassBack => None,
        }
    }
}
