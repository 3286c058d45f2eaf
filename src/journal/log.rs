//! The commit log: the narrow trait behind which the journal's bytes live.
//!
//! The local segment files are its default; a replicated log can be another. A log knows bytes and
//! sequence numbers and nothing of orders. One batch is one group commit and one frame, and there is
//! **one batch in flight**: `append` returns when the batch is as durable as the log's level says.

use std::sync::Arc;

use crate::domain::time::Timestamp;

use super::record;

/// What survives. The level of a log is chosen when it is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Survives power loss: every batch is synced to the disk before it is answered.
    #[default]
    Disk,
    /// Survives a crash of the process, not of the machine: written to the operating system, not synced.
    Process,
    /// Survives nothing: the log lives in memory.
    Memory,
}

/// A position in the log: the epoch of the writer that wrote the record *before* it, and the sequence
/// number of the next record to read. Sequences start at 1 and have no gaps.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct Cursor {
    /// Epoch under which the record before `sequence` was written; 0 at the start of the log.
    pub epoch: u64,
    /// Sequence number of the next record.
    pub sequence: u64,
}

/// Records to append as one group commit. `payload` holds `count` records, each a varint length and
/// that many bytes (see `record`).
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// Number of records in the payload.
    pub count: u32,
    /// The records, each with its length before it.
    pub payload: &'a [u8],
    /// Engine time of the commit; never below that of the batch before.
    pub at: Timestamp,
}

/// Where a batch came to stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Sequence number of the batch's first record.
    pub first_sequence: u64,
    /// The position behind the batch.
    pub end: Cursor,
}

/// The position behind the last batch, with what certifies the history before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LogMark {
    /// The position.
    pub cursor: Cursor,
    /// Number of the next batch.
    pub batch: u64,
    /// The hash chain up to and including the last batch.
    pub chain: [u8; 32],
}

/// How much room the log has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// New work can be taken.
    Enough,
    /// The next segment could not be allocated: what is left is kept for undoing.
    ReserveOnly,
}

/// What went wrong in the log. Every variant halts the engine, but for `Full`, `TooLarge` and `EmptyBatch`,
/// with which nothing was written, and the read errors.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// Writing or syncing failed: whether the batch is durable is unknown until the log is opened again.
    #[error(
        "the journal could not be written or synced ({detail}); whether the last batch is durable is unknown until it is opened again"
    )]
    OutcomeUnknown {
        /// What the system said.
        detail: String,
    },
    /// An earlier append or sync failed; the log accepts nothing more.
    #[error("the journal is halted: {detail}")]
    Halted {
        /// The first failure.
        detail: String,
    },
    /// No room is left, not even in the reserve; nothing was written.
    #[error("no space is left for the journal in {folder}")]
    Full {
        /// The journal's folder.
        folder: String,
    },
    /// The batch is longer than a frame, or than what a segment can hold; nothing was written.
    #[error("a batch of {bytes} bytes is too large; the longest this journal can take has {bytes_max}")]
    TooLarge {
        /// Length of the payload.
        bytes: usize,
        /// The longest payload, by the length of the segments.
        bytes_max: usize,
    },
    /// The batch has no records; nothing was written.
    #[error("a batch without records cannot be appended")]
    EmptyBatch,
    /// The log cannot be opened with these options.
    #[error("the journal's options are not valid: {detail}")]
    Options {
        /// Which and why.
        detail: String,
    },
    /// Another process, or another engine of this one, has the folder open.
    #[error("{folder} is in use by another engine")]
    InUse {
        /// The journal's folder.
        folder: String,
    },
    /// The journal is damaged in a way that a crash does not explain; nothing was changed.
    #[error("the journal is damaged: segment {segment}, offset {offset}: {detail}")]
    Damaged {
        /// File name of the segment.
        segment: String,
        /// Byte offset within the segment.
        offset: u64,
        /// What was found.
        detail: String,
    },
    /// The segment was written by a version of the format that this build does not know.
    #[error("segment {segment} has format version {found}; this build reads up to {supported}")]
    UnknownVersion {
        /// File name of the segment.
        segment: String,
        /// The version found.
        found: u16,
        /// The newest version this build reads.
        supported: u16,
    },
    /// The cursor points at records that were truncated away.
    #[error("sequence {asked} was truncated away; the log starts at {first}")]
    Truncated {
        /// The sequence asked for.
        asked: u64,
        /// The first one that can be read.
        first: u64,
    },
    /// The cursor points beyond the end of the log.
    #[error("sequence {asked} lies ahead of the log, which ends before {end}")]
    Ahead {
        /// The sequence asked for.
        asked: u64,
        /// The next sequence to be written.
        end: u64,
    },
    /// The cursor's epoch is not the one under which the record before it was written.
    #[error("the cursor's epoch {asked} is not the log's epoch {found} at sequence {sequence}")]
    WrongEpoch {
        /// Sequence of the cursor.
        sequence: u64,
        /// Epoch of the cursor.
        asked: u64,
        /// Epoch of the log there.
        found: u64,
    },
    /// The operating system refused something outside of a commit.
    #[error("{what}: {detail}")]
    Io {
        /// What was tried, with the path.
        what: String,
        /// What the system said.
        detail: String,
    },
}

