//! Sagas: what an order asks of its SKUs, and what it makes of the outcome. Pure.
//!
//! A saga has one forward operation on the order's hold at every SKU it touches and, when a SKU
//! refuses, the operation that undoes it at those that had done it, in reverse order. The steps are
//! derived from the order's state alone, so that after a crash they are the same steps again; each
//! carries a number by which the SKU recognises one it has already seen.

use std::collections::BTreeMap;

use smallvec::smallvec;

use super::decide::Events;
use super::event::OrderEvent;
use super::lifecycle::State;
use super::state::{Order, PendingKind};
use super::terms::RefundCause;
use crate::domain::command::{LineQuantity, StepOp};
use crate::domain::ids::SkuId;
use crate::domain::refusal::Refusal;

/// The steps of a saga's way forward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What every SKU is asked to do.
    pub op: StepOp,
    /// Number of the forward step; undoing has the number after it.
    pub number: u32,
    /// Whether the order is content with fewer units of a SKU, or none.
    pub partial: bool,
    /// Units by SKU, summed over the order's lines, in the one global order in which SKUs are asked.
    pub demand: Vec<(SkuId, u64)>,
}

/// How a saga came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SagaEnd {
    /// Every SKU did its part.
    Done,
    /// Every SKU did what it could, and that was not nothing. Names those that were short, once each.
    DoneInPart(Vec<Short>),
    /// A SKU refused, and the others have undone theirs.
    Undone(Refusal),
}

/// A SKU that had less than was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Short {
    /// The SKU.
    pub sku: SkuId,
    /// Units that it granted.
    pub granted: u64,
}

impl Order {
    /// The steps of the saga under way; `None` when there is none.
    #[must_use]
    pub fn plan(&self) -> Option<Plan> {
        let pending = self.pending.as_ref()?;
        let all = |count: fn(&super::line::Line) -> u32| {
            sum(self.lines.iter().map(|line| (line.sku.clone(), u64::from(count(line)))))
        };
        let (op, demand) = match &pending.kind {
            PendingKind::Placement => (StepOp::Reserve, all(|l| l.counters.ordered)),
            PendingKind::Settlement => (StepOp::Commit, all(|l| l.counters.reserved)),
            PendingKind::Taking => (StepOp::Take, all(|l| l.counters.open())),
            PendingKind::Revival => (StepOp::Reserve, self.demand_of(&self.expired)),
            PendingKind::Shipment(parts) => (StepOp::Ship, self.demand_of(parts)),
            // Where nothing is held, there is nothing to give back.
            PendingKind::Cancellation { .. } if self.state == State::Accepted => {
                (StepOp::Release, Vec::new())
            }
            PendingKind::Cancellation { lines, .. } => (StepOp::Release, self.demand_of(lines)),
        };
        let partial =
            self.when_short.partial && matches!(pending.kind, PendingKind::Placement | PendingKind::Taking);
        Some(Plan { op, number: pending.step, partial, demand })
    }

    /// The units that nobody had, where the SKUs in `short` granted less than all open units of their
    /// lines. The lines of one SKU are served in their order.
    fn missing(&self, short: &[Short]) -> Vec<LineQuantity> {
        let mut left: BTreeMap<&SkuId, u64> = short.iter().map(|s| (&s.sku, s.granted)).collect();
        let mut missing = Vec::new();
        for (line, number) in self.lines.iter().zip(1..) {
            let Some(left) = left.get_mut(&line.sku) else { continue };
            let open = line.counters.open();
            let granted = u32::try_from(*left).map_or(open, |left| left.min(open));
            *left -= u64::from(granted);
            if granted < open {
                missing.push(LineQuantity { line: number, quantity: open - granted });
            }
        }
        missing
    }

    fn demand_of(&self, parts: &[LineQuantity]) -> Vec<(SkuId, u64)> {
        sum(parts.iter().filter_map(|part| {
            let line = self.line(part.line)?;
            Some((line.sku.clone(), u64::from(part.quantity)))
        }))
    }
}

/// Sums by SKU, sorted by SKU; SKUs with nothing to do are left out.
fn sum(parts: impl Iterator<Item = (SkuId, u64)>) -> Vec<(SkuId, u64)> {
    let mut sums = BTreeMap::<SkuId, u64>::new();
    for (sku, units) in parts.filter(|(_, units)| *units > 0) {
        *sums.entry(sku).or_default() += units;
    }
    sums.into_iter().collect()
}

