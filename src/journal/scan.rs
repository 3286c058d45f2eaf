//! The scan: reads a journal from its first segment on, verifies it, and tells its tail from damage.
//!
//! Opening runs one before it serves; tools run one read-only, without the lock. It changes nothing. `walk`
//! goes from frame to frame; here is which segments there are, and what the end of the last one means.
//!
//! What is verified of each batch: checksum, number and sequence without gaps, epoch not below any before,
//! chain hash. A segment's content ends where the next segment's header says that its own begins; what
//! stands behind is void. In the last segment the valid frames end at one of these:
//!
//! 1. Nothing that claims to be the next frame: the end of the log.
//! 2. A frame with the right number that is torn: it is *cut*, and reported.
//! 3. Something bad and, anywhere behind it, a valid frame that must be newer: *damage*.
//!
//! **Beside a running writer** a frame can be read while it is written, and look torn. So whatever the verdict
//! on the last segment's remains, the place where its valid frames ended is read once more before it stands:
//! with one batch in flight, a frame that has newer ones behind it was whole before those were begun.
//!
//! A frame goes to the disk only after the one before it is durable, so a crash can tear the last frame and
//! no other. That one is ambiguous when no seal follows it: a last batch that was durable and then rotted
//! looks the same as one that was never finished.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::domain::time::Timestamp;
use crate::port::fs::{FolderEntry, Fs, OpenMode, read_full_at};

use super::frame::Kind;
use super::log::{Cursor, LogError, LogMark, StoredBatch};
use super::position::Position;
use super::segment::{self, HEADER_BYTES, Header, HeaderFlaw};
use super::walk::{Walk, damaged};
use super::window::Window;

/// How far a scan has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes read.
    pub bytes_done: u64,
    /// Bytes of all segments; the last one is rarely full, so the end may come early.
    pub bytes_total: u64,
}

/// A torn last batch that is not part of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// File name of the segment.
    pub segment: String,
    /// Offset at which the batch begins.
    pub offset: u64,
    /// Bytes that the batch claims or that are not empty.
    pub bytes: u64,
}

/// What a scan found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tail {
    /// Valid batches, seals and epoch marks included.
    pub batches: u64,
    /// Records in them.
    pub records: u64,
    /// The first position that can be read.
    pub start: Cursor,
    /// The position behind the last valid batch.
    pub end: Cursor,
    /// Commit time of the last batch; the start of time for an empty log.
    pub at: Timestamp,
    /// Chain hash of the last batch.
    pub chain: [u8; 32],
    /// Whether the log ends with a seal or is empty, so that nothing about its end is ambiguous.
    pub sealed: bool,
    /// The torn batch behind the last valid one, if there is one.
    pub cut: Option<Cut>,
}

/// Why a scan stopped early.
#[derive(Debug)]
pub enum Stopped<E> {
    /// The log refused.
    Log(LogError),
    /// The visitor did.
    Visitor(E),
}

impl<E> From<LogError> for Stopped<E> {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

/// A segment of the log with its header.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) header: Header,
    /// Length of the file.
    pub(crate) bytes: u64,
    /// Offset behind the last valid frame, once read.
    pub(crate) end: u64,
}

/// From where on the last segment's frames are not known to be durable.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Anchor {
    pub(crate) offset: u64,
    pub(crate) before: Position,
}

/// What opening needs besides the [`Tail`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ending {
    pub(crate) anchor: Option<Anchor>,
    pub(crate) end: Position,
}

/// A journal's folder, listed, its segments' headers read.
#[derive(Debug)]
pub struct Scan {
    fs: Arc<dyn Fs>,
    folder: PathBuf,
    pub(crate) entries: Vec<FolderEntry>,
    pub(crate) segments: Vec<Listed>,
    pub(crate) ending: Option<Ending>,
}

/// The error for a failed call on a path.
pub(crate) fn io_error(what: &str, path: &Path, error: &io::Error) -> LogError {
    LogError::Io { what: format!("{what} {}", path.display()), detail: error.to_string() }
}

impl Scan {
    /// Lists the folder and reads the headers of its segments. Takes no lock and writes nothing; beside a
    /// running engine the last batch may look torn because it is being written.
    ///
    /// # Errors
    /// `Io` when the folder or a header cannot be read, `Damaged` for a bad header, `UnknownVersion`.
    pub fn open(fs: Arc<dyn Fs>, folder: &Path) -> Result<Self, LogError> {
        let entries = fs.list(folder).map_err(|error| io_error("listing", folder, &error))?;
        let mut segments = Vec::new();
        for entry in &entries {
            if let Some(first_sequence) = segment::first_sequence_of(&entry.name) {
                segments.push(Self::list(fs.as_ref(), folder, entry, first_sequence)?);
            }
        }
        Ok(Self { fs, folder: folder.to_path_buf(), entries, segments, ending: None })
    }

    fn list(
        fs: &dyn Fs,
        folder: &Path,
        entry: &FolderEntry,
        first_sequence: u64,
    ) -> Result<Listed, LogError> {
        let path = folder.join(&entry.name);
        let failed = |error: io::Error| io_error("reading the header of", &path, &error);
        let file = fs.open(&path, OpenMode::Read).map_err(failed)?;
        let mut block = vec![0; HEADER_BYTES as usize];
        let read = read_full_at(file.as_ref(), &mut block, 0).map_err(failed)?;
        block.truncate(read);
        let header = Header::decode(&block).map_err(|flaw| match flaw {
            HeaderFlaw::Version(found) => {
                LogError::UnknownVersion { segment: entry.name.clone(), found, supported: segment::VERSION }
            }
            HeaderFlaw::Bad(detail) => damaged(&entry.name, 0, detail),
        })?;
        if header.before.sequence != first_sequence {
            let detail =
                format!("the header says sequence {}, the file name another", header.before.sequence);
            return Err(damaged(&entry.name, 0, detail));
        }
        Ok(Listed { name: entry.name.clone(), path, header, bytes: entry.bytes, end: HEADER_BYTES })
    }

