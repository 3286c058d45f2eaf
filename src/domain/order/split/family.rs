//! What an order has to do with those that it was split into, or off.

use serde::{Deserialize, Serialize};
use smallvec::smallvec;

use super::{Portion, SplitOff};
use crate::domain::command::LineQuantity;
use crate::domain::ids::{IdOrigin, OrderId, PaymentId, PaymentMethod};
use crate::domain::order::decide::Events;
use crate::domain::order::event::OrderEvent;
use crate::domain::order::lifecycle::{Lifecycle, State};
use crate::domain::order::line::LineCounters;
use crate::domain::order::state::{Order, OrderBroken, Payment, PendingKind};
use crate::domain::order::terms::WhenShort;
use crate::domain::time::Timestamp;

/// The orders that an order was split into, and the one that it was split off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Family {
    /// The order that it was a part of.
    pub parent: Option<OrderId>,
    /// The orders that it was split into.
    pub children: Vec<Child>,
    /// What was due back of what was paid when it was split, in minor units: it stays with the parent.
    pub refunded: i64,
    /// Units of each line that had been called off when it was split.
    pub called_off: Vec<u32>,
}

/// A child as its parent knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Child {
    /// Units by line of the parent that it got; its lines stand in this order, in front of those that an edit gave it.
    pub lines: Vec<LineQuantity>,
    /// What it told last.
    pub news: ChildNews,
}

/// What a child tells its parent of itself. It may come late, or twice: the version says which is newer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildNews {
    /// The child.
    pub child: OrderId,
    /// Its version; 0 while it has told nothing.
    pub version: u64,
    /// Its state.
    pub state: State,
    /// What is due, in minor units.
    pub due: i64,
    /// What was paid, in minor units.
    pub paid: i64,
    /// What is to be paid back, in minor units.
    pub refund_due: i64,
    /// What became of the units of its lines.
    pub lines: Vec<LineCounters>,
}

/// What the order makes of a child's news; nothing where it knows as much.
#[must_use]
pub fn decide_news(order: &Order, news: &ChildNews) -> Events {
    let known = order.children().iter().find(|child| child.news.child == news.child);
    if order.pending.is_none() && known.is_some_and(|child| child.news.version < news.version) {
        smallvec![OrderEvent::ChildChanged(Box::new(news.clone()))]
    } else {
        Events::new()
    }
}

fn broken(text: &str) -> OrderBroken {
    OrderBroken(text.into())
}

impl Order {
    /// The orders that this one was split into; none where it was not.
    #[must_use]
    pub fn children(&self) -> &[Child] {
        self.family.as_ref().map_or(&[], |family| &family.children)
    }

    /// The order that this one was split off.
    #[must_use]
    pub fn parent(&self) -> Option<&OrderId> {
        self.family.as_ref()?.parent.as_ref()
    }

    /// Whether the order was split: its children have its units and its money.
    #[must_use]
    pub fn is_split(&self) -> bool {
        !self.children().is_empty()
    }

    /// What the order tells its parent; `None` where it has none, and while a saga is under way.
    #[must_use]
    pub fn news(&self) -> Option<ChildNews> {
        self.parent().filter(|_| self.pending.is_none())?;
        Some(ChildNews {
            child: self.id.clone(),
            version: self.version,
            state: self.state,
            due: self.due,
            paid: self.paid,
            refund_due: self.refund_due,
            lines: self.lines.iter().map(|line| line.counters).collect(),
        })
    }

    /// The holds are the children's: the order has passed on what it had.
    pub(in crate::domain::order) fn passed_on(&mut self) -> Result<(), OrderBroken> {
        let PendingKind::Split(portions) = self.end_saga("a split")? else {
            return Err(broken("a split ends where another saga began"));
        };
        self.begin_saga(PendingKind::Birth(portions))
    }

    /// The children are there: from here on the order follows them.
    pub(in crate::domain::order) fn split(&mut self) -> Result<(), OrderBroken> {
        let births = self.births();
        let PendingKind::Birth(portions) = self.end_saga("a split")? else {
            return Err(broken("a split ends where another saga began"));
        };
        let called_off = self.lines.iter().map(|line| line.counters.cancelled).collect();
        let child = |(Portion { child, lines, paid, .. }, (_, born)): (Portion, (OrderId, SplitOff))| {
            let news = ChildNews {
                child,
                version: 1,
                state: born.state,
                due: born.lines.iter().filter_map(|line| line.rest()).fold(0, i64::saturating_add),
                paid,
                refund_due: 0,
                lines: born.lines.iter().map(|line| line.counters).collect(),
            };
            Child { lines, news }
        };
        let children = portions.into_iter().zip(births).map(child).collect();
        let family = self.family.get_or_insert_default();
        (family.children, family.refunded, family.called_off) = (children, self.refund_due, called_off);
        (self.edit, self.deadline) = (None, None);
        self.roll_up()
    }

