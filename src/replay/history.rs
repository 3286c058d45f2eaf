//! The machine that follows one entity: what happened to it, and how it stands.
//!
//! There is no index of records by entity: every batch is looked through for the entity's id, and what does
//! not hold it is passed over without being decoded.

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;

use super::base::Standing;
use super::driver::Machine;
use super::reading::{Place, ReadError};
use super::tagged;
use crate::domain::flow::Flow;
use crate::domain::ids::{EntityId, RulesId};
use crate::domain::inventory::Inventory;
use crate::domain::lock::Lock;
use crate::domain::order::{Order, Tombstone};
use crate::domain::record::{FlowRecord, Record, RulesRecord};
use crate::guard;
use crate::journal::codec::CodecError;
use crate::journal::record::RawRecord;
use crate::journal::{StoredBatch, record};
use crate::query::{TimelineEntry, entries_of};

/// The id of an entity, as its bytes stand in records.
pub(super) fn id_of(entity: &EntityId) -> &[u8] {
    match entity {
        EntityId::Order(id) => id.as_str().as_bytes(),
        EntityId::Sku(id) => id.as_str().as_bytes(),
        EntityId::Lock(name) => name.as_str().as_bytes(),
        // A number has no bytes of its own: every record is looked at.
        EntityId::Flow(_) => &[],
    }
}

fn holds(bytes: &[u8], id: &[u8]) -> bool {
    let Some((first, rest)) = id.split_first() else { return true };
    let mut bytes = bytes;
    while let Some(at) = bytes.iter().position(|byte| byte == first) {
        bytes = bytes.get(at + 1..).unwrap_or_default();
        if bytes.starts_with(rest) {
            return true;
        }
    }
    false
}

/// Whether a record may be about the entity: texts stand in a record as their bytes, so one that is holds
/// its id.
pub(crate) fn may_be_about(raw: RawRecord<'_>, entity: &EntityId) -> bool {
    holds(raw.body, id_of(entity))
}

/// An entity's state and the last entries of its history.
#[derive(Debug)]
pub struct History {
    entity: EntityId,
    entries_max: usize,
    /// The last entries, oldest first.
    pub entries: VecDeque<TimelineEntry>,
    /// How many entries there are in all.
    pub total: u64,
    base: Base,
    /// Records before this one may be known to the state to begin with, by their versions.
    known_before: u64,
    /// What came before this record, is.
    from: u64,
    /// The rules of business lines, for a flow: its nodes are named there.
    rules: BTreeMap<RulesId, RulesRecord>,
    /// A flow as it stood last, its end apart.
    course: Option<Box<Flow>>,
}

/// How an entity stood before what is read: in a snapshot, or not at all.
#[derive(Clone, Debug, Default)]
pub enum Base {
    /// It did not exist.
    #[default]
    Nothing,
    /// The order.
    Order(Box<Order>),
    /// What remains of an order that was retired, and how it stood until then, where that is known.
    Retired(Tombstone, Option<Box<Order>>),
    /// The SKU.
    Sku(Box<Inventory>),
    /// The flow.
    Flow(Box<Flow>),
    /// The lock.
    Lock(Box<Lock>),
}

impl History {
    /// The history of an entity from what is read; of the entries the last `entries_max` are kept. `base` is
    /// the state to begin with.
    #[must_use]
    pub fn new(entity: EntityId, entries_max: usize, base: Base) -> Self {
        Self {
            entity,
            entries_max,
            entries: VecDeque::new(),
            total: 0,
            base,
            known_before: 0,
            from: 0,
            rules: BTreeMap::new(),
            course: None,
        }
    }

