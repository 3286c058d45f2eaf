//! What a decision does to a hold, location by location.
//!
//! A hold's parts stand in the order in which they were allocated. What leads on (commit, ship) takes from
//! them in that order; what leads back (uncommit, release) in the opposite one. So undoing a step touches
//! the parts that the step touched.

use smallvec::{SmallVec, smallvec};

use super::allocation::{Take, allocated};
use super::draft::{Draft, Units};
use super::event::{ReleaseCause, StockEvent};
use super::holds::{Hold, HoldOwner, Part, Purchase};
use super::location::LocationId;
use crate::domain::command::Heir;
use crate::domain::refusal::Refusal;

/// Units by location; nearly always one.
pub(super) type Shares = SmallVec<[(LocationId, u64); 1]>;

/// The way through the parts of a hold.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    On,
    Back,
}

/// Whose units move, how many, and which saga step asks.
pub(super) struct Move<'a> {
    pub(super) owner: &'a HoldOwner,
    pub(super) quantity: u64,
    pub(super) step: u32,
}

/// Units that leave one hold for another: who gets them, and from where.
pub(super) type Passed = Vec<(HoldOwner, Shares)>;

impl Draft<'_> {
    /// Takes committed units out of the present hold for others, location by location in their order. They
    /// become committed to those by [`Draft::receive_from`], in the same record.
    pub(super) fn pass_to(&mut self, from: &HoldOwner, heirs: &[Heir], step: u32) -> Result<Passed, Refusal> {
        let mut passed = Passed::with_capacity(heirs.len());
        for heir in heirs {
            let shares: Shares = match &heir.from {
                Some(at) => {
                    let there = self.hold().part(at).committed;
                    if heir.units > there {
                        return Err(self.hold_exceeded(heir.units, there));
                    }
                    smallvec![(at.clone(), heir.units)]
                }
                None => shares(self.hold(), heir.units, |part| part.committed, Way::On),
            };
            for (at, committed) in &shares {
                let (owner, at, cause) = (from.clone(), at.clone(), ReleaseCause::PassedOn);
                let released =
                    StockEvent::Released { owner, reserved: 0, committed: *committed, step, cause, at };
                self.record(released)?;
            }
            passed.push((HoldOwner::Order(heir.order.clone()), shares));
        }
        Ok(passed)
    }

    /// Commits units to the present owner that another one's hold has given up.
    pub(super) fn receive_from(
        &mut self,
        owner: &HoldOwner,
        shares: &Shares,
        purchase: Option<&Purchase>,
        step: u32,
    ) -> Result<(), Refusal> {
        for (at, quantity) in shares {
            let (owner, at, quantity) = (owner.clone(), at.clone(), *quantity);
            let purchase = purchase.cloned().map(Box::new);
            self.record(StockEvent::Reserved {
                owner: owner.clone(),
                quantity,
                step,
                deadline: None,
                purchase,
                at: at.clone(),
            })?;
            self.record(StockEvent::Committed { owner, quantity, step, at })?;
        }
        Ok(())
    }
}

