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
use crate::lifecycle::Schedule;

/// Bytes of one appended record, about those of a journal frame with one reservation.
const RECORD_BYTES: usize = 200;

/// Bytes of one record of an open loop: a block, the least that is written past the page cache.
const BLOCK_BYTES: usize = 4 * 1024;

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

    /// Appends a block and syncs it at each moment of the schedule, or as soon after it as the one before is done;
    /// the values are the times from these moments to the end of the sync.
    pub(crate) fn measure_open(&mut self, schedule: &Schedule) -> Result<Histogram<u64>> {
        let mut histogram = latency::histogram()?;
        let block = [0x5au8; BLOCK_BYTES];
        for intended in (0..).map_while(|number| schedule.intended(number)) {
            std::thread::sleep(intended.saturating_duration_since(Instant::now()));
            self.append(&block).with_context(|| format!("writing {}", self.path.display()))?;
            latency::record(&mut histogram, intended.elapsed());
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
    fn an_open_loop_appends_at_every_moment_and_counts_from_it() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let mut raw = RawSync::new(folder.path())?;
        // All of it lies a second back, so that nothing is waited for.
        let start =
            Instant::now().checked_sub(Duration::from_secs(1)).expect("the machine is up for that long");
        let schedule = Schedule::new(start, start + Duration::from_millis(100), 100.0);
        let histogram = raw.measure_open(&schedule)?;
        assert_eq!(histogram.len(), 10);
        assert!(histogram.min() >= 890_000_000, "{}", histogram.min());
        Ok(())
    }

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
