//! What an order makes of a command: events, or a refusal. Pure.

use smallvec::{SmallVec, smallvec};

use super::due;
use super::edit;
use super::event::OrderEvent;
use super::lifecycle::{Action, Lifecycle, State};
use super::line::Line;
use super::retire;
use super::sale::{SaleRules, placed_lines};
use super::short;
use super::split;
use super::state::Order;
use super::terms::{LatePayment, OrderType, RefundCause, Terms, WhenShort};
use crate::domain::command::{
    CancelOrder, DeliverOrder, LineQuantity, LineRequest, OrderCommand, PayOrder, PlaceOrder, Settlement,
    ShipOrder,
};
use crate::domain::ids::{IdOrigin, PaymentId};
use crate::domain::refusal::{Refusal, check_reason};

/// The events of one decision.
pub(crate) type Events = SmallVec<[OrderEvent; 2]>;

/// Limits that the engine's configuration sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most lines of an order, the parts of its kits included.
    pub lines_max: usize,
}

/// Decides on a placement of an order that does not exist yet. `rules` are those of what it sells.
///
/// # Errors
/// A refusal when the order has no line or too many, with the parts of its kits, or a line makes no sense. Whether there is stock is
/// decided by the SKUs afterwards.
pub fn decide_place(
    command: &PlaceOrder,
    origin: IdOrigin,
    limits: Limits,
    terms: Terms,
    rules: &SaleRules,
) -> Result<Events, Refusal> {
    if command.order.as_ref().is_some_and(split::is_derived) {
        return Err(Refusal::OrderIdReserved);
    }
    if command.lines.is_empty() {
        return Err(Refusal::NoLines);
    }
    if command.lines.len() > limits.lines_max {
        return Err(Refusal::TooManyLines {
            lines: command.lines.len() as u64,
            max: limits.lines_max as u64,
        });
    }
    let named = command.order_type == OrderType::FlashSale || terms.units_per_buyer_max.is_some();
    if named && command.customer.is_none() {
        return Err(Refusal::CustomerRequired);
    }
    let mut due: i64 = 0;
    for (line, number) in command.lines.iter().zip(1..) {
        due = check_line(line, number).and_then(|cost| due.checked_add(cost).ok_or(Refusal::Overflow))?;
    }
    let lines = placed_lines(&command.lines, terms, rules, limits.lines_max)?;
    let accepted = lines.iter().all(|line| line.at_payment);
    let mut events: Events = smallvec![OrderEvent::Placed {
        business: command.business.clone(),
        customer: command.customer.clone(),
        cart: command.cart.clone(),
        currency: command.currency,
        lifecycle: command.order_type.lifecycle(),
        terms,
        when_short: WhenShort {
            wait: command.order_type.waits(command.may_wait),
            partial: command.allow_partial,
        },
        origin,
        delivery: command.delivery.clone(),
        lines,
    }];
    if accepted {
        events.push(OrderEvent::Accepted);
    }
    Ok(events)
}

/// What the line costs with its shipping.
fn check_line(line: &LineRequest, number: u32) -> Result<i64, Refusal> {
    if line.quantity == 0 {
        return Err(Refusal::QuantityNotPositive { line: number });
    }
    if line.gross < 0 || line.discount < 0 || line.shipping < 0 || line.discount > line.gross {
        return Err(Refusal::InvalidAmount { line: number });
    }
    (line.gross - line.discount).checked_add(line.shipping).ok_or(Refusal::Overflow)
}

/// Decides on a command to an order that exists and has no saga under way.
///
/// # Errors
/// A refusal: the order is parked, its lifecycle has no such move, or the command asks for what is not there.
pub fn decide(order: &Order, command: &OrderCommand) -> Result<Events, Refusal> {
    match command {
        OrderCommand::Place(_) | OrderCommand::Retire(_) => order.check_unparked()?,
        _ => order.takes_commands()?,
    }
    match command {
        OrderCommand::Place(_) => Err(Refusal::OrderExists),
        OrderCommand::Split(split) => split::decide_split(order, split),
        OrderCommand::Pay(pay) => decide_pay(order, pay),
        OrderCommand::Ship(ship) => decide_ship(order, ship),
        OrderCommand::Deliver(deliver) => decide_deliver(order, deliver),
        OrderCommand::Cancel(cancel) => decide_cancel(order, cancel),
        OrderCommand::Progress(progress) => due::decide_progress(order, progress),
        OrderCommand::ChangeDelivery(change) => due::decide_change(order, change),
        OrderCommand::ExtendDeadline(extend) => due::decide_extend(order, extend),
        OrderCommand::Close(close) => due::decide_close(order, close),
        OrderCommand::Retire(retire) => retire::decide_retire(order, retire),
        OrderCommand::ShipShort(short) => short::decide_short(order, short),
        // Whoever knows rules of SKUs asks for them itself.
        OrderCommand::StageEdit(stage) => {
            edit::decide_stage(order, stage, Limits { lines_max: usize::MAX }, &SaleRules::default())
        }
        OrderCommand::AcceptEdit(accept) => edit::decide_accept(order, accept),
        OrderCommand::DeclineEdit(decline) => edit::decide_decline(order, decline),
    }
}

