//! Putting to rest what was recovered: every entity into its registry, every answered key into the key table.
//!
//! Orders and SKUs are put there on several threads; what there is to be done for them afterwards is gathered part
//! by part, in the order of the parts, so that it does not depend on the threads.

use std::collections::{BTreeMap, HashMap};
use std::vec::IntoIter;

use super::open::RecoveryReport;
use crate::actor::core::Core;
use crate::actor::flow::RestingFlow;
use crate::actor::reconciler::Queues;
use crate::actor::sku::RestingSku;
use crate::actor::sku::carts::Carts;
use crate::domain::flow::Flow;
use crate::domain::ids::{FlowId, LockName, OrderId};
use crate::domain::inventory::{Inventory, StockPolicy};
use crate::domain::lock::Lock;
use crate::domain::order::is_derived;
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;
use crate::error::Error;
use crate::port::Clock;
use crate::replay::compact::{self, Packed, Unpacked};
use crate::replay::{Answered, FixedSeeds, Settled, World, abreast};

/// SKUs that one thread puts to rest at a time.
const SKUS_AT_ONCE: usize = 64;

/// What one thread puts to rest at a time.
struct Job<'a> {
    core: &'a Core,
    part: Part,
}

enum Part {
    Skus(Vec<Inventory>),
    Orders(HashMap<OrderId, Packed, FixedSeeds>),
}

/// What is to be done about those that were put to rest.
#[derive(Default)]
struct Left {
    orders: u64,
    retired: u64,
    queues: Queues,
    /// Orders with a saga under way: when they were placed, and their bytes.
    open: Vec<(Timestamp, OrderId, Packed)>,
}

/// Puts what was recovered into the registries; answers the orders with an unfinished saga, in the order
/// in which they were placed, and what SKUs have left to do for those who wait. With `side_by_side`, as many threads
/// do it as the machine runs at once.
pub(super) fn settle_in(
    core: &Core,
    world: World,
    report: &mut RecoveryReport,
    wall: &dyn Clock,
    side_by_side: bool,
) -> Result<(Vec<OrderId>, Queues), Error> {
    let began = wall.now();
    let Settled { skus, orders, keys, works, mut index } = world.settle()?;
    settle_flows(core, works.flows, &keys);
    settle_locks(core, works.locks);
    report.skus = skus.len() as u64;
    report.keys = keys.len() as u64;
    let threads = if side_by_side { abreast::threads() } else { 1 };
    let jobs = jobs_of(core, skus, orders);
    let beside = || {
        keys.into_iter().for_each(|(key, answer)| core.keys.insert(key, answer));
        index.finish();
        index
    };
    let (index, left) = if threads > 1 {
        std::thread::scope(|scope| {
            let beside = scope.spawn(beside);
            let left = put_to_rest(jobs, threads);
            Ok::<_, Error>((beside.join().map_err(|_| abreast::Panicked)?, left?))
        })?
    } else {
        (beside(), put_to_rest(jobs, threads)?)
    };
    core.memory.set_customers(index.customers());
    *core.index() = index;
    let Left { orders, retired, queues, mut open } = left;
    (report.orders, report.retired) = (orders, retired);
    open.sort_unstable_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    for (_, _, packed) in &open {
        reclaim(core, packed)?;
    }
    report.settle_millis = wall.now().as_millis().saturating_sub(began.as_millis());
    Ok((open.into_iter().map(|(_, id, _)| id).collect(), queues))
}

fn jobs_of<'a>(
    core: &'a Core,
    skus: Vec<Inventory>,
    orders: Vec<HashMap<OrderId, Packed, FixedSeeds>>,
) -> IntoIter<Job<'a>> {
    let (mut jobs, mut skus) = (Vec::new(), skus.into_iter());
    loop {
        let some: Vec<_> = skus.by_ref().take(SKUS_AT_ONCE).collect();
        if some.is_empty() {
            break;
        }
        jobs.push(Job { core, part: Part::Skus(some) });
    }
    // Part by part, each given back when its orders have moved on.
    jobs.extend(orders.into_iter().map(|part| Job { core, part: Part::Orders(part) }));
    jobs.into_iter()
}

