//! Who calls, and what the engine should have of it afterwards.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Context, Result};
use earmark::{CartId, Engine, Request, SkuId};
use serde::{Deserialize, Serialize};
use smol_str::format_smolstr;

use crate::bench::callers::{Caller, Recorder, granted};
use crate::invariant;
use crate::orders::Orders;

/// Orders in one call while the state is built.
const BATCH: u32 = 1_000;

/// The engine's audit copies every order and every hold: it is asked for up to so many lines.
const AUDITED_LINES_MAX: u64 = 500_000;

/// What every process checks before it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Check {
    Granted,
    Orders,
    Units,
    Conserved,
    Invariants,
}

impl Check {
    /// In the order in which they are printed.
    pub(super) const ALL: [Self; 5] =
        [Self::Granted, Self::Orders, Self::Units, Self::Conserved, Self::Invariants];

    pub(super) const fn promise(self) -> &'static str {
        match self {
            Self::Granted => "every command was granted",
            Self::Orders => "there are as many orders as placements were granted",
            Self::Units => "the units held are those of the orders and reservations",
            Self::Conserved => "nothing oversold, no unit lost",
            Self::Invariants => "the engine's own invariants hold, and no order is left unfinished",
        }
    }
}

/// What was not as promised.
pub(super) type Wrong = Vec<(Check, String)>;

/// An engine with stock, and the account of what was granted.
pub(super) struct Shop {
    pub(super) engine: Engine,
    /// The orders to place from now on.
    orders: Orders,
    next: AtomicU32,
    placed: AtomicU64,
    /// Units that should be held.
    held: AtomicU64,
}

impl Shop {
    /// Receives the opening stock of all SKUs of the orders.
    pub(super) async fn open(engine: Engine, orders: Orders) -> Result<Self> {
        let all = orders.skus().len();
        Self::open_some(engine, orders, all).await
    }

    /// The same for the first SKUs only; the others are for somebody else to receive.
    pub(super) async fn open_some(engine: Engine, orders: Orders, stocked: usize) -> Result<Self> {
        crate::store::receive(&engine, orders.skus().get(..stocked).unwrap_or_default()).await?;
        let (next, placed, held) = (AtomicU32::new(0), AtomicU64::new(0), AtomicU64::new(0));
        Ok(Self { engine, orders, next, placed, held })
    }

    /// From now on, orders have so many lines.
    pub(super) fn with_lines(mut self, lines: u32) -> Self {
        self.orders = self.orders.with_lines(lines);
        self
    }

    pub(super) fn skus(&self) -> &Arc<[SkuId]> {
        self.orders.skus()
    }

    /// Orders placed so far.
    pub(super) fn placed(&self) -> u64 {
        self.placed.load(Ordering::Relaxed)
    }

    /// So many units more should be held.
    pub(super) fn hold(&self, units: u64) {
        self.held.fetch_add(units, Ordering::Relaxed);
    }

    fn note_placed(&self) {
        self.placed.fetch_add(1, Ordering::Relaxed);
        self.hold(self.orders.lines());
    }

