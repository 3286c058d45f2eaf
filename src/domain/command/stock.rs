//! Commands to one SKU's inventory.

use serde::{Deserialize, Serialize};

use crate::domain::ids::{CartId, CustomerId, DeliveryId};
use crate::domain::inventory::{LocationId, Place, Reason, StockPolicy};
use crate::domain::time::Timestamp;

/// A command to one SKU's inventory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SkuCommand {
    /// Units came in; the first receipt makes the SKU known.
    Receive {
        /// Units received; zero makes the SKU known without any.
        quantity: u64,
        /// Why, in the caller's words.
        reason: Reason,
        /// Where they are put.
        at: LocationId,
    },
    /// A count is to be corrected.
    Adjust {
        /// Units to add or, negative, to take off the available ones.
        delta: i64,
        /// Why, in the caller's words.
        reason: Reason,
        /// Where it was counted.
        at: LocationId,
    },
    /// Hold units for a cart. Asking again replaces the cart's hold; it does not stack.
    Reserve(ReserveStock),
    /// Units that nobody holds are put elsewhere: kept back as safety stock, taken out of sale to be
    /// inspected, or made available again.
    Move {
        /// Units to move.
        quantity: u64,
        /// Where they are.
        from: Place,
        /// Where they are put.
        to: Place,
        /// Why, in the caller's words.
        reason: Reason,
        /// The location at which this happens.
        at: LocationId,
    },
    /// A delivery is on its way. It is a promise, not stock: nothing can be reserved on it. Announcing it
    /// again replaces what was announced; zero units call it off.
    Announce {
        /// The delivery.
        delivery: DeliveryId,
        /// Units still to come.
        quantity: u64,
        /// When they are expected.
        expected: Timestamp,
        /// Where they will arrive.
        at: LocationId,
    },
    /// Units of an announced delivery came in. More of them than were announced are received all the same;
    /// fewer leave the rest announced.
    ReceiveDelivery {
        /// The delivery.
        delivery: DeliveryId,
        /// Units received.
        quantity: u64,
        /// Why, in the caller's words.
        reason: Reason,
        /// Where they are put; `None` for where they were announced.
        at: Option<LocationId>,
    },
    /// Change the rules of the SKU.
    SetPolicy(Box<StockPolicy>),
    /// The cart is still in use: its reserved units lapse later. An earlier deadline than the one it
    /// has changes nothing.
    Extend {
        /// Who holds them.
        cart: CartId,
        /// When the hold is to lapse.
        deadline: Timestamp,
    },
    /// The held units are paid for.
    Commit {
        /// Who holds them.
        cart: CartId,
    },
    /// Give back everything the owner holds. Giving back twice, or nothing, is no error.
    Release {
        /// Who holds them.
        cart: CartId,
    },
    /// Committed units leave the house.
    Ship {
        /// Who holds them.
        cart: CartId,
        /// Units that leave.
        quantity: u64,
        /// Where they leave; `None` for the order in which they were allocated.
        from: Option<LocationId>,
    },
    /// Shipped units come back into stock.
    ReturnToStock {
        /// Units that come back.
        quantity: u64,
        /// Where they are put: available at once, or held to be inspected.
        to: Place,
        /// Why, in the caller's words.
        reason: Reason,
        /// The location they are brought to.
        at: LocationId,
    },
    /// Units that nobody holds are lost, broken or expired.
    WriteOff {
        /// Units to write off.
        quantity: u64,
        /// Where they were.
        from: Place,
        /// Why, in the caller's words.
        reason: Reason,
        /// The location they were at.
        at: LocationId,
    },
    /// Available units are brought from one location to another.
    Transfer {
        /// Units to bring.
        quantity: u64,
        /// The location they leave.
        from: LocationId,
        /// The location they are brought to.
        to: LocationId,
        /// Why, in the caller's words.
        reason: Reason,
    },
}

/// Commands as they are mostly given; [`SkuCommand::at`] names a location other than the default one.
impl SkuCommand {
    /// [`SkuCommand::Receive`].
    #[must_use]
    pub fn receive(quantity: u64, reason: impl Into<Reason>) -> Self {
        Self::Receive { quantity, reason: reason.into(), at: LocationId::MAIN }
    }

    /// [`SkuCommand::Adjust`].
    #[must_use]
    pub fn adjust(delta: i64, reason: impl Into<Reason>) -> Self {
        Self::Adjust { delta, reason: reason.into(), at: LocationId::MAIN }
    }

    /// [`SkuCommand::Move`].
    #[must_use]
    pub fn put(quantity: u64, from: Place, to: Place, reason: impl Into<Reason>) -> Self {
        Self::Move { quantity, from, to, reason: reason.into(), at: LocationId::MAIN }
    }

