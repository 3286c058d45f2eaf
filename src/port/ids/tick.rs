//! Time and sequence in one atomic number: how time-ordered ids stay unique and in order.

use std::sync::atomic::{AtomicU64, Ordering};

/// Bits of the sequence within a millisecond.
pub(super) const SEQUENCE_BITS: u32 = 12;

const SEQUENCE_MASK: u64 = (1 << SEQUENCE_BITS) - 1;

/// A millisecond and a sequence number within it; each pair is issued once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tick {
    pub(super) millis: u64,
    pub(super) sequence: u16,
}

/// Issues ticks that only grow. A clock that steps back, or a millisecond whose sequence is used up,
/// moves the *logical* millisecond: the next tick is the last one plus one, and the carry of the sequence
/// is the next millisecond.
#[derive(Debug, Default)]
pub(super) struct Ticks(AtomicU64);

impl Ticks {
    /// The next tick, at `millis` or, where that was passed, after the last one.
    ///
    /// # Errors
    /// The millisecond that the tick would have had, when that is after `millis_max`; nothing is issued.
    pub(super) fn next(&self, millis: u64, millis_max: u64) -> Result<Tick, u64> {
        if millis > millis_max {
            return Err(millis);
        }
        let mut last = self.0.load(Ordering::Relaxed);
        loop {
            let next = (millis << SEQUENCE_BITS).max(last + 1);
            if next >> SEQUENCE_BITS > millis_max {
                return Err(next >> SEQUENCE_BITS);
            }
            match self.0.compare_exchange_weak(last, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(unpack(next)),
                Err(current) => last = current,
            }
        }
    }

    /// Takes note of an issued tick: later ones are greater.
    pub(super) fn observe(&self, tick: Tick) {
        let packed = (tick.millis << SEQUENCE_BITS) | (u64::from(tick.sequence) & SEQUENCE_MASK);
        self.0.fetch_max(packed, Ordering::Relaxed);
    }
}

fn unpack(packed: u64) -> Tick {
    let sequence = u16::try_from(packed & SEQUENCE_MASK).unwrap_or_default();
    Tick { millis: packed >> SEQUENCE_BITS, sequence }
}
