//! Replaying one event at a time, in file order.

use std::time::{Duration, Instant};

use anyhow::Result;
use earmark::Cut;
use earmark::domain::ids::BusinessId;
use hdrhistogram::Histogram;

use super::file::{StockFile, TraceFile};
use super::link::{EngineLink, Interruptions, Receipt, STOCK_BATCH, receipt};
use super::model::OrderLife;
use super::operation::Event;
use super::outcome::{Orders, Tally};
use super::{Arguments, business};
use crate::latency;
use crate::progress::Progress;

/// A trace that was replayed to its end.
pub(crate) struct Replayed {
    pub(crate) events: u64,
    /// What was sent to the engine: each event once, and every further attempt.
    pub(crate) operations: u64,
    /// Time from the first event to the last reply.
    pub(crate) took: Duration,
    pub(crate) latency: Histogram<u64>,
    pub(crate) tally: Tally,
    pub(crate) orders: Orders,
    /// The engine's state behind the last event.
    pub(crate) cut: Cut,
    pub(crate) interruptions: Interruptions,
}

/// Replays the whole trace through a link and closes the engine behind it.
pub(crate) fn replay<L: EngineLink>(arguments: &Arguments, mut link: L) -> Result<Replayed> {
    each_stock_batch(arguments, |receipts| link.stock(receipts))?;
    let mut replay = Sequential {
        business: business()?,
        link,
        tally: Tally::default(),
        orders: Orders::new(),
        latency: latency::histogram()?,
        operations: 0,
    };
    let mut file = TraceFile::open(&arguments.file, replay.business.clone(), arguments.currency)?;
    let mut progress = Progress::new("events", None);
    let started = Instant::now();
    let mut events = 0;
    while let Some(event) = file.next()? {
        replay.event(event)?;
        events += 1;
        progress.at(events);
    }
    let took = started.elapsed();
    progress.finish();
    replay.end(events, took)
}

/// Reads the opening stock and hands it on in batches.
pub(crate) fn each_stock_batch(
    arguments: &Arguments,
    mut receive: impl FnMut(Vec<Receipt>) -> Result<()>,
) -> Result<()> {
    let mut stock = StockFile::open(&arguments.stock)?;
    let mut batch = Vec::with_capacity(STOCK_BATCH);
    let mut number = 0;
    while let Some((sku, quantity)) = stock.next()? {
        number += 1;
        batch.push(receipt(number, sku, quantity)?);
        if batch.len() == STOCK_BATCH {
            receive(std::mem::take(&mut batch))?;
        }
    }
    if batch.is_empty() { Ok(()) } else { receive(batch) }
}

/// A replay in progress.
struct Sequential<L> {
    business: BusinessId,
    link: L,
    tally: Tally,
    orders: Orders,
    latency: Histogram<u64>,
    operations: u64,
}

impl<L: EngineLink> Sequential<L> {
    /// Sends one event and whatever is to be tried again after it.
    fn event(&mut self, event: Event) -> Result<()> {
        if !self.orders.contains_key(&event.order) {
            self.orders.insert(event.order.clone(), OrderLife::default());
        }
        let Some(life) = self.orders.get_mut(&event.order) else { return Ok(()) };
        let mut next = Some(life.offer(event, &self.business)?);
        while let Some(operation) = next {
            let started = Instant::now();
            let reply = self.link.ask(operation)?;
            latency::record(&mut self.latency, started.elapsed());
            self.operations += 1;
            next = life.replied(&reply, &mut self.tally, &self.business)?;
        }
        Ok(())
    }

    fn end(mut self, events: u64, took: Duration) -> Result<Replayed> {
        self.orders.values_mut().for_each(|life| life.end(&mut self.tally));
        let (cut, interruptions) = self.link.finish()?;
        Ok(Replayed {
            events,
            operations: self.operations,
            took,
            latency: self.latency,
            tally: self.tally,
            orders: self.orders,
            cut,
            interruptions,
        })
    }
}
