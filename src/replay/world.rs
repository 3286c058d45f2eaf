//! The machine that rebuilds the state from records.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::tagged;
use crate::domain::command::{Outcome, ScopedKey};
use crate::domain::ids::{EntityId, IdOrigin, OrderId, SkuId};
use crate::domain::inventory::Inventory;
use crate::domain::order::{Order, OrderEvent};
use crate::domain::record::{KeyMark, OrderRecord, ParkRecord, Record, SkuRecord};
use crate::domain::time::Timestamp;
use crate::error::Error;
use crate::guard;
use crate::journal::{StoredBatch, record};

/// The most faults that are kept until they are taken out.
const FAULTS_KEPT_MAX: usize = 1_000;

/// What a key was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyAnswer {
    /// The fingerprint of the command that was answered.
    pub fingerprint: [u8; 16],
    /// The answer.
    pub outcome: Outcome,
    /// Engine time of the answer.
    pub at: Timestamp,
}

/// A record that was understood and could not be applied: it left a gap in its entity's versions, or broke an
/// invariant. The entity is parked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Sequence number of the record.
    pub sequence: u64,
    /// The entity.
    pub entity: EntityId,
    /// What is wrong.
    pub reason: SmolStr,
}

/// The state that a prefix of a journal makes: every entity, and every answered key.
#[derive(Debug, Default)]
pub struct World {
    skus: HashMap<SkuId, Inventory>,
    orders: HashMap<OrderId, Option<Order>>,
    keys: HashMap<ScopedKey, KeyAnswer>,
    last_at: Timestamp,
    records: u64,
    origins: [Option<IdOrigin>; 3],
    sequence: u64,
    placements: Vec<(OrderId, u64)>,
    faults: Vec<Fault>,
}

fn note(faults: &mut Vec<Fault>, sequence: u64, entity: EntityId, reason: &SmolStr) {
    if faults.len() < FAULTS_KEPT_MAX {
        faults.push(Fault { sequence, entity, reason: reason.clone() });
    }
}

impl World {
    /// Applies every record of a batch.
    ///
    /// # Errors
    /// When a record cannot be understood. A record that *is* understood but breaks an invariant of its
    /// entity is no error: the entity is parked, as it was live.
    pub fn apply_batch(&mut self, batch: &StoredBatch) -> Result<(), Error> {
        self.last_at = self.last_at.max(batch.at);
        for (raw, sequence) in record::records(&batch.payload).zip(batch.first_sequence..) {
            let unreadable = |detail| Error::Record { sequence, detail };
            let raw = raw.map_err(|error| unreadable(error.to_string()))?;
            self.sequence = sequence;
            self.apply(tagged::decode(raw).map_err(|error| unreadable(error.to_string()))?);
        }
        Ok(())
    }

    /// Applies one record.
    pub fn apply(&mut self, record: Record) {
        self.records += 1;
        match record {
            Record::Order(record) => self.apply_order(&record),
            Record::Sku(record) => self.apply_sku(&record),
            Record::Command(record) => self.last_at = self.last_at.max(record.at),
            Record::Refusal(record) => self.mark(record.mark.as_deref(), record.at),
            Record::Park(record) => self.park(record),
            Record::KeysForgotten(record) => {
                self.last_at = self.last_at.max(record.at);
                self.keys.retain(|_, answer| answer.at >= record.before);
            }
        }
    }

    fn apply_order(&mut self, record: &OrderRecord) {
        let order = self.orders.entry(record.order.clone()).or_default();
        let was_there = order.is_some();
        if let Err(reason) = guard::apply(|| Order::apply(order, record)) {
            tracing::error!(order = %record.order, %reason, "parked in replay");
            // One fault an entity: whatever comes later of a parked one does not follow either.
            if order.as_ref().is_none_or(|order| order.parked.is_none()) {
                note(&mut self.faults, self.sequence, EntityId::Order(record.order.clone()), &reason);
            }
            if let Some(order) = order {
                order.parked.get_or_insert(reason);
            }
        }
        if !was_there && order.is_some() {
            self.placements.push((record.order.clone(), self.sequence));
        }
        for event in &record.events {
            if let OrderEvent::Placed { origin, .. } = event {
                self.note_origin(*origin);
            }
        }
        self.mark(record.mark.as_deref(), record.at);
    }

