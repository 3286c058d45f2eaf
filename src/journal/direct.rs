//! Durable writes past the page cache: whole blocks, from memory that is aligned to them.
//!
//! A frame begins where the last one ended, so the block in which it begins is written again, with what it held and
//! the frame behind that. What stood there is written with the same bytes: a sector that a cut leaves old or new
//! holds it either way. The page cache does no less, for it too writes the whole block that a frame begins in.
//!
//! 1. What the kept part holds is what the file holds in that block up to the last frame: nobody else writes to the
//!    segment while this exists.
//! 2. Behind the frame, up to the end of the block, stand zeros. Segments are multiples of a block long, so there is
//!    always room for them.

use std::io;
use std::path::Path;

use crate::port::fs::{DIRECT_BLOCK_BYTES, Fs, FsFile, read_full_at};

use super::file_log::BUFFER_BYTES_KEPT;

/// Memory whose first byte lies at a multiple of a block.
#[derive(Debug, Default)]
struct Aligned {
    bytes: Vec<u8>,
}

impl Aligned {
    /// At least `length` bytes. When they have to be taken anew, the first `kept` are carried over.
    fn at_least(&mut self, length: usize, kept: usize) -> &mut [u8] {
        if self.bytes.len() < length + DIRECT_BLOCK_BYTES {
            let mut wider = Self { bytes: vec![0; length.next_power_of_two() + DIRECT_BLOCK_BYTES] };
            let old = self.blocks();
            for (to, from) in wider.blocks().iter_mut().zip(old.iter().take(kept)) {
                *to = *from;
            }
            *self = wider;
        }
        self.blocks()
    }

    fn blocks(&mut self) -> &mut [u8] {
        let start = self.bytes.as_ptr().addr().wrapping_neg() % DIRECT_BLOCK_BYTES;
        self.bytes.get_mut(start..).unwrap_or_default()
    }

    /// Gives memory back that only an oversized batch needed, but for the first `kept` bytes.
    fn shrink(&mut self, kept: usize) {
        if self.bytes.len() > BUFFER_BYTES_KEPT {
            let mut narrow = Self::default();
            let old = self.blocks();
            narrow.at_least(kept, 0).iter_mut().zip(old.iter().take(kept)).for_each(|(to, from)| *to = *from);
            *self = narrow;
        }
    }
}

/// A segment that is written past the page cache.
#[derive(Debug)]
pub(super) struct Direct {
    file: Box<dyn FsFile>,
    /// Begins with what the block at `end` holds before `end`.
    memory: Aligned,
    end: u64,
}

impl Direct {
    /// Opens the segment, whose frames end at `end`; `cached` is the same file, open for reading.
    pub(super) fn open(fs: &dyn Fs, path: &Path, cached: &dyn FsFile, end: u64) -> io::Result<Self> {
        let mut memory = Aligned::default();
        let kept = kept_bytes(end);
        let block = memory.at_least(DIRECT_BLOCK_BYTES, 0).get_mut(..kept).unwrap_or_default();
        if read_full_at(cached, block, end - kept as u64)? < kept {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let file = fs.open_direct(path)?;
        // Filling the segment has left it in the page cache, where each write would have to throw a part of it out.
        cached.forget_cached();
        Ok(Self { file, memory, end })
    }

    /// Writes the block before the end once more as it is: some file systems refuse only the first write.
    pub(super) fn prove(&mut self, cached: &dyn FsFile) -> io::Result<()> {
        let begin = self.end.saturating_sub(1) / DIRECT_BLOCK_BYTES as u64 * DIRECT_BLOCK_BYTES as u64;
        let mut memory = Aligned::default();
        let block = memory.at_least(DIRECT_BLOCK_BYTES, 0).get_mut(..DIRECT_BLOCK_BYTES).unwrap_or_default();
        if read_full_at(cached, block, begin)? < block.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.file.write_all_at(block, begin)
    }

    /// Writes a frame behind the last one; it is durable when this returns.
    pub(super) fn append(&mut self, frame: &[u8]) -> io::Result<()> {
        let kept = kept_bytes(self.end);
        let filled = kept + frame.len();
        let until = filled.next_multiple_of(DIRECT_BLOCK_BYTES);
        let blocks = self.memory.at_least(until, kept);
        if let Some(place) = blocks.get_mut(kept..filled) {
            place.copy_from_slice(frame);
        }
        blocks.get_mut(filled..until).unwrap_or_default().fill(0);
        self.file.write_all_at(blocks.get(..until).unwrap_or_default(), self.end - kept as u64)?;
        self.end += frame.len() as u64;
        let kept = kept_bytes(self.end);
        blocks.copy_within(filled - kept..filled, 0);
        self.memory.shrink(kept);
        Ok(())
    }
}

/// Bytes of the block at `end` that stand before it.
fn kept_bytes(end: u64) -> usize {
    (end % DIRECT_BLOCK_BYTES as u64) as usize
}

/// Whether an error says that a file cannot be written so, and nothing about the disk.
pub(super) fn is_refusal(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported)
}
