//! Who keeps the engine busy while snapshots are taken.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use anyhow::{Context, Result};
use earmark::domain::command::Request;
use earmark::{
    BusinessId, CartId, Currency, Engine, LineRequest, PlaceOrder, ReserveStock, SkuCommand, SkuId,
};
use smol_str::format_smolstr;

use super::{Arguments, WorkloadName};
use crate::progress::Progress;
use crate::store;

/// Commands in one call while the state is built.
const BATCH: u32 = 1_000;

/// Lines of an order.
const LINES: usize = 3;

/// What every caller shares.
pub(crate) struct Load {
    engine: Engine,
    name: WorkloadName,
    skus: Arc<[SkuId]>,
    business: BusinessId,
    /// Orders placed so far.
    placed: AtomicU64,
    answered: AtomicU64,
    over: AtomicBool,
}

impl Load {
    /// Builds the state that snapshots will be taken of.
    pub(crate) async fn build(
        engine: Engine,
        name: WorkloadName,
        arguments: &Arguments,
    ) -> Result<Arc<Self>> {
        let (skus, what, count) = match name {
            WorkloadName::Hot => (1, "holds", arguments.holds),
            WorkloadName::Spread => (arguments.skus, "orders", arguments.orders),
        };
        let skus = (0..skus).map(|number| Ok(SkuId::new(format_smolstr!("sku-{number:06}"))?));
        let load = Arc::new(Self {
            engine,
            name,
            skus: skus.collect::<Result<_>>()?,
            business: BusinessId::new("shop")?,
            placed: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            over: AtomicBool::new(false),
        });
        store::receive(&load.engine, &load.skus).await?;
        let mut progress = Progress::new(what, Some(u64::from(count)));
        for first in (0..count).step_by(BATCH as usize) {
            let some = first..(first + BATCH).min(count);
            match name {
                WorkloadName::Hot => load.hold(some).await?,
                WorkloadName::Spread => load.place_all(some).await?,
            }
            progress.at(u64::from(first));
        }
        progress.finish();
        Ok(load)
    }

    async fn stock(&self, commands: impl Iterator<Item = (SkuId, Request<SkuCommand>)>) -> Result<()> {
        for answer in self.engine.stock_all(commands).await {
            answer.context("building the state")?;
        }
        Ok(())
    }

    async fn hold(&self, numbers: std::ops::Range<u32>) -> Result<()> {
        let carts = numbers.map(|number| {
            let cart = CartId::new(format_smolstr!("cart-{number:08}"))?;
            Ok((self.sku(0)?.clone(), ReserveStock::new(cart, 1).into()))
        });
        self.stock(carts.collect::<Result<Vec<_>>>()?.into_iter()).await
    }

    async fn place_all(&self, numbers: std::ops::Range<u32>) -> Result<()> {
        let orders = numbers.map(|_| Ok(Request::from(self.order()?))).collect::<Result<Vec<_>>>()?;
        for answer in self.engine.place_all(orders).await {
            answer.context("building the state")?;
        }
        Ok(())
    }

    /// The SKU of this number, counted round and round.
    fn sku(&self, number: u64) -> Result<&SkuId> {
        let at = usize::try_from(number % self.skus.len().max(1) as u64)?;
        self.skus.get(at).context("there are no SKUs")
    }

    /// The next order, of SKUs at equal distances from one that looks like any.
    fn order(&self) -> Result<PlaceOrder> {
        let number = self.placed.fetch_add(1, Ordering::Relaxed);
        let first = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16;
        let apart = (self.skus.len() / LINES) as u64;
        let lines = (0..LINES as u64)
            .map(|line| Ok(LineRequest::new(self.sku(first + line * apart)?.clone(), 1, 1_999)));
        let lines = lines.collect::<Result<Vec<_>>>()?;
        let id = format_smolstr!("order-{number:010}").as_str().try_into()?;
        Ok(PlaceOrder::new(self.business.clone(), Currency::EUR, lines).with_id(id))
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn skus(&self) -> &Arc<[SkuId]> {
        &self.skus
    }

    /// Commands answered so far.
    pub(crate) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Callers come to an end.
    pub(crate) fn stop(&self) {
        self.over.store(true, Ordering::Release);
    }

    /// One caller: asks again as soon as it was answered. What it asks for leaves a hot SKU as it was.
    pub(crate) async fn call(self: Arc<Self>, caller: u32) -> Result<()> {
        let hot = self.engine.sku(self.sku(0)?);
        let mut carts = 0_u64;
        while !self.over.load(Ordering::Acquire) {
            match self.name {
                WorkloadName::Hot => {
                    carts += 1;
                    let cart = CartId::new(format_smolstr!("{caller}-{carts}"))?;
                    hot.reserve(cart.clone(), 1, None).await?;
                    self.answered.fetch_add(1, Ordering::Relaxed);
                    hot.release(cart).await?;
                }
                WorkloadName::Spread => drop(self.engine.place(self.order()?).await?),
            }
            self.answered.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}
