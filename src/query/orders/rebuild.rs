//! Making the index again, at recovery: entries first, lists and counts at the end.

use std::collections::BTreeMap;

use super::{Listing, NONE, OrderCounts, OrderIndex};
use crate::domain::ids::OrderId;
use crate::domain::order::{LifecycleId, State};

impl OrderIndex {
    /// Adds an order while the index is being made again: it is in no list before [`OrderIndex::finish`].
    pub(crate) fn enlist(&mut self, order: &Listing<'_>, since: u64) -> u32 {
        let business = self.business(order.business);
        let customer = order.customer.map_or(NONE, |customer| self.customer(customer));
        self.origins.note(order.origin);
        let at = (order.lifecycle, order.state);
        self.push(order.id, order.placed_at.as_millis(), since, [customer, business], at)
    }

    /// Adds the place of an order of which only its id is left, likewise.
    pub(crate) fn enlist_retired(&mut self, id: &OrderId, since: u64) -> u32 {
        self.push(id, 0, since, [NONE, NONE], (LifecycleId::SIMPLE, State::Closed))
    }

    /// Notes the state of an order while the index is being made again.
    pub(crate) fn set_state(&mut self, number: u32, state: State) {
        if let Some(entry) = self.entries.get_mut(number) {
            entry.state = state;
        }
    }

    /// Notes that an order has left, likewise.
    pub(crate) fn set_retired(&mut self, number: u32) {
        if let Some(entry) = self.entries.get_mut(number) {
            (entry.customer, entry.business) = (NONE, NONE);
        }
    }

    /// Makes lists and counts out of the entries, after [`OrderIndex::enlist`]. Sets are made whole out of
    /// sorted numbers, which is quicker and denser than adding to them.
    pub(crate) fn finish(&mut self) {
        let mut states: BTreeMap<State, Vec<u32>> = BTreeMap::new();
        let mut types: BTreeMap<LifecycleId, Vec<u32>> = BTreeMap::new();
        let mut businesses: Vec<(Vec<u32>, OrderCounts)> = Vec::new();
        businesses.resize_with(self.businesses.len() as usize, Default::default);
        let mut of_customer = Vec::new();
        for number in 0..self.entries.len() {
            let Some(entry) = self.entries.get(number).filter(|entry| entry.business != NONE) else {
                continue;
            };
            states.entry(entry.state).or_default().push(number);
            types.entry(entry.lifecycle).or_default().push(number);
            if entry.customer != NONE {
                of_customer.push((entry.customer, number));
            }
            if let Some((orders, counts)) = businesses.get_mut(entry.business as usize) {
                orders.push(number);
                counts.add(entry.state);
            }
        }
        self.states =
            states.into_iter().map(|(state, orders)| (state, orders.into_iter().collect())).collect();
        self.types = types.into_iter().map(|(of, orders)| (of, orders.into_iter().collect())).collect();
        of_customer.sort_unstable();
        self.of_customer = of_customer.into_iter().collect();
        for (number, (orders, counts)) in (0..).zip(businesses) {
            if let Some(business) = self.businesses.get_mut(number) {
                (business.orders, business.counts) = (orders.into_iter().collect(), counts);
            }
        }
    }
}
