//! The stages: who calls, what for, and the goal.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use earmark::domain::command::{
    DeliverOrder, LineRequest, OrderAnswer, PayOrder, PlaceOrder, Request, ReserveStock, Settlement,
    ShipOrder, SkuCommand,
};
use earmark::domain::ids::{BusinessId, CartId, OrderId, PaymentMethod, SkuId};
use earmark::domain::money::{Currency, Money};
use earmark::{Engine, Error};
use smol_str::format_smolstr;

use super::StageName;
use super::callers::{Caller, Recorder, drive, granted};
use super::result::{BenchResult, Goal, Row};
use super::stage::{Bench, Staged};

/// SKUs over which orders are spread.
const SKUS: usize = 10_000;

/// Distinct lines of an order.
const LINES: usize = 3;

/// What one line of an order costs, in minor units.
const LINE_MINOR: i64 = 1_999;

/// Reservations in one call of the batch stage.
const BATCH: usize = 1_000;

/// Runs a stage and adds what it measured.
pub(crate) fn run(name: StageName, bench: &Bench, result: &mut BenchResult) -> Result<()> {
    match name {
        StageName::One => hot(1, bench, result, |_| vec![Goal::TimesRawP50(1.6)]),
        StageName::Hot64 => hot(64, bench, result, |_| vec![Goal::PerSecond(150_000.0)]),
        StageName::Hot1024 => hot(1_024, bench, result, |_| vec![Goal::PerSecond(500_000.0)]),
        StageName::Hot10000 => hot(10_000, bench, result, |result| {
            // Two thirds of the goal of 1,024 callers, or of what they reached in this run if that was more.
            let reached = result.rate_of("reserve, hot SKU", 1_024).unwrap_or(0.0).max(500_000.0);
            vec![Goal::PerSecond(reached * 2.0 / 3.0), Goal::LongestWaitMillis(1_000.0)]
        }),
        StageName::Batch => batch(bench, result),
        StageName::Place => {
            place(64, bench, result)?;
            place(1_024, bench, result)
        }
        StageName::Lifecycle => lifecycle(bench, result),
    }
}

/// Reserves one unit of the hot SKU for a new cart with each call.
struct HotBuyer {
    engine: Engine,
    sku: SkuId,
    caller: usize,
    carts: u64,
}

impl HotBuyer {
    fn reserve(&mut self) -> Result<Request<SkuCommand>> {
        self.carts += 1;
        let cart = CartId::new(format_smolstr!("{}-{}", self.caller, self.carts))?;
        Ok(ReserveStock::new(cart, 1).into())
    }
}

impl Caller for HotBuyer {
    async fn call(&mut self, started: Instant, recorder: &Recorder) -> Result<()> {
        let request = self.reserve()?;
        let answer = self.engine.stock(&self.sku, request).await;
        if granted(answer, recorder)?.is_some() {
            recorder.granted(0, started, 1);
        }
        Ok(())
    }
}

fn hot(
    callers: usize,
    bench: &Bench,
    result: &mut BenchResult,
    goals: impl FnOnce(&BenchResult) -> Vec<Goal>,
) -> Result<()> {
    let sku = SkuId::new("hot")?;
    let staged = bench.stage(&format!("hot-{callers}"), std::slice::from_ref(&sku), |engine| {
        let buyer = |caller| HotBuyer { engine: engine.clone(), sku: sku.clone(), caller, carts: 0 };
        let buyers: Vec<_> = (0..callers).map(buyer).collect();
        drive(bench.window, 1, buyers.into_iter())
    })?;
    let goals = goals(result);
    push(result, &staged, callers, &[("reserve, hot SKU", goals)]);
    Ok(())
}

/// Reserves a thousand units of the hot SKU, each for a new cart, with each call.
struct BatchBuyer(HotBuyer);

impl Caller for BatchBuyer {
    async fn call(&mut self, _: Instant, recorder: &Recorder) -> Result<()> {
        let requests = (0..BATCH).map(|_| Ok((self.0.sku.clone(), self.0.reserve()?)));
        let requests = requests.collect::<Result<Vec<_>>>()?;
        // Making a thousand requests is the caller's work and not the engine's.
        let started = Instant::now();
        let mut units = 0;
        for answer in self.0.engine.stock_all(requests).await {
            units += u64::from(granted(answer, recorder)?.is_some());
        }
        recorder.granted(0, started, units);
        Ok(())
    }
}

