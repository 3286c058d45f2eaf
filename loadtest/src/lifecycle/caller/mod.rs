//! One order's life, step by step, as its buyer and the warehouse ask for it.
//!
//! What is answered decides how the life goes on, as with real callers: an order that timed out while its
//! payment was on the way is over. An answer that no life allows is a surprise, and breaks a promise.

mod payment;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use earmark::{
    CancelOrder, CartId, ChangeDelivery, DeliverOrder, Delivery, Engine, Error, LineQuantity, OrderAnswer,
    OrderId, PaymentMethod, ProgressOrder, ProgressStep, Refusal, ReserveStock, ShipOrder, SkuCommand, State,
};
use tokio::sync::mpsc;

use payment::Paid;

use super::clock::RunClock;
use super::ledger::{End, Entry, Ledger};
use super::measure::{Recorder, Step};
use super::shares::Fate;
use super::stock::Stock;
use super::workload::{Draft, Workload};
use earmark::port::Clock;

/// How long a cart holds its units, in milliseconds of engine time.
const CART_HOLDS_MS: u64 = 60 * 60 * 1_000;

/// What all lives share.
pub(crate) struct Shop {
    pub(crate) engine: Engine,
    pub(crate) workload: Workload,
    pub(crate) ledger: Ledger,
    pub(crate) stock: Stock,
    pub(crate) clock: Arc<RunClock>,
    pub(crate) method: PaymentMethod,
    /// How long until an unpaid order has timed out, by the machine's clock.
    pub(crate) times_out_after: Duration,
}

/// Held by everything that is still under way; carries what went wrong.
pub(crate) type UnderWay = mpsc::UnboundedSender<anyhow::Error>;

/// One order and what is known of it.
struct Life {
    shop: Arc<Shop>,
    recorder: Recorder,
    draft: Draft,
    order: OrderId,
    entry: Entry,
    /// When the next step began, or was to begin, if not when it is asked for.
    since: Option<Instant>,
    began: Instant,
}

/// Lives the life of the order of this number, which begins, or was to begin, at `intended`.
pub(crate) async fn live(
    shop: Arc<Shop>,
    recorder: &Recorder,
    number: u64,
    intended: Instant,
    under_way: &UnderWay,
) -> Result<()> {
    let draft = shop.workload.draw(number);
    let order = draft.order()?;
    shop.stock.asked(&draft);
    let recorder = recorder.of_caller(number);
    let entry = Entry::new(number);
    let mut life = Life { shop, recorder, draft, order, entry, since: Some(intended), began: intended };
    if let Some(end) = life.begin().await? {
        life.end(end);
        return Ok(());
    }
    match life.draft.fate {
        // The order is left to its timer.
        Fate::Unpaid => life.end(End::TimedOut),
        Fate::Late => {
            // The buyer comes back when time has run out; meanwhile the caller goes on with others.
            let under_way = under_way.clone();
            tokio::spawn(async move {
                tokio::time::sleep(life.shop.times_out_after).await;
                if let Err(error) = life.pay_late().await {
                    // Whoever listens ends the run with the first of them.
                    let _ = under_way.send(error);
                }
                drop(under_way);
            });
        }
        _ => {
            let end = life.go_on().await?;
            life.end(end);
        }
    }
    Ok(())
}

impl Life {
    /// Asks for one step and records its latency; a refusal is an answer, a failure ends the run.
    async fn ask<T>(
        &mut self,
        step: Step,
        call: impl Future<Output = Result<T, Error>> + Send,
    ) -> Result<Result<T, Refusal>> {
        let started = self.since.take().unwrap_or_else(Instant::now);
        match call.await {
            Ok(answer) => {
                self.recorder.answered(step, started);
                Ok(Ok(answer))
            }
            Err(Error::Refused(refusal)) => {
                let refused = if matches!(step, Step::Place | Step::Cart) { Step::Refused } else { step };
                self.recorder.answered(refused, started);
                Ok(Err(refusal))
            }
            Err(error) => Err(anyhow!(error).context(format!("order {}: {}", self.order, step.name()))),
        }
    }

