//! Requests that wait for provisional holds to be settled.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;

use ahash::AHasher;

use super::{SkuState, Verdict};
use crate::actor::fate::Fate;
use crate::actor::message::{Envelope, Step};
use crate::domain::command::{SkuCommand, StepOp};
use crate::domain::ids::{CustomerId, OrderId};
use crate::domain::inventory::{StepDecision, StockEvent};
use crate::domain::refusal::Refusal;

/// Placements that are kept in mind although they may be decided by now.
const DECIDED_KEPT: usize = 8;

/// Holds whose orders are still asking other SKUs, or were when last looked at.
#[derive(Default)]
pub(super) struct Provisional {
    /// Nothing depends on the order in which they are looked at.
    by_order: HashMap<OrderId, Held, BuildHasherDefault<AHasher>>,
    /// So many of them are looked through for those whose fate is decided by now.
    looked_through_at: usize,
    units: u64,
    /// Units promised to them; that some have been filled since makes no difference to anybody who waits here.
    promised: u64,
}

impl Provisional {
    /// Whether no placement is undecided for which units are held.
    pub(super) fn is_empty(&mut self) -> bool {
        self.forget_decided();
        self.by_order.is_empty()
    }

    /// Forgets the placements that are decided by now, of which nobody has told because nobody wanted to know.
    fn forget_decided(&mut self) {
        let Self { by_order, units, promised, looked_through_at } = self;
        by_order.retain(|_, held| {
            let keep = !held.fate.is_decided();
            if !keep {
                *units -= held.units;
                *promised -= held.promised;
            }
            keep
        });
        *looked_through_at = (2 * by_order.len()).max(DECIDED_KEPT);
    }

    /// Asks to be told of every fate; `false` when one of them is decided by now.
    fn watch(&self) -> bool {
        self.by_order.values().all(|held| held.fate.watch())
    }

    /// Notes what a granted step means: a provisional hold of what was really taken, or the end of one.
    pub(super) fn note(&mut self, step: &Step, decision: &StepDecision) {
        match step.step.op {
            StepOp::Reserve | StepOp::Take | StepOp::Add => {
                if let Some(fate) = &step.provisional {
                    self.hold(&step.step.order, step.step.buyer.as_ref(), fate, taken(step, decision));
                }
            }
            StepOp::Release | StepOp::TakeBack => {
                self.end(&step.step.order);
            }
            _ => {}
        }
    }

    /// Units that an order holds, and units that it was promised, until its fate is decided.
    fn hold(&mut self, order: &OrderId, buyer: Option<&CustomerId>, fate: &Fate, taken: (u64, u64)) {
        if self.by_order.len() >= self.looked_through_at.max(DECIDED_KEPT) {
            self.forget_decided();
        }
        // What an earlier saga of the order took is its own by now.
        if self.by_order.get(order).is_some_and(|held| held.fate.is_decided()) {
            self.end(order);
        }
        let (units, promised) = taken;
        self.units += units;
        self.promised += promised;
        let held = self.by_order.entry(order.clone()).or_default();
        held.units += units;
        held.promised += promised;
        held.buyer = buyer.cloned();
        held.fate = fate.clone();
    }

    /// The order's fate is decided.
    fn end(&mut self, order: &OrderId) {
        if !self.by_order.is_empty() {
            let held = self.by_order.remove(order).unwrap_or_default();
            self.units -= held.units;
            self.promised -= held.promised;
        }
    }

    /// Units that orders of `buyer` hold or wait for provisionally.
    fn units_of(&self, buyer: Option<&CustomerId>) -> u64 {
        let of_buyer = |held: &&Held| buyer.is_some() && held.buyer.as_ref() == buyer;
        self.by_order.values().filter(of_buyer).map(|held| held.units + held.promised).sum()
    }
}

