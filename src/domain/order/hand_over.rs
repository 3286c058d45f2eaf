//! Units that are the buyer's without a shipment: they are taken out of stock and delivered in one saga. Pure.
//!
//! Virtual goods go that way straight from their settlement, a membership when its period ends. Where a SKU
//! stands in the way, because it is parked, it is tried again after a while; until then nothing is lost, since the
//! units are committed.

use super::event::OrderEvent;
use super::lifecycle::{Action, Lifecycle, State};
use super::state::{Order, OrderBroken, PendingKind};
use super::terms::{Deadline, DeadlineKind};
use crate::domain::command::LineQuantity;
use crate::domain::time::Timestamp;

/// After how many milliseconds a hand-over that was undone is tried again.
const RETRY_MS: u64 = 10 * 60 * 1_000;

impl Order {
    /// The hand-over of all that is committed.
    pub(super) fn hand_over(&self) -> OrderEvent {
        let parts = self.lines.iter().zip(1..);
        let parts = parts.map(|(line, n)| LineQuantity { line: n, quantity: line.counters.committed });
        OrderEvent::HandOverStarted { lines: parts.filter(|part| part.quantity > 0).collect() }
    }

    /// The hand-over that follows on the events with which a settlement ends, in a lifecycle where what is paid
    /// is handed over.
    pub(super) fn hand_over_behind(&self, events: &[OrderEvent]) -> Option<OrderEvent> {
        let settled = events.iter().any(|event| matches!(event, OrderEvent::Settled));
        let lifecycle = Lifecycle::of(self.lifecycle).filter(|_| settled)?;
        let paid = lifecycle.next(self.state, Action::Settle)?;
        if paid != State::Paid || lifecycle.next(paid, Action::HandOver).is_none() {
            return None;
        }
        let mut lines = self.open_lines();
        for event in events {
            if let OrderEvent::FellShort { missing: gone, .. } | OrderEvent::Backordered { lines: gone, .. } =
                event
            {
                take_off(&mut lines, gone);
            }
        }
        Some(OrderEvent::HandOverStarted { lines })
    }

    pub(super) fn handed_over(&mut self, at: Timestamp) -> Result<(), OrderBroken> {
        let PendingKind::HandOver(parts) = self.end_saga("a hand-over")? else {
            return Err(OrderBroken("a hand-over ends where another saga began".into()));
        };
        self.each_part(&parts, |c, units| {
            c.committed = c.committed.checked_sub(units)?;
            c.shipped = c.shipped.checked_add(units)?;
            c.delivered = c.delivered.checked_add(units)?;
            Some(())
        })?;
        self.received_at = Some(at);
        self.go(Action::HandOver, at)
    }

    pub(super) fn hand_over_undone(&mut self, at: Timestamp) -> Result<(), OrderBroken> {
        self.end_saga("a hand-over")?;
        // One that was asked for by hand was refused, and is not done later.
        if self.deadline.is_none_or(|deadline| deadline.at <= at) {
            self.deadline = Some(Deadline { kind: DeadlineKind::HandOver, at: at.plus_millis(RETRY_MS) });
        }
        Ok(())
    }
}

/// Takes the units of `gone` off the lines.
fn take_off(lines: &mut Vec<LineQuantity>, gone: &[LineQuantity]) {
    for part in lines.iter_mut() {
        let off = gone.iter().filter(|gone| gone.line == part.line).map(|gone| gone.quantity);
        part.quantity = off.fold(part.quantity, u32::saturating_sub);
    }
    lines.retain(|part| part.quantity > 0);
}
