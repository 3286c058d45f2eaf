//! What an event makes of an inventory. Live and replay run this same code.

use super::buyers::Buyers;
use super::counters::Counters;
use super::event::StockEvent;
use super::holds::{Awaiting, Hold, HoldOwner, Tally};
use super::locations::Ahead;
use super::movement::{count, take_hold_on};
use super::policy::StockPolicy;
use super::queue;
use super::state::{Incoming, InvariantBroken, Inventory};
use crate::domain::ids::DeliveryId;
use crate::domain::record::SkuRecord;

/// Applies one recorded movement and counts the version up by one.
///
/// # Errors
/// When the movement would take a counter below zero or out of its range, or would break an invariant.
/// The inventory is then exactly as it was. [`super::decide()`] emits no such movement; a journal that
/// holds one is damaged, or was written by other rules.
pub fn apply(inventory: &mut Inventory, event: &StockEvent) -> Result<(), InvariantBroken> {
    let owner = event.hold().map(|(owner, _)| owner);
    let mut after = Projection::of(inventory, owner);
    after.advance(event)?;
    let version = inventory.version.checked_add(1).ok_or_else(|| InvariantBroken::OutOfRange {
        event: event.name(),
        counter: "version",
        value: i128::from(inventory.version),
        change: 1,
    })?;
    let Projection { counters, hold, locations, queue, changed, .. } = after;
    let queued = queue.into_changed();
    let located = locations.into_changed();
    match event {
        StockEvent::PolicySet { policy } => set_policy(inventory, policy)?,
        StockEvent::CountingBegan => begin_counting(inventory)?,
        StockEvent::Announced { delivery, quantity, expected, at } => {
            let incoming = Incoming { quantity: *quantity, expected: *expected, at: at.clone() };
            announce(inventory, delivery, incoming);
        }
        StockEvent::Arrived { delivery, quantity } => arrive(inventory, delivery, *quantity)?,
        _ => {}
    }
    inventory.version = version;
    inventory.counters = counters;
    if !located.is_empty() {
        inventory.locations.get_or_insert_default().take_over(located, event);
    }
    if let Some(owner) = owner {
        inventory.holds.put(owner, hold);
    }
    if let Some(queued) = queued {
        let mut queue = inventory.queue.take().unwrap_or_default();
        queue.take_over(queued);
        inventory.queue = Some(queue).filter(|queue| !queue.is_empty());
    }
    if let (Some(buyers), Some(changed)) = (&mut inventory.buyers, changed) {
        buyers.take_over(*changed);
        if let StockEvent::Reserved { purchase: Some(purchase), .. } = event
            && let Some(today) = purchase.day
        {
            let limits = |policy: &StockPolicy| policy.purchase_limits.total.is_some();
            let counts_total = buyers.for_good || inventory.policy.as_deref().is_some_and(limits);
            buyers.close_some(today, counts_total);
        }
    }
    Ok(())
}

/// Takes over new rules. Where they begin to count by buyer, what is held at this moment counts.
fn set_policy(inventory: &mut Inventory, policy: &StockPolicy) -> Result<(), InvariantBroken> {
    if inventory.counts_for_good() {
        // It goes on as it is.
    } else if !policy.counts_buyers() {
        inventory.buyers = None;
    } else if inventory.buyers.is_none() {
        open_accounts(inventory)?;
    } else if let Some(buyers) = &mut inventory.buyers
        && policy.purchase_limits.total.is_some()
        && inventory.policy.as_ref().is_none_or(|before| before.purchase_limits.total.is_none())
    {
        buyers.begin_total();
    }
    inventory.policy = (*policy != StockPolicy::default()).then(|| Box::new(policy.clone()));
    Ok(())
}

fn open_accounts(inventory: &mut Inventory) -> Result<(), InvariantBroken> {
    let holds = inventory.holds.unordered().map(|(_, hold)| hold);
    inventory.buyers = Some(Box::new(Buyers::of(holds).ok_or(InvariantBroken::AccountsDisagree)?));
    Ok(())
}

/// Counts by buyer from here on, beginning with what is held at this moment, unless it is counted over all time
/// already.
fn begin_counting(inventory: &mut Inventory) -> Result<(), InvariantBroken> {
    if inventory.buyers.is_none() {
        open_accounts(inventory)?;
    }
    let has_total = inventory.policy.as_ref().is_some_and(|policy| policy.purchase_limits.total.is_some());
    if let Some(buyers) = &mut inventory.buyers {
        if !has_total {
            buyers.begin_total();
        }
        buyers.for_good = true;
    }
    Ok(())
}

fn announce(inventory: &mut Inventory, delivery: &DeliveryId, incoming: Incoming) {
    if incoming.quantity == 0 {
        inventory.incoming.remove(delivery);
    } else {
        inventory.incoming.insert(delivery.clone(), incoming);
    }
}

