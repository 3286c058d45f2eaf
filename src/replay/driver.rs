//! The replay driver: reads a journal's folder, and nothing but reads it, and feeds the batches to a machine.
//!
//! Rebuilding a state, verifying, looking up one entity's history and dumping records are machines; what
//! they share is here: which part is read, what stands where, how the end is told, what is done beside a
//! running engine. The folder is read on a thread of its own, ahead of the machine.
//!
//! 1. **Nothing is written**: no lock is taken, no epoch begun, no tail cut.
//! 2. **A folder in use is read up to what is durable.** There is one batch in flight, so a batch is durable
//!    once another frame stands behind it; the last one, unless it is a seal, is withheld. What was committed
//!    after the reading began may or may not be seen.
//! 3. An engine that retains little drops segments and writes over them. If that happens to one that is being
//!    read, the reading ends with [`ReadError::Changed`], and not with a report of damage.
//! 4. A machine that needs a state begins with one: an empty [`World`](super::World), or what a snapshot held,
//!    together with the sequence number to go on from.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::reading::{Place, ReadError, Reading};
use crate::domain::time::Timestamp;
use crate::journal::frame::frame_bytes;
use crate::journal::{LogError, LogMark, Progress, Scan, Stopped, StoredBatch, Tail, segment};
use crate::port::fs::Fs;

/// Hand-overs that are read ahead of the machine.
const AHEAD_MAX: usize = 16;
/// Batches that are handed over at once end when they have about so many bytes, so that small ones do not cost
/// a wake-up each.
const BYTES_AT_ONCE: usize = 64 << 10;
/// The file whose lock says that an engine has the folder open.
const LOCK_FILE: &str = "LOCK";

/// What is fed with batches.
pub trait Machine {
    /// Takes the next batch; seals and epoch marks come too. `Break` ends the reading.
    ///
    /// # Errors
    /// When a record cannot be understood, which ends the reading too.
    fn take(&mut self, batch: &StoredBatch, place: Place<'_>) -> Result<ControlFlow<()>, ReadError>;
}

/// Where reading ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Until {
    /// At the end of the journal.
    #[default]
    End,
    /// Behind the record with this sequence number.
    Sequence(u64),
    /// Behind the last batch that was committed at this time or before.
    Time(Timestamp),
}

/// How far a reading is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Bytes read.
    pub bytes_done: u64,
    /// Bytes to read; the last segment is rarely full.
    pub bytes_total: u64,
    /// Records fed.
    pub records: u64,
}

/// A journal's folder, opened for reading alone.
#[derive(Debug)]
pub struct Folder {
    fs: Arc<dyn Fs>,
    path: PathBuf,
    in_use: bool,
}

/// A batch on its way to the machine, and the bytes read so far.
type Item = (StoredBatch, Progress);

/// The machine has enough.
struct Enough;

