//! Opening a journal, in three stages, because the caller replays in between.
//!
//! 1. [`FileLog::claim`] takes the lock and lists the segments.
//! 2. [`Opening::read`] verifies every batch and hands it to the caller. Nothing is changed on the disk, so
//!    a refused journal stays as it was found.
//! 3. [`Opening::serve`] makes the log ready to be written.
//!
//! **The page cache is not trusted.** Frames that can be read after the process was killed may never have
//! reached the disk, and after an I/O error they look clean and are lost. So before anything is served the
//! frames from the last seal of the last segment on are written again, with the mark of the new epoch behind
//! them, into another file; that file is synced, gets the name of a segment in one step, and the folder is
//! synced. Until that step the old segment is untouched. If the frames begin where the old segment began,
//! the name is the same and the new file replaces the old; otherwise the old one ends where they begin.
//! Segments before the last one were synced before the log moved on from them.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::domain::time::Timestamp;
#[cfg(any(test, feature = "simulation"))]
use crate::port::chaos::{self, Sabotage};
use crate::port::fs::{Fs, FsFile, FsLock, OpenMode, read_full_at};

use super::file_log::{FileLog, Parts};
use super::frame::{self, EMPTY_FRAME_BYTES, Head, Kind};
use super::log::{Durability, LogError, LogMark, StoredBatch};
use super::pool::{Pool, Spare};
use super::position::Position;
use super::reader::{Segment, Shared, View};
use super::scan::{Ending, Progress, Scan, Stopped, Tail, io_error};
use super::segment::{self, HEADER_BYTES, Header};

/// The file whose lock keeps a second engine out.
const LOCK_FILE: &str = "LOCK";
/// Suffix of the file in which a tail is written before it becomes a segment.
pub(crate) const TAIL_SUFFIX: &str = ".tail";
const TAIL_FILE: &str = "new.tail";
/// Bytes of the tail that are copied at once.
const COPY_BYTES: u64 = 1 << 20;

/// How batches get to the disk at [`Durability::Disk`]. What stands in the files is the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WritePath {
    /// Past the page cache, with one call (`O_DIRECT` and `O_DSYNC`), where the file system can do that; as
    /// [`WritePath::Cached`] where it cannot, which is told by a tracing event. Less latency and processor time for
    /// the writer; whoever reads what was just written reads it from the disk.
    #[default]
    Direct,
    /// Into the page cache, and synced with a second call.
    Cached,
}

/// How a log is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogOptions {
    /// What survives; `Memory` is another log's business.
    pub durability: Durability,
    /// Length of new segments in bytes, a multiple of 4096 between
    /// [`SEGMENT_BYTES_MIN`](segment::SEGMENT_BYTES_MIN) and [`SEGMENT_BYTES_MAX`](segment::SEGMENT_BYTES_MAX).
    /// May differ from one opening to the next.
    pub segment_bytes: u64,
    /// How batches get to the disk.
    pub write_path: WritePath,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            durability: Durability::Disk,
            segment_bytes: segment::SEGMENT_BYTES_DEFAULT,
            write_path: WritePath::default(),
        }
    }
}

impl LogOptions {
    fn check(&self) -> Result<(), LogError> {
        let refuse = |detail: String| Err(LogError::Options { detail });
        if self.durability == Durability::Memory {
            return refuse("a log in files cannot have the durability Memory".to_owned());
        }
        let bounds = segment::SEGMENT_BYTES_MIN..=segment::SEGMENT_BYTES_MAX;
        if !bounds.contains(&self.segment_bytes) || !self.segment_bytes.is_multiple_of(HEADER_BYTES) {
            return refuse(format!(
                "segment_bytes is {}; it must be a multiple of {HEADER_BYTES} from {} to {}",
                self.segment_bytes,
                bounds.start(),
                bounds.end()
            ));
        }
        Ok(())
    }
}

/// A claimed journal that is not served yet. Dropping it gives the claim up.
#[derive(Debug)]
pub struct Opening {
    fs: Arc<dyn Fs>,
    options: LogOptions,
    scan: Scan,
    lock: Box<dyn FsLock>,
}

impl FileLog {
    /// Claims a folder: creates it if it is missing, takes its lock, lists its segments and reads their
    /// headers.
    ///
    /// # Errors
    /// `InUse` when another engine, of this process or another, holds the folder; `Options`; `Io`; and
    /// `Damaged` or `UnknownVersion` for a segment whose header cannot be used.
    pub fn claim(fs: Arc<dyn Fs>, folder: &Path, options: LogOptions) -> Result<Opening, LogError> {
        options.check()?;
        fs.create_dir_all(folder).map_err(|error| io_error("creating", folder, &error))?;
        let lock_path = folder.join(LOCK_FILE);
        let lock = fs.lock(&lock_path).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => LogError::InUse { folder: folder.display().to_string() },
            _ => io_error("locking", &lock_path, &error),
        })?;
        let scan = Scan::open(Arc::clone(&fs), folder)?;
        Ok(Opening { fs, options, scan, lock })
    }
}

