//! Who holds units of a SKU, and how many.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::location::LocationId;
use super::state::InvariantBroken;
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
    /// Where the units are, in the order in which they were allocated; `None` while all of them are at the
    /// default location.
    pub(super) located: Option<Box<Located>>,
}

/// The part of a hold that is at one location.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The location.
    pub at: LocationId,
    /// Units reserved there.
    pub reserved: u64,
    /// Units committed there.
    pub committed: u64,
}

/// The parts of a hold that has units elsewhere than at the default location; none of them empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Located(Vec<Part>);

impl Hold {
    /// Where the units are, in the order in which they were allocated.
    #[must_use]
    pub fn parts(&self) -> Vec<Part> {
        match &self.located {
            Some(located) => located.0.clone(),
            None if self.is_empty() => Vec::new(),
            None => {
                let Self { reserved, committed, .. } = *self;
                vec![Part { at: LocationId::MAIN, reserved, committed }]
            }
        }
    }

    /// The part at one location; empty where the hold has nothing there.
    #[must_use]
    pub fn part(&self, at: &LocationId) -> Part {
        let found = self.parts().into_iter().find(|part| part.at == *at);
        found.unwrap_or_else(|| Part { at: at.clone(), ..Part::default() })
    }

    /// The part at a location, to be changed together with the whole and then [`Hold::tidy`]; `None` where
    /// the whole is that part.
    pub(super) fn part_mut(&mut self, at: &LocationId) -> Option<&mut Part> {
        if self.located.is_none() && at.is_main() {
            return None;
        }
        let parts = self.parts();
        let parts = &mut self.located.get_or_insert_with(|| Box::new(Located(parts))).0;
        let index = parts.iter().position(|part| part.at == *at).unwrap_or_else(|| {
            parts.push(Part { at: at.clone(), ..Part::default() });
            parts.len() - 1
        });
        parts.get_mut(index)
    }

    /// Drops empty parts, and the parts as such where all units are at the default location.
    pub(super) fn tidy(&mut self) {
        if let Some(located) = &mut self.located {
            located.0.retain(|part| part.reserved > 0 || part.committed > 0);
            if located.0.iter().all(|part| part.at.is_main()) {
                self.located = None;
            }
        }
    }

    /// Checks that the parts sum to the whole.
    pub(super) fn check_parts(&self) -> Result<(), InvariantBroken> {
        let Some(located) = &self.located else { return Ok(()) };
        let sum = located.0.iter().try_fold((0_u64, 0_u64), |(reserved, committed), part| {
            Some((reserved.checked_add(part.reserved)?, committed.checked_add(part.committed)?))
        });
        if sum == Some((self.reserved, self.committed)) {
            Ok(())
        } else {
            Err(InvariantBroken::LocationsDisagree)
        }
    }

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
