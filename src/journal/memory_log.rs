//! The log that survives nothing: recent batches in memory, for [`Durability::Memory`](super::log::Durability).
//!
//! It keeps as many of the last batches as fit its budget so that readers can follow; a reader that falls
//! behind gets `Truncated`, as from a log in files whose old segments were dropped.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::time::Timestamp;

use super::frame::{self, Head, Kind, PAYLOAD_BYTES_MAX};
use super::log::{
    Appended, Batch, CommitLog, Cursor, LogError, LogMark, LogReader, Maintenance, Space, StoredBatch,
};
use super::position::Position;
use super::reader::check_epoch;

/// The only epoch of a log that no second writer can ever open.
const EPOCH: u64 = 1;

#[derive(Debug)]
struct Kept {
    batches: VecDeque<StoredBatch>,
    bytes: usize,
    end: Position,
    /// Epoch of the record before the first kept one.
    epoch_before: u64,
}

impl Kept {
    fn start(&self) -> Cursor {
        let sequence = self.batches.front().map_or(self.end.sequence, |batch| batch.first_sequence);
        Cursor { epoch: self.epoch_before, sequence }
    }

    fn drop_first(&mut self) {
        if let Some(batch) = self.batches.pop_front() {
            self.bytes -= batch.payload.len();
            self.epoch_before = batch.epoch;
        }
    }
}

#[derive(Debug)]
struct Ring {
    kept: Mutex<Kept>,
}

impl Ring {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A log in memory.
#[derive(Debug)]
pub struct MemoryLog {
    ring: Arc<Ring>,
    bytes_max: usize,
    frame: Vec<u8>,
}

impl MemoryLog {
    /// An empty log that keeps up to `bytes_max` bytes of payload, and at least the last batch.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        let kept = Kept {
            batches: VecDeque::new(),
            bytes: 0,
            end: Position { epoch: EPOCH, ..Position::START },
            epoch_before: 0,
        };
        Self { ring: Arc::new(Ring { kept: Mutex::new(kept) }), bytes_max, frame: Vec::new() }
    }
}

impl CommitLog for MemoryLog {
    fn append(&mut self, batch: Batch<'_>) -> Result<Appended, LogError> {
        if batch.count == 0 || batch.payload.is_empty() {
            return Err(LogError::EmptyBatch);
        }
        if batch.payload.len() > PAYLOAD_BYTES_MAX {
            return Err(LogError::TooLarge { bytes: batch.payload.len(), bytes_max: PAYLOAD_BYTES_MAX });
        }
        let mut kept = self.ring.kept();
        let before = kept.end;
        let mut head = Head {
            kind: Kind::Data,
            epoch: before.epoch,
            number: before.number,
            first_sequence: before.sequence,
            count: batch.count,
            payload_bytes: batch.payload.len() as u32,
            at: batch.at.max(before.at),
            chain: [0; 32],
        };
        head.chain = frame::encode(&mut self.frame, &head, &before.chain, batch.payload);
        kept.end.pass(&head);
        kept.bytes += batch.payload.len();
        kept.batches.push_back(StoredBatch {
            epoch: head.epoch,
            number: head.number,
            first_sequence: head.first_sequence,
            count: head.count,
            at: head.at,
            chain: head.chain,
            payload: Arc::from(batch.payload),
        });
        while kept.bytes > self.bytes_max && kept.batches.len() > 1 {
            kept.drop_first();
        }
        Ok(Appended { first_sequence: before.sequence, end: kept.end.cursor() })
    }

    /// There is nothing to seal: no end of this log is ever found again.
    fn seal(&mut self, _at: Timestamp) -> Result<(), LogError> {
        Ok(())
    }

    fn truncate_before(&mut self, sequence: u64) -> Result<u64, LogError> {
        let mut kept = self.ring.kept();
        while kept.batches.front().is_some_and(|batch| batch.end().sequence <= sequence) {
            kept.drop_first();
        }
        Ok(kept.start().sequence)
    }

    fn end(&self) -> Cursor {
        self.ring.kept().end.cursor()
    }

    fn mark(&self) -> LogMark {
        self.ring.kept().end.mark()
    }

    fn space(&self) -> Space {
        Space::Enough
    }

    fn reader(&self) -> Arc<dyn LogReader> {
        Arc::clone(&self.ring) as Arc<dyn LogReader>
    }

    fn maintenance(&self) -> Arc<dyn Maintenance> {
        Arc::new(Idle)
    }
}

/// Nothing to do in the background.
#[derive(Debug)]
struct Idle;

impl Maintenance for Idle {
    fn step(&self) -> bool {
        false
    }
}

impl LogReader for Ring {
    fn end(&self) -> Cursor {
        self.kept().end.cursor()
    }

    fn start(&self) -> Cursor {
        self.kept().start()
    }

    fn read(&self, from: Cursor, bytes_max: usize) -> Result<Vec<StoredBatch>, LogError> {
        let kept = self.kept();
        let (start, end) = (kept.start(), kept.end);
        if from.sequence > end.sequence {
            return Err(LogError::Ahead { asked: from.sequence, end: end.sequence });
        }
        if from.sequence < start.sequence {
            return Err(LogError::Truncated { asked: from.sequence, first: start.sequence });
        }
        let oldest = if from.sequence == start.sequence { start.epoch } else { EPOCH };
        check_epoch(from, oldest, EPOCH)?;
        let first = kept.batches.partition_point(|batch| batch.end().sequence <= from.sequence);
        let (mut batches, mut bytes) = (Vec::new(), 0);
        for batch in kept.batches.iter().skip(first) {
            if bytes > 0 && bytes + batch.payload.len() > bytes_max {
                break;
            }
            bytes += batch.payload.len();
            batches.push(batch.clone());
        }
        Ok(batches)
    }
}