    fn order(&self) -> Result<earmark::PlaceOrder> {
        self.orders.place(self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// Places so many orders, in large calls.
    pub(super) async fn build(&self, count: u32) -> Result<()> {
        for first in (0..count).step_by(BATCH as usize) {
            let some = BATCH.min(count - first);
            let orders = (0..some).map(|_| Ok(Request::from(self.order()?))).collect::<Result<Vec<_>>>()?;
            for answer in self.engine.place_all(orders).await {
                answer.context("building the state")?;
                self.note_placed();
            }
        }
        Ok(())
    }

    /// Holds what the engine says of itself against what was granted; `refused` commands were not.
    pub(super) async fn check(&self, refused: u64) -> Result<Wrong> {
        let mut wrong = Vec::new();
        let mut compare = |check, what: &str, expected: u128, found: u128| {
            if expected != found {
                wrong.push((check, format!("{found} {what} instead of {expected}")));
            }
        };
        let (_, summary) = self.engine.summary().await.context("summing up")?;
        let held = u128::from(self.held.load(Ordering::Relaxed));
        compare(Check::Granted, "commands refused", 0, refused.into());
        compare(Check::Orders, "orders", self.placed().into(), summary.orders.into());
        compare(Check::Units, "units reserved", held, summary.stock.reserved);
        compare(Check::Units, "holds", held, summary.holds.into());
        compare(
            Check::Units,
            "units committed or shipped",
            0,
            summary.stock.committed + summary.stock.shipped,
        );
        compare(Check::Invariants, "unfinished orders", 0, summary.unfinished.into());
        compare(Check::Invariants, "parked entities", 0, summary.parked.len() as u128);
        let (_, broken) = invariant::skus(&self.engine, self.skus()).await?;
        wrong.extend(broken.into_iter().map(|text| (Check::Conserved, text)));
        if held <= u128::from(AUDITED_LINES_MAX) {
            let violations = self.engine.cut().await.context("taking a cut")?.violations;
            wrong.extend(violations.into_iter().map(|text| (Check::Invariants, text)));
        }
        Ok(wrong)
    }
}

/// Reserves a unit of some SKU for a new cart, and gives it back.
pub(super) struct Holder {
    shop: Arc<Shop>,
    random: fastrand::Rng,
    caller: u32,
    carts: u64,
}

impl Holder {
    pub(super) fn new(shop: &Arc<Shop>, seed: u64, caller: u32) -> Self {
        let random = fastrand::Rng::with_seed(seed.wrapping_add(u64::from(caller)));
        Self { shop: Arc::clone(shop), random, caller, carts: 0 }
    }
}

impl Caller for Holder {
    async fn call(&mut self, started: Instant, recorder: &Recorder) -> Result<()> {
        let sku = self.random.choice(self.shop.skus().iter()).context("there are no SKUs")?;
        let sku = self.shop.engine.sku(sku);
        self.carts += 1;
        let cart = CartId::new(format_smolstr!("{}-{}", self.caller, self.carts))?;
        if granted(sku.reserve(cart.clone(), 1, None).await, recorder)?.is_none() {
            return Ok(());
        }
        recorder.granted(0, started, 1);
        let started = Instant::now();
        if granted(sku.release(cart).await, recorder)?.is_some() {
            recorder.granted(1, started, 1);
        }
        Ok(())
    }
}

/// Places one order after the other.
pub(super) struct Placer(pub(super) Arc<Shop>);

impl Caller for Placer {
    async fn call(&mut self, started: Instant, recorder: &Recorder) -> Result<()> {
        let order = self.0.order()?;
        if granted(self.0.engine.place(order).await, recorder)?.is_some() {
            recorder.granted(0, started, 1);
            self.0.note_placed();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{self, DurabilityChoice};

    async fn shop(folder: &std::path::Path) -> Result<Shop> {
        let engine = store::open(folder, DurabilityChoice::Memory).await?;
        Shop::open(engine, Orders::new(1, 20, 3)?).await
    }

    fn broken(wrong: &Wrong) -> Vec<Check> {
        wrong.iter().map(|(check, _)| *check).collect()
    }

    #[test]
    fn the_books_agree_with_what_was_granted_and_with_nothing_else() -> Result<()> {
        let folder = tempfile::tempdir()?;
        store::runtime(Some(1))?.block_on(async {
            let shop = shop(folder.path()).await?;
            shop.build(10).await?;
            assert_eq!(shop.check(0).await?, Vec::new());
            assert_eq!(
                shop.check(7).await?,
                [(Check::Granted, "7 commands refused instead of 0".to_owned())]
            );
            // An order that nobody has written down.
            shop.engine.place(shop.order()?).await?;
            assert_eq!(broken(&shop.check(0).await?), [Check::Orders, Check::Units, Check::Units]);
            shop.note_placed();
            assert_eq!(shop.check(0).await?, Vec::new());
            // A cart that is not in the account.
            shop.engine.sku(&shop.skus()[0]).reserve(CartId::new("cart")?, 1, None).await?;
            assert_eq!(broken(&shop.check(0).await?), [Check::Units, Check::Units]);
            Ok(())
        })
    }
}
