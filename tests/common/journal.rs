//! Journals taken apart into records, and made of records: cut anywhere, or crafted.

use std::convert::Infallible;
use std::sync::Arc;

use earmark::Durability;
use earmark::Record;
use earmark::domain::ids::{EntityId, IdOrigin, OrderId, SkuId};
use earmark::domain::inventory::{LocationId, StockEvent};
use earmark::domain::order::{OrderEvent, SaleRules};
use earmark::domain::record::{OrderRecord, ParkRecord, SkuRecord};
use earmark::domain::time::Timestamp;
use earmark::journal::{Batch, CommitLog, FileLog, LogOptions, codec, record};
use earmark::port::fs_sim::SimFs;
use smallvec::SmallVec;

use super::sim::{FOLDER, SEGMENT_BYTES};

/// A record as its bytes stand in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Raw {
    tag: u8,
    version: u8,
    body: Vec<u8>,
    at: Timestamp,
}

impl Raw {
    /// What it says, where it is an order's.
    pub(crate) fn order(&self) -> Option<OrderRecord> {
        (self.tag == 1).then(|| codec::decode(&self.body).unwrap())
    }
}

fn options() -> LogOptions {
    LogOptions { durability: Durability::Disk, segment_bytes: SEGMENT_BYTES, ..LogOptions::default() }
}

/// Every record of the journal that the file system holds.
pub(crate) fn read(fs: &SimFs) -> Vec<Raw> {
    let mut opening = FileLog::claim(Arc::new(fs.kill()), FOLDER.as_ref(), options()).unwrap();
    let mut all = Vec::new();
    let read = opening.read(|batch, _| {
        for raw in record::records(&batch.payload) {
            let raw = raw.unwrap();
            let body = raw.body.to_vec();
            all.push(Raw { tag: raw.tag, version: raw.version, body, at: batch.at });
        }
        Ok::<(), Infallible>(())
    });
    read.unwrap();
    all
}

/// A new file system with a journal of these records, one batch each.
pub(crate) fn write(records: &[Raw]) -> SimFs {
    let fs = SimFs::new();
    let opening = FileLog::claim(Arc::new(fs.clone()), FOLDER.as_ref(), options()).unwrap();
    let mut log = opening.serve(Timestamp::from_millis(1)).unwrap();
    for raw in records {
        let mut payload = Vec::new();
        let body = |bytes: &mut Vec<u8>| {
            bytes.extend_from_slice(&raw.body);
            Ok::<(), Infallible>(())
        };
        record::push(&mut payload, raw.tag, raw.version, body).unwrap();
        log.append(Batch { count: 1, payload: &payload, at: raw.at }).unwrap();
    }
    drop(log);
    fs
}

/// The bytes of a record; tags as docs/format.md lists them.
pub(crate) fn craft(record: &Record) -> Raw {
    let mut body = Vec::new();
    let (tag, at) = match record {
        Record::Order(r) => (1, codec::encode_into(&mut body, r).map(|()| r.at)),
        Record::Sku(r) => (2, codec::encode_into(&mut body, r).map(|()| r.at)),
        Record::Command(r) => (3, codec::encode_into(&mut body, r).map(|()| r.at)),
        Record::Refusal(r) => (4, codec::encode_into(&mut body, r).map(|()| r.at)),
        Record::Park(r) => (5, codec::encode_into(&mut body, r).map(|()| r.at)),
        Record::KeysForgotten(r) => (6, codec::encode_into(&mut body, r).map(|()| r.at)),
        Record::Flow(r) => (7, codec::encode_into(&mut body, r).map(|()| r.at)),
        Record::Lock(r) => (9, codec::encode_into(&mut body, r).map(|()| r.at)),
        Record::Rules(r) => (8, codec::encode_into(&mut body, r).map(|()| r.at)),
    };
    Raw { tag, version: 1, body, at: at.unwrap() }
}

const AT: Timestamp = Timestamp::from_millis(5);

/// A record of one movement.
pub(crate) fn moved(sku: &SkuId, version: u64, event: StockEvent) -> Raw {
    let events = SmallVec::from_iter([event]);
    craft(&Record::Sku(SkuRecord { sku: sku.clone(), version, at: AT, by: None, events, mark: None }))
}

pub(crate) fn received(sku: &SkuId, quantity: u64) -> Raw {
    moved(sku, 1, StockEvent::Received { quantity, reason: "opening stock".into(), at: LocationId::MAIN })
}

/// A record of what happened to an order.
pub(crate) fn happened(order: &OrderId, version: u64, events: Vec<OrderEvent>) -> Raw {
    let events = SmallVec::from_vec(events);
    craft(&Record::Order(OrderRecord { order: order.clone(), version, at: AT, by: None, events, mark: None }))
}

pub(crate) fn parked(entity: EntityId, reason: Option<&str>) -> Raw {
    craft(&Record::Park(ParkRecord { entity, at: AT, by: None, reason: reason.map(Into::into) }))
}

/// The event that `place` begins with.
pub(crate) fn placed(place: &earmark::PlaceOrder) -> OrderEvent {
    let limits = earmark::domain::order::Limits { lines_max: 100 };
    let (terms, rules) = (earmark::Terms::simple(), SaleRules::default());
    let events =
        earmark::domain::order::decide_place(place, IdOrigin::Caller, limits, terms, &rules).unwrap();
    events.into_iter().next().unwrap()
}
