//! Requests at moments that were fixed before, at half of the rate that callers as closed loops reach, beside a raw
//! loop that appends and syncs at fixed moments too.
//!
//! A latency is counted from the moment at which the request was to be sent. So an engine that stalls is charged
//! with every request that was due meanwhile, and so is the raw loop with its appends.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use earmark::{CartId, Engine, Request, ReserveStock, SkuCommand, SkuId};
use hdrhistogram::Histogram;
use serde::Serialize;
use smol_str::format_smolstr;
use tokio::sync::mpsc;

use super::callers::{Recorder, StageMeasured, Window, granted};
use super::stage::Bench;
use crate::latency::Quantiles;
use crate::lifecycle::Schedule;
use crate::orders::Orders;
use crate::raw_sync::RawSync;

/// Blocks that the raw loop appends in a second: few enough to leave the disk to the engine, and enough for a p99.9
/// after some seconds.
const RAW_PER_SECOND: f64 = 200.0;

/// What was sent, and what the raw loop found meanwhile.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Open {
    /// What callers as closed loops reached right before, a second.
    pub(crate) peak_per_second: f64,
    /// Requests that were due, a second: half of it.
    pub(crate) offered_per_second: f64,
    /// How much later than due they were sent, by a task among those of the requests. It is in the latencies.
    pub(crate) lateness: Quantiles,
    /// The raw loop beside it: from the moment at which a block was due to the end of its sync.
    pub(crate) raw: Quantiles,
}

impl Open {
    /// Whether the raw loop kept its pace. Where one append takes longer than it is to the next, its latencies are
    /// those of a queue that grows, and nothing can be compared with them.
    pub(crate) fn raw_kept_pace(&self) -> bool {
        self.raw.count > 0 && self.raw.p50_us < 1e6 / RAW_PER_SECOND
    }
}

/// An engine that is asked by number, so that every request is another one.
pub(super) trait Asked: Send + Sync + 'static {
    /// Asks once and notes the answer. The request was due at `intended`.
    fn ask(
        &self,
        number: u64,
        intended: Instant,
        recorder: &Recorder,
    ) -> impl Future<Output = Result<()>> + Send;
}

/// Sends at half of `peak_per_second`, with the raw loop's file beside the engine's folder.
pub(super) async fn at_half_of<A: Asked>(
    peak_per_second: f64,
    bench: &Bench,
    asked: A,
) -> Result<(StageMeasured, Open)> {
    let offered_per_second = (peak_per_second / 2.0).max(1.0);
    let mut raw = RawSync::new(&bench.folder)?;
    let window = Window { warm_up: bench.window.warm_up, counted: bench.open_for };
    let start = Instant::now();
    let recorder = Recorder::new(window, 1)?;
    let [opens, closes] = recorder.counted();
    let raw_loop =
        std::thread::spawn(move || raw.measure_open(&Schedule::new(opens, closes, RAW_PER_SECOND)));
    let lateness = send(Schedule::new(start, closes, offered_per_second), &recorder, asked).await?;
    let raw =
        tokio::task::spawn_blocking(move || raw_loop.join()).await.context("waiting for the raw loop")?;
    let raw = raw.map_err(|_| anyhow!("the raw loop panicked"))??;
    let open = Open {
        peak_per_second,
        offered_per_second,
        lateness: Quantiles::of(&lateness),
        raw: Quantiles::of(&raw),
    };
    Ok((recorder.measured(1)?, open))
}

/// Sends each request when it is due, in a task of its own, and waits for the last answer.
async fn send<A: Asked>(schedule: Schedule, recorder: &Recorder, asked: A) -> Result<Histogram<u64>> {
    let (under_way, mut failures) = mpsc::unbounded_channel();
    let (asked, recorder) = (Arc::new(asked), recorder.clone());
    let mut number = 0;
    let begin = move |intended| {
        let (asked, under_way) = (Arc::clone(&asked), under_way.clone());
        let recorder = recorder.of_caller(number as usize);
        tokio::spawn(async move {
            if let Err(error) = asked.ask(number, intended, &recorder).await {
                // Nobody listens only when another failure ended the run.
                let _ = under_way.send(error);
            }
        });
        number += 1;
    };
    let sender = tokio::spawn(async move { schedule.run(begin).await });
    // Every request under way holds the channel; when none is left, it ends.
    if let Some(error) = failures.recv().await {
        return Err(error);
    }
    sender.await.context("the sender panicked")?
}

/// Reserves a unit of one SKU for a new cart.
pub(super) struct AskHot {
    pub(super) engine: Engine,
    pub(super) sku: SkuId,
}

impl Asked for AskHot {
    async fn ask(&self, number: u64, intended: Instant, recorder: &Recorder) -> Result<()> {
        let cart = CartId::new(format_smolstr!("open-{number}"))?;
        let reserve: Request<SkuCommand> = ReserveStock::new(cart, 1).into();
        if granted(self.engine.stock(&self.sku, reserve).await, recorder)?.is_some() {
            recorder.granted(0, intended, 1);
        }
        Ok(())
    }
}

/// Places an order.
pub(super) struct AskOrder {
    pub(super) engine: Engine,
    pub(super) orders: Orders,
}

impl Asked for AskOrder {
    async fn ask(&self, number: u64, intended: Instant, recorder: &Recorder) -> Result<()> {
        let order = self.orders.place(u32::try_from(number).context("too many orders")?)?;
        if granted(self.engine.place(order).await, recorder)?.is_some() {
            recorder.granted(0, intended, 1);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_raw_loop_that_falls_behind_is_nothing_to_compare_with() {
        let open = |count, p50_us| Open {
            peak_per_second: 2.0,
            offered_per_second: 1.0,
            lateness: Quantiles::default(),
            raw: Quantiles { count, p50_us, ..Quantiles::default() },
        };
        assert!(open(10, 4_999.0).raw_kept_pace());
        assert!(!open(10, 5_000.0).raw_kept_pace());
        assert!(!open(0, 0.0).raw_kept_pace());
    }
}
