//! The index of orders: lists by customer, seller, business, type, state and time, newest first, and counts.
//!
//! It is derived: in no record and no hash, and made again from the orders whenever the engine opens. It
//! numbers orders from 0 in the order in which their placements stand in the journal, so that the index of
//! a running engine and the one made by recovery are the same, and a cursor outlives a restart.
//!
//! Numbers instead of ids keep it small: about 50 bytes an order (24 of them its entry, about 5 an id that counts,
//! the rest its places in the sets of its customer, state, business and type), and about 90 for each customer. Orders
//! with sellers take 1 to 16 bytes more for each. Every step is bounded: tables grow by chunks, sets are B-trees, and
//! a list is gathered some thousand orders at a time.

mod gather;
mod rebuild;

pub(crate) use gather::Gathering;

use std::collections::{BTreeMap, BTreeSet};

use super::chunked::{CHUNK_ITEMS, Chunked};
use super::listing::{BusinessCounts, OrderCounts, OrderSummary};
use super::names::Names;
use super::numbers::NumberSet;
use super::origins::Origins;
use super::page::Page;
use crate::domain::ids::{BusinessId, CustomerId, IdOrigin, OrderId, SellerId};
use crate::domain::order::{LifecycleId, Order, OrderType, State};
use crate::domain::time::Timestamp;

/// The number of nobody and nothing; as many orders as this cannot be in memory.
const NONE: u32 = u32::MAX;

/// What the index knows of an order.
#[derive(Debug)]
struct Entry {
    /// The latest placement time of this order and all before it; grows with the number.
    reached: u64,
    /// By how much this order was placed before that: commands that race are recorded in either order.
    behind_ms: u32,
    customer: u32,
    business: u32,
    lifecycle: LifecycleId,
    state: State,
}

impl Entry {
    fn placed_at(&self) -> Timestamp {
        Timestamp::from_millis(self.reached.saturating_sub(u64::from(self.behind_ms)))
    }
}

/// What the index wants to know of an order.
pub(crate) struct Listing<'a> {
    pub(crate) id: &'a OrderId,
    pub(crate) placed_at: Timestamp,
    pub(crate) business: &'a BusinessId,
    pub(crate) customer: Option<&'a CustomerId>,
    pub(crate) lifecycle: LifecycleId,
    pub(crate) state: State,
    pub(crate) origin: IdOrigin,
}

impl<'a> From<&'a Order> for Listing<'a> {
    fn from(order: &'a Order) -> Self {
        Self {
            id: &order.id,
            placed_at: order.placed_at,
            business: &order.business,
            customer: order.customer.as_ref(),
            lifecycle: order.lifecycle,
            state: order.state,
            origin: order.origin,
        }
    }
}

/// Who sells an order's lines; one whose lines stand together is named once.
pub(crate) fn sellers_of(order: &Order) -> impl Iterator<Item = &SellerId> {
    let mut before = None;
    order.lines.iter().filter_map(|line| line.seller.as_ref()).filter(move |seller| {
        let is_new = before != Some(*seller);
        before = Some(*seller);
        is_new
    })
}

/// The orders of one business.
#[derive(Debug)]
struct Business {
    id: BusinessId,
    orders: NumberSet,
    counts: OrderCounts,
}

/// The index.
#[derive(Debug, Default)]
pub(crate) struct OrderIndex {
    entries: Chunked<Entry>,
    /// The ids, by the same numbers.
    names: Names,
    /// For each chunk of entries: no placement in it stands before this sequence number.
    since: Vec<u64>,
    states: BTreeMap<State, NumberSet>,
    businesses: Chunked<Business>,
    business_numbers: BTreeMap<BusinessId, u32>,
    customers: Chunked<CustomerId>,
    customer_numbers: BTreeMap<CustomerId, u32>,
    /// Customer and order.
    of_customer: BTreeSet<(u32, u32)>,
    types: BTreeMap<LifecycleId, NumberSet>,
    /// Orders of which a merchant sells a line; those that have left stay, and are passed over.
    sellers: BTreeMap<SellerId, NumberSet>,
    origins: Origins,
}