/// The events that end the saga under way; empty when there is none.
#[must_use]
pub fn finish(order: &Order, end: &SagaEnd) -> Events {
    let Some(pending) = &order.pending else { return Events::new() };
    match (&pending.kind, end) {
        (_, SagaEnd::DoneInPart(short)) => in_part(order, &pending.kind, short),
        (PendingKind::Placement, SagaEnd::Done) => smallvec![OrderEvent::Reserved],
        (PendingKind::Placement, SagaEnd::Undone(refusal)) => {
            smallvec![OrderEvent::Refused { refusal: refusal.clone() }]
        }
        (PendingKind::Settlement | PendingKind::Taking, SagaEnd::Done) => {
            let mut events: Events = smallvec![OrderEvent::Settled];
            events.extend(order.excess(0, 0));
            events
        }
        (PendingKind::Taking, SagaEnd::Undone(refusal)) => {
            let refund_due = order.paid.saturating_sub(order.refund_due);
            smallvec![OrderEvent::SettlementUndone { refusal: refusal.clone(), refund_due }]
        }
        // What was paid settles the order that lives again.
        (PendingKind::Revival, SagaEnd::Done) => {
            smallvec![OrderEvent::Revived, OrderEvent::SettlementStarted]
        }
        (PendingKind::Revival, SagaEnd::Undone(refusal)) => {
            let refund_due = order.payments.last().map_or(0, |payment| payment.amount);
            smallvec![OrderEvent::RevivalUndone { refusal: refusal.clone(), refund_due }]
        }
        (PendingKind::Settlement, SagaEnd::Undone(refusal)) => {
            // Part of the last payment may be due back already, where a cancellation led to the settlement.
            let kept = order.paid.saturating_sub(order.refund_due);
            let refund_due = order.payments.last().map_or(0, |payment| payment.amount.min(kept));
            smallvec![OrderEvent::SettlementUndone { refusal: refusal.clone(), refund_due }]
        }
        (PendingKind::Shipment(_), SagaEnd::Done) => smallvec![OrderEvent::Shipped],
        (PendingKind::Shipment(_), SagaEnd::Undone(refusal)) => {
            smallvec![OrderEvent::ShipmentUndone { refusal: refusal.clone() }]
        }
        (PendingKind::Cancellation { lines, .. }, _) => {
            let refund_due = order.refund_for(lines);
            let mut events: Events = smallvec![OrderEvent::Cancelled { refund_due }];
            events.extend(order.covered_without(lines));
            events
        }
    }
}

/// The end of a placement, or of a taking at payment, that got less than it asked for.
fn in_part(order: &Order, kind: &PendingKind, short: &[Short]) -> Events {
    let missing = order.missing(short);
    if *kind == PendingKind::Placement {
        return smallvec![OrderEvent::FellShort { missing, refund_due: 0 }, OrderEvent::Reserved];
    }
    let (price, refund_due) = (order.price_of(&missing), order.refund_for(&missing));
    let mut events: Events = smallvec![OrderEvent::FellShort { missing, refund_due }, OrderEvent::Settled];
    events.extend(order.excess(price, refund_due));
    events
}

impl Order {
    /// What was paid beyond what is due, where the terms give that back; once `price` is no longer due and
    /// `refund` is given back.
    fn excess(&self, price: i64, refund: i64) -> Option<OrderEvent> {
        let kept = self.paid.saturating_sub(self.refund_due).saturating_sub(refund);
        let amount = kept.saturating_sub(self.due.saturating_sub(price));
        let due = self.terms.refund_excess && amount > 0;
        due.then_some(OrderEvent::RefundDue { amount, cause: RefundCause::Excess })
    }

    /// The price of the units that were called off because time ran out.
    pub(super) fn price_of_expired(&self) -> i64 {
        let prices = self.expired.iter().filter_map(|part| {
            let line = self.line(part.line)?;
            let cancelled = line.counters.cancelled;
            let kept = cancelled.saturating_sub(part.quantity);
            Some(line.share_of_first(cancelled).saturating_sub(line.share_of_first(kept)))
        });
        prices.fold(0, i64::saturating_add)
    }

    /// The price of `parts` by the shares fixed at placement.
    pub(crate) fn price_of(&self, parts: &[LineQuantity]) -> i64 {
        parts
            .iter()
            .filter_map(|part| {
                let line = self.line(part.line)?;
                let before = line.counters.cancelled;
                let after = before.saturating_add(part.quantity);
                Some(line.share_of_first(after).saturating_sub(line.share_of_first(before)))
            })
            .fold(0, i64::saturating_add)
    }

    /// The settlement that follows when an unpaid part is called off and what was paid covers the rest because
    /// of it. Money that covered everything before was withheld from a settlement by its payer's word.
    fn covered_without(&self, parts: &[LineQuantity]) -> Option<OrderEvent> {
        let unsettled = matches!(self.state, State::Reserved | State::Accepted);
        let rest_lives = self.cancel_action(parts) == super::lifecycle::Action::CancelPart;
        let due = self.due.saturating_sub(self.price_of(parts));
        let kept = self.paid.saturating_sub(self.refund_due);
        let covers = (due.max(1)..self.due).contains(&kept);
        (unsettled && rest_lives && covers).then_some(OrderEvent::SettlementStarted)
    }

    /// What is due back when `parts` are called off: what was paid beyond what the rest costs, but no
    /// more than the price of the parts; everything when nothing is left.
    fn refund_for(&self, parts: &[LineQuantity]) -> i64 {
        let kept = self.paid.saturating_sub(self.refund_due);
        if self.cancel_action(parts) == super::lifecycle::Action::Cancel {
            return kept;
        }
        let price = self.price_of(parts);
        let beyond = kept.saturating_sub(self.due.saturating_sub(price));
        beyond.min(price).max(0)
    }
}
