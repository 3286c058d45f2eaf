//! The log in segment files: the writer's side.
//!
//! An append encodes the frame into a buffer that is kept, writes it with one call and, at
//! [`Durability::Disk`], syncs it with one more. Nothing is allocated and the pool is not touched, except
//! when the segment is full.
//!
//! 1. The position moves, and readers see the batch, only after it is as durable as the level says.
//! 2. After a failed write or sync nobody knows what the disk holds: the log halts for good. Only opening
//!    it again finds out.
//! 3. A segment that the log moves on from was synced whole, at every level.
//! 4. `Full` is answered before anything was written, so it does not halt.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::domain::time::Timestamp;
#[cfg(any(test, feature = "simulation"))]
use crate::port::chaos::{self, Sabotage};
use crate::port::fs::{Fs, FsFile, FsLock};

use super::frame::{self, Head, Kind};
use super::log::{
    Appended, Batch, CommitLog, Cursor, Durability, LogError, LogMark, LogReader, Maintenance, Space,
};
use super::opening::LogOptions;
use super::pool::Pool;
use super::position::Position;
use super::reader::{FileReader, Segment, Shared};
use super::scan::io_error;
use super::segment::{self, HEADER_BYTES, Header};

/// The frame buffer keeps this much after an oversized batch.
const BUFFER_BYTES_KEPT: usize = 1 << 20;

/// What opening hands over.
pub(crate) struct Parts {
    pub(crate) fs: Arc<dyn Fs>,
    pub(crate) folder: PathBuf,
    pub(crate) options: LogOptions,
    pub(crate) pool: Arc<Pool>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) file: Box<dyn FsFile>,
    pub(crate) bytes: u64,
    pub(crate) offset: u64,
    pub(crate) position: Position,
    pub(crate) lock: Box<dyn FsLock>,
}

/// A log in segment files, opened by [`FileLog::claim`]. Dropping it releases the folder without a seal.
#[derive(Debug)]
pub struct FileLog {
    fs: Arc<dyn Fs>,
    folder: PathBuf,
    options: LogOptions,
    pool: Arc<Pool>,
    shared: Arc<Shared>,
    /// The current segment.
    file: Box<dyn FsFile>,
    bytes: u64,
    offset: u64,
    position: Position,
    /// Whether a frame other than a seal was written last.
    unsealed: bool,
    halted: Option<String>,
    frame: Vec<u8>,
    _lock: Box<dyn FsLock>,
}

impl FileLog {
    pub(crate) fn assemble(parts: Parts) -> Self {
        Self {
            fs: parts.fs,
            folder: parts.folder,
            options: parts.options,
            pool: parts.pool,
            shared: parts.shared,
            file: parts.file,
            bytes: parts.bytes,
            offset: parts.offset,
            position: parts.position,
            unsealed: true,
            halted: None,
            frame: Vec::new(),
            _lock: parts.lock,
        }
    }

    fn usable(&self) -> Result<(), LogError> {
        match &self.halted {
            Some(detail) => Err(LogError::Halted { detail: detail.clone() }),
            None => Ok(()),
        }
    }

    fn halt(&mut self, error: &io::Error) -> LogError {
        let detail = error.to_string();
        self.halted = Some(detail.clone());
        LogError::OutcomeUnknown { detail }
    }

    /// Writes one frame behind the last one and makes it visible.
    fn commit(
        &mut self,
        kind: Kind,
        count: u32,
        payload: &[u8],
        at: Timestamp,
        sync: bool,
    ) -> Result<(), LogError> {
        let frame_bytes = frame::frame_bytes(payload.len()) as u64;
        if self.offset + frame_bytes > self.bytes {
            self.rotate()?;
        }
        let mut head = Head {
            kind,
            epoch: self.position.epoch,
            number: self.position.number,
            first_sequence: self.position.sequence,
            count,
            payload_bytes: payload.len() as u32,
            // A clock that was set back must not show in the log.
            at: at.max(self.position.at),
            chain: [0; 32],
        };
        head.chain = frame::encode(&mut self.frame, &head, &self.position.chain, payload);
        #[cfg(any(test, feature = "simulation"))]
        let sync = sync && !chaos::is_broken(Sabotage::SyncSkipped);
        let mut written = self.file.write_all_at(&self.frame, self.offset);
        if sync {
            written = written.and_then(|()| self.file.sync_data());
        }
        written.map_err(|error| self.halt(&error))?;
        self.offset += frame_bytes;
        self.position.pass(&head);
        self.unsealed = kind != Kind::Seal;
        self.shared.publish(self.offset, self.position);
        self.pool.note_consumed(self.offset);
        if self.frame.capacity() > BUFFER_BYTES_KEPT {
            self.frame.clear();
            self.frame.shrink_to(BUFFER_BYTES_KEPT);
        }
        Ok(())
    }

