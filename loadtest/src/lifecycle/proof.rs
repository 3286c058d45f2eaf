//! The proof: what the engine holds at the end, against what was answered on the way.

use std::collections::HashMap;

use anyhow::Result;
use earmark::{Cut, Inventory, Order, OrderCounts, State};

use super::ledger::{End, Entry};
use super::workload::{BUSINESSES, Workload, order_number};
use crate::invariant;
use crate::report::Promise;

/// Orders in each state, over all and by the number of their business.
pub(crate) struct Counts {
    pub(crate) all: OrderCounts,
    pub(crate) by_business: Vec<OrderCounts>,
}

/// What a cut is held against.
pub(crate) struct Answered<'a> {
    pub(crate) workload: &'a Workload,
    /// Every order by its number.
    pub(crate) entries: &'a [Entry],
    /// Units of each SKU received, as answered.
    pub(crate) received: &'a [u64],
}

/// Checks a cut that was taken when every order was finished.
pub(crate) fn promises(answered: &Answered<'_>, cut: &Cut, counts: &Counts) -> Result<Vec<Promise>> {
    let known: HashMap<u64, &Order> =
        cut.orders.iter().filter_map(|order| Some((order_number(&order.id)?, order))).collect();
    let orders = || answered.entries.iter().filter_map(|entry| Some((entry, *known.get(&entry.number)?)));
    let mut promises = invariant::promises(cut);
    promises.extend([
        Promise::from_differences(
            "every order stands where its answers left it",
            stand(answered, cut, &known),
        ),
        Promise::from_differences(
            "no finished order holds stock, and no cart does",
            cut.skus.iter().flat_map(holds_left),
        ),
        Promise::from_differences(
            "every answered payment is recorded, once",
            orders().filter_map(|(entry, order)| payments(entry, order)),
        ),
        Promise::from_differences(
            "whoever paid has the goods or a refund due",
            orders().filter_map(|(_, order)| paid_for_nothing(order)),
        ),
        Promise::from_differences(
            "every unit is where its order's end says",
            units(answered)?.differences(cut),
        ),
        Promise::from_differences("the index of orders counts what was done", index(answered, counts)),
    ]);
    Ok(promises)
}

/// Orders that are missing, were never answered for, or stand elsewhere.
fn stand(answered: &Answered<'_>, cut: &Cut, known: &HashMap<u64, &Order>) -> Vec<String> {
    let mut differences = Vec::new();
    let mut expected = 0;
    for entry in answered.entries {
        let Some(state) = entry.end.state() else {
            if known.contains_key(&entry.number) {
                differences.push(format!("order-{} exists; its cart was refused", entry.number));
            }
            continue;
        };
        expected += 1;
        match known.get(&entry.number) {
            None => differences.push(format!("order-{} is missing: {}", entry.number, entry.end.words())),
            Some(order) if order.state != state => {
                differences.push(format!("{} is {}: {}", order.id, order.state, entry.end.words()));
            }
            Some(order) => differences.extend(shipped(answered.workload, entry, order)),
        }
    }
    if cut.orders.len() != expected {
        differences.push(format!("{} orders are there, {expected} were answered for", cut.orders.len()));
    }
    differences
}

/// Says how an order's lines differ from what was drawn for it and from how it ended.
fn shipped(workload: &Workload, entry: &Entry, order: &Order) -> Option<String> {
    let draft = workload.draw(entry.number);
    let delivered = entry.end == End::Delivered;
    let fits = order.lines.len() == draft.lines.len()
        && order.shipments.len() == entry.shipments as usize
        && order.lines.iter().zip(&draft.lines).all(|(line, drawn)| {
            let counters = &line.counters;
            let (gone, cancelled) = if delivered { (drawn.units, 0) } else { (0, drawn.units) };
            workload.skus().get(drawn.sku) == Some(&line.sku)
                && counters.ordered == drawn.units
                && (counters.shipped, counters.delivered, counters.cancelled) == (gone, gone, cancelled)
        });
    (!fits).then(|| {
        format!("{}: its lines or shipments are not those of an order {}", order.id, entry.end.words())
    })
}

fn holds_left(sku: &Inventory) -> Vec<String> {
    let say = |(owner, hold): (earmark::HoldOwner, earmark::Hold)| {
        format!(
            "SKU {}: {owner} still holds {} reserved and {} committed",
            sku.sku, hold.reserved, hold.committed
        )
    };
    sku.holds().map(say).collect()
}

fn payments(entry: &Entry, order: &Order) -> Option<String> {
    let fits = order.paid == entry.paid && order.payments.len() == entry.payments as usize;
    (!fits).then(|| {
        format!(
            "{}: {} in {} payments, answered were {} in {}",
            order.id,
            order.paid,
            order.payments.len(),
            entry.paid,
            entry.payments
        )
    })
}

/// What is kept of the money must be what the delivered goods cost: everything of a completed order, nothing
/// of a cancelled one.
fn paid_for_nothing(order: &Order) -> Option<String> {
    let kept = order.paid - order.refund_due;
    let price = if order.state == State::Completed { order.due } else { 0 };
    (kept != price).then(|| {
        format!(
            "{} is {}: {} paid, {} due back, {} due",
            order.id, order.state, order.paid, order.refund_due, order.due
        )
    })
}

