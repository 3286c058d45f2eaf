//! What the journal's tests share.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use earmark::domain::time::Timestamp;
use earmark::journal::log::{Appended, Batch, CommitLog, Durability, LogError, StoredBatch};
use earmark::journal::{FileLog, LogOptions, Stopped, Tail, segment};
use earmark::port::fs_sim::SimFs;

/// Small segments, so that a short run rotates.
pub const SEGMENT_BYTES: u64 = segment::SEGMENT_BYTES_MIN;

pub fn folder() -> &'static Path {
    Path::new("/journal")
}

pub fn options(durability: Durability) -> LogOptions {
    LogOptions { durability, segment_bytes: SEGMENT_BYTES, ..LogOptions::default() }
}

pub fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub fn claim(fs: &SimFs) -> Result<earmark::journal::Opening, LogError> {
    FileLog::claim(Arc::new(fs.clone()), folder(), options(Durability::Disk))
}

/// Reads everything and serves.
pub fn open(fs: &SimFs) -> Result<(FileLog, Tail, Vec<StoredBatch>), LogError> {
    open_with(fs, options(Durability::Disk))
}

pub fn open_with(fs: &SimFs, options: LogOptions) -> Result<(FileLog, Tail, Vec<StoredBatch>), LogError> {
    let mut opening = FileLog::claim(Arc::new(fs.clone()), folder(), options)?;
    let mut batches = Vec::new();
    let read = opening.read(|batch, _| {
        batches.push(batch.clone());
        Ok::<(), Infallible>(())
    });
    let tail = match read {
        Ok(tail) => tail,
        Err(Stopped::Log(error)) => return Err(error),
        Err(Stopped::Visitor(never)) => match never {},
    };
    Ok((opening.serve(at(1))?, tail, batches))
}

/// The payload that batch `index` of a test has: its content follows from the number.
pub fn payload(index: u64, bytes: usize) -> Vec<u8> {
    (0..bytes as u64)
        .map(|offset| (index.wrapping_mul(31).wrapping_add(offset * 7) % 251) as u8 + 1)
        .collect()
}

pub fn append(log: &mut FileLog, index: u64, bytes: usize) -> Result<Appended, LogError> {
    log.append(Batch { count: 2, payload: &payload(index, bytes), at: at(index) })
}

/// Payloads of the batches that have records.
pub fn payloads(batches: &[StoredBatch]) -> Vec<Vec<u8>> {
    batches.iter().filter(|batch| batch.count > 0).map(|batch| batch.payload.to_vec()).collect()
}

/// Batches without a gap in numbers and sequences, whose payloads are those appended.
pub fn assert_contiguous(batches: &[StoredBatch]) {
    for pair in batches.windows(2) {
        assert_eq!(pair[1].number, pair[0].number + 1);
        assert_eq!(pair[1].first_sequence, pair[0].end().sequence);
        assert!(pair[1].epoch >= pair[0].epoch);
    }
}

/// The files that make up the log.
pub fn segments(fs: &SimFs) -> Vec<(PathBuf, Vec<u8>)> {
    fs.files().into_iter().filter(|(path, _)| path.extension().is_some_and(|it| it == "seg")).collect()
}

/// Every file as it stands.
pub fn image(fs: &SimFs) -> Vec<(PathBuf, Vec<u8>)> {
    fs.files().into_iter().collect()
}

/// The seed of a random test: printed, and taken from the environment to repeat a failure.
pub fn seed() -> u64 {
    let seed = std::env::var("EARMARK_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0x5eed);
    eprintln_seed(seed);
    seed
}

#[allow(clippy::print_stderr, reason = "a failing run must show its seed")]
fn eprintln_seed(seed: u64) {
    eprintln!("EARMARK_SEED={seed}");
}
