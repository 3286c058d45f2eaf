//! The machine that rebuilds the state from a snapshot, if there is one, and records.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::compact::{Packed, Unpacked, unpack};
use super::history::Base;
use super::shelf::{FixedSeeds, Hot, Shelf};
use super::tagged;
use super::works::{Taken, Works};
use crate::domain::command::{Outcome, ScopedKey};
use crate::domain::flow::FlowEvent;
use crate::domain::ids::{EntityId, IdOrigin, OrderId, SkuId};
use crate::domain::inventory::Inventory;
use crate::domain::order::{Order, Tombstone};
use crate::domain::record::{FlowRecord, KeyMark, LockRecord, OrderRecord, ParkRecord, Record, SkuRecord};
use crate::domain::time::Timestamp;
use crate::error::Error;
use crate::guard;
use crate::journal::codec::CodecError;
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
    pub(super) skus: HashMap<SkuId, Inventory, FixedSeeds>,
    pub(super) shelf: Shelf,
    pub(super) keys: HashMap<ScopedKey, KeyAnswer, FixedSeeds>,
    pub(super) works: Works,
    pub(super) index: OrderIndex,
    pub(super) last_at: Timestamp,
    /// What a snapshot holds has come before this sequence number.
    pub(super) high: u64,
    records: u64,
    skipped: u64,
    sequence: u64,
    faults: Vec<Fault>,
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

/// The records of a batch, each decoded.
pub(super) struct Decoded {
    pub(super) at: Timestamp,
    pub(super) first_sequence: u64,
    pub(super) records: Vec<Record>,
}

/// Decodes every record of a batch.
pub(super) fn decode(batch: &StoredBatch) -> Result<Decoded, Error> {
    let mut records = Vec::with_capacity(batch.count as usize);
    for (raw, sequence) in record::records(&batch.payload).zip(batch.first_sequence..) {
        let unreadable = |detail| Error::Record { sequence, detail };
        let raw = raw.map_err(|error| unreadable(error.to_string()))?;
        records.push(tagged::decode(raw).map_err(|error| unreadable(error.to_string()))?);
    }
    Ok(Decoded { at: batch.at, first_sequence: batch.first_sequence, records })
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
        self.apply_decoded(decode(batch)?)
    }

    pub(super) fn apply_decoded(&mut self, batch: Decoded) -> Result<(), Error> {
        self.last_at = self.last_at.max(batch.at);
        for (record, sequence) in batch.records.into_iter().zip(batch.first_sequence..) {
            self.sequence = sequence;
            self.apply(record)?;
        }
        Ok(())
    }

    /// Applies one record.
    ///
    /// # Errors
    /// When an order cannot be packed or unpacked.
    pub fn apply(&mut self, record: Record) -> Result<(), CodecError> {
        self.records += 1;
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
        let hot = self.shelf.touch(id, |number, order| index.set_state(number, order.state))?;
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
        let fuzzy = self.is_fuzzy();
        let sku = match self.skus.get_mut(&record.sku) {
            Some(sku) => sku,
            None => self.skus.entry(record.sku.clone()).or_insert_with(|| Inventory::new(record.sku.clone())),
        };
        if fuzzy && record.version <= sku.version {
            self.skipped += 1;
        } else if let Err(reason) = guard::apply(|| sku.apply_record(record)) {
            tracing::error!(sku = %record.sku, %reason, "parked in replay");
            if sku.parked.is_none() {
                sku.parked = Some(reason.clone());
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

    fn mark(&mut self, mark: Option<&KeyMark>, at: Timestamp) {
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
            EntityId::Sku(id) => self.skus.get_mut(id).map(|sku| &mut sku.parked),
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
            EntityId::Sku(id) => self.skus.remove(id).map_or(Base::Nothing, |sku| Base::Sku(Box::new(sku))),
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
        self.shelf.pack_all(|number, order| index.set_state(number, order.state))?;
        let mut skus: Vec<_> = self.skus.into_values().filter(|sku| sku.version > 0).collect();
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