    fn surprise(&self, step: Step, answer: &Result<OrderAnswer, Refusal>) {
        let what = match answer {
            Ok(answer) => format!(
                "{} left it {}, {} paid of {} due, {} due back",
                step.name(),
                answer.state,
                answer.paid,
                answer.due,
                answer.refund_due
            ),
            Err(refusal) => format!("{} was refused: {refusal}", step.name()),
        };
        self.shop.ledger.surprise(&self.draft, &what);
    }

    fn end(mut self, end: End) {
        self.entry.end = end;
        self.shop.stock.ended(&self.draft, end);
        self.recorder.answered(Step::Life, self.began);
        self.shop.ledger.ended(self.entry);
    }

    /// Holds units for the cart if there is one, and places the order. Answers the end of it if it is over.
    async fn begin(&mut self) -> Result<Option<End>> {
        if self.draft.from_cart && !self.hold_cart().await? {
            return Ok(Some(End::RefusedCart));
        }
        let shop = Arc::clone(&self.shop);
        let place = shop.workload.placement(&self.draft)?;
        let answer = self.ask(Step::Place, shop.engine.place(place)).await?;
        match &answer {
            Ok(granted) if granted.state == State::Reserved && granted.due == self.draft.due() => {}
            Err(Refusal::InsufficientStock { .. } | Refusal::Contended { .. }) => {
                if self.draft.from_cart {
                    self.release_cart(self.draft.lines.len()).await?;
                }
                return Ok(Some(End::Refused));
            }
            _ => self.surprise(Step::Place, &answer),
        }
        Ok(None)
    }

