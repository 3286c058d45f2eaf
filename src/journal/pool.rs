//! The pool of allocated files that become segments: the next one, and a reserve.
//!
//! A file that grows costs a commit twice the time, so segments are written full of zeros before they are
//! used. The pool does that in small pieces from [`Maintenance::step`], paced by how far the current segment
//! is consumed: the work is spread thin and still done by the time half of it is used.
//!
//! 1. Files in the making are called `.filling`; once wholly written and synced they are renamed to
//!    `.spare`. A `.used` file was a segment before and holds stale frames, all of lower numbers than any
//!    frame to come; it is not filled again. What stands in either is never looked at.
//! 2. With the next segment *and* the reserve at hand there is room for new work. When allocating fails the
//!    pool is `short`: it keeps trying, less and less often, until both are whole again.
//! 3. The writer takes this lock only when it changes segments, never in a plain append.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::port::fs::{FolderEntry, Fs, FsFile, OpenMode};

use super::log::Maintenance;

/// Files that are ready: the next segment and the reserve.
const SPARES_WANTED: usize = 2;
/// Files that are kept when segments are recycled; more are removed.
const SPARES_MAX: usize = 4;
/// Bytes written and synced in one step of maintenance, so that a commit waits behind little.
const STEP_BYTES: u64 = 1 << 20;
/// Bytes written at once when someone waits for the whole.
const WAITED_BYTES: u64 = 8 << 20;
/// After a failure so many steps pass without a try, doubled with each failure up to the maximum.
const SKIPPED_STEPS_MAX: u32 = 64;

const FILLING: &str = ".filling";
const SPARE: &str = ".spare";
const USED: &str = ".used";

/// Whether a file name is one of the pool's.
pub(crate) fn is_ready_name(name: &str) -> bool {
    name.ends_with(SPARE) || name.ends_with(USED)
}

/// Whether a file is what an interrupted piece of work left.
pub(crate) fn is_leftover_name(name: &str) -> bool {
    name.ends_with(FILLING) || name.ends_with(super::opening::TAIL_SUFFIX)
}

/// A file that is ready to become a segment.
#[derive(Debug)]
pub(crate) struct Spare {
    pub(crate) path: PathBuf,
    pub(crate) file: Box<dyn FsFile>,
    /// Whether it may hold stale frames.
    pub(crate) recycled: bool,
}

#[derive(Debug)]
struct Filling {
    name_number: u64,
    path: PathBuf,
    file: Box<dyn FsFile>,
    filled: u64,
}

#[derive(Debug, Default)]
struct State {
    ready: VecDeque<Spare>,
    filling: Option<Filling>,
    next_name: u64,
    failures: u32,
    skip: u32,
}

/// The pool. Shared by the writer and by maintenance.
#[derive(Debug)]
pub(crate) struct Pool {
    fs: Arc<dyn Fs>,
    folder: PathBuf,
    segment_bytes: u64,
    /// Offset of the writer in the current segment.
    consumed: AtomicU64,
    short: AtomicBool,
    state: Mutex<State>,
}

