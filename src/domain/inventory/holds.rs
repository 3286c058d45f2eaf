//! Who holds units of a SKU, and how many.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::takeover::TakeOver;
use crate::domain::ids::{CartId, CustomerId, OrderId};
use crate::domain::time::Timestamp;

/// The owner of a hold. An owner has at most one hold on a SKU.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum HoldOwner {
    /// An order: its own timer alone releases the hold.
    Order(OrderId),
    /// A cart, before there is an order.
    Cart(CartId),
}

impl fmt::Display for HoldOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order(id) => write!(f, "order {id}"),
            Self::Cart(id) => write!(f, "cart {id}"),
        }
    }
}

/// Whom held units count for, and since when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purchase {
    /// The buyer.
    pub buyer: CustomerId,
    /// The day on which the units count, in days since the Unix epoch (UTC): that of the last
    /// reservation. `None` where it went with units that were shipped.
    pub day: Option<u32>,
}

/// Units held by one owner.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Units reserved and not yet paid for.
    pub reserved: u64,
    /// Units paid for and not yet shipped.
    pub committed: u64,
    /// Number of the last saga step that changed the hold; 0 for a cart's.
    pub step: u32,
    /// When a cart's hold lapses.
    pub deadline: Option<Timestamp>,
    /// Whom the units count for, where the buyer is known; apart, because most tables of holds are large.
    pub purchase: Option<Box<Purchase>>,
    /// What the last saga step took over from a cart.
    pub from_cart: Option<Box<TakeOver>>,
}

impl Hold {
    /// Whether nothing is held: such a hold is not kept.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.reserved == 0 && self.committed == 0
    }

    /// Whether the reserved units have lapsed at `now`, whether or not a timer has given them back yet.
    /// Committed units are paid for and never lapse.
    #[must_use]
    pub fn lapsed(&self, now: Timestamp) -> bool {
        self.reserved > 0 && self.deadline.is_some_and(|deadline| deadline <= now)
    }

    /// The units as they add to the sums over all holds.
    pub(super) const fn units(&self) -> Tally {
        Tally { reserved: self.reserved, committed: self.committed }
    }

    /// Units held in all, reserved and committed; `None` when they do not fit 64 bits.
    #[must_use]
    pub const fn held(&self) -> Option<u64> {
        self.reserved.checked_add(self.committed)
    }
}

/// Sums over all holds of a SKU. The hold table keeps them from what is put into it, independently of
/// the counters, so that the two can be compared at every event without walking the holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) reserved: u64,
    pub(super) committed: u64,
}

impl Tally {
    /// The sums after `old` became `new`; `None` when one leaves the range of 64 bits.
    pub(super) fn replaced(self, old: Self, new: Self) -> Option<Self> {
        Some(Self {
            reserved: self.reserved.checked_sub(old.reserved)?.checked_add(new.reserved)?,
            committed: self.committed.checked_sub(old.committed)?.checked_add(new.committed)?,
        })
    }
}