    /// The history of an entity that a snapshot may hold: what is read before its high mark is told, and
    /// applied where the snapshot does not know it.
    ///
    /// # Errors
    /// When the entity cannot be unpacked.
    pub fn on(entity: EntityId, entries_max: usize, standing: &mut Standing) -> Result<Self, CodecError> {
        let base = standing.world.take_entity(&entity)?;
        let mut history = Self::new(entity, entries_max, base);
        history.rules.clone_from(&standing.world.works().rules);
        history.course = history.flow().cloned().map(Box::new);
        history.from = standing.low.cursor.sequence;
        history.known_before = standing.footer.high.sequence;
        Ok(history)
    }

    /// Whether the state to begin with has the record already.
    fn knows(&self, sequence: u64, record: &Record) -> bool {
        if sequence < self.from {
            return true;
        }
        let version = match &self.base {
            Base::Nothing => 0,
            Base::Order(order) => order.version,
            Base::Retired(tombstone, _) => tombstone.version,
            Base::Sku(sku) => sku.version,
            Base::Flow(flow) => flow.version,
            Base::Lock(lock) => lock.version,
        };
        sequence < self.known_before
            && match record {
                Record::Order(record) => record.version <= version,
                Record::Sku(record) => record.version <= version,
                Record::Flow(record) => record.version <= version,
                Record::Lock(record) => record.version <= version,
                _ => false,
            }
    }

    /// The entity.
    #[must_use]
    pub const fn entity(&self) -> &EntityId {
        &self.entity
    }

    /// The order, if the entity is one and exists; one that was retired as it stood until then, where that is
    /// known.
    #[must_use]
    pub fn order(&self) -> Option<&Order> {
        match &self.base {
            Base::Order(order) | Base::Retired(_, Some(order)) => Some(order),
            _ => None,
        }
    }

    /// What remains of the order, if it was retired.
    #[must_use]
    pub const fn retired(&self) -> Option<&Tombstone> {
        match &self.base {
            Base::Retired(tombstone, _) => Some(tombstone),
            _ => None,
        }
    }

    /// The SKU, if the entity is one and exists.
    #[must_use]
    pub fn sku(&self) -> Option<&Inventory> {
        match &self.base {
            Base::Sku(sku) if sku.is_known() => Some(sku),
            _ => None,
        }
    }

    /// The flow, if the entity is one and has not ended.
    #[must_use]
    pub fn flow(&self) -> Option<&Flow> {
        match &self.base {
            Base::Flow(flow) => Some(flow),
            _ => None,
        }
    }

    /// The lock, if the entity is one and somebody ever held it.
    #[must_use]
    pub fn lock(&self) -> Option<&Lock> {
        match &self.base {
            Base::Lock(lock) => Some(lock),
            _ => None,
        }
    }

    /// A flow as it stood last, also when it has ended, and the rules that it went by, where they are told of.
    #[must_use]
    pub fn course(&self) -> Option<(&Flow, &RulesRecord)> {
        let flow = self.course.as_deref()?;
        Some((flow, self.rules.get(&flow.rules)?))
    }

