//! What happened, by the records that became durable: a second bookkeeping beside the engine's.
//!
//! Records are taken in once, as a subscriber sees them, and never taken back: what a subscriber saw is durable.
//! After each recovery the engine's state has to be the one that these records make.

use std::collections::{BTreeMap, BTreeSet};

use super::family;
use super::moves::{self, Moves};
use super::trips::FlowPast;
use crate::domain::command::{Outcome, ScopedKey};
use crate::domain::flow::Rulebook;
use crate::domain::ids::{CartId, FlowId, OrderId, RulesId, SkuId};
use crate::domain::inventory::{Counters, HoldOwner, Inventory, LocationId, StockEvent};
use crate::domain::order::Order;
use crate::domain::record::{KeyMark, OrderRecord, Record, SkuRecord};
use crate::domain::time::Timestamp;
use crate::engine::Cut;
use crate::journal::Cursor;
use crate::outbox::Published;

/// Everything that became durable so far.
#[derive(Debug, Default)]
pub(super) struct History {
    /// Where a subscriber goes on.
    pub(super) cursor: Option<Cursor>,
    pub(super) records: u64,
    pub(super) orders: BTreeMap<OrderId, OrderPast>,
    pub(super) skus: BTreeMap<SkuId, SkuPast>,
    pub(super) keys: BTreeMap<ScopedKey, (Outcome, Timestamp)>,
    pub(super) has_forgotten: bool,
    pub(super) flows: BTreeMap<FlowId, FlowPast>,
    /// What the rules of business lines say.
    pub(super) books: BTreeMap<RulesId, Rulebook>,
}

/// An order and all it ever was.
#[derive(Debug, Default)]
pub(super) struct OrderPast {
    pub(super) now: Option<Order>,
    pub(super) versions: BTreeMap<u64, Order>,
    pub(super) moves: Moves,
}

/// A SKU and what it ever showed.
#[derive(Debug)]
pub(super) struct SkuPast {
    pub(super) now: Inventory,
    pub(super) counters: BTreeMap<u64, Counters>,
    /// Units held by carts, at the versions at which they changed.
    held: BTreeMap<CartId, BTreeMap<u64, u64>>,
    /// Carts whose hold has had a deadline: from then on it counts as gone, whether or not it is.
    pub(super) lapsing: BTreeSet<CartId>,
    /// Where the units lay that orders got of others when these were split.
    pub(super) passed_on: BTreeMap<OrderId, BTreeSet<LocationId>>,
}

impl SkuPast {
    fn new(id: &SkuId) -> Self {
        Self {
            now: Inventory::new(id.clone()),
            counters: BTreeMap::new(),
            held: BTreeMap::new(),
            lapsing: BTreeSet::new(),
            passed_on: BTreeMap::new(),
        }
    }

    /// Units that the cart held at a version.
    pub(super) fn held_at(&self, cart: &CartId, version: u64) -> u64 {
        let changes = self.held.get(cart).and_then(|changes| changes.range(..=version).next_back());
        changes.map_or(0, |(_, held)| *held)
    }

    fn note_passed_on(&mut self, record: &SkuRecord) {
        let mut passed = BTreeMap::<OrderId, BTreeSet<LocationId>>::new();
        for event in &record.events {
            if let StockEvent::Reserved { owner: HoldOwner::Order(to), at, .. } = event {
                passed.entry(to.clone()).or_default().insert(at.clone());
            }
        }
        self.passed_on.append(&mut passed);
    }

    fn note(&mut self) {
        let version = self.now.version;
        self.counters.insert(version, self.now.counters);
        let mut held: BTreeMap<CartId, u64> = self.held.keys().map(|cart| (cart.clone(), 0)).collect();
        for (owner, hold) in self.now.holds() {
            if let HoldOwner::Cart(cart) = owner {
                if hold.deadline.is_some() {
                    self.lapsing.insert(cart.clone());
                }
                held.insert(cart, hold.held().unwrap_or(u64::MAX));
            }
        }
        let changed: Vec<(CartId, u64)> =
            held.into_iter().filter(|(cart, units)| self.held_at(cart, version) != *units).collect();
        for (cart, units) in changed {
            self.held.entry(cart).or_default().insert(version, units);
        }
    }
}

