//! What each buyer holds and has taken of one SKU; kept only while the SKU's policy asks for it.
//!
//! An account moves with the holds: [`Buyers::moved`] is told what a hold was and became, and by which
//! event. So a unit is counted once however often a step is delivered, and counts no longer on the very
//! day on which it was counted when it is given back.
//!
//! Accounts that no limit can look at any more are closed: each reservation looks at the next two in turn, so
//! that there are never many more of them than buyers of the last month or two.

use serde::{Deserialize, Serialize};

use super::event::StockEvent;
use super::holds::{Hold, Purchase};
use super::pages::Pages;
use super::policy::LimitWindow;
use crate::domain::ids::CustomerId;

/// Accounts that a reservation looks at, whether they can be closed; more than the one that it may open.
const LOOKED_AT: usize = 2;

/// One buyer's units.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Account {
    /// Units held and waited for, over all carts and orders.
    pub(super) held: u64,
    /// Units taken in all.
    total: u64,
    /// Units taken by day, in days since the Unix epoch, sorted; days out of every window are dropped.
    days: Vec<(u32, u64)>,
}

impl Account {
    /// Units taken in the window of `day`.
    pub(super) fn used(&self, window: LimitWindow, day: u32) -> u64 {
        if window == LimitWindow::Total {
            return self.total;
        }
        // The sum is at most the total.
        self.days.iter().filter(|(taken, _)| window.same(*taken, day)).map(|(_, units)| units).sum()
    }

    fn take(&mut self, units: u64, day: Option<u32>) -> Option<()> {
        self.total = self.total.checked_add(units)?;
        if let Some(day) = day {
            self.days.retain(|(d, _)| {
                *d >= day || LimitWindow::Week.same(*d, day) || LimitWindow::Month.same(*d, day)
            });
            match self.days.binary_search_by_key(&day, |(d, _)| *d) {
                Ok(index) => {
                    let (_, taken) = self.days.get_mut(index)?;
                    *taken = taken.checked_add(units)?;
                }
                Err(index) => self.days.insert(index, (day, units)),
            }
        }
        Some(())
    }

    /// Units that were taken before there was an account are no longer held without having counted.
    fn give_back(&mut self, units: u64, day: Option<u32>) {
        self.total = self.total.saturating_sub(units);
        if let Some(day) = day
            && let Ok(index) = self.days.binary_search_by_key(&day, |(d, _)| *d)
            && let Some((_, taken)) = self.days.get_mut(index)
        {
            *taken = taken.saturating_sub(units);
            if *taken == 0 {
                self.days.remove(index);
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.held == 0 && self.total == 0
    }

    /// Whether no limit that is set, or that can be set later, looks at the account from `today` on.
    fn is_over(&self, today: u32, counts_total: bool) -> bool {
        let recent = |day: u32| {
            day >= today || LimitWindow::Week.same(day, today) || LimitWindow::Month.same(day, today)
        };
        self.held == 0 && !counts_total && !self.days.iter().any(|(day, _)| recent(*day))
    }
}

/// The accounts of all buyers that have one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Buyers {
    accounts: Pages<CustomerId, Account>,
    /// The account that was looked at last.
    looked_at: Option<CustomerId>,
    /// Whether orders limit their buyers: then units are counted whatever the policy asks for, and over all time.
    pub(super) for_good: bool,
}

impl Buyers {
    /// Accounts of what is held at this moment.
    pub(super) fn of(holds: impl Iterator<Item = Hold>) -> Option<Self> {
        let mut buyers = Self::default();
        for hold in holds {
            if let Some(Purchase { buyer, day }) = hold.purchase.as_deref() {
                let account = buyers.accounts.get_or_default(buyer)?;
                account.held = account.held.checked_add(hold.counted()?)?;
                account.take(hold.counted()?, *day)?;
            }
        }
        Some(buyers)
    }