    /// Whether the journal knows anything of the entity.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.total > 0
            || self.order().is_some()
            || self.retired().is_some()
            || self.sku().is_some()
            || self.lock().is_some()
    }

    /// The flow as the last record found it, with what that made of it before the end.
    fn ended_with(&mut self, record: &FlowRecord) -> Option<Box<Flow>> {
        let mut flow = self.course.take()?;
        for event in &record.events {
            // One that does not fit has been told of.
            let _ = guard::apply(|| flow.apply_event(event));
        }
        Some(flow)
    }

    /// Applies a record as recovery does: one that breaks an invariant parks the entity.
    fn apply(&mut self, record: &Record) {
        match (record, &self.entity) {
            (Record::Order(record), EntityId::Order(id)) if record.order == *id => {
                let before = match std::mem::take(&mut self.base) {
                    Base::Order(order) => Some(order),
                    // Nothing happens to an order behind its retirement.
                    retired @ Base::Retired(..) => return self.base = retired,
                    _ => None,
                };
                let mut order = before.as_deref().cloned();
                let applied = guard::apply(|| Order::apply(&mut order, record));
                if applied.is_ok()
                    && let Some(tombstone) = Tombstone::of(record)
                {
                    return self.base = Base::Retired(tombstone, before);
                }
                if let (Err(reason), Some(order)) = (applied, &mut order) {
                    order.parked.get_or_insert(reason);
                }
                self.base = order.map_or(Base::Nothing, |order| Base::Order(Box::new(order)));
            }
            (Record::Sku(record), EntityId::Sku(id)) if record.sku == *id => {
                if !matches!(self.base, Base::Sku(_)) {
                    self.base = Base::Sku(Box::new(Inventory::new(record.sku.clone())));
                }
                let Base::Sku(sku) = &mut self.base else { return };
                if let Err(reason) = guard::apply(|| sku.apply_record(record)) {
                    sku.parked.get_or_insert(reason);
                }
            }
            (Record::Flow(record), EntityId::Flow(id)) if record.flow == *id => {
                let mut flow = match std::mem::take(&mut self.base) {
                    Base::Flow(flow) => Some(*flow),
                    _ => None,
                };
                if let (Err(reason), Some(flow)) =
                    (guard::apply(|| Flow::apply(&mut flow, record)), &mut flow)
                {
                    flow.parked.get_or_insert(reason);
                }
                self.course = flow.clone().map(Box::new).or_else(|| self.ended_with(record));
                self.base = flow.map_or(Base::Nothing, |flow| Base::Flow(Box::new(flow)));
            }
            (Record::Lock(record), EntityId::Lock(name)) if record.lock == *name => {
                if !matches!(self.base, Base::Lock(_)) {
                    self.base = Base::Lock(Box::new(Lock::new(record.lock.clone())));
                }
                let Base::Lock(lock) = &mut self.base else { return };
                if let Err(reason) = guard::apply(|| lock.apply(record)) {
                    lock.parked.get_or_insert(reason);
                }
            }
            (Record::Rules(record), EntityId::Flow(_)) => {
                self.rules.insert(record.rules, record.clone());
            }
            (Record::Park(record), entity) if record.entity == *entity => match &mut self.base {
                Base::Order(order) => order.parked.clone_from(&record.reason),
                Base::Sku(sku) => sku.parked.clone_from(&record.reason),
                Base::Flow(flow) => flow.parked.clone_from(&record.reason),
                Base::Lock(lock) => lock.parked.clone_from(&record.reason),
                Base::Nothing | Base::Retired(..) => {}
            },
            _ => {}
        }
    }
}

impl Machine for History {
    fn take(&mut self, batch: &StoredBatch, place: Place<'_>) -> Result<ControlFlow<()>, ReadError> {
        // Most batches hold nothing of the entity; those are not even taken apart.
        if !holds(&batch.payload, id_of(&self.entity)) {
            return Ok(ControlFlow::Continue(()));
        }
        for (raw, sequence) in record::records(&batch.payload).zip(batch.first_sequence..) {
            let raw = raw.map_err(|error| place.unreadable(sequence, error.to_string()))?;
            if !may_be_about(raw, &self.entity) {
                continue;
            }
            let record =
                tagged::decode(raw).map_err(|error| place.unreadable(sequence, error.to_string()))?;
            if !self.knows(sequence, &record) {
                self.apply(&record);
            }
            for entry in entries_of(&self.entity, sequence, record) {
                self.total += 1;
                self.entries.push_back(entry);
                if self.entries.len() > self.entries_max {
                    self.entries.pop_front();
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_found_wherever_they_stand() {
        for (bytes, id, found) in [
            ("abab", "bab", true),
            ("aab", "ab", true),
            ("aaa", "ab", false),
            ("", "a", false),
            ("xa", "a", true),
        ] {
            assert_eq!(holds(bytes.as_bytes(), id.as_bytes()), found, "{id} in {bytes}");
        }
    }
}
