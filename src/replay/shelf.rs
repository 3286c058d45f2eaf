//! Orders while the journal is replayed: packed, but for the few that records touch.
//!
//! Ten million unpacked orders do not fit where ten million packed ones do. So an order is unpacked when a
//! record touches it, and packed again when it was not touched for a while. Two generations tell: what is
//! touched becomes young; when the young are too many, the old are packed and the young are the old.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::BuildHasher;

use ahash::{AHasher, RandomState};

use super::compact::{self, Packed, Unpacked};
use crate::domain::ids::OrderId;
use crate::domain::order::Order;
use crate::journal::codec::CodecError;

/// Parts of the shelf, so that they can be handed on, and given back, one after another.
const PARTS: usize = 256;

/// Unpacked orders in a generation.
const YOUNG_MAX: usize = 8 << 10;

/// Seeds are fixed: nothing depends on the order of the maps.
static SEEDS: RandomState = RandomState::with_seeds(
    0x9e37_79b9_7f4a_7c15,
    0xbf58_476d_1ce4_e5b9,
    0x94d0_49bb_1331_11eb,
    0x2545_f491_4f6c_dd1d,
);

/// A hasher without a size of its own.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FixedSeeds;

impl BuildHasher for FixedSeeds {
    type Hasher = AHasher;

    fn build_hasher(&self) -> AHasher {
        SEEDS.build_hasher()
    }
}

/// An unpacked order.
#[derive(Debug)]
pub(super) struct Hot {
    /// The order; `None` where nothing but records that could not be applied is known of it.
    pub(super) order: Option<Order>,
    pub(super) number: u32,
    /// What is left of it, if it was retired.
    pub(super) tombstone: Option<compact::Tombstone>,
}

impl Hot {
    const EMPTY: Self = Self { order: None, number: u32::MAX, tombstone: None };

    /// The version up to which its records are known.
    pub(super) fn version(&self) -> u64 {
        match (&self.order, &self.tombstone) {
            (_, Some(tombstone)) => tombstone.version,
            (order, None) => order.as_ref().map_or(0, |order| order.version),
        }
    }
}

/// The orders.
#[derive(Debug)]
pub(super) struct Shelf {
    // Boxed, so that no map moves an unpacked order when it grows or gives it away.
    young: HashMap<OrderId, Box<Hot>, FixedSeeds>,
    old: HashMap<OrderId, Box<Hot>, FixedSeeds>,
    parts: Vec<HashMap<OrderId, Packed, FixedSeeds>>,
    /// Room to pack in.
    buffer: Vec<u8>,
}

impl Default for Shelf {
    fn default() -> Self {
        let parts = (0..PARTS).map(|_| HashMap::default()).collect();
        Self { young: HashMap::default(), old: HashMap::default(), parts, buffer: Vec::new() }
    }
}

fn part_of(id: &OrderId) -> usize {
    (SEEDS.hash_one(id) >> 32) as usize % PARTS
}

impl Shelf {
    /// Puts a packed order on the shelf.
    pub(super) fn put(&mut self, id: OrderId, packed: Packed) {
        if let Some(part) = self.parts.get_mut(part_of(&id)) {
            part.insert(id, packed);
        }
    }

    /// The order under this id, unpacked; an empty place where there is none. `settled` is shown what is
    /// packed again to make room; of what was retired, the number alone.
    pub(super) fn touch(
        &mut self,
        id: &OrderId,
        settled: impl FnMut(u32, Option<&Order>),
    ) -> Result<&mut Hot, CodecError> {
        if self.young.len() >= YOUNG_MAX {
            self.age(settled)?;
        }
        let Self { young, old, parts, .. } = self;
        let place = match young.entry(id.clone()) {
            Entry::Occupied(place) => return Ok(place.into_mut()),
            Entry::Vacant(place) => place,
        };
        let hot = match old.remove(id) {
            Some(hot) => hot,
            None => match parts.get_mut(part_of(id)).and_then(|part| part.remove(id)) {
                Some(packed) => Box::new(unpack(&packed)?),
                None => Box::new(Hot::EMPTY),
            },
        };
        Ok(place.insert(hot))
    }

    /// Packs the old generation and makes the young one old.
    fn age(&mut self, mut settled: impl FnMut(u32, Option<&Order>)) -> Result<(), CodecError> {
        let young = std::mem::take(&mut self.young);
        for (id, hot) in std::mem::replace(&mut self.old, young) {
            let packed = match (&hot.order, &hot.tombstone) {
                (_, Some(tombstone)) => {
                    settled(hot.number, None);
                    compact::pack_tombstone(hot.number, tombstone)?
                }
                (Some(order), None) => {
                    settled(hot.number, Some(order));
                    compact::pack_order_in(&mut self.buffer, hot.number, order)?
                }
                (None, None) => continue,
            };
            self.put(id, packed);
        }
        Ok(())
    }

    /// Makes room for so many orders more, so that no map grows while they come.
    pub(super) fn reserve(&mut self, orders: usize) {
        self.parts.iter_mut().for_each(|part| part.reserve(orders / PARTS));
    }

    /// Packs everything.
    pub(super) fn pack_all(
        &mut self,
        mut settled: impl FnMut(u32, Option<&Order>),
    ) -> Result<(), CodecError> {
        self.age(&mut settled)?;
        self.age(&mut settled)
    }

    /// Takes the shelf apart, part by part. What is unpacked must have been packed before.
    pub(super) fn into_parts(self) -> Vec<HashMap<OrderId, Packed, FixedSeeds>> {
        self.parts
    }
}

fn unpack(packed: &[u8]) -> Result<Hot, CodecError> {
    let number = compact::number_of(packed).unwrap_or(u32::MAX);
    Ok(match compact::unpack(packed)? {
        Unpacked::Order(order) => Hot { order: Some(order), number, tombstone: None },
        Unpacked::Retired(tombstone) => Hot { order: None, number, tombstone: Some(tombstone) },
    })
}