fn put_to_rest(jobs: IntoIter<Job<'_>>, threads: usize) -> Result<Left, Error> {
    let mut all = Left::default();
    abreast::in_order(jobs, threads, Iterator::next, put_part_to_rest, |left: Result<Left, Error>| {
        let left = left?;
        all.orders += left.orders;
        all.retired += left.retired;
        all.queues.append(left.queues);
        all.open.extend(left.open);
        Ok::<(), Error>(())
    })?;
    Ok(all)
}

fn put_part_to_rest(job: Job<'_>) -> Result<Left, Error> {
    let mut left = Left::default();
    match job.part {
        Part::Skus(skus) => skus.into_iter().for_each(|sku| left.put_sku(job.core, sku)),
        Part::Orders(orders) => {
            orders.into_iter().try_for_each(|(id, packed)| left.put_order(job.core, id, packed))?;
        }
    }
    Ok(left)
}

impl Left {
    fn put_sku(&mut self, core: &Core, sku: Inventory) {
        if let Some(rule) = sku.policy().and_then(StockPolicy::sale_rule) {
            core.sales.set(&sku.sku, Some(rule), || ());
        }
        self.queues.note(&sku);
        core.memory.stock_changed(0, sku.memory_bytes());
        let carts = Carts::of(&sku, &core.timers);
        core.skus.insert(sku.sku.clone(), Box::new(RestingSku { inventory: Box::new(sku), carts }));
    }

    fn put_order(&mut self, core: &Core, id: OrderId, packed: Packed) -> Result<(), Error> {
        if compact::is_retired(&packed) {
            self.retired += 1;
            core.orders.insert(id, packed);
            return Ok(());
        }
        self.orders += 1;
        // Most orders wait for nothing, and need not be looked into.
        let retires = core.retire_after_ms.is_some() && compact::is_closed(&packed);
        if retires || compact::is_waiting(&packed) || compact::is_pending(&packed) {
            let head = compact::head_of(&packed)?;
            core.timers.rearm(&id, None, core.wakes_at(head.deadline, head.closed_at));
            if compact::is_pending(&packed) {
                self.open.push((head.placed_at, id.clone(), packed.clone()));
            }
        }
        if is_derived(&id) {
            self.queues.note_child(id.clone());
        }
        core.orders.insert(id, packed);
        Ok(())
    }
}

/// Claims the key of an order's saga that a crash interrupted.
fn reclaim(core: &Core, packed: &[u8]) -> Result<(), Error> {
    let Unpacked::Order(order) = compact::unpack(packed)? else { return Ok(()) };
    if let Some(claim) = order.pending.as_ref().and_then(|pending| pending.claim.as_ref()) {
        core.keys.reclaim(claim);
        if let Some(reason) = &order.parked {
            core.keys.suspend(claim, Refusal::Parked { reason: reason.clone() });
        }
    }
    Ok(())
}

/// Puts named locks to rest; the timers end their leases.
fn settle_locks(core: &Core, locks: BTreeMap<LockName, Lock>) {
    for (name, lock) in locks {
        core.timers.rearm_lock(&name, None, lock.until().filter(|_| lock.parked.is_none()));
        core.locks.insert(name, Box::new(lock));
    }
}

/// Puts flows that have not ended to rest. Who asks again under a key of one waits for its end.
fn settle_flows(core: &Core, flows: BTreeMap<FlowId, Flow>, keys: &Answered) {
    for (id, flow) in flows {
        if let Some(claim) = flow.claim.as_ref().filter(|_| !flow.answered) {
            core.keys.reclaim(claim);
        }
        core.timers.rearm_flow(id, None, flow.again_at());
        let begins = format!("flow/{id}/");
        let used =
            keys.keys().filter(|key| key.business == flow.business && key.key.as_str().starts_with(&begins));
        let mut used: Vec<_> = used.cloned().collect();
        used.sort();
        core.flows.registry.insert(id, Box::new(RestingFlow { flow, keys: used }));
    }
}
