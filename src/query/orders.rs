//! The index of orders: lists by customer, business, state and time, newest first, and counts.
//!
//! It is derived: in no record and no hash, and made again from the orders whenever the engine opens. It
//! numbers orders from 0 in the order in which their placements stand in the journal, so that the index of
//! a running engine and the one made by recovery are the same, and a cursor outlives a restart.
//!
//! Numbers instead of ids keep it small: about 70 bytes an order (48 of them its entry, the rest its places
//! in the sets of its customer, state and business), and about 90 for each customer. Every step is bounded:
//! tables grow by chunks, sets are B-trees, a page has a limit.

mod rebuild;

use std::collections::{BTreeMap, BTreeSet};

use super::listing::{BusinessCounts, OrderCounts, OrderFilter, OrderQuery, OrderSummary, PageCursor};
use super::numbers::NumberSet;
use super::origins::Origins;
use super::page::Page;
use crate::domain::ids::{BusinessId, CustomerId, IdOrigin, OrderId};
use crate::domain::order::{LifecycleId, Order, State};
use crate::domain::time::Timestamp;

/// Items by chunk: a table of ten million entries grows without moving one of them.
const CHUNK_ITEMS: usize = 256;

/// The number of nobody and nothing; as many orders as this cannot be in memory.
const NONE: u32 = u32::MAX;

/// A list that grows without moving its items.
#[derive(Debug)]
struct Chunked<T> {
    chunks: Vec<Vec<T>>,
}

impl<T> Default for Chunked<T> {
    fn default() -> Self {
        Self { chunks: Vec::new() }
    }
}

impl<T> Chunked<T> {
    fn push(&mut self, item: T) {
        match self.chunks.last_mut().filter(|chunk| chunk.len() < CHUNK_ITEMS) {
            Some(chunk) => chunk.push(item),
            None => {
                let mut chunk = Vec::with_capacity(CHUNK_ITEMS);
                chunk.push(item);
                self.chunks.push(chunk);
            }
        }
    }

    fn get(&self, number: u32) -> Option<&T> {
        let number = number as usize;
        self.chunks.get(number / CHUNK_ITEMS)?.get(number % CHUNK_ITEMS)
    }

    fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        let number = number as usize;
        self.chunks.get_mut(number / CHUNK_ITEMS)?.get_mut(number % CHUNK_ITEMS)
    }

    fn len(&self) -> u32 {
        let full = self.chunks.len().saturating_sub(1) * CHUNK_ITEMS;
        u32::try_from(full + self.chunks.last().map_or(0, Vec::len)).unwrap_or(NONE)
    }
}

/// What the index knows of an order.
#[derive(Debug)]
struct Entry {
    id: OrderId,
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
    /// For each chunk of entries: no placement in it stands before this sequence number.
    since: Vec<u64>,
    states: BTreeMap<State, NumberSet>,
    businesses: Chunked<Business>,
    business_numbers: BTreeMap<BusinessId, u32>,
    customers: Chunked<CustomerId>,
    customer_numbers: BTreeMap<CustomerId, u32>,
    /// Customer and order.
    of_customer: BTreeSet<(u32, u32)>,
    origins: Origins,
}

impl OrderIndex {
    /// Adds an order that was placed, no earlier in the journal than at `since`, and answers its number.
    pub(crate) fn add(&mut self, order: &Order, since: u64) -> u32 {
        let number = self.enlist(&order.into(), since);
        let Some(Entry { customer, business, state, .. }) = self.entries.get(number) else { return NONE };
        let (customer, business, state) = (*customer, *business, *state);
        self.states.entry(state).or_default().insert(number);
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
        self.entries.push(Entry { id: id.clone(), reached, behind_ms, customer, business, lifecycle, state });
        number
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
        (number..until).filter_map(|number| Some(self.entries.get(number)?.id.clone())).collect()
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
        let state = entry.state;
        let customer = std::mem::replace(&mut entry.customer, NONE);
        let business = std::mem::replace(&mut entry.business, NONE);
        if let Some(orders) = self.states.get_mut(&state) {
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

    /// A page of the list that is asked for.
    pub(crate) fn page(
        &self,
        query: &OrderQuery,
        after: Option<PageCursor>,
        limit: usize,
    ) -> Page<OrderSummary, PageCursor> {
        let from = query.placed_from.map_or(0, |time| self.first_at(time));
        let until = query.placed_before.map_or(self.entries.len(), |time| self.first_at(time));
        let until = until.min(after.map_or(NONE, |cursor| cursor.0));
        let mut numbers: Vec<u32> = Vec::new();
        if from < until {
            let newest: Box<dyn Iterator<Item = u32>> = match &query.filter {
                OrderFilter::All => Box::new(self.newest(from, until)),
                OrderFilter::State(state) => {
                    Box::new(self.states.get(state).into_iter().flat_map(|s| s.newest(from..until)))
                }
                OrderFilter::Business(id) => {
                    let business = self.business_numbers.get(id).and_then(|n| self.businesses.get(*n));
                    Box::new(business.into_iter().flat_map(|b| b.orders.newest(from..until)))
                }
                OrderFilter::Customer(id) => {
                    let customer = self.customer_numbers.get(id).into_iter();
                    let orders = customer.flat_map(|n| self.of_customer.range((*n, from)..(*n, until)).rev());
                    Box::new(orders.map(|(_, order)| *order))
                }
            };
            numbers.extend(newest.take(limit + 1));
        }
        let items: Vec<_> = numbers.into_iter().filter_map(|n| Some((n, self.summary(n)?))).collect();
        let Page { items, next } = Page::cut(items, limit, |(number, _)| PageCursor(*number));
        Page { items: items.into_iter().map(|(_, summary)| summary).collect(), next }
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
            order: entry.id.clone(),
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
    fn an_entry_of_the_index_takes_48_bytes() {
        assert_eq!(size_of::<Entry>(), 48);
    }

    #[test]
    fn a_chunked_list_finds_its_items_by_their_numbers() {
        let mut list = Chunked::default();
        for number in 0..600 {
            assert_eq!(list.len(), number);
            list.push(number);
        }
        assert!((0..600).all(|number| list.get(number) == Some(&number)));
        assert_eq!((list.get(600), list.get(NONE)), (None, None));
    }
}
