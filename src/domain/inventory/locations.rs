//! A SKU's units by location; kept from the first movement on that names another location than the default.
//!
//! Until then all units lie at the default location, and the SKU's totals are what it has: nobody pays for
//! locations that nobody names. From then on every location has counters of its own, the default one too,
//! and every event moves the totals and one location (a transfer: two) by the same table.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::allocation::Shelf;
use super::counters::Counters;
use super::event::StockEvent;
use super::holds::HoldOwner;
use super::location::LocationId;
use super::movement::{count, transfer};
use super::state::InvariantBroken;

/// Shipments whose origins are remembered. A shipment is undone, if at all, while its order is still asking
/// other SKUs.
const DEPARTURES_MAX: usize = 64;

/// What each location of a SKU has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Locations {
    counters: BTreeMap<LocationId, Counters>,
    /// Where the last shipments of orders left from, the oldest first: what did not leave after all lies there.
    departures: VecDeque<Departure>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Departure {
    owner: HoldOwner,
    step: u32,
    at: LocationId,
    quantity: u64,
}

impl Locations {
    pub(super) fn iter(&self) -> impl Iterator<Item = (&LocationId, &Counters)> {
        self.counters.iter()
    }

    pub(super) fn get(&self, at: &LocationId) -> Option<&Counters> {
        self.counters.get(at)
    }

    /// From where the step of `owner` shipped, if that is remembered.
    pub(super) fn departed(&self, owner: &HoldOwner, step: u32) -> impl Iterator<Item = (&LocationId, u64)> {
        let of_step = move |gone: &&Departure| gone.step == step && gone.owner == *owner;
        self.departures.iter().filter(of_step).map(|gone| (&gone.at, gone.quantity))
    }

    /// Takes over what an event has changed.
    pub(super) fn take_over(&mut self, changed: Vec<(LocationId, Counters)>, event: &StockEvent) {
        self.counters.extend(changed);
        if let StockEvent::Shipped { owner, quantity, step, at } = event
            && *step > 0
        {
            if self.departures.len() == DEPARTURES_MAX {
                self.departures.pop_front();
            }
            let (owner, at) = (owner.clone(), at.clone());
            self.departures.push_back(Departure { owner, step: *step, at, quantity: *quantity });
        }
    }

    /// Checks that the totals are the sums over the locations, and every location for itself.
    pub(super) fn check(&self, totals: &Counters) -> Result<(), InvariantBroken> {
        let mut sums = Counters::default();
        for (at, counters) in &self.counters {
            counters.check_location(at)?;
            sums = sums.plus(counters).ok_or(InvariantBroken::LocationsDisagree)?;
        }
        if sums == *totals { Ok(()) } else { Err(InvariantBroken::LocationsDisagree) }
    }
}

/// The locations of a SKU, moved ahead of it by the events of one decision.
#[derive(Clone, Debug)]
pub(super) struct Ahead<'a> {
    known: Option<&'a Locations>,
    changed: Vec<(LocationId, Counters)>,
}

impl<'a> Ahead<'a> {
    pub(super) fn of(known: Option<&'a Locations>) -> Self {
        Self { known, changed: Vec::new() }
    }

    /// Whether locations are told apart.
    pub(super) fn is_kept(&self) -> bool {
        self.known.is_some() || !self.changed.is_empty()
    }

    pub(super) fn known(&self) -> Option<&'a Locations> {
        self.known
    }

    pub(super) fn into_changed(self) -> Vec<(LocationId, Counters)> {
        self.changed
    }

    /// What a location has; `None` for one that is not there, or where all is at the default one.
    pub(super) fn get(&self, at: &LocationId) -> Option<&Counters> {
        let changed = self.changed.iter().find(|(changed, _)| changed == at).map(|(_, counters)| counters);
        changed.or_else(|| self.known?.get(at))
    }

    /// What every location has available, sorted.
    pub(super) fn shelves(&self) -> Vec<Shelf> {
        let mut shelves = BTreeMap::new();
        for (at, counters) in self.known.into_iter().flat_map(Locations::iter) {
            shelves.insert(at, counters.available);
        }
        for (at, counters) in &self.changed {
            shelves.insert(at, counters.available);
        }
        shelves.into_iter().map(|(at, available)| Shelf { at: at.clone(), available }).collect()
    }

    /// The counters of a location, to be changed. `totals` are those before the event.
    fn entry(&mut self, at: &LocationId, totals: &Counters) -> Option<&mut Counters> {
        if !self.is_kept() {
            self.changed.push((LocationId::MAIN, *totals));
        }
        let index = self.changed.iter().position(|(changed, _)| changed == at).unwrap_or_else(|| {
            let counters = self.known.and_then(|known| known.get(at)).copied().unwrap_or_default();
            self.changed.push((at.clone(), counters));
            self.changed.len() - 1
        });
        self.changed.get_mut(index).map(|(_, counters)| counters)
    }

    /// Moves the locations that the event names; `totals` are those before it.
    pub(super) fn advance(&mut self, event: &StockEvent, totals: &Counters) -> Result<(), InvariantBroken> {
        if let StockEvent::Transferred { quantity, from, to, .. } = event {
            let sides = [(from, false), (to, true)];
            return sides.into_iter().try_for_each(|(at, arrives)| {
                let Some(counters) = self.entry(at, totals) else { return Ok(()) };
                transfer(counters, *quantity, arrives)?;
                counters.check_location(at)
            });
        }
        let Some(at) = event.at() else { return Ok(()) };
        let Some(counters) = self.entry(at, totals) else { return Ok(()) };
        count(counters, event)?;
        counters.check_location(at)
    }
}