    /// Holds every line for the cart, or none.
    async fn hold_cart(&mut self) -> Result<bool> {
        let (shop, cart) = (Arc::clone(&self.shop), self.draft.cart()?);
        let buyer = self.draft.customer()?;
        let deadline = shop.clock.now().plus_millis(CART_HOLDS_MS);
        for (held, line) in self.draft.lines.clone().into_iter().enumerate() {
            let mut reserve = ReserveStock::new(cart.clone(), line.units.into()).until(deadline);
            reserve.buyer = Some(buyer.clone());
            let sku = shop.workload.sku(line.sku)?;
            if self.ask(Step::Cart, shop.engine.stock(sku, reserve)).await?.is_err() {
                self.release_cart(held).await?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Gives back what the cart holds of its first lines.
    async fn release_cart(&self, lines: usize) -> Result<()> {
        let cart: CartId = self.draft.cart()?;
        for line in self.draft.lines.iter().take(lines) {
            let release = SkuCommand::Release { cart: cart.clone() };
            self.shop.engine.stock(self.shop.workload.sku(line.sku)?, release).await?;
        }
        Ok(())
    }

    /// From the placement to the end.
    async fn go_on(&mut self) -> Result<End> {
        // Every second address changes before payment, the others before shipment.
        let early = self.draft.new_address && self.draft.number.is_multiple_of(2);
        if early {
            self.change_address().await?;
        }
        if self.draft.fate == Fate::CancelUnpaid {
            return self.cancel(End::CancelledUnpaid).await;
        }
        match self.pay().await? {
            Paid::InFull => {}
            Paid::Over(end) => return Ok(end),
        }
        self.fulfil(self.draft.new_address && !early).await
    }

    async fn change_address(&mut self) -> Result<()> {
        let shop = Arc::clone(&self.shop);
        let delivery = Delivery { address: "7 Mill Lane".into(), contact: "555 0199".into() };
        let change = ChangeDelivery { order: self.order.clone(), delivery };
        let answer = self.submit(Step::Address, shop.engine.submit(change)).await?;
        if !matches!(answer, Ok(_) | Err(Refusal::WrongState { state: State::Cancelled, .. })) {
            self.surprise(Step::Address, &answer);
        }
        Ok(())
    }

    async fn cancel(&mut self, end: End) -> Result<End> {
        let shop = Arc::clone(&self.shop);
        let (order, reason) = (self.order.clone(), "the buyer changed his mind".into());
        let cancel = CancelOrder { order, lines: Vec::new(), reason };
        let answer = self.ask(Step::Cancel, shop.engine.cancel(cancel)).await?;
        match &answer {
            Ok(cancelled)
                if cancelled.state == State::Cancelled && cancelled.refund_due == self.entry.paid =>
            {
                self.entry.note(cancelled);
                Ok(end)
            }
            // It timed out before its buyer cancelled it.
            Err(Refusal::WrongState { state: State::Cancelled, .. }) if end == End::CancelledUnpaid => {
                Ok(End::TimedOut)
            }
            _ => {
                self.surprise(Step::Cancel, &answer);
                Ok(end)
            }
        }
    }

    /// From the payment to the delivery, and the buyer's word on it.
    async fn fulfil(&mut self, new_address: bool) -> Result<End> {
        let cancels = self.draft.fate == Fate::CancelPaid;
        if cancels && !self.draft.cancels_picked {
            return self.cancel(End::CancelledPaid).await;
        }
        self.progress(Step::Pick, ProgressStep::Pick, State::Picking).await?;
        if cancels {
            return self.cancel(End::CancelledPaid).await;
        }
        if new_address {
            self.change_address().await?;
        }
        self.progress(Step::Pack, ProgressStep::Pack, State::Packed).await?;
        if self.draft.partial {
            self.ship_and_deliver(self.draft.first_part(), State::Packed, State::Packed).await?;
        }
        self.ship_and_deliver(Vec::new(), State::Shipped, State::Delivered).await?;
        if self.draft.confirms {
            self.progress(Step::Confirm, ProgressStep::Confirm, State::Confirmed).await?;
        }
        Ok(End::Delivered)
    }

    async fn ship_and_deliver(
        &mut self,
        lines: Vec<LineQuantity>,
        shipped: State,
        delivered: State,
    ) -> Result<()> {
        let shop = Arc::clone(&self.shop);
        let ship = ShipOrder { order: self.order.clone(), lines: lines.clone() };
        let answer = self.ask(Step::Ship, shop.engine.ship(ship)).await?;
        self.expect(Step::Ship, &answer, shipped);
        self.entry.shipments += u32::from(answer.is_ok());
        let deliver = DeliverOrder { order: self.order.clone(), lines };
        let answer = self.ask(Step::Deliver, shop.engine.deliver(deliver)).await?;
        self.expect(Step::Deliver, &answer, delivered);
        Ok(())
    }

    async fn progress(&mut self, step: Step, progress: ProgressStep, then: State) -> Result<()> {
        let shop = Arc::clone(&self.shop);
        let command = ProgressOrder { order: self.order.clone(), step: progress };
        let answer = self.submit(step, shop.engine.submit(command)).await?;
        // The timer may have confirmed before the buyer did.
        let overtaken =
            matches!(answer, Err(Refusal::WrongState { state: State::Confirmed | State::Completed, .. }));
        if !(overtaken && step == Step::Confirm) {
            self.expect(step, &answer, then);
        }
        Ok(())
    }

    /// Asks for a step that has no typed call.
    async fn submit(
        &mut self,
        step: Step,
        call: impl Future<Output = Result<earmark::Answer, Error>> + Send,
    ) -> Result<Result<OrderAnswer, Refusal>> {
        match self.ask(step, call).await? {
            Ok(earmark::Answer::Order(answer)) => Ok(Ok(answer)),
            Ok(other) => Err(anyhow!("order {} was answered for something else: {other:?}", self.order)),
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    fn expect(&mut self, step: Step, answer: &Result<OrderAnswer, Refusal>, state: State) {
        match answer {
            Ok(answer) if answer.state == state => self.entry.note(answer),
            _ => self.surprise(step, answer),
        }
    }
}
