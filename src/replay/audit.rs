//! What must hold across entities, on a cut with nothing in flight.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::ids::{OrderId, SkuId};
use crate::domain::inventory::{HoldOwner, Inventory};
use crate::domain::order::{LineCounters, Order};

/// Checks every entity for itself and orders against the holds on their SKUs; answers what is wrong, in
/// words. Parked entities and orders with an unfinished saga are named too.
#[must_use]
pub fn audit(skus: &[Inventory], orders: &[Order]) -> Vec<String> {
    check(skus, orders, false)
}

/// The same of a state that was not made at rest, as a crash leaves it or a running engine has it: what an
/// order with an unfinished saga holds may differ from what its lines say, and is not compared.
#[must_use]
pub fn audit_in_flight(skus: &[Inventory], orders: &[Order]) -> Vec<String> {
    check(skus, orders, true)
}

/// Units that the lines of orders say are held, reserved and committed.
type Owed<'a> = BTreeMap<(&'a SkuId, &'a OrderId), (u64, u64)>;

fn check(skus: &[Inventory], orders: &[Order], in_flight: bool) -> Vec<String> {
    let mut found = Vec::new();
    let mut owed = Owed::new();
    let mut open = BTreeSet::new();
    for order in orders {
        if let Err(broken) = order.check() {
            found.push(format!("order {}: {broken}", order.id));
        }
        if let Some(reason) = &order.parked {
            found.push(format!("order {} is parked: {reason}", order.id));
        }
        if order.pending.is_some() && in_flight {
            open.insert(&order.id);
            continue;
        }
        if order.pending.is_some() {
            found.push(format!("order {} has an unfinished saga", order.id));
        }
        for line in order.lines.iter().filter(|line| line.counters.held() > 0) {
            let LineCounters { reserved, committed, .. } = line.counters;
            for ((sku, reserved), (_, committed)) in line.demand(reserved).zip(line.demand(committed)) {
                let sums = owed.entry((sku, &order.id)).or_default();
                sums.0 = sums.0.saturating_add(reserved);
                sums.1 = sums.1.saturating_add(committed);
            }
        }
    }
    for sku in skus {
        check_sku(sku, &mut owed, &open, &mut found);
    }
    for ((sku, order), (reserved, committed)) in owed {
        found.push(format!(
            "order {order} counts {reserved} reserved and {committed} committed units of SKU {sku}, which holds none for it"
        ));
    }
    found
}

fn check_sku<'a>(
    sku: &'a Inventory,
    owed: &mut Owed<'a>,
    open: &BTreeSet<&OrderId>,
    found: &mut Vec<String>,
) {
    if let Err(broken) = sku.check_fully() {
        found.push(format!("SKU {}: {broken}", sku.sku));
    }
    if let Some(reason) = &sku.parked {
        found.push(format!("SKU {} is parked: {reason}", sku.sku));
    }
    for (owner, hold) in sku.holds() {
        let HoldOwner::Order(order) = owner else { continue };
        if open.contains(order) {
            continue;
        }
        let due = owed.remove(&(&sku.sku, order)).unwrap_or_default();
        if due != (hold.reserved, hold.committed) {
            found.push(format!(
                "SKU {} holds {} reserved and {} committed for order {order}, whose lines say {} and {}",
                sku.sku, hold.reserved, hold.committed, due.0, due.1
            ));
        }
    }
}