impl Folder {
    /// Looks whether there is a journal in the folder.
    ///
    /// # Errors
    /// `NoFolder`, `NoJournal`, or `Log` when the folder cannot be read.
    pub fn open(fs: Arc<dyn Fs>, path: &Path) -> Result<Self, ReadError> {
        let folder = path.display().to_string();
        let failed = |what: &str, error: &io::Error| {
            ReadError::Log(LogError::Io { what: format!("{what} {folder}"), detail: error.to_string() })
        };
        let entries = fs.list(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                ReadError::NoFolder { folder: folder.clone() }
            }
            _ => failed("listing", &error),
        })?;
        if !entries.iter().any(|entry| segment::first_sequence_of(&entry.name).is_some()) {
            return Err(ReadError::NoJournal { folder });
        }
        let in_use =
            fs.is_locked(&path.join(LOCK_FILE)).map_err(|error| failed("looking for the lock of", &error))?;
        Ok(Self { fs, path: path.to_path_buf(), in_use })
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether an engine had the folder open when it was last looked at.
    #[must_use]
    pub const fn in_use(&self) -> bool {
        self.in_use
    }

    pub(super) const fn fs(&self) -> &Arc<dyn Fs> {
        &self.fs
    }

    /// What stands before the first frame that recovery reads from `sequence` on.
    pub(super) fn mark_before(&self, sequence: u64) -> Result<LogMark, ReadError> {
        Ok(Scan::open(Arc::clone(&self.fs), &self.path)?.mark_before(sequence))
    }

    /// The first sequence number that can be read.
    ///
    /// # Errors
    /// When the folder or a segment's header cannot be read.
    pub fn first_sequence(&self) -> Result<u64, ReadError> {
        Ok(Scan::open(Arc::clone(&self.fs), &self.path)?.start().sequence)
    }

    /// Reads from about the record `from` on (0 for the first; from the beginning of the batch that holds it)
    /// and feeds the machine. Whatever ends the reading early is in the answer, beside what was read before.
    pub fn replay(
        &mut self,
        from: u64,
        until: Until,
        machine: &mut dyn Machine,
        on_pace: &mut dyn FnMut(Pace),
    ) -> Reading {
        let mut feed = Feed::new(until, from);
        let mut scan = match Scan::open(Arc::clone(&self.fs), &self.path) {
            Ok(scan) => scan,
            Err(error) => {
                feed.reading.fault = Some(error.into());
                return feed.reading;
            }
        };
        scan.begin_at(from);
        feed.reading.first_sequence = scan.start().sequence;
        feed.reading.next_sequence = scan.start().sequence;
        let mut bytes_before = 0;
        for (name, bytes) in scan.segments() {
            feed.segments.push((name.to_owned(), bytes_before));
            bytes_before += bytes;
        }
        let (to, items) = sync_channel(AHEAD_MAX);
        let ended = std::thread::scope(|scope| {
            let reader = scope.spawn(move || read(&mut scan, &to));
            feed.all(items, machine, on_pace);
            reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        self.in_use |= self.fs.is_locked(&self.path.join(LOCK_FILE)).unwrap_or(false);
        feed.reading.in_use = self.in_use;
        match ended {
            Ok(tail) => feed.finish(&tail, machine, on_pace),
            Err(Stopped::Visitor(Enough)) => {}
            Err(Stopped::Log(error)) => {
                // What stands before a bad frame of which the scan is sure is durable, and may be all that
                // is wanted.
                if feed.flush(machine, on_pace).is_continue() {
                    feed.reading.fault = Some(self.explain(error, &feed.segments));
                }
            }
        }
        feed.reading
    }

    /// An error in a segment that was dropped while it was read is no damage.
    fn explain(&self, error: LogError, read: &[(String, u64)]) -> ReadError {
        let Ok(entries) = self.fs.list(&self.path) else { return error.into() };
        let is_there = |name: &String| entries.iter().any(|entry| entry.name == *name);
        match read.iter().map(|(name, _)| name).find(|name| !is_there(name)) {
            Some(gone) if self.in_use => {
                ReadError::Changed { folder: self.path.display().to_string(), segment: gone.clone() }
            }
            _ => error.into(),
        }
    }
}

fn read(scan: &mut Scan, to: &SyncSender<Vec<Item>>) -> Result<Tail, Stopped<Enough>> {
    let (mut ready, mut bytes) = (Vec::new(), 0);
    let ended = scan.read(|batch, progress| {
        bytes += batch.payload.len();
        ready.push((batch.clone(), progress));
        if bytes < BYTES_AT_ONCE {
            return Ok(());
        }
        bytes = 0;
        to.send(std::mem::take(&mut ready)).map_err(|_| Enough)
    });
    // Whatever ended it, what was read before counts.
    match to.send(ready) {
        Err(_) if ended.is_ok() => Err(Stopped::Visitor(Enough)),
        _ => ended,
    }
}

/// The machine's side of a reading.
struct Feed {
    until: Until,
    from: u64,
    /// File names of the segments with the bytes before them.
    segments: Vec<(String, u64)>,
    /// The batch that is fed when another frame stands behind it.
    held: Option<Item>,
    reading: Reading,
}

impl Feed {
    fn new(until: Until, from: u64) -> Self {
        let reading = Reading::default();
        Self { until, from, segments: Vec::new(), held: None, reading }
    }

    fn all(&mut self, items: Receiver<Vec<Item>>, machine: &mut dyn Machine, on_pace: &mut dyn FnMut(Pace)) {
        for item in items.into_iter().flatten() {
            if let Some(held) = self.held.replace(item)
                && self.feed(held, machine, on_pace).is_break()
            {
                self.held = None;
                return;
            }
        }
    }

    fn flush(&mut self, machine: &mut dyn Machine, on_pace: &mut dyn FnMut(Pace)) -> ControlFlow<()> {
        match self.held.take() {
            Some(held) => self.feed(held, machine, on_pace),
            None => ControlFlow::Continue(()),
        }
    }

    /// The end of the journal was reached.
    fn finish(&mut self, tail: &Tail, machine: &mut dyn Machine, on_pace: &mut dyn FnMut(Pace)) {
        if self.reading.fault.is_some() {
            return;
        }
        let withheld = self.held.as_ref().map_or(0, |(batch, _)| batch.count);
        if self.reading.in_use && withheld > 0 {
            self.reading.withheld = withheld;
            self.held = None;
        } else if self.flush(machine, on_pace).is_break() {
            return;
        }
        self.reading.to_the_end = true;
        self.reading.sealed = tail.sealed;
        self.reading.cut = tail.cut.clone().filter(|_| !self.reading.in_use);
    }

    fn feed(
        &mut self,
        (batch, progress): Item,
        machine: &mut dyn Machine,
        on_pace: &mut dyn FnMut(Pace),
    ) -> ControlFlow<()> {
        let frame_bytes = frame_bytes(batch.payload.len()) as u64;
        let records = batch.count;
        let (batch, last) = match self.cut_to_size(batch) {
            Some(cut) => cut,
            None => return ControlFlow::Break(()),
        };
        let reading = &mut self.reading;
        if batch.count > 0 && batch.end().sequence <= self.from {
            // Not wanted, and yet read: where nothing is behind it, this is how far the journal goes.
            reading.next_sequence = batch.end().sequence;
            (reading.last_at, reading.epoch, reading.chain) = (batch.at, batch.epoch, batch.chain);
            reading.records_chain = batch.chain;
            return ControlFlow::Continue(());
        }
        let index = self.segments.partition_point(|(_, before)| *before < progress.bytes_done);
        let found = index.checked_sub(1).and_then(|index| self.segments.get(index));
        let (segment, before) = found.map_or(("", 0), |(name, before)| (name.as_str(), *before));
        let offset = progress.bytes_done.saturating_sub(before).saturating_sub(frame_bytes);
        let taken = machine.take(&batch, Place { segment, offset });
        if let Err(error) = taken {
            reading.fault = Some(error);
            return ControlFlow::Break(());
        }
        if batch.count > 0 {
            reading.batches += 1;
            reading.records += u64::from(batch.count);
            reading.first_at.get_or_insert(batch.at);
            reading.records_chain = batch.chain;
        }
        reading.in_part = batch.count < records;
        reading.next_sequence = batch.end().sequence;
        reading.last_at = batch.at;
        reading.epoch = batch.epoch;
        reading.chain = batch.chain;
        reading.bytes += frame_bytes;
        let (bytes_done, bytes_total) = (progress.bytes_done, progress.bytes_total);
        on_pace(Pace { bytes_done, bytes_total, records: reading.records });
        if last { ControlFlow::Break(()) } else { taken.unwrap_or(ControlFlow::Break(())) }
    }

    /// The part of the batch that is wanted, and whether it is the last; `None` when none of it is.
    fn cut_to_size(&self, batch: StoredBatch) -> Option<(StoredBatch, bool)> {
        match self.until {
            Until::End => Some((batch, false)),
            Until::Time(time) => (batch.at <= time).then_some((batch, false)),
            Until::Sequence(last) if batch.first_sequence > last => None,
            Until::Sequence(last) if batch.end().sequence <= last => Some((batch, false)),
            Until::Sequence(last) => Some((batch.up_to(last), true)),
        }
    }
}
