//! The state of one SKU's inventory, and the checks of its invariants.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::buyers::Buyers;
use super::counters::Counters;
use super::hold_table::HoldTable;
use super::holds::{Hold, HoldOwner, Tally};
use super::location::LocationId;
use super::locations::Locations;
use super::policy::StockPolicy;
use super::queue::{Queue, Waiter};
use crate::domain::ids::{CartId, CustomerId, DeliveryId, SkuId};
use crate::domain::time::Timestamp;

/// A delivery that is on its way: a promise, no units in the house.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incoming {
    /// Units still to come; never 0.
    pub quantity: u64,
    /// When they are expected.
    pub expected: Timestamp,
    /// Where they will arrive.
    pub at: LocationId,
}

/// An invariant of an inventory does not hold, or would not after an event. The entity is parked with
/// the text of this error; nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvariantBroken {
    /// An event would take more from a counter than it has.
    #[error("{event}: {counter} is {value}; {change} cannot be taken off")]
    BelowZero {
        /// Name of the event.
        event: &'static str,
        /// Name of the counter.
        counter: &'static str,
        /// The counter before the event.
        value: u64,
        /// What the event takes off.
        change: u64,
    },
    /// An event would take a counter out of its range.
    #[error("{event}: {counter} is {value}; {change} cannot be added")]
    OutOfRange {
        /// Name of the event.
        event: &'static str,
        /// Name of the counter.
        counter: &'static str,
        /// The counter before the event.
        value: i128,
        /// What the event adds; negative where it takes off.
        change: i128,
    },
    /// The movements and the places of the units do not sum to the same.
    #[error("movements sum to {moved} units on hand; {placed} are accounted for")]
    NotConserved {
        /// The sum of all movements.
        moved: i128,
        /// The sum of all places.
        placed: i128,
    },
    /// The movements and the places of the units at a location do not sum to the same.
    #[error("movements sum to {moved} units on hand at {at}; {placed} are accounted for")]
    LocationNotConserved {
        /// The location.
        at: LocationId,
        /// The sum of all movements there.
        moved: i128,
        /// The sum of all places there.
        placed: i128,
    },
    /// The totals of the SKU are not the sums over its locations, or a location does not have what the holds
    /// say is held there.
    #[error("the locations do not sum to the totals of the SKU, or not to its holds")]
    LocationsDisagree,
    /// Units went to somebody who was not the first to wait for them.
    #[error("{owner} would be filled before {first}")]
    Overtaken {
        /// Who is first.
        first: HoldOwner,
        /// Who was filled.
        owner: HoldOwner,
    },
    /// The queue, the counters of what is waited for and the holds do not say the same.
    #[error("the queue does not sum to what the holds wait for")]
    QueueDisagrees,
    /// A counter is not the sum over the holds.
    #[error("{counter} is {counted}; the holds sum to {held}")]
    HoldsDisagree {
        /// Name of the counter.
        counter: &'static str,
        /// Its value.
        counted: u64,
        /// The sum over the holds.
        held: u64,
    },
    /// The accounts of buyers are not the sums over their holds.
    #[error("the accounts of buyers and their holds disagree")]
    AccountsDisagree,
    /// A record does not follow on the one before it.
    #[error("version {follows} follows, the record says {recorded}")]
    Gap {
        /// The version that the record's events would lead to.
        follows: u64,
        /// The version that the record says.
        recorded: u64,
    },
    /// More units came back than ever left.
    #[error("{returned} units were returned; only {shipped} were shipped")]
    ReturnedExceedsShipped {
        /// All units returned.
        returned: u64,
        /// All units shipped.
        shipped: u64,
    },
}

/// What an entry of the queue takes in memory, about.
const WAITER_BYTES: usize = 64;
/// The same of a buyer's account.
const ACCOUNT_BYTES: usize = 128;

/// One SKU's inventory. Its counters and holds are changed by [`super::apply`] alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// What is counted here.
    pub sku: SkuId,
    /// Events applied so far; 0 while the SKU is unknown.
    pub version: u64,
    /// Where the units are, over all locations.
    pub counters: Counters,
    /// What each location has; `None` while all units are at the default one.
    pub(super) locations: Option<Box<Locations>>,
    pub(super) holds: HoldTable,
    pub(super) policy: Option<Box<StockPolicy>>,
    /// Units by buyer, while the policy asks for them.
    pub(super) buyers: Option<Box<Buyers>>,
    pub(super) incoming: BTreeMap<DeliveryId, Incoming>,
    /// Who waits for units that are not there; `None` while nobody does.
    pub(super) queue: Option<Box<Queue>>,
    /// Why the inventory is parked; a parked inventory takes no commands.
    pub parked: Option<SmolStr>,
}

