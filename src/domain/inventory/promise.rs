//! Promising units that are not there, and keeping the promises in order of arrival.

use std::collections::BTreeMap;

use super::allocation::{Take, allocated};
use super::draft::Draft;
use super::event::StockEvent;
use super::location::LocationId;
use super::policy::StockPolicy;
use super::queue::Promise;
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;

/// Owners that one record fills at most. What is left goes on in another record, and nobody overtakes in
/// between, because newcomers find nothing available while somebody waits.
pub const FILLS_MAX: usize = 256;

impl Draft<'_> {
    /// Units that a newcomer can take: what is available while nobody waits. Once somebody does, only `own`
    /// units, those that its cart held.
    pub(super) fn open_to_newcomers(&self, own: u64) -> u64 {
        let available = self.counters().available;
        if self.somebody_waits() { own.min(available) } else { available }
    }

    /// On what `quantity` units that are not there can be promised at `now`.
    ///
    /// # Errors
    /// When a cap refuses it, or preorders have ended; `short` where the SKU promises nothing.
    pub(super) fn promise(&self, quantity: u64, now: Timestamp, short: Refusal) -> Result<Promise, Refusal> {
        let none = StockPolicy::default();
        let policy = self.policy().unwrap_or(&none);
        let mut refusal = short;
        if let Some(preorder) = policy.preorder {
            match self.room(Promise::Preorder, preorder.units_max, quantity) {
                _ if now >= preorder.until => {
                    refusal = Refusal::PreorderEnded { sku: self.sku(), until: preorder.until };
                }
                Ok(()) => return Ok(Promise::Preorder),
                Err(full) => refusal = full,
            }
        }
        let Some(backorder) = policy.backorder else { return Err(refusal) };
        self.room(Promise::Backorder, backorder.units_max, quantity)?;
        Ok(Promise::Backorder)
    }

    fn room(&self, promise: Promise, limit: u64, requested: u64) -> Result<(), Refusal> {
        let used = self.counters().waiting(promise);
        if used.checked_add(requested).is_some_and(|units| units <= limit) {
            return Ok(());
        }
        Err(Refusal::BackorderLimitExceeded { sku: self.sku(), promise, limit, used, requested })
    }

    /// Gives what is available to those who wait, first come first served.
    pub(super) fn fill(&mut self) -> Result<(), Refusal> {
        let owner = self.owner().cloned();
        let mine = self.hold().clone();
        // Whoever has been filled or had a hold before may be filled again.
        let mut others: BTreeMap<_, _> =
            owner.clone().map(|owner| (owner, mine.clone())).into_iter().collect();
        let mut left = FILLS_MAX;
        while left > 0
            && self.counters().available > 0
            && let Some(first) = self.first_in_queue()
        {
            let quantity = first.quantity.min(self.counters().available);
            let first = first.owner.clone();
            let hold = others.remove(&first).unwrap_or_else(|| self.hold_of(&first));
            self.swap_hold(hold);
            // What is paid for goes first.
            let mut paid = self.hold().waits().map_or(0, |awaiting| awaiting.paid).min(quantity);
            for Take { at, quantity } in self.places_of(quantity)? {
                let committed = paid.min(quantity);
                paid -= committed;
                let reserved = quantity - committed;
                self.record(StockEvent::Filled { owner: first.clone(), reserved, committed, at })?;
            }
            others.insert(first, self.hold().clone());
            left -= 1;
        }
        let mine = owner.and_then(|owner| others.remove(&owner)).unwrap_or(mine);
        self.swap_hold(mine);
        Ok(())
    }

    /// Where `quantity` units are taken that are to be taken somewhere.
    fn places_of(&self, quantity: u64) -> Result<Vec<Take>, Refusal> {
        match self.strategy() {
            None => Ok(vec![Take { at: LocationId::MAIN, quantity }]),
            Some(strategy) => {
                allocated(&strategy, quantity, &self.shelves()).map_err(|reason| Refusal::Parked { reason })
            }
        }
    }
}
