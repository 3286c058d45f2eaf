//! The machine that rebuilds a state, and what is said of a state as a whole.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use serde::Serialize;

use super::driver::Machine;
use super::hash::{StateHash, state_hash};
use super::reading::{Place, ReadError};
use super::world::{Parts, World};
use crate::domain::ids::{BusinessId, EntityId};
use crate::domain::inventory::Inventory;
use crate::domain::order::{Order, State, Tombstone};
use crate::error::Error;
use crate::journal::StoredBatch;
use crate::journal::codec::CodecError;

impl Machine for World {
    fn take(&mut self, batch: &StoredBatch, place: Place<'_>) -> Result<ControlFlow<()>, ReadError> {
        match self.apply_batch(batch) {
            Ok(()) => Ok(ControlFlow::Continue(())),
            Err(Error::Record { sequence, detail }) => Err(place.unreadable(sequence, detail)),
            Err(other) => Err(place.unreadable(batch.first_sequence, other.to_string())),
        }
    }
}

/// Units over all SKUs, by where they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StockTotals {
    /// Units in the house.
    pub on_hand: u128,
    /// Units that can be reserved.
    pub available: u128,
    /// Units held and not yet paid for.
    pub reserved: u128,
    /// Units held and paid for.
    pub committed: u128,
    /// Units kept back from sale.
    pub safety_stock: u128,
    /// Units damaged, or waiting to be inspected.
    pub quality_hold: u128,
    /// All units ever received.
    pub received: u128,
    /// All units ever shipped.
    pub shipped: u128,
    /// All shipped units that came back into stock.
    pub returned: u128,
    /// All units ever written off.
    pub written_off: u128,
}

impl StockTotals {
    fn add(&mut self, sku: &Inventory) {
        let counters = &sku.counters;
        self.on_hand += u128::from(counters.on_hand().unwrap_or(0));
        for (sum, part) in [
            (&mut self.available, counters.available),
            (&mut self.reserved, counters.reserved),
            (&mut self.committed, counters.committed),
            (&mut self.safety_stock, counters.safety_stock),
            (&mut self.quality_hold, counters.quality_hold),
            (&mut self.received, counters.received),
            (&mut self.shipped, counters.shipped),
            (&mut self.returned, counters.returned),
            (&mut self.written_off, counters.written_off),
        ] {
            *sum += u128::from(part);
        }
    }
}

/// Orders by state.
pub type ByState = BTreeMap<State, u64>;

/// What is said of a state as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The state hash.
    pub hash: StateHash,
    /// Orders.
    pub orders: u64,
    /// Orders by state.
    pub by_state: ByState,
    /// Orders by business and state.
    pub by_business: BTreeMap<BusinessId, ByState>,
    /// Orders that were retired.
    pub retired: u64,
    /// Orders with an unfinished saga.
    pub unfinished: u64,
    /// SKUs.
    pub skus: u64,
    /// Units over all SKUs.
    pub stock: StockTotals,
    /// Holds over all SKUs.
    pub holds: u64,
    /// Answered idempotency keys.
    pub keys: u64,
    /// Parked entities.
    pub parked: Vec<EntityId>,
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
    /// When an entity cannot be encoded.
    pub fn of(world: World) -> Result<Self, CodecError> {
        let Parts { skus, orders, retired, keys } = world.into_parts()?;
        let mut summary = Summary {
            hash: state_hash(&skus, &orders, &retired, &keys)?,
            orders: orders.len() as u64,
            by_state: ByState::new(),
            by_business: BTreeMap::new(),
            retired: retired.len() as u64,
            unfinished: 0,
            skus: skus.len() as u64,
            stock: StockTotals::default(),
            holds: 0,
            keys: keys.len() as u64,
            parked: Vec::new(),
        };
        for order in &orders {
            *summary.by_state.entry(order.state).or_default() += 1;
            if !summary.by_business.contains_key(&order.business) {
                summary.by_business.insert(order.business.clone(), ByState::new());
            }
            if let Some(states) = summary.by_business.get_mut(&order.business) {
                *states.entry(order.state).or_default() += 1;
            }
            summary.unfinished += u64::from(order.pending.is_some());
            if order.parked.is_some() {
                summary.parked.push(EntityId::Order(order.id.clone()));
            }
        }
        for sku in &skus {
            summary.stock.add(sku);
            summary.holds += sku.hold_count() as u64;
            if sku.parked.is_some() {
                summary.parked.push(EntityId::Sku(sku.sku.clone()));
            }
        }
        Ok(Self { skus, orders, retired, summary })
    }
}
