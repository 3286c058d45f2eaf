//! The machine that rebuilds the state from a snapshot, if there is one, and records.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::compact::Packed;
use super::history::Base;
use super::shelf::{FixedSeeds, Hot, Shelf};
use super::tagged;
use crate::domain::command::{Outcome, ScopedKey};
use crate::domain::ids::{EntityId, IdOrigin, OrderId, SkuId};
use crate::domain::inventory::Inventory;
use crate::domain::order::Order;
use crate::domain::record::{KeyMark, OrderRecord, ParkRecord, Record, SkuRecord};
use crate::domain::time::Timestamp;
use crate::error::Error;
use crate::guard;
use crate::journal::codec::CodecError;
use crate::journal::{StoredBatch, record};
use crate::query::{Listing, OrderIndex};

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
    pub(super) index: OrderIndex,
    pub(super) last_at: Timestamp,
    /// What a snapshot holds has come before this sequence number.
    pub(super) high: u64,
    records: u64,
    skipped: u64,
    sequence: u64,
    faults: Vec<Fault>,
}

/// A world taken apart for an engine to live in.
pub(crate) struct Settled {
    pub(crate) skus: Vec<Inventory>,
    pub(crate) orders: Vec<HashMap<OrderId, Packed, FixedSeeds>>,
    pub(crate) keys: HashMap<ScopedKey, KeyAnswer, FixedSeeds>,
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
            }
            if let Some(order) = hot.order.as_ref().filter(|_| !was_there) {
                // The command that placed it may be recorded right before.
                hot.number = index.enlist(&Listing::from(order), since);
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
            EntityId::Order(id) => {
                self.touch(id)?.0.order.take().map_or(Base::Nothing, |order| Base::Order(Box::new(order)))
            }
            EntityId::Sku(id) => self.skus.remove(id).map_or(Base::Nothing, |sku| Base::Sku(Box::new(sku))),
        })
    }

    /// Takes the world apart for an engine to live in. The index has no lists yet.
    pub(crate) fn settle(mut self) -> Result<Settled, CodecError> {
        let index = &mut self.index;
        self.shelf.pack_all(|number, order| index.set_state(number, order.state))?;
        let mut skus: Vec<_> = self.skus.into_values().filter(|sku| sku.version > 0).collect();
        skus.sort_by(|a, b| a.sku.cmp(&b.sku));
        Ok(Settled { skus, orders: self.shelf.into_parts(), keys: self.keys, index: self.index })
    }
}
