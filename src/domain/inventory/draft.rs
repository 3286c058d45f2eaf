//! A decision in the making: its events are tried out one by one before any of them is emitted.

use smallvec::SmallVec;
use smol_str::format_smolstr;

use super::allocation::{Allocation, Shelf};
use super::apply::Projection;
use super::buyers::{Account, Buyers};
use super::counters::{Counters, Place};
use super::event::StockEvent;
use super::holds::{Hold, HoldOwner, Purchase};
use super::location::LocationId;
use super::locations::Locations;
use super::policy::{LimitWindow, StockPolicy};
use super::queue::{Promise, Waiter};
use super::state::{Incoming, InvariantBroken, Inventory};
use crate::domain::command::{Grant, StockAnswer};
use crate::domain::ids::{DeliveryId, SkuId};
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;

/// Events of a decision. Most have one; a hold that takes the place of another needs two, and each
/// warning is one more.
pub(super) type Events = SmallVec<[StockEvent; 1]>;

pub(super) struct Draft<'a> {
    inventory: &'a Inventory,
    after: Projection<'a>,
    events: Events,
}

impl<'a> Draft<'a> {
    /// Begins a decision; `owner` is whose hold it may change.
    ///
    /// # Errors
    /// When the inventory is parked.
    pub(super) fn new(inventory: &'a Inventory, owner: Option<&HoldOwner>) -> Result<Self, Refusal> {
        if let Some(reason) = &inventory.parked {
            return Err(Refusal::Parked { reason: reason.clone() });
        }
        Ok(Self { inventory, after: Projection::of(inventory, owner), events: Events::new() })
    }

    /// Refuses what cannot be asked of a SKU for which nothing was ever received.
    pub(super) fn known(&self) -> Result<(), Refusal> {
        if self.inventory.is_known() {
            Ok(())
        } else {
            Err(Refusal::UnknownSku { sku: self.inventory.sku.clone() })
        }
    }

    /// Refuses what cannot be asked of a kit.
    pub(super) fn refuse_kit(&self) -> Result<(), Refusal> {
        self.inventory.refuse_kit()
    }

    /// Goes on with another owner, whose hold the decision has not touched yet.
    pub(super) fn turn_to(&mut self, owner: &HoldOwner) {
        self.after.turn_to(self.inventory, owner);
    }

    /// The counters after the events so far.
    pub(super) fn counters(&self) -> &Counters {
        &self.after.counters
    }

    /// The counters of one location after the events so far.
    pub(super) fn counters_at(&self, at: &LocationId) -> Counters {
        let locations = &self.after.locations;
        if locations.is_kept() || !at.is_main() {
            locations.get(at).copied().unwrap_or_default()
        } else {
            self.after.counters
        }
    }

    /// What was known of the locations before this decision; `None` while all is at the default one.
    pub(super) fn located(&self) -> Option<&Locations> {
        self.after.locations.known()
    }

    /// How the SKU chooses among locations; `None` while there is nothing to choose.
    pub(super) fn strategy(&self) -> Option<Allocation> {
        let policy = self.inventory.policy();
        let strategy = || policy.map(|policy| policy.allocation.clone()).unwrap_or_default();
        self.after.locations.is_kept().then(strategy)
    }

    /// What every location has available after the events so far.
    pub(super) fn shelves(&self) -> Vec<Shelf> {
        self.after.locations.shelves()
    }

    /// The rules of the SKU; `None` where it has none.
    pub(super) fn policy(&self) -> Option<&StockPolicy> {
        self.inventory.policy()
    }

    pub(super) fn sku(&self) -> SkuId {
        self.inventory.sku.clone()
    }

    /// Whose hold the events so far have changed last; the draft is at it.
    pub(super) fn owner(&self) -> Option<&HoldOwner> {
        self.events.iter().rev().find_map(StockEvent::hold).map(|(owner, _)| owner)
    }

    /// Puts a hold in the place of the present one, and answers with that.
    pub(super) fn swap_hold(&mut self, hold: Hold) -> Hold {
        std::mem::replace(&mut self.after.hold, hold)
    }

    /// What `owner` holds, before this decision.
    pub(super) fn hold_of(&self, owner: &HoldOwner) -> Hold {
        self.inventory.hold(owner).unwrap_or_default()
    }

    /// Whether units are waited for after the events so far.
    pub(super) fn somebody_waits(&self) -> bool {
        !self.after.queue.is_empty()
    }

    /// Who is filled next.
    pub(super) fn first_in_queue(&self) -> Option<&Waiter> {
        self.after.queue.first().map(|(_, waiter)| waiter)
    }

    /// The owner's hold after the events so far; empty where it holds nothing.
    pub(super) fn hold(&self) -> &Hold {
        &self.after.hold
    }

    /// What is announced of a delivery, before this decision.
    pub(super) fn incoming(&self, delivery: &DeliveryId) -> Option<&Incoming> {
        self.inventory.incoming().get(delivery)
    }

    pub(super) fn unknown_delivery(&self) -> Refusal {
        Refusal::UnknownDelivery { sku: self.inventory.sku.clone() }
    }

    pub(super) fn unknown_hold(&self) -> Refusal {
        Refusal::UnknownHold { sku: self.inventory.sku.clone() }
    }

    pub(super) fn hold_exceeded(&self, requested: u64, held: u64) -> Refusal {
        Refusal::HoldExceeded { sku: self.inventory.sku.clone(), requested, held }
    }

