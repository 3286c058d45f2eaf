//! Who waits for units that are not in the house: backorders and preorders, in order of arrival.
//!
//! The queue is demand, not stock: its units are in no place and in no hold's reserved or committed units.
//! Nobody overtakes: while somebody waits, whatever becomes available is the first one's, and newcomers find
//! nothing available. A hold remembers the tickets of its owner; the table is there only while somebody waits.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::counters::Counters;
use super::event::StockEvent;
use super::holds::{Awaiting, HoldOwner};
use super::movement::Mover;
use super::pages::Pages;
use super::state::InvariantBroken;

/// What a movement of demand moves, as its errors name it.
const WAITED_FOR: &str = "units that are waited for";

/// What a waiting unit was promised on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Promise {
    /// It is out of stock and comes again.
    Backorder,
    /// It is not out yet.
    Preorder,
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Backorder => "backorder",
            Self::Preorder => "preorder",
        })
    }
}

/// Units that one owner waits for, by one step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiter {
    /// Who waits.
    pub owner: HoldOwner,
    /// What the units were promised on.
    pub promise: Promise,
    /// Units still to come; never 0.
    pub quantity: u64,
}

/// Everybody who waits, by the number of arrival.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Queue(Pages<u64, Waiter>);

impl Queue {
    pub(super) fn iter(&self) -> impl Iterator<Item = (&u64, &Waiter)> {
        self.0.iter()
    }

    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes over what an event has changed.
    pub(super) fn take_over(&mut self, changed: BTreeMap<u64, Option<Waiter>>) {
        for (ticket, waiter) in changed {
            match waiter {
                Some(waiter) => self.0.insert(ticket, waiter),
                None => self.0.remove(&ticket),
            };
        }
    }
}

/// The queue of a SKU, moved ahead of it by the events of one decision.
#[derive(Clone, Debug)]
pub(super) struct Ahead<'a> {
    known: Option<&'a Queue>,
    changed: Option<Box<Changed>>,
}

#[derive(Clone, Debug, Default)]
struct Changed {
    /// Entries that are new, smaller or gone.
    entries: BTreeMap<u64, Option<Waiter>>,
    /// All entries with smaller tickets are gone.
    front: u64,
}

impl<'a> Ahead<'a> {
    pub(super) fn of(known: Option<&'a Queue>) -> Self {
        Self { known, changed: None }
    }

    pub(super) fn is_empty(&self) -> bool {
        (self.known.is_none() && self.changed.is_none()) || self.first().is_none()
    }

    pub(super) fn into_changed(self) -> Option<BTreeMap<u64, Option<Waiter>>> {
        self.changed.map(|changed| changed.entries)
    }

    fn entry(&self, ticket: u64) -> Option<&Option<Waiter>> {
        self.changed.as_ref()?.entries.get(&ticket)
    }

    fn set(&mut self, ticket: u64, waiter: Option<Waiter>) {
        self.changed.get_or_insert_default().entries.insert(ticket, waiter);
    }

    fn get(&self, ticket: u64) -> Option<&Waiter> {
        match self.entry(ticket) {
            Some(changed) => changed.as_ref(),
            None => self.known?.0.get(&ticket),
        }
    }

    /// The entry that is filled first.
    pub(super) fn first(&self) -> Option<(u64, &Waiter)> {
        let front = self.changed.as_ref().map_or(0, |changed| changed.front);
        let known = self.known.into_iter().flat_map(|queue| queue.0.from(&front));
        let mut unchanged = known.filter(|(ticket, _)| self.entry(**ticket).is_none());
        let entries = self.changed.iter().flat_map(|changed| changed.entries.range(front..));
        let mut changed =
            entries.filter_map(|(ticket, waiter)| waiter.as_ref().map(|waiter| (ticket, waiter)));
        let first = match (unchanged.next(), changed.next()) {
            (Some(one), Some(other)) => Some(if one.0 < other.0 { one } else { other }),
            (one, other) => one.or(other),
        };
        first.map(|(ticket, waiter)| (*ticket, waiter))
    }

    fn last_ticket(&self) -> Option<u64> {
        let known = self.known.and_then(|queue| queue.0.last_key());
        known.max(self.changed.as_ref().and_then(|changed| changed.entries.keys().next_back())).copied()
    }