fn arrive(inventory: &mut Inventory, delivery: &DeliveryId, change: u64) -> Result<(), InvariantBroken> {
    let incoming = inventory.incoming.get(delivery).cloned();
    let value = incoming.as_ref().map_or(0, |incoming| incoming.quantity);
    let (event, counter) = ("Arrived", "announced");
    let below = || InvariantBroken::BelowZero { event, counter, value, change };
    let incoming = incoming.ok_or_else(below)?;
    let quantity = value.checked_sub(change).ok_or_else(below)?;
    announce(inventory, delivery, Incoming { quantity, ..incoming });
    Ok(())
}

impl Inventory {
    /// Applies the movements of one record.
    ///
    /// # Errors
    /// When the record does not follow on the inventory's version, or a movement breaks an invariant.
    pub fn apply_record(&mut self, record: &SkuRecord) -> Result<(), InvariantBroken> {
        let follows = self.version.saturating_add(record.events.len() as u64);
        if follows != record.version {
            return Err(InvariantBroken::Gap { follows, recorded: record.version });
        }
        record.events.iter().try_for_each(|event| apply(self, event))
    }
}

/// The part of an inventory that one owner's movements can change, moved ahead of the inventory itself:
/// `decide` tries its events on it, `apply` takes it over when the event stood the test.
#[derive(Clone, Debug)]
pub(super) struct Projection<'a> {
    pub(super) counters: Counters,
    /// What the owner holds; empty where it holds nothing.
    pub(super) hold: Hold,
    pub(super) locations: Ahead<'a>,
    pub(super) queue: queue::Ahead<'a>,
    /// What had been filled for the hold that came to its end last.
    pub(super) filled: u64,
    tally: Tally,
    buyers: Option<&'a Buyers>,
    /// The accounts that have changed, where there are any.
    pub(super) changed: Option<Box<Buyers>>,
}

impl<'a> Projection<'a> {
    pub(super) fn of(inventory: &'a Inventory, owner: Option<&HoldOwner>) -> Self {
        Self {
            counters: inventory.counters,
            hold: owner.and_then(|owner| inventory.hold(owner)).unwrap_or_default(),
            locations: Ahead::of(inventory.locations.as_deref()),
            queue: queue::Ahead::of(inventory.queue.as_deref()),
            filled: 0,
            tally: inventory.holds.tally(),
            buyers: inventory.buyers.as_deref(),
            changed: None,
        }
    }

    /// Goes on with what another owner holds. Nothing of the owner so far may follow.
    pub(super) fn turn_to(&mut self, inventory: &Inventory, owner: &HoldOwner) {
        self.hold = inventory.hold(owner).unwrap_or_default();
    }

    /// Moves on by one event of this projection's owner, or of none; of no use any more when that is
    /// refused.
    pub(super) fn advance(&mut self, event: &StockEvent) -> Result<(), InvariantBroken> {
        let held = self.hold.units();
        let before = self.buyers.map(|_| self.hold.clone());
        if event.is_of_the_queue() {
            let awaiting = self.hold.awaiting.get_or_insert_default();
            self.queue.advance(event, awaiting, &mut self.counters)?;
            if **awaiting == Awaiting::default() {
                self.hold.awaiting = None;
            }
        }
        if let Some((_, step)) = event.hold() {
            take_hold_on(&mut self.hold, event)?;
            if step > self.hold.step {
                self.hold.step = step;
                self.hold.from_cart = None;
            }
            if let StockEvent::TookOver { from, .. } = event {
                self.hold.from_cart = Some(from.clone());
            }
        }
        if self.locations.is_kept() || event.is_elsewhere() {
            self.locations.advance(event, &self.counters)?;
        }
        count(&mut self.counters, event)?;
        if self.hold.reserved == 0 {
            // Only reserved units can lapse.
            self.hold.deadline = None;
        }
        if self.hold.is_empty() {
            self.filled = self.hold.filled();
            self.hold = Hold::default();
        }
        let out_of_range = |projection: &Self, counter| InvariantBroken::OutOfRange {
            event: event.name(),
            counter,
            value: i128::from(projection.tally.reserved) + i128::from(projection.tally.committed),
            change: i128::from(projection.hold.reserved) + i128::from(projection.hold.committed),
        };
        self.tally = self
            .tally
            .replaced(held, self.hold.units())
            .ok_or_else(|| out_of_range(self, "sum over the holds"))?;
        self.counters.check(self.tally)?;
        if let (Some(buyers), Some(before)) = (self.buyers, before) {
            let changed = self.changed.get_or_insert_default();
            changed.fetch(buyers, &before, &self.hold);
            if changed.moved(&before, &self.hold, event).is_none() {
                return Err(out_of_range(self, "units of a buyer"));
            }
        }
        Ok(())
    }
}