/// The writer's side of a log. There is one writer.
pub trait CommitLog: Send {
    /// Appends one batch and makes it as durable as the log's level says.
    ///
    /// # Errors
    /// `Full` when nothing was written for want of space; `OutcomeUnknown` when writing or syncing
    /// failed, after which every call answers `Halted`.
    fn append(&mut self, batch: Batch<'_>) -> Result<Appended, LogError>;

    /// Writes a seal, if there is an unsealed batch: everything before it is known to be durable.
    ///
    /// # Errors
    /// As for [`CommitLog::append`].
    fn seal(&mut self, at: Timestamp) -> Result<(), LogError>;

    /// Forgets whole segments that end before `sequence`; answers the first sequence still readable.
    ///
    /// # Errors
    /// When a file cannot be renamed or the folder not synced.
    fn truncate_before(&mut self, sequence: u64) -> Result<u64, LogError>;

    /// The position behind the last batch.
    fn end(&self) -> Cursor;

    /// The same position with the hash chain.
    fn mark(&self) -> LogMark;

    /// Whether there is room for new work.
    fn space(&self) -> Space;

    /// A reader of what is durable, usable from any thread while the writer writes.
    fn reader(&self) -> Arc<dyn LogReader>;

    /// Does a bounded piece of background work (zero-filling the next segment); `true` when more is
    /// left. Called by the driver between batches in simulation and by a thread of its own in production.
    fn maintenance(&self) -> Arc<dyn Maintenance>;
}

/// Background work of a log that must not delay commits.
pub trait Maintenance: Send + Sync {
    /// Does one bounded piece of work, if any is due; `true` when more is left to do at once.
    fn step(&self) -> bool;
}

/// The reader's side of a log.
pub trait LogReader: Send + Sync {
    /// The durable end of the log.
    fn end(&self) -> Cursor;

    /// The first position that can still be read.
    fn start(&self) -> Cursor;

    /// Reads whole durable batches from the one that holds `from.sequence` on, up to about `bytes_max` bytes
    /// (always at least one with records where there is one). An empty answer means that `from` is the end.
    ///
    /// Seals and epoch marks come along with the records around them. One that stands right before
    /// `from.sequence` may come again; its batch number tells.
    ///
    /// # Errors
    /// `Truncated`, `Ahead`, `WrongEpoch` for a cursor the log cannot serve; `Damaged` for bad bytes.
    fn read(&self, from: Cursor, bytes_max: usize) -> Result<Vec<StoredBatch>, LogError>;
}

/// A batch as it stands in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBatch {
    /// Epoch of the writer.
    pub epoch: u64,
    /// Number of the batch, from 1, without gaps over the whole log.
    pub number: u64,
    /// Sequence number of its first record.
    pub first_sequence: u64,
    /// Number of records; 0 for seals and epoch marks.
    pub count: u32,
    /// Engine time of the commit.
    pub at: Timestamp,
    /// The hash chain up to and including this batch.
    pub chain: [u8; 32],
    /// The records, each with its length before it.
    pub payload: Arc<[u8]>,
}

impl StoredBatch {
    /// The position behind the batch.
    #[must_use]
    pub fn end(&self) -> Cursor {
        Cursor { epoch: self.epoch, sequence: self.first_sequence + u64::from(self.count) }
    }

    /// The batch up to and with the record `last`. Its chain hash stays that of the whole.
    #[must_use]
    pub fn up_to(&self, last: u64) -> Self {
        self.part(0, last.saturating_add(1).saturating_sub(self.first_sequence))
    }

    /// The batch from the record `first` on.
    #[must_use]
    pub fn from(&self, first: u64) -> Self {
        self.part(first.saturating_sub(self.first_sequence), u64::MAX)
    }

    /// The records between two places, counted from 0.
    fn part(&self, from: u64, until: u64) -> Self {
        let until = u32::try_from(until).unwrap_or(u32::MAX).min(self.count);
        let from = u32::try_from(from).unwrap_or(u32::MAX).min(until);
        let bytes = |count| record::bytes_of_first(&self.payload, count as usize);
        Self {
            first_sequence: self.first_sequence + u64::from(from),
            count: until - from,
            payload: self.payload.get(bytes(from)..bytes(until)).unwrap_or_default().into(),
            ..self.clone()
        }
    }
}
