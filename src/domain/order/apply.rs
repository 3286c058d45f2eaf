//! What an event makes of an order. Total and pure; the same live and in replay.

use super::event::OrderEvent;
use super::lifecycle::{Action, Lifecycle, State};
use super::line::{Line, LineCounters};
use super::state::{KeyClaim, Order, OrderBroken, Payment, Pending, PendingKind, Shipment};
use super::terms::{Deadline, DeadlineKind, Deduction};
use crate::domain::command::LineQuantity;
use crate::domain::ids::OrderId;
use crate::domain::record::{KeyMark, OrderRecord};
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;

impl Order {
    /// Applies the events of one record to `state` and checks what must hold afterwards.
    ///
    /// # Errors
    /// When the record does not follow on the state, or an invariant does not hold after it. The state is
    /// then unchanged, and whoever applies parks the order.
    pub fn apply(state: &mut Option<Self>, record: &OrderRecord) -> Result<(), OrderBroken> {
        let mut next = state.clone();
        for event in &record.events {
            apply_event(&mut next, &record.order, event, record.at)?;
        }
        let Some(order) = next.as_mut() else {
            return Err(broken("the record has no event"));
        };
        if order.version != record.version {
            return Err(broken(&format!(
                "version {} follows on the events, the record says {}",
                order.version, record.version
            )));
        }
        if let Some(pending) = order.pending.as_mut().filter(|p| p.claim.is_none() && p.by.is_none()) {
            pending.claim = record.mark.as_deref().and_then(started).cloned();
            pending.by.clone_from(&record.by);
        }
        order.check()?;
        *state = next;
        Ok(())
    }
}

fn started(mark: &KeyMark) -> Option<&KeyClaim> {
    match mark {
        KeyMark::Started(claim) => Some(claim),
        KeyMark::Answered(..) => None,
    }
}

fn broken(text: &str) -> OrderBroken {
    OrderBroken(text.into())
}

fn apply_event(
    state: &mut Option<Order>,
    id: &OrderId,
    event: &OrderEvent,
    at: Timestamp,
) -> Result<(), OrderBroken> {
    if matches!(event, OrderEvent::Placed { .. }) {
        if state.is_some() {
            return Err(broken("placed twice"));
        }
        *state = Some(placed(id, event, at)?);
        return Ok(());
    }
    let Some(order) = state.as_mut() else {
        return Err(broken("an event of an order that was never placed"));
    };
    order.version += 1;
    match event {
        OrderEvent::Placed { .. } => Ok(()),
        OrderEvent::Accepted => order.go(Action::Accept, at),
        OrderEvent::Reserved => order.reserved(at),
        OrderEvent::Refused { refusal } => {
            order.end_saga("a placement")?;
            order.refusal = Some(refusal.clone());
            order.each_line(|c| {
                c.cancelled = c.ordered;
                Ok(())
            })?;
            order.due = 0;
            order.go(Action::Refuse, at)
        }
        OrderEvent::PaymentRecorded { payment, method, amount } => {
            let payment = Payment { id: payment.clone(), method: method.clone(), amount: *amount, at };
            order.record_payment(payment)
        }
        OrderEvent::SettlementStarted if order.state == State::Accepted => {
            order.begin_saga(PendingKind::Taking)
        }
        OrderEvent::SettlementStarted => order.begin_saga(PendingKind::Settlement),
        OrderEvent::Settled => order.settled(at),
        OrderEvent::SettlementUndone { refusal, refund_due } => {
            order.settlement_undone(refusal, *refund_due, at)
        }
        OrderEvent::ShipmentStarted { lines } => order.begin_saga(PendingKind::Shipment(lines.clone())),
        OrderEvent::Shipped => order.shipped(at),
        OrderEvent::ShipmentUndone { refusal: _ } => order.end_saga("a shipment").map(|_| ()),
        OrderEvent::Delivered { lines } => order.delivered(lines, at),
        OrderEvent::CancellationStarted { lines, reason, expired } => {
            order.cancel_reason = Some(reason.clone());
            order.begin_saga(PendingKind::Cancellation { lines: lines.clone(), expired: *expired })
        }
        OrderEvent::Cancelled { refund_due } => order.cancelled(*refund_due, at),
        other => apply_later_life(order, other, at),
    }
}

