//! The scan: reads a journal from its first segment on, verifies it, and tells its tail from damage.
//!
//! Opening runs one before it serves; tools run one read-only, without the lock. It changes nothing.
//!
//! What is verified of each batch: checksum, number and sequence without gaps, epoch not below any before,
//! chain hash. A segment's content ends where the next segment's header says that its own begins; what
//! stands behind is void. In the last segment the valid frames end at one of these:
//!
//! 1. Nothing that claims to be the next frame: the end of the log.
//! 2. A frame with the right number that is torn: it is *cut*, and reported.
//! 3. Something bad and, anywhere behind it, a valid frame that must be newer: *damage*.
//!
//! A frame goes to the disk only after the one before it is durable, so a crash can tear the last frame and
//! no other. That one is ambiguous when no seal follows it: a last batch that was durable and then rotted
//! looks the same as one that was never finished.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::domain::time::Timestamp;
use crate::port::fs::{FolderEntry, Fs, FsFile, OpenMode, read_full_at};

use super::frame::{self, Flaw, Kind};
use super::log::{Cursor, LogError, LogMark, StoredBatch};
use super::position::Position;
use super::segment::{self, HEADER_BYTES, Header, HeaderFlaw};
use super::window::{Framed, Window};

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

fn damaged(segment: &str, offset: u64, detail: impl Into<String>) -> LogError {
    LogError::Damaged { segment: segment.to_owned(), offset, detail: detail.into() }
}

/// The running state of a scan.
struct Walk {
    position: Position,
    anchor: Option<Anchor>,
    batches: u64,
    records: u64,
    last_kind: Option<Kind>,
    progress: Progress,
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

    /// What stands before the first frame of the segment that holds `sequence`.
    #[must_use]
    pub fn mark_before(&self, sequence: u64) -> LogMark {
        let behind = self.segments.partition_point(|it| it.header.before.sequence <= sequence);
        let segment = behind.checked_sub(1).and_then(|index| self.segments.get(index));
        segment.map_or(Position::START, |segment| segment.header.before).mark()
    }

    /// The journal's folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
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

    /// The same from the segment on that holds `sequence`: those before it are neither read nor verified.
    ///
    /// # Errors
    /// As for [`Scan::read`].
    pub fn read_from<E>(
        &mut self,
        sequence: u64,
        mut visit: impl FnMut(&StoredBatch, Progress) -> Result<(), E>,
    ) -> Result<Tail, Stopped<E>> {
        self.ending = None;
        let skipped = self.segments.partition_point(|it| it.header.before.sequence <= sequence);
        let skipped = skipped.saturating_sub(1);
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
            let end = walk.segment(segment, file.as_ref(), &mut window, bound, bytes_before, &mut visit)?;
            segment.end = end;
            bytes_before += segment.bytes;
            match next {
                Some((name, before)) => walk.joins(segment, &name, &before)?,
                None => cut = walk.judge_remains(segment, file.as_ref(), &mut window)?,
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

impl Walk {
    /// Reads one segment up to the batch `bound`, which the next segment begins with, or up to the first
    /// thing that is no valid next frame; answers the offset behind the last valid one.
    fn segment<E>(
        &mut self,
        segment: &Listed,
        file: &dyn FsFile,
        window: &mut Window,
        bound: Option<u64>,
        bytes_before: u64,
        visit: &mut impl FnMut(&StoredBatch, Progress) -> Result<(), E>,
    ) -> Result<u64, Stopped<E>> {
        let mut offset = HEADER_BYTES;
        while bound != Some(self.position.number) {
            let looked = window.frame(file, offset, segment.bytes);
            let framed = match looked.map_err(|error| io_error("reading", &segment.path, &error))? {
                Ok(framed) => framed,
                Err(Flaw::Version(found)) => {
                    let segment = segment.name.clone();
                    return Err(LogError::UnknownVersion { segment, found, supported: frame::VERSION }.into());
                }
                Err(_) => break,
            };
            if framed.head.epoch < self.position.epoch || framed.head.number < self.position.number {
                break;
            }
            self.verify(&framed).map_err(|detail| damaged(&segment.name, offset, detail))?;
            // Everything before a seal was durable when it was written, but of the seal itself that is not
            // known. A seal before the segment's first record cannot begin another segment: that one would
            // have the same name.
            if framed.head.kind == Kind::Seal && framed.head.first_sequence > segment.header.before.sequence {
                self.anchor = Some(Anchor { offset, before: self.position });
            }
            offset += framed.bytes.len() as u64;
            self.position.pass(&framed.head);
            self.batches += 1;
            self.records += u64::from(framed.head.count);
            self.last_kind = Some(framed.head.kind);
            self.progress.bytes_done = bytes_before + offset;
            visit(&stored(&framed), self.progress).map_err(Stopped::Visitor)?;
        }
        Ok(offset)
    }

    fn verify(&self, framed: &Framed<'_>) -> Result<(), String> {
        if framed.head.number != self.position.number {
            return Err(format!(
                "batch {} stands where batch {} should",
                framed.head.number, self.position.number
            ));
        }
        if framed.head.first_sequence != self.position.sequence {
            let (found, expected) = (framed.head.first_sequence, self.position.sequence);
            return Err(format!("a batch begins with sequence {found} where {expected} should follow"));
        }
        if !framed.follows(&self.position) {
            return Err("the chain hash does not follow from the batch before".to_owned());
        }
        Ok(())
    }

    /// Whether the segment reached the one after it.
    fn joins(&self, segment: &Listed, next_name: &str, before: &Position) -> Result<(), LogError> {
        if self.position.number != before.number {
            let detail = format!(
                "batch {} cannot be read, and segment {next_name} begins with batch {}",
                self.position.number, before.number
            );
            return Err(damaged(&segment.name, segment.end, detail));
        }
        if self.position != *before {
            return Err(damaged(next_name, 0, "the segment does not continue the one before it"));
        }
        Ok(())
    }

    /// Tells the end of the log from a torn batch and both from damage.
    fn judge_remains(
        &self,
        segment: &Listed,
        file: &dyn FsFile,
        window: &mut Window,
    ) -> Result<Option<Cut>, LogError> {
        let failed = |error: io::Error| io_error("reading", &segment.path, &error);
        let offset = segment.end;
        let remains = window.remains(file, offset, segment.bytes, &self.position).map_err(failed)?;
        if let Some((at, number)) = remains.later_frame {
            let detail = format!(
                "batch {} cannot be read, but batch {number} stands at offset {at}",
                self.position.number
            );
            return Err(damaged(&segment.name, offset, detail));
        }
        let torn = window.torn_frame(file, offset, segment.bytes, &self.position).map_err(failed)?;
        // Only a file that was never used before is known to be empty behind the last frame.
        let trace = remains.used_until.filter(|_| !segment.header.recycled).map(|until| until - offset);
        let cut = |bytes: u64| Cut {
            segment: segment.name.clone(),
            offset,
            bytes: bytes.clamp(1, segment.bytes.saturating_sub(offset).max(1)),
        };
        Ok(torn.or(trace).map(cut))
    }
}

/// A batch that owns its payload.
pub(crate) fn stored(framed: &Framed<'_>) -> StoredBatch {
    StoredBatch {
        epoch: framed.head.epoch,
        number: framed.head.number,
        first_sequence: framed.head.first_sequence,
        count: framed.head.count,
        at: framed.head.at,
        chain: framed.head.chain,
        payload: Arc::from(framed.payload),
    }
}