impl Draft<'_> {
    /// Records that units are reserved, where the SKU's strategy takes them, and others promised. There must
    /// be enough.
    pub(super) fn take(
        &mut self,
        owner: HoldOwner,
        units: Units,
        purchase: Option<Box<Purchase>>,
    ) -> Result<(), Refusal> {
        let Units { quantity, waiting, step, .. } = units;
        let Some((rest, promise)) = waiting else {
            return self.take_what_is_there(owner, units, purchase);
        };
        if quantity > 0 {
            self.take_what_is_there(owner.clone(), Units { waiting: None, ..units }, purchase.clone())?;
        }
        self.record(StockEvent::Queued { owner, quantity: rest, promise, step, purchase })
    }

    fn take_what_is_there(
        &mut self,
        owner: HoldOwner,
        units: Units,
        purchase: Option<Box<Purchase>>,
    ) -> Result<(), Refusal> {
        let Units { quantity, step, deadline, .. } = units;
        let Some(strategy) = self.strategy() else {
            let at = LocationId::MAIN;
            return self.record(StockEvent::Reserved { owner, quantity, step, deadline, purchase, at });
        };
        let parts = allocated(&strategy, quantity, &self.shelves());
        for Take { at, quantity } in parts.map_err(|reason| Refusal::Parked { reason })? {
            let (owner, purchase) = (owner.clone(), purchase.clone());
            self.record(StockEvent::Reserved { owner, quantity, step, deadline, purchase, at })?;
        }
        Ok(())
    }

    /// Reserved units are paid for, and then those that are waited for.
    pub(super) fn pay(&mut self, units: &Move<'_>) -> Result<(), Refusal> {
        let there = units.quantity.min(self.hold().reserved);
        let (rest, step) = (units.quantity - there, units.step);
        if there > 0 {
            self.commit(&Move { quantity: there, ..*units })?;
        }
        if rest > 0 {
            let owner = units.owner.clone();
            self.record(StockEvent::QueuePaid { owner, quantity: rest, step })?;
        }
        Ok(())
    }

    /// Units that are waited for are not paid for after all, and then those that are there.
    pub(super) fn unpay(&mut self, units: &Move<'_>) -> Result<(), Refusal> {
        let waited = self.hold().waits().map_or(0, |awaiting| awaiting.paid).min(units.quantity);
        let (rest, step) = (units.quantity - waited, units.step);
        if waited > 0 {
            let owner = units.owner.clone();
            self.record(StockEvent::QueueUnpaid { owner, quantity: waited, step })?;
        }
        if rest > 0 { self.uncommit(&Move { quantity: rest, ..*units }) } else { Ok(()) }
    }

    /// Units that are waited for are given up, and then those that are there: at most `unpaid` reserved ones.
    pub(super) fn give_up(&mut self, units: &Move<'_>, unpaid: u64) -> Result<(), Refusal> {
        let waited = self.hold().awaiting().min(units.quantity);
        let (rest, step) = (units.quantity - waited, units.step);
        if waited > 0 {
            let owner = units.owner.clone();
            self.record(StockEvent::Unqueued { owner, quantity: waited, step })?;
        }
        let units = Move { quantity: rest, ..*units };
        if rest > 0 { self.release_up_to(&units, unpaid, ReleaseCause::Asked) } else { Ok(()) }
    }

    /// reserved → committed.
    pub(super) fn commit(&mut self, units: &Move<'_>) -> Result<(), Refusal> {
        let shares = shares(self.hold(), units.quantity, |part| part.reserved, Way::On);
        shares.into_iter().try_for_each(|(at, quantity)| {
            self.record(StockEvent::Committed { owner: units.owner.clone(), quantity, step: units.step, at })
        })
    }

    /// committed → reserved.
    pub(super) fn uncommit(&mut self, units: &Move<'_>) -> Result<(), Refusal> {
        let shares = shares(self.hold(), units.quantity, |part| part.committed, Way::Back);
        shares.into_iter().try_for_each(|(at, quantity)| {
            self.record(StockEvent::Uncommitted {
                owner: units.owner.clone(),
                quantity,
                step: units.step,
                at,
            })
        })
    }

    /// reserved, and when there are no more, committed → available.
    pub(super) fn release(&mut self, units: &Move<'_>, cause: ReleaseCause) -> Result<(), Refusal> {
        self.release_up_to(units, u64::MAX, cause)
    }

    /// The same with at most `unpaid` reserved units.
    fn release_up_to(&mut self, units: &Move<'_>, unpaid: u64, cause: ReleaseCause) -> Result<(), Refusal> {
        let Move { owner, quantity, step } = *units;
        let reserved = quantity.min(self.hold().reserved).min(unpaid);
        let committed = quantity - reserved;
        if self.hold().located.is_none() {
            let (owner, at) = (owner.clone(), LocationId::MAIN);
            return self.record(StockEvent::Released { owner, reserved, committed, step, cause, at });
        }
        let mut unpaid = shares(self.hold(), reserved, |part| part.reserved, Way::Back);
        let mut paid = shares(self.hold(), committed, |part| part.committed, Way::Back);
        for part in self.hold().parts().into_iter().rev() {
            let (reserved, committed) = (take_out(&mut unpaid, &part.at), take_out(&mut paid, &part.at));
            if reserved > 0 || committed > 0 {
                let (owner, at) = (owner.clone(), part.at);
                self.record(StockEvent::Released { owner, reserved, committed, step, cause, at })?;
            }
        }
        Ok(())
    }

    /// committed → shipped, from one location where it is named.
    pub(super) fn ship(&mut self, units: &Move<'_>, from: Option<&LocationId>) -> Result<(), Refusal> {
        let shares = match from {
            Some(at) => smallvec![(at.clone(), units.quantity)],
            None => shares(self.hold(), units.quantity, |part| part.committed, Way::On),
        };
        shares.into_iter().try_for_each(|(at, quantity)| {
            self.record(StockEvent::Shipped { owner: units.owner.clone(), quantity, step: units.step, at })
        })
    }

    /// shipped → committed. The units lie where they left from: at the location that is named; else where
    /// the owner's last step shipped from, if that is remembered; else at the first locations that shipped
    /// as many.
    pub(super) fn unship(
        &mut self,
        units: &Move<'_>,
        from: Option<&LocationId>,
        purchase: Option<&Purchase>,
    ) -> Result<(), Refusal> {
        let shares = match from {
            Some(at) => smallvec![(at.clone(), units.quantity)],
            None => self.origins(units),
        };
        shares.into_iter().try_for_each(|(at, quantity)| {
            let (owner, purchase) = (units.owner.clone(), purchase.cloned().map(Box::new));
            self.record(StockEvent::Unshipped { owner, quantity, step: units.step, purchase, at })
        })
    }

    fn origins(&self, units: &Move<'_>) -> Shares {
        let Some(known) = self.located() else { return smallvec![(LocationId::MAIN, units.quantity)] };
        let remembered: Shares = known
            .departed(units.owner, units.step.saturating_sub(1))
            .map(|(at, quantity)| (at.clone(), quantity))
            .collect();
        let sum: u128 = remembered.iter().map(|(_, quantity)| u128::from(*quantity)).sum();
        let there = |(at, quantity): &(LocationId, u64)| *quantity <= self.counters_at(at).shipped;
        if sum == u128::from(units.quantity) && remembered.iter().all(there) {
            return remembered;
        }
        let mut left = units.quantity;
        let part = |(at, counters): (&LocationId, &super::Counters)| {
            let quantity = left.min(counters.shipped);
            left -= quantity;
            (quantity > 0).then(|| (at.clone(), quantity))
        };
        known.iter().filter_map(part).collect()
    }
}

/// `quantity` units of a hold by location, out of those that `count` counts; there must be as many.
fn shares(hold: &Hold, quantity: u64, count: fn(&Part) -> u64, way: Way) -> Shares {
    if hold.located.is_none() {
        return smallvec![(LocationId::MAIN, quantity)];
    }
    let mut parts = hold.parts();
    if way == Way::Back {
        parts.reverse();
    }
    let mut left = quantity;
    let share = |part: Part| {
        let quantity = left.min(count(&part));
        left -= quantity;
        (quantity > 0).then_some((part.at, quantity))
    };
    parts.into_iter().filter_map(share).collect()
}

/// Takes the units of a location out of shares.
fn take_out(shares: &mut Shares, at: &LocationId) -> u64 {
    let index = shares.iter().position(|(share, _)| share == at);
    index.map_or(0, |index| shares.remove(index).1)
}
