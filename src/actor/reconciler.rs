//! After a crash: every order that stands between two steps is driven to its end.
//!
//! The reconciler knows nothing of sagas. It wakes each order that has one under way, and the order's
//! actor goes on through the very steps it would have taken live; the SKUs recognise those they have
//! already seen. A keyed command that the crash interrupted is answered by that end. The engine takes no
//! command before the reconciler is done, so nothing it touches can be provisional or contended.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::core::Core;
use super::message::{OrderMessage, Resumed, SkuMessage};
use super::registry::Absent;
use crate::domain::ids::{OrderId, SkuId};
use crate::domain::inventory::{HoldOwner, Inventory};

/// What the reconciler did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reconciled {
    pub(crate) finished: u64,
    pub(crate) undone: u64,
    pub(crate) parked: u64,
}

/// Drives the sagas of `open` to their ends, one after another in the order in which they are given. Then the
/// SKUs go on for those who wait for units.
pub(crate) async fn reconcile(core: &Arc<Core>, open: Vec<OrderId>, queues: Queues) -> Reconciled {
    let mut sum = Reconciled::default();
    for order in open {
        let (tell, told) = oneshot::channel();
        let sent = core.orders.send(core, &order, OrderMessage::Resume(tell), Absent::HandBack);
        let resumed = match sent {
            Ok(()) => told.await.unwrap_or(Resumed::Nothing),
            Err(_) => Resumed::Nothing,
        };
        match resumed {
            Resumed::Finished => sum.finished += 1,
            Resumed::Undone => sum.undone += 1,
            Resumed::Parked => sum.parked += 1,
            Resumed::Nothing => {}
        }
        tracing::info!(%order, ?resumed, "an order that a crash left between two steps");
    }
    queues.resume(core);
    sum
}

/// What a crash may have left undone at SKUs with a queue.
#[derive(Default)]
pub(crate) struct Queues {
    /// SKUs that have units for those who wait.
    unfilled: Vec<SkuId>,
    /// Orders for which units were filled, and who may not have been told.
    untold: Vec<(SkuId, OrderId)>,
    /// Orders that were split off others, who may not have been told how they stand.
    children: Vec<OrderId>,
}

impl Queues {
    /// Notes what a SKU has left to do.
    pub(crate) fn note(&mut self, sku: &Inventory) {
        if sku.can_fill() {
            self.unfilled.push(sku.sku.clone());
        }
        for owner in sku.filled_owners() {
            if let HoldOwner::Order(order) = owner {
                self.untold.push((sku.sku.clone(), order));
            }
        }
    }

    /// Notes an order that was split off another one.
    pub(crate) fn note_child(&mut self, order: OrderId) {
        self.children.push(order);
    }

    /// Adds what others have left to do.
    pub(crate) fn append(&mut self, others: Self) {
        self.unfilled.extend(others.unfilled);
        self.untold.extend(others.untold);
        self.children.extend(others.children);
    }

    /// Sets the SKUs going again, and has children tell their parents.
    fn resume(self, core: &Arc<Core>) {
        for sku in self.unfilled {
            // Every SKU that was recovered is there.
            let _ = core.skus.send(core, &sku, SkuMessage::Fill, Absent::HandBack);
        }
        for (sku, order) in self.untold {
            let _ = core.skus.send(core, &sku, SkuMessage::TellFilled(order), Absent::HandBack);
        }
        for child in self.children {
            // One that was retired has told everything before.
            let _ = core.orders.send(core, &child, OrderMessage::TellParent, Absent::HandBack);
        }
    }
}
