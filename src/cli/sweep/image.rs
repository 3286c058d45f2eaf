//! A folder as a crash would have left it, in memory.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::points::{Cut, Frame};
use crate::journal::{Batch, CommitLog, Durability, FileLog, LogOptions, record};
use crate::port::fs::{Fs, OpenMode, RealFs, read_full_at};
use crate::port::fs_sim::SimFs;

/// The segments that an engine makes in an image: as small as the largest batch allows.
pub(super) const SEGMENT_BYTES: u64 = 4 << 20;

/// Zeros behind what a crash left of a frame, as there are in a segment that was never used before.
const ZEROS_BEHIND: usize = 4 << 10;

/// A snapshot of the folder.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    pub(super) path: PathBuf,
    /// It needs the journal from here on.
    pub(super) low: u64,
    /// It holds nothing from here on.
    pub(super) high: u64,
    /// It rests on the batch before this one.
    pub(super) batch: u64,
}

/// The journal that is cut. Its files are read once and never written.
#[derive(Debug)]
pub(super) struct Original {
    pub(super) folder: PathBuf,
    pub(super) frames: Vec<Frame>,
    /// Segments by name, with their first sequence numbers; sorted.
    pub(super) segments: Vec<(String, u64)>,
    /// Newest first.
    pub(super) snapshots: Vec<Taken>,
    /// Payloads of frames that are cut in the middle, by their first records.
    pub(super) payloads: BTreeMap<u64, Arc<[u8]>>,
    pub(super) read: Mutex<BTreeMap<PathBuf, Arc<Vec<u8>>>>,
}

/// Why an image could not be made.
pub(super) type Problem = String;