impl Opening {
    /// Reads and verifies every batch from the first retained one on; see [`Scan::read`].
    ///
    /// # Errors
    /// As for [`Scan::read`]. Nothing on the disk is changed, whatever the outcome.
    pub fn read<E>(
        &mut self,
        visit: impl FnMut(&StoredBatch, Progress) -> Result<(), E>,
    ) -> Result<Tail, Stopped<E>> {
        self.scan.read(visit)
    }

    /// The same from the segment on that holds the record before `sequence`; see [`Scan::read_from`].
    ///
    /// # Errors
    /// As for [`Opening::read`].
    pub fn read_from<E>(
        &mut self,
        sequence: u64,
        visit: impl FnMut(&StoredBatch, Progress) -> Result<(), E>,
    ) -> Result<Tail, Stopped<E>> {
        self.scan.read_from(sequence, visit)
    }

    /// The first sequence number that the journal holds.
    #[must_use]
    pub fn first_sequence(&self) -> u64 {
        self.scan.first_sequence()
    }

    /// What stands before the first frame that [`Opening::read_from`] reads.
    #[must_use]
    pub fn mark_before(&self, sequence: u64) -> LogMark {
        self.scan.mark_before(sequence)
    }

    /// Makes the log ready to be written: rewrites what is not known to be durable, makes the new epoch
    /// durable, allocates the next segment and the reserve. Reads the log first if that was not done.
    ///
    /// # Errors
    /// `Full` when there is no room for one segment; `Io`; and those of [`Opening::read`]. The log is then
    /// as it was, or as if served and closed at once.
    pub fn serve(mut self, at: Timestamp) -> Result<FileLog, LogError> {
        let ending = match self.scan.ending {
            Some(ending) => ending,
            None => self.read_unwatched()?,
        };
        let folder = self.scan.folder().to_path_buf();
        let failed = |error: io::Error| io_error("preparing", &folder, &error);
        let segment_bytes = self.options.segment_bytes;
        let pool =
            Pool::open(Arc::clone(&self.fs), &folder, segment_bytes, &self.scan.entries).map_err(failed)?;
        let written = self.write_tail(&ending, &pool, at)?;
        self.trim_old_segment(&ending, written.header.before.sequence).map_err(failed)?;
        pool.fill();
        pool.note_consumed(written.end);
        let shared = Shared::new(self.view(&written));
        FileLog::assemble(Parts {
            fs: self.fs,
            folder,
            options: self.options,
            pool: Arc::new(pool),
            shared: Arc::new(shared),
            file: written.file,
            bytes: written.header.bytes,
            offset: written.end,
            position: written.position,
            lock: self.lock,
        })
    }

    fn read_unwatched(&mut self) -> Result<Ending, LogError> {
        let read = self.scan.read(|_, _| Ok::<(), std::convert::Infallible>(()));
        match read {
            Ok(_) => {}
            Err(Stopped::Log(error)) => return Err(error),
            Err(Stopped::Visitor(never)) => match never {},
        }
        self.scan.ending.ok_or_else(|| LogError::Io {
            what: format!("reading {}", self.scan.folder().display()),
            detail: "the scan found no end".to_owned(),
        })
    }

