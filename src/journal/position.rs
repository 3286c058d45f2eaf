//! A position *between* two batches: all that the next frame builds on.
//!
//! The writer carries one, a segment's header records one, and reading moves one along. Two positions are
//! equal exactly when the same history stands before them, because the chain hash covers it.

use crate::domain::time::Timestamp;

use super::frame::Head;
use super::log::{Cursor, LogMark};

/// The state of the log behind some batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    /// Highest epoch seen, which is that of the last frame; 0 before the first.
    pub(crate) epoch: u64,
    /// Epoch of the last record, which seals and epoch marks do not change.
    pub(crate) record_epoch: u64,
    /// Number of the next batch.
    pub(crate) number: u64,
    /// Sequence number of the next record.
    pub(crate) sequence: u64,
    /// Commit time of the last batch.
    pub(crate) at: Timestamp,
    /// Chain hash of the last batch.
    pub(crate) chain: [u8; 32],
}

impl Position {
    /// The position before the first batch.
    pub(crate) const START: Self =
        Self { epoch: 0, record_epoch: 0, number: 1, sequence: 1, at: Timestamp::ZERO, chain: [0; 32] };

    /// Moves behind a frame that was checked to follow.
    pub(crate) fn pass(&mut self, head: &Head) {
        self.epoch = head.epoch;
        if head.count > 0 {
            self.record_epoch = head.epoch;
        }
        self.number = head.number.saturating_add(1);
        self.sequence = head.first_sequence.saturating_add(u64::from(head.count));
        self.at = head.at;
        self.chain = head.chain;
    }

    /// The cursor of a reader that has read everything before.
    pub(crate) fn cursor(&self) -> Cursor {
        Cursor { epoch: self.epoch, sequence: self.sequence }
    }

    /// The cursor with what certifies the history before it.
    pub(crate) fn mark(&self) -> LogMark {
        LogMark { cursor: self.cursor(), batch: self.number, chain: self.chain }
    }
}
