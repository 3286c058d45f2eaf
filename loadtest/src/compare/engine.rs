//! Earmark, in this process, durability `Disk`.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use earmark::domain::command::{
    DeliverOrder, LineRequest, PayOrder, PlaceOrder, Request, ReserveStock, ShipOrder, SkuCommand,
};
use earmark::domain::ids::{BusinessId, CartId, IdempotencyKey, OrderId, PaymentMethod, SkuId};
use earmark::domain::money::{Currency, Money};
use earmark::{Cut, Engine, Error, State};
use smol_str::format_smolstr;

use super::contender::{Answer, Books, Contender, Step};
use super::work::{AMPLE, Draft, Work};
use crate::invariant;
use crate::store::{self, DurabilityChoice};

/// SKUs that are stocked with one call.
const STOCK_BATCH: usize = 1_000;

/// What an order costs, in minor units.
const PRICE_MINOR: i64 = 1_999;

/// An engine of this run's own.
#[derive(Clone)]
pub(super) struct InProcess {
    engine: Engine,
    /// The SKUs by their numbers; the last has no stock.
    skus: Arc<[SkuId]>,
    business: BusinessId,
    method: PaymentMethod,
    /// Only holds at the SKU, no orders.
    holds_only: bool,
}

impl InProcess {
    /// Opens an engine in `folder` and receives the opening stock.
    pub(super) async fn open(folder: &Path, work: &Work, holds_only: bool) -> Result<Self> {
        let engine = store::open(folder, DurabilityChoice::Disk).await?;
        let skus = (0..=work.skus).map(|number| Ok(SkuId::new(format_smolstr!("sku-{number}"))?));
        let skus: Arc<[SkuId]> = skus.collect::<Result<_>>()?;
        for batch in skus.get(..work.skus).unwrap_or_default().chunks(STOCK_BATCH) {
            let receipts = batch
                .iter()
                .map(|sku| (sku.clone(), Request::from(SkuCommand::receive(AMPLE, "opening stock"))));
            for answer in engine.stock_all(receipts).await {
                answer.context("receiving the opening stock")?;
            }
        }
        let (business, method) = (BusinessId::new("compare")?, PaymentMethod::new("card")?);
        Ok(Self { engine, skus, business, method, holds_only })
    }

    pub(super) async fn close(self) -> Result<()> {
        self.engine.close().await.context("closing the engine")
    }

    /// Every command has the order's id for its idempotency key, with the step's name where there are more.
    fn keyed<C>(&self, command: C, step: &str, draft: &Draft) -> Result<Request<C>> {
        let key = IdempotencyKey::new(format_smolstr!("{step}{}", draft.id))?;
        Ok(Request::from(command).with_key(self.business.clone(), key))
    }

    async fn place(&self, draft: &Draft) -> Result<Result<(), Error>> {
        let sku = self.skus.get(draft.sku).context("a SKU that is there")?;
        if self.holds_only {
            let hold = ReserveStock::new(CartId::new(&draft.id)?, 1);
            let request = self.keyed(SkuCommand::from(hold), "", draft)?;
            return Ok(self.engine.stock(sku, request).await.map(drop));
        }
        let line = LineRequest::new(sku.clone(), 1, PRICE_MINOR);
        let place = PlaceOrder::new(self.business.clone(), Currency::EUR, vec![line]);
        let request = self.keyed(place.with_id(OrderId::new(&draft.id)?), "", draft)?;
        Ok(self.engine.place(request).await.map(drop))
    }
}

impl Contender for InProcess {
    async fn ask(&self, _: usize, step: Step, draft: &Draft) -> Result<Answer> {
        let order = || OrderId::new(&draft.id);
        let engine = &self.engine;
        let answer = match step {
            Step::Place => self.place(draft).await?,
            Step::Pay => {
                let amount = Money::new(PRICE_MINOR, Currency::EUR);
                let pay = PayOrder::new(order()?, self.method.clone(), amount);
                engine.pay(self.keyed(pay, "pay-", draft)?).await.map(drop)
            }
            Step::Ship => engine.ship(self.keyed(ShipOrder::all(order()?), "ship-", draft)?).await.map(drop),
            Step::Deliver => {
                engine.deliver(self.keyed(DeliverOrder::all(order()?), "deliver-", draft)?).await.map(drop)
            }
        };
        match answer {
            Ok(()) => Ok(Answer::Done),
            Err(Error::Refused(_) | Error::Overloaded { .. }) => Ok(Answer::Refused),
            Err(error) => Err(anyhow!(error)),
        }
    }

    async fn books(&self) -> Result<Books> {
        let cut = self.engine.cut().await.context("cutting the engine's state")?;
        Ok(books(&cut, self.holds_only))
    }
}

/// What a cut says.
fn books(cut: &Cut, holds_only: bool) -> Books {
    let mut books = Books::default();
    for order in &cut.orders {
        let place = match order.state {
            State::Reserved => 0,
            State::Paid => 1,
            State::Shipped => 2,
            // A simple order is closed with its delivery.
            State::Delivered | State::Fulfilled => 3,
            // A refused placement leaves its refusal for whoever asks later, and holds nothing.
            State::Cancelled if order.refusal.is_some() => continue,
            other => {
                books.wrong.push(format!("order {} is {other}", order.id));
                continue;
            }
        };
        if let Some(count) = books.orders.get_mut(place) {
            *count += 1;
        }
    }
    if holds_only {
        // Nobody can hold the same twice: a cart has one hold at a SKU.
        books.orders = [cut.skus.iter().map(|sku| sku.hold_count() as u64).sum(), 0, 0, 0];
    }
    for (number, sku) in cut.skus.iter().enumerate() {
        let counters = &sku.counters;
        let held = counters.reserved + counters.committed;
        books.add(number, [counters.received, counters.available, held, counters.shipped].map(i128::from));
    }
    let broken = invariant::promises(cut).into_iter().flat_map(|promise| promise.differences);
    books.wrong.extend(broken);
    books
}
