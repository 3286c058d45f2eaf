//! The table of movements: what each takes from where, and where it puts it. The totals of a SKU and the
//! counters of a location move by the same rows, and so do a hold and its parts.

use super::counters::Counters;
use super::event::StockEvent;
use super::holds::{Hold, HoldOwner};
use super::state::InvariantBroken;
use crate::domain::ids::CartId;
use crate::domain::time::Timestamp;

/// What an event does to counters: a SKU's totals, or those of the one location it names. A transfer moves
/// no totals; what it does to its two locations is in [`transfer`].
pub(super) fn count(c: &mut Counters, event: &StockEvent) -> Result<(), InvariantBroken> {
    let by = Mover::of(event);
    match event {
        StockEvent::Reserved { quantity, .. } => {
            by.take("available", &mut c.available, *quantity)?;
            by.add("reserved", &mut c.reserved, *quantity)
        }
        StockEvent::Committed { quantity, .. } => {
            by.take("reserved", &mut c.reserved, *quantity)?;
            by.add("committed", &mut c.committed, *quantity)
        }
        StockEvent::Uncommitted { quantity, .. } => {
            by.take("committed", &mut c.committed, *quantity)?;
            by.add("reserved", &mut c.reserved, *quantity)
        }
        StockEvent::Released { reserved, committed, .. } => {
            by.take("reserved", &mut c.reserved, *reserved)?;
            by.take("committed", &mut c.committed, *committed)?;
            by.add("available", &mut c.available, *reserved)?;
            by.add("available", &mut c.available, *committed)
        }
        StockEvent::Shipped { quantity, .. } => {
            by.take("committed", &mut c.committed, *quantity)?;
            by.add("shipped", &mut c.shipped, *quantity)
        }
        StockEvent::Unshipped { quantity, .. } => {
            by.take("shipped", &mut c.shipped, *quantity)?;
            by.add("committed", &mut c.committed, *quantity)
        }
        StockEvent::Filled { reserved, committed, .. } => {
            by.take("available", &mut c.available, *reserved)?;
            by.take("available", &mut c.available, *committed)?;
            by.add("reserved", &mut c.reserved, *reserved)?;
            by.add("committed", &mut c.committed, *committed)
        }
        _ => count_ownerless(c, &by, event),
    }
}

/// The rest of the table: movements that touch no hold.
fn count_ownerless(c: &mut Counters, by: &Mover, event: &StockEvent) -> Result<(), InvariantBroken> {
    match event {
        StockEvent::Received { quantity, .. } => {
            by.add("received", &mut c.received, *quantity)?;
            by.add("available", &mut c.available, *quantity)
        }
        StockEvent::Adjusted { delta, .. } => {
            by.shift("adjusted", &mut c.adjusted, *delta)?;
            let units = delta.unsigned_abs();
            if *delta < 0 {
                by.take("available", &mut c.available, units)
            } else {
                by.add("available", &mut c.available, units)
            }
        }
        StockEvent::Returned { quantity, to, .. } => {
            by.add("returned", &mut c.returned, *quantity)?;
            by.add("units in that place", c.at_mut(*to), *quantity)
        }
        StockEvent::Moved { quantity, from, to, .. } => {
            by.take("units in that place", c.at_mut(*from), *quantity)?;
            by.add("units in that place", c.at_mut(*to), *quantity)
        }
        StockEvent::WrittenOff { quantity, from, .. } => {
            by.take("units in that place", c.at_mut(*from), *quantity)?;
            by.add("written off", &mut c.written_off, *quantity)
        }
        StockEvent::Reserved { .. }
        | StockEvent::Committed { .. }
        | StockEvent::Uncommitted { .. }
        | StockEvent::Released { .. }
        | StockEvent::Shipped { .. }
        | StockEvent::Unshipped { .. }
        | StockEvent::Extended { .. }
        | StockEvent::PolicySet { .. }
        | StockEvent::Announced { .. }
        | StockEvent::Arrived { .. }
        | StockEvent::StockLow { .. }
        | StockEvent::Transferred { .. }
        | StockEvent::TookOver { .. }
        | StockEvent::Queued { .. }
        | StockEvent::Filled { .. }
        | StockEvent::Unqueued { .. }
        | StockEvent::QueuePaid { .. }
        | StockEvent::QueueUnpaid { .. }
        | StockEvent::CountingBegan => Ok(()),
    }
}

/// What a transfer does to the location that the units leave, or at which they arrive.
pub(super) fn transfer(c: &mut Counters, quantity: u64, arrives: bool) -> Result<(), InvariantBroken> {
    let by = Mover { event: "Transferred" };
    let change = i64::try_from(quantity).map_err(|_| InvariantBroken::OutOfRange {
        event: by.event,
        counter: "transferred",
        value: i128::from(c.transferred),
        change: i128::from(quantity),
    })?;
    if arrives {
        by.add("available", &mut c.available, quantity)?;
        by.shift("transferred", &mut c.transferred, change)
    } else {
        by.take("available", &mut c.available, quantity)?;
        by.shift("transferred", &mut c.transferred, -change)
    }
}