fn batch(bench: &Bench, result: &mut BenchResult) -> Result<()> {
    let sku = SkuId::new("hot")?;
    let staged = bench.stage("batch", std::slice::from_ref(&sku), |engine| {
        let buyer =
            |caller| BatchBuyer(HotBuyer { engine: engine.clone(), sku: sku.clone(), caller, carts: 0 });
        let buyers: Vec<_> = (0..2).map(buyer).collect();
        drive(bench.window, 1, buyers.into_iter())
    })?;
    push(result, &staged, 2, &[("reserve, 1,000 a call", Vec::new())]);
    Ok(())
}

/// Places orders of three distinct SKUs.
struct Shopper {
    engine: Engine,
    skus: Arc<[SkuId]>,
    business: BusinessId,
    random: fastrand::Rng,
    caller: usize,
    orders: u64,
}

impl Shopper {
    fn order(&mut self) -> Result<(OrderId, PlaceOrder)> {
        self.orders += 1;
        let order = OrderId::new(format_smolstr!("{}-{}", self.caller, self.orders))?;
        let mut chosen: Vec<usize> = Vec::with_capacity(LINES);
        while chosen.len() < LINES {
            let sku = self.random.usize(0..self.skus.len());
            if !chosen.contains(&sku) {
                chosen.push(sku);
            }
        }
        let lines = chosen.into_iter().filter_map(|sku| self.skus.get(sku)).map(|sku| LineRequest {
            sku: sku.clone(),
            quantity: 1,
            gross: LINE_MINOR,
            discount: 0,
            shipping: 0,
            seller: None,
            tags: None,
        });
        let place =
            PlaceOrder::new(self.business.clone(), Currency::EUR, lines.collect()).with_id(order.clone());
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

fn skus() -> Result<Arc<[SkuId]>> {
    (0..SKUS).map(|number| Ok(SkuId::new(format_smolstr!("sku-{number}"))?)).collect()
}

fn shoppers(bench: &Bench, engine: &Engine, skus: &Arc<[SkuId]>, callers: usize) -> Result<Vec<Shopper>> {
    let business = BusinessId::new("bench")?;
    Ok((0..callers)
        .map(|caller| Shopper {
            engine: engine.clone(),
            skus: Arc::clone(skus),
            business: business.clone(),
            random: fastrand::Rng::with_seed(bench.seed.wrapping_add(caller as u64)),
            caller,
            orders: 0,
        })
        .collect())
}

fn place(callers: usize, bench: &Bench, result: &mut BenchResult) -> Result<()> {
    let skus = skus()?;
    let offered = skus.clone();
    let staged = bench.stage(&format!("place-{callers}"), &offered, |engine| async move {
        let shoppers = shoppers(bench, &engine, &skus, callers)?;
        drop(engine);
        drive(bench.window, 1, shoppers.into_iter()).await
    })?;
    push(result, &staged, callers, &[("place, 3 lines", vec![Goal::PerSecond(40_000.0)])]);
    Ok(())
}

/// Takes one order through its whole life with each call.
struct Customer {
    shopper: Shopper,
    method: PaymentMethod,
}

/// The steps of a life, as they are named in the table and by their place in it.
const STEPS: [&str; 4] = ["life: place", "life: pay", "life: ship", "life: deliver"];

impl Customer {
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
    async fn call(&mut self, _: Instant, recorder: &Recorder) -> Result<()> {
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
        let _ = Self::step(recorder, 0, engine.place(place)).await?
            && Self::step(recorder, 1, engine.pay(pay)).await?
            && Self::step(recorder, 2, engine.ship(ship)).await?
            && Self::step(recorder, 3, engine.deliver(deliver)).await?;
        Ok(())
    }
}

fn lifecycle(bench: &Bench, result: &mut BenchResult) -> Result<()> {
    const CALLERS: usize = 64;
    let skus = skus()?;
    let method = PaymentMethod::new("card")?;
    let offered = skus.clone();
    let staged = bench.stage("lifecycle", &offered, |engine| async move {
        let shoppers = shoppers(bench, &engine, &skus, CALLERS)?;
        drop(engine);
        let customers = shoppers.into_iter().map(|shopper| Customer { shopper, method: method.clone() });
        drive(bench.window, STEPS.len(), customers).await
    })?;
    let steps = STEPS.map(|step| (step, vec![Goal::P99Millis(5.0)]));
    push(result, &staged, CALLERS, &steps);
    Ok(())
}

/// Adds a row for each step of a stage.
fn push(result: &mut BenchResult, staged: &Staged, callers: usize, steps: &[(&'static str, Vec<Goal>)]) {
    for ((name, goals), measured) in steps.iter().zip(&staged.measured.steps) {
        result.rows.push(Row::new(name, callers, staged, measured, goals));
    }
}