    /// The first sequence number that the journal holds.
    #[must_use]
    pub fn first_sequence(&self) -> u64 {
        self.segments.first().map_or(Position::START, |first| first.header.before).sequence
    }

    /// Where reading from `sequence` on begins: with the segment that holds the record before it. What follows
    /// on that record is in this segment even when it is a seal, and the next segment begins behind the seal.
    fn index_of(&self, sequence: u64) -> usize {
        self.segments.partition_point(|it| it.header.before.sequence < sequence).saturating_sub(1)
    }

    /// What stands before the first frame that [`Scan::read_from`] reads.
    #[must_use]
    pub fn mark_before(&self, sequence: u64) -> LogMark {
        let segment = self.segments.get(self.index_of(sequence));
        segment.map_or(Position::START, |segment| segment.header.before).mark()
    }

    /// The journal's folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The first position that can be read.
    #[must_use]
    pub fn start(&self) -> Cursor {
        let before = self.segments.first().map_or(Position::START, |first| first.header.before);
        Cursor { epoch: before.record_epoch, sequence: before.sequence }
    }

    /// File names and lengths of the segments, in order.
    pub fn segments(&self) -> impl ExactSizeIterator<Item = (&str, u64)> {
        self.segments.iter().map(|segment| (segment.name.as_str(), segment.bytes))
    }

    /// Leaves out the segments that end before `sequence`: reading then begins with the one that holds it,
    /// and trusts that one's header for what stands before.
    pub fn begin_at(&mut self, sequence: u64) {
        let later = self.segments.iter().skip(1);
        let before = later.take_while(|segment| segment.header.before.sequence <= sequence).count();
        self.segments.drain(..before);
    }

    /// Reads every valid batch in order, seals and epoch marks included, and finds the tail.
    ///
    /// # Errors
    /// `Damaged` with segment and offset, `UnknownVersion`, `Io`; or what the visitor answered.
    pub fn read<E>(
        &mut self,
        visit: impl FnMut(&StoredBatch, Progress) -> Result<(), E>,
    ) -> Result<Tail, Stopped<E>> {
        self.read_from(0, visit)
    }

    /// The same from the segment on that holds the record before `sequence`: those before it are neither read
    /// nor verified.
    ///
    /// # Errors
    /// As for [`Scan::read`].
    pub fn read_from<E>(
        &mut self,
        sequence: u64,
        mut visit: impl FnMut(&StoredBatch, Progress) -> Result<(), E>,
    ) -> Result<Tail, Stopped<E>> {
        self.ending = None;
        let skipped = self.index_of(sequence);
        let (before, wanted) = self.segments.split_at_mut(skipped);
        // Where their frames end, nobody has looked: readers find out by the segment behind.
        before.iter_mut().for_each(|segment| segment.end = segment.bytes);
        let start = wanted.first().map_or(Position::START, |first| first.header.before);
        let bytes_total = wanted.iter().map(|segment| segment.bytes).sum();
        let mut walk = Walk {
            position: start,
            anchor: None,
            batches: 0,
            records: 0,
            last_kind: None,
            progress: Progress { bytes_done: 0, bytes_total },
        };
        let mut window = Window::default();
        let nexts: Vec<Option<(String, Position)>> = (1..=wanted.len())
            .map(|index| wanted.get(index).map(|next| (next.name.clone(), next.header.before)))
            .collect();
        let mut cut = None;
        let mut bytes_before = 0;
        for (segment, next) in wanted.iter_mut().zip(nexts) {
            let failed = |error: io::Error| io_error("reading", &segment.path, &error);
            let file = self.fs.open(&segment.path, OpenMode::Read).map_err(failed)?;
            window.clear();
            walk.anchor = Some(Anchor { offset: HEADER_BYTES, before: walk.position });
            walk.progress.bytes_done = bytes_before;
            let bound = next.as_ref().map(|(_, before)| before.number);
            segment.end = HEADER_BYTES;
            segment.end =
                walk.segment(segment, file.as_ref(), &mut window, bound, bytes_before, &mut visit)?;
            if let Some((name, before)) = next {
                walk.joins(segment, &name, &before)?;
                bytes_before += segment.bytes;
                continue;
            }
            loop {
                let verdict = walk.judge_remains(segment, file.as_ref(), &mut window);
                window.clear();
                let end =
                    walk.segment(segment, file.as_ref(), &mut window, None, bytes_before, &mut visit)?;
                if end == segment.end {
                    cut = verdict?;
                    break;
                }
                segment.end = end;
            }
        }
        self.ending = Some(Ending { anchor: walk.anchor, end: walk.position });
        Ok(Tail {
            batches: walk.batches,
            records: walk.records,
            start: Cursor { epoch: start.record_epoch, sequence: start.sequence },
            end: walk.position.cursor(),
            at: walk.position.at,
            chain: walk.position.chain,
            sealed: cut.is_none() && walk.last_kind.is_none_or(|kind| kind == Kind::Seal),
            cut,
        })
    }
}
