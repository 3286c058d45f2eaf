//! A line of an order and its counters, from which the order's state is derived.

use serde::{Deserialize, Serialize};

use super::event::PlacedLine;
use super::sale;
use crate::domain::ids::{SellerId, SkuId};
use crate::domain::inventory::KitPart;

/// One line: what was bought, for how much, and what became of each unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What was bought.
    pub sku: SkuId,
    /// Who sells it.
    pub seller: Option<SellerId>,
    /// Total before discount, in minor units.
    pub gross: i64,
    /// The line's discount, fixed at placement, in minor units.
    pub discount: i64,
    /// The line's share of the shipping cost, in minor units.
    pub shipping: i64,
    /// What it consisted of at placement, if it is a kit.
    pub kit: Option<Box<[KitPart]>>,
    /// Whether its stock is taken at the settling payment; else it is reserved at placement.
    pub at_payment: bool,
    /// What became of the units.
    pub counters: LineCounters,
}

/// What became of a line's units, of whole kits where it is one. `reserved` and `committed` are what is so now; the others only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineCounters {
    /// Units ordered.
    pub ordered: u32,
    /// Units held and not yet paid for.
    pub reserved: u32,
    /// Units held and paid for.
    pub committed: u32,
    /// Units that left the house.
    pub shipped: u32,
    /// Units that reached the buyer.
    pub delivered: u32,
    /// Units called off.
    pub cancelled: u32,
    /// Units that came back.
    pub returned: u32,
}

impl LineCounters {
    /// Units that were not called off.
    #[must_use]
    pub const fn active(&self) -> u32 {
        self.ordered.saturating_sub(self.cancelled)
    }

    /// Units held, paid for or not.
    #[must_use]
    pub const fn held(&self) -> u32 {
        self.reserved.saturating_add(self.committed)
    }

    /// Units that were neither called off nor shipped.
    #[must_use]
    pub const fn open(&self) -> u32 {
        self.active().saturating_sub(self.shipped)
    }

    /// Units under way to the buyer.
    #[must_use]
    pub const fn under_way(&self) -> u32 {
        self.shipped.saturating_sub(self.delivered)
    }

    /// Whether the counters can be true together.
    #[must_use]
    pub fn consistent(&self) -> bool {
        let placed = u64::from(self.reserved)
            + u64::from(self.committed)
            + u64::from(self.shipped)
            + u64::from(self.cancelled);
        placed <= u64::from(self.ordered) && self.delivered <= self.shipped && self.returned <= self.delivered
    }
}

impl Line {
    /// The line as it is when its order was just placed.
    pub(super) fn placed(line: &PlacedLine) -> Self {
        Self {
            sku: line.sku.clone(),
            seller: line.seller.clone(),
            gross: line.gross,
            discount: line.discount,
            shipping: line.shipping,
            kit: line.kit.clone(),
            at_payment: line.at_payment,
            counters: LineCounters { ordered: line.quantity, ..LineCounters::default() },
        }
    }

    /// What `units` of the line take of each SKU: of the one that is sold, or of the parts of a kit.
    pub fn demand(&self, units: u32) -> impl Iterator<Item = (&SkuId, u64)> {
        sale::demand(&self.sku, self.kit.as_deref(), units)
    }

    /// What the line costs after discount, without shipping, in minor units.
    #[must_use]
    pub const fn net(&self) -> i64 {
        self.gross.saturating_sub(self.discount)
    }

    /// What the first `units` of the line cost together with their share of its shipping, in minor units.
    ///
    /// Shares are cumulative and rounded down, so that the shares of any cut into runs of units sum to
    /// the whole, and the last unit takes the remainder.
    #[must_use]
    pub fn share_of_first(&self, units: u32) -> i64 {
        let whole = i128::from(self.net()) + i128::from(self.shipping);
        let ordered = i128::from(self.counters.ordered.max(1));
        let share = whole * i128::from(units.min(self.counters.ordered)) / ordered;
        i64::try_from(share).unwrap_or(i64::MAX)
    }
}