    fn apply_sku(&mut self, record: &SkuRecord) {
        let sku = self.skus.entry(record.sku.clone()).or_insert_with(|| Inventory::new(record.sku.clone()));
        if let Err(reason) = guard::apply(|| sku.apply_record(record)) {
            tracing::error!(sku = %record.sku, %reason, "parked in replay");
            if sku.parked.is_none() {
                sku.parked = Some(reason.clone());
                note(&mut self.faults, self.sequence, EntityId::Sku(record.sku.clone()), &reason);
            }
        }
        self.mark(record.mark.as_deref(), record.at);
    }

    fn mark(&mut self, mark: Option<&KeyMark>, at: Timestamp) {
        self.last_at = self.last_at.max(at);
        if let Some(KeyMark::Answered(claim, outcome)) = mark {
            let answer = KeyAnswer { fingerprint: claim.fingerprint, outcome: outcome.clone(), at };
            self.keys.insert(claim.key.clone(), answer);
        }
    }

    fn park(&mut self, record: ParkRecord) {
        self.last_at = self.last_at.max(record.at);
        let parked: Option<&mut Option<SmolStr>> = match &record.entity {
            EntityId::Order(id) => {
                self.orders.get_mut(id).and_then(Option::as_mut).map(|order| &mut order.parked)
            }
            EntityId::Sku(id) => self.skus.get_mut(id).map(|sku| &mut sku.parked),
        };
        if let Some(parked) = parked {
            *parked = record.reason;
        }
    }

    /// Remembers the highest number of each kind of made id.
    fn note_origin(&mut self, origin: IdOrigin) {
        let (place, number) = match origin {
            IdOrigin::Sequence(number) => (0, number),
            IdOrigin::Snowflake(number) => (1, number),
            IdOrigin::Custom(number) => (2, number),
            IdOrigin::Caller | IdOrigin::UuidV7 => return,
        };
        if let Some(slot) = self.origins.get_mut(place) {
            let known = match slot {
                Some(IdOrigin::Sequence(known) | IdOrigin::Snowflake(known) | IdOrigin::Custom(known)) => {
                    *known
                }
                _ => 0,
            };
            if number >= known {
                *slot = Some(origin);
            }
        }
    }

    /// The highest made order id of each kind, for the generators to go on from.
    pub fn origins(&self) -> impl Iterator<Item = IdOrigin> {
        self.origins.iter().copied().flatten()
    }

    /// Takes out the orders in the order in which they were placed, each with the sequence number of the
    /// record that placed it.
    pub(crate) fn take_placements(&mut self) -> Vec<(OrderId, u64)> {
        std::mem::take(&mut self.placements)
    }

    /// Takes out what could not be applied since the last call.
    pub fn take_faults(&mut self) -> Vec<Fault> {
        std::mem::take(&mut self.faults)
    }

    /// The latest engine time in the journal.
    #[must_use]
    pub fn last_at(&self) -> Timestamp {
        self.last_at
    }

    /// Number of records applied.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Takes the world apart: SKUs, orders and answered keys, each sorted.
    #[must_use]
    pub fn into_parts(self) -> (Vec<Inventory>, Vec<Order>, Vec<(ScopedKey, KeyAnswer)>) {
        let mut skus: Vec<_> = self.skus.into_values().filter(|sku| sku.version > 0).collect();
        skus.sort_by(|a, b| a.sku.cmp(&b.sku));
        let mut orders: Vec<_> = self.orders.into_values().flatten().collect();
        orders.sort_by(|a, b| a.id.cmp(&b.id));
        let mut keys: Vec<_> = self.keys.into_iter().collect();
        keys.sort_by(|a, b| a.0.cmp(&b.0));
        (skus, orders, keys)
    }
}
