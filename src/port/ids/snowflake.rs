//! Snowflake numbers: 41 bits of milliseconds, 10 bits of worker, 12 bits of sequence.
//!
//! ```text
//!   bit 63   62 ──────────── 22   21 ───── 12   11 ────── 0
//!     0      ms since the epoch     worker       sequence
//! ```

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use smol_str::format_smolstr;

use super::tick::{SEQUENCE_BITS, Tick, Ticks};
use super::{IdError, OrderIds};
use crate::domain::ids::{IdOrigin, OrderId};
use crate::domain::time::Timestamp;

/// 2025-01-01T00:00:00Z, the moment that Snowflake ids count from, in milliseconds since 1970. Fixed for
/// good: another epoch would issue old numbers again. The 41 bits last until September 2094.
pub const SNOWFLAKE_EPOCH_MS: u64 = 1_735_689_600_000;

/// The highest worker number.
pub const WORKER_MAX: u16 = 1023;

const WORKER_BITS: u32 = 10;

/// The last millisecond since the epoch that 41 bits can hold.
const MILLIS_MAX: u64 = (1 << 41) - 1;

/// One bit for each worker number: set while a generator of this process has it.
static WORKERS: [AtomicU64; 16] = [const { AtomicU64::new(0) }; 16];

pub(super) fn check_worker(worker: u16) -> Result<(), IdError> {
    if worker > WORKER_MAX { Err(IdError::WorkerOutOfRange { worker }) } else { Ok(()) }
}

/// The claim of a worker number; given up when it is let go or dropped.
#[derive(Debug)]
struct Worker {
    number: u16,
    is_held: AtomicBool,
}

impl Worker {
    fn claim(worker: u16) -> Result<Self, IdError> {
        check_worker(worker)?;
        let (word, bit) = Self::place(worker).ok_or(IdError::WorkerOutOfRange { worker })?;
        if word.fetch_or(bit, Ordering::AcqRel) & bit != 0 {
            return Err(IdError::WorkerInUse { worker });
        }
        Ok(Self { number: worker, is_held: AtomicBool::new(true) })
    }

    fn place(worker: u16) -> Option<(&'static AtomicU64, u64)> {
        Some((WORKERS.get(usize::from(worker / 64))?, 1 << (worker % 64)))
    }

    /// Gives the number up, once.
    fn let_go(&self) {
        if self.is_held.swap(false, Ordering::AcqRel)
            && let Some((word, bit)) = Self::place(self.number)
        {
            word.fetch_and(!bit, Ordering::AcqRel);
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.let_go();
    }
}

/// [`super::IdScheme::Snowflake`]: decimal numbers of 63 bits, ordered by time.
#[derive(Debug)]
pub struct SnowflakeIds {
    worker: Worker,
    ticks: Ticks,
}

impl SnowflakeIds {
    /// A generator for one worker number, which no other generator of this process can have until
    /// this one is dropped.
    ///
    /// # Errors
    /// When the number is above [`WORKER_MAX`] or another generator has it.
    pub fn new(worker: u16) -> Result<Self, IdError> {
        Ok(Self { worker: Worker::claim(worker)?, ticks: Ticks::default() })
    }
}

fn out_of_range(now_ms: u64) -> IdError {
    let to_ms = SNOWFLAKE_EPOCH_MS + MILLIS_MAX;
    IdError::TimeOutOfRange { now_ms, from_ms: SNOWFLAKE_EPOCH_MS, to_ms }
}

impl OrderIds for SnowflakeIds {
    fn next(&self, now: Timestamp) -> Result<(OrderId, IdOrigin), IdError> {
        let now = now.as_millis();
        let since = now.checked_sub(SNOWFLAKE_EPOCH_MS).ok_or_else(|| out_of_range(now))?;
        let tick = self
            .ticks
            .next(since, MILLIS_MAX)
            .map_err(|since| out_of_range(since.saturating_add(SNOWFLAKE_EPOCH_MS)))?;
        let number = (tick.millis << (WORKER_BITS + SEQUENCE_BITS))
            | (u64::from(self.worker.number) << SEQUENCE_BITS)
            | u64::from(tick.sequence);
        Ok((OrderId::new(format_smolstr!("{number}"))?, IdOrigin::Snowflake(number)))
    }

    fn let_go(&self) {
        self.worker.let_go();
    }

    /// Numbers of other workers count too: ids stay in order when a folder changes its worker number.
    fn observe(&self, origin: IdOrigin) {
        if let IdOrigin::Snowflake(number) = origin {
            let sequence = number & ((1 << SEQUENCE_BITS) - 1);
            self.ticks.observe(Tick {
                millis: (number >> (WORKER_BITS + SEQUENCE_BITS)) & MILLIS_MAX,
                sequence: u16::try_from(sequence).unwrap_or_default(),
            });
        }
    }
}
