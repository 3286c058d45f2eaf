//! What was measured, as a table and as one JSON document.

use std::path::Path;

use serde::Serialize;

use super::Arguments;
use super::cell::{Cell, Measured};
use super::way::Way;
use crate::latency::Quantiles;
use crate::lifecycle::Machine;
use crate::{report, stats};

/// What has to be known to read the figures.
const NOTES: [&str; 5] = [
    "a time runs from before the write until the batch is durable; putting the batch together is in it, filling the file is not",
    "waited: time per batch for which the thread had to wait for a processor, as Linux tells it; it is not in the times",
    "p50 of plain: the median, over the rounds, of the way's p50 divided by that of `plain` in the same round; below 1 is faster",
    "processor: time of the writing thread per batch, in the kernel too; what interrupts and other threads do is not in it",
    "past the page cache, packed batches write their last block again with the next batch",
];

/// The header cells that belong to [`Row::cells`].
const HEADER: [&str; 11] = [
    "bytes",
    "way",
    "batches",
    "p50",
    "p90",
    "p99",
    "p50 of plain",
    "p99 of plain",
    "processor",
    "waited",
    "written",
];

/// One way at one length.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    batch_bytes: usize,
    #[serde(flatten)]
    way: Way,
    latency: Quantiles,
    /// Median over the rounds of p50 by `plain`'s p50.
    pub(super) p50_ratio: Option<f64>,
    /// p99 of all batches by `plain`'s.
    p99_ratio: Option<f64>,
    /// Processor time per batch.
    processor_us: f64,
    /// Wait for a processor per batch; not part of the latency.
    waited_us: f64,
    /// Bytes written per batch.
    written_bytes: f64,
}

/// A way that is not to be had here.
#[derive(Debug, Serialize)]
pub(super) struct Refused {
    batch_bytes: usize,
    #[serde(flatten)]
    way: Way,
    why: String,
}

/// A whole run.
#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    machine: Machine,
    /// How busy the machine was in the last minute of the run, this program included.
    load_after: String,
    block_bytes: usize,
    rounds: u32,
    slice_ms: u64,
    seed: u64,
    notes: [&'static str; 5],
    pub(super) rows: Vec<Row>,
    pub(super) refused: Vec<Refused>,
}

impl Outcome {
    pub(super) fn new(arguments: &Arguments, folder: &Path) -> Self {
        Self {
            machine: Machine::look(folder),
            load_after: String::new(),
            block_bytes: arguments.block,
            rounds: arguments.rounds,
            slice_ms: arguments.slice,
            seed: arguments.seed,
            notes: NOTES,
            rows: Vec::new(),
            refused: Vec::new(),
        }
    }

    /// Adds all ways at one length.
    pub(super) fn add(&mut self, batch_bytes: usize, cells: &[Cell]) {
        let yardstick =
            cells.iter().find(|cell| cell.way == Way::YARDSTICK).and_then(|cell| cell.measured.as_ref().ok());
        for cell in cells {
            match &cell.measured {
                Ok(measured) => self.rows.push(Row::of(batch_bytes, cell.way, measured, yardstick)),
                Err(why) => {
                    self.refused.push(Refused { batch_bytes, way: cell.way, why: why.clone() });
                }
            }
        }
    }

    /// Looks at the machine again.
    pub(super) fn note_load(&mut self) {
        self.load_after = Machine::look(Path::new("")).load_before;
    }

    /// Prints the table.
    pub(super) fn print(&self, markdown: bool) {
        let machine = &self.machine;
        report::line(&format!(
            "{}, {} cores, {}, {}; blocks of {} bytes; {} rounds with slices of {} ms, interleaved; load average {} before and {} after",
            machine.processor,
            machine.processors,
            machine.system,
            machine.file_system,
            self.block_bytes,
            self.rounds,
            self.slice_ms,
            machine.load_before,
            self.load_after,
        ));
        self.notes.iter().for_each(|note| report::line(&format!("- {note}")));
        let rows = self.rows.iter().map(Row::cells);
        if markdown {
            report::line("");
            report::markdown(&HEADER, rows);
        } else {
            report::rows(&HEADER, 2, &rows.collect::<Vec<_>>());
        }
        for refused in &self.refused {
            let (bytes, way) = (refused.batch_bytes, refused.way.name());
            report::line(&format!("NOT MEASURED: {way}, {bytes} bytes: {}", refused.why));
        }
    }
}

impl Row {
    fn of(batch_bytes: usize, way: Way, measured: &Measured, yardstick: Option<&Measured>) -> Self {
        let latency = Quantiles::of(&measured.latency);
        let batches = latency.count.max(1) as f64;
        Self {
            batch_bytes,
            way,
            p50_ratio: yardstick.and_then(|yardstick| stats::ratio(&measured.medians, &yardstick.medians)),
            p99_ratio: yardstick.map(|yardstick| latency.p99_us / Quantiles::of(&yardstick.latency).p99_us),
            processor_us: measured.processor.as_secs_f64() * 1e6 / batches,
            waited_us: measured.waited.as_secs_f64() * 1e6 / batches,
            written_bytes: measured.written_bytes as f64 / batches,
            latency,
        }
    }

    fn cells(&self) -> Vec<String> {
        let ratio = |ratio: Option<f64>| ratio.map_or("?".to_owned(), |ratio| format!("{ratio:.2}"));
        vec![
            report::count(self.batch_bytes as u64),
            self.way.name(),
            report::count(self.latency.count),
            report::duration(self.latency.p50_us),
            report::duration(self.latency.p90_us),
            report::duration(self.latency.p99_us),
            ratio(self.p50_ratio),
            ratio(self.p99_ratio),
            report::duration(self.processor_us),
            report::duration(self.waited_us),
            // A mean of lengths is never negative, and far below 2^53.
            report::count(self.written_bytes.round() as u64),
        ]
    }
}
