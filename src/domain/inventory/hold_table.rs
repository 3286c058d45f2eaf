//! All holds on one SKU, in a table whose every step is bounded and that is cheap to clone.
//!
//! A hot SKU can have a million holds, and its actor must not stall: not when the table grows, and not
//! when a snapshot wants a copy of it. So this is linear hashing over small shards: when the table is
//! full, *one* shard is split in two, which moves a few dozen holds, and no step ever moves more. Shards
//! are shared in groups: a clone takes a pointer for every 32 of them, and whoever writes first after it
//! copies one group, a thousand holds. They lie side by side in it: where a table is too large for the
//! processor's caches, each pointer on the way to a hold is a wait.
//!
//! A shard is one run of bytes with a cell for each hold (`cell`). A hold costs what its owner's name
//! and its numbers take, and about ten bytes more.
//!
//! The hasher has fixed seeds, so that a run can be repeated exactly. Nothing depends on the order of
//! the shards all the same: what leaves the table leaves it sorted by owner.

mod build;
mod cell;
mod page;
mod shard;

use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use ahash::RandomState;
use serde::{Serialize, Serializer};

use super::holds::{Hold, HoldOwner, Tally};
use crate::domain::ids::CartId;
use crate::domain::time::Timestamp;
use cell::{Name, OwnerRef};
use shard::{Entry, Shard};

/// Holds per shard, on average, at which the table gets one more shard. A shard that waits for its
/// turn to be split holds up to twice as many.
const SHARD_HOLDS: usize = 32;

/// Shards that are shared, and parted from a clone's, together.
const GROUP_SHARDS: usize = 32;

static SEEDS: RandomState = RandomState::with_seeds(
    0x243f_6a88_85a3_08d3,
    0x1319_8a2e_0370_7344,
    0xa409_3822_299f_31d0,
    0x082e_fa98_ec4e_6c89,
);

/// The holds of one SKU by owner, with their running sums.
#[derive(Clone, Debug, Default)]
pub(super) struct HoldTable {
    groups: Vec<Arc<Vec<Shard>>>,
    len: usize,
    tally: Tally,
    /// Bytes that the shards have of the heap.
    bytes: usize,
}

impl HoldTable {
    pub(super) fn get(&self, owner: &HoldOwner) -> Option<Hold> {
        let owner = OwnerRef::from(owner);
        let hash = hash(owner);
        self.shard(slot(self.shards(), hash))?.get(tag(hash), owner)
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The sums over all holds, kept up to date by [`HoldTable::put`].
    pub(super) fn tally(&self) -> Tally {
        self.tally
    }

    /// About how many bytes of the heap the table has for itself.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    fn shards(&self) -> usize {
        let full = self.groups.len().saturating_sub(1) * GROUP_SHARDS;
        full + self.groups.last().map_or(0, |group| group.len())
    }

    fn shard(&self, index: usize) -> Option<&Shard> {
        self.groups.get(index / GROUP_SHARDS)?.get(index % GROUP_SHARDS)
    }

    /// A shard to be written to; parted from those of clones.
    fn shard_mut(&mut self, index: usize) -> Option<&mut Shard> {
        Arc::make_mut(self.groups.get_mut(index / GROUP_SHARDS)?).get_mut(index % GROUP_SHARDS)
    }

    fn push(&mut self, shard: Shard) {
        self.bytes += shard.bytes();
        match self.groups.last_mut().filter(|group| group.len() < GROUP_SHARDS) {
            Some(group) => Arc::make_mut(group).push(shard),
            None => self.groups.push(Arc::new(vec![shard])),
        }
    }

