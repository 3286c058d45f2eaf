//! The yardstick: what the disk under the engine can do, without an engine.
//!
//! A small record is appended to a file that was filled with zeros before, and synced, over and over, by
//! one thread: the least that any journal has to do for one durable answer.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hdrhistogram::Histogram;

use crate::latency;

/// Bytes of one appended record, about those of a journal frame with one reservation.
const RECORD_BYTES: usize = 200;

/// Bytes of the zero-filled file; appending starts over at its end.
const FILE_BYTES: usize = 32 * 1024 * 1024;

/// Bytes written at once while the file is filled.
const FILL_BYTES: usize = 1024 * 1024;

/// A zero-filled, synced file to append to. It is removed when this is dropped.
pub(crate) struct RawSync {
    file: File,
    path: PathBuf,
    offset: usize,
}

impl RawSync {
    /// Makes and zero-fills the file in `folder`.
    pub(crate) fn new(folder: &Path) -> Result<Self> {
        let path = folder.join("raw-sync");
        let doing = || format!("filling {}", path.display());
        let mut file =
            OpenOptions::new().create_new(true).read(true).write(true).open(&path).with_context(doing)?;
        let zeros = vec![0u8; FILL_BYTES];
        for _ in 0..FILE_BYTES / FILL_BYTES {
            file.write_all(&zeros).with_context(doing)?;
        }
        file.sync_all().with_context(doing)?;
        Ok(Self { file, path, offset: 0 })
    }

    /// Appends and syncs for `duration`; each append with its sync is one value in the histogram.
    pub(crate) fn measure(&mut self, duration: Duration) -> Result<Histogram<u64>> {
        let mut histogram = latency::histogram()?;
        let record = [0x5au8; RECORD_BYTES];
        let end = Instant::now() + duration;
        while Instant::now() < end {
            let started = Instant::now();
            self.append(&record).with_context(|| format!("writing {}", self.path.display()))?;
            latency::record(&mut histogram, started.elapsed());
        }
        Ok(histogram)
    }

    fn append(&mut self, record: &[u8]) -> std::io::Result<()> {
        if self.offset + record.len() > FILE_BYTES {
            self.offset = 0;
        }
        self.file.write_all_at(record, self.offset as u64)?;
        self.file.sync_data()?;
        self.offset += record.len();
        Ok(())
    }
}

impl Drop for RawSync {
    fn drop(&mut self) {
        // The folder is the run's own; a file left in it is a nuisance and not a failure.
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appends_are_counted_and_the_file_goes_with_its_owner() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let mut raw = RawSync::new(folder.path())?;
        let histogram = raw.measure(Duration::from_millis(20))?;
        assert!(!histogram.is_empty());
        drop(raw);
        assert_eq!(std::fs::read_dir(folder.path())?.count(), 0);
        Ok(())
    }
}