/// The events of an order's later life, which move no stock themselves.
fn apply_later_life(order: &mut Order, event: &OrderEvent, at: Timestamp) -> Result<(), OrderBroken> {
    match event {
        OrderEvent::RefundDue { amount, .. } => order.add_refund(*amount),
        OrderEvent::RevivalStarted => order.begin_saga(PendingKind::Revival),
        OrderEvent::Revived => order.revived(at),
        OrderEvent::RevivalUndone { refund_due, .. } => {
            order.end_saga("a revival")?;
            order.add_refund(*refund_due)
        }
        OrderEvent::Picked => order.go(Action::Pick, at),
        OrderEvent::Packed => order.go(Action::Pack, at),
        OrderEvent::Confirmed { .. } => order.go(Action::Confirm, at),
        OrderEvent::Completed { .. } => order.go(Action::Complete, at),
        OrderEvent::Closed { .. } => order.go(Action::Close, at),
        OrderEvent::DeliveryChanged(delivery) => {
            order.delivery = Some(delivery.clone());
            Ok(())
        }
        OrderEvent::DeadlineExtended { until } => match &mut order.deadline {
            Some(deadline) => {
                deadline.at = *until;
                Ok(())
            }
            None => Err(broken("a deadline is put off that is not there")),
        },
        // A notice is for others to read.
        _ => Ok(()),
    }
}

/// The order that a `Placed` event makes.
fn placed(id: &OrderId, event: &OrderEvent, at: Timestamp) -> Result<Order, OrderBroken> {
    let OrderEvent::Placed { business, customer, currency, lifecycle, terms, origin, delivery, lines, cart } =
        event
    else {
        return Err(broken("not a placement"));
    };
    let initial = Lifecycle::of(*lifecycle)
        .ok_or_else(|| broken(&format!("lifecycle {} is unknown to this build", lifecycle.0)))?
        .initial;
    let lines: Vec<Line> = lines
        .iter()
        .map(|line| Line {
            sku: line.sku.clone(),
            seller: line.seller.clone(),
            gross: line.gross,
            discount: line.discount,
            shipping: line.shipping,
            counters: LineCounters { ordered: line.quantity, ..LineCounters::default() },
        })
        .collect();
    let due = lines
        .iter()
        .try_fold(0i64, |sum, line| sum.checked_add(line.net())?.checked_add(line.shipping))
        .ok_or_else(|| broken("the sum of the lines is too large"))?;
    let mut order = Order {
        id: id.clone(),
        version: 1,
        lifecycle: *lifecycle,
        terms: *terms,
        state: initial,
        business: business.clone(),
        customer: customer.clone(),
        cart: cart.clone(),
        currency: *currency,
        origin: *origin,
        placed_at: at,
        received_at: None,
        deadline: None,
        delivery: delivery.clone(),
        lines,
        payments: Vec::new(),
        shipments: Vec::new(),
        due,
        paid: 0,
        refund_due: 0,
        steps: 0,
        pending: None,
        expired: Vec::new(),
        refusal: None,
        cancel_reason: None,
        parked: None,
    };
    if terms.deduction == Deduction::AtPlacement {
        order.begin_saga(PendingKind::Placement)?;
    }
    Ok(order)
}

impl Order {
    /// Moves on by an action of the lifecycle. A new state brings its own deadline; one that is kept keeps it.
    fn go(&mut self, action: Action, at: Timestamp) -> Result<(), OrderBroken> {
        let next = self.allows(action).map_err(|refusal| broken(&refusal.to_string()))?;
        if next != self.state {
            self.state = next;
            self.deadline = self.deadline_from(at);
        }
        Ok(())
    }

    /// The moment that the present state, entered at `at`, waits for.
    fn deadline_from(&self, at: Timestamp) -> Option<Deadline> {
        let (kind, from, after) = match self.state {
            State::Accepted | State::Reserved => (DeadlineKind::Payment, at, self.terms.pay_within_ms),
            State::Delivered => (DeadlineKind::Confirmation, at, self.terms.confirm_after_ms),
            State::Confirmed => {
                (DeadlineKind::Completion, self.received_at.unwrap_or(at), self.terms.complete_after_ms)
            }
            _ => return None,
        };
        Some(Deadline { kind, at: from.plus_millis(after?) })
    }

    fn begin_saga(&mut self, kind: PendingKind) -> Result<(), OrderBroken> {
        if self.pending.is_some() {
            return Err(broken("a saga begins while another is under way"));
        }
        let step = self.steps.saturating_add(1);
        // Two numbers: one for the way forward and one for undoing it.
        self.steps = step.saturating_add(1);
        self.pending = Some(Pending { kind, step, claim: None, by: None });
        Ok(())
    }

    fn end_saga(&mut self, what: &str) -> Result<PendingKind, OrderBroken> {
        self.pending
            .take()
            .map(|pending| pending.kind)
            .ok_or_else(|| broken(&format!("the end of {what} that never began")))
    }

    fn each_line(
        &mut self,
        change: impl Fn(&mut LineCounters) -> Result<(), OrderBroken>,
    ) -> Result<(), OrderBroken> {
        self.lines.iter_mut().try_for_each(|line| change(&mut line.counters))
    }

