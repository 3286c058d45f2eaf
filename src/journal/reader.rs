//! Reading a log beside its writer.
//!
//! The writer publishes, under a small lock, which segments there are and where the durable end is. A reader
//! looks that up, lets go of the lock and reads from files of its own: no I/O happens under the writer's
//! lock. Behind the published end it never looks.
//!
//! A reader remembers where its last answer ended, so reading on from there costs no search. Reading from
//! anywhere else walks the heads of one segment's frames.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::port::fs::{Fs, FsFile, OpenMode};

use super::log::{Cursor, LogError, LogReader, StoredBatch};
use super::position::Position;
use super::scan::io_error;
use super::segment::{self, HEADER_BYTES};
use super::walk::stored;
use super::window::Window;

/// A segment as readers know it. Whoever holds one keeps its file from being recycled.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) path: PathBuf,
    pub(crate) before: Position,
}

impl Segment {
    pub(crate) fn new(folder: &Path, before: Position) -> Self {
        Self { path: folder.join(segment::name(before.sequence)), before }
    }
}

/// What readers may see: the segments with the offset behind their last frame, and the end of the log.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) segments: Vec<(Arc<Segment>, u64)>,
    pub(crate) end: Position,
}

/// The view, shared by the writer and its readers.
#[derive(Debug)]
pub(crate) struct Shared {
    view: Mutex<View>,
}

impl Shared {
    pub(crate) fn new(view: View) -> Self {
        Self { view: Mutex::new(view) }
    }

    fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the current segment visible up to `offset`.
    pub(crate) fn publish(&self, offset: u64, end: Position) {
        let mut view = self.view();
        if let Some((_, visible)) = view.segments.last_mut() {
            *visible = offset;
        }
        view.end = end;
    }

    /// Where the current segment is.
    pub(crate) fn current(&self) -> Option<PathBuf> {
        self.view().segments.last().map(|(segment, _)| segment.path.clone())
    }

    /// Makes a new current segment visible.
    pub(crate) fn rotate(&self, segment: Segment, offset: u64) {
        self.view().segments.push((Arc::new(segment), offset));
    }

    /// Takes the first segment out of view if it ends before `sequence` and is not the current one.
    pub(crate) fn forget_first(&self, sequence: u64) -> Option<Arc<Segment>> {
        let mut view = self.view();
        let (second, _) = view.segments.get(1)?;
        if second.before.sequence > sequence { None } else { Some(view.segments.remove(0).0) }
    }

    /// The first position that can be read.
    pub(crate) fn start(&self) -> Cursor {
        let view = self.view();
        let before = view.segments.first().map_or(view.end, |(segment, _)| segment.before);
        Cursor { epoch: before.record_epoch, sequence: before.sequence }
    }

    fn end(&self) -> Position {
        self.view().end
    }

    /// The segment that holds `sequence`, the offset it is visible to, and the end of the log.
    fn locate(&self, sequence: u64) -> Result<Located, LogError> {
        let view = self.view();
        if sequence > view.end.sequence {
            return Err(LogError::Ahead { asked: sequence, end: view.end.sequence });
        }
        let behind = view.segments.partition_point(|(segment, _)| segment.before.sequence <= sequence);
        match behind.checked_sub(1).and_then(|index| view.segments.get(index)) {
            Some((segment, visible)) => {
                let until = view.segments.get(behind).map(|(next, _)| next.before.number);
                Ok(Located { segment: Arc::clone(segment), visible: *visible, until })
            }
            None => {
                let first =
                    view.segments.first().map_or(view.end.sequence, |(segment, _)| segment.before.sequence);
                Err(LogError::Truncated { asked: sequence, first })
            }
        }
    }

