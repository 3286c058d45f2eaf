//! The simulated clock: it follows the paused time of the runtime it is read on, and can be set.

use std::sync::atomic::{AtomicI64, Ordering};

use super::clock::Clock;
use crate::domain::time::Timestamp;

/// A wall clock that follows the simulated time of a paused tokio runtime. To be made and read on that runtime.
#[derive(Debug)]
pub struct SimClock {
    shown: u64,
    began: tokio::time::Instant,
    set_by_ms: AtomicI64,
}

impl SimClock {
    /// A clock that shows `now` at this moment of the runtime.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "simulated time is the time of the paused runtime")]
    pub fn new(now: Timestamp) -> Self {
        let began = tokio::time::Instant::now();
        Self { shown: now.as_millis(), began, set_by_ms: AtomicI64::new(0) }
    }

    /// Sets the clock forward or, negative, back.
    pub fn step(&self, millis: i64) {
        self.set_by_ms.fetch_add(millis, Ordering::Relaxed);
    }
}

impl Clock for SimClock {
    #[allow(clippy::disallowed_methods, reason = "simulated time is the time of the paused runtime")]
    fn now(&self) -> Timestamp {
        let passed = tokio::time::Instant::now().saturating_duration_since(self.began).as_millis();
        let passed = u64::try_from(passed).unwrap_or(u64::MAX);
        let shown = self.shown.saturating_add(passed);
        Timestamp::from_millis(shown.saturating_add_signed(self.set_by_ms.load(Ordering::Relaxed)))
    }
}
