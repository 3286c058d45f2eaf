//! What is said of a state as a whole, the state hash among it, made by looking at one entity after another.

use std::collections::BTreeMap;

use serde::Serialize;

use super::compact::{self, OrderHead, Unpacked};
use super::hash::{StateHash, StateHasher};
use super::works::Works;
use super::world::KeyAnswer;
use crate::domain::command::ScopedKey;
use crate::domain::ids::{BusinessId, EntityId, OrderId};
use crate::domain::inventory::Inventory;
use crate::domain::order::{State, Tombstone};
use crate::journal::codec::CodecError;

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
    /// Flows under way.
    pub flows: u64,
    /// Parked entities.
    pub parked: Vec<EntityId>,
}

/// A summary in the making. It is shown SKUs, then orders, retired ones among them, then answered keys, then rules and flows, each
/// sorted by id, and keeps none of them but what remains of those retired.
pub(crate) struct Summing {
    hasher: StateHasher,
    retired: Vec<Tombstone>,
    summary: Summary,
}

impl Default for Summing {
    fn default() -> Self {
        let summary = Summary {
            hash: StateHash([0; 32]),
            orders: 0,
            by_state: ByState::new(),
            by_business: BTreeMap::new(),
            retired: 0,
            unfinished: 0,
            skus: 0,
            stock: StockTotals::default(),
            holds: 0,
            keys: 0,
            flows: 0,
            parked: Vec::new(),
        };
        Self { hasher: StateHasher::default(), retired: Vec::new(), summary }
    }
}

impl Summing {
    /// The next SKU.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub(crate) fn sku(&mut self, sku: &Inventory) -> Result<(), CodecError> {
        self.hasher.sku(sku)?;
        let summary = &mut self.summary;
        summary.skus += 1;
        summary.stock.add(sku);
        summary.holds += sku.hold_count() as u64;
        if sku.parked.is_some() {
            summary.parked.push(EntityId::Sku(sku.sku.clone()));
        }
        Ok(())
    }

    /// The next order, packed. Answers whether a saga of it is under way.
    ///
    /// # Errors
    /// When it cannot be unpacked.
    pub(crate) fn order(&mut self, packed: &[u8]) -> Result<bool, CodecError> {
        if compact::is_retired(packed) {
            self.retired.push(compact::tombstone_of(packed)?);
            return Ok(false);
        }
        let canonical = compact::canonical(packed);
        self.hasher.packed_order(&canonical);
        let OrderHead { id, state, business, .. } = compact::head_of(packed)?;
        let pending = compact::is_pending(packed);
        let parked = compact::may_be_parked(&canonical)
            && matches!(compact::unpack(packed)?, Unpacked::Order(order) if order.parked.is_some());
        self.count(id, state, business, pending, parked);
        Ok(pending && !parked)
    }

    fn count(&mut self, id: OrderId, state: State, business: BusinessId, pending: bool, parked: bool) {
        let summary = &mut self.summary;
        summary.orders += 1;
        *summary.by_state.entry(state).or_default() += 1;
        match summary.by_business.get_mut(&business) {
            Some(states) => *states.entry(state).or_default() += 1,
            None => drop(summary.by_business.insert(business, ByState::from([(state, 1)]))),
        }
        summary.unfinished += u64::from(pending);
        if parked {
            summary.parked.push(EntityId::Order(id));
        }
    }

    /// The next answered key.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub(crate) fn key(&mut self, key: &(ScopedKey, KeyAnswer)) -> Result<(), CodecError> {
        self.leave()?;
        self.summary.keys += 1;
        self.hasher.key(key)
    }

    /// Every order was shown: what remains of those retired comes behind them.
    fn leave(&mut self) -> Result<(), CodecError> {
        self.summary.retired += self.retired.len() as u64;
        std::mem::take(&mut self.retired).iter().try_for_each(|left| self.hasher.retired(left))
    }

    /// Rules and flows; comes last.
    ///
    /// # Errors
    /// When one cannot be encoded.
    pub(crate) fn works(&mut self, works: &Works) -> Result<(), CodecError> {
        self.leave()?;
        let summary = &mut self.summary;
        summary.flows = works.flows.len() as u64;
        let parked = works.flows.values().filter(|flow| flow.parked.is_some());
        summary.parked.extend(parked.map(|flow| EntityId::Flow(flow.id)));
        let parked = works.locks.values().filter(|lock| lock.parked.is_some());
        summary.parked.extend(parked.map(|lock| EntityId::Lock(lock.name.clone())));
        self.hasher.works(works)
    }

    /// Everything was shown.
    ///
    /// # Errors
    /// When what remains of a retired order cannot be encoded.
    pub(crate) fn finish(mut self) -> Result<Summary, CodecError> {
        self.leave()?;
        // Parked entities are named orders first, as they always were.
        let Self { hasher, mut summary, .. } = self;
        summary.parked.sort();
        summary.hash = hasher.finish();
        Ok(summary)
    }
}