    /// What to read on from `offset` of a segment, before which the batches up to `number` stand: more of it,
    /// or the one after it. The segment itself comes first because the writer may have added to it before it
    /// moved on.
    fn onward(&self, segment: &Segment, offset: u64, number: u64) -> Option<Located> {
        let view = self.view();
        let first = segment.before.sequence;
        let index = view.segments.binary_search_by_key(&first, |(other, _)| other.before.sequence).ok()?;
        let number_at = |index: usize| view.segments.get(index).map(|(segment, _)| segment.before.number);
        let (_, visible) = view.segments.get(index)?;
        let more = *visible > offset && number_at(index + 1).is_none_or(|next| number < next);
        let index = if more { index } else { index + 1 };
        let (found, visible) = view.segments.get(index)?;
        Some(Located { segment: Arc::clone(found), visible: *visible, until: number_at(index + 1) })
    }
}

struct Located {
    segment: Arc<Segment>,
    /// No frame ends behind this offset.
    visible: u64,
    /// Number of the batch with which the next segment begins, where there is one: this one ends before it.
    until: Option<u64>,
}

/// Where a reader stands: an open segment and an offset in it.
#[derive(Debug)]
struct Place {
    segment: Arc<Segment>,
    file: Box<dyn FsFile>,
    offset: u64,
    /// What stands before `offset`. Only the fields that heads tell are kept up, not the chain.
    before: Position,
}

/// How far a segment may be read.
#[derive(Clone, Copy)]
struct Bounds {
    visible: u64,
    until: Option<u64>,
}

impl Bounds {
    fn are_reached(self, place: &Place) -> bool {
        place.offset >= self.visible || self.until.is_some_and(|until| place.before.number >= until)
    }
}

/// A reader of the durable part of a log.
#[derive(Debug)]
pub(crate) struct FileReader {
    fs: Arc<dyn Fs>,
    shared: Arc<Shared>,
    memory: Mutex<(Option<Place>, Window)>,
}

impl FileReader {
    pub(crate) fn new(fs: Arc<dyn Fs>, shared: Arc<Shared>) -> Self {
        Self { fs, shared, memory: Mutex::new((None, Window::default())) }
    }

    fn enter(&self, segment: Arc<Segment>) -> Result<Place, LogError> {
        match self.fs.open(&segment.path, OpenMode::Read) {
            Ok(file) => Ok(Place { before: segment.before, offset: HEADER_BYTES, file, segment }),
            Err(error) => Err(self.explain(&segment, io_error("opening", &segment.path, &error))),
        }
    }

    /// A segment that was truncated away while it was read is no damage.
    fn explain(&self, segment: &Segment, error: LogError) -> LogError {
        let (asked, first) = (segment.before.sequence, self.shared.start().sequence);
        if asked < first { LogError::Truncated { asked, first } } else { error }
    }

    /// Reads the frame at the place, checks that it follows, and moves behind it.
    fn next(&self, place: &mut Place, window: &mut Window, visible: u64) -> Result<StoredBatch, LogError> {
        let failed = |error: io::Error| io_error("reading", &place.segment.path, &error);
        let damaged = |detail: &str| LogError::Damaged {
            segment: segment::name(place.segment.before.sequence),
            offset: place.offset,
            detail: detail.to_owned(),
        };
        let framed = match window.frame(place.file.as_ref(), place.offset, visible).map_err(failed)? {
            Ok(framed) => framed,
            Err(flaw) => return Err(damaged(flaw.words())),
        };
        if framed.head.number != place.before.number || framed.head.first_sequence != place.before.sequence {
            return Err(damaged("the frame does not follow the one before it"));
        }
        let batch = stored(&framed);
        place.offset += framed.bytes.len() as u64;
        place.before.pass(&framed.head);
        Ok(batch)
    }

    /// Moves, by the heads of frames alone, to the frames that begin at or hold the sequence.
    fn seek(
        &self,
        place: &mut Place,
        window: &mut Window,
        visible: u64,
        sequence: u64,
    ) -> Result<(), LogError> {
        while place.before.sequence < sequence && place.offset < visible {
            let looked = window.head(place.file.as_ref(), place.offset, visible);
            let head = looked.map_err(|error| io_error("reading", &place.segment.path, &error))?;
            match head {
                Ok(head) if head.first_sequence.saturating_add(u64::from(head.count)) > sequence => break,
                Ok(head) => {
                    place.offset += super::frame::frame_bytes(head.payload_bytes as usize) as u64;
                    place.before.pass(&head);
                }
                Err(flaw) => {
                    return Err(LogError::Damaged {
                        segment: segment::name(place.segment.before.sequence),
                        offset: place.offset,
                        detail: flaw.words().to_owned(),
                    });
                }
            }
        }
        Ok(())
    }

