//! What must hold across entities, on a cut with nothing in flight.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::domain::ids::{OrderId, SkuId};
use crate::domain::inventory::{HoldOwner, Inventory};
use crate::domain::order::{Order, PendingKind};

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

/// Units that the lines of orders say are held or waited for.
type OwedBy<'a> = BTreeMap<(&'a SkuId, OrderId), Owed>;

fn check(skus: &[Inventory], orders: &[Order], in_flight: bool) -> Vec<String> {
    let mut found = Vec::new();
    let mut owed = OwedBy::new();
    let mut open = BTreeSet::new();
    let mut unborn = Vec::new();
    for order in orders {
        if let Err(broken) = order.check() {
            found.push(format!("order {}: {broken}", order.id));
        }
        if let Some(reason) = &order.parked {
            found.push(format!("order {} is parked: {reason}", order.id));
        }
        if order.pending.is_some() && in_flight {
            open.insert(&order.id);
            unborn.extend(children_of(order));
            continue;
        }
        if order.pending.is_some() {
            found.push(format!("order {} has an unfinished saga", order.id));
        }
        // Those of an order that was split are its children's.
        let lines = order.lines.iter().filter(|line| !order.is_split() && line.counters.claimed() > 0);
        for line in lines {
            for (sku, units) in line.claims() {
                let Owed(sums) = owed.entry((sku, order.id.clone())).or_default();
                sums.iter_mut().zip(units).for_each(|(sum, units)| *sum = sum.saturating_add(units));
            }
        }
    }
    // One that is there already stands for itself.
    if !unborn.is_empty() {
        let born: BTreeSet<_> = orders.iter().map(|order| &order.id).collect();
        open.extend(unborn.into_iter().filter(|child| !born.contains(child)));
    }
    for sku in skus {
        check_sku(sku, &mut owed, in_flight.then_some(&open), &mut found);
    }
    for ((sku, order), due) in owed {
        found.push(format!("order {order} counts {due} units of SKU {sku}, which holds none for it"));
    }
    found
}

/// The children that a split is about to make: they have holds before they are there.
fn children_of(order: &Order) -> impl Iterator<Item = &OrderId> {
    let portions = match order.pending.as_ref().map(|pending| &pending.kind) {
        Some(PendingKind::Split(portions) | PendingKind::Birth(portions)) => portions.as_slice(),
        _ => &[],
    };
    portions.iter().map(|portion| &portion.child)
}

fn check_sku<'a>(
    sku: &'a Inventory,
    owed: &mut OwedBy<'a>,
    in_flight: Option<&BTreeSet<&OrderId>>,
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
        if in_flight.is_some_and(|open| open.contains(&order)) {
            continue;
        }
        let due = owed.remove(&(&sku.sku, order.clone())).unwrap_or_default();
        let held = Owed([hold.reserved, hold.committed, hold.awaiting()]);
        // A SKU tells an order that its units have come; until it has, the lines still wait for them.
        let to_be_told = in_flight.is_some() && due.awaits() > held.awaits() && due.sum() == held.sum();
        if due != held && !to_be_told {
            found.push(format!("SKU {} holds {held} for order {order}, whose lines say {due}", sku.sku));
        }
    }
}

/// Units of one SKU for one order: reserved, committed, waited for.
#[derive(Default, PartialEq, Eq)]
struct Owed([u64; 3]);

impl Owed {
    const fn awaits(&self) -> u64 {
        let Self([_, _, awaiting]) = self;
        *awaiting
    }

    fn sum(&self) -> u128 {
        self.0.iter().map(|units| u128::from(*units)).sum()
    }
}

impl fmt::Display for Owed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self([reserved, committed, awaiting]) = self;
        write!(f, "{reserved} reserved, {committed} committed and {awaiting} waited for")
    }
}
