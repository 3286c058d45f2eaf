//! What must hold across entities, on a cut with nothing in flight.

use std::collections::BTreeMap;
use std::fmt;

use crate::domain::ids::{OrderId, SkuId};
use crate::domain::inventory::{HoldOwner, Inventory};
use crate::domain::order::Order;

/// Checks every entity for itself and orders against the holds on their SKUs; answers what is wrong, in
/// words. Parked entities and orders with an unfinished saga are named too.
#[must_use]
pub fn audit(skus: &[Inventory], orders: &[Order]) -> Vec<String> {
    let mut found = Vec::new();
    let mut owed: BTreeMap<(&SkuId, &OrderId), Owed> = BTreeMap::new();
    for order in orders {
        if let Err(broken) = order.check() {
            found.push(format!("order {}: {broken}", order.id));
        }
        if let Some(reason) = &order.parked {
            found.push(format!("order {} is parked: {reason}", order.id));
        }
        if order.pending.is_some() {
            found.push(format!("order {} has an unfinished saga", order.id));
        }
        for line in order.lines.iter().filter(|line| line.counters.claimed() > 0) {
            for (sku, units) in line.claims() {
                let Owed(sums) = owed.entry((sku, &order.id)).or_default();
                sums.iter_mut().zip(units).for_each(|(sum, units)| *sum = sum.saturating_add(units));
            }
        }
    }
    for sku in skus {
        if let Err(broken) = sku.check_fully() {
            found.push(format!("SKU {}: {broken}", sku.sku));
        }
        if let Some(reason) = &sku.parked {
            found.push(format!("SKU {} is parked: {reason}", sku.sku));
        }
        for (owner, hold) in sku.holds() {
            let HoldOwner::Order(order) = owner else { continue };
            let due = owed.remove(&(&sku.sku, order)).unwrap_or_default();
            let held = Owed([hold.reserved, hold.committed, hold.awaiting()]);
            if due != held {
                found.push(format!("SKU {} holds {held} for order {order}, whose lines say {due}", sku.sku));
            }
        }
    }
    for ((sku, order), due) in owed {
        found.push(format!("order {order} counts {due} units of SKU {sku}, which holds none for it"));
    }
    found
}

/// Units of one SKU for one order: reserved, committed, waited for.
#[derive(Default, PartialEq, Eq)]
struct Owed([u64; 3]);

impl fmt::Display for Owed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self([reserved, committed, awaiting]) = self;
        write!(f, "{reserved} reserved, {committed} committed and {awaiting} waited for")
    }
}
