//! The SKUs of a world. Nothing that happens to a SKU touches an order, and the other way round: so when an
//! engine opens, a thread of its own applies the records of SKUs, a hand-over of batches ahead of the one that
//! applies the others (`tail`).

use std::collections::{HashMap, VecDeque};

use smol_str::SmolStr;

use super::shelf::FixedSeeds;
use super::tagged::{self, RecordKind};
use super::works::Taken;
use super::world::{World, note, unreadable};
use crate::domain::ids::{EntityId, SkuId};
use crate::domain::inventory::Inventory;
use crate::domain::record::{KeyMark, Record, SkuRecord};
use crate::domain::time::Timestamp;
use crate::error::Error;
use crate::guard;
use crate::journal::record::RawRecord;
use crate::journal::{StoredBatch, record};

/// The SKUs.
#[derive(Debug, Default)]
pub(super) struct Stock {
    pub(super) skus: HashMap<SkuId, Inventory, FixedSeeds>,
}

/// What came of the records of SKUs in a hand-over, for the one who applies the others.
#[derive(Debug, Default)]
pub(super) struct News {
    /// What records mean for keys, with their sequence numbers: keys are answered, and forgotten, by both sides
    /// in one order.
    marks: VecDeque<(u64, Box<KeyMark>, Timestamp)>,
    /// Records that broke an invariant.
    pub(super) faults: Vec<(u64, SkuId, SmolStr)>,
    /// The record that cannot be understood; nothing behind it was applied.
    failed: Option<(u64, Error)>,
    pub(super) last_at: Timestamp,
    pub(super) events: u64,
    pub(super) skipped: u64,
}

impl News {
    /// What the record of a SKU means for a key, and when. Records are asked for in their order.
    pub(super) fn at(&mut self, sequence: u64) -> Result<Option<(Box<KeyMark>, Timestamp)>, Error> {
        if let Some((_, error)) = self.failed.take_if(|(failed, _)| *failed == sequence) {
            return Err(error);
        }
        let is_next = self.marks.front().is_some_and(|(next, ..)| *next == sequence);
        Ok(self.marks.pop_front_if(|_| is_next).map(|(_, mark, at)| (mark, at)))
    }

    /// Whether a record could not be understood.
    pub(super) const fn has_failed(&self) -> bool {
        self.failed.is_some()
    }
}

impl Stock {
    /// Applies the movements of one record. Where `fuzzy`, the SKU may know them.
    pub(super) fn apply(&mut self, record: &SkuRecord, fuzzy: bool) -> Taken {
        let sku = match self.skus.get_mut(&record.sku) {
            Some(sku) => sku,
            None => self.skus.entry(record.sku.clone()).or_insert_with(|| Inventory::new(record.sku.clone())),
        };
        if fuzzy && record.version <= sku.version {
            return Taken::Known;
        }
        let Err(reason) = guard::apply(|| sku.apply_record(record)) else { return Taken::Applied };
        tracing::error!(sku = %record.sku, %reason, "parked in replay");
        if sku.parked.is_some() {
            // One fault an entity: whatever comes later of a parked one does not follow either.
            return Taken::Applied;
        }
        sku.parked = Some(reason.clone());
        Taken::Broken(reason)
    }

    /// Applies the records of SKUs in a batch; those before `high` may be in the snapshot.
    pub(super) fn take(&mut self, batch: &StoredBatch, high: u64, news: &mut News) {
        for (raw, sequence) in record::records(&batch.payload).zip(batch.first_sequence..) {
            // Where the payload cannot be taken apart, the other side says so.
            let Ok(raw) = raw else { return };
            if let Err(error) = self.take_record(raw, sequence, high, news) {
                news.failed = Some((sequence, error));
                return;
            }
        }
    }

    fn take_record(
        &mut self,
        raw: RawRecord<'_>,
        sequence: u64,
        high: u64,
        news: &mut News,
    ) -> Result<(), Error> {
        let Some(record) = tagged::decode_sku(raw) else {
            // What cannot be understood, and what else a record means, is the other side's to say.
            if tagged::kind(raw) == Some(RecordKind::Park)
                && let Ok(Record::Park(record)) = tagged::decode(raw)
                && let EntityId::Sku(id) = &record.entity
                && let Some(sku) = self.skus.get_mut(id)
            {
                sku.parked = record.reason;
            }
            return Ok(());
        };
        let record = record.map_err(|error| unreadable(sequence, &error))?;
        news.last_at = news.last_at.max(record.at);
        news.events += record.events.len() as u64;
        match self.apply(&record, sequence < high) {
            Taken::Applied => {}
            Taken::Known => news.skipped += 1,
            Taken::Broken(reason) => news.faults.push((sequence, record.sku.clone(), reason)),
        }
        if let Some(mark) = record.mark {
            news.marks.push_back((sequence, mark, record.at));
        }
        Ok(())
    }
}

impl World {
    /// Applies the records of a batch, but for those of SKUs, which were applied before: `news` is what came of
    /// them. What they mean for keys, and what is wrong with them, comes in its turn all the same.
    ///
    /// # Errors
    /// As for [`World::apply_batch`]; of two records that cannot be understood the first is named.
    pub(super) fn apply_beside(&mut self, batch: &StoredBatch, news: &mut News) -> Result<(), Error> {
        self.last_at = self.last_at.max(batch.at);
        for (raw, sequence) in record::records(&batch.payload).zip(batch.first_sequence..) {
            let raw = raw.map_err(|error| unreadable(sequence, &error))?;
            if tagged::is_of_sku(raw) {
                self.records += 1;
                self.sequence = sequence;
                if let Some((mark, at)) = news.at(sequence)? {
                    self.mark(Some(&mark), at);
                }
            } else {
                self.take_record(raw, sequence)?;
            }
        }
        Ok(())
    }

