//! The clock seam: the only place in which the machine's clock is read.
//!
//! The domain is handed times as values; whoever hands them over has them from an [`EngineClock`].

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::domain::time::Timestamp;

/// A wall clock. It may step back; [`EngineClock`] deals with that.
pub trait Clock: Send + Sync {
    /// The time it shows.
    fn now(&self) -> Timestamp;

    /// Nanoseconds since some moment, never going back: for measuring how long something took.
    fn nanos(&self) -> u64 {
        self.now().as_millis().saturating_mul(1_000_000)
    }

    /// How long to sleep until it shows `millis` more than now.
    fn nap(&self, millis: u64) -> Duration {
        Duration::from_millis(millis)
    }
}

/// A clock that runs a whole number of times as fast as the machine's, from the moment it is made: for load
/// tests that let days pass in minutes.
#[derive(Clone, Copy, Debug)]
pub struct FastClock {
    began: Timestamp,
    factor: u64,
}

impl FastClock {
    /// A clock that is `factor` times as fast; at least once.
    #[must_use]
    pub fn new(factor: u64) -> Self {
        Self { began: SystemClock.now(), factor: factor.max(1) }
    }
}

impl Clock for FastClock {
    fn now(&self) -> Timestamp {
        let passed = SystemClock.now().as_millis().saturating_sub(self.began.as_millis());
        self.began.plus_millis(passed.saturating_mul(self.factor))
    }

    fn nap(&self, millis: u64) -> Duration {
        Duration::from_millis(millis / self.factor)
    }
}

/// The machine's wall clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

/// The moment from which [`SystemClock`] measures.
static MEASURED_FROM: LazyLock<Instant> = LazyLock::new(instant);

#[allow(clippy::disallowed_methods, reason = "this is the seam through which the clock is read")]
fn instant() -> Instant {
    Instant::now()
}

impl Clock for SystemClock {
    fn nanos(&self) -> u64 {
        u64::try_from(instant().saturating_duration_since(*MEASURED_FROM).as_nanos()).unwrap_or(u64::MAX)
    }

    #[allow(clippy::disallowed_methods, reason = "this is the seam through which the clock is read")]
    fn now(&self) -> Timestamp {
        // A clock set before 1970 reads as the epoch: engine time then stands at the last recorded moment.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// A clock that moves only when it is told to; shared by its clones' owners through an [`Arc`].
#[derive(Debug, Default)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    /// A clock that shows `now`.
    #[must_use]
    pub const fn new(now: Timestamp) -> Self {
        Self(AtomicU64::new(now.as_millis()))
    }

    /// Sets the clock, forward or back.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.as_millis(), Ordering::SeqCst);
    }

    /// Moves the clock forward by `millis` and answers what it shows then; stops at the end of time.
    pub fn advance(&self, millis: u64) -> Timestamp {
        let mut shown = self.0.load(Ordering::SeqCst);
        loop {
            let next = shown.saturating_add(millis);
            match self.0.compare_exchange_weak(shown, next, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => return Timestamp::from_millis(next),
                Err(current) => shown = current,
            }
        }
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// Engine time: the wall clock, held at the last recorded moment while the wall clock lies behind it.
/// It never goes back, neither within a run nor over a restart.
pub struct EngineClock {
    wall: Arc<dyn Clock>,
    last: AtomicU64,
}

impl EngineClock {
    /// Engine time on top of a wall clock, with nothing recorded yet.
    #[must_use]
    pub fn new(wall: Arc<dyn Clock>) -> Self {
        Self { wall, last: AtomicU64::new(0) }
    }

    /// Nanoseconds of the wall clock's machine, for measuring.
    #[must_use]
    pub fn nanos(&self) -> u64 {
        self.wall.nanos()
    }

    /// The present moment of engine time; never before one that was answered or observed earlier.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.observe(self.wall.now())
    }

    /// The last moment that was answered or observed, without a look at the wall clock.
    #[must_use]
    pub fn last(&self) -> Timestamp {
        Timestamp::from_millis(self.last.load(Ordering::Relaxed))
    }

    /// Takes note of a recorded moment, at replay: engine time does not fall behind it. Answers engine
    /// time as it stands after that, without a look at the wall clock.
    pub fn observe(&self, recorded: Timestamp) -> Timestamp {
        let millis = recorded.as_millis();
        // Nothing else is published through this value, so that no stronger ordering is needed.
        Timestamp::from_millis(self.last.fetch_max(millis, Ordering::Relaxed).max(millis))
    }
}

impl std::fmt::Debug for EngineClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EngineClock").field("last", &self.last).finish_non_exhaustive()
    }
}

/// The machine's time, to measure how long work takes: it goes neither back nor faster, and counts in nothing that is
/// recorded.
#[allow(clippy::disallowed_methods, reason = "this is the seam through which the clock is read")]
pub(crate) fn stopwatch() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engine_time_stands_still_while_the_wall_clock_lies_behind_it() {
        let wall = Arc::new(ManualClock::new(Timestamp::from_millis(100)));
        let clock = EngineClock::new(wall.clone());
        assert_eq!(clock.now().as_millis(), 100);
        wall.set(Timestamp::from_millis(40));
        assert_eq!(clock.now().as_millis(), 100);
        wall.advance(61);
        assert_eq!(clock.now().as_millis(), 101);
    }

    #[test]
    fn engine_time_does_not_fall_behind_what_was_recorded() {
        let clock = EngineClock::new(Arc::new(ManualClock::new(Timestamp::from_millis(5))));
        assert_eq!(clock.observe(Timestamp::from_millis(70)).as_millis(), 70);
        assert_eq!(clock.observe(Timestamp::from_millis(60)).as_millis(), 70);
        assert_eq!(clock.now().as_millis(), 70);
    }

    #[test]
    fn a_manual_clock_stops_at_the_end_of_time() {
        let clock = ManualClock::new(Timestamp::from_millis(u64::MAX - 1));
        assert_eq!(clock.advance(5).as_millis(), u64::MAX);
        assert_eq!(clock.now().as_millis(), u64::MAX);
    }

    #[test]
    fn the_system_clock_shows_this_century() {
        assert!(SystemClock.now().as_millis() > 1_600_000_000_000);
    }
}