impl OrderIndex {
    /// Adds an order that was placed, no earlier in the journal than at `since`, and answers its number.
    pub(crate) fn add(&mut self, order: &Order, since: u64) -> u32 {
        let number = self.enlist(&order.into(), since);
        self.note_sellers(number, sellers_of(order));
        let Some(Entry { customer, business, lifecycle, state, .. }) = self.entries.get(number) else {
            return NONE;
        };
        let (customer, business, lifecycle, state) = (*customer, *business, *lifecycle, *state);
        self.states.entry(state).or_default().insert(number);
        self.types.entry(lifecycle).or_default().insert(number);
        if customer != NONE {
            self.of_customer.insert((customer, number));
        }
        if let Some(business) = self.businesses.get_mut(business) {
            business.orders.insert(number);
            business.counts.add(state);
        }
        number
    }

    fn push(
        &mut self,
        id: &OrderId,
        placed_at: u64,
        since: u64,
        of: [u32; 2],
        at: (LifecycleId, State),
    ) -> u32 {
        let number = self.entries.len();
        if number == NONE {
            return NONE;
        }
        if (number as usize).is_multiple_of(CHUNK_ITEMS) {
            self.since.push(since);
        }
        let reached = number.checked_sub(1).and_then(|last| self.entries.get(last));
        let reached = reached.map_or(0, |last| last.reached).max(placed_at);
        let behind_ms = u32::try_from(reached - placed_at).unwrap_or(u32::MAX);
        let ([customer, business], (lifecycle, state)) = (of, at);
        self.names.push(id);
        self.entries.push(Entry { reached, behind_ms, customer, business, lifecycle, state });
        number
    }

