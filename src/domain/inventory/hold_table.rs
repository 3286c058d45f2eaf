//! All holds on one SKU, in a table whose every step is bounded.
//!
//! A hot SKU can have a million holds, and its actor must not stall when the table grows. One hash map
//! of that size takes over 100 ms to grow, and a B-tree costs about a microsecond an access once its
//! nodes fall out of the cache. So this is linear hashing over small hash maps: when the table is full,
//! *one* shard is split in two, which moves a few dozen holds, and no step ever moves more.
//!
//! The hasher has fixed seeds, so that a run can be repeated exactly. Nothing depends on the order of
//! the shards all the same: what leaves the table leaves it sorted by owner.

mod page;

use std::collections::HashMap;
use std::hash::BuildHasher;

use ahash::{AHasher, RandomState};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::holds::{Hold, HoldOwner, Tally};

/// Holds per shard, on average, at which the table gets one more shard. A shard that waits for its
/// turn to be split holds up to twice as many.
const SHARD_HOLDS: usize = 64;

static SEEDS: RandomState = RandomState::with_seeds(
    0x243f_6a88_85a3_08d3,
    0x1319_8a2e_0370_7344,
    0xa409_3822_299f_31d0,
    0x082e_fa98_ec4e_6c89,
);

/// A hasher without a size of its own: a shard stays as small as its table.
#[derive(Clone, Copy, Debug, Default)]
struct FixedSeeds;

impl BuildHasher for FixedSeeds {
    type Hasher = AHasher;

    fn build_hasher(&self) -> AHasher {
        SEEDS.build_hasher()
    }
}

type Shard = HashMap<HoldOwner, Hold, FixedSeeds>;

/// The holds of one SKU by owner, with their running sums.
#[derive(Clone, Debug, Default)]
pub(super) struct HoldTable {
    shards: Vec<Shard>,
    len: usize,
    tally: Tally,
}

impl HoldTable {
    pub(super) fn get(&self, owner: &HoldOwner) -> Option<&Hold> {
        self.shards.get(slot(self.shards.len(), owner))?.get(owner)
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The sums over all holds, kept up to date by [`HoldTable::put`].
    pub(super) fn tally(&self) -> Tally {
        self.tally
    }

    /// Makes `hold` what `owner` holds; an empty hold is removed.
    pub(super) fn put(&mut self, owner: &HoldOwner, hold: Hold) {
        if self.shards.is_empty() {
            self.shards.push(Shard::default());
        }
        let index = slot(self.shards.len(), owner);
        let Some(shard) = self.shards.get_mut(index) else { return };
        // Wrapping is exact wherever the true sum fits, which the caller checked before anything moved.
        self.tally.reserved = self.tally.reserved.wrapping_add(hold.reserved);
        self.tally.committed = self.tally.committed.wrapping_add(hold.committed);
        self.tally.awaiting = self.tally.awaiting.wrapping_add(hold.awaiting());
        let old = if hold.is_empty() {
            let old = shard.remove(owner);
            if shard.is_empty() && shard.capacity() >= SHARD_HOLDS {
                // The rush is over: an empty shard gives its memory back.
                *shard = Shard::default();
            }
            self.len = self.len.saturating_sub(usize::from(old.is_some()));
            old
        } else if let Some(kept) = shard.get_mut(owner) {
            Some(std::mem::replace(kept, hold))
        } else {
            shard.insert(owner.clone(), hold);
            self.len += 1;
            None
        };
        if let Some(old) = old {
            self.tally.reserved = self.tally.reserved.wrapping_sub(old.reserved);
            self.tally.committed = self.tally.committed.wrapping_sub(old.committed);
            self.tally.awaiting = self.tally.awaiting.wrapping_sub(old.awaiting());
        }
        if self.len > self.shards.len().saturating_mul(SHARD_HOLDS) {
            self.split_one();
        }
    }

    /// Adds a shard and moves into it, out of the one shard it parts from, the holds that now belong there.
    fn split_one(&mut self) {
        let added = self.shards.len();
        let count = added + 1;
        let source = added - count.next_power_of_two() / 2;
        let Some(shard) = self.shards.get_mut(source) else { return };
        let moved: Shard = shard.extract_if(|owner, _| slot(count, owner) == added).collect();
        self.shards.push(moved);
    }

    /// All holds in the order of their owners, the canonical order in which holds leave the table.
    pub(super) fn sorted(&self) -> Vec<(&HoldOwner, &Hold)> {
        let mut holds: Vec<_> = self.unordered().collect();
        holds.sort_unstable_by_key(|(owner, _)| *owner);
        holds
    }

    /// All holds in no order that anything may depend on.
    pub(super) fn unordered(&self) -> impl Iterator<Item = (&HoldOwner, &Hold)> {
        self.shards.iter().flatten()
    }
}

/// The shard of `owner` among `count`: the hash's bits modulo the next power of two, and modulo half of
/// it for shards that are not there yet. The bits are taken from the middle of the hash because the
/// shard's own table uses both ends.
fn slot(count: usize, owner: &HoldOwner) -> usize {
    let wide = count.next_power_of_two();
    // Only the low bits are kept, so that cutting the hash to the width of a pointer loses nothing.
    let bits = (FixedSeeds.hash_one(owner) >> 24) as usize;
    let index = bits & (wide - 1);
    if index < count { index } else { index & (wide / 2).saturating_sub(1) }
}

impl PartialEq for HoldTable {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len
            && self.tally == other.tally
            && self.unordered().all(|(owner, hold)| other.get(owner) == Some(hold))
    }
}

impl Eq for HoldTable {}

impl Serialize for HoldTable {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.sorted())
    }
}

impl<'de> Deserialize<'de> for HoldTable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut table = Self::default();
        for (owner, hold) in Vec::<(HoldOwner, Hold)>::deserialize(deserializer)? {
            table.put(&owner, hold);
        }
        Ok(table)
    }
}
