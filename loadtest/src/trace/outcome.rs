//! What the trace came to: the answers counted, the orders' ends, the money and the stock.

use std::collections::{BTreeMap, HashMap};

use earmark::domain::ids::{OrderId, SkuId};
use earmark::domain::order::State;
use earmark::{Cut, Inventory};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::model::{OrderLife, Standing};
use super::operation::Action;
use crate::store;

/// Every order of the trace.
pub(crate) type Orders = HashMap<OrderId, OrderLife>;

/// Answers, counted by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// By the names of the expected answers.
    pub(crate) answers: BTreeMap<String, u64>,
    /// First refusals of events, by action and the engine's code.
    pub(crate) refusal_codes: BTreeMap<String, u64>,
}

impl Tally {
    /// Counts one answer.
    pub(crate) fn count(&mut self, name: &str) {
        increase(&mut self.answers, name);
    }

    /// Notes the code with which an event was refused the first time.
    pub(crate) fn refusal(&mut self, action: Action, code: &str) {
        increase(&mut self.refusal_codes, &format!("{} {code}", action.name()));
    }

    /// Adds another tally to this one.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (name, count) in &other.answers {
            *self.answers.entry(name.clone()).or_default() += count;
        }
        for (name, count) in &other.refusal_codes {
            *self.refusal_codes.entry(name.clone()).or_default() += count;
        }
    }
}

/// Counts one, without copying the name when it was counted before.
fn increase(counts: &mut BTreeMap<String, u64>, name: &str) {
    if let Some(count) = counts.get_mut(name) {
        *count += 1;
    } else {
        counts.insert(name.to_owned(), 1);
    }
}

/// The outcome in the form of the expected one. What did not occur has no key.
///
/// The states and the stock are the engine's own, read from the cut; the answers and the money are what
/// it answered on the way.
pub(crate) fn outcome(tally: &Tally, orders: &Orders, cut: &Cut, stock_sha256: &str) -> Value {
    json!({
        "orders": orders.values().filter(|life| life.standing != Standing::NotPlaced).count(),
        "states": states(orders, cut),
        "answers": tally.answers,
        "money_minor": money(orders),
        "stock": stock(&cut.skus),
        "stock_sha256": stock_sha256,
    })
}

/// How many orders ended in which state.
fn states(orders: &Orders, cut: &Cut) -> BTreeMap<String, u64> {
    let found: HashMap<&OrderId, State> = cut.orders.iter().map(|order| (&order.id, order.state)).collect();
    let mut states = BTreeMap::new();
    for (id, life) in orders {
        let name = match life.standing {
            Standing::NotPlaced => continue,
            Standing::Invalid => "invalid",
            Standing::Rejected => "rejected",
            Standing::Live => found.get(id).map_or("missing", |state| state_name(*state)),
        };
        increase(&mut states, name);
    }
    states
}

/// A state's name among the expected ones.
fn state_name(state: State) -> &'static str {
    match state {
        State::Created => "created",
        State::Reserved => "reserved",
        State::Paid => "paid",
        State::Shipped => "shipped",
        State::Fulfilled => "delivered",
        State::Cancelled => "cancelled",
        // A trace is replayed on the simple lifecycle, which has no other states.
        other => other.name(),
    }
}

fn money(orders: &Orders) -> BTreeMap<&'static str, i64> {
    let sum = |of: fn(&OrderLife) -> i64| orders.values().map(of).sum::<i64>();
    let sums = [("due", sum(|o| o.due)), ("paid", sum(|o| o.paid)), ("refunded", sum(|o| o.refunded))];
    sums.into_iter().filter(|(_, minor)| *minor != 0).collect()
}

fn stock(skus: &[Inventory]) -> Value {
    let sum = |of: fn(&Inventory) -> u64| skus.iter().map(of).sum::<u64>();
    json!({
        "skus": skus.len(),
        "opening": sum(|s| s.counters.received),
        "available": sum(|s| s.counters.available),
        "reserved": sum(|s| s.counters.reserved),
        "committed": sum(|s| s.counters.committed),
        "shipped": sum(|s| s.counters.shipped),
        "sold_out_skus": skus.iter().filter(|s| s.counters.available == 0).count(),
    })
}

