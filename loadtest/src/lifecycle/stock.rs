//! Restocking: deliveries follow what was asked for, less a share, so that some of it is refused.
//!
//! A SKU receives what was asked of it and has not come back, whether or not it was granted, times a cover:
//! one less the scarcity. When orders come slower than before, stock is left over and too few are refused; so
//! the cover follows the share that was refused lately.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use earmark::{Engine, Request, SkuCommand};

use super::ledger::End;
use super::measure::{Recorder, Step};
use super::workload::{Draft, Workload};

/// How often what is owed is delivered.
const RESTOCK_EVERY: Duration = Duration::from_millis(250);

/// Units of every SKU at the opening.
const OPENING_UNITS: u64 = 20;

/// How much the share refused beyond the scarcity adds to the cover.
const GAIN: f64 = 5.0;

/// The part of the last look in the share that was refused lately.
const SMOOTHING: f64 = 0.2;

/// Between what the cover stays.
const COVER: (f64, f64) = (0.5, 1.5);

/// SKUs that are stocked with one call.
const BATCH: usize = 256;

/// What is asked of each SKU, and what it received.
pub(crate) struct Stock {
    /// Units asked for and not given back, since the last look.
    wanted: Vec<AtomicI64>,
    /// Units received, as answered.
    received: Vec<AtomicI64>,
    /// Orders that asked, and those that were refused.
    orders: AtomicU64,
    refused: AtomicU64,
    closed: AtomicBool,
}

impl Stock {
    /// Nothing yet, of so many SKUs.
    pub(crate) fn new(skus: usize) -> Self {
        let zeros = || (0..skus).map(|_| AtomicI64::new(0)).collect();
        Self {
            wanted: zeros(),
            received: zeros(),
            orders: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            closed: AtomicBool::new(false),
        }
    }

    /// An order asks for its units.
    pub(crate) fn asked(&self, draft: &Draft) {
        self.orders.fetch_add(1, Ordering::Relaxed);
        self.change(draft, 1);
    }

    /// An order is over: what it was granted and did not get comes back, or will.
    pub(crate) fn ended(&self, draft: &Draft, end: End) {
        match end {
            End::Delivered => {}
            End::Refused | End::RefusedCart => {
                self.refused.fetch_add(1, Ordering::Relaxed);
            }
            _ => self.change(draft, -1),
        }
    }

    fn change(&self, draft: &Draft, sign: i64) {
        for line in &draft.lines {
            if let Some(wanted) = self.wanted.get(line.sku) {
                wanted.fetch_add(sign * i64::from(line.units), Ordering::Relaxed);
            }
        }
    }

    /// Units of each SKU that were received, as answered.
    pub(crate) fn received(&self) -> Vec<u64> {
        let units = |slot: &AtomicI64| u64::try_from(slot.load(Ordering::Relaxed)).unwrap_or(0);
        self.received.iter().map(units).collect()
    }

    /// No more deliveries.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Receives the opening stock.
    pub(crate) async fn open(&self, engine: &Engine, workload: &Workload) -> Result<()> {
        let all: Vec<(usize, u64)> = (0..workload.skus().len()).map(|sku| (sku, OPENING_UNITS)).collect();
        self.deliver(engine, workload, &all, None).await
    }

    /// Restocks until it is closed, so that about `scarcity` of what is asked for is refused.
    pub(crate) async fn run(
        &self,
        engine: &Engine,
        workload: &Workload,
        recorder: &Recorder,
        scarcity: f64,
    ) -> Result<()> {
        let mut owed = vec![0.0f64; self.wanted.len()];
        let mut refused_lately = scarcity;
        while !self.closed.load(Ordering::Acquire) {
            tokio::time::sleep(RESTOCK_EVERY).await;
            let orders = self.orders.swap(0, Ordering::Relaxed);
            let refused = self.refused.swap(0, Ordering::Relaxed);
            if orders > 0 {
                refused_lately += SMOOTHING * (refused as f64 / orders as f64 - refused_lately);
            }
            let cover = cover(scarcity, refused_lately);
            let mut due = Vec::new();
            for (sku, (owed, wanted)) in owed.iter_mut().zip(&self.wanted).enumerate() {
                *owed += wanted.swap(0, Ordering::Relaxed) as f64 * cover;
                let units = owed.floor();
                if units >= 1.0 {
                    *owed -= units;
                    due.push((sku, units as u64));
                }
            }
            self.deliver(engine, workload, &due, Some(recorder)).await?;
        }
        Ok(())
    }

    async fn deliver(
        &self,
        engine: &Engine,
        workload: &Workload,
        due: &[(usize, u64)],
        recorder: Option<&Recorder>,
    ) -> Result<()> {
        for batch in due.chunks(BATCH) {
            let started = Instant::now();
            let requests = batch.iter().map(|(sku, quantity)| {
                let receive = SkuCommand::receive(*quantity, "restock");
                Ok((workload.sku(*sku)?.clone(), Request::from(receive)))
            });
            let requests = requests.collect::<Result<Vec<_>>>()?;
            for ((sku, quantity), answer) in batch.iter().zip(engine.stock_all(requests).await) {
                answer.context("restocking")?;
                if let Some(received) = self.received.get(*sku) {
                    received.fetch_add(i64::try_from(*quantity)?, Ordering::Relaxed);
                }
            }
            if let Some(recorder) = recorder {
                recorder.answered(Step::Restock, started);
            }
        }
        Ok(())
    }
}

/// The part of what is asked for that is delivered, both shares being parts of one.
fn cover(scarcity: f64, refused_lately: f64) -> f64 {
    (1.0 - scarcity + GAIN * (refused_lately - scarcity)).clamp(COVER.0, COVER.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_is_delivered_when_too_little_was_refused_and_more_when_too_much_was() {
        assert!((cover(0.05, 0.05) - 0.95).abs() < 1e-9);
        assert!(cover(0.05, 0.0) < 0.95);
        assert!(cover(0.05, 0.10) > 0.95);
        assert!((cover(0.05, 1.0) - 1.5).abs() < 1e-9);
    }
}