impl History {
    /// Takes in the next durable record.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn absorb(&mut self, published: Published) -> Result<(), String> {
        let expected = self.cursor.map_or(1, |cursor| cursor.sequence);
        let Published { sequence, record, next, .. } = published;
        if sequence != expected {
            return Err(format!("a subscriber is given record {sequence} where {expected} comes next"));
        }
        self.cursor = Some(next);
        self.records += 1;
        match record {
            Record::Order(record) => self.order(record).map_err(|why| format!("record {sequence}: {why}")),
            Record::Sku(record) => self.sku(record).map_err(|why| format!("record {sequence}: {why}")),
            Record::Refusal(record) => self.mark(record.mark, record.at),
            Record::Flow(record) => self.flow(record).map_err(|why| format!("record {sequence}: {why}")),
            Record::Rules(record) => self.rules(&record),
            Record::KeysForgotten(forgotten) => {
                self.has_forgotten = true;
                self.keys.retain(|_, (_, at)| *at >= forgotten.before);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn order(&mut self, record: OrderRecord) -> Result<(), String> {
        let past = self.orders.entry(record.order.clone()).or_default();
        Order::apply(&mut past.now, &record).map_err(|why| format!("order {}: {why}", record.order))?;
        if let Some(order) = &past.now {
            past.versions.insert(order.version, order.clone());
            past.moves.advanced(&record, order).map_err(|why| format!("order {}: {why}", record.order))?;
        }
        if let Some(order) = self.orders.get(&record.order).and_then(|past| past.now.as_ref()) {
            family::follows(self, order)?;
        }
        self.mark(record.mark, record.at)
    }

    fn sku(&mut self, record: SkuRecord) -> Result<(), String> {
        let past = self.skus.entry(record.sku.clone()).or_insert_with(|| SkuPast::new(&record.sku));
        let before = past.now.counters;
        past.now.apply_record(&record).map_err(|why| format!("SKU {}: {why}", record.sku))?;
        past.note();
        if moves::passes_on(&record) {
            if past.now.counters != before {
                return Err(format!("SKU {} passes units on, and its counters change", record.sku));
            }
            past.note_passed_on(&record);
        }
        moves::stock_moved(&mut self.orders, &record).map_err(|why| format!("SKU {}: {why}", record.sku))?;
        self.mark(record.mark, record.at)
    }

    pub(super) fn mark(&mut self, mark: Option<Box<KeyMark>>, at: Timestamp) -> Result<(), String> {
        let Some(KeyMark::Answered(claim, outcome)) = mark.map(|mark| *mark) else { return Ok(()) };
        let key = claim.key.key.clone();
        match self.keys.insert(claim.key, (outcome, at)) {
            None => Ok(()),
            Some((first, _)) => Err(format!("the key {key} is answered twice, first with {first:?}")),
        }
    }

    /// Compares what the engine shows with what the records make, at the same moment.
    ///
    /// # Errors
    /// The first difference, in words.
    pub(super) fn compare(&self, cut: &Cut) -> Result<(), String> {
        let next = self.cursor.map_or(1, |cursor| cursor.sequence);
        if next != cut.sequence {
            return Err(format!(
                "the engine stands before record {}, the journal before {next}",
                cut.sequence
            ));
        }
        self.compare_flows(cut)?;
        let expected = self.orders.values().filter_map(|past| past.now.as_ref());
        let shown = cut.orders.iter();
        if let Some((expected, shown)) = differing(expected, shown, |a, b| {
            Order { parked: None, ..a.clone() } == Order { parked: None, ..b.clone() }
        }) {
            return Err(format!("the journal makes the order {expected:?}, the engine shows {shown:?}"));
        }
        let expected = self.skus.values().map(|past| &past.now).filter(|sku| sku.version > 0);
        if let Some((expected, shown)) = differing(expected, cut.skus.iter(), |a, b| {
            let same = a.sku == b.sku && a.version == b.version && a.counters == b.counters;
            same && a.holds().eq(b.holds())
        }) {
            return Err(format!("the journal makes the SKU {expected:?}, the engine shows {shown:?}"));
        }
        Ok(())
    }
}

/// The first place at which two sequences differ.
fn differing<'a, T>(
    mut expected: impl Iterator<Item = &'a T>,
    mut shown: impl Iterator<Item = &'a T>,
    same: impl Fn(&T, &T) -> bool,
) -> Option<(Option<&'a T>, Option<&'a T>)> {
    loop {
        match (expected.next(), shown.next()) {
            (None, None) => return None,
            (Some(a), Some(b)) if same(a, b) => {}
            (a, b) => return Some((a, b)),
        }
    }
}