    pub(in crate::domain::order) fn child_changed(&mut self, news: &ChildNews) -> Result<(), OrderBroken> {
        let children = self.family.as_mut().map(|family| family.children.iter_mut());
        let child = children.into_iter().flatten().find(|child| child.news.child == news.child);
        let child = child.ok_or_else(|| broken("news of a child that the order does not have"))?;
        // An edit can give a child lines of its own, behind those that it got.
        if news.lines.len() < child.lines.len() {
            return Err(broken("a child with fewer lines than it got"));
        }
        child.news = news.clone();
        self.roll_up()
    }

    /// Makes state, units and money of the order those of its children. Lines that only a child has are in its
    /// money, and in no line.
    fn roll_up(&mut self) -> Result<(), OrderBroken> {
        let Some(family) = &self.family else { return Ok(()) };
        let mut money = [0i64, family.refunded, family.refunded];
        for (line, called_off) in self.lines.iter_mut().zip(&family.called_off) {
            let (ordered, cancelled) = (*called_off, *called_off);
            line.counters = LineCounters { ordered, cancelled, ..LineCounters::default() };
        }
        for child in &family.children {
            let news = &child.news;
            for (sum, part) in money.iter_mut().zip([news.due, news.paid, news.refund_due]) {
                *sum =
                    sum.checked_add(part).ok_or_else(|| broken("the sums of the children are too large"))?;
            }
            for (part, theirs) in child.lines.iter().zip(&news.lines) {
                let index = (part.line as usize).checked_sub(1);
                let line = index.and_then(|index| self.lines.get_mut(index));
                line.ok_or_else(|| broken("a child of a line that is not there"))?.counters.add(theirs);
            }
        }
        [self.due, self.paid, self.refund_due] = money;
        // An order is where the last of its children is; those that were called off hold nobody up.
        let rank = |state: &State| Lifecycle::of(self.lifecycle).map_or(0, |l| l.ahead_of(*state));
        let states = family.children.iter().map(|child| child.news.state);
        let living = states.clone().filter(|state| *state != State::Cancelled).max_by_key(rank);
        self.state = living.unwrap_or(State::Cancelled);
        Ok(())
    }
}

/// The order that was split off another one.
pub(in crate::domain::order) fn born(
    id: &OrderId,
    born: &SplitOff,
    at: Timestamp,
) -> Result<Order, OrderBroken> {
    let rests = born.lines.iter().map(|line| line.rest());
    let due = rests.into_iter().try_fold(0i64, |sum, rest| sum.checked_add(rest?));
    let name = |what: &str| broken(&format!("no {what} can be named after a split"));
    let method = PaymentMethod::new("split").map_err(|_| name("method"))?;
    let payment = PaymentId::new("split").map_err(|_| name("payment"))?;
    let payment = Payment { id: payment, method, amount: born.paid, at };
    Ok(Order {
        id: id.clone(),
        version: 1,
        lifecycle: born.lifecycle,
        terms: born.terms,
        when_short: WhenShort::default(),
        state: born.state,
        business: born.business.clone(),
        customer: born.customer.clone(),
        cart: None,
        currency: born.currency,
        origin: IdOrigin::Caller,
        placed_at: born.placed_at,
        received_at: None,
        deadline: None,
        closed_at: None,
        delivery: born.delivery.clone(),
        lines: born.lines.clone(),
        payments: if born.paid > 0 { vec![payment] } else { Vec::new() },
        shipments: Vec::new(),
        due: due.ok_or_else(|| broken("the sum of the lines is too large"))?,
        paid: born.paid,
        refund_due: 0,
        steps: 0,
        pending: None,
        expired: Vec::new(),
        missing: Vec::new(),
        filled: Vec::new(),
        refusal: None,
        cancel_reason: None,
        edit: None,
        family: Some(Box::new(Family { parent: Some(born.parent.clone()), ..Family::default() })),
        parked: None,
    })
}
