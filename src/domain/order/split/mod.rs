//! Splits: a paid order becomes several. Pure.
//!
//! The order keeps its id and its history and gets children, orders of their own with ids derived from its own
//! (`4711/1`). Each SKU passes the units from the parent's hold to the children's in one record; then the
//! children come into being, with their part of the lines, of the stored shares and of what was paid. From then on
//! the parent only follows: its children tell it what became of them, with their version, as often as they like.
//!
//! ```text
//!   SplitStarted ──pass on at each SKU──► PassedOn ──children are made──► Split
//!                                           or: pass back ──► SplitUndone
//! ```

mod family;
mod groups;

pub(super) use family::born;

use serde::{Deserialize, Serialize};
use smallvec::smallvec;
use smol_str::SmolStr;

use super::decide::Events;
use super::event::OrderEvent;
use super::lifecycle::{Action, LifecycleId, State};
use super::line::Line;
use super::saga::Demand;
use super::state::{Order, PendingKind};
use super::terms::{Delivery, Terms};
use crate::domain::command::{Heir, LineQuantity, SplitOrder, StepOp};
use crate::domain::ids::{BusinessId, CustomerId, OrderId};
use crate::domain::inventory::LocationId;
use crate::domain::money::{Currency, Money};
use crate::domain::order::problem::SplitProblem;
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;

pub use family::{Child, ChildNews, Family, decide_news};

/// What a child gets of its parent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Portion {
    /// The child.
    pub child: OrderId,
    /// Units by line of the parent.
    pub lines: Vec<LineQuantity>,
    /// Where its units lie, where the split says so.
    pub at: Option<LocationId>,
    /// Its part of what was paid and is not due back, in minor units.
    pub paid: i64,
}

/// An order as it was split off another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitOff {
    /// The order that it was a part of.
    pub parent: OrderId,
    /// The business line or shop that sells.
    pub business: BusinessId,
    /// The buyer.
    pub customer: Option<CustomerId>,
    /// The currency of all amounts.
    pub currency: Currency,
    /// The rules it lives by: the parent's.
    pub lifecycle: LifecycleId,
    /// The terms: the parent's.
    pub terms: Terms,
    /// Where it stands: where the parent stood.
    pub state: State,
    /// Where it goes.
    pub delivery: Option<Delivery>,
    /// When the parent was placed.
    pub placed_at: Timestamp,
    /// Its part of the lines.
    pub lines: Vec<Line>,
    /// Its part of what was paid, in minor units.
    pub paid: i64,
}

/// Whether an id is of the form that the engine derives for children: `parent/number`.
#[must_use]
pub(crate) fn is_derived(id: &OrderId) -> bool {
    let number = id.as_str().rsplit_once('/').map_or("", |(_, number)| number);
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

fn refused<T>(problem: SplitProblem) -> Result<T, Refusal> {
    Err(Refusal::CannotSplit { problem })
}

pub(super) fn decide_split(order: &Order, split: &SplitOrder) -> Result<Events, Refusal> {
    order.allows(Action::Split)?;
    if order.lines.iter().any(|line| line.counters.shipped > 0) {
        return refused(SplitProblem::Shipped);
    }
    if order.waits() {
        return refused(SplitProblem::Waits);
    }
    if order.has_unpaid_units() {
        return refused(SplitProblem::Unpaid);
    }
    let groups = order.groups(&split.by)?;
    if groups.len() < 2 {
        return refused(SplitProblem::OneGroup);
    }
    let mut portions = Vec::with_capacity(groups.len());
    for ((at, lines), number) in groups.into_iter().zip(1..) {
        let id: SmolStr = smol_str::format_smolstr!("{}/{number}", order.id);
        let Ok(child) = OrderId::new(id) else { return refused(SplitProblem::IdTooLong) };
        portions.push(Portion { child, lines, at, paid: 0 });
    }
    order.share_payments(&mut portions)?;
    Ok(smallvec![OrderEvent::SplitStarted { portions }])
}

impl Order {
    /// Shares what was paid and is not due back by what the children cost, by the largest remainder.
    fn share_payments(&self, portions: &mut [Portion]) -> Result<(), Refusal> {
        let cost = |lines: &[Line]| lines.iter().filter_map(Line::rest).fold(0i64, i64::saturating_add);
        let mut weights: Vec<u64> =
            self.cut(portions).iter().map(|lines| u64::try_from(cost(lines)).unwrap_or_default()).collect();
        if weights.iter().all(|weight| *weight == 0) {
            weights.fill(1);
        }
        let kept = Money::new(self.paid.saturating_sub(self.refund_due), self.currency);
        let parts = kept.split(&weights).map_err(|_| Refusal::Overflow)?;
        portions.iter_mut().zip(parts).for_each(|(portion, part)| portion.paid = part.minor);
        Ok(())
    }

    /// The lines of each portion, with its part of the stored amounts.
    fn cut(&self, portions: &[Portion]) -> Vec<Vec<Line>> {
        let mut children: Vec<Vec<Line>> = portions.iter().map(|_| Vec::new()).collect();
        for (line, number) in self.lines.iter().zip(1u32..) {
            let units_of = |portion: &Portion| {
                let part = portion.lines.iter().find(|part| part.line == number);
                part.map_or(0, |part| part.quantity)
            };
            let gone = line.counters.cancelled.saturating_sub(line.apart);
            let runs: Vec<u32> = std::iter::once(gone).chain(portions.iter().map(units_of)).collect();
            let parts = line.cut(&runs).into_iter().zip(runs).skip(1);
            for ((amounts, units), lines) in parts.zip(&mut children) {
                if units > 0 {
                    lines.push(line.part(units, &amounts));
                }
            }
        }
        children
    }

    /// What the saga asks: each SKU hands the units of all children over at once.
    pub(super) fn passes_on(&self, portions: &[Portion]) -> Vec<Demand> {
        let mut demand = std::collections::BTreeMap::<_, Demand>::new();
        for portion in portions {
            for part in &portion.lines {
                let Some(line) = self.line(part.line) else { continue };
                for (sku, units) in line.demand(part.quantity) {
                    let asked = demand
                        .entry(sku.clone())
                        .or_insert_with(|| Demand::exact(sku.clone(), StepOp::PassOn, 0));
                    asked.units = asked.units.saturating_add(units);
                    match asked.heirs.iter_mut().find(|heir| heir.order == portion.child) {
                        Some(heir) => heir.units = heir.units.saturating_add(units),
                        None => asked.heirs.push(Heir {
                            order: portion.child.clone(),
                            units,
                            from: portion.at.clone(),
                        }),
                    }
                }
            }
        }
        demand.into_values().collect()
    }

    /// The children that are to come into being, while they are.
    #[must_use]
    pub fn births(&self) -> Vec<(OrderId, SplitOff)> {
        let Some(PendingKind::Birth(portions)) = self.pending.as_ref().map(|pending| &pending.kind) else {
            return Vec::new();
        };
        let children = portions.iter().zip(self.cut(portions)).map(|(portion, lines)| {
            let split_off = SplitOff {
                parent: self.id.clone(),
                business: self.business.clone(),
                customer: self.customer.clone(),
                currency: self.currency,
                lifecycle: self.lifecycle,
                terms: self.terms,
                state: self.state,
                delivery: self.delivery.clone(),
                placed_at: self.placed_at,
                lines,
                paid: portion.paid,
            };
            (portion.child.clone(), split_off)
        });
        children.collect()
    }
}
