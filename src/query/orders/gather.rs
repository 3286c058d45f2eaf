//! Gathering a page of a list: the sets of what is asked for are intersected 64 orders at a time, from the newest
//! down, and what a set does not tell is looked up in the entry.
//!
//! The index is locked while it is looked at, and a list that few orders belong to may have to look at many. So it is
//! gathered in bounded steps, between which the lock is let go.

use std::ops::Range;

use super::{Entry, NONE, OrderIndex};
use crate::domain::ids::SellerId;
use crate::domain::order::{LifecycleId, OrderType, State};
use crate::query::listing::{OrderQuery, OrderSummary, PageCursor};
use crate::query::numbers::{NumberSet, numbers_of};
use crate::query::page::Page;

/// So many entries, or words of sets, are looked at in a step.
const STEP_MAX: usize = 4_096;

/// A page in the making.
#[derive(Debug)]
pub(crate) struct Gathering {
    limit: usize,
    /// Orders with this number or a higher one have been looked at.
    until: u32,
    items: Vec<(u32, OrderSummary)>,
}

impl Gathering {
    /// Nothing of the list that goes on behind `after`.
    pub(crate) fn new(after: Option<PageCursor>, limit: usize) -> Self {
        Self { limit, until: after.map_or(NONE, |cursor| cursor.0), items: Vec::new() }
    }

    /// The page.
    pub(crate) fn finish(self) -> Page<OrderSummary, PageCursor> {
        let Page { items, next } = Page::cut(self.items, self.limit, |(number, _)| PageCursor(*number));
        Page { items: items.into_iter().map(|(_, summary)| summary).collect(), next }
    }
}

/// What is asked for, in the index's numbers.
struct Wanted<'a> {
    customer: Option<u32>,
    business: Option<u32>,
    lifecycle: Option<LifecycleId>,
    state: Option<State>,
    seller: Option<&'a NumberSet>,
}

/// Orders that may belong to a list: where they stand, their bits there, and the lowest of their numbers that was
/// looked at.
type Candidates<'a> = Box<dyn Iterator<Item = (u32, u64, u32)> + 'a>;

fn one(number: u32) -> (u32, u64, u32) {
    (number / u64::BITS, 1 << (number % u64::BITS), number)
}

impl Wanted<'_> {
    fn has(&self, number: u32, entry: &Entry) -> bool {
        entry.business != NONE
            && self.customer.is_none_or(|customer| entry.customer == customer)
            && self.business.is_none_or(|business| entry.business == business)
            && self.lifecycle.is_none_or(|lifecycle| entry.lifecycle == lifecycle)
            && self.state.is_none_or(|state| entry.state == state)
            && self.seller.is_none_or(|orders| orders.contains(number))
    }
}

impl OrderIndex {
    /// Looks at some orders more for a page; `true` when it is done.
    pub(crate) fn gather(&self, query: &OrderQuery, page: &mut Gathering) -> bool {
        let from = query.placed_from.map_or(0, |time| self.first_at(time));
        let behind = query.placed_before.map_or(self.entries.len(), |time| self.first_at(time));
        let range = from..behind.min(page.until);
        let Some(wanted) = self.wanted(query).filter(|_| !range.is_empty()) else { return true };
        for ((word, bits, lowest), looked_at) in self.candidates(&wanted, range.clone()).zip(1_usize..) {
            for number in numbers_of(word, bits).filter(|number| range.contains(number)) {
                let entry = self.entries.get(number).filter(|entry| wanted.has(number, entry));
                page.items.extend(entry.and_then(|_| Some((number, self.summary(number)?))));
                if page.items.len() > page.limit {
                    return true;
                }
            }
            page.until = lowest;
            if looked_at >= STEP_MAX {
                return false;
            }
        }
        true
    }