    /// Moves the queue on by an event, with what its owner waits for and the counters of the demand.
    pub(super) fn advance(
        &mut self,
        event: &StockEvent,
        awaiting: &mut Awaiting,
        demand: &mut Counters,
    ) -> Result<(), InvariantBroken> {
        let by = Mover::of(event);
        match event {
            StockEvent::Queued { owner, quantity, promise, .. } => {
                let ticket = self.last_ticket().map_or(Some(0), |last| last.checked_add(1));
                let ticket = ticket.ok_or_else(|| broken(event, "tickets"))?;
                let waiter = Waiter { owner: owner.clone(), promise: *promise, quantity: *quantity };
                self.set(ticket, Some(waiter));
                awaiting.tickets.push(ticket);
                by.add(WAITED_FOR, demand.waiting_mut(*promise), *quantity)?;
                by.add(WAITED_FOR, &mut awaiting.unpaid, *quantity)
            }
            StockEvent::Filled { owner, reserved, committed, .. } => {
                let (ticket, first) = self.first().ok_or_else(|| broken(event, "the queue"))?;
                let quantity = reserved.checked_add(*committed).ok_or_else(|| broken(event, "units"))?;
                if first.owner != *owner {
                    return Err(InvariantBroken::Overtaken {
                        first: first.owner.clone(),
                        owner: owner.clone(),
                    });
                }
                self.shorten(event, ticket, quantity, awaiting, demand)?;
                by.take(WAITED_FOR, &mut awaiting.unpaid, *reserved)?;
                by.take(WAITED_FOR, &mut awaiting.paid, *committed)?;
                by.add(WAITED_FOR, &mut awaiting.filled, quantity)
            }
            StockEvent::Unqueued { quantity, .. } => {
                let mut left = *quantity;
                while left > 0 {
                    let last = awaiting.tickets.last().copied();
                    let last = last.and_then(|ticket| Some((ticket, self.get(ticket)?.quantity)));
                    let (ticket, waiting) = last.ok_or_else(|| broken(event, "tickets"))?;
                    let units = left.min(waiting);
                    self.shorten(event, ticket, units, awaiting, demand)?;
                    left -= units;
                }
                let unpaid = awaiting.unpaid.min(*quantity);
                by.take(WAITED_FOR, &mut awaiting.unpaid, unpaid)?;
                by.take(WAITED_FOR, &mut awaiting.paid, *quantity - unpaid)
            }
            StockEvent::QueuePaid { quantity, .. } => {
                by.take(WAITED_FOR, &mut awaiting.unpaid, *quantity)?;
                by.add(WAITED_FOR, &mut awaiting.paid, *quantity)
            }
            StockEvent::QueueUnpaid { quantity, .. } => {
                by.take(WAITED_FOR, &mut awaiting.paid, *quantity)?;
                by.add(WAITED_FOR, &mut awaiting.unpaid, *quantity)
            }
            _ => Ok(()),
        }
    }

    /// Takes units off an entry, and the entry out when there are none left.
    fn shorten(
        &mut self,
        event: &StockEvent,
        ticket: u64,
        quantity: u64,
        awaiting: &mut Awaiting,
        demand: &mut Counters,
    ) -> Result<(), InvariantBroken> {
        let mut waiter = self.get(ticket).cloned().ok_or_else(|| broken(event, "the queue"))?;
        let by = Mover::of(event);
        by.take(WAITED_FOR, &mut waiter.quantity, quantity)?;
        by.take(WAITED_FOR, demand.waiting_mut(waiter.promise), quantity)?;
        if waiter.quantity > 0 {
            self.set(ticket, Some(waiter));
        } else {
            if self.first().is_some_and(|(first, _)| first == ticket) {
                self.changed.get_or_insert_default().front = ticket.saturating_add(1);
            }
            awaiting.tickets.retain(|kept| *kept != ticket);
            self.set(ticket, None);
        }
        Ok(())
    }
}

fn broken(event: &StockEvent, counter: &'static str) -> InvariantBroken {
    InvariantBroken::BelowZero { event: event.name(), counter, value: 0, change: 1 }
}
