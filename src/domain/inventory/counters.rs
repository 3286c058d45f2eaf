//! Units by where they are, and the check that none is lost.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::holds::Tally;
use super::location::LocationId;
use super::state::InvariantBroken;

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
    /// Of a location: units that came from other locations, less those that went there. 0 for a SKU.
    pub transferred: i64,
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
    /// number of units, which `Inventory::check` reports.
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
        i128::from(self.received)
            + i128::from(self.adjusted)
            + i128::from(self.returned)
            + i128::from(self.transferred)
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

    /// Field by field; `None` where a sum does not fit.
    pub(super) fn plus(&self, other: &Self) -> Option<Self> {
        Some(Self {
            available: self.available.checked_add(other.available)?,
            reserved: self.reserved.checked_add(other.reserved)?,
            committed: self.committed.checked_add(other.committed)?,
            safety_stock: self.safety_stock.checked_add(other.safety_stock)?,
            quality_hold: self.quality_hold.checked_add(other.quality_hold)?,
            received: self.received.checked_add(other.received)?,
            adjusted: self.adjusted.checked_add(other.adjusted)?,
            shipped: self.shipped.checked_add(other.shipped)?,
            returned: self.returned.checked_add(other.returned)?,
            written_off: self.written_off.checked_add(other.written_off)?,
            transferred: self.transferred.checked_add(other.transferred)?,
        })
    }

    /// Checks invariant 1 of the module for one location. Units may be returned elsewhere than they left
    /// from, so that invariant 4 is one of the totals.
    pub(super) fn check_location(&self, at: &LocationId) -> Result<(), InvariantBroken> {
        let (moved, placed) = (self.moved(), self.placed());
        if moved != placed || self.on_hand().is_none() {
            return Err(InvariantBroken::LocationNotConserved { at: at.clone(), moved, placed });
        }
        Ok(())
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
