//! The changes that events make of an order, one method each; `apply` says which event makes which.

use super::lifecycle::{Action, State};
use super::line::{Line, LineCounters};
use super::state::{Order, OrderBroken, Payment, Pending, PendingKind, Shipment};
use super::terms::{Deadline, DeadlineKind};
use crate::domain::command::LineQuantity;
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;

fn broken(text: &str) -> OrderBroken {
    OrderBroken(text.into())
}

impl Order {
    /// Moves on by an action of the lifecycle. A new state brings its own deadline; one that is kept keeps it.
    pub(super) fn go(&mut self, action: Action, at: Timestamp) -> Result<(), OrderBroken> {
        let next = self.allows(action).map_err(|refusal| broken(&refusal.to_string()))?;
        if next != self.state {
            self.state = next;
            self.deadline = self.deadline_from(at);
            if self.edit.is_some() && self.allows(Action::Edit).is_err() {
                self.edit = None;
            }
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
            State::Active => (DeadlineKind::PeriodEnd, at, self.terms.active_for_ms),
            _ => return None,
        };
        Some(Deadline { kind, at: from.plus_millis(after?) })
    }

    pub(super) fn begin_saga(&mut self, kind: PendingKind) -> Result<(), OrderBroken> {
        if self.pending.is_some() {
            return Err(broken("a saga begins while another is under way"));
        }
        let step = self.steps.saturating_add(1);
        // Two numbers: one for the way forward and one for undoing it.
        self.steps = step.saturating_add(1);
        self.pending = Some(Pending { kind, step, claim: None, by: None, granted: false });
        Ok(())
    }

    pub(super) fn end_saga(&mut self, what: &str) -> Result<PendingKind, OrderBroken> {
        self.pending
            .take()
            .map(|pending| pending.kind)
            .ok_or_else(|| broken(&format!("the end of {what} that never began")))
    }

    pub(super) fn each_line(
        &mut self,
        change: impl Fn(&mut LineCounters) -> Result<(), OrderBroken>,
    ) -> Result<(), OrderBroken> {
        self.lines.iter_mut().try_for_each(|line| change(&mut line.counters))
    }

    /// Changes the counters of the lines that `parts` name.
    pub(super) fn each_part(
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

    /// Units that were not there: called off before the rest is reserved or settled.
    pub(super) fn fell_short(
        &mut self,
        missing: &[LineQuantity],
        refund_due: i64,
    ) -> Result<(), OrderBroken> {
        let price = self.price_of(missing);
        self.each_part(missing, |c, units| {
            c.cancelled = c.cancelled.checked_add(units)?;
            Some(())
        })?;
        self.due = self.due.saturating_sub(price);
        self.missing.extend_from_slice(missing);
        self.missing.sort_by_key(|part| part.line);
        self.add_refund(refund_due)
    }

    pub(super) fn reserved(&mut self, at: Timestamp) -> Result<(), OrderBroken> {
        self.end_saga("a placement")?;
        for line in self.lines.iter_mut().filter(|line| !line.at_payment) {
            line.counters.reserved = line.counters.active().saturating_sub(line.counters.backordered);
        }
        self.go(Action::Reserve, at)
    }

    pub(super) fn record_payment(&mut self, payment: Payment) -> Result<(), OrderBroken> {
        self.paid = self
            .paid
            .checked_add(payment.amount)
            .filter(|_| payment.amount >= 0)
            .ok_or_else(|| broken("a payment is negative or too large"))?;
        self.payments.push(payment);
        Ok(())
    }

    pub(super) fn add_refund(&mut self, minor: i64) -> Result<(), OrderBroken> {
        self.refund_due =
            self.refund_due.checked_add(minor).ok_or_else(|| broken("the refund is too large"))?;
        Ok(())
    }

    pub(super) fn settled(&mut self, at: Timestamp) -> Result<(), OrderBroken> {
        self.end_saga("a settlement")?;
        self.each_line(|c| {
            c.committed = c.open().saturating_sub(c.backordered);
            c.reserved = 0;
            Ok(())
        })?;
        let ahead = self.waits() && self.allows(Action::SettleAhead).is_ok();
        self.go(if ahead { Action::SettleAhead } else { Action::Settle }, at)
    }

    /// Stock could not be committed. Where it had not been held, the order is over.
    pub(super) fn settlement_undone(
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

    pub(super) fn revived(&mut self, at: Timestamp) -> Result<(), OrderBroken> {
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

    pub(super) fn shipped(&mut self, at: Timestamp) -> Result<(), OrderBroken> {
        let parts = match self.end_saga("a shipment")? {
            PendingKind::Shipment(parts) | PendingKind::ShortShipment { lines: parts, .. } => parts,
            _ => return Err(broken("a shipment ends where another saga began")),
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

    pub(super) fn delivered(&mut self, parts: &[LineQuantity], at: Timestamp) -> Result<(), OrderBroken> {
        let action = self.deliver_action(parts);
        self.each_part(parts, |c, units| {
            c.delivered = c.delivered.checked_add(units)?;
            Some(())
        })?;
        self.received_at = Some(at);
        self.go(action, at)
    }

    pub(super) fn cancelled(&mut self, refund_due: i64, at: Timestamp) -> Result<(), OrderBroken> {
        let PendingKind::Cancellation { lines: parts, expired } = self.end_saga("a cancellation")? else {
            return Err(broken("a cancellation ends where another saga began"));
        };
        let action = if expired { Action::Expire } else { self.cancel_action(&parts) };
        let price = self.price_of(&parts);
        let held = |line: &Line| (line.counters.reserved, line.counters.committed);
        // Where nothing waits, there is nothing to pass on.
        let before: Vec<_> = if self.waits() { self.lines.iter().map(held).collect() } else { Vec::new() };
        self.each_part(&parts, |c, units| {
            // In the order in which a SKU gives back: what waits, what is reserved, what is committed.
            let waiting = units.min(c.backordered);
            c.backordered -= waiting;
            let reserved = (units - waiting).min(c.reserved);
            c.reserved -= reserved;
            let committed = (units - waiting - reserved).min(c.committed);
            c.committed -= committed;
            c.cancelled = c.cancelled.checked_add(units)?;
            Some(())
        })?;
        self.pass_on(&before);
        self.due = self.due.saturating_sub(price);
        self.add_refund(refund_due)?;
        if expired {
            self.expired = parts;
        }
        self.go(action, at)
    }
}