    /// Takes note of who sells an order's lines.
    pub(crate) fn note_sellers<'a>(&mut self, number: u32, sellers: impl Iterator<Item = &'a SellerId>) {
        for seller in sellers {
            match self.sellers.get_mut(seller) {
                Some(orders) => orders.insert(number),
                None => {
                    self.sellers.insert(seller.clone(), NumberSet::from_iter([number]));
                }
            }
        }
    }

    /// Number of orders that were ever added: the number of the next one.
    pub(crate) fn next_number(&self) -> u32 {
        self.entries.len()
    }

    /// Number of customers who ever placed an order.
    pub(crate) fn customers(&self) -> u32 {
        self.customers.len()
    }

    /// The place in [`OrderIndex::since_all`] of the next order.
    pub(crate) fn chunk_of_next(&self) -> usize {
        self.entries.len() as usize / CHUNK_ITEMS
    }

    /// The ids of up to `many` orders from a number on.
    pub(crate) fn ids_from(&self, number: u32, many: u32) -> Vec<OrderId> {
        let until = number.saturating_add(many).min(self.entries.len());
        (number..until).filter_map(|number| self.names.get(number)).collect()
    }

    /// For each 256 orders: a sequence number before which none of them was placed.
    pub(crate) fn since_all(&self) -> &[u64] {
        &self.since
    }

    /// The highest made id of each kind.
    pub(crate) fn origins(&self) -> &Origins {
        &self.origins
    }

    /// Takes note of ids that were made for orders that have left since.
    pub(crate) fn note_origin(&mut self, origin: IdOrigin) {
        self.origins.note(origin);
    }

    /// An order changed its state.
    pub(crate) fn change(&mut self, number: u32, state: State) {
        let Some(entry) = self.entries.get_mut(number) else { return };
        let before = std::mem::replace(&mut entry.state, state);
        if before == state {
            return;
        }
        if let Some(orders) = self.states.get_mut(&before) {
            orders.remove(&number);
        }
        self.states.entry(state).or_default().insert(number);
        if let Some(business) = self.businesses.get_mut(entry.business) {
            business.counts.remove(before);
            business.counts.add(state);
        }
    }

    /// An order has left: its place stays, so that those of others do, and it is in no list and no count.
    pub(crate) fn remove(&mut self, number: u32) {
        let Some(entry) = self.entries.get_mut(number) else { return };
        let (state, lifecycle) = (entry.state, entry.lifecycle);
        let customer = std::mem::replace(&mut entry.customer, NONE);
        let business = std::mem::replace(&mut entry.business, NONE);
        if let Some(orders) = self.states.get_mut(&state) {
            orders.remove(&number);
        }
        if let Some(orders) = self.types.get_mut(&lifecycle) {
            orders.remove(&number);
        }
        self.of_customer.remove(&(customer, number));
        if let Some(business) = self.businesses.get_mut(business)
            && business.orders.remove(&number)
        {
            business.counts.remove(state);
        }
    }

    /// A sequence number before which the order of this number was not placed.
    pub(crate) fn since_number(&self, number: u32) -> u64 {
        self.since.get(number as usize / CHUNK_ITEMS).copied().unwrap_or_default()
    }

    fn business(&mut self, id: &BusinessId) -> u32 {
        if let Some(number) = self.business_numbers.get(id) {
            return *number;
        }
        let number = self.businesses.len();
        let business =
            Business { id: id.clone(), orders: NumberSet::default(), counts: OrderCounts::default() };
        self.businesses.push(business);
        self.business_numbers.insert(id.clone(), number);
        number
    }

    fn customer(&mut self, id: &CustomerId) -> u32 {
        if let Some(number) = self.customer_numbers.get(id) {
            return *number;
        }
        let number = self.customers.len();
        self.customers.push(id.clone());
        self.customer_numbers.insert(id.clone(), number);
        number
    }

    /// All orders that are there, the newest first: merged from the sets of the states, so that it does not matter
    /// how many have left.
    fn newest(&self, from: u32, until: u32) -> impl Iterator<Item = u32> + '_ {
        let sets = self.states.values().map(|orders| orders.newest(from..until).peekable());
        let mut sets: Vec<_> = sets.collect();
        std::iter::from_fn(move || {
            let sets = sets.iter_mut().map(|set| (set.peek().copied(), set));
            sets.max_by_key(|(number, _)| *number)?.1.next()
        })
    }

    fn summary(&self, number: u32) -> Option<OrderSummary> {
        let entry = self.entries.get(number)?;
        Some(OrderSummary {
            order: self.names.get(number)?,
            placed_at: entry.placed_at(),
            business: self.businesses.get(entry.business)?.id.clone(),
            customer: self.customers.get(entry.customer).cloned(),
            lifecycle: entry.lifecycle,
            state: entry.state,
        })
    }

    /// The number of the first order that was placed at `time` or that comes behind one that was.
    fn first_at(&self, time: Timestamp) -> u32 {
        let (mut low, mut high) = (0, self.entries.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.entries.get(middle).is_some_and(|entry| entry.reached < time.as_millis()) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// How many orders there are in each state.
    pub(crate) fn counts(&self) -> OrderCounts {
        OrderCounts::of(self.states.iter().map(|(state, orders)| (*state, orders.len() as u64)))
    }

    /// How many orders there are of each type.
    pub(crate) fn counts_by_type(&self) -> BTreeMap<OrderType, u64> {
        let counted = |of: OrderType| Some((of, self.types.get(&of.lifecycle())?.len() as u64));
        OrderType::ALL.into_iter().filter_map(counted).filter(|(_, count)| *count > 0).collect()
    }

    /// The same for one business.
    pub(crate) fn counts_of(&self, business: &BusinessId) -> OrderCounts {
        let business = self.business_numbers.get(business).and_then(|number| self.businesses.get(*number));
        business.map(|business| business.counts.clone()).unwrap_or_default()
    }

    /// The businesses that have orders, sorted by id, with their counts.
    pub(crate) fn businesses(
        &self,
        after: Option<&BusinessId>,
        limit: usize,
    ) -> Page<BusinessCounts, BusinessId> {
        use std::ops::Bound::{Excluded, Unbounded};
        let behind = (after.map_or(Unbounded, Excluded), Unbounded);
        let found = self.business_numbers.range::<BusinessId, _>(behind);
        let items = found.filter_map(|(id, number)| {
            // One whose orders were all retired has none.
            let counts = &self.businesses.get(*number).filter(|it| !it.orders.is_empty())?.counts;
            Some(BusinessCounts { business: id.clone(), counts: counts.clone() })
        });
        Page::cut(items.take(limit + 1).collect(), limit, |item| item.business.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_of_the_index_takes_24_bytes() {
        assert_eq!(size_of::<Entry>(), 24);
    }
}
