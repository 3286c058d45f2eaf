//! How a snapshot leaves the processors to commands.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::actor::commit::Gate;
use crate::port::stopwatch;

/// While commands run, a snapshot rests so many times as long as it has worked: on two cores it would otherwise take
/// more than a quarter of the throughput, and with twice as long still an eighth (measured). A thread that the system
/// gives less time leaves as much, but others then wait for what it holds, up to a tenth of a second.
const RESTS: u32 = 3;

/// It works for so long before it rests.
const WORKS_FOR: Duration = Duration::from_millis(10);

/// A rest ends within this time when the engine is to be closed.
const LOOKS_EVERY: Duration = Duration::from_millis(20);

/// When a snapshot rested last, and how many bytes the journal had.
pub(super) struct Pace {
    rested_at: Instant,
    journal_bytes: u64,
}

impl Pace {
    /// Of a snapshot that begins.
    pub(super) fn new(gate: &Gate) -> Self {
        // Of the machine, and not of the engine, whose clock may run as it likes.
        Self { rested_at: stopwatch(), journal_bytes: gate.bytes() }
    }

    /// Rests from what was done since the last time, where commands were given meanwhile. To be called while nothing
    /// is held.
    pub(super) async fn rest(&mut self, gate: &Gate, stopping: &AtomicBool) {
        let worked = self.rested_at.elapsed();
        if worked < WORKS_FOR {
            return;
        }
        let mut left = if gate.bytes() > self.journal_bytes { worked * RESTS } else { Duration::ZERO };
        while !left.is_zero() && !stopping.load(Ordering::Acquire) {
            let rest = left.min(LOOKS_EVERY);
            tokio::time::sleep(rest).await;
            left -= rest;
        }
        *self = Self::new(gate);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Cursor, Space};

    #[tokio::test(start_paused = true)]
    async fn a_snapshot_rests_while_commands_run_and_only_then_and_not_when_the_engine_closes() {
        let (gate, stopping) = (Gate::new(Cursor::default(), Space::Enough), AtomicBool::new(false));
        let mut pace = Pace::new(&gate);
        let began = stopwatch();
        tokio::time::advance(WORKS_FOR * 10).await;
        pace.rest(&gate, &stopping).await;
        assert_eq!(began.elapsed(), WORKS_FOR * 10, "nobody commits");
        gate.add_bytes(1);
        tokio::time::advance(WORKS_FOR / 2).await;
        pace.rest(&gate, &stopping).await;
        assert_eq!(began.elapsed(), WORKS_FOR * 10 + WORKS_FOR / 2, "too short a work to rest from");
        tokio::time::advance(WORKS_FOR * 2 - WORKS_FOR / 2).await;
        pace.rest(&gate, &stopping).await;
        assert_eq!(began.elapsed(), WORKS_FOR * 12 + WORKS_FOR * 2 * RESTS);
        gate.add_bytes(1);
        tokio::time::advance(WORKS_FOR).await;
        stopping.store(true, Ordering::Release);
        let closing = stopwatch();
        pace.rest(&gate, &stopping).await;
        assert_eq!(closing.elapsed(), Duration::ZERO);
    }
}
