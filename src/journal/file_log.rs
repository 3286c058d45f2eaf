//! The log in segment files: the writer's side.
//!
//! An append encodes the frame into a buffer that is kept and writes it. At [`Durability::Disk`] one call writes
//! it past the page cache and is durable ([`Direct`]); where that cannot be had, and below that level, it goes to
//! the page cache, and at that level a second call syncs it. Nothing is allocated and the pool is not touched,
//! except when the segment is full.
//!
//! 1. The position moves, and readers see the batch, only after it is as durable as the level says.
//! 2. After a failed write or sync nobody knows what the disk holds: the log halts for good. Only opening
//!    it again finds out.
//! 3. A segment that the log moves on from was synced whole, at every level.
//! 4. `Full` is answered before anything was written, so it does not halt.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::domain::time::Timestamp;
#[cfg(any(test, feature = "simulation"))]
use crate::port::chaos::{self, Sabotage};
use crate::port::fs::{Fs, FsFile, FsLock};

use super::direct::{self, Direct};
use super::frame::{self, Head, Kind};
use super::log::{
    Appended, Batch, CommitLog, Cursor, Durability, LogError, LogMark, LogReader, Maintenance, Space,
};
use super::opening::{LogOptions, WritePath};
use super::pool::Pool;
use super::position::Position;
use super::reader::{FileReader, Segment, Shared};
use super::scan::io_error;
use super::segment::{self, HEADER_BYTES, Header};

/// A buffer keeps this much after an oversized batch.
pub(super) const BUFFER_BYTES_KEPT: usize = 1 << 20;

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
    /// The same past the page cache; `None` where batches are not written so.
    direct: Option<Direct>,
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
    /// # Errors
    /// `Io` when the current segment cannot be written past the page cache for a reason that is none of the file
    /// system's kind.
    pub(crate) fn assemble(parts: Parts) -> Result<Self, LogError> {
        let mut log = Self {
            fs: parts.fs,
            folder: parts.folder,
            options: parts.options,
            pool: parts.pool,
            shared: parts.shared,
            file: parts.file,
            direct: None,
            bytes: parts.bytes,
            offset: parts.offset,
            position: parts.position,
            unsealed: true,
            halted: None,
            frame: Vec::new(),
            _lock: parts.lock,
        };
        if log.options.durability == Durability::Disk && log.options.write_path == WritePath::Direct {
            let path = log.shared.current().unwrap_or_else(|| log.folder.clone());
            let direct = log.past_the_cache(&path, &*log.file, log.offset, true);
            log.direct = direct.map_err(|error| io_error("preparing", &path, &error))?;
        }
        Ok(log)
    }

    /// The segment, open for writes past the page cache; `None` where the file system has none.
    fn past_the_cache(
        &self,
        path: &Path,
        file: &dyn FsFile,
        offset: u64,
        prove: bool,
    ) -> io::Result<Option<Direct>> {
        let opened = Direct::open(self.fs.as_ref(), path, file, offset).and_then(|mut direct| {
            if prove {
                direct.prove(file)?;
            }
            Ok(direct)
        });
        match opened {
            Ok(direct) => Ok(Some(direct)),
            Err(error) if direct::is_refusal(&error) => {
                tracing::info!(
                    folder = %self.folder.display(),
                    %error,
                    "the file system takes no writes past the page cache: batches are written through it and synced"
                );
                Ok(None)
            }
            Err(error) => Err(error),
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
        self.write_frame(sync).map_err(|error| self.halt(&error))?;
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

    /// Writes the encoded frame.
    fn write_frame(&mut self, sync: bool) -> io::Result<()> {
        if !sync {
            // What the page cache alone has, a direct write could not keep.
            self.direct = None;
        }
        if let Some(direct) = &mut self.direct {
            return direct.append(&self.frame);
        }
        self.file.write_all_at(&self.frame, self.offset)?;
        if sync { self.file.sync_data() } else { Ok(()) }
    }

    /// Moves on to the next segment.
    fn rotate(&mut self) -> Result<(), LogError> {
        let Some(spare) = self.pool.take() else {
            return Err(LogError::Full { folder: self.folder.display().to_string() });
        };
        let header =
            Header { recycled: spare.recycled, bytes: self.options.segment_bytes, before: self.position };
        let path = self.folder.join(segment::name(self.position.sequence));
        let prepare = || -> io::Result<Option<Direct>> {
            self.file.sync_data()?;
            spare.file.write_all_at(&header.encode(), 0)?;
            spare.file.sync_all()?;
            self.fs.rename(&spare.path, &path)?;
            self.fs.sync_dir(&self.folder)?;
            match self.direct {
                Some(_) => self.past_the_cache(&path, &*spare.file, HEADER_BYTES, false),
                None => Ok(None),
            }
        };
        self.direct = prepare().map_err(|error| self.halt(&error))?;
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
