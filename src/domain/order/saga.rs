//! Sagas: what an order asks of its SKUs, and what it makes of the outcome. Pure.
//!
//! A saga has a forward operation on the order's hold at every SKU it touches and, when a SKU
//! refuses, the operation that undoes it at those that had done it, in reverse order. The steps are
//! derived from the order's state alone, so that after a crash they are the same steps again; each
//! carries a number by which the SKU recognises one it has already seen.

use std::collections::BTreeMap;

use smallvec::smallvec;

use super::decide::Events;
use super::event::{Filled, OrderEvent};
use super::lifecycle::State;
use super::line::Line;
use super::state::{Order, PendingKind};
use super::terms::RefundCause;
use crate::domain::command::{Heir, LineQuantity, StepOp};
use crate::domain::ids::SkuId;
use crate::domain::refusal::Refusal;

/// The steps of a saga's way forward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Number of the forward step; undoing has the number after it.
    pub number: u32,
    /// What is asked of each SKU, once each: those steps first that cannot contend, which are asked at once;
    /// then those that take, in the one global order of SKUs, in which they are asked one after another.
    pub demand: Vec<Demand>,
}

/// What is asked of one SKU, summed over the order's lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// The SKU.
    pub sku: SkuId,
    /// What it is asked to do.
    pub op: StepOp,
    /// Units, of the SKU and not of kits.
    pub units: u64,
    /// Whether the order is content with fewer, or none.
    pub partial: bool,
    /// Whether the order is content with units that come later.
    pub may_wait: bool,
    /// Of units that are given back: how many of them are not paid for, where that makes a difference.
    pub unpaid: Option<u64>,
    /// Of units that are passed on: who gets them.
    pub heirs: Vec<Heir>,
}

impl Demand {
    /// All of the units, now.
    pub(super) fn exact(sku: SkuId, op: StepOp, units: u64) -> Self {
        Self { sku, op, units, partial: false, may_wait: false, unpaid: None, heirs: Vec::new() }
    }
}

/// How a saga came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SagaEnd {
    /// Every SKU did its part.
    Done,
    /// Every SKU did what it could, and that was not nothing. Names those that did not have all that was asked
    /// for, once each.
    DoneInPart(Vec<Short>),
    /// A SKU refused, and the others have undone theirs.
    Undone(Refusal),
}

/// A SKU that did not have all that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Short {
    /// The SKU.
    pub sku: SkuId,
    /// Units that it granted.
    pub granted: u64,
    /// Units for which the order waits.
    pub awaiting: u64,
    /// Units for which it waited and that were granted since; part of `granted`.
    pub filled: u64,
}

impl Order {
    /// The steps of the saga under way; `None` when there is none.
    #[must_use]
    pub fn plan(&self) -> Option<Plan> {
        let pending = self.pending.as_ref()?;
        let demand = match &pending.kind {
            PendingKind::Placement => {
                let early = self.lines.iter().filter(|line| !line.at_payment);
                self.sum(early.map(|line| (line, StepOp::Reserve, line.counters.ordered)))
            }
            // What is reserved is committed; what was left to the payment is taken. Lines that share a SKU
            // have one rule, so that no SKU is asked for both.
            PendingKind::Settlement | PendingKind::Taking => self.sum(self.lines.iter().map(|line| {
                let c = &line.counters;
                if line.at_payment && c.claimed() == 0 {
                    (line, StepOp::Take, c.open())
                } else {
                    // What the order waits for is committed as it comes.
                    (line, StepOp::Commit, c.reserved.saturating_add(c.backordered))
                }
            })),
            PendingKind::Revival => self.sum_of(&self.expired, StepOp::Reserve, |_, units| units),
            PendingKind::Shipment(parts)
            | PendingKind::HandOver(parts)
            | PendingKind::ShortShipment { lines: parts, .. } => {
                self.sum_of(parts, StepOp::Ship, |_, units| units)
            }
            // What is not held, there is no need to give back.
            PendingKind::Cancellation { lines, .. } => {
                let mut demand =
                    self.sum_of(lines, StepOp::Release, |line, units| units.min(line.counters.claimed()));
                if self.has_unpaid_units() {
                    self.tell_unpaid(lines, &mut demand);
                }
                demand
            }
            PendingKind::Split(portions) => self.passes_on(portions),
            // No SKU is asked: the children are made.
            PendingKind::Birth(_) => Vec::new(),
            PendingKind::EditReserve => self.edit_reserves(),
            PendingKind::EditRelease => self.edit_releases(),
            PendingKind::Supplement => {
                self.sum(self.lines.iter().map(|line| (line, StepOp::Commit, line.counters.reserved)))
            }
        };
        Some(Plan { number: pending.step, demand })
    }

