//! What a reading of a folder found, and why it may have ended early.

use super::base::Unusable;
use crate::domain::time::Timestamp;
use crate::journal::codec::CodecError;
use crate::journal::{Cut, LogError};

/// Why a folder, or a part of it, could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// There is no such folder.
    #[error("there is no folder {folder}")]
    NoFolder {
        /// The folder as asked for.
        folder: String,
    },
    /// The folder holds no journal.
    #[error("{folder} holds no journal: there is no segment (*.seg) in it")]
    NoJournal {
        /// The folder.
        folder: String,
    },
    /// A running engine dropped or wrote over segments while they were read; nothing is wrong with them.
    #[error("{folder} changed while it was read: a running engine dropped segment {segment}; run again")]
    Changed {
        /// The folder.
        folder: String,
        /// The segment.
        segment: String,
    },
    /// A record cannot be understood.
    #[error("record {sequence} cannot be read: segment {segment}, offset {offset}: {detail}")]
    Record {
        /// File name of the segment.
        segment: String,
        /// Offset of the record's batch in the segment.
        offset: u64,
        /// Its sequence number.
        sequence: u64,
        /// What is wrong with it.
        detail: String,
    },
    /// The journal's beginning was dropped, and no snapshot stands under what is left.
    #[error(
        "{folder} begins with record {first}: what stood before is missing, and no snapshot can be used, so no state can be rebuilt{}",
        reasons(.unusable)
    )]
    NoBase {
        /// The folder.
        folder: String,
        /// The first record.
        first: u64,
        /// The snapshots that were tried.
        unusable: Vec<Unusable>,
    },
    /// The journal is damaged, or cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// An entity cannot be encoded, and so there is no state hash.
    #[error(transparent)]
    Codec(#[from] CodecError),
}

fn reasons(unusable: &[Unusable]) -> String {
    unusable.iter().map(|it| format!("; {}: {}", it.path.display(), it.reason)).collect()
}

/// Where a batch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// File name of the segment.
    pub segment: &'a str,
    /// Offset of the batch's frame in the segment.
    pub offset: u64,
}

impl Place<'_> {
    /// The error for a record of a batch that stands here.
    #[must_use]
    pub fn unreadable(&self, sequence: u64, detail: impl Into<String>) -> ReadError {
        let (segment, offset) = (self.segment.to_owned(), self.offset);
        ReadError::Record { segment, offset, sequence, detail: detail.into() }
    }
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The first sequence number that was read.
    pub first_sequence: u64,
    /// The sequence number behind the last record that was fed.
    pub next_sequence: u64,
    /// Batches with records.
    pub batches: u64,
    /// Records.
    pub records: u64,
    /// Commit time of the first batch with records.
    pub first_at: Option<Timestamp>,
    /// Commit time of the last batch that was fed.
    pub last_at: Timestamp,
    /// Highest epoch.
    pub epoch: u64,
    /// Chain hash of the last batch that was fed; it certifies all before it.
    pub chain: [u8; 32],
    /// The same of the last batch with records: seals and the like that stand behind it are nothing to a state.
    pub records_chain: [u8; 32],
    /// Bytes that were read.
    pub bytes: u64,
    /// Whether only a part of the last batch was fed; the chain hashes cover more than that then.
    pub in_part: bool,
    /// Whether the end of the journal was reached.
    pub to_the_end: bool,
    /// Whether the journal ends with a seal.
    pub sealed: bool,
    /// A torn last batch, which the next opening will cut. Beside a running engine it is one that is being
    /// written, and not reported.
    pub cut: Option<Cut>,
    /// Whether an engine had the folder open.
    pub in_use: bool,
    /// Records of the last batch that were withheld because nothing says yet that they are durable.
    pub withheld: u32,
    /// Why reading ended early.
    pub fault: Option<ReadError>,
}

impl Reading {
    /// The reading, if nothing ended it early.
    ///
    /// # Errors
    /// What ended it.
    pub fn complete(self) -> Result<Self, ReadError> {
        match self.fault {
            Some(error) => Err(error),
            None => Ok(self),
        }
    }
}