impl Order {
    fn check_unparked(&self) -> Result<(), Refusal> {
        self.parked.as_ref().map_or(Ok(()), |reason| Err(Refusal::Parked { reason: reason.clone() }))
    }

    /// Whether it takes commands about what is in it: it does neither while it is parked nor once it is split.
    pub(super) fn takes_commands(&self) -> Result<(), Refusal> {
        self.check_unparked()?;
        if self.is_split() {
            return Err(Refusal::OrderSplit { children: self.children().len() as u64 });
        }
        Ok(())
    }
}

fn decide_pay(order: &Order, pay: &PayOrder) -> Result<Events, Refusal> {
    let can_settle = order.allows(Action::Settle).is_ok();
    let late = order.allows(Action::PayLate).is_ok();
    if !can_settle && !late {
        order.allows(Action::PayPart)?;
    }
    if pay.amount.currency != order.currency {
        return Err(Refusal::CurrencyMismatch { expected: order.currency, got: pay.amount.currency });
    }
    if pay.amount.minor < 0 {
        return Err(Refusal::InvalidAmount { line: 0 });
    }
    let paid = order.paid.checked_add(pay.amount.minor).ok_or(Refusal::Overflow)?;
    let payment = payment_id(order, pay)?;
    let mut events: Events = smallvec![OrderEvent::PaymentRecorded {
        payment,
        method: pay.method.clone(),
        amount: pay.amount.minor,
    }];
    if late {
        events.push(late_payment(order, pay.amount.minor));
        return Ok(events);
    }
    if !can_settle && !order.has_unpaid_units() {
        events.extend(beyond_due(order, pay.amount.minor));
        return Ok(events);
    }
    let settles = match pay.settlement {
        Settlement::WhenCovered => paid.saturating_sub(order.refund_due) >= order.due,
        Settlement::Declared => true,
        Settlement::PartOnly => false,
    };
    if settles {
        let supplement = !can_settle;
        let started = if supplement { OrderEvent::SupplementStarted } else { OrderEvent::SettlementStarted };
        events.push(started);
    }
    Ok(events)
}

/// What becomes of a payment on a cancelled order: it revives one that timed out and that it covers, if the
/// terms say so; else it is due back.
fn late_payment(order: &Order, amount: i64) -> OrderEvent {
    let revives = order.terms.late_payment == LatePayment::Revive && order.allows(Action::Revive).is_ok();
    if revives && !order.expired.is_empty() && amount >= order.price_of_expired() {
        OrderEvent::RevivalStarted
    } else {
        OrderEvent::RefundDue { amount, cause: RefundCause::Late }
    }
}

/// What a payment on a settled order brings beyond what is due, where the terms give that back.
fn beyond_due(order: &Order, amount: i64) -> Option<OrderEvent> {
    let kept = order.paid.saturating_sub(order.refund_due);
    let cause = if kept >= order.due { RefundCause::Duplicate } else { RefundCause::Excess };
    let beyond = kept.saturating_add(amount).saturating_sub(order.due).min(amount);
    (order.terms.refund_excess && beyond > 0).then_some(OrderEvent::RefundDue { amount: beyond, cause })
}

/// The payment's id: the caller's if it is new to the order, else the first free number.
fn payment_id(order: &Order, pay: &PayOrder) -> Result<PaymentId, Refusal> {
    let taken = |id: &PaymentId| order.payments.iter().any(|p| p.id == *id);
    match &pay.payment {
        Some(id) if taken(id) => Err(Refusal::DuplicatePayment),
        Some(id) => Ok(id.clone()),
        None => (order.payments.len() + 1..)
            .filter_map(|number| PaymentId::new(number.to_string()).ok())
            .find(|id| !taken(id))
            .ok_or(Refusal::Overflow),
    }
}

fn decide_ship(order: &Order, ship: &ShipOrder) -> Result<Events, Refusal> {
    order.allows_one_of(Action::ShipPart, Action::ShipAll)?;
    let lines = resolve(order, &ship.lines, Action::ShipPart, |line| line.counters.committed)?;
    order.allows(order.ship_action(&lines))?;
    Ok(smallvec![OrderEvent::ShipmentStarted { lines }])
}

fn decide_deliver(order: &Order, deliver: &DeliverOrder) -> Result<Events, Refusal> {
    order.allows_one_of(Action::DeliverPart, Action::DeliverAll)?;
    let lines = resolve(order, &deliver.lines, Action::DeliverPart, |line| line.counters.under_way())?;
    order.allows(order.deliver_action(&lines))?;
    Ok(smallvec![OrderEvent::Delivered { lines }])
}