impl Original {
    fn content(&self, path: &PathBuf) -> io::Result<Arc<Vec<u8>>> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(content) = read.get(path) {
            return Ok(Arc::clone(content));
        }
        let file = RealFs.open(path, OpenMode::Read)?;
        let mut content = vec![0; usize::try_from(file.bytes()?).unwrap_or(usize::MAX)];
        let length = read_full_at(file.as_ref(), &mut content, 0)?;
        content.truncate(length);
        let content = Arc::new(content);
        read.insert(path.clone(), Arc::clone(&content));
        Ok(content)
    }

    /// The last record that is whole behind the cut.
    pub(super) fn last_record(&self, cut: Cut) -> u64 {
        let first = self.frames.first().map_or(1, |frame| frame.first);
        match cut {
            Cut::Start => first.saturating_sub(1),
            Cut::Record { frame, kept } => {
                self.frames.get(frame).map_or(0, |frame| frame.first + u64::from(kept) - 1)
            }
            Cut::Byte { frame, kept } => self.frames.get(frame).map_or(0, |frame| {
                if self.misses_nothing(frame, kept) { frame.last() } else { frame.first - 1 }
            }),
        }
    }

    /// The number of the batch that would come behind the cut.
    fn next_batch(&self, cut: Cut) -> u64 {
        let frame = match cut {
            Cut::Start => return self.frames.first().map_or(0, |frame| frame.number),
            Cut::Record { frame, .. } | Cut::Byte { frame, .. } => self.frames.get(frame),
        };
        let Some(frame) = frame else { return 0 };
        let is_whole = match cut {
            Cut::Byte { kept, .. } => self.misses_nothing(frame, kept),
            _ => true,
        };
        frame.number + u64::from(is_whole)
    }

    /// Whether what is cut off a frame is what stands there anyway: frames are padded with zeros.
    fn misses_nothing(&self, frame: &Frame, kept: u64) -> bool {
        let range = frame.offset + kept..frame.offset + frame.bytes;
        let Ok(content) = self.content(&self.folder.join(&frame.segment)) else { return false };
        let range = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok());
        range
            .and_then(|(from, to)| content.get(from..to))
            .is_some_and(|cut| cut.iter().all(|byte| *byte == 0))
    }

    /// The folder as it would be, had a crash come at the cut.
    pub(super) fn image(&self, cut: Cut) -> Result<SimFs, Problem> {
        let last = self.last_record(cut);
        let failed = |error: io::Error| format!("cannot be read: {error}");
        let fs = SimFs::new();
        fs.create_dir_all(&self.folder).map_err(failed)?;
        let next = self.next_batch(cut);
        let base = self.snapshots.iter().find(|taken| taken.high <= last + 1 && taken.batch <= next);
        let from = base.map_or(0, |taken| taken.low);
        if let Some(taken) = base {
            fs.plant(&taken.path, self.content(&taken.path).map_err(failed)?.to_vec());
        }
        let (ends_in, end) = self.end(cut);
        for (index, (name, first)) in self.segments.iter().enumerate() {
            let next = self.segments.get(index + 1).map(|(_, first)| *first);
            // The segment that is written last is never dropped, also where the snapshot rests on its end.
            let is_dropped = next.is_some_and(|next| next <= from) && *first != ends_in;
            if is_dropped || *first > ends_in {
                continue;
            }
            let path = self.folder.join(name);
            let content = self.content(&path).map_err(failed)?;
            let bytes = match (*first == ends_in, end) {
                (true, Some(end)) => content.get(..end).unwrap_or(&content).to_vec(),
                _ => content.to_vec(),
            };
            fs.plant(&path, bytes);
        }
        match cut {
            Cut::Start => {}
            Cut::Byte { frame, kept } => self.leave_bytes(&fs, frame, kept)?,
            Cut::Record { frame, kept } => self.leave_records(&fs, frame, kept)?,
        }
        Ok(fs)
    }

    /// The segment in which the cut is, by its first sequence number, and where: before the frame that is cut,
    /// or behind it where it is kept whole.
    fn end(&self, cut: Cut) -> (u64, Option<usize>) {
        let found = match cut {
            Cut::Start => self.frames.first().map(|frame| (frame, frame.offset)),
            Cut::Byte { frame, .. } => self.frames.get(frame).map(|frame| (frame, frame.offset)),
            Cut::Record { frame, kept } => self.frames.get(frame).map(|frame| {
                (frame, if kept == frame.count { frame.offset + frame.bytes } else { frame.offset })
            }),
        };
        let Some((frame, end)) = found else { return (u64::MAX, None) };
        let segment = self.segments.iter().find(|(name, _)| *name == frame.segment);
        (segment.map_or(u64::MAX, |(_, first)| *first), usize::try_from(end).ok())
    }

    /// Leaves a part of a frame, and nothing behind it.
    fn leave_bytes(&self, fs: &SimFs, frame: usize, kept: u64) -> Result<(), Problem> {
        let Some(frame) = self.frames.get(frame) else { return Ok(()) };
        let path = self.folder.join(&frame.segment);
        let content = self.content(&path).map_err(|error| error.to_string())?;
        let end = usize::try_from(frame.offset + kept).unwrap_or(usize::MAX);
        let mut bytes = content.get(..end).unwrap_or(&content).to_vec();
        bytes.resize(bytes.len() + ZEROS_BEHIND, 0);
        fs.plant(&path, bytes);
        Ok(())
    }

    /// Writes the first records of a frame as a batch of their own, as if no more had come by then.
    fn leave_records(&self, fs: &SimFs, frame: usize, kept: u32) -> Result<(), Problem> {
        let Some(frame) = self.frames.get(frame).filter(|frame| kept < frame.count) else { return Ok(()) };
        let payload = self.payloads.get(&frame.first).ok_or("the batch was not read")?;
        let mut part = Vec::with_capacity(payload.len());
        for raw in record::records(payload).take(kept as usize) {
            let raw = raw.map_err(|error| error.to_string())?;
            let body = |bytes: &mut Vec<u8>| {
                bytes.extend_from_slice(raw.body);
                Ok::<(), Infallible>(())
            };
            match record::push(&mut part, raw.tag, raw.version, body) {
                Ok(()) => {}
                Err(never) => match never {},
            }
        }
        let options = LogOptions {
            durability: Durability::Disk,
            segment_bytes: SEGMENT_BYTES,
            ..LogOptions::default()
        };
        let wrong = |error: crate::journal::LogError| format!("before the batch: {error}");
        let opening = FileLog::claim(Arc::new(fs.clone()), &self.folder, options).map_err(wrong)?;
        let mut log = opening.serve(frame.at).map_err(wrong)?;
        log.append(Batch { count: kept, payload: &part, at: frame.at }).map_err(wrong)?;
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::domain::time::Timestamp;

    fn frame(segment: &str, first: u64) -> Frame {
        let at = Timestamp::from_millis(first);
        Frame { segment: segment.to_owned(), offset: 0, bytes: 10, first, count: 2, number: first, at }
    }

    #[test]
    fn the_segment_of_a_cut_is_kept_where_a_snapshot_rests_on_its_end() {
        let folder = PathBuf::from("/folder");
        let taken = Taken { path: folder.join("taken"), low: 3, high: 3, batch: 2 };
        let content =
            ["old", "new", "taken"].map(|name| (folder.join(name), Arc::new(name.as_bytes().to_vec())));
        let original = Original {
            segments: vec![("old".to_owned(), 1), ("new".to_owned(), 3)],
            frames: vec![frame("old", 1), frame("new", 3)],
            snapshots: vec![taken],
            payloads: BTreeMap::new(),
            read: Mutex::new(content.into_iter().collect()),
            folder: folder.clone(),
        };
        let names = |frame| {
            let image = original.image(Cut::Record { frame, kept: 2 }).unwrap();
            let mut names: Vec<_> =
                image.list(&folder).unwrap().into_iter().map(|entry| entry.name).collect();
            names.sort();
            names
        };
        assert_eq!(names(0), ["old", "taken"]);
        // Later it could be dropped.
        assert_eq!(names(1), ["new", "taken"]);
    }
}
