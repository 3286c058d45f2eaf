//! The state of one SKU's inventory, and the checks of its invariants.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::buyers::Buyers;
use super::hold_table::HoldTable;
use super::holds::{Hold, HoldOwner, Tally};
use super::policy::StockPolicy;
use crate::domain::ids::{CartId, CustomerId, DeliveryId, SkuId};
use crate::domain::time::Timestamp;

/// Units of one SKU by where they are, and the totals of the movements that brought them there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Units that can be reserved.
    pub available: u64,
    /// Units held and not yet paid for.
    pub reserved: u64,
    /// Units held and paid for.
    pub committed: u64,
    /// Units kept back from sale.
    pub safety_stock: u64,
    /// Units damaged, or waiting to be inspected.
    pub quality_hold: u64,
    /// All units ever received.
    pub received: u64,
    /// The sum of all corrections of the count; may be negative.
    pub adjusted: i64,
    /// All units ever shipped, less those that turned out not to have left. Returns do not lower it.
    pub shipped: u64,
    /// All shipped units that ever came back into stock.
    pub returned: u64,
    /// All units ever written off.
    pub written_off: u64,
}

/// A place of units that nobody holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// They can be reserved.
    Available,
    /// They are kept back from sale.
    SafetyStock,
    /// They are damaged, or wait to be inspected.
    QualityHold,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Available => "available",
            Self::SafetyStock => "kept as safety stock",
            Self::QualityHold => "on quality hold",
        })
    }
}

/// A delivery that is on its way: a promise, no units in the house.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incoming {
    /// Units still to come; never 0.
    pub quantity: u64,
    /// When they are expected.
    pub expected: Timestamp,
}

impl Counters {
    /// Units in `place`.
    #[must_use]
    pub const fn at(&self, place: Place) -> u64 {
        match place {
            Place::Available => self.available,
            Place::SafetyStock => self.safety_stock,
            Place::QualityHold => self.quality_hold,
        }
    }

    pub(super) fn at_mut(&mut self, place: Place) -> &mut u64 {
        match place {
            Place::Available => &mut self.available,
            Place::SafetyStock => &mut self.safety_stock,
            Place::QualityHold => &mut self.quality_hold,
        }
    }

    /// Units in the house according to what movements brought in and took out; `None` when that is no
    /// number of units, which [`Inventory::check`] reports.
    #[must_use]
    pub fn on_hand(&self) -> Option<u64> {
        u64::try_from(self.moved()).ok()
    }

    /// Shipped units that have not come back.
    #[must_use]
    pub const fn away(&self) -> u64 {
        self.shipped.saturating_sub(self.returned)
    }

    /// The sum of all movements. A few values of 64 bits cannot leave the range of 128.
    fn moved(&self) -> i128 {
        i128::from(self.received) + i128::from(self.adjusted) + i128::from(self.returned)
            - i128::from(self.written_off)
            - i128::from(self.shipped)
    }

    /// The sum of all places in which units can be.
    fn placed(&self) -> i128 {
        [self.available, self.reserved, self.committed, self.safety_stock, self.quality_hold]
            .into_iter()
            .map(i128::from)
            .sum()
    }

    /// Checks invariants 1, 2 and 4 of the module against the running sums over the holds; invariant 3
    /// is in the types.
    pub(super) fn check(&self, tally: Tally) -> Result<(), InvariantBroken> {
        let (moved, placed) = (self.moved(), self.placed());
        if moved != placed || self.on_hand().is_none() {
            return Err(InvariantBroken::NotConserved { moved, placed });
        }
        for (counter, counted, held) in
            [("reserved", self.reserved, tally.reserved), ("committed", self.committed, tally.committed)]
        {
            if counted != held {
                return Err(InvariantBroken::HoldsDisagree { counter, counted, held });
            }
        }
        if self.returned > self.shipped {
            return Err(InvariantBroken::ReturnedExceedsShipped {
                returned: self.returned,
                shipped: self.shipped,
            });
        }
        Ok(())
    }
}

/// An invariant of an inventory does not hold, or would not after an event. The entity is parked with
/// the text of this error; nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvariantBroken {
    /// An event would take more from a counter than it has.
    #[error("{event}: {counter} is {value}; {change} cannot be taken off")]
    BelowZero {
        /// Name of the event.
        event: &'static str,
        /// Name of the counter.
        counter: &'static str,
        /// The counter before the event.
        value: u64,
        /// What the event takes off.
        change: u64,
    },
    /// An event would take a counter out of its range.
    #[error("{event}: {counter} is {value}; {change} cannot be added")]
    OutOfRange {
        /// Name of the event.
        event: &'static str,
        /// Name of the counter.
        counter: &'static str,
        /// The counter before the event.
        value: i128,
        /// What the event adds; negative where it takes off.
        change: i128,
    },
    /// The movements and the places of the units do not sum to the same.
    #[error("movements sum to {moved} units on hand; {placed} are accounted for")]
    NotConserved {
        /// The sum of all movements.
        moved: i128,
        /// The sum of all places.
        placed: i128,
    },
    /// A counter is not the sum over the holds.
    #[error("{counter} is {counted}; the holds sum to {held}")]
    HoldsDisagree {
        /// Name of the counter.
        counter: &'static str,
        /// Its value.
        counted: u64,
        /// The sum over the holds.
        held: u64,
    },
    /// The accounts of buyers are not the sums over their holds.
    #[error("the accounts of buyers and their holds disagree")]
    AccountsDisagree,
    /// A record does not follow on the one before it.
    #[error("version {follows} follows, the record says {recorded}")]
    Gap {
        /// The version that the record's events would lead to.
        follows: u64,
        /// The version that the record says.
        recorded: u64,
    },
    /// More units came back than ever left.
    #[error("{returned} units were returned; only {shipped} were shipped")]
    ReturnedExceedsShipped {
        /// All units returned.
        returned: u64,
        /// All units shipped.
        shipped: u64,
    },
}