    /// [`SkuCommand::Transfer`].
    #[must_use]
    pub fn transfer(quantity: u64, from: LocationId, to: LocationId, reason: impl Into<Reason>) -> Self {
        Self::Transfer { quantity, from, to, reason: reason.into() }
    }

    /// [`SkuCommand::Announce`].
    #[must_use]
    pub fn announce(delivery: DeliveryId, quantity: u64, expected: Timestamp) -> Self {
        Self::Announce { delivery, quantity, expected, at: LocationId::MAIN }
    }

    /// [`SkuCommand::ReceiveDelivery`], where it was announced.
    #[must_use]
    pub fn receive_delivery(delivery: DeliveryId, quantity: u64, reason: impl Into<Reason>) -> Self {
        Self::ReceiveDelivery { delivery, quantity, reason: reason.into(), at: None }
    }

    /// [`SkuCommand::Ship`].
    #[must_use]
    pub fn ship(cart: CartId, quantity: u64) -> Self {
        Self::Ship { cart, quantity, from: None }
    }

    /// [`SkuCommand::ReturnToStock`].
    #[must_use]
    pub fn return_to_stock(quantity: u64, to: Place, reason: impl Into<Reason>) -> Self {
        Self::ReturnToStock { quantity, to, reason: reason.into(), at: LocationId::MAIN }
    }

    /// [`SkuCommand::WriteOff`].
    #[must_use]
    pub fn write_off(quantity: u64, from: Place, reason: impl Into<Reason>) -> Self {
        Self::WriteOff { quantity, from, reason: reason.into(), at: LocationId::MAIN }
    }

    /// The same command at a location; for [`SkuCommand::Ship`], from it. Commands that concern no one
    /// location stay as they are.
    #[must_use]
    pub fn at(mut self, location: LocationId) -> Self {
        match &mut self {
            Self::Receive { at, .. }
            | Self::Adjust { at, .. }
            | Self::Move { at, .. }
            | Self::Announce { at, .. }
            | Self::ReturnToStock { at, .. }
            | Self::WriteOff { at, .. } => *at = location,
            Self::ReceiveDelivery { at, .. } | Self::Ship { from: at, .. } => *at = Some(location),
            Self::Reserve(_)
            | Self::SetPolicy(_)
            | Self::Extend { .. }
            | Self::Commit { .. }
            | Self::Release { .. }
            | Self::Transfer { .. } => {}
        }
        self
    }

    /// The reason in the caller's words, where the command has one.
    #[must_use]
    pub const fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Receive { reason, .. }
            | Self::Adjust { reason, .. }
            | Self::ReturnToStock { reason, .. }
            | Self::WriteOff { reason, .. }
            | Self::Move { reason, .. }
            | Self::ReceiveDelivery { reason, .. }
            | Self::Transfer { reason, .. } => Some(reason),
            Self::Reserve(_)
            | Self::SetPolicy(_)
            | Self::Announce { .. }
            | Self::Extend { .. }
            | Self::Commit { .. }
            | Self::Release { .. }
            | Self::Ship { .. } => None,
        }
    }
}

/// Units to hold for a cart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReserveStock {
    /// Who is to hold them.
    pub cart: CartId,
    /// Units to hold in all.
    pub quantity: u64,
    /// When the hold lapses; `None` for never.
    pub deadline: Option<Timestamp>,
    /// Whose cart it is, where that is known: budgets and purchase limits count by buyer.
    pub buyer: Option<CustomerId>,
}

impl ReserveStock {
    /// A hold of nobody in particular that does not lapse.
    #[must_use]
    pub fn new(cart: CartId, quantity: u64) -> Self {
        Self { cart, quantity, deadline: None, buyer: None }
    }

    /// The same hold until `deadline`.
    #[must_use]
    pub fn until(mut self, deadline: Timestamp) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// The same hold of a known buyer.
    #[must_use]
    pub fn by(mut self, buyer: CustomerId) -> Self {
        self.buyer = Some(buyer);
        self
    }
}

impl From<ReserveStock> for SkuCommand {
    fn from(command: ReserveStock) -> Self {
        Self::Reserve(command)
    }
}

impl From<ReserveStock> for super::Request<SkuCommand> {
    fn from(command: ReserveStock) -> Self {
        SkuCommand::Reserve(command).into()
    }
}

/// The SKU after the command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockAnswer {
    /// Units that can still be reserved.
    pub available: u64,
    /// Units the command's owner now holds, reserved and committed; 0 for commands without an owner.
    pub held: u64,
    /// The SKU's version after the command.
    pub version: u64,
}