    /// The place to read from: the remembered one if it is where the cursor points, or else a searched one.
    fn place(
        &self,
        remembered: Option<Place>,
        window: &mut Window,
        from: Cursor,
    ) -> Result<(Place, Bounds), LogError> {
        let located = self.shared.locate(from.sequence)?;
        let bounds = Bounds { visible: located.visible, until: located.until };
        let same = |place: &Place| {
            place.before.sequence == from.sequence
                && place.segment.before.sequence == located.segment.before.sequence
        };
        if let Some(place) = remembered.filter(same) {
            return Ok((place, bounds));
        }
        window.clear();
        let mut place = self.enter(located.segment)?;
        let sought = self.seek(&mut place, window, located.visible, from.sequence);
        sought.map_err(|error| self.explain(&place.segment, error))?;
        Ok((place, bounds))
    }

    fn collect(
        &self,
        place: &mut Place,
        window: &mut Window,
        mut bounds: Bounds,
        from: Cursor,
        bytes_max: usize,
    ) -> Result<Vec<StoredBatch>, LogError> {
        let mut batches = Vec::new();
        let (mut bytes, mut checked) = (0, false);
        loop {
            if bounds.are_reached(place) {
                let (offset, number) = (place.offset, place.before.number);
                let Some(onward) = self.shared.onward(&place.segment, offset, number) else { break };
                bounds = Bounds { visible: onward.visible, until: onward.until };
                if onward.segment.before.sequence != place.segment.before.sequence {
                    window.clear();
                    *place = self.enter(onward.segment)?;
                }
                continue;
            }
            let (offset, before) = (place.offset, place.before);
            let batch = self
                .next(place, window, bounds.visible)
                .map_err(|error| self.explain(&place.segment, error))?;
            let holds_records = batch.count > 0;
            if holds_records && bytes > 0 && bytes + batch.payload.len() > bytes_max {
                (place.offset, place.before) = (offset, before);
                break;
            }
            if holds_records && !checked {
                // The record before the cursor is in this batch, or else it was before it.
                let oldest =
                    if from.sequence > batch.first_sequence { batch.epoch } else { before.record_epoch };
                check_epoch(from, oldest, batch.epoch)?;
                checked = true;
            }
            bytes += batch.payload.len();
            batches.push(batch);
        }
        Ok(batches)
    }
}

/// A cursor is right about the record before it when its epoch is that record's, or that of a mark between
/// it and the next record.
pub(super) fn check_epoch(cursor: Cursor, oldest: u64, newest: u64) -> Result<(), LogError> {
    if (oldest..=newest).contains(&cursor.epoch) {
        return Ok(());
    }
    Err(LogError::WrongEpoch { sequence: cursor.sequence, asked: cursor.epoch, found: oldest })
}

impl LogReader for FileReader {
    fn end(&self) -> Cursor {
        self.shared.end().cursor()
    }

    fn start(&self) -> Cursor {
        self.shared.start()
    }

    fn read(&self, from: Cursor, bytes_max: usize) -> Result<Vec<StoredBatch>, LogError> {
        let end = self.shared.end();
        if from.sequence == end.sequence {
            check_epoch(from, end.record_epoch, end.epoch)?;
            return Ok(Vec::new());
        }
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let (remembered, window) = &mut *memory;
        let read = self.place(remembered.take(), window, from).and_then(|(mut place, bounds)| {
            let batches = self.collect(&mut place, window, bounds, from, bytes_max)?;
            *remembered = Some(place);
            Ok(batches)
        });
        read.map_err(|error| match error {
            LogError::Truncated { first, .. } => LogError::Truncated { asked: from.sequence, first },
            other => other,
        })
    }
}