    /// Moves on to the next segment.
    fn rotate(&mut self) -> Result<(), LogError> {
        let Some(spare) = self.pool.take() else {
            return Err(LogError::Full { folder: self.folder.display().to_string() });
        };
        let header =
            Header { recycled: spare.recycled, bytes: self.options.segment_bytes, before: self.position };
        let path = self.folder.join(segment::name(self.position.sequence));
        let prepare = || -> io::Result<()> {
            self.file.sync_data()?;
            spare.file.write_all_at(&header.encode(), 0)?;
            spare.file.sync_all()?;
            self.fs.rename(&spare.path, &path)?;
            self.fs.sync_dir(&self.folder)
        };
        prepare().map_err(|error| self.halt(&error))?;
        self.file = spare.file;
        self.bytes = header.bytes;
        self.offset = HEADER_BYTES;
        self.shared.rotate(Segment::new(&self.folder, self.position), HEADER_BYTES);
        self.pool.note_consumed(HEADER_BYTES);
        Ok(())
    }
}

impl CommitLog for FileLog {
    fn append(&mut self, batch: Batch<'_>) -> Result<Appended, LogError> {
        self.usable()?;
        let first_sequence = self.position.sequence;
        if batch.count == 0 || batch.payload.is_empty() {
            return Err(LogError::EmptyBatch);
        }
        let bytes_max = segment::payload_bytes_max(self.options.segment_bytes);
        if batch.payload.len() > bytes_max {
            return Err(LogError::TooLarge { bytes: batch.payload.len(), bytes_max });
        }
        let sync = self.options.durability == Durability::Disk;
        self.commit(Kind::Data, batch.count, batch.payload, batch.at, sync)?;
        Ok(Appended { first_sequence, end: self.position.cursor() })
    }

    fn seal(&mut self, at: Timestamp) -> Result<(), LogError> {
        self.usable()?;
        if !self.unsealed {
            return Ok(());
        }
        if self.options.durability != Durability::Disk {
            // A seal says that what stands before it is durable; below Disk that has to be made true first.
            self.file.sync_data().map_err(|error| self.halt(&error))?;
        }
        self.commit(Kind::Seal, 0, &[], at, true)
    }

    fn truncate_before(&mut self, sequence: u64) -> Result<u64, LogError> {
        self.usable()?;
        // Oldest first and each by itself: whatever a crash leaves has no gap.
        while let Some(segment) = self.shared.forget_first(sequence) {
            // A segment that a reader still looks at is removed, not recycled: its open file keeps what it
            // held, where a recycled one would get new content under the reader's eyes.
            let reusable = Arc::strong_count(&segment) == 1;
            let retired = self.pool.retire(&segment.path, reusable);
            retired.map_err(|error| io_error("truncating", &segment.path, &error))?;
        }
        Ok(self.shared.start().sequence)
    }

    fn end(&self) -> Cursor {
        self.position.cursor()
    }

    fn mark(&self) -> LogMark {
        self.position.mark()
    }

    fn space(&self) -> Space {
        if self.pool.is_short() { Space::ReserveOnly } else { Space::Enough }
    }

    fn reader(&self) -> Arc<dyn LogReader> {
        Arc::new(FileReader::new(Arc::clone(&self.fs), Arc::clone(&self.shared)))
    }

    fn maintenance(&self) -> Arc<dyn Maintenance> {
        Arc::clone(&self.pool) as Arc<dyn Maintenance>
    }
}
