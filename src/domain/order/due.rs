//! What happens to an order because time has passed, and the commands that follow its way without stock. Pure.
//!
//! `now ≥ deadline` counts as passed whether or not a timer has fired: whoever decides on a command asks
//! [`decide_due`] first, so that "paid in time" and "timed out" cannot both happen.

use smallvec::smallvec;

use super::decide::Events;
use super::event::OrderEvent;
use super::lifecycle::{Action, State};
use super::state::Order;
use super::terms::{DeadlineKind, Notice};
use crate::domain::command::{
    ChangeDelivery, CloseOrder, ExtendDeadline, LineQuantity, ProgressOrder, ProgressStep,
};
use crate::domain::refusal::{Refusal, check_reason};
use crate::domain::time::Timestamp;

/// What is due at `now`; empty when nothing is. Asked again after its events were applied, it may answer more.
#[must_use]
pub fn decide_due(order: &Order, now: Timestamp) -> Events {
    let due = order.deadline.filter(|deadline| deadline.at <= now);
    let Some(deadline) = due.filter(|_| order.pending.is_none() && order.parked.is_none()) else {
        return Events::new();
    };
    match deadline.kind {
        DeadlineKind::Payment => smallvec![
            OrderEvent::NoticeRaised(Notice::PaymentTimedOut),
            OrderEvent::CancellationStarted {
                lines: order.open_lines(),
                reason: "not paid in time".into(),
                expired: true,
            },
        ],
        DeadlineKind::Confirmation => smallvec![OrderEvent::Confirmed { automatic: true }],
        DeadlineKind::Completion => smallvec![OrderEvent::Completed { automatic: true }],
        DeadlineKind::PeriodEnd | DeadlineKind::HandOver => smallvec![order.hand_over()],
    }
}

pub(super) fn decide_progress(order: &Order, progress: &ProgressOrder) -> Result<Events, Refusal> {
    let (action, event) = match progress.step {
        ProgressStep::Pick => (Action::Pick, OrderEvent::Picked),
        ProgressStep::Pack => (Action::Pack, OrderEvent::Packed),
        ProgressStep::Confirm => (Action::Confirm, OrderEvent::Confirmed { automatic: false }),
        // What is completed by its being handed over.
        ProgressStep::Complete if order.allows(Action::HandOver) == Ok(State::Completed) => {
            (Action::HandOver, order.hand_over())
        }
        ProgressStep::Complete => (Action::Complete, OrderEvent::Completed { automatic: false }),
        ProgressStep::HandOver => (Action::HandOver, order.hand_over()),
    };
    order.allows(action)?;
    Ok(smallvec![event])
}

pub(super) fn decide_close(order: &Order, close: &CloseOrder) -> Result<Events, Refusal> {
    check_reason(&close.reason)?;
    order.allows(Action::Close)?;
    Ok(smallvec![OrderEvent::Closed { reason: close.reason.clone() }])
}

pub(super) fn decide_change(order: &Order, change: &ChangeDelivery) -> Result<Events, Refusal> {
    order.allows(Action::Modify)?;
    Ok(smallvec![OrderEvent::DeliveryChanged(change.delivery.clone())])
}

pub(super) fn decide_extend(order: &Order, extend: &ExtendDeadline) -> Result<Events, Refusal> {
    order.allows(Action::Extend)?;
    match order.deadline {
        Some(deadline) if extend.until > deadline.at => {
            Ok(smallvec![OrderEvent::DeadlineExtended { until: extend.until }])
        }
        _ => Err(Refusal::DeadlineNotLater),
    }
}

impl Order {
    /// All units that were neither called off nor shipped, by line.
    pub(super) fn open_lines(&self) -> Vec<LineQuantity> {
        let parts = self
            .lines
            .iter()
            .zip(1..)
            .map(|(line, number)| LineQuantity { line: number, quantity: line.counters.open() });
        parts.filter(|part| part.quantity > 0).collect()
    }
}