    fn sum_of(&self, parts: &[LineQuantity], op: StepOp, units: impl Fn(&Line, u32) -> u32) -> Vec<Demand> {
        let lines = parts.iter().filter_map(|part| Some((self.line(part.line)?, part.quantity)));
        self.sum(lines.map(|(line, quantity)| (line, op, units(line, quantity))))
    }

    /// Sums by SKU, sorted; SKUs with nothing to do are left out. A kit is never taken in part and never waits,
    /// and so no SKU is or does that one of the kits needs.
    fn sum<'a>(&self, lines: impl Iterator<Item = (&'a Line, StepOp, u32)>) -> Vec<Demand> {
        let first = self.pending.as_ref().is_some_and(|pending| pending.kind != PendingKind::Revival);
        let mut demand = Vec::with_capacity(self.lines.len());
        for (line, op, units) in lines.filter(|(_, _, units)| *units > 0) {
            let lax = first && op.takes() && line.kit.is_none();
            let (partial, may_wait) = (lax && self.when_short.partial, lax && self.when_short.wait);
            let asked = line.demand(units);
            demand.extend(asked.map(|(sku, units)| Demand {
                sku: sku.clone(),
                op,
                units,
                partial,
                may_wait,
                unpaid: None,
                heirs: Vec::new(),
            }));
        }
        demand.sort_by(|one, other| (one.op.takes(), &one.sku).cmp(&(other.op.takes(), &other.sku)));
        demand.dedup_by(|next, sum| {
            let same = next.sku == sum.sku;
            if same {
                sum.units = sum.units.saturating_add(next.units);
                sum.partial &= next.partial;
                sum.may_wait &= next.may_wait;
            }
            same
        });
        demand
    }

    /// Says how many of the units that a paid order gives back are not paid for.
    fn tell_unpaid(&self, parts: &[LineQuantity], demand: &mut [Demand]) {
        let mut unpaid = BTreeMap::<&SkuId, u64>::new();
        for part in parts {
            let Some(line) = self.line(part.line) else { continue };
            let behind_waiting = part.quantity - part.quantity.min(line.counters.backordered);
            for (sku, units) in line.demand(behind_waiting.min(line.counters.reserved)) {
                let sum = unpaid.entry(sku).or_default();
                *sum = sum.saturating_add(units);
            }
        }
        for demand in demand {
            demand.unpaid = Some(unpaid.get(&demand.sku).copied().unwrap_or_default());
        }
    }

    /// The units that nobody had and those for which the order waits, where the SKUs in `short` granted less
    /// than all open units of their lines. The lines of one SKU are served in their order.
    fn shortfall(&self, short: &[Short]) -> (Vec<LineQuantity>, Vec<LineQuantity>) {
        let mut left: BTreeMap<_, _> = short.iter().map(|s| (&s.sku, (s.granted, s.awaiting))).collect();
        let (mut missing, mut waiting) = (Vec::new(), Vec::new());
        for (line, number) in self.lines.iter().zip(1..).filter(|(line, _)| line.kit.is_none()) {
            let Some((granted, awaiting)) = left.get_mut(&line.sku) else { continue };
            let open = line.counters.open();
            let short = open - serve(granted, open);
            let waits = serve(awaiting, short);
            for (parts, quantity) in [(&mut waiting, waits), (&mut missing, short - waits)] {
                if quantity > 0 {
                    parts.push(LineQuantity { line: number, quantity });
                }
            }
        }
        (missing, waiting)
    }
}

