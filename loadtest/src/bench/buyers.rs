//! Callers that reserve units at SKUs for carts: one a call, a thousand a call, and a thousand that are then paid for.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use earmark::domain::command::{Request, ReserveStock, SkuCommand};
use earmark::domain::ids::{CartId, SkuId};
use earmark::{Engine, StockAnswer};
use smol_str::format_smolstr;

use super::callers::{Caller, Recorder, granted};

/// Reservations in one call of a batch.
const BATCH: usize = 1_000;

/// Reserves one unit of some SKU for a new cart with each call.
pub(super) struct Buyer {
    engine: Engine,
    skus: Arc<[SkuId]>,
    random: fastrand::Rng,
    caller: usize,
    carts: u64,
}

impl Buyer {
    /// Buyers with these numbers, of which no engine must have seen one before: their carts are named after them.
    pub(super) fn some(
        engine: &Engine,
        skus: &Arc<[SkuId]>,
        seed: u64,
        numbers: std::ops::Range<usize>,
    ) -> Vec<Self> {
        let buyer = |caller| Self {
            engine: engine.clone(),
            skus: Arc::clone(skus),
            random: fastrand::Rng::with_seed(seed.wrapping_add(caller as u64)),
            caller,
            carts: 0,
        };
        numbers.map(buyer).collect()
    }

    /// Some SKU and a new cart.
    fn next(&mut self) -> Result<(SkuId, CartId)> {
        // No random number is drawn where there is nothing to choose.
        let sku = if self.skus.len() == 1 { 0 } else { self.random.usize(0..self.skus.len()) };
        self.carts += 1;
        let cart = CartId::new(format_smolstr!("{}-{}", self.caller, self.carts))?;
        Ok((self.skus.get(sku).context("there are no SKUs")?.clone(), cart))
    }

    /// A thousand of them.
    fn batch(&mut self) -> Result<Vec<(SkuId, CartId)>> {
        (0..BATCH).map(|_| self.next()).collect()
    }
}

fn reserve(cart: CartId) -> Request<SkuCommand> {
    ReserveStock::new(cart, 1).into()
}

impl Caller for Buyer {
    async fn call(&mut self, started: Instant, recorder: &Recorder) -> Result<()> {
        let (sku, cart) = self.next()?;
        if granted(self.engine.stock(&sku, reserve(cart)).await, recorder)?.is_some() {
            recorder.granted(0, started, 1);
        }
        Ok(())
    }
}

/// Reserves a thousand units, each for a new cart, with each call.
pub(super) struct BatchBuyer(pub(super) Buyer);

impl Caller for BatchBuyer {
    async fn call(&mut self, _: Instant, recorder: &Recorder) -> Result<()> {
        let requests: Vec<_> = self.0.batch()?.into_iter().map(|(sku, cart)| (sku, reserve(cart))).collect();
        // Making a thousand requests is the caller's work and not the engine's.
        let started = Instant::now();
        let units = count(self.0.engine.stock_all(requests).await, recorder)?;
        recorder.granted(0, started, units);
        Ok(())
    }
}

/// Reserves a thousand units, each for a new cart, with one call, and commits all of them with the next.
pub(super) struct PairBuyer(pub(super) Buyer);

/// The steps of a [`PairBuyer`]: the reservations, and the pairs from the reservation to the commitment.
pub(super) const PAIR_STEPS: [&str; 2] =
    ["reserve, of the pairs below", "reserve + commit over 10,000 SKUs, 1,000 a call"];

impl Caller for PairBuyer {
    async fn call(&mut self, _: Instant, recorder: &Recorder) -> Result<()> {
        let carts = self.0.batch()?;
        let reserves: Vec<_> = carts.iter().map(|(sku, cart)| (sku.clone(), reserve(cart.clone()))).collect();
        let commits = carts.into_iter().map(|(sku, cart)| (sku, SkuCommand::Commit { cart }.into()));
        let commits: Vec<(SkuId, Request<SkuCommand>)> = commits.collect();
        let started = Instant::now();
        let units = count(self.0.engine.stock_all(reserves).await, recorder)?;
        recorder.granted(0, started, units);
        let units = count(self.0.engine.stock_all(commits).await, recorder)?;
        recorder.granted(1, started, units);
        Ok(())
    }
}

fn count(answers: Vec<Result<StockAnswer, earmark::Error>>, recorder: &Recorder) -> Result<u64> {
    let mut units = 0;
    for answer in answers {
        units += u64::from(granted(answer, recorder)?.is_some());
    }
    Ok(units)
}