    /// Writes the tail's frames and the mark of the new epoch into a new file, syncs it and gives it the
    /// name of a segment.
    fn write_tail(&self, ending: &Ending, pool: &Pool, at: Timestamp) -> Result<Written, LogError> {
        let folder = self.scan.folder();
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::StorageFull => LogError::Full { folder: folder.display().to_string() },
            _ => io_error("rewriting the tail in", folder, &error),
        };
        let old = self.scan.segments.last();
        #[cfg(any(test, feature = "simulation"))]
        if let Some(old) = old.filter(|_| chaos::is_broken(Sabotage::PageCacheTrusted)) {
            return self.go_on_behind(old, ending, at).map_err(failed);
        }
        let (before, from) =
            ending.anchor.map_or((Position::START, HEADER_BYTES), |it| (it.before, it.offset));
        let held_bytes = old.map_or(0, |old| old.end.saturating_sub(from));
        let holds_records = ending.end.sequence > before.sequence;
        let bytes = segment::bytes_to_hold(held_bytes, holds_records, self.options.segment_bytes);
        let spare = self.tail_file(pool, bytes).map_err(failed)?;
        let header = Header { recycled: spare.recycled, bytes, before };
        let write = || -> io::Result<(u64, Position)> {
            spare.file.write_all_at(&header.encode(), 0)?;
            let mut end = HEADER_BYTES;
            if let Some(old) = old {
                let old_file = self.fs.open(&old.path, OpenMode::Read)?;
                end = copy(old_file.as_ref(), from..old.end, spare.file.as_ref(), HEADER_BYTES)?;
            }
            let (mark, position) = epoch_mark(&ending.end, at);
            spare.file.write_all_at(&mark, end)?;
            end += mark.len() as u64;
            spare.file.sync_all()?;
            self.fs.rename(&spare.path, &folder.join(segment::name(before.sequence)))?;
            self.fs.sync_dir(folder)?;
            Ok((end, position))
        };
        let (end, position) = write().map_err(failed)?;
        Ok(Written { file: spare.file, header, end, position })
    }

    /// Sabotage: goes on in the old segment, behind what can be read of it, and makes none of that durable.
    #[cfg(any(test, feature = "simulation"))]
    fn go_on_behind(&self, old: &super::scan::Listed, ending: &Ending, at: Timestamp) -> io::Result<Written> {
        let file = self.fs.open(&old.path, OpenMode::Write)?;
        let (mark, position) = epoch_mark(&ending.end, at);
        file.write_all_at(&mark, old.end)?;
        Ok(Written { file, header: old.header, end: old.end + mark.len() as u64, position })
    }

    /// A zero-filled file of that length under the tail's name. The name comes first and is durable: a ready
    /// file that held frames of the tail and was left by a crash must not be taken for an empty one later.
    fn tail_file(&self, pool: &Pool, bytes: u64) -> io::Result<Spare> {
        let folder = self.scan.folder();
        let path = folder.join(TAIL_FILE);
        if bytes == self.options.segment_bytes {
            let mut spare = pool.take_one().ok_or(io::ErrorKind::StorageFull)?;
            self.fs.rename(&spare.path, &path)?;
            self.fs.sync_dir(folder)?;
            spare.path = path;
            return Ok(spare);
        }
        let file = self.fs.open(&path, OpenMode::Create)?;
        let mut filled = 0;
        while filled < bytes {
            let piece = COPY_BYTES.min(bytes - filled);
            file.write_all_at(&vec![0; piece as usize], filled)?;
            filled += piece;
        }
        Ok(Spare { path, file, recycled: false })
    }

    /// Gives the room behind the old segment's last valid frame back: the new segment goes on from there.
    fn trim_old_segment(&self, ending: &Ending, first_sequence: u64) -> io::Result<()> {
        let (Some(old), Some(anchor)) = (self.scan.segments.last(), ending.anchor) else { return Ok(()) };
        if old.header.before.sequence == first_sequence {
            return Ok(());
        }
        let file = self.fs.open(&old.path, OpenMode::Write)?;
        file.set_len(anchor.offset)?;
        file.sync_all()
    }

    fn view(&self, written: &Written) -> View {
        let first = written.header.before.sequence;
        let folder = self.scan.folder();
        let mut segments: Vec<(Arc<Segment>, u64)> = self
            .scan
            .segments
            .iter()
            .filter(|listed| listed.header.before.sequence < first)
            .map(|listed| (Arc::new(Segment::new(folder, listed.header.before)), listed.end))
            .collect();
        // Where the old last segment stays, it ends where the new one begins.
        if segments.len() == self.scan.segments.len()
            && let (Some((_, end)), Some(anchor)) =
                (segments.last_mut(), self.scan.ending.and_then(|it| it.anchor))
        {
            *end = anchor.offset;
        }
        segments.push((Arc::new(Segment::new(folder, written.header.before)), written.end));
        View { segments, end: written.position }
    }
}

struct Written {
    file: Box<dyn FsFile>,
    header: Header,
    end: u64,
    position: Position,
}

/// Copies a range of one file to another and answers the end of what was written.
fn copy(from: &dyn FsFile, range: std::ops::Range<u64>, to: &dyn FsFile, to_offset: u64) -> io::Result<u64> {
    let mut buffer = vec![0; COPY_BYTES.min(range.end.saturating_sub(range.start)) as usize];
    let (mut at, mut target) = (range.start, to_offset);
    while at < range.end {
        buffer.truncate((range.end - at).min(COPY_BYTES) as usize);
        if read_full_at(from, &mut buffer, at)? != buffer.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        to.write_all_at(&buffer, target)?;
        at += buffer.len() as u64;
        target += buffer.len() as u64;
    }
    Ok(target)
}

/// The frame that begins the epoch after the highest seen, and the position behind it.
fn epoch_mark(end: &Position, at: Timestamp) -> (Vec<u8>, Position) {
    let mut head = Head {
        kind: Kind::EpochMark,
        epoch: end.epoch.saturating_add(1),
        number: end.number,
        first_sequence: end.sequence,
        count: 0,
        payload_bytes: 0,
        at: at.max(end.at),
        chain: [0; 32],
    };
    let mut bytes = Vec::with_capacity(EMPTY_FRAME_BYTES);
    head.chain = frame::encode(&mut bytes, &head, &end.chain, &[]);
    let mut position = *end;
    position.pass(&head);
    (bytes, position)
}