    /// Makes `hold` what `owner` holds; an empty hold is removed.
    pub(super) fn put(&mut self, owner: &HoldOwner, hold: Hold) {
        if self.groups.is_empty() {
            self.push(Shard::default());
        }
        let hash = hash(owner.into());
        let index = slot(self.shards(), hash);
        let (is_empty, new) = (hold.is_empty(), hold.units());
        let Some(shard) = self.shard_mut(index) else { return };
        let bytes = shard.bytes();
        let old = shard.put(tag(hash), owner, hold);
        let bytes_after = shard.bytes();
        self.bytes = self.bytes.saturating_sub(bytes) + bytes_after;
        self.len = (self.len + usize::from(!is_empty)).saturating_sub(usize::from(old.is_some()));
        // Wrapping is exact wherever the true sum fits, which the caller checked before anything moved.
        let old = old.unwrap_or_default();
        let moved = |sum: u64, old: u64, new: u64| sum.wrapping_add(new).wrapping_sub(old);
        self.tally.reserved = moved(self.tally.reserved, old.reserved, new.reserved);
        self.tally.committed = moved(self.tally.committed, old.committed, new.committed);
        self.tally.awaiting = moved(self.tally.awaiting, old.awaiting, new.awaiting);
        if self.len > self.shards().saturating_mul(SHARD_HOLDS) {
            self.split_one();
        }
    }

    /// Adds a shard and moves into it, out of the one shard it parts from, the holds that now belong there.
    fn split_one(&mut self) {
        let added = self.shards();
        let count = added + 1;
        let source = added - count.next_power_of_two() / 2;
        let Some(shard) = self.shard_mut(source) else { return };
        let before = shard.bytes();
        let moved = shard.split(|owner| slot(count, hash_name(owner)) == added);
        let after = shard.bytes();
        self.bytes = self.bytes.saturating_sub(before) + after;
        self.push(moved);
    }

    /// All holds in the order of their owners, the canonical order in which holds leave the table.
    pub(super) fn sorted(&self) -> impl ExactSizeIterator<Item = (HoldOwner, Hold)> {
        let mut holds: Vec<_> = self.entries().map(|entry| (entry.owner(), entry)).collect();
        holds.sort_unstable_by_key(|(owner, _)| *owner);
        holds.into_iter().map(|(owner, entry)| (owner.into(), entry.hold()))
    }

    /// All holds in no order that anything may depend on.
    pub(super) fn unordered(&self) -> impl Iterator<Item = (HoldOwner, Hold)> {
        self.entries().map(|entry| (entry.owner().into(), entry.hold()))
    }

    /// The carts whose holds lapse, and when, in no order that anything may depend on.
    pub(super) fn deadlines(&self) -> impl Iterator<Item = (CartId, Timestamp)> {
        self.entries().filter(|entry| entry.lapses()).filter_map(|entry| match entry.owner().into() {
            HoldOwner::Cart(cart) => Some((cart, entry.hold().deadline?)),
            HoldOwner::Order(_) => None,
        })
    }

    /// Whoever had units filled, in no order that anything may depend on.
    pub(super) fn filled(&self) -> impl Iterator<Item = &HoldOwner> {
        // Such a hold has no cell.
        let shards = self.groups.iter().flat_map(|group| group.iter());
        let others = shards.flat_map(|shard| shard.others());
        others.filter(|(_, hold)| hold.filled() > 0).map(|(owner, _)| owner)
    }

    fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.groups.iter().flat_map(|group| group.iter()).flat_map(|shard| shard.entries())
    }
}

fn hash(owner: OwnerRef<'_>) -> u64 {
    hash_name(owner.name())
}

fn hash_name(owner: Name<'_>) -> u64 {
    let mut hasher = SEEDS.build_hasher();
    hasher.write(owner.id);
    hasher.write_u8(u8::from(owner.is_cart));
    hasher.finish()
}

/// What a cell shows of its owner's hash, so that hardly any other's name is compared.
const fn tag(hash: u64) -> u8 {
    hash.to_le_bytes()[0]
}

/// The shard of a hash among `count`: its bits modulo the next power of two, and modulo half of it for
/// shards that are not there yet. The bits are taken from the middle of the hash: tags use the end.
fn slot(count: usize, hash: u64) -> usize {
    let wide = count.next_power_of_two();
    // Only the low bits are kept, so that cutting the hash to the width of a pointer loses nothing.
    let bits = (hash >> 24) as usize;
    let index = bits & (wide - 1);
    if index < count { index } else { index & (wide / 2).saturating_sub(1) }
}

impl PartialEq for HoldTable {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len
            && self.tally == other.tally
            && self.unordered().all(|(owner, hold)| other.get(&owner) == Some(hold))
    }
}

impl Eq for HoldTable {}

impl Serialize for HoldTable {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.sorted())
    }
}