    /// `None` where something is named that no order has.
    fn wanted(&self, query: &OrderQuery) -> Option<Wanted<'_>> {
        fn known<T, U>(named: Option<T>, find: impl FnOnce(T) -> Option<U>) -> Option<Option<U>> {
            named.map_or(Some(None), |it| find(it).map(Some))
        }
        Some(Wanted {
            customer: known(query.customer.as_ref(), |id| self.customer_numbers.get(id).copied())?,
            business: known(query.business.as_ref(), |id| self.business_numbers.get(id).copied())?,
            lifecycle: query.order_type.map(OrderType::lifecycle),
            state: query.state,
            seller: known(query.seller.as_ref(), |id: &SellerId| self.sellers.get(id))?,
        })
    }

    /// Out of the smallest set that there is of what is wanted.
    fn candidates<'a>(&'a self, wanted: &Wanted<'a>, range: Range<u32>) -> Candidates<'a> {
        if let Some(customer) = wanted.customer {
            let orders = self.of_customer.range((customer, range.start)..(customer, range.end));
            return Box::new(orders.rev().map(|(_, number)| one(*number)));
        }
        let business = wanted.business.map(|at| self.businesses.get(at).map(|business| &business.orders));
        let of_type = wanted.lifecycle.map(|lifecycle| self.types.get(&lifecycle));
        let state = wanted.state.map(|state| self.states.get(&state));
        let named = [business, of_type, state, wanted.seller.map(Some)];
        let sets: Option<Vec<&NumberSet>> = named.into_iter().flatten().collect();
        let Some(mut sets) = sets else { return Box::new(std::iter::empty()) };
        sets.sort_by_key(|set| set.len());
        let mut sets = sets.into_iter();
        let Some(smallest) = sets.next() else {
            return Box::new(self.newest(range.start, range.end).map(one));
        };
        let others: Vec<_> = sets.collect();
        let words = smallest.newest_words(range.start, range.end);
        Box::new(words.map(move |(word, bits)| {
            let common =
                others.iter().fold(bits, |bits, set| if bits == 0 { 0 } else { bits & set.word(word) });
            (word, common, word * u64::BITS)
        }))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::domain::ids::{BusinessId, CustomerId, IdOrigin, OrderId};
    use crate::domain::time::Timestamp;
    use crate::query::Listing;

    #[test]
    fn a_list_that_few_of_many_orders_belong_to_is_gathered_in_bounded_steps() {
        let (customer, business): (CustomerId, BusinessId) =
            ("ada".parse().unwrap(), "shop".parse().unwrap());
        let mut index = OrderIndex::default();
        let orders = 3 * STEP_MAX as u64 + 7;
        for number in 0..orders {
            let id: OrderId = format!("o-{number}").parse().unwrap();
            let listing = Listing {
                id: &id,
                placed_at: Timestamp::from_millis(number),
                business: &business,
                customer: Some(&customer),
                lifecycle: LifecycleId::SIMPLE,
                state: if number % 5_000 == 3 { State::Paid } else { State::Reserved },
                origin: IdOrigin::Caller,
            };
            index.enlist(&listing, number);
        }
        index.finish();
        let query = OrderQuery::of(customer).and(State::Paid);
        let mut page = Gathering::new(None, 9);
        let steps = (1..).find(|_| index.gather(&query, &mut page));
        let ids = |page: Page<OrderSummary, _>| {
            page.items.iter().map(|item| item.order.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(
            (steps, ids(page.finish())),
            (Some(4), vec!["o-10003".into(), "o-5003".into(), "o-3".into()])
        );
        // Out of sets, 64 orders are one step.
        let mut page = Gathering::new(None, 2);
        assert!(index.gather(&OrderQuery::of(business).and(State::Paid), &mut page));
        let page = page.finish();
        let next = page.next;
        assert_eq!(ids(page), ["o-10003", "o-5003"]);
        let mut page = Gathering::new(next, 2);
        assert!(index.gather(&OrderQuery::of(State::Paid), &mut page));
        assert_eq!(ids(page.finish()), ["o-3"]);
    }
}
