//! The machine that rebuilds the state from a snapshot, if there is one, and records.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::compact::{Packed, Unpacked, unpack};
use super::history::Base;
use super::shelf::{FixedSeeds, Hot, Shelf};
use super::stock::Stock;
use super::tagged;
use super::works::{Taken, Works};
use crate::domain::command::{Outcome, ScopedKey};
use crate::domain::flow::FlowEvent;
use crate::domain::ids::{EntityId, IdOrigin, OrderId};
use crate::domain::inventory::Inventory;
use crate::domain::order::{Order, Tombstone};
use crate::domain::record::{FlowRecord, KeyMark, LockRecord, OrderRecord, ParkRecord, Record, SkuRecord};
use crate::domain::time::Timestamp;
use crate::error::Error;
use crate::guard;
use crate::journal::codec::CodecError;
use crate::journal::record::RawRecord;
use crate::journal::{StoredBatch, record};
use crate::query::{Listing, OrderIndex, sellers_of};

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
///
/// On a snapshot it is an overlay: the orders rest packed, and a record unpacks the one it touches. Records
/// that a snapshot's entity already knows, by its version, are passed over.
#[derive(Debug, Default)]
pub struct World {
    pub(super) stock: Stock,
    pub(super) shelf: Shelf,
    pub(super) keys: HashMap<ScopedKey, KeyAnswer, FixedSeeds>,
    pub(super) works: Works,
    pub(super) index: OrderIndex,
    pub(super) last_at: Timestamp,
    /// What a snapshot holds has come before this sequence number.
    pub(super) high: u64,
    pub(super) records: u64,
    pub(super) events: u64,
    pub(super) skipped: u64,
    pub(super) sequence: u64,
    pub(super) faults: Vec<Fault>,
}

/// Answered keys.
pub(crate) type Answered = HashMap<ScopedKey, KeyAnswer, FixedSeeds>;

/// A world taken apart for an engine to live in.
pub(crate) struct Settled {
    pub(crate) skus: Vec<Inventory>,
    pub(crate) orders: Vec<HashMap<OrderId, Packed, FixedSeeds>>,
    pub(crate) keys: Answered,
    pub(crate) works: Works,
    pub(crate) index: OrderIndex,
}

/// The error for a record that cannot be understood.
pub(super) fn unreadable(sequence: u64, why: &impl std::fmt::Display) -> Error {
    Error::Record { sequence, detail: why.to_string() }
}

/// Number of events in a record; what is no change of an entity's state has none.
fn events_of(record: &Record) -> u64 {
    let events = match record {
        Record::Order(record) => record.events.len(),
        Record::Sku(record) => record.events.len(),
        Record::Flow(record) => record.events.len(),
        Record::Lock(record) => record.events.len(),
        _ => 0,
    };
    events as u64
}

pub(super) fn note(faults: &mut Vec<Fault>, sequence: u64, entity: EntityId, reason: &SmolStr) {
    if faults.len() < FAULTS_KEPT_MAX {
        faults.push(Fault { sequence, entity, reason: reason.clone() });
    }
}

