//! A file that is written in one way, over and over.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::way::{Layout, Way};

/// The longest block: memory is aligned to it whatever the blocks are.
const BLOCK_BYTES_MAX: usize = 4096;

/// Bytes written at once while the file is filled.
const FILL_BYTES: usize = 1 << 20;

/// Memory whose first byte lies at a multiple of the longest block. It never grows, so it never moves.
struct Aligned {
    bytes: Vec<u8>,
    start: usize,
}

impl Aligned {
    fn new(length: usize) -> Self {
        let bytes = vec![0; length + BLOCK_BYTES_MAX];
        let start = bytes.as_ptr().addr().wrapping_neg() % BLOCK_BYTES_MAX;
        Self { bytes, start }
    }

    fn bytes(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.start..).unwrap_or_default()
    }
}

/// Lengths in bytes.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    pub(super) batch: usize,
    /// What direct writes are aligned to, and padded batches fill; 4096 at most.
    pub(super) block: usize,
    /// Of the file. At its end it is filled again.
    pub(super) file: usize,
}

/// A zero-filled, synced file and how it is written. The file is removed when this is dropped.
pub(super) struct Track {
    pub(super) way: Way,
    file: File,
    path: PathBuf,
    sizes: Sizes,
    /// Offset behind the last batch.
    end: usize,
    /// Where a batch is put together, in all ways alike; before it stands what the last block holds already, in those
    /// that write it again.
    buffer: Aligned,
}

impl Track {
    /// Makes and fills the file.
    ///
    /// # Errors
    /// `InvalidInput` or `Unsupported` where the file system or the system has no such way.
    pub(super) fn lay(folder: &Path, way: Way, sizes: Sizes) -> io::Result<Self> {
        let flags = way.mode.open_flags().ok_or(io::ErrorKind::Unsupported)?;
        let path = folder.join(format!("raw-{}", way.name().replace(", ", "-")));
        OpenOptions::new().create_new(true).write(true).open(&path)?;
        let opened = OpenOptions::new().read(true).write(true).custom_flags(flags).open(&path);
        let file = opened.inspect_err(|_| drop(std::fs::remove_file(&path)))?;
        // Room for what stands before a batch in its first block, and behind it in its last.
        let buffer = Aligned::new(sizes.batch.next_multiple_of(sizes.block) + sizes.block);
        let mut track = Self { way, file, path, sizes, end: 0, buffer };
        // Some file systems refuse the first write rather than the opening.
        track.append(&vec![0; sizes.batch])?;
        track.fill()?;
        Ok(track)
    }

    /// Fills the file with zeros, through the page cache as the journal does ahead of its writer, and starts over.
    fn fill(&mut self) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(&self.path)?;
        let zeros = vec![0; FILL_BYTES.min(self.sizes.file)];
        for piece in 0..self.sizes.file / zeros.len() {
            file.write_all_at(&zeros, (piece * zeros.len()) as u64)?;
        }
        file.sync_all()?;
        if self.way.mode.is_direct() {
            forget_cached(&file);
        }
        self.end = 0;
        Ok(())
    }

    /// Makes room for one more batch. Not to be counted: in a journal somebody else has done it by then.
    pub(super) fn make_room(&mut self) -> io::Result<()> {
        let until = (self.end + self.sizes.batch).next_multiple_of(self.sizes.block);
        if until > self.sizes.file { self.fill() } else { Ok(()) }
    }

    /// Appends a batch and answers how many bytes were written when it is durable.
    pub(super) fn append(&mut self, batch: &[u8]) -> io::Result<usize> {
        let block = self.sizes.block;
        let kept = if self.way.mode.is_direct() { self.end % block } else { 0 };
        let from = self.end - kept;
        let filled = kept + batch.len();
        let until = if self.way.writes_blocks() { filled.next_multiple_of(block) } else { filled };
        let buffer = self.buffer.bytes();
        let (Some(place), true) = (buffer.get_mut(kept..filled), batch.len() <= self.sizes.batch) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        place.copy_from_slice(batch);
        buffer.get_mut(filled..until).unwrap_or_default().fill(0);
        self.file.write_all_at(buffer.get(..until).unwrap_or_default(), from as u64)?;
        if self.way.mode.needs_sync() {
            self.file.sync_data()?;
        }
        if self.way.layout == Layout::Padded {
            self.end = from + until;
        } else {
            self.end = from + filled;
            if self.way.mode.is_direct() {
                buffer.copy_within(filled - filled % block..filled, 0);
            }
        }
        Ok(until)
    }

    /// What the file holds up to the end of the last batch, read through the page cache.
    #[cfg(test)]
    pub(super) fn content(&self) -> io::Result<Vec<u8>> {
        let mut content = vec![0; self.end];
        File::open(&self.path)?.read_exact_at(&mut content, 0)?;
        Ok(content)
    }
}

/// Throws the file out of the page cache, as whoever writes past it would: otherwise each write does that by itself.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn forget_cached(file: &File) {
    // A hint: where it is not taken, writes are slower.
    let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed);
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn forget_cached(_: &File) {}

impl Drop for Track {
    fn drop(&mut self) {
        // A file that is left is a nuisance and not a failure.
        let _ = std::fs::remove_file(&self.path);
    }
}