/// What an event does to the hold whose owner it names.
pub(super) fn take_hold_on(hold: &mut Hold, event: &StockEvent) -> Result<(), InvariantBroken> {
    match event {
        StockEvent::Reserved { deadline, purchase, .. } => {
            hold.deadline = *deadline;
            if purchase.is_some() {
                hold.purchase.clone_from(purchase);
            }
        }
        StockEvent::Queued { purchase: Some(purchase), .. } => hold.purchase = Some(purchase.clone()),
        StockEvent::Unshipped { purchase, .. } if hold.purchase.is_none() => {
            hold.purchase.clone_from(purchase);
        }
        StockEvent::Extended { deadline, .. } => hold.deadline = Some(*deadline),
        _ => {}
    }
    if let Some(part) = event.at().and_then(|at| hold.part_mut(at)) {
        hold_units(&mut part.reserved, &mut part.committed, event)?;
        hold.tidy();
    }
    hold_units(&mut hold.reserved, &mut hold.committed, event)
}

/// What an event does to the units of a hold, or of the part of it at the location that it names.
fn hold_units(reserved: &mut u64, committed: &mut u64, event: &StockEvent) -> Result<(), InvariantBroken> {
    const RESERVED: &str = "reserved units of the hold";
    const COMMITTED: &str = "committed units of the hold";
    let by = Mover::of(event);
    match event {
        StockEvent::Reserved { quantity, .. } => by.add(RESERVED, reserved, *quantity),
        StockEvent::Committed { quantity, .. } => {
            by.take(RESERVED, reserved, *quantity)?;
            by.add(COMMITTED, committed, *quantity)
        }
        StockEvent::Uncommitted { quantity, .. } => {
            by.take(COMMITTED, committed, *quantity)?;
            by.add(RESERVED, reserved, *quantity)
        }
        StockEvent::Released { reserved: given, committed: paid, .. } => {
            by.take(RESERVED, reserved, *given)?;
            by.take(COMMITTED, committed, *paid)
        }
        StockEvent::Shipped { quantity, .. } => by.take(COMMITTED, committed, *quantity),
        StockEvent::Unshipped { quantity, .. } => by.add(COMMITTED, committed, *quantity),
        StockEvent::Filled { reserved: unpaid, committed: paid, .. } => {
            by.add(RESERVED, reserved, *unpaid)?;
            by.add(COMMITTED, committed, *paid)
        }
        _ => Ok(()),
    }
}

/// Checked arithmetic that names the event and the counter when it fails. What it says then is made then: it is no
/// part of what a movement costs.
pub(super) struct Mover {
    event: &'static str,
}

impl Mover {
    pub(super) const fn of(event: &StockEvent) -> Self {
        Self { event: event.name() }
    }

    pub(super) fn add(
        &self,
        counter: &'static str,
        value: &mut u64,
        change: u64,
    ) -> Result<(), InvariantBroken> {
        let out_of_range = |value| self.out_of_range(counter, i128::from(value), i128::from(change));
        *value = value.checked_add(change).ok_or_else(|| out_of_range(*value))?;
        Ok(())
    }

    pub(super) fn take(
        &self,
        counter: &'static str,
        value: &mut u64,
        change: u64,
    ) -> Result<(), InvariantBroken> {
        let below = |value| InvariantBroken::BelowZero { event: self.event, counter, value, change };
        *value = value.checked_sub(change).ok_or_else(|| below(*value))?;
        Ok(())
    }

    fn shift(&self, counter: &'static str, value: &mut i64, change: i64) -> Result<(), InvariantBroken> {
        let out_of_range = |value| self.out_of_range(counter, i128::from(value), i128::from(change));
        *value = value.checked_add(change).ok_or_else(|| out_of_range(*value))?;
        Ok(())
    }

    #[cold]
    fn out_of_range(&self, counter: &'static str, value: i128, change: i128) -> InvariantBroken {
        InvariantBroken::OutOfRange { event: self.event, counter, value, change }
    }
}

impl StockEvent {
    /// The cart whose units lapse, and when, where the event says so: a timer is due then.
    #[must_use]
    pub const fn deadline(&self) -> Option<(&CartId, Timestamp)> {
        match self {
            Self::Reserved { owner: HoldOwner::Cart(cart), deadline: Some(deadline), .. }
            | Self::Extended { owner: HoldOwner::Cart(cart), deadline } => Some((cart, *deadline)),
            _ => None,
        }
    }
}
