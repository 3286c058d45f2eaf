//! Timers: one armed moment for each order that waits for one, and one for each SKU whose carts do.
//!
//! A moment lives in the state of its order, or of the carts' holds of its SKU; what is here is derived from
//! it, and rebuilt when the engine is opened. So a timer that fires twice, early, late or never does no harm:
//! whoever is woken looks at its own deadlines, and commands do so first. Arming costs a push to a queue; an
//! armed timer costs its place in a tree and nothing while it waits. A SKU arms only the earliest deadline of
//! its carts (`sku::carts`), so that a cart that is extended costs nothing here.
//!
//! Moments that came due while the engine was down are paced, so that they do not crowd out what is new.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossbeam::queue::SegQueue;
use tokio::sync::Notify;

use super::core::Core;
use super::message::{FlowMessage, LockMessage, OrderMessage, SkuMessage};
use super::registry::Absent;
use crate::domain::ids::{FlowId, LockName, OrderId, SkuId};
use crate::domain::time::Timestamp;
use crate::port::Clock;

/// Orders and carts that have their turn at once before others get theirs.
const WAKE_AT_ONCE_MAX: usize = 256;

/// The pause after that many.
const PACE: Duration = Duration::from_millis(1);

/// The longest sleep, so that a clock that is set by hand is noticed.
const NAP_MAX: Duration = Duration::from_millis(20);

/// Who waits for a moment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Waiter {
    Order(OrderId),
    /// A SKU, for the earliest deadline of its carts.
    Sku(SkuId),
    /// A flow, for what it tries again.
    Flow(FlowId),
    /// A named lock, for the end of its lease or of somebody's time to wait.
    Lock(LockName),
}

/// Who waits for what, the earliest first.
type Armed = BTreeSet<(Timestamp, Waiter)>;

/// What actors hand over, and what they may know.
pub(crate) struct Timers {
    changes: SegQueue<Change>,
    wake: Notify,
    /// The moment until which the timers sleep; an earlier one wakes them.
    next: AtomicU64,
    armed: AtomicUsize,
    halted: AtomicBool,
    /// How many want them to wake nobody.
    held: AtomicUsize,
    /// Taken while somebody is being woken.
    waking: Mutex<()>,
    /// The longest step forward of the clock that is followed.
    step_ms_max: Option<u64>,
    /// Engine time at the last look at the clock; 0 before the first.
    looked_at: AtomicU64,
}

struct Change {
    waiter: Waiter,
    before: Option<Timestamp>,
    now: Option<Timestamp>,
}

/// While it lives, the timers wake nobody.
pub(crate) struct TimersHeld<'a>(&'a Timers);

impl Drop for TimersHeld<'_> {
    fn drop(&mut self) {
        self.0.held.fetch_sub(1, Ordering::AcqRel);
        self.0.wake.notify_one();
    }
}

impl Timers {
    pub(crate) fn new(step_ms_max: Option<u64>) -> Self {
        Self {
            changes: SegQueue::new(),
            wake: Notify::new(),
            next: AtomicU64::new(0),
            armed: AtomicUsize::new(0),
            halted: AtomicBool::new(false),
            held: AtomicUsize::new(0),
            waking: Mutex::new(()),
            step_ms_max,
            looked_at: AtomicU64::new(0),
        }
    }

    /// The order waits for `now` and no longer for `before`.
    pub(crate) fn rearm(&self, order: &OrderId, before: Option<Timestamp>, now: Option<Timestamp>) {
        if before != now {
            self.change(Change { waiter: Waiter::Order(order.clone()), before, now });
        }
    }

    /// The carts of the SKU wait for `now`, the earliest of them, and no longer for `before`.
    pub(crate) fn rearm_carts(&self, sku: &SkuId, before: Option<Timestamp>, now: Option<Timestamp>) {
        if before != now {
            self.change(Change { waiter: Waiter::Sku(sku.clone()), before, now });
        }
    }

    /// The flow waits for `now` and no longer for `before`.
    pub(crate) fn rearm_flow(&self, flow: FlowId, before: Option<Timestamp>, now: Option<Timestamp>) {
        if before != now {
            self.change(Change { waiter: Waiter::Flow(flow), before, now });
        }
    }

    /// The lock waits for `now` and no longer for `before`.
    pub(crate) fn rearm_lock(&self, lock: &LockName, before: Option<Timestamp>, now: Option<Timestamp>) {
        if before != now {
            self.change(Change { waiter: Waiter::Lock(lock.clone()), before, now });
        }
    }

    fn change(&self, change: Change) {
        let wakes = change.now.is_some_and(|at| at.as_millis() < self.next.load(Ordering::Acquire));
        self.changes.push(change);
        if wakes {
            self.wake.notify_one();
        }
    }

