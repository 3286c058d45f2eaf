//! Holds page by page, in steps that stay small however many there are.
//!
//! The order is that of the owners' hashes with their bits reversed. A shard is then a range of it, and
//! splitting a shard cuts its range in two, so that a page can go on behind any owner after any number of
//! splits: a hold that is there all the while is shown exactly once. The order means nothing else.

use super::cell::OwnerRef;
use super::shard::Entry;
use super::{HoldTable, hash};
use crate::domain::inventory::holds::{Hold, HoldOwner};
use crate::domain::inventory::state::Inventory;

/// Where an entry comes in the order of pages.
fn placed<'a>(entry: &Entry<'a>) -> (u64, OwnerRef<'a>) {
    (place(entry.owner()), entry.owner())
}

/// The bits that `slot` looks at, the lowest first.
fn place(owner: OwnerRef<'_>) -> u64 {
    (hash(owner) >> 24).reverse_bits()
}

impl HoldTable {
    /// At most `limit` holds behind `after`, or the first ones.
    fn behind(&self, after: Option<&HoldOwner>, limit: usize) -> Vec<(HoldOwner, Hold)> {
        let wide = self.shards().next_power_of_two();
        // Ranges are numbered by the reversed bits of the shard; there are `wide` of them.
        let unused = u64::BITS - wide.trailing_zeros();
        let number_of = |place: u64| if unused == u64::BITS { 0 } else { (place >> unused) as usize };
        let start = after.map(OwnerRef::from).map(|owner| (place(owner), owner));
        let mut range = start.map_or(0, |(place, _)| number_of(place));
        let mut page = Vec::new();
        // The second half of a shard that is not split yet is part of the first half's shard.
        if self.shard_of_range(range, unused).is_none() {
            range &= !1;
        }
        while range < wide && page.len() < limit {
            if let Some(shard) = self.shard_of_range(range, unused).and_then(|index| self.shard(index)) {
                let mut found: Vec<_> =
                    shard.entries().filter(|entry| start.is_none_or(|start| placed(entry) > start)).collect();
                found.sort_unstable_by_key(placed);
                found.truncate(limit - page.len());
                page.extend(found.into_iter().map(|entry| (entry.owner().into(), entry.hold())));
            }
            range += 1;
        }
        page
    }

    /// The shard that begins with this range; `None` where a shard that is not split yet has it.
    fn shard_of_range(&self, range: usize, unused: u32) -> Option<usize> {
        let index = if unused == u64::BITS { 0 } else { ((range as u64) << unused).reverse_bits() as usize };
        (index < self.shards()).then_some(index)
    }
}

impl Inventory {
    /// At most `limit` holds, those that come behind the hold of `after`. Takes time in proportion to
    /// `limit`, not to the number of holds, and comes in an order without a meaning that stays the same:
    /// who asks behind the last owner of each page sees every hold that is there all the while, once.
    #[must_use]
    pub fn holds_after(&self, after: Option<&HoldOwner>, limit: usize) -> Vec<(HoldOwner, Hold)> {
        self.holds.behind(after, limit)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::ids::SkuId;

    fn owner(number: usize) -> HoldOwner {
        HoldOwner::Cart(format!("cart-{number}").parse().unwrap())
    }

    fn put(inventory: &mut Inventory, number: usize) {
        inventory.holds.put(&owner(number), Hold { reserved: 1, ..Hold::default() });
    }

    #[test]
    fn pages_show_every_hold_once_while_the_table_grows_under_them() {
        for (kept, limit) in [(0, 5), (1, 1), (64, 7), (65, 64), (1_000, 13), (5_000, 100)] {
            let mut inventory = Inventory::new(SkuId::new("a").unwrap());
            (0..kept).for_each(|number| put(&mut inventory, number));
            let (mut seen, mut after, mut added) = (BTreeSet::new(), None, kept);
            loop {
                let page = inventory.holds_after(after.as_ref(), limit);
                assert!(page.len() <= limit);
                let Some((last, _)) = page.last() else { break };
                let last = last.clone();
                for (owner, _) in page {
                    assert!(seen.insert(owner.clone()), "{owner} came twice, of {kept} in pages of {limit}");
                }
                after = Some(last);
                // New holds split shards behind and before the place where the page ended.
                (added..added + 40).take(if added < kept + 4_000 { 40 } else { 0 }).for_each(|number| {
                    put(&mut inventory, number);
                });
                added += 40;
            }
            let missing: Vec<_> = (0..kept).map(owner).filter(|owner| !seen.contains(owner)).collect();
            assert_eq!(missing, Vec::new(), "of {kept} in pages of {limit}");
        }
    }
}
