//! Faults of reading, of bits that turn over, and the count of all that was injected.

use std::io;
use std::path::Path;

use super::{SimFs, SplitMix, State, broken};

/// Faults that really came about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Injected {
    /// Writes that failed.
    pub writes: u64,
    /// Syncs that failed.
    pub syncs: u64,
    /// Reads that failed.
    pub reads: u64,
    /// Reads that gave less than was asked for and there was.
    pub short_reads: u64,
    /// Writes for which there was no room.
    pub full: u64,
    /// Whether the power went, at an operation that was chosen for it.
    pub power_off: bool,
}

impl Injected {
    /// Whether anything happened after which a call may fail.
    #[must_use]
    pub const fn any_failure(&self) -> bool {
        self.writes + self.syncs + self.reads + self.full > 0 || self.power_off
    }
}

/// How reads fail.
#[derive(Clone, Debug, Default)]
pub(super) struct Reading {
    count: u64,
    failing: Option<u64>,
    short: Option<SplitMix>,
}

impl State {
    /// Takes an operation into the digest.
    pub(super) fn note(&mut self, what: u64, offset: u64, bytes: &[u8]) {
        for part in [what, offset, bytes.len() as u64, u64::from(crc32c::crc32c(bytes))] {
            self.digest = SplitMix::new(self.digest ^ part).next_u64();
        }
    }

    /// Reads at most `buffer.len()` bytes of a file; by the faults that are set, fewer or none.
    pub(super) fn read(&mut self, id: u64, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.reading.count += 1;
        if self.reading.failing == Some(self.reading.count) {
            self.injected.reads += 1;
            return Err(broken("the read failed"));
        }
        let content = self.inodes.get(&id).map(|inode| inode.cached.as_slice()).unwrap_or_default();
        let from = content.get(offset as usize..).unwrap_or_default();
        let mut bytes = from.len().min(buffer.len());
        if let Some(random) = self.reading.short.as_mut().filter(|_| bytes > 1)
            && random.below(2) == 0
        {
            bytes = 1 + random.below(bytes as u64 - 1) as usize;
            self.injected.short_reads += 1;
        }
        if let (Some(target), Some(source)) = (buffer.get_mut(..bytes), from.get(..bytes)) {
            target.copy_from_slice(source);
        }
        Ok(bytes)
    }
}

impl SimFs {
    /// Makes the nth read from here fail (1 for the next); those after it succeed.
    pub fn fail_read(&self, nth: u64) {
        let mut state = self.state();
        state.reading.failing = Some(state.reading.count + nth);
    }

    /// Makes every other read or so give less than it could, by the seed.
    pub fn short_reads(&self, seed: u64) {
        self.state().reading.short = Some(SplitMix::new(seed));
    }

    /// Turns one bit of a file over, durably, as a disk does that rots. `false` when the file has no such byte.
    pub fn flip(&self, path: &Path, offset: usize, bit: u8) -> bool {
        let mut state = self.state();
        let Some(id) = state.names.get(path).copied() else { return false };
        let Ok(inode) = state.inode(id) else { return false };
        let turn = |content: &mut Vec<u8>| match content.get_mut(offset) {
            Some(byte) => {
                *byte ^= 1 << (bit % 8);
                true
            }
            None => false,
        };
        turn(&mut inode.durable) | turn(&mut inode.cached)
    }

    /// What a power cut leaves when some of the unsynced changes survive, by the seed, and some of these with a
    /// bit turned over.
    #[must_use]
    pub fn crash_garbled(&self, seed: u64) -> Self {
        self.crash_by(seed, true)
    }

    /// A number that follows from every operation so far, what was written and where: two runs that did the same
    /// have the same.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.state().digest
    }

    /// What was injected so far.
    #[must_use]
    pub fn injected(&self) -> Injected {
        let state = self.state();
        Injected { power_off: state.powered_off, ..state.injected }
    }
}
