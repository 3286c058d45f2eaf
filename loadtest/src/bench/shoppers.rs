//! Callers that place orders, and callers that lead them through their whole lives.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use earmark::domain::command::{
    DeliverOrder, LineRequest, OrderAnswer, PayOrder, PlaceOrder, Settlement, ShipOrder,
};
use earmark::domain::ids::{BusinessId, OrderId, PaymentMethod, SkuId};
use earmark::domain::money::{Currency, Money};
use earmark::{Engine, Error};
use smol_str::format_smolstr;

use super::callers::{Caller, Recorder, StageMeasured, granted};
use super::stage::{Bench, Books};
use crate::orders::LINE_MINOR;

/// Places orders of distinct SKUs.
pub(super) struct Shopper {
    engine: Engine,
    skus: Arc<[SkuId]>,
    lines: usize,
    business: BusinessId,
    random: fastrand::Rng,
    caller: usize,
    orders: u64,
}

impl Shopper {
    /// So many shoppers, whose orders have so many lines.
    pub(super) fn some(
        bench: &Bench,
        engine: &Engine,
        skus: &Arc<[SkuId]>,
        lines: usize,
        callers: usize,
    ) -> Result<Vec<Self>> {
        let business = BusinessId::new("bench")?;
        let shopper = |caller| Self {
            engine: engine.clone(),
            skus: Arc::clone(skus),
            lines,
            business: business.clone(),
            random: fastrand::Rng::with_seed(bench.seed.wrapping_add(caller as u64)),
            caller,
            orders: 0,
        };
        Ok((0..callers).map(shopper).collect())
    }

    fn order(&mut self) -> Result<(OrderId, PlaceOrder)> {
        self.orders += 1;
        let order = OrderId::new(format_smolstr!("{}-{}", self.caller, self.orders))?;
        let mut chosen: Vec<usize> = Vec::with_capacity(self.lines);
        while chosen.len() < self.lines {
            let sku = self.random.usize(0..self.skus.len());
            if !chosen.contains(&sku) {
                chosen.push(sku);
            }
        }
        let lines = chosen.into_iter().filter_map(|sku| self.skus.get(sku));
        let lines = lines.map(|sku| LineRequest::new(sku.clone(), 1, LINE_MINOR)).collect();
        let place = PlaceOrder::new(self.business.clone(), Currency::EUR, lines).with_id(order.clone());
        Ok((order, place))
    }
}

impl Caller for Shopper {
    async fn call(&mut self, started: Instant, recorder: &Recorder) -> Result<()> {
        let (_, place) = self.order()?;
        if granted(self.engine.place(place).await, recorder)?.is_some() {
            recorder.granted(0, started, 1);
        }
        Ok(())
    }
}

/// Takes one order through its whole life with each call.
pub(super) struct Customer {
    shopper: Shopper,
    method: PaymentMethod,
}

/// The steps of a life by their place in it; the last one is all of it.
pub(super) const STEPS: usize = 5;

impl Customer {
    pub(super) fn new(shopper: Shopper) -> Result<Self> {
        Ok(Self { shopper, method: PaymentMethod::new("card")? })
    }

    async fn step(
        recorder: &Recorder,
        step: usize,
        call: impl Future<Output = Result<OrderAnswer, Error>> + Send,
    ) -> Result<bool> {
        let started = Instant::now();
        let done = granted(call.await, recorder)?.is_some();
        if done {
            recorder.granted(step, started, 1);
        }
        Ok(done)
    }
}

impl Caller for Customer {
    async fn call(&mut self, started: Instant, recorder: &Recorder) -> Result<()> {
        let (order, place) = self.shopper.order()?;
        let pay = PayOrder {
            order: order.clone(),
            payment: None,
            method: self.method.clone(),
            amount: Money::new(LINE_MINOR * place.lines.len() as i64, Currency::EUR),
            settlement: Settlement::WhenCovered,
        };
        let ship = ShipOrder { order: order.clone(), lines: Vec::new() };
        let deliver = DeliverOrder { order, lines: Vec::new() };
        let engine = &self.shopper.engine;
        // A refused step ends the life; it is counted and shown.
        let lived = Self::step(recorder, 0, engine.place(place)).await?
            && Self::step(recorder, 1, engine.pay(pay)).await?
            && Self::step(recorder, 2, engine.ship(ship)).await?
            && Self::step(recorder, 3, engine.deliver(deliver)).await?;
        if lived {
            recorder.granted(4, started, 1);
        }
        Ok(())
    }
}

/// What an engine should have behind so many steps of lives.
pub(super) fn lived(measured: &StageMeasured, lines: u64) -> Books {
    let [placed, paid, shipped] = [0, 1, 2].map(|step| measured.granted(step));
    Books {
        orders: placed,
        reserved: placed.saturating_sub(paid) * lines,
        committed: paid.saturating_sub(shipped) * lines,
        shipped: shipped * lines,
    }
}