fn decide_cancel(order: &Order, cancel: &CancelOrder) -> Result<Events, Refusal> {
    check_reason(&cancel.reason)?;
    order.allows_one_of(Action::CancelPart, Action::Cancel)?;
    let lines = resolve(order, &cancel.lines, Action::CancelPart, |line| line.counters.open())?;
    order.allows(order.cancel_action(&lines))?;
    let reason = cancel.reason.clone();
    Ok(smallvec![OrderEvent::CancellationStarted { lines, reason, expired: false }])
}

/// The units a command names, line by line and each line once, or all that is `left` if it names none.
pub(super) fn resolve(
    order: &Order,
    asked: &[LineQuantity],
    action: Action,
    left: impl Fn(&Line) -> u32,
) -> Result<Vec<LineQuantity>, Refusal> {
    if asked.is_empty() {
        let all: Vec<_> = order
            .lines
            .iter()
            .zip(1..)
            .map(|(line, number)| LineQuantity { line: number, quantity: left(line) })
            .filter(|part| part.quantity > 0)
            .collect();
        return if all.is_empty() { Err(Refusal::NothingLeft { action }) } else { Ok(all) };
    }
    let mut sums = std::collections::BTreeMap::<u32, u64>::new();
    for part in asked {
        if part.quantity == 0 {
            return Err(Refusal::QuantityNotPositive { line: part.line });
        }
        *sums.entry(part.line).or_default() += u64::from(part.quantity);
    }
    let mut parts = Vec::with_capacity(sums.len());
    for (number, requested) in sums {
        let line = order.line(number).ok_or(Refusal::UnknownLine { line: number })?;
        let left = left(line);
        match u32::try_from(requested) {
            Ok(quantity) if quantity <= left => parts.push(LineQuantity { line: number, quantity }),
            _ => {
                return Err(Refusal::QuantityExceeded { line: number, action, requested, left: left.into() });
            }
        }
    }
    Ok(parts)
}

impl Order {
    /// Line `number`, counted from 1.
    #[must_use]
    pub fn line(&self, number: u32) -> Option<&Line> {
        self.lines.get((number as usize).checked_sub(1)?)
    }

    /// Where `action` leads from the order's state, or the refusal.
    pub(crate) fn allows(&self, action: Action) -> Result<State, Refusal> {
        Lifecycle::of(self.lifecycle)
            .and_then(|lifecycle| lifecycle.next(self.state, action))
            .ok_or(Refusal::WrongState { state: self.state, action })
    }

    pub(super) fn allows_one_of(&self, first: Action, second: Action) -> Result<(), Refusal> {
        self.allows(first).or_else(|refusal| self.allows(second).map_err(|_| refusal)).map(|_| ())
    }

    /// Units of the whole order: not called off, shipped, delivered.
    fn totals(&self) -> (u64, u64, u64) {
        self.lines.iter().fold((0, 0, 0), |(active, shipped, delivered), line| {
            let c = &line.counters;
            (
                active + u64::from(c.active()),
                shipped + u64::from(c.shipped),
                delivered + u64::from(c.delivered),
            )
        })
    }

    /// Whether shipping `lines` leaves anything behind.
    pub(crate) fn ship_action(&self, lines: &[LineQuantity]) -> Action {
        let (active, shipped, _) = self.totals();
        if shipped + units(lines) == active { Action::ShipAll } else { Action::ShipPart }
    }

    /// Whether with `lines` everything has arrived.
    pub(crate) fn deliver_action(&self, lines: &[LineQuantity]) -> Action {
        let (active, _, delivered) = self.totals();
        if delivered + units(lines) == active { Action::DeliverAll } else { Action::DeliverPart }
    }

    /// What is left of the order once `lines` are called off.
    pub(crate) fn cancel_action(&self, lines: &[LineQuantity]) -> Action {
        self.cancel_action_behind(0, lines)
    }

    /// The same once `leaving` more units have left the house.
    pub(super) fn cancel_action_behind(&self, leaving: u64, lines: &[LineQuantity]) -> Action {
        let (active, shipped, delivered) = self.totals();
        let shipped = shipped + leaving;
        let left = active.saturating_sub(units(lines));
        if left == 0 {
            Action::Cancel
        } else if matches!(self.state, State::Reserved | State::Accepted) {
            Action::CancelPart
        } else if delivered == left {
            Action::CancelLast
        } else if shipped == left {
            Action::CancelRest
        } else {
            Action::CancelPart
        }
    }
}

pub(super) fn units(lines: &[LineQuantity]) -> u64 {
    lines.iter().map(|part| u64::from(part.quantity)).sum()
}