impl Inventory {
    /// The inventory of a SKU of which nothing is known yet.
    #[must_use]
    pub fn new(sku: SkuId) -> Self {
        Self {
            sku,
            version: 0,
            counters: Counters::default(),
            locations: None,
            holds: HoldTable::default(),
            policy: None,
            buyers: None,
            incoming: BTreeMap::new(),
            queue: None,
            parked: None,
        }
    }

    /// Whether anything was ever received for the SKU.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        self.version > 0
    }

    /// What `owner` holds, if anything.
    #[must_use]
    pub fn hold(&self, owner: &HoldOwner) -> Option<Hold> {
        self.holds.get(owner)
    }

    /// All holds in the order of their owners. Sorts them first: meant for snapshots, hashes and people,
    /// not for the path of a command.
    pub fn holds(&self) -> impl ExactSizeIterator<Item = (HoldOwner, Hold)> {
        self.holds.sorted()
    }

    /// The carts whose holds lapse, and when, in no order that anything may depend on.
    pub(crate) fn deadlines(&self) -> impl Iterator<Item = (CartId, Timestamp)> {
        self.holds.deadlines()
    }

    /// The counters of one location; all 0 where the SKU never had units there.
    #[must_use]
    pub fn counters_at(&self, at: &LocationId) -> Counters {
        match &self.locations {
            Some(locations) => locations.get(at).copied().unwrap_or_default(),
            None if at.is_main() => self.counters,
            None => Counters::default(),
        }
    }

    /// The counters of every location at which the SKU ever had units, by the locations' ids; they sum to
    /// the totals.
    #[must_use]
    pub fn locations(&self) -> BTreeMap<LocationId, Counters> {
        match &self.locations {
            Some(locations) => locations.iter().map(|(at, counters)| (at.clone(), *counters)).collect(),
            None => BTreeMap::from([(LocationId::MAIN, self.counters)]),
        }
    }

    /// Who waits for units that are not there, in the order in which they are filled.
    pub fn queue(&self) -> impl Iterator<Item = &Waiter> {
        self.queue.iter().flat_map(|queue| queue.iter().map(|(_, waiter)| waiter))
    }

    /// Number of entries in the queue.
    #[must_use]
    pub fn queue_len(&self) -> usize {
        self.queue.as_ref().map_or(0, |queue| queue.len())
    }

    /// Whether units are available for those who wait, so that there is something left to fill.
    #[must_use]
    pub fn can_fill(&self) -> bool {
        self.queue.is_some() && self.counters.available > 0
    }

    /// Whoever waited and had units filled since, sorted. Looks through the table: meant for recovery.
    #[must_use]
    pub fn filled_owners(&self) -> Vec<HoldOwner> {
        let mut owners: Vec<_> = self.holds.filled().cloned().collect();
        owners.sort_unstable();
        owners
    }

    /// About how many bytes of memory the inventory takes; kept up to date, not counted.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let waiting = self.queue_len() * WAITER_BYTES;
        let accounts = self.buyers.as_ref().map_or(0, |buyers| buyers.len() * ACCOUNT_BYTES);
        size_of::<Self>() + self.holds.bytes() + waiting + accounts
    }

    /// Number of owners that hold units or wait for them.
    #[must_use]
    pub fn hold_count(&self) -> usize {
        self.holds.len()
    }

    /// The rules of the SKU; `None` where it has none.
    #[must_use]
    pub fn policy(&self) -> Option<&StockPolicy> {
        self.policy.as_deref()
    }

    /// Deliveries that are on their way, by their ids.
    #[must_use]
    pub const fn incoming(&self) -> &BTreeMap<DeliveryId, Incoming> {
        &self.incoming
    }

    /// Units that `buyer` holds over all carts and orders; `None` while no rule of the SKU counts them.
    #[must_use]
    pub fn held_by(&self, buyer: &CustomerId) -> Option<u64> {
        Some(self.buyers.as_deref()?.get(buyer).map_or(0, |account| account.held))
    }

    /// Checks the invariants against the running sums over the holds, in constant time.
    ///
    /// # Errors
    /// When an invariant does not hold; the text names the values.
    pub fn check(&self) -> Result<(), InvariantBroken> {
        self.counters.check(self.holds.tally())
    }

    /// Checks the invariants against every single hold, in time proportional to their number.
    ///
    /// # Errors
    /// When an invariant does not hold, or the running sums are not those of the holds.
    pub fn check_fully(&self) -> Result<(), InvariantBroken> {
        self.check()?;
        let sum = self
            .holds
            .unordered()
            .try_fold(Tally::default(), |sum, (_, hold)| sum.replaced(Tally::default(), hold.units()));
        // Sums beyond 64 bits cannot be those of the counters, so that any wrong value reports them.
        self.counters.check(sum.unwrap_or(Tally {
            reserved: u64::MAX,
            committed: u64::MAX,
            awaiting: u64::MAX,
        }))?;
        self.check_queue()?;
        self.check_locations()?;
        self.check_buyers()
    }

    /// Every entry of the queue is one of its owner's tickets, and the other way round; both sum to the same.
    fn check_queue(&self) -> Result<(), InvariantBroken> {
        let mut waiting = BTreeMap::<HoldOwner, (Vec<u64>, u64)>::new();
        let (mut sums, empty) =
            (Counters::default(), self.queue.as_ref().is_some_and(|queue| queue.is_empty()));
        for (ticket, waiter) in self.queue.iter().flat_map(|queue| queue.iter()) {
            let (tickets, units) = waiting.entry(waiter.owner.clone()).or_default();
            tickets.push(*ticket);
            *units = units.saturating_add(waiter.quantity);
            let sum = sums.waiting_mut(waiter.promise);
            *sum = sum.saturating_add(waiter.quantity);
        }
        let mut agree = !empty
            && (sums.backordered, sums.preordered) == (self.counters.backordered, self.counters.preordered);
        for (owner, awaiting) in
            self.holds.unordered().filter_map(|(owner, hold)| Some((owner, hold.awaiting?)))
        {
            let (tickets, units) = waiting.remove(&owner).unwrap_or_default();
            agree &= tickets == awaiting.tickets && units == awaiting.unpaid.saturating_add(awaiting.paid);
        }
        if agree && waiting.is_empty() { Ok(()) } else { Err(InvariantBroken::QueueDisagrees) }
    }

    fn check_locations(&self) -> Result<(), InvariantBroken> {
        let mut held = BTreeMap::<LocationId, (u64, u64)>::new();
        for (_, hold) in self.holds.unordered() {
            hold.check_parts()?;
            for part in hold.parts() {
                let (reserved, committed) = held.entry(part.at).or_default();
                *reserved = reserved.saturating_add(part.reserved);
                *committed = committed.saturating_add(part.committed);
            }
        }
        let all = self.locations();
        let of = |at: &LocationId| held.get(at).copied().unwrap_or_default();
        let agree = all.iter().all(|(at, counters)| of(at) == (counters.reserved, counters.committed));
        if !agree || held.keys().any(|at| !all.contains_key(at)) {
            return Err(InvariantBroken::LocationsDisagree);
        }
        self.locations.as_ref().map_or(Ok(()), |locations| locations.check(&self.counters))
    }

    /// Whether units are counted by buyer whatever the policy asks for.
    pub(super) fn counts_for_good(&self) -> bool {
        self.buyers.as_ref().is_some_and(|buyers| buyers.for_good)
    }

    fn check_buyers(&self) -> Result<(), InvariantBroken> {
        let counts = self.counts_for_good() || self.policy().is_some_and(StockPolicy::counts_buyers);
        let Some(buyers) = &self.buyers else {
            return if counts { Err(InvariantBroken::AccountsDisagree) } else { Ok(()) };
        };
        let held = Buyers::of(self.holds.unordered().map(|(_, hold)| hold));
        if counts && held.is_some_and(|held| held.held().eq(buyers.held())) {
            Ok(())
        } else {
            Err(InvariantBroken::AccountsDisagree)
        }
    }
}