    /// Changes the counters of the lines that `parts` name.
    fn each_part(
        &mut self,
        parts: &[LineQuantity],
        change: impl Fn(&mut LineCounters, u32) -> Option<()>,
    ) -> Result<(), OrderBroken> {
        for part in parts {
            let line = (part.line as usize)
                .checked_sub(1)
                .and_then(|index| self.lines.get_mut(index))
                .ok_or_else(|| broken(&format!("the order has no line {}", part.line)))?;
            change(&mut line.counters, part.quantity).ok_or_else(|| {
                broken(&format!("line {}: {} units are not there", part.line, part.quantity))
            })?;
        }
        Ok(())
    }

    fn reserved(&mut self, at: Timestamp) -> Result<(), OrderBroken> {
        self.end_saga("a placement")?;
        self.each_line(|c| {
            c.reserved = c.ordered;
            Ok(())
        })?;
        self.go(Action::Reserve, at)
    }

    fn record_payment(&mut self, payment: Payment) -> Result<(), OrderBroken> {
        self.paid = self
            .paid
            .checked_add(payment.amount)
            .filter(|_| payment.amount >= 0)
            .ok_or_else(|| broken("a payment is negative or too large"))?;
        self.payments.push(payment);
        Ok(())
    }

    fn add_refund(&mut self, minor: i64) -> Result<(), OrderBroken> {
        self.refund_due =
            self.refund_due.checked_add(minor).ok_or_else(|| broken("the refund is too large"))?;
        Ok(())
    }

    fn settled(&mut self, at: Timestamp) -> Result<(), OrderBroken> {
        self.end_saga("a settlement")?;
        self.each_line(|c| {
            c.committed = c.open();
            c.reserved = 0;
            Ok(())
        })?;
        self.go(Action::Settle, at)
    }

    /// Stock could not be committed. Where it had not been held, the order is over.
    fn settlement_undone(
        &mut self,
        refusal: &Refusal,
        refund_due: i64,
        at: Timestamp,
    ) -> Result<(), OrderBroken> {
        let kind = self.end_saga("a settlement")?;
        self.add_refund(refund_due)?;
        if kind == PendingKind::Taking {
            self.refusal = Some(refusal.clone());
            self.each_line(|c| {
                c.cancelled = c.ordered;
                Ok(())
            })?;
            self.due = 0;
            self.go(Action::Refuse, at)?;
        }
        Ok(())
    }

    fn revived(&mut self, at: Timestamp) -> Result<(), OrderBroken> {
        self.end_saga("a revival")?;
        self.due = self.due.saturating_add(self.price_of_expired());
        let parts = std::mem::take(&mut self.expired);
        self.each_part(&parts, |c, units| {
            c.cancelled = c.cancelled.checked_sub(units)?;
            c.reserved = c.reserved.checked_add(units)?;
            Some(())
        })?;
        self.cancel_reason = None;
        self.go(Action::Revive, at)
    }

    fn shipped(&mut self, at: Timestamp) -> Result<(), OrderBroken> {
        let PendingKind::Shipment(parts) = self.end_saga("a shipment")? else {
            return Err(broken("a shipment ends where another saga began"));
        };
        let action = self.ship_action(&parts);
        self.each_part(&parts, |c, units| {
            c.committed = c.committed.checked_sub(units)?;
            c.shipped = c.shipped.checked_add(units)?;
            Some(())
        })?;
        self.shipments.push(Shipment { lines: parts, at });
        self.go(action, at)
    }

    fn delivered(&mut self, parts: &[LineQuantity], at: Timestamp) -> Result<(), OrderBroken> {
        let action = self.deliver_action(parts);
        self.each_part(parts, |c, units| {
            c.delivered = c.delivered.checked_add(units)?;
            Some(())
        })?;
        self.received_at = Some(at);
        self.go(action, at)
    }

    fn cancelled(&mut self, refund_due: i64, at: Timestamp) -> Result<(), OrderBroken> {
        let PendingKind::Cancellation { lines: parts, expired } = self.end_saga("a cancellation")? else {
            return Err(broken("a cancellation ends where another saga began"));
        };
        let action = if expired { Action::Expire } else { self.cancel_action(&parts) };
        let price = self.price_of(&parts);
        self.each_part(&parts, |c, units| {
            // Units that were only reserved go first; an order never has both kinds in one line.
            let reserved = units.min(c.reserved);
            c.reserved -= reserved;
            let committed = (units - reserved).min(c.committed);
            c.committed -= committed;
            c.cancelled = c.cancelled.checked_add(units)?;
            Some(())
        })?;
        self.due = self.due.saturating_sub(price);
        self.add_refund(refund_due)?;
        if expired {
            self.expired = parts;
        }
        self.go(action, at)
    }
}
