//! What each order did from one rest to the next, and what SKUs held for it meanwhile, by the durable records.
//!
//! Between two steps, nothing is out of step: what SKUs hold for an order is what its lines say, at every record at
//! which it asks for nothing, and stock moves for it only while it does.

use std::collections::{BTreeMap, BTreeSet};

use super::history::OrderPast;
use crate::domain::ids::{OrderId, SkuId};
use crate::domain::inventory::{HoldOwner, ReleaseCause, StockEvent};
use crate::domain::order::{Order, OrderEvent, PendingKind};
use crate::domain::record::{OrderRecord, SkuRecord};

/// What clients ask an order for and is told here apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Deed {
    Staged,
    Declined,
    Edited,
    Cancelled,
    Shipped,
    Split,
}

impl Deed {
    const fn of(event: &OrderEvent) -> Option<Self> {
        match event {
            OrderEvent::EditStaged(_) => Some(Self::Staged),
            OrderEvent::EditDeclined => Some(Self::Declined),
            OrderEvent::EditAccepted { .. } => Some(Self::Edited),
            OrderEvent::Cancelled { .. } => Some(Self::Cancelled),
            OrderEvent::Shipped => Some(Self::Shipped),
            OrderEvent::Split => Some(Self::Split),
            _ => None,
        }
    }
}

/// A deed when it was done.
#[derive(Clone, Debug)]
pub(super) struct Done {
    pub(super) deed: Deed,
    /// The order's version behind the record that says so.
    pub(super) version: u64,
    /// SKUs in which units had moved for the order until then.
    pub(super) touched: BTreeSet<SkuId>,
}

/// From one rest of an order to the next.
#[derive(Clone, Debug, Default)]
pub(super) struct Operation {
    /// The version at which it rested before.
    pub(super) before: u64,
    pub(super) done: Vec<Done>,
    touched: BTreeSet<SkuId>,
}

impl Operation {
    pub(super) fn when(&self, deed: Deed) -> Option<&Done> {
        self.done.iter().find(|done| done.deed == deed)
    }
}

/// An order's operations, and what is held for it.
#[derive(Debug, Default)]
pub(super) struct Moves {
    /// By the version at which the order rested behind it.
    pub(super) operations: BTreeMap<u64, Operation>,
    open: Operation,
    held: BTreeMap<SkuId, u64>,
}

impl Moves {
    /// Takes in what a record made of its order.
    ///
    /// # Errors
    /// When stock and lines do not agree, in words.
    pub(super) fn advanced(&mut self, record: &OrderRecord, now: &Order) -> Result<(), String> {
        for deed in record.events.iter().filter_map(Deed::of) {
            let touched = self.open.touched.clone();
            self.open.done.push(Done { deed, version: now.version, touched });
        }
        if now.pending.is_some() {
            return Ok(());
        }
        let next = Operation { before: now.version, ..Operation::default() };
        self.operations.insert(now.version, std::mem::replace(&mut self.open, next));
        let mut claimed = BTreeMap::<SkuId, u64>::new();
        // What its children have is held for them.
        for line in now.lines.iter().filter(|_| !now.is_split()) {
            for (sku, units) in line.demand(line.counters.claimed()) {
                *claimed.entry(sku.clone()).or_default() += units;
            }
        }
        claimed.retain(|_, units| *units > 0);
        if claimed == self.held {
            return Ok(());
        }
        Err(format!("its lines claim {claimed:?}, SKUs hold {:?} for it", self.held))
    }

    fn moved(&mut self, sku: &SkuId, event: &StockEvent) -> Result<(), String> {
        let (more, less) = match event {
            StockEvent::Reserved { quantity, .. }
            | StockEvent::Queued { quantity, .. }
            | StockEvent::Unshipped { quantity, .. } => (*quantity, 0),
            StockEvent::Released { reserved, committed, .. } => (0, reserved + committed),
            StockEvent::Unqueued { quantity, .. } | StockEvent::Shipped { quantity, .. } => (0, *quantity),
            _ => (0, 0),
        };
        let held = self.held.get(sku).copied().unwrap_or(0) + more;
        match held.checked_sub(less) {
            None => return Err(format!("{less} units leave a hold of {held}")),
            Some(0) => self.held.remove(sku),
            Some(left) => self.held.insert(sku.clone(), left),
        };
        // What comes to one that waits was asked for by an earlier operation.
        if !matches!(event, StockEvent::Filled { .. }) {
            self.open.touched.insert(sku.clone());
        }
        Ok(())
    }
}

/// Takes in what a SKU's record moved for orders.
///
/// # Errors
/// When nobody had asked for it, in words.
pub(super) fn stock_moved(
    orders: &mut BTreeMap<OrderId, OrderPast>,
    record: &SkuRecord,
) -> Result<(), String> {
    for event in &record.events {
        let Some((HoldOwner::Order(id), _)) = event.hold() else { continue };
        let asks = match orders.get(id).and_then(|past| past.now.as_ref()) {
            Some(order) => order.pending.is_some() || matches!(event, StockEvent::Filled { .. }),
            None => is_to_be_born(orders, id),
        };
        if !asks {
            return Err(format!("stock moves for order {id}, which asks for nothing: {event:?}"));
        }
        let past = orders.entry(id.clone()).or_default();
        past.moves.moved(&record.sku, event).map_err(|why| format!("order {id}: {why}"))?;
    }
    Ok(())
}

/// Whether the order is one that another one is being split into.
fn is_to_be_born(orders: &BTreeMap<OrderId, OrderPast>, id: &OrderId) -> bool {
    let parent = id.as_str().rsplit_once('/').and_then(|(parent, _)| OrderId::new(parent).ok());
    let parent = parent.and_then(|parent| orders.get(&parent)?.now.as_ref()?.pending.as_ref());
    parent.is_some_and(|pending| match &pending.kind {
        PendingKind::Split(portions) => portions.iter().any(|portion| portion.child == *id),
        _ => false,
    })
}

/// Whether a record only passes units on: then nothing but their owners may change.
pub(super) fn passes_on(record: &SkuRecord) -> bool {
    record
        .events
        .iter()
        .any(|event| matches!(event, StockEvent::Released { cause: ReleaseCause::PassedOn, .. }))
}