/// Units of each SKU as the answers have it.
struct Units<'a> {
    shipped: HashMap<&'a str, u64>,
    received: HashMap<&'a str, u64>,
}

fn units<'a>(answered: &'a Answered<'_>) -> Result<Units<'a>> {
    let mut shipped = HashMap::new();
    for entry in answered.entries.iter().filter(|entry| entry.end == End::Delivered) {
        for line in answered.workload.draw(entry.number).lines {
            *shipped.entry(answered.workload.sku(line.sku)?.as_str()).or_default() += u64::from(line.units);
        }
    }
    let skus = answered.workload.skus().iter().map(earmark::SkuId::as_str);
    Ok(Units { shipped, received: skus.zip(answered.received.iter().copied()).collect() })
}

impl Units<'_> {
    fn differences(&self, cut: &Cut) -> Vec<String> {
        let of =
            |units: &HashMap<&str, u64>, sku: &Inventory| units.get(sku.sku.as_str()).copied().unwrap_or(0);
        let wrong = cut.skus.iter().filter_map(|sku| {
            let (received, shipped) = (of(&self.received, sku), of(&self.shipped, sku));
            let counters = &sku.counters;
            let fits = counters.received == received
                && counters.shipped == shipped
                && received.checked_sub(shipped) == Some(counters.available);
            (!fits).then(|| {
                format!(
                    "SKU {}: {} received, {} shipped, {} available; answered were {received} received and {shipped} shipped",
                    sku.sku, counters.received, counters.shipped, counters.available
                )
            })
        });
        wrong.collect()
    }
}

fn index(answered: &Answered<'_>, counts: &Counts) -> Vec<String> {
    let mut differences = Vec::new();
    let mut compare = |name: String, of: &dyn Fn(&Entry) -> bool, found: &OrderCounts| {
        let mut expected: HashMap<State, u64> = HashMap::new();
        for state in answered.entries.iter().filter(|entry| of(entry)).filter_map(|entry| entry.end.state()) {
            *expected.entry(state).or_default() += 1;
        }
        for (state, count) in &expected {
            if found.in_state(*state) != *count {
                differences
                    .push(format!("{name}: {} are {state}; {count} should be", found.in_state(*state)));
            }
        }
        let total: u64 = expected.values().sum();
        if found.total() != total {
            differences.push(format!("{name}: {} in all; {total} were placed", found.total()));
        }
    };
    compare("all orders".to_owned(), &|_| true, &counts.all);
    for (number, found) in (0..BUSINESSES).zip(&counts.by_business) {
        compare(format!("shop-{number}"), &|entry| entry.number % BUSINESSES == number, found);
    }
    differences
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::workload::tests::shares;
    use crate::sample;
    use earmark::{Counters, OrderCounts};

    fn workload() -> Workload {
        Workload::new(1, shares(), 10, 2, 1.0).unwrap()
    }

    fn broken(entries: &[Entry], cut: &Cut) -> Vec<&'static str> {
        let workload = workload();
        let answered = Answered { workload: &workload, entries, received: &[0; 10] };
        let counts = Counts { all: OrderCounts::default(), by_business: Vec::new() };
        let promises = promises(&answered, cut, &counts).unwrap();
        promises.iter().filter(|promise| !promise.is_kept()).map(|promise| promise.name).collect()
    }

    #[test]
    fn an_order_that_was_answered_for_and_is_gone_breaks_its_promises() {
        let entries = [Entry { end: End::Delivered, ..Entry::new(0) }];
        let empty = sample::cut(vec![sample::sku("sku-1", Counters::default())], Vec::new());
        let broken = broken(&entries, &empty);
        assert!(broken.contains(&"every order stands where its answers left it"), "{broken:?}");
        assert!(broken.contains(&"the index of orders counts what was done"), "{broken:?}");
    }

    #[test]
    fn a_refused_cart_leaves_no_order_and_breaks_nothing() {
        let entries = [Entry { end: End::RefusedCart, ..Entry::new(0) }];
        assert_eq!(broken(&entries, &sample::cut(Vec::new(), Vec::new())), Vec::<&str>::new());
    }

    #[test]
    fn money_of_a_cancelled_order_that_is_not_due_back_breaks_its_promise() {
        let mut order = sample::order("order-0".parse().unwrap(), State::Cancelled);
        order.paid = 500;
        order.refund_due = 400;
        assert!(paid_for_nothing(&order).is_some());
        order.refund_due = 500;
        assert_eq!(paid_for_nothing(&order), None);
        order.state = State::Completed;
        order.due = 500;
        assert!(paid_for_nothing(&order).is_some());
    }

    #[test]
    fn a_unit_that_was_shipped_without_an_answer_is_found() {
        let sku =
            sample::sku("sku-1", Counters { received: 3, shipped: 1, available: 2, ..Counters::default() });
        let broken = broken(&[], &sample::cut(vec![sku], Vec::new()));
        assert_eq!(broken, ["every unit is where its order's end says"]);
    }
}
