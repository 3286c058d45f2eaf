#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

//! Helpers: an order lives through the same decide, finish and apply that the engine runs; its SKUs say yes
//! to everything, or one says no.

mod apply;
mod arrows;
mod commands;
mod edits;
mod partial;
mod physical;
mod random;
mod refunds;
mod refusals;
mod sale;
mod types;
mod waiting;

use super::decide::Events;
use super::*;
use crate::domain::command::{
    AcceptEdit, Amounts, CancelOrder, DeliverOrder, EditChange, LineQuantity, LineRequest, OrderCommand,
    PayOrder, PlaceOrder, Settlement, ShipOrder, SplitBy, SplitOrder, StageEdit, StepOp,
};
use crate::domain::ids::{IdOrigin, OrderId, PaymentId, SkuId};
use crate::domain::money::{Currency, Money};
use crate::domain::record::OrderRecord;
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;

const LIMITS: Limits = Limits { lines_max: 3 };

fn id() -> OrderId {
    OrderId::new("o").unwrap()
}

fn line(sku: &str, quantity: u32, gross: i64) -> LineRequest {
    LineRequest::new(SkuId::new(sku).unwrap(), quantity, gross)
}

fn place(lines: Vec<LineRequest>) -> PlaceOrder {
    PlaceOrder::new("shop".parse().unwrap(), Currency::EUR, lines).with_id(id())
}

fn pay_as(minor: i64, payment: Option<&str>, settlement: Settlement) -> OrderCommand {
    let payment = payment.map(|id| PaymentId::new(id).unwrap());
    let amount = Money::new(minor, Currency::EUR);
    let pay = PayOrder { payment, settlement, ..PayOrder::new(id(), "card".parse().unwrap(), amount) };
    OrderCommand::Pay(pay)
}

fn pay(minor: i64) -> OrderCommand {
    pay_as(minor, None, Settlement::WhenCovered)
}

fn parts(parts: &[(u32, u32)]) -> Vec<LineQuantity> {
    parts.iter().map(|&(line, quantity)| LineQuantity { line, quantity }).collect()
}

fn ship(lines: &[(u32, u32)]) -> OrderCommand {
    OrderCommand::Ship(ShipOrder { order: id(), lines: parts(lines) })
}

fn deliver(lines: &[(u32, u32)]) -> OrderCommand {
    OrderCommand::Deliver(DeliverOrder { order: id(), lines: parts(lines) })
}

/// Prepares a dearer first line.
fn stage() -> OrderCommand {
    let amounts = Amounts::of(200);
    let changes = vec![EditChange::Reprice { line: 1, amounts }];
    OrderCommand::StageEdit(StageEdit { order: id(), changes })
}

/// One unit apart from the others.
fn split() -> OrderCommand {
    OrderCommand::Split(SplitOrder { order: id(), by: SplitBy::Groups(vec![parts(&[(1, 1)])]) })
}

fn accept(version: u64) -> OrderCommand {
    OrderCommand::AcceptEdit(AcceptEdit { order: id(), version })
}

fn cancel(lines: &[(u32, u32)]) -> OrderCommand {
    OrderCommand::Cancel(CancelOrder { order: id(), lines: parts(lines), reason: "r".into() })
}

fn short() -> Refusal {
    Refusal::InsufficientStock { sku: SkuId::new("a").unwrap(), requested: 2, available: 1 }
}

/// An order and every record that made it.
#[derive(Clone, Debug, Default)]
struct Life {
    order: Option<Order>,
    journal: Vec<OrderRecord>,
    /// Whether a SKU refuses every step that can be undone.
    refusing: bool,
    /// The rules of what is sold.
    rules: SaleRules,
}

impl Life {
    /// Placed over `lines`, all of whose SKUs say yes.
    fn of(lines: Vec<LineRequest>) -> Self {
        let mut life = Self::default();
        life.place(&place(lines)).unwrap();
        life
    }

    /// Two units for 1.01 in line 1, one for 0.50 in line 2, and what `commands` make of it.
    fn after(commands: &[OrderCommand]) -> Self {
        let mut life = Self::of(vec![line("a", 2, 101), line("b", 1, 50)]);
        for command in commands {
            life.run(command).unwrap();
        }
        life
    }

    /// The same order as that of [`Life::after`], whose SKUs leave their stock to the payment.
    fn accepted() -> Self {
        let late = crate::domain::inventory::SaleRule { kit: None, deduction: Some(Deduction::AtPayment) };
        let lines = vec![line("a", 2, 101), line("b", 1, 50)];
        let mut life = Self { rules: SaleRules::of(&lines, |_| Some(late.clone())), ..Self::default() };
        life.place(&place(lines)).unwrap();
        life
    }

    fn order(&self) -> &Order {
        self.order.as_ref().unwrap()
    }

    fn state(&self) -> State {
        self.order().state
    }

    fn place(&mut self, command: &PlaceOrder) -> Result<Vec<OrderEvent>, Refusal> {
        let events = decide_place(command, IdOrigin::Caller, LIMITS, Terms::simple(), &self.rules)?;
        Ok(self.record_all(events))
    }

    /// Decides, applies, and drives the saga that follows to its end; every event on the way.
    fn run(&mut self, command: &OrderCommand) -> Result<Vec<OrderEvent>, Refusal> {
        let events = decide(self.order(), command)?;
        Ok(self.record_all(events))
    }

    fn record_all(&mut self, events: Events) -> Vec<OrderEvent> {
        let mut all = events.to_vec();
        self.record(events);
        while self.order().pending.is_some() {
            let undoes = self.order().plan().unwrap().demand.iter().any(|d| d.op.undo().is_some());
            let end = if self.refusing && undoes { SagaEnd::Undone(short()) } else { SagaEnd::Done };
            let events = finish(self.order(), &end);
            all.extend(events.iter().cloned());
            self.record(events);
        }
        all
    }

    fn record(&mut self, events: Events) {
        let version = self.order.as_ref().map_or(0, |order| order.version) + events.len() as u64;
        let record = OrderRecord {
            order: id(),
            version,
            at: Timestamp::from_millis(version),
            by: None,
            events,
            mark: None,
        };
        Order::apply(&mut self.order, &record).unwrap();
        self.order().check().unwrap();
        self.journal.push(record);
    }

    fn replayed(&self) -> Option<Order> {
        let mut order = None;
        self.journal.iter().for_each(|record| Order::apply(&mut order, record).unwrap());
        order
    }
}
