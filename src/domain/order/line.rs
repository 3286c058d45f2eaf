//! A line of an order and its counters, from which the order's state is derived.

use serde::{Deserialize, Serialize};

use super::event::PlacedLine;
use super::sale;
use crate::domain::command::{Amounts, LineTags};
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
    /// What else is known of it, in the caller's words.
    pub tags: Option<Box<LineTags>>,
    /// Units called off before its amounts changed last: the amounts are those of the others.
    pub apart: u32,
    /// What became of the units.
    pub counters: LineCounters,
}

/// What became of a line's units, of whole kits where it is one. `reserved`, `committed` and `backordered`
/// are what is so now; the others only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineCounters {
    /// Units ordered.
    pub ordered: u32,
    /// Units held and not yet paid for.
    pub reserved: u32,
    /// Units held and paid for.
    pub committed: u32,
    /// Units that the order waits for: promised, and not there yet.
    pub backordered: u32,
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

    /// Units that the SKU has on its books for the line: held, or waited for.
    #[must_use]
    pub const fn claimed(&self) -> u32 {
        self.held().saturating_add(self.backordered)
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

    /// Adds what became of other units.
    pub(super) fn add(&mut self, other: &Self) {
        let sums = [
            (&mut self.ordered, other.ordered),
            (&mut self.reserved, other.reserved),
            (&mut self.committed, other.committed),
            (&mut self.backordered, other.backordered),
            (&mut self.shipped, other.shipped),
            (&mut self.delivered, other.delivered),
            (&mut self.cancelled, other.cancelled),
            (&mut self.returned, other.returned),
        ];
        for (sum, part) in sums {
            *sum = sum.saturating_add(part);
        }
    }

    /// Whether the counters can be true together.
    #[must_use]
    pub fn consistent(&self) -> bool {
        let placed = u64::from(self.reserved)
            + u64::from(self.committed)
            + u64::from(self.backordered)
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
            tags: line.tags.clone(),
            apart: 0,
            counters: LineCounters { ordered: line.quantity, ..LineCounters::default() },
        }
    }

    /// What `units` of the line take of each SKU: of the one that is sold, or of the parts of a kit.
    pub fn demand(&self, units: u32) -> impl Iterator<Item = (&SkuId, u64)> {
        sale::demand(&self.sku, self.kit.as_deref(), units)
    }

    /// What each SKU has on its books for the line: units reserved, committed, waited for.
    pub fn claims(&self) -> impl Iterator<Item = (&SkuId, [u64; 3])> {
        let LineCounters { reserved, committed, backordered, .. } = self.counters;
        let counts = [reserved, committed, backordered].map(u64::from);
        self.demand(1).map(move |(sku, units)| (sku, counts.map(|count| count.saturating_mul(units))))
    }

    /// What the line costs after discount, without shipping, in minor units.
    #[must_use]
    pub const fn net(&self) -> i64 {
        self.gross.saturating_sub(self.discount)
    }

    /// What the first `units` of the line cost together with their share of its shipping, in minor units.
    ///
    /// Shares are cumulative and rounded down, so that the shares of any cut into runs of units sum to
    /// the whole, and the last unit takes the remainder. Units that were called off before the line's amounts
    /// changed come first, and have no share in them.
    #[must_use]
    pub fn share_of_first(&self, units: u32) -> i64 {
        let whole = self.net().saturating_add(self.shipping);
        share(whole, units.saturating_sub(self.apart), self.covered())
    }

    /// Units that its amounts are those of.
    const fn covered(&self) -> u32 {
        self.counters.ordered.saturating_sub(self.apart)
    }

    /// What the units cost that were not called off; `None` where it does not fit.
    pub(super) fn rest(&self) -> Option<i64> {
        let whole = self.net().checked_add(self.shipping)?;
        whole.checked_sub(share(whole, self.counters.cancelled.saturating_sub(self.apart), self.covered()))
    }

    /// The amounts of the units that were not called off.
    pub(super) fn rest_amounts(&self) -> Amounts {
        let gone = self.counters.cancelled.saturating_sub(self.apart);
        let mut cut = self.cut(&[gone, self.counters.active()]);
        cut.pop().unwrap_or_default()
    }

    /// A line of its own of some units that are paid for.
    pub(super) fn part(&self, units: u32, amounts: &Amounts) -> Self {
        let counters = LineCounters { ordered: units, committed: units, ..LineCounters::default() };
        let Amounts { gross, discount, shipping } = *amounts;
        Self { gross, discount, shipping, apart: 0, counters, ..self.clone() }
    }

    /// Gives the units that were not called off other amounts.
    pub(super) fn reprice(&mut self, amounts: &Amounts) {
        (self.gross, self.discount, self.shipping) = (amounts.gross, amounts.discount, amounts.shipping);
        self.apart = self.counters.cancelled;
    }

    /// The amounts of runs of the units that the line's amounts cover, one behind the other. What the runs cost
    /// are their shares; where all units are in them, each amount sums to the line's.
    pub(super) fn cut(&self, runs: &[u32]) -> Vec<Amounts> {
        let covered = self.covered();
        let whole = self.net().saturating_add(self.shipping);
        let (mut upto, mut cost, mut shipped, mut listed) = (0u32, 0i64, 0i64, 0i64);
        let cut = runs.iter().map(|run| {
            upto = upto.saturating_add(*run);
            let total = share(whole, upto, covered) - cost;
            // Each is rounded for itself, and what does not fit goes to a later run.
            let shipping = (share(self.shipping, upto, covered) - shipped).clamp(0, total);
            let net = total - shipping;
            let gross = (share(self.gross, upto, covered) - listed).max(net);
            (cost, shipped, listed) = (cost + total, shipped + shipping, listed.saturating_add(gross));
            Amounts { gross, discount: gross - net, shipping }
        });
        cut.collect()
    }
}

/// The share of the first `units` out of `all`, rounded down.
fn share(whole: i64, units: u32, all: u32) -> i64 {
    let share = i128::from(whole) * i128::from(units.min(all)) / i128::from(all.max(1));
    i64::try_from(share).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_line_cut_into_runs_loses_no_cent_of_any_amount(
            gross in 0i64..500,
            discount in 0i64..500,
            shipping in 0i64..200,
            runs in proptest::collection::vec(0u32..9, 1..6),
        ) {
            let ordered: u32 = runs.iter().sum();
            let discount = discount.min(gross);
            let line = Line {
                sku: SkuId::known("a"),
                seller: None,
                gross,
                discount,
                shipping,
                kit: None,
                at_payment: false,
                tags: None,
                apart: 0,
                counters: LineCounters { ordered, ..LineCounters::default() },
            };
            prop_assume!(ordered > 0);
            let cut = line.cut(&runs);
            let mut before = 0;
            for (run, part) in runs.iter().zip(&cut) {
                prop_assert!(0 <= part.discount && part.discount <= part.gross && 0 <= part.shipping);
                let cost = line.share_of_first(before + run) - line.share_of_first(before);
                prop_assert_eq!(part.gross - part.discount + part.shipping, cost);
                before += run;
            }
            let sum = |of: fn(&Amounts) -> i64| cut.iter().map(of).sum::<i64>();
            prop_assert_eq!([sum(|a| a.gross), sum(|a| a.discount), sum(|a| a.shipping)], [gross, discount, shipping]);
        }
    }
}