/// Takes up to `wanted` units from what is left.
fn serve(left: &mut u64, wanted: u32) -> u32 {
    let served = u32::try_from(*left).map_or(wanted, |left| left.min(wanted));
    *left -= u64::from(served);
    served
}

/// The events that end the saga under way, and begin the one that follows; empty when there is none.
#[must_use]
pub fn finish(order: &Order, end: &SagaEnd) -> Events {
    let mut events = ended(order, end);
    events.extend(order.hand_over_behind(&events));
    events
}

fn ended(order: &Order, end: &SagaEnd) -> Events {
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
        // What left the house decides what there is to call off.
        (PendingKind::ShortShipment { missing, reason, .. }, SagaEnd::Done) => {
            let (lines, reason) = (missing.clone(), reason.clone());
            smallvec![OrderEvent::Shipped, OrderEvent::CancellationStarted { lines, reason, expired: false }]
        }
        (PendingKind::Shipment(_) | PendingKind::ShortShipment { .. }, SagaEnd::Undone(refusal)) => {
            smallvec![OrderEvent::ShipmentUndone { refusal: refusal.clone() }]
        }
        (PendingKind::HandOver(_), SagaEnd::Done) => smallvec![OrderEvent::HandedOver],
        (PendingKind::HandOver(_), SagaEnd::Undone(refusal)) => {
            smallvec![OrderEvent::HandOverUndone { refusal: refusal.clone() }]
        }
        (PendingKind::Split(_), SagaEnd::Done) => smallvec![OrderEvent::PassedOn],
        (PendingKind::Split(_), SagaEnd::Undone(refusal)) => {
            smallvec![OrderEvent::SplitUndone { refusal: refusal.clone() }]
        }
        (PendingKind::Birth(_), _) => smallvec![OrderEvent::Split],
        (PendingKind::EditReserve, SagaEnd::Done) => order.edit_reserved(),
        (PendingKind::EditReserve, SagaEnd::Undone(refusal)) => {
            smallvec![OrderEvent::EditUndone { refusal: refusal.clone() }]
        }
        (PendingKind::EditRelease, _) => order.accepted(),
        (PendingKind::Supplement, SagaEnd::Done) => {
            let mut events: Events = smallvec![OrderEvent::Supplemented];
            events.extend(order.excess(0, 0));
            events
        }
        (PendingKind::Supplement, SagaEnd::Undone(refusal)) => {
            smallvec![order.supplement_refused(refusal.clone(), pending.granted)]
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
    let (missing, lines) = order.shortfall(short);
    let placing = *kind == PendingKind::Placement;
    let (price, refund_due) = match &missing {
        missing if placing || missing.is_empty() => (0, 0),
        missing => (order.price_of(missing), order.refund_for(missing)),
    };
    let mut events = Events::new();
    if !missing.is_empty() {
        events.push(OrderEvent::FellShort { missing, refund_due });
    }
    if !lines.is_empty() {
        let filled = short.iter().filter(|short| short.filled > 0);
        let filled = filled.map(|short| Filled { sku: short.sku.clone(), units: short.filled }).collect();
        events.push(OrderEvent::Backordered { lines, filled });
    }
    events.push(if placing { OrderEvent::Reserved } else { OrderEvent::Settled });
    if !placing {
        events.extend(order.excess(price, refund_due));
    }
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
        if self.has_unpaid_units() {
            let called_off = |number| parts.iter().find(|part| part.line == number).map_or(0, |p| p.quantity);
            let mut lines = self.lines.iter().zip(1..);
            let some_stay = lines.any(|(line, number)| line.counters.reserved > called_off(number));
            return (some_stay && kept >= due).then_some(OrderEvent::SupplementStarted);
        }
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