/// Takes note of how an order stands that is packed; of a retired one there is only its number.
fn settle(index: &mut OrderIndex, number: u32, order: Option<&Order>) {
    match order {
        Some(order) => index.set_state(number, order.state),
        None => index.set_retired(number),
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
            let raw = raw.map_err(|error| unreadable(sequence, &error))?;
            self.take_record(raw, sequence)?;
        }
        Ok(())
    }

    /// Decodes a record and applies it.
    pub(super) fn take_record(&mut self, raw: RawRecord<'_>, sequence: u64) -> Result<(), Error> {
        self.sequence = sequence;
        if let Some(record) = tagged::decode_order(raw) {
            let record = record.map_err(|error| unreadable(sequence, &error))?;
            (self.records, self.events) = (self.records + 1, self.events + record.events.len() as u64);
            self.apply_order(&record)?;
        } else if let Some(record) = tagged::decode_sku(raw) {
            let record = record.map_err(|error| unreadable(sequence, &error))?;
            (self.records, self.events) = (self.records + 1, self.events + record.events.len() as u64);
            self.apply_sku(&record);
        } else {
            self.apply(tagged::decode(raw).map_err(|error| unreadable(sequence, &error))?)?;
        }
        Ok(())
    }

    /// Applies one record.
    ///
    /// # Errors
    /// When an order cannot be packed or unpacked.
    pub fn apply(&mut self, record: Record) -> Result<(), CodecError> {
        self.records += 1;
        self.events += events_of(&record);
        match record {
            Record::Order(record) => self.apply_order(&record)?,
            Record::Sku(record) => self.apply_sku(&record),
            Record::Command(record) => self.last_at = self.last_at.max(record.at),
            Record::Refusal(record) => self.mark(record.mark.as_deref(), record.at),
            Record::Park(record) => self.park(record)?,
            Record::KeysForgotten(record) => {
                self.last_at = self.last_at.max(record.at);
                self.keys.retain(|_, answer| answer.at >= record.before);
            }
            Record::Flow(record) => self.apply_flow(&record),
            Record::Lock(record) => self.apply_lock(&record),
            Record::Rules(record) => {
                self.last_at = self.last_at.max(record.at);
                self.works.rules.insert(record.rules, record);
            }
        }
        Ok(())
    }

    /// Whether the record may be in the snapshot that the world was loaded from.
    const fn is_fuzzy(&self) -> bool {
        self.sequence < self.high
    }

    fn touch(&mut self, id: &OrderId) -> Result<(&mut Hot, &mut OrderIndex, &mut Vec<Fault>), CodecError> {
        let index = &mut self.index;
        let hot = self.shelf.touch(id, |number, order| settle(index, number, order))?;
        Ok((hot, &mut self.index, &mut self.faults))
    }

    fn apply_order(&mut self, record: &OrderRecord) -> Result<(), CodecError> {
        let (fuzzy, since) = (self.is_fuzzy(), self.sequence.saturating_sub(1));
        let sequence = self.sequence;
        let (hot, index, faults) = self.touch(&record.order)?;
        let skipped = fuzzy && record.version <= hot.version();
        if !skipped && hot.tombstone.is_some() {
            let reason = SmolStr::new_static("a record of an order that was retired");
            tracing::error!(order = %record.order, %reason);
            note(faults, sequence, EntityId::Order(record.order.clone()), &reason);
        } else if !skipped {
            let was_there = hot.order.is_some();
            if let Err(reason) = guard::apply(|| Order::apply(&mut hot.order, record)) {
                tracing::error!(order = %record.order, %reason, "parked in replay");
                // One fault an entity: whatever comes later of a parked one does not follow either.
                if hot.order.as_ref().is_none_or(|order| order.parked.is_none()) {
                    note(faults, sequence, EntityId::Order(record.order.clone()), &reason);
                }
                if let Some(order) = &mut hot.order {
                    order.parked.get_or_insert(reason);
                }
            } else {
                hot.tombstone = Tombstone::of(record);
            }
            if let Some(order) = hot.order.as_ref().filter(|_| !was_there) {
                // The command that placed it may be recorded right before.
                hot.number = index.enlist(&Listing::from(order), since);
                index.note_sellers(hot.number, sellers_of(order));
            }
        }
        self.skipped += u64::from(skipped);
        self.mark(record.mark.as_deref(), record.at);
        Ok(())
    }

    fn apply_sku(&mut self, record: &SkuRecord) {
        match self.stock.apply(record, self.is_fuzzy()) {
            Taken::Applied => {}
            Taken::Known => self.skipped += 1,
            Taken::Broken(reason) => {
                note(&mut self.faults, self.sequence, EntityId::Sku(record.sku.clone()), &reason);
            }
        }
        self.mark(record.mark.as_deref(), record.at);
    }

    fn apply_flow(&mut self, record: &FlowRecord) {
        let fuzzy = self.is_fuzzy();
        match self.works.apply(record, fuzzy) {
            Taken::Applied => {}
            Taken::Known => self.skipped += 1,
            Taken::Broken(reason) => {
                tracing::error!(flow = %record.flow, %reason, "parked in replay");
                note(&mut self.faults, self.sequence, EntityId::Flow(record.flow), &reason);
            }
        }
        // The snapshot may hold keys of a flow that it does not hold any more.
        for event in &record.events {
            if let FlowEvent::Ended { keys } = event {
                keys.iter().for_each(|key| drop(self.keys.remove(key)));
            }
        }
        self.mark(record.mark.as_deref(), record.at);
    }

    fn apply_lock(&mut self, record: &LockRecord) {
        let fuzzy = self.is_fuzzy();
        match self.works.apply_lock(record, fuzzy) {
            Taken::Applied => {}
            Taken::Known => self.skipped += 1,
            Taken::Broken(reason) => {
                tracing::error!(lock = %record.lock, %reason, "parked in replay");
                note(&mut self.faults, self.sequence, EntityId::Lock(record.lock.clone()), &reason);
            }
        }
        self.mark(record.mark.as_deref(), record.at);
    }

    pub(super) fn mark(&mut self, mark: Option<&KeyMark>, at: Timestamp) {
        self.last_at = self.last_at.max(at);
        if let Some(KeyMark::Answered(claim, outcome)) = mark {
            let answer = KeyAnswer { fingerprint: claim.fingerprint, outcome: outcome.clone(), at };
            self.keys.insert(claim.key.clone(), answer);
        }
    }

    fn park(&mut self, record: ParkRecord) -> Result<(), CodecError> {
        self.last_at = self.last_at.max(record.at);
        let parked: Option<&mut Option<SmolStr>> = match &record.entity {
            EntityId::Order(id) => self.touch(id)?.0.order.as_mut().map(|order| &mut order.parked),
            EntityId::Sku(id) => self.stock.skus.get_mut(id).map(|sku| &mut sku.parked),
            EntityId::Flow(id) => self.works.flows.get_mut(id).map(|flow| &mut flow.parked),
            EntityId::Lock(name) => self.works.locks.get_mut(name).map(|lock| &mut lock.parked),
        };
        if let Some(parked) = parked {
            *parked = record.reason;
        }
        Ok(())
    }

    /// The highest made order id of each kind, for the generators to go on from.
    pub fn origins(&self) -> impl Iterator<Item = IdOrigin> {
        self.index.origins().iter()
    }

    /// What works around orders and stock.
    #[must_use]
    pub const fn works(&self) -> &Works {
        &self.works
    }

    /// Takes out what could not be applied since the last call.
    pub fn take_faults(&mut self) -> Vec<Fault> {
        std::mem::take(&mut self.faults)
    }

    /// The latest engine time in the journal.
    #[must_use]
    pub const fn last_at(&self) -> Timestamp {
        self.last_at
    }

    /// Number of records applied or passed over.
    #[must_use]
    pub const fn records(&self) -> u64 {
        self.records
    }

    /// Number of events in those records.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// Number of records passed over, because the snapshot's entity knew them.
    #[must_use]
    pub const fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Takes out one entity.
    pub(super) fn take_entity(&mut self, entity: &EntityId) -> Result<Base, CodecError> {
        Ok(match entity {
            EntityId::Order(id) => match self.touch(id)?.0 {
                Hot { tombstone: Some(tombstone), .. } => Base::Retired(tombstone.clone(), None),
                hot => hot.order.take().map_or(Base::Nothing, |order| Base::Order(Box::new(order))),
            },
            EntityId::Sku(id) => {
                self.stock.skus.remove(id).map_or(Base::Nothing, |sku| Base::Sku(Box::new(sku)))
            }
            EntityId::Flow(id) => {
                self.works.flows.remove(id).map_or(Base::Nothing, |flow| Base::Flow(Box::new(flow)))
            }
            EntityId::Lock(name) => {
                self.works.locks.remove(name).map_or(Base::Nothing, |lock| Base::Lock(Box::new(lock)))
            }
        })
    }

    /// Takes the world apart. Unpacks every order: a tool for audits and tests.
    ///
    /// # Errors
    /// When an order cannot be packed or unpacked.
    pub fn into_parts(self) -> Result<Parts, CodecError> {
        let Settled { skus, orders: shelf, keys, works, .. } = self.settle()?;
        let (mut orders, mut retired) = (Vec::new(), Vec::new());
        for packed in shelf.into_iter().flat_map(HashMap::into_values) {
            match unpack(&packed)? {
                Unpacked::Order(order) => orders.push(order),
                Unpacked::Retired(tombstone) => retired.push(tombstone),
            }
        }
        orders.sort_by(|a, b| a.id.cmp(&b.id));
        retired.sort_by(|a, b| a.id.cmp(&b.id));
        let mut keys: Vec<_> = keys.into_iter().collect();
        keys.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(Parts { skus, orders, retired, keys, works })
    }

    /// Takes the world apart for an engine to live in. The index has no lists yet.
    pub(crate) fn settle(mut self) -> Result<Settled, CodecError> {
        let index = &mut self.index;
        self.shelf.pack_all(|number, order| settle(index, number, order))?;
        let mut skus: Vec<_> = self.stock.skus.into_values().filter(|sku| sku.version > 0).collect();
        skus.sort_by(|a, b| a.sku.cmp(&b.sku));
        let (keys, works, index) = (self.keys, self.works, self.index);
        Ok(Settled { skus, orders: self.shelf.into_parts(), keys, works, index })
    }
}

/// A world taken apart, each kind sorted by id.
#[derive(Debug, Default)]
pub struct Parts {
    /// Every SKU.
    pub skus: Vec<Inventory>,
    /// Every order that is there.
    pub orders: Vec<Order>,
    /// What remains of the orders that were retired.
    pub retired: Vec<Tombstone>,
    /// Every answered key.
    pub keys: Vec<(ScopedKey, KeyAnswer)>,
    /// What works around orders and stock.
    pub works: Works,
}
