//! The counters of every SKU, summed up again from the movements in the journal.
//!
//! It knows nothing of how the engine applies an event: a second way to the same numbers.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use earmark::domain::inventory::StockEvent;
use earmark::{Counters, Cut, Engine, Place, Record, SkuId};

use crate::report::Promise;

/// Signed sums of the places of one SKU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sums {
    available: i128,
    reserved: i128,
    committed: i128,
    safety_stock: i128,
    quality_hold: i128,
    received: i128,
    shipped: i128,
}

impl Sums {
    fn at(&mut self, place: Place) -> &mut i128 {
        match place {
            Place::Available => &mut self.available,
            Place::SafetyStock => &mut self.safety_stock,
            Place::QualityHold => &mut self.quality_hold,
        }
    }

    fn add(&mut self, event: &StockEvent) {
        let units = |quantity: &u64| i128::from(*quantity);
        match event {
            StockEvent::Received { quantity, .. } => {
                self.received += units(quantity);
                self.available += units(quantity);
            }
            StockEvent::Adjusted { delta, .. } => self.available += i128::from(*delta),
            StockEvent::Reserved { quantity, .. } => {
                self.available -= units(quantity);
                self.reserved += units(quantity);
            }
            StockEvent::Committed { quantity, .. } => {
                self.reserved -= units(quantity);
                self.committed += units(quantity);
            }
            StockEvent::Uncommitted { quantity, .. } => {
                self.committed -= units(quantity);
                self.reserved += units(quantity);
            }
            StockEvent::Released { reserved, committed, .. } => {
                self.reserved -= units(reserved);
                self.committed -= units(committed);
                self.available += units(reserved) + units(committed);
            }
            StockEvent::Shipped { quantity, .. } => {
                self.committed -= units(quantity);
                self.shipped += units(quantity);
            }
            StockEvent::Unshipped { quantity, .. } => {
                self.shipped -= units(quantity);
                self.committed += units(quantity);
            }
            StockEvent::Returned { quantity, to, .. } => *self.at(*to) += units(quantity),
            StockEvent::WrittenOff { quantity, from, .. } => *self.at(*from) -= units(quantity),
            StockEvent::Moved { quantity, from, to, .. } => {
                *self.at(*from) -= units(quantity);
                *self.at(*to) += units(quantity);
            }
            StockEvent::Filled { reserved, committed, .. } => {
                self.available -= units(reserved) + units(committed);
                self.reserved += units(reserved);
                self.committed += units(committed);
            }
            // No units move, or between locations only.
            StockEvent::Extended { .. }
            | StockEvent::PolicySet { .. }
            | StockEvent::Announced { .. }
            | StockEvent::Arrived { .. }
            | StockEvent::StockLow { .. }
            | StockEvent::CountingBegan
            | StockEvent::TookOver { .. }
            | StockEvent::Transferred { .. }
            | StockEvent::Queued { .. }
            | StockEvent::Unqueued { .. }
            | StockEvent::QueuePaid { .. }
            | StockEvent::QueueUnpaid { .. } => {}
        }
    }
}

impl From<&Counters> for Sums {
    fn from(counters: &Counters) -> Self {
        Self {
            available: counters.available.into(),
            reserved: counters.reserved.into(),
            committed: counters.committed.into(),
            safety_stock: counters.safety_stock.into(),
            quality_hold: counters.quality_hold.into(),
            received: counters.received.into(),
            shipped: counters.shipped.into(),
        }
    }
}

/// What the whole journal of an engine moved, and how many records it has.
pub(crate) struct Movements {
    sums: BTreeMap<SkuId, Sums>,
    pub(crate) records: u64,
}

impl Movements {
    /// Reads the journal from its start.
    pub(crate) fn read(engine: &Engine) -> Result<Self> {
        let mut movements = Self { sums: BTreeMap::new(), records: 0 };
        let mut history = engine.subscribe(engine.start()).context("reading the journal")?;
        while let Some(published) = history.try_next().context("reading the journal")? {
            movements.records += 1;
            if let Record::Sku(record) = published.record {
                let sums = movements.sums.entry(record.sku).or_default();
                record.events.iter().for_each(|event| sums.add(event));
            }
        }
        Ok(movements)
    }

    /// Holds the sums against the counters of a cut.
    pub(crate) fn promise(&self, cut: &Cut) -> Promise {
        let wrong = cut.skus.iter().filter_map(|sku| {
            let (counted, moved) = (Sums::from(&sku.counters), self.sums.get(&sku.sku).copied());
            let moved = moved.unwrap_or_default();
            (counted != moved).then(|| format!("SKU {}: counted {counted:?}, moved {moved:?}", sku.sku))
        });
        Promise::from_differences("every counter is the sum of the movements in the journal", wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use earmark::{Config, LineRequest, PlaceOrder, SkuCommand};

    #[tokio::test]
    async fn movements_sum_to_the_counters_and_a_wrong_counter_is_found() {
        let engine = Engine::open(Config::in_memory()).await.unwrap();
        let sku: SkuId = "lamp".parse().unwrap();
        engine.stock(&sku, SkuCommand::receive(9, "opening")).await.unwrap();
        let line = LineRequest::new(sku, 4, 100);
        engine
            .place(PlaceOrder::new("shop".parse().unwrap(), "EUR".parse().unwrap(), vec![line]))
            .await
            .unwrap();
        let mut cut = engine.cut().await.unwrap();
        let movements = Movements::read(&engine).unwrap();
        assert!(movements.promise(&cut).is_kept());
        cut.skus[0].counters.available += 1;
        assert!(!movements.promise(&cut).is_kept());
        engine.close().await.unwrap();
    }
}