    /// Number of accounts.
    pub(super) const fn len(&self) -> usize {
        self.accounts.len()
    }

    pub(super) fn get(&self, buyer: &CustomerId) -> Option<&Account> {
        self.accounts.get(buyer)
    }

    /// The units held by each buyer who holds any.
    pub(super) fn held(&self) -> impl Iterator<Item = (&CustomerId, u64)> {
        self.accounts
            .iter()
            .filter(|(_, account)| account.held > 0)
            .map(|(buyer, account)| (buyer, account.held))
    }

    /// Copies from `all` the accounts that a change from `before` to `after` touches, unless they are
    /// here already.
    pub(super) fn fetch(&mut self, all: &Self, before: &Hold, after: &Hold) {
        for purchase in [before, after].into_iter().filter_map(|hold| hold.purchase.as_ref()) {
            if !self.accounts.contains_key(&purchase.buyer) {
                let account = all.get(&purchase.buyer).cloned().unwrap_or_default();
                self.accounts.insert(purchase.buyer.clone(), account);
            }
        }
    }

    /// Takes over the accounts of `changed`; those with nothing in them are closed.
    pub(super) fn take_over(&mut self, changed: Self) {
        for (buyer, account) in changed.accounts.iter() {
            if account.is_empty() {
                self.accounts.remove(buyer);
            } else {
                self.accounts.insert(buyer.clone(), account.clone());
            }
        }
    }

    /// Looks at the next accounts in turn, and closes those that are over `today`.
    pub(super) fn close_some(&mut self, today: u32, counts_total: bool) {
        for _ in 0..LOOKED_AT {
            let next = self.accounts.behind(self.looked_at.as_ref());
            let next = next.map(|(buyer, account)| (buyer.clone(), account.is_over(today, counts_total)));
            if let Some((buyer, true)) = &next {
                self.accounts.remove(buyer);
            }
            self.looked_at = next.map(|(buyer, _)| buyer);
        }
    }

    /// A limit over all time is set: it counts from here on, beginning with what is held.
    pub(super) fn begin_total(&mut self) {
        self.accounts.retain(|account| {
            account.total = account.held;
            account.held > 0 || !account.days.is_empty()
        });
    }

    /// Moves the accounts on as `event` made `before` into `after`; `None` where a sum does not fit.
    pub(super) fn moved(&mut self, before: &Hold, after: &Hold, event: &StockEvent) -> Option<()> {
        if let Some(Purchase { buyer, day }) = before.purchase.as_deref() {
            let account = self.accounts.get_or_default(buyer)?;
            account.held = account.held.checked_sub(before.counted()?)?;
            match event {
                // All units of a hold count on the day of its last reservation.
                StockEvent::Reserved { .. } | StockEvent::Queued { .. } => {
                    account.give_back(before.counted()?, *day)
                }
                StockEvent::Released { reserved, committed, .. } => {
                    account.give_back(reserved.checked_add(*committed)?, *day);
                }
                StockEvent::Unqueued { quantity, .. } => account.give_back(*quantity, *day),
                _ => {}
            }
        }
        if let Some(Purchase { buyer, day }) = after.purchase.as_deref() {
            let account = self.accounts.get_or_default(buyer)?;
            account.held = account.held.checked_add(after.counted()?)?;
            if matches!(event, StockEvent::Reserved { .. } | StockEvent::Queued { .. }) {
                account.take(after.counted()?, *day)?;
            }
        }
        Some(())
    }
}

#[cfg(test)]
impl Buyers {
    /// Brings back every account that was closed since `before`, but that of `touched`.
    pub(super) fn reopen(&mut self, before: &Self, touched: &CustomerId) {
        for (buyer, account) in before.accounts.iter().filter(|(buyer, _)| *buyer != touched) {
            if !self.accounts.contains_key(buyer) {
                self.accounts.insert(buyer.clone(), account.clone());
            }
        }
    }
}
