//! What an event makes of an order. Total and pure; the same live and in replay.

use super::event::OrderEvent;
use super::lifecycle::{Action, Lifecycle, State};
use super::line::Line;
use super::state::{KeyClaim, Order, OrderBroken, Payment, PendingKind};
use crate::domain::ids::OrderId;
use crate::domain::record::{KeyMark, OrderRecord};
use crate::domain::time::Timestamp;

impl Order {
    /// Applies the events of one record to `state` and checks what must hold afterwards. A record that retires
    /// the order leaves no state: what remains is [`super::Tombstone::of`] the record.
    ///
    /// # Errors
    /// When the record does not follow on the state, or an invariant does not hold after it. The state is
    /// then unchanged, and whoever applies parks the order.
    pub fn apply(state: &mut Option<Self>, record: &OrderRecord) -> Result<(), OrderBroken> {
        let mut next = state.clone();
        let mut retired = false;
        for event in &record.events {
            if retired {
                return Err(broken("something happens behind a retirement"));
            }
            apply_event(&mut next, &record.order, event, record.at)?;
            retired = matches!(event, OrderEvent::Retired);
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
        if let Some(pending) = &mut order.pending {
            let done = |event: &OrderEvent| {
                use OrderEvent::{Cancelled, EditAccepted, Settled};
                matches!(event, Cancelled { .. } | Settled | EditAccepted { .. })
            };
            pending.granted |= record.events.iter().any(done);
        }
        order.note_filled(record.at)?;
        order.check()?;
        if retired {
            *state = None;
            return Ok(());
        }
        order.note_closed(record.at);
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
    if let OrderEvent::SplitOff(born) = event {
        if state.is_some() {
            return Err(broken("split off and there already"));
        }
        *state = Some(super::split::born(id, born, at)?);
        return Ok(());
    }
    let Some(order) = state.as_mut() else {
        return Err(broken("an event of an order that was never placed"));
    };
    order.version += 1;
    match event {
        OrderEvent::Placed { .. } => Ok(()),
        OrderEvent::Accepted => order.go(Action::Accept, at),
        OrderEvent::FellShort { missing, refund_due } => order.fell_short(missing, *refund_due),
        OrderEvent::Backordered { lines, filled } => order.wait_for(lines, filled),
        OrderEvent::Filled { filled, lines } => order.fill(filled, lines),
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
        OrderEvent::ShortShipmentStarted { lines, missing, reason } => {
            let (lines, missing, reason) = (lines.clone(), missing.clone(), reason.clone());
            order.begin_saga(PendingKind::ShortShipment { lines, missing, reason })
        }
        OrderEvent::RefundDue { amount, .. } => order.add_refund(*amount),
        OrderEvent::RevivalStarted => order.begin_saga(PendingKind::Revival),
        OrderEvent::Revived => order.revived(at),
        OrderEvent::RevivalUndone { refund_due, .. } => {
            order.end_saga("a revival")?;
            order.add_refund(*refund_due)
        }
        OrderEvent::HandOverStarted { lines } => order.begin_saga(PendingKind::HandOver(lines.clone())),
        OrderEvent::HandedOver => order.handed_over(at),
        OrderEvent::HandOverUndone { refusal: _ } => order.hand_over_undone(at),
        OrderEvent::Picked => order.go(Action::Pick, at),
        OrderEvent::Packed => order.go(Action::Pack, at),
        OrderEvent::Confirmed { .. } => order.go(Action::Confirm, at),
        OrderEvent::Completed { .. } => order.go(Action::Complete, at),
        OrderEvent::Closed { .. } => order.go(Action::Close, at),
        OrderEvent::Retired => order.check_over(),
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
        // A notice, too, is for others to read.
        other => apply_change(order, other, at),
    }
}

/// The events that make another order of it than the one that was placed.
fn apply_change(order: &mut Order, event: &OrderEvent, at: Timestamp) -> Result<(), OrderBroken> {
    match event {
        OrderEvent::EditStaged(edit) => {
            order.edit = Some(edit.clone());
            Ok(())
        }
        OrderEvent::EditDeclined => {
            order.edit = None;
            Ok(())
        }
        OrderEvent::EditStarted => order.begin_saga(PendingKind::EditReserve),
        OrderEvent::EditReleasing => order.begin_release(),
        OrderEvent::EditAccepted { refund_due } => order.edited(*refund_due, at),
        OrderEvent::EditUndone { .. } => order.end_saga("an edit").map(|_| ()),
        OrderEvent::SupplementStarted => order.begin_saga(PendingKind::Supplement),
        OrderEvent::Supplemented => order.supplemented(),
        OrderEvent::SupplementUndone { refund_due, .. } => {
            order.end_saga("a supplement")?;
            order.add_refund(*refund_due)
        }
        OrderEvent::SplitStarted { portions } => order.begin_saga(PendingKind::Split(portions.clone())),
        OrderEvent::PassedOn => order.passed_on(),
        OrderEvent::Split => order.split(),
        OrderEvent::SplitUndone { .. } => order.end_saga("a split").map(|_| ()),
        OrderEvent::ChildChanged(news) => order.child_changed(news),
        _ => Ok(()),
    }
}

/// The order that a `Placed` event makes.
fn placed(id: &OrderId, event: &OrderEvent, at: Timestamp) -> Result<Order, OrderBroken> {
    let OrderEvent::Placed {
        business,
        customer,
        currency,
        lifecycle,
        terms,
        when_short,
        origin,
        delivery,
        lines,
        cart,
    } = event
    else {
        return Err(broken("not a placement"));
    };
    let initial = Lifecycle::of(*lifecycle)
        .ok_or_else(|| broken(&format!("lifecycle {} is unknown to this build", lifecycle.0)))?
        .initial;
    let lines: Vec<Line> = lines.iter().map(Line::placed).collect();
    let due = lines
        .iter()
        .try_fold(0i64, |sum, line| sum.checked_add(line.net())?.checked_add(line.shipping))
        .ok_or_else(|| broken("the sum of the lines is too large"))?;
    let mut order = Order {
        id: id.clone(),
        version: 1,
        lifecycle: *lifecycle,
        terms: *terms,
        when_short: *when_short,
        state: initial,
        business: business.clone(),
        customer: customer.clone(),
        cart: cart.clone(),
        currency: *currency,
        origin: *origin,
        placed_at: at,
        received_at: None,
        deadline: None,
        closed_at: None,
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
        missing: Vec::new(),
        filled: Vec::new(),
        refusal: None,
        cancel_reason: None,
        edit: None,
        family: None,
        parked: None,
    };
    if event.begins_saga() {
        order.begin_saga(PendingKind::Placement)?;
    }
    Ok(order)
}
