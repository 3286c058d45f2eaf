//! The engine: open, submit, query, subscribe, close.
//!
//! - `open` wires everything, stage by stage; `recover` finds the state to begin with.
//! - `submit` is where a command comes in: admission, key table, registry.
//! - `calls` are the typed calls on top of it; `order_handle` and `sku_handle` are those to one entity.
//! - `lists` are lists and counts of orders, `timelines` what happened to an order or a SKU,
//!   `explain` why an order stands where it stands.
//! - `cut` is a consistent look at everything; `snapshot` writes everything down while commands run.

mod calls;
mod cut;
mod explain;
mod flows;
mod lists;
mod locks;
mod open;
mod order_edits;
mod order_handle;
mod pace;
mod recover;
mod settle;
mod sku_handle;
mod snapshot;
mod submit;
mod timelines;
mod works;

use std::sync::Arc;

use tokio::sync::{Mutex, Semaphore};

use crate::actor::commit::{Driver, Stopper};
use crate::actor::core::Core;
pub use crate::actor::memory::MemoryUse;
use crate::actor::message::FlowMessage;
use crate::actor::registry::Absent;
use crate::error::Error;
use crate::journal::{Cursor, LogReader};
use crate::outbox::Subscription;

pub use crate::actor::flow::{ChainView, NodeView};
pub use cut::Cut;
pub use flows::FlowDone;
pub use locks::{LockGuard, LockHandle};
pub use open::RecoveryReport;
pub use order_handle::OrderHandle;
pub use recover::{LoadedSnapshot, RefusedSnapshot};
pub use sku_handle::SkuHandle;
pub use snapshot::SnapshotReport;

/// An embedded order engine. Cloning gives another handle on the same engine; when the last one is dropped
/// without [`Engine::close`], what was acknowledged is in the journal and nothing of it is lost.
///
/// All calls may be made from any number of tasks. An engine lives on the tokio runtime that opened it.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    core: Arc<Core>,
    snapshots: Arc<snapshot::Snapshots>,
    scheduler: tokio::task::JoinHandle<()>,
    admission: Arc<Semaphore>,
    in_flight_max: u32,
    reader: Arc<dyn LogReader>,
    report: RecoveryReport,
    driver: Driver,
    sweeper: tokio::task::JoinHandle<()>,
    timers: tokio::task::JoinHandle<()>,
    stopper: Mutex<Option<Stopper>>,
}

impl Engine {
    /// What recovery found and did when the engine was opened.
    #[must_use]
    pub fn recovery(&self) -> &RecoveryReport {
        &self.inner.report
    }

    /// The durable end of the journal: where a subscriber that wants only what comes next begins.
    #[must_use]
    pub fn end(&self) -> Cursor {
        self.inner.reader.end()
    }

    /// The first position of the journal that can still be read.
    #[must_use]
    pub fn start(&self) -> Cursor {
        self.inner.reader.start()
    }

    /// Every durable record from `cursor` on, in order, and then those to come.
    ///
    /// # Errors
    /// `Error::Journal` when the cursor was truncated away, lies ahead of the journal, or belongs to another
    /// history of it.
    pub fn subscribe(&self, cursor: Cursor) -> Result<Subscription, Error> {
        Subscription::new(self.inner.reader.clone(), self.inner.core.gate.watch(), cursor)
    }

    /// Whether timers stand still because the clock stepped forward by more than
    /// [`crate::Config::clock_step_ms_max`]. Commands are still decided by the clock as it is.
    #[must_use]
    pub fn timers_halted(&self) -> bool {
        self.inner.core.timers.is_halted()
    }

    /// Takes a snapshot of everything while commands run, so that the next opening need not replay what came
    /// before it. The two newest are kept. If one is being taken, this one comes after it.
    ///
    /// # Errors
    /// [`Error::Snapshot`] when it cannot be written or the engine keeps nothing on disk; [`Error::Halted`],
    /// [`Error::Closed`]. The snapshots that were there before are kept then.
    pub async fn snapshot(&self) -> Result<SnapshotReport, Error> {
        self.inner.snapshots.clone().take().await
    }

    /// Lets timers go on after a step of the clock that is in order.
    pub fn resume_timers(&self) {
        self.inner.core.timers.resume();
    }

    /// What the engine uses memory for, by its own account, and the budget. Costs a few reads of counters.
    #[must_use]
    pub fn memory(&self) -> MemoryUse {
        self.inner.core.memory_use()
    }

    /// Number of moments that the timers wait for: one for each order that has a deadline, and one for each
    /// SKU whose carts have any.
    #[must_use]
    pub fn timers_armed(&self) -> usize {
        self.inner.core.timers.armed()
    }

    /// Takes no more commands, waits until those in flight have ended, writes a seal and lets the folder go.
    ///
    /// Other handles on the engine answer [`Error::Closed`] from now on.
    ///
    /// # Errors
    /// When the engine was halted before, with the reason.
    pub async fn close(self) -> Result<(), Error> {
        let inner = &self.inner;
        // Flows let go of what may take long: it goes on when the engine is opened again.
        for flow in inner.core.flows.registry.ids() {
            let _ = inner.core.flows.registry.send(&inner.core, &flow, FlowMessage::Close, Absent::HandBack);
        }
        self.send_waiting_away().await;
        // Whoever waits for admission is sent away; whoever has it keeps it until his command has ended.
        let all = inner.admission.acquire_many(inner.in_flight_max).await;
        inner.admission.close();
        drop(all);
        self.send_waiting_away().await;
        inner.snapshots.stop().await;
        inner.scheduler.abort();
        inner.sweeper.abort();
        inner.timers.abort();
        inner.core.flows.registry.stop_all();
        inner.core.locks.stop_all();
        inner.core.orders.stop_all();
        inner.core.skus.stop_all();
        if let Some(stopper) = inner.stopper.lock().await.take() {
            stopper.stop().await;
        }
        // Actors that come to their end later keep the core, and must not keep others from opening one like it.
        inner.core.ids.let_go();
        match inner.core.gate.halted() {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.admission.close();
        self.snapshots.stop_soon();
        self.scheduler.abort();
        self.sweeper.abort();
        self.timers.abort();
        self.core.flows.registry.stop_all();
        self.core.locks.stop_all();
        self.core.orders.stop_all();
        self.core.skus.stop_all();
        // The writer commits what it was handed, writes its seal and is waited for: a sync or two.
        drop(self.stopper.get_mut().take());
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("orders", &self.inner.core.orders.count())
            .field("skus", &self.inner.core.skus.count())
            .field("end", &self.end())
            .finish_non_exhaustive()
    }
}
