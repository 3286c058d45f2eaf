//! All ways at one length of batches, in turns.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use rustix::time::{ClockId, clock_gettime};

use super::track::{Sizes, Track};
use super::way::Way;
use crate::latency;

/// What became of one way.
pub(super) struct Cell {
    pub(super) way: Way,
    /// What was measured, or why nothing could be.
    pub(super) measured: Result<Measured, String>,
}

/// All slices of one way.
pub(super) struct Measured {
    /// Every batch: from before the write until it is durable, putting it together included, and the wait for a
    /// processor not.
    pub(super) latency: Histogram<u64>,
    /// Medians of the slices in nanoseconds, by rounds.
    pub(super) medians: Vec<f64>,
    /// Processor time of the writing thread, in the kernel too.
    pub(super) processor: Duration,
    /// Time for which the thread could have run and had no processor, beside `latency`.
    pub(super) waited: Duration,
    /// Bytes that were written, padding and what was written again included.
    pub(super) written_bytes: u64,
}

impl Measured {
    fn new() -> Result<Self> {
        Ok(Self {
            latency: latency::histogram()?,
            medians: Vec::new(),
            processor: Duration::ZERO,
            waited: Duration::ZERO,
            written_bytes: 0,
        })
    }

    /// One slice.
    fn run(&mut self, track: &mut Track, batch: &[u8], slice: Duration, queue: &RunQueue) -> Result<()> {
        let mut latency = latency::histogram()?;
        let mut counted = Duration::ZERO;
        while counted < slice {
            track.make_room()?;
            let (waited, busy) = (queue.waited(), processor_time());
            let started = Instant::now();
            self.written_bytes += track.append(batch)? as u64;
            let elapsed = started.elapsed();
            self.processor += processor_time().saturating_sub(busy);
            let waited = queue.waited().saturating_sub(waited);
            self.waited += waited;
            latency::record(&mut latency, elapsed.saturating_sub(waited));
            counted += elapsed;
        }
        self.medians.push(latency.value_at_quantile(0.5) as f64);
        self.latency.add(latency).context("adding histograms")
    }
}

/// Processor time of this thread so far.
fn processor_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

/// What the system says about this thread's waits for a processor. On a busy machine they are longer than what is
/// measured and say nothing about the disk.
struct RunQueue {
    statistics: Option<File>,
}

impl RunQueue {
    fn look() -> Self {
        Self { statistics: File::open("/proc/thread-self/schedstat").ok() }
    }

    /// The wait so far; zero where the system does not tell.
    fn waited(&self) -> Duration {
        let mut text = [0; 96];
        let read = self.statistics.as_ref().and_then(|file| file.read_at(&mut text, 0).ok()).unwrap_or(0);
        text.get(..read).and_then(waited_of).unwrap_or_default()
    }
}

/// The second of three numbers, in nanoseconds.
pub(super) fn waited_of(statistics: &[u8]) -> Option<Duration> {
    let text = std::str::from_utf8(statistics).ok()?;
    Some(Duration::from_nanos(text.split_whitespace().nth(1)?.parse().ok()?))
}

/// What is measured.
pub(super) struct Plan<'a> {
    pub(super) folder: &'a Path,
    pub(super) sizes: Sizes,
    pub(super) rounds: u32,
    pub(super) slice: Duration,
    pub(super) seed: u64,
}

/// Lets every way have its slice in every round.
pub(super) fn measure(plan: &Plan<'_>, ways: &[Way]) -> Result<Vec<Cell>> {
    let mut cells = Vec::new();
    let mut tracks = Vec::new();
    for way in ways {
        match Track::lay(plan.folder, *way, plan.sizes) {
            Ok(track) => {
                tracks.push((cells.len(), track));
                cells.push(Cell { way: *way, measured: Ok(Measured::new()?) });
            }
            Err(error) if is_refusal(&error) => {
                cells.push(Cell { way: *way, measured: Err(error.to_string()) });
            }
            Err(error) => {
                return Err(error).with_context(|| format!("filling a file in {}", plan.folder.display()));
            }
        }
    }
    let batch = vec![0x5a; plan.sizes.batch];
    let queue = RunQueue::look();
    let mut random = fastrand::Rng::with_seed(plan.seed);
    for _ in 0..plan.rounds {
        random.shuffle(&mut tracks);
        for (index, track) in &mut tracks {
            if let Some(Cell { measured: Ok(measured), .. }) = cells.get_mut(*index) {
                measured.run(track, &batch, plan.slice, &queue)?;
            }
        }
    }
    Ok(cells)
}

/// Whether the error says that the way is not to be had here.
fn is_refusal(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported)
}