impl Pool {
    /// Takes over the ready files among `entries` that have the right length and removes the others of the
    /// pool's.
    pub(crate) fn open(
        fs: Arc<dyn Fs>,
        folder: &Path,
        segment_bytes: u64,
        entries: &[FolderEntry],
    ) -> io::Result<Self> {
        let mut state = State::default();
        for entry in entries {
            let path = folder.join(&entry.name);
            if let Some(number) = entry.name.split('.').next().and_then(|digits| digits.parse::<u64>().ok())
                && (is_ready_name(&entry.name) || is_leftover_name(&entry.name))
            {
                state.next_name = state.next_name.max(number.saturating_add(1));
            }
            let usable =
                is_ready_name(&entry.name) && entry.bytes == segment_bytes && state.ready.len() < SPARES_MAX;
            if usable {
                let file = fs.open(&path, OpenMode::Write)?;
                state.ready.push_back(Spare { path, file, recycled: entry.name.ends_with(USED) });
            } else if is_ready_name(&entry.name) || is_leftover_name(&entry.name) {
                fs.remove(&path)?;
            }
        }
        Ok(Self {
            fs,
            folder: folder.to_path_buf(),
            segment_bytes,
            consumed: AtomicU64::new(0),
            short: AtomicBool::new(false),
            state: Mutex::new(state),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells how far the current segment is consumed.
    pub(crate) fn note_consumed(&self, offset: u64) {
        self.consumed.store(offset, Ordering::Relaxed);
    }

    /// Whether the last try to allocate failed.
    pub(crate) fn is_short(&self) -> bool {
        self.short.load(Ordering::Acquire)
    }

    /// Allocates what is missing, in the caller's time. A full disk is no error: the pool is short then.
    pub(crate) fn fill(&self) {
        self.fill_to(&mut self.state(), SPARES_WANTED);
    }

    /// Takes a ready file for use as a segment, the reserve if it must be; what is missing is allocated
    /// first. `None` when nothing is ready and nothing can be allocated.
    pub(crate) fn take(&self) -> Option<Spare> {
        let mut state = self.state();
        self.fill_to(&mut state, SPARES_WANTED);
        state.ready.pop_front()
    }

    /// Takes a ready file if one is there, or else allocates one: for the opening, which fills the pool later.
    pub(crate) fn take_one(&self) -> Option<Spare> {
        let mut state = self.state();
        self.fill_to(&mut state, 1);
        state.ready.pop_front()
    }

    /// Takes over a segment that is no longer needed, or removes it where the pool has enough or the file
    /// cannot be used again. The change of names is synced.
    pub(crate) fn retire(&self, path: &Path, reusable: bool) -> io::Result<()> {
        let mut state = self.state();
        let file = self.fs.open(path, OpenMode::Write)?;
        if reusable && state.ready.len() < SPARES_MAX && file.bytes()? == self.segment_bytes {
            let spare = self.folder.join(format!("{:020}{USED}", state.next_name));
            state.next_name += 1;
            self.fs.rename(path, &spare)?;
            state.ready.push_back(Spare { path: spare, file, recycled: true });
        } else {
            drop(file);
            self.fs.remove(path)?;
        }
        self.fs.sync_dir(&self.folder)
    }

    fn fill_to(&self, state: &mut State, wanted: usize) {
        while state.ready.len() < wanted {
            if let Err(error) = self.fill_some(state, WAITED_BYTES) {
                self.note_failure(state, &error);
                return;
            }
        }
        self.note_success(state);
    }

    /// Writes the next piece of the file in the making, and finishes it when that was the last.
    fn fill_some(&self, state: &mut State, bytes_max: u64) -> io::Result<()> {
        let mut filling = match state.filling.take() {
            Some(filling) => filling,
            None => {
                let name_number = state.next_name;
                let path = self.folder.join(format!("{name_number:020}{FILLING}"));
                state.next_name += 1;
                let file = self.fs.open(&path, OpenMode::Create)?;
                Filling { name_number, path, file, filled: 0 }
            }
        };
        let piece = bytes_max.min(self.segment_bytes - filling.filled);
        let written = filling.file.write_all_at(&vec![0; piece as usize], filling.filled);
        if let Err(error) = written.and_then(|()| filling.file.sync_data()) {
            if error.kind() == io::ErrorKind::StorageFull {
                // What was filled keeps its place: the next try goes on from there.
                state.filling = Some(filling);
            } else {
                // After any other failure nobody knows what the file holds: begin anew with another.
                let _ = self.fs.remove(&filling.path);
            }
            return Err(error);
        }
        filling.filled += piece;
        if filling.filled < self.segment_bytes {
            state.filling = Some(filling);
            return Ok(());
        }
        filling.file.sync_all()?;
        let path = self.folder.join(format!("{:020}{SPARE}", filling.name_number));
        self.fs.rename(&filling.path, &path)?;
        self.fs.sync_dir(&self.folder)?;
        state.ready.push_back(Spare { path, file: filling.file, recycled: false });
        Ok(())
    }

    fn note_failure(&self, state: &mut State, error: &io::Error) {
        if !self.short.swap(true, Ordering::AcqRel) {
            tracing::warn!(folder = %self.folder.display(), %error, "the journal's next segment cannot be allocated");
        }
        state.failures = state.failures.saturating_add(1);
        state.skip = 1_u32.checked_shl(state.failures).unwrap_or(SKIPPED_STEPS_MAX).min(SKIPPED_STEPS_MAX);
    }

    fn note_success(&self, state: &mut State) {
        if state.ready.len() >= SPARES_WANTED {
            (state.failures, state.skip) = (0, 0);
            if self.short.swap(false, Ordering::AcqRel) {
                tracing::info!(folder = %self.folder.display(), "the journal has its reserve again");
            }
        }
    }

    /// Whether filling is behind: at half of the current segment everything missing must be there. While
    /// the pool is short there is no pace, because then nothing may be consumed until it is whole again.
    fn is_due(&self, state: &State) -> bool {
        let missing = SPARES_WANTED.saturating_sub(state.ready.len()) as u64;
        if missing == 0 || self.is_short() {
            return missing > 0;
        }
        let consumed = self.consumed.load(Ordering::Relaxed);
        let total = missing * self.segment_bytes;
        let allowed_left = total.saturating_sub(consumed.saturating_mul(2).saturating_mul(missing));
        let filled = state.filling.as_ref().map_or(0, |filling| filling.filled);
        total - filled > allowed_left
    }
}

impl Maintenance for Pool {
    fn step(&self) -> bool {
        let mut state = self.state();
        if !self.is_due(&state) {
            return false;
        }
        if state.skip > 0 {
            state.skip -= 1;
            return false;
        }
        match self.fill_some(&mut state, STEP_BYTES) {
            Ok(()) => self.note_success(&mut state),
            Err(error) => {
                self.note_failure(&mut state, &error);
                return false;
            }
        }
        self.is_due(&state)
    }
}