    /// Takes over what else the stock's side found.
    pub(super) fn note_stock(&mut self, news: News) {
        self.last_at = self.last_at.max(news.last_at);
        self.events += news.events;
        self.skipped += news.skipped;
        for (sequence, sku, reason) in news.faults {
            note(&mut self.faults, sequence, EntityId::Sku(sku), &reason);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::command::ScopedKey;
    use crate::domain::inventory::StockEvent;
    use crate::domain::order::KeyClaim;
    use crate::domain::record::{KeysForgotten, ParkRecord};
    use crate::domain::refusal::Refusal;

    fn received(sku: &str, version: u64, at: u64, key: Option<&str>) -> Record {
        let answered = |key: &str| {
            let key = ScopedKey { business: "shop".parse().unwrap(), key: key.parse().unwrap() };
            let claim = KeyClaim { key, fingerprint: [version as u8; 16] };
            Box::new(KeyMark::Answered(claim, Err(Refusal::Parked { reason: "so".into() })))
        };
        let event = StockEvent::Received { quantity: 1, reason: "".into(), at: Default::default() };
        Record::Sku(SkuRecord {
            sku: sku.parse().unwrap(),
            version,
            at: Timestamp::from_millis(at),
            by: None,
            events: [event].into_iter().collect(),
            mark: key.map(answered),
        })
    }

    fn parked(sku: &str, reason: Option<&str>) -> Record {
        let (entity, at) = (EntityId::Sku(sku.parse().unwrap()), Timestamp::from_millis(1));
        Record::Park(ParkRecord { entity, at, by: None, reason: reason.map(SmolStr::from) })
    }

    fn forgotten(before: u64) -> Record {
        let at = Timestamp::from_millis(before);
        Record::KeysForgotten(KeysForgotten { at, before: at })
    }

    /// One batch of all records, and the record `spoilt` cannot be understood.
    fn batch(records: &[Record], spoilt: &[usize]) -> StoredBatch {
        let mut payload = Vec::new();
        for (index, record) in records.iter().enumerate() {
            let mut one = Vec::new();
            tagged::push(&mut one, record).unwrap();
            if spoilt.contains(&index) {
                // Behind the length, the tag and the version: a text that is longer than the record.
                one.get_mut(3).into_iter().for_each(|byte| *byte = 250);
            }
            payload.extend(one);
        }
        StoredBatch {
            epoch: 1,
            number: 1,
            first_sequence: 10,
            count: records.len() as u32,
            at: Timestamp::from_millis(9),
            chain: [0; 32],
            payload: Arc::from(payload),
        }
    }

    /// The world, what went wrong, and the error, as one thread makes them and as two do.
    fn by_one_and_by_two(batch: &StoredBatch) -> [(World, Result<(), Error>); 2] {
        let mut one = World { high: 12, ..World::default() };
        let told = one.apply_batch(batch);
        let mut two = World { high: 12, ..World::default() };
        let (mut stock, mut news) = (std::mem::take(&mut two.stock), News::default());
        stock.take(batch, two.high, &mut news);
        let told_by_two = two.apply_beside(batch, &mut news);
        two.note_stock(news);
        two.stock = stock;
        [(one, told), (two, told_by_two)]
    }

    #[test]
    fn two_threads_make_of_a_batch_what_one_makes_of_it() {
        let records = [
            received("d", 0, 1, None),
            received("a", 1, 1, Some("k")),
            forgotten(5),
            received("b", 1, 6, Some("k")),
            received("a", 2, 2, Some("old")),
            parked("b", Some("looked at")),
            received("b", 7, 7, None),
            received("c", 5, 8, Some("of a fault")),
            forgotten(3),
            received("d", 1, 9, Some("later")),
            received("a", 3, 9, None),
            parked("c", None),
        ];
        let [(mut one, told), (mut two, told_by_two)] = by_one_and_by_two(&batch(&records, &[]));
        assert_eq!((told, told_by_two), (Ok(()), Ok(())));
        let counts = |world: &World| (world.records(), world.events(), world.skipped(), world.last_at());
        assert_eq!(counts(&one), counts(&two));
        assert_eq!(counts(&one).2, 1, "the first record is in the snapshot");
        let faults = one.take_faults();
        assert!(!faults.is_empty());
        assert_eq!(faults, two.take_faults());
        let (one, two) = (one.into_parts().unwrap(), two.into_parts().unwrap());
        assert_eq!(one.keys.len(), 3);
        assert_eq!((one.skus, one.keys), (two.skus, two.keys));
    }

    #[test]
    fn of_two_records_that_cannot_be_understood_the_first_is_named() {
        let records = [received("a", 1, 1, None), forgotten(5), received("b", 1, 6, None), parked("a", None)];
        for (first, spoilt) in [
            (10, vec![0]),
            (12, vec![2]),
            (13, vec![3]),
            (12, vec![2, 3]),
            (10, vec![0, 3]),
            (10, vec![0, 2]),
        ] {
            let [(_, told), (_, told_by_two)] = by_one_and_by_two(&batch(&records, &spoilt));
            assert!(
                matches!(told, Err(Error::Record { sequence, .. }) if sequence == first),
                "{spoilt:?}: {told:?}"
            );
            assert_eq!(told, told_by_two, "{spoilt:?}");
        }
    }
}