/// Units that a step has taken, and units that it was promised.
fn taken(step: &Step, decision: &StepDecision) -> (u64, u64) {
    if decision.events.is_empty() {
        // Done before a crash: it cannot have taken more than there is, nor more than it asked for.
        let units = decision.grant.held.min(step.step.quantity);
        return (units, decision.grant.awaiting.min(step.step.quantity - units));
    }
    decision.events.iter().fold((0, 0), |(units, promised), event| match event {
        StockEvent::Reserved { quantity, .. } => (units + quantity, promised),
        StockEvent::Queued { quantity, .. } => (units, promised + quantity),
        _ => (units, promised),
    })
}

/// What one order holds provisionally.
#[derive(Default)]
struct Held {
    units: u64,
    promised: u64,
    buyer: Option<CustomerId>,
    fate: Fate,
}

/// A request that waits.
enum Waiter {
    Command(Envelope<SkuCommand>, u32),
    Step(Step, u32),
}

/// Requests that wait, first come first served.
#[derive(Default)]
pub(super) struct Waiting(VecDeque<Waiter>);

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn push_command(&mut self, envelope: Envelope<SkuCommand>, tries: u32) {
        self.0.push_back(Waiter::Command(envelope, tries));
    }

    pub(super) fn push_step(&mut self, step: Step, tries: u32) {
        self.0.push_back(Waiter::Step(step, tries));
    }
}

impl SkuState {
    /// What becomes of a refused request of `buyer`: one that provisional holds alone stand in the way of
    /// waits, be it for units or for room in the buyer's own budget. A `partial` one waits for any unit.
    pub(super) fn verdict(
        &mut self,
        refusal: Refusal,
        tries: u32,
        buyer: Option<&CustomerId>,
        partial: bool,
    ) -> Verdict {
        self.provisional.forget_decided();
        while self.is_contended(&refusal, buyer, partial) {
            if !self.provisional.watch() {
                self.provisional.forget_decided();
                continue;
            }
            if tries < self.core.contended_retries_max {
                return Verdict::Wait;
            }
            return Verdict::Refuse(Refusal::Contended { sku: self.inventory.sku.clone() });
        }
        Verdict::Refuse(refusal)
    }

    /// Whether provisional holds alone stand in the way.
    fn is_contended(&self, refusal: &Refusal, buyer: Option<&CustomerId>, partial: bool) -> bool {
        match refusal {
            Refusal::InsufficientStock { requested, available, .. } => {
                let least = if partial { 1 } else { *requested };
                least <= available.saturating_add(self.provisional.units)
            }
            Refusal::HoldBudgetExceeded { limit, used, requested, .. }
            | Refusal::PurchaseLimitExceeded { limit, used, requested, .. } => {
                let rest = used.saturating_sub(self.provisional.units_of(buyer));
                rest.saturating_add(*requested) <= *limit
            }
            Refusal::BackorderLimitExceeded { limit, used, requested, .. } => {
                used.saturating_sub(self.provisional.promised).saturating_add(*requested) <= *limit
            }
            _ => false,
        }
    }

    /// An order's placement is decided: whoever waited for it is decided on again.
    pub(super) fn settle(&mut self, order: &OrderId) {
        self.provisional.end(order);
        self.retry_waiting();
    }

    /// Decides again on everyone who waits, once each and in their order.
    pub(super) fn retry_waiting(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        // Whoever has to wait on is pushed to the new queue, so this ends; and it finds that queue empty
        // if one of the retried frees stock itself, so it does not nest.
        let retried = std::mem::take(&mut self.waiting.0);
        for waiter in retried {
            match waiter {
                Waiter::Command(envelope, tries) => self.command(envelope, tries),
                Waiter::Step(step, tries) => self.step(step, tries),
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn what_an_earlier_saga_took_for_good_is_not_provisional_again_with_the_next() {
        let (order, first, second) = ("o".parse().unwrap(), Fate::default(), Fate::default());
        let mut provisional = Provisional::default();
        provisional.hold(&order, None, &first, (3, 1));
        assert!(!first.decide(), "nobody asked to be told");
        provisional.hold(&order, None, &second, (2, 0));
        assert_eq!((provisional.units, provisional.promised), (2, 0));
        assert!(provisional.watch() && second.decide());
        assert!(provisional.is_empty());
        assert_eq!((provisional.units, provisional.promised), (0, 0));
    }
}