/// One SKU's inventory. Its counters and holds are changed by [`super::apply`] alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// What is counted here.
    pub sku: SkuId,
    /// Events applied so far; 0 while the SKU is unknown.
    pub version: u64,
    /// Where the units are.
    pub counters: Counters,
    pub(super) holds: HoldTable,
    pub(super) policy: Option<Box<StockPolicy>>,
    /// Units by buyer, while the policy asks for them.
    pub(super) buyers: Option<Box<Buyers>>,
    pub(super) incoming: BTreeMap<DeliveryId, Incoming>,
    /// Why the inventory is parked; a parked inventory takes no commands.
    pub parked: Option<SmolStr>,
}

impl Inventory {
    /// The inventory of a SKU of which nothing is known yet.
    #[must_use]
    pub fn new(sku: SkuId) -> Self {
        Self {
            sku,
            version: 0,
            counters: Counters::default(),
            holds: HoldTable::default(),
            policy: None,
            buyers: None,
            incoming: BTreeMap::new(),
            parked: None,
        }
    }

    /// Whether anything was ever received for the SKU.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        self.version > 0
    }

    /// What `owner` holds, if anything.
    #[must_use]
    pub fn hold(&self, owner: &HoldOwner) -> Option<&Hold> {
        self.holds.get(owner)
    }

    /// All holds in the order of their owners. Sorts them first: meant for snapshots, hashes and people,
    /// not for the path of a command.
    pub fn holds(&self) -> impl ExactSizeIterator<Item = (&HoldOwner, &Hold)> {
        self.holds.sorted().into_iter()
    }

    /// The carts whose holds lapse, and when, in no order that anything may depend on.
    pub(crate) fn deadlines(&self) -> impl Iterator<Item = (&CartId, Timestamp)> {
        self.holds.unordered().filter_map(|(owner, hold)| match owner {
            HoldOwner::Cart(cart) => Some((cart, hold.deadline?)),
            HoldOwner::Order(_) => None,
        })
    }

    /// Number of owners that hold units.
    #[must_use]
    pub fn hold_count(&self) -> usize {
        self.holds.len()
    }

    /// The rules of the SKU; `None` where it has none.
    #[must_use]
    pub fn policy(&self) -> Option<&StockPolicy> {
        self.policy.as_deref()
    }

    /// Deliveries that are on their way, by their ids.
    #[must_use]
    pub const fn incoming(&self) -> &BTreeMap<DeliveryId, Incoming> {
        &self.incoming
    }

    /// Units that `buyer` holds over all carts and orders; `None` while no rule of the SKU counts them.
    #[must_use]
    pub fn held_by(&self, buyer: &CustomerId) -> Option<u64> {
        Some(self.buyers.as_deref()?.get(buyer).map_or(0, |account| account.held))
    }

    /// Checks the invariants against the running sums over the holds, in constant time.
    ///
    /// # Errors
    /// When an invariant does not hold; the text names the values.
    pub fn check(&self) -> Result<(), InvariantBroken> {
        self.counters.check(self.holds.tally())
    }

    /// Checks the invariants against every single hold, in time proportional to their number.
    ///
    /// # Errors
    /// When an invariant does not hold, or the running sums are not those of the holds.
    pub fn check_fully(&self) -> Result<(), InvariantBroken> {
        self.check()?;
        let sum = self
            .holds
            .unordered()
            .try_fold(Tally::default(), |sum, (_, hold)| sum.replaced(Tally::default(), hold.units()));
        // Sums beyond 64 bits cannot be those of the counters, so that any wrong value reports them.
        self.counters.check(sum.unwrap_or(Tally { reserved: u64::MAX, committed: u64::MAX }))?;
        self.check_buyers()
    }

    fn check_buyers(&self) -> Result<(), InvariantBroken> {
        let counts = self.policy().is_some_and(StockPolicy::counts_buyers);
        let Some(buyers) = &self.buyers else {
            return if counts { Err(InvariantBroken::AccountsDisagree) } else { Ok(()) };
        };
        let held = Buyers::of(self.holds.unordered().map(|(_, hold)| hold));
        if counts && held.is_some_and(|held| held.held().eq(buyers.held())) {
            Ok(())
        } else {
            Err(InvariantBroken::AccountsDisagree)
        }
    }
}
