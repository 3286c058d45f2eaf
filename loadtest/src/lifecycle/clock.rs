//! The engine's clock in a run: fast while orders come in, and moved on by hand once they have all come.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use earmark::Timestamp;
use earmark::port::{Clock, FastClock};

/// A fast clock that can be moved on.
pub(crate) struct RunClock {
    fast: FastClock,
    skipped_ms: AtomicU64,
}

impl RunClock {
    /// A clock that is `factor` times as fast as the machine's.
    pub(crate) fn new(factor: u64) -> Self {
        Self { fast: FastClock::new(factor), skipped_ms: AtomicU64::new(0) }
    }

    /// Moves the clock on.
    pub(crate) fn skip(&self, millis: u64) {
        self.skipped_ms.fetch_add(millis, Ordering::AcqRel);
    }
}

impl Clock for RunClock {
    fn now(&self) -> Timestamp {
        self.fast.now().plus_millis(self.skipped_ms.load(Ordering::Acquire))
    }

    fn nap(&self, millis: u64) -> Duration {
        self.fast.nap(millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_moved_on_shows_the_later_time() {
        let clock = RunClock::new(1);
        let before = clock.now();
        clock.skip(3_600_000);
        let moved = clock.now().as_millis() - before.as_millis();
        assert!(moved >= 3_600_000, "{moved}");
        assert_eq!(RunClock::new(60).nap(6_000), Duration::from_millis(100));
    }
}