    /// Refuses to take more units out of a place at a location than are there.
    pub(super) fn has(&self, quantity: u64, place: Place, at: &LocationId) -> Result<(), Refusal> {
        let available = self.counters_at(at).at(place);
        if quantity > available {
            let (sku, at) = (self.inventory.sku.clone(), at.clone());
            return Err(Refusal::BelowZero { sku, place, at, requested: quantity, available });
        }
        Ok(())
    }

    pub(super) fn insufficient(&self, requested: u64, available: u64) -> Refusal {
        Refusal::InsufficientStock { sku: self.inventory.sku.clone(), requested, available }
    }

    /// Reserves units, and refuses that where it takes the buyer beyond what the policy allows. A request
    /// that leaves the buyer with no more than before is granted even under rules that became tighter.
    pub(super) fn reserve(
        &mut self,
        owner: HoldOwner,
        units: Units,
        purchase: Option<Box<Purchase>>,
    ) -> Result<(), Refusal> {
        let Some(before) = &self.inventory.buyers else {
            return self.take(owner, units, purchase);
        };
        let counted = purchase.clone();
        self.take(owner, units, purchase)?;
        counted.map_or(Ok(()), |counted| self.within(&counted, &units, before))
    }

    fn within(&self, purchase: &Purchase, units: &Units, before: &Buyers) -> Result<(), Refusal> {
        let requested = units.quantity.saturating_add(units.waiting.map_or(0, |(quantity, _)| quantity));
        let none = StockPolicy::default();
        let policy = self.policy().unwrap_or(&none);
        let nothing = Account::default();
        let before = before.get(&purchase.buyer).unwrap_or(&nothing);
        let after =
            self.after.changed.as_ref().and_then(|changed| changed.get(&purchase.buyer)).unwrap_or(&nothing);
        let sku = || self.inventory.sku.clone();
        if let Some(limit) = policy.hold_budget_per_buyer
            && after.held > limit
            && after.held > before.held
        {
            let used = after.held.saturating_sub(requested);
            return Err(Refusal::HoldBudgetExceeded { sku: sku(), limit, used, requested });
        }
        let day = purchase.day.unwrap_or_default();
        let of_order = units.buyer_max.map(|limit| (LimitWindow::Total, limit));
        for (window, limit) in policy.purchase_limits.set().chain(of_order) {
            let used = after.used(window, day);
            if used > limit && used > before.used(window, day) {
                let used = used.saturating_sub(requested);
                return Err(Refusal::PurchaseLimitExceeded { sku: sku(), window, limit, used, requested });
            }
        }
        Ok(())
    }

    /// Adds an event, once the state that follows it has passed every check.
    ///
    /// # Errors
    /// `Overflow` when a counter would leave its range; `Parked` with what was found when the state
    /// that would follow breaks an invariant. Then the draft is of no use, and no event is emitted.
    pub(super) fn record(&mut self, event: StockEvent) -> Result<(), Refusal> {
        self.after.advance(&event).map_err(|broken| match broken {
            InvariantBroken::OutOfRange { .. } => Refusal::Overflow,
            other => Refusal::Parked { reason: format_smolstr!("{other}") },
        })?;
        self.events.push(event);
        Ok(())
    }

    /// Warns where the decision as a whole took the available units down to a threshold or across it.
    fn warn(&mut self) -> Result<(), Refusal> {
        if let Some(policy) = &self.inventory.policy {
            let available = self.counters().available;
            for threshold in policy.crossed(self.inventory.counters.available, available) {
                self.record(StockEvent::StockLow { threshold, available })?;
            }
        }
        Ok(())
    }

    /// The events, and the SKU as it is after them.
    pub(super) fn finish(self) -> Result<(Events, StockAnswer), Refusal> {
        self.finish_step().map(|(events, answer, _)| (events, answer))
    }

    /// What the owner has after the events so far. A step that ends the hold tells of what was filled all the
    /// same.
    pub(super) fn grant(&self) -> Result<Grant, Refusal> {
        let hold = self.hold();
        let filled = hold.filled().max(self.after.filled);
        Ok(Grant { held: hold.held().ok_or_else(overflow)?, awaiting: hold.awaiting(), filled })
    }

    /// The same, with what the owner of a step has.
    pub(super) fn finish_step(mut self) -> Result<(Events, StockAnswer, Grant), Refusal> {
        if self.counters().available > 0 && self.somebody_waits() {
            self.fill()?;
        }
        self.warn()?;
        let events = u64::try_from(self.events.len()).map_err(|_| Refusal::Overflow)?;
        let grant = self.grant()?;
        let answer = StockAnswer {
            available: self.after.counters.available,
            held: grant.held,
            version: self.inventory.version.checked_add(events).ok_or_else(overflow)?,
        };
        Ok((self.events, answer, grant))
    }
}

/// The refusal where a sum leaves its range; made when it does, and not beside every sum.
#[cold]
pub(super) fn overflow() -> Refusal {
    Refusal::Overflow
}

/// How units are reserved.
#[derive(Clone, Copy)]
pub(super) struct Units {
    pub(super) quantity: u64,
    /// Units that are promised besides.
    pub(super) waiting: Option<(u64, Promise)>,
    /// The saga step that asks; 0 for a cart.
    pub(super) step: u32,
    pub(super) deadline: Option<Timestamp>,
    /// Units that the buyer may have in all, by the terms of the order that asks.
    pub(super) buyer_max: Option<u64>,
}

/// Refuses a quantity of zero, in a command that has no lines.
pub(super) fn positive(quantity: u64) -> Result<(), Refusal> {
    if quantity == 0 { Err(Refusal::QuantityNotPositive { line: 0 }) } else { Ok(()) }
}