/// SHA-256 over `sku,available,reserved,committed,shipped` and a line feed for every SKU, in two orders.
///
/// Expected answers do not say in which order their rows stood, and both are found in the wild: sorted by
/// SKU as text, and as the stock file has them, which for numeric SKUs is another order. Either is over
/// exactly the same rows, so either proves as much.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct StockHashes {
    /// Sorted by SKU as text.
    pub(crate) sorted_as_text: String,
    /// In the order of the stock file; SKUs that are not in it follow, sorted as text.
    pub(crate) in_file_order: String,
}

impl StockHashes {
    /// Hashes the stock of a cut.
    pub(crate) fn of(skus: &[Inventory], file_order: &[SkuId]) -> Self {
        let mut sorted: Vec<&Inventory> = skus.iter().collect();
        sorted.sort_by(|a, b| a.sku.as_str().cmp(b.sku.as_str()));
        let sorted_as_text = sha256(&sorted);
        let places: HashMap<&SkuId, usize> =
            file_order.iter().rev().zip((0..file_order.len()).rev()).collect();
        sorted.sort_by_key(|inventory| places.get(&inventory.sku).copied().unwrap_or(usize::MAX));
        Self { sorted_as_text, in_file_order: sha256(&sorted) }
    }

    /// The hash in the order that the expected outcome uses; sorted as text when it uses neither.
    pub(crate) fn in_order_of(&self, expected: Option<&Value>) -> &str {
        let expected = expected.and_then(|expected| expected.get("stock_sha256")).and_then(Value::as_str);
        if expected == Some(&self.in_file_order) { &self.in_file_order } else { &self.sorted_as_text }
    }
}

fn sha256(rows: &[&Inventory]) -> String {
    let mut hash = Sha256::new();
    for Inventory { sku, counters, .. } in rows {
        let row = format!(
            "{sku},{},{},{},{}\n",
            counters.available, counters.reserved, counters.committed, counters.shipped
        );
        hash.update(row.as_bytes());
    }
    store::hex(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use earmark::Counters;
    use earmark::domain::ids::InvalidId;

    fn sku(name: &str, available: u64) -> Inventory {
        let counters = Counters { received: 9, available, shipped: 9 - available, ..Counters::default() };
        sample::sku(name, counters)
    }

    #[test]
    fn the_stock_is_hashed_sorted_as_text_and_in_the_order_of_the_file() -> Result<(), InvalidId> {
        let file_order = [SkuId::new("9")?, SkuId::new("10")?, SkuId::new("9")?];
        let hashes = StockHashes::of(&[sku("9", 4), sku("10", 0), sku("1", 9)], &file_order);
        let of = |rows: &str| store::hex(&Sha256::digest(rows));
        assert_eq!(hashes.sorted_as_text, of("1,9,0,0,0\n10,0,0,0,9\n9,4,0,0,5\n"));
        assert_eq!(hashes.in_file_order, of("9,4,0,0,5\n10,0,0,0,9\n1,9,0,0,0\n"));
        Ok(())
    }

    #[test]
    fn the_hash_is_given_in_the_order_that_is_expected() {
        let hashes = StockHashes { sorted_as_text: "text".into(), in_file_order: "file".into() };
        assert_eq!(hashes.in_order_of(None), "text");
        assert_eq!(hashes.in_order_of(Some(&json!({"stock_sha256": "file"}))), "file");
        assert_eq!(hashes.in_order_of(Some(&json!({"stock_sha256": "text"}))), "text");
        assert_eq!(hashes.in_order_of(Some(&json!({"stock_sha256": "another"}))), "text");
    }

    #[test]
    fn tallies_are_counted_and_merged() {
        let mut one = Tally::default();
        one.count("ignored");
        let mut other = Tally::default();
        other.count("ignored");
        other.count("pay_accepted");
        other.refusal(Action::Pay, "WRONG_STATE");
        one.merge(&other);
        assert_eq!(one.answers, BTreeMap::from([("ignored".into(), 2), ("pay_accepted".into(), 1)]));
        assert_eq!(one.refusal_codes, BTreeMap::from([("pay WRONG_STATE".into(), 1)]));
    }
}