    /// Whether what has lapsed by `now` may be taken from others than the one who commands: not before the
    /// timers run, and not after a step of the clock at which they halt, be it noticed only now.
    pub(crate) fn may_lapse(&self, now: Timestamp) -> bool {
        let looked_at = self.looked_at.load(Ordering::Acquire);
        if looked_at == 0 {
            return false;
        }
        self.watch_clock(now.as_millis().saturating_sub(looked_at));
        !self.is_halted()
    }

    pub(crate) fn is_halted(&self) -> bool {
        self.halted.load(Ordering::Acquire)
    }

    pub(crate) fn resume(&self) {
        self.halted.store(false, Ordering::Release);
        self.wake.notify_one();
    }

    /// Keeps the timers from waking anybody until the guard goes. Whoever was woken before has its message.
    pub(crate) fn hold(&self) -> TimersHeld<'_> {
        self.held.fetch_add(1, Ordering::AcqRel);
        // Whoever is being woken at this moment is woken when this lock can be had.
        drop(self.waking.lock().unwrap_or_else(PoisonError::into_inner));
        TimersHeld(self)
    }

    pub(crate) fn armed(&self) -> usize {
        self.armed.load(Ordering::Relaxed)
    }

    /// Takes over what was changed since the last look.
    fn take_changes(&self, armed: &mut Armed) {
        while let Some(Change { waiter, before, now }) = self.changes.pop() {
            if let Some(before) = before {
                armed.remove(&(before, waiter.clone()));
            }
            if let Some(now) = now {
                armed.insert((now, waiter));
            }
        }
        self.armed.store(armed.len(), Ordering::Relaxed);
    }

    /// Halts at a step of the clock that nobody slept through.
    fn watch_clock(&self, stepped_ms: u64) {
        if self.step_ms_max.is_some_and(|max| stepped_ms > max) && !self.halted.swap(true, Ordering::AcqRel) {
            tracing::error!(
                stepped_ms,
                "the clock stepped forward: timers are halted until they are resumed"
            );
        }
    }
}

/// Wakes orders and SKUs when their moment has come, for as long as the engine lives.
pub(crate) async fn run(core: Arc<Core>, wall: Arc<dyn Clock>) {
    let timers = &core.timers;
    let mut armed = Armed::new();
    let mut last = wall.now();
    loop {
        let now = wall.now();
        timers.watch_clock(now.as_millis().saturating_sub(last.as_millis()));
        last = now;
        timers.looked_at.store(core.clock.now().as_millis().max(1), Ordering::Release);
        timers.take_changes(&mut armed);
        if !timers.is_halted() && wake_due_unless_held(&core, &mut armed) > 0 {
            tokio::time::sleep(PACE).await;
            continue;
        }
        let next = armed.first().map_or(Timestamp::from_millis(u64::MAX), |(at, _)| *at);
        timers.next.store(next.as_millis(), Ordering::Release);
        // What was pushed before the store may not have woken us.
        if !timers.changes.is_empty() {
            continue;
        }
        let nap = if timers.is_halted() {
            NAP_MAX
        } else {
            let until = next.as_millis().saturating_sub(core.clock.now().as_millis());
            wall.nap(until).clamp(PACE, NAP_MAX)
        };
        // Woken or slept out: either way the clock is looked at again.
        let _ = tokio::time::timeout(nap, timers.wake.notified()).await;
    }
}

/// [`wake_due`], or nothing while the timers are held.
fn wake_due_unless_held(core: &Arc<Core>, armed: &mut Armed) -> usize {
    let _waking = core.timers.waking.lock().unwrap_or_else(PoisonError::into_inner);
    if core.timers.held.load(Ordering::Acquire) > 0 { 0 } else { wake_due(core, armed) }
}

/// Wakes those whose moment has come, up to a number; answers how many. Each SKU may let so many carts lapse
/// that they are no more than that number together; it arms itself again for the rest.
fn wake_due(core: &Arc<Core>, armed: &mut Armed) -> usize {
    let now = core.clock.now();
    let mut due = Vec::new();
    while due.len() < WAKE_AT_ONCE_MAX
        && armed.first().is_some_and(|(at, _)| *at <= now)
        && let Some((_, waiter)) = armed.pop_first()
    {
        due.push(waiter);
    }
    let woken = due.len();
    for waiter in due {
        // An entity that is gone waits for nothing.
        match waiter {
            Waiter::Order(order) => {
                let _ = core.orders.send(core, &order, OrderMessage::Due, Absent::HandBack);
            }
            Waiter::Flow(flow) => {
                let _ = core.flows.registry.send(core, &flow, FlowMessage::Drive, Absent::HandBack);
            }
            Waiter::Lock(lock) => {
                let _ = core.locks.send(core, &lock, LockMessage::Due, Absent::HandBack);
            }
            Waiter::Sku(sku) => {
                let message = SkuMessage::Due { carts_max: WAKE_AT_ONCE_MAX / woken };
                let _ = core.skus.send(core, &sku, message, Absent::HandBack);
            }
        }
    }
    woken
}
