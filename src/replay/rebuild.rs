//! The machine that rebuilds a state, and the state taken apart.

use std::ops::ControlFlow;

use super::compact::{Unpacked, unpack};
use super::driver::Machine;
use super::reading::{Place, ReadError};
use super::summary::{Summary, Summing};
use super::world::{Settled, World};
use crate::domain::inventory::Inventory;
use crate::domain::order::{Order, Tombstone};
use crate::error::Error;
use crate::journal::StoredBatch;
use crate::journal::codec::CodecError;
#[cfg(feature = "cli")]
use crate::query::OrderIndex;

impl Machine for World {
    fn take(&mut self, batch: &StoredBatch, place: Place<'_>) -> Result<ControlFlow<()>, ReadError> {
        match self.apply_batch(batch) {
            Ok(()) => Ok(ControlFlow::Continue(())),
            Err(Error::Record { sequence, detail }) => Err(place.unreadable(sequence, detail)),
            Err(other) => Err(place.unreadable(batch.first_sequence, other.to_string())),
        }
    }
}

/// A state taken apart, sorted.
#[derive(Debug)]
pub struct Rebuilt {
    /// SKUs.
    pub skus: Vec<Inventory>,
    /// Orders.
    pub orders: Vec<Order>,
    /// What remains of retired orders.
    pub retired: Vec<Tombstone>,
    /// The summary.
    pub summary: Summary,
}

impl Rebuilt {
    /// Takes a world apart and sums it up.
    ///
    /// # Errors
    /// When an entity cannot be packed or unpacked.
    pub fn of(world: World) -> Result<Self, CodecError> {
        let (mut orders, mut retired) = (Vec::new(), Vec::new());
        let (skus, summary) = sum_up(world, |packed| {
            match unpack(packed)? {
                Unpacked::Order(order) => orders.push(order),
                Unpacked::Retired(tombstone) => retired.push(tombstone),
            }
            Ok(())
        })?;
        Ok(Self { skus, orders, retired, summary })
    }
}

impl Summary {
    /// Sums a world up. Orders stay packed, so it takes little more memory than the world had.
    ///
    /// # Errors
    /// When an entity cannot be packed or encoded.
    pub fn of(world: World) -> Result<Self, CodecError> {
        sum_up(world, |_| Ok(())).map(|(_, summary)| summary)
    }
}

/// The index of a world's orders, as an engine that opens on it has it.
#[cfg(feature = "cli")]
pub(crate) fn index_of(world: World) -> Result<OrderIndex, CodecError> {
    let Settled { mut index, .. } = world.settle()?;
    index.finish();
    Ok(index)
}

/// Sums a world up and shows each of its packed orders, sorted by id; answers the SKUs too.
fn sum_up(
    world: World,
    mut show: impl FnMut(&[u8]) -> Result<(), CodecError>,
) -> Result<(Vec<Inventory>, Summary), CodecError> {
    let Settled { skus, orders, keys, works, .. } = world.settle()?;
    let mut summing = Summing::default();
    skus.iter().try_for_each(|sku| summing.sku(sku))?;
    let mut orders: Vec<_> = orders.into_iter().flatten().collect();
    orders.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    for (_, packed) in orders {
        summing.order(&packed)?;
        show(&packed)?;
    }
    let mut keys: Vec<_> = keys.into_iter().collect();
    keys.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    keys.iter().try_for_each(|key| summing.key(key))?;
    summing.works(&works)?;
    Ok((skus, summing.finish()?))
}
