//! Timers: one armed moment for each order that waits for one.
//!
//! A moment lives in its order's state; what is here is derived from it, and rebuilt when the engine is
//! opened. So a timer that fires twice, late or never does no harm: the order looks at its own deadline, and
//! every command to it does so first. Arming costs a push to a queue; an armed timer costs its place in a
//! tree and nothing while it waits.
//!
//! Moments that came due while the engine was down are paced, so that they do not crowd out what is new.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crossbeam::queue::SegQueue;
use tokio::sync::Notify;

use super::core::Core;
use super::message::OrderMessage;
use super::registry::Absent;
use crate::domain::ids::OrderId;
use crate::domain::time::Timestamp;
use crate::port::Clock;

/// Orders that are woken at once before others get their turn.
const WAKE_AT_ONCE_MAX: usize = 256;

/// The pause after that many.
const PACE: Duration = Duration::from_millis(1);

/// The longest sleep, so that a clock that is set by hand is noticed.
const NAP_MAX: Duration = Duration::from_millis(20);

/// What actors hand over, and what they may know.
#[derive(Default)]
pub(crate) struct Timers {
    changes: SegQueue<Change>,
    wake: Notify,
    /// The moment until which the timers sleep; an earlier one wakes them.
    next: AtomicU64,
    armed: AtomicUsize,
    halted: AtomicBool,
}

struct Change {
    order: OrderId,
    before: Option<Timestamp>,
    now: Option<Timestamp>,
}

impl Timers {
    /// The order waits for `now` and no longer for `before`.
    pub(crate) fn rearm(&self, order: &OrderId, before: Option<Timestamp>, now: Option<Timestamp>) {
        if before == now {
            return;
        }
        self.changes.push(Change { order: order.clone(), before, now });
        if now.is_some_and(|at| at.as_millis() < self.next.load(Ordering::Acquire)) {
            self.wake.notify_one();
        }
    }

    pub(crate) fn is_halted(&self) -> bool {
        self.halted.load(Ordering::Acquire)
    }

    pub(crate) fn resume(&self) {
        self.halted.store(false, Ordering::Release);
        self.wake.notify_one();
    }

    pub(crate) fn armed(&self) -> usize {
        self.armed.load(Ordering::Relaxed)
    }

    /// Takes over what was changed since the last look.
    fn take_changes(&self, armed: &mut BTreeSet<(Timestamp, OrderId)>) {
        while let Some(Change { order, before, now }) = self.changes.pop() {
            if let Some(before) = before {
                armed.remove(&(before, order.clone()));
            }
            if let Some(now) = now {
                armed.insert((now, order));
            }
        }
        self.armed.store(armed.len(), Ordering::Relaxed);
    }

    /// Halts at a step of the clock that nobody slept through.
    fn watch_clock(&self, stepped_ms: u64, step_ms_max: Option<u64>) {
        if step_ms_max.is_some_and(|max| stepped_ms > max) && !self.halted.swap(true, Ordering::AcqRel) {
            tracing::error!(
                stepped_ms,
                "the clock stepped forward: timers are halted until they are resumed"
            );
        }
    }
}

/// Wakes orders when their moment has come, for as long as the engine lives.
pub(crate) async fn run(core: Arc<Core>, wall: Arc<dyn Clock>, step_ms_max: Option<u64>) {
    let timers = &core.timers;
    let mut armed = BTreeSet::new();
    let mut last = wall.now();
    loop {
        let now = wall.now();
        timers.watch_clock(now.as_millis().saturating_sub(last.as_millis()), step_ms_max);
        last = now;
        timers.take_changes(&mut armed);
        let woken = if timers.is_halted() { 0 } else { wake_due(&core, &mut armed) };
        if woken == WAKE_AT_ONCE_MAX {
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

/// Wakes the orders whose moment has come, up to a number; answers how many.
fn wake_due(core: &Arc<Core>, armed: &mut BTreeSet<(Timestamp, OrderId)>) -> usize {
    let now = core.clock.now();
    let mut woken = 0;
    while woken < WAKE_AT_ONCE_MAX
        && armed.first().is_some_and(|(at, _)| *at <= now)
        && let Some((_, order)) = armed.pop_first()
    {
        // An order that is gone waits for nothing.
        let _ = core.orders.send(core, &order, OrderMessage::Due, Absent::HandBack);
        woken += 1;
    }
    woken
}
