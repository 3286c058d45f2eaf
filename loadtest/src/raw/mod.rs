//! What one durable write costs on this disk, by the way in which it is written. There is no engine in it.
//!
//! A batch is appended to a file that was filled with zeros before, as the journal's segments are, and the next one
//! follows when it is durable. The ways take turns in slices of some milliseconds, in another order each round, so
//! that a slow minute of the machine counts for all of them; ratios compare each round with itself.
//!
//! - `way`: how a batch is written. `track`: a file that is written in one way.
//! - `cell`: all ways at one length of batches. `result`: the table, and the JSON document.

mod cell;
mod result;
#[cfg(test)]
mod tests;
mod track;
mod way;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::ValueEnum;

use crate::report;
use crate::store::Folder;
use track::Sizes;
use way::{Mode, Way};

/// Length of each file, that of a segment unless configured otherwise.
const FILE_BYTES: usize = 64 << 20;

/// The longest batch that can be asked for; the file takes several of it.
const BATCH_BYTES_MAX: usize = 16 << 20;

/// Arguments of `raw`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Write only in these modes; in all when not given. Ratios need `plain` among them.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "MODE")]
    mode: Vec<Mode>,
    /// Lengths of batches, with K or M for 1,024 bytes or 1,048,576. One that is no multiple of a block is written
    /// packed (each batch begins where the last one ended) and padded (each begins a block).
    #[arg(long, value_delimiter = ',', value_name = "BYTES", default_values = ["200", "4K", "10000", "16K", "64K", "1M"], value_parser = parse_bytes)]
    bytes: Vec<usize>,
    /// Length of a block in bytes: what writes past the page cache are aligned to. 512 does where the disk has such
    /// sectors, 4096 everywhere.
    #[arg(long, default_value_t = 4_096, value_name = "BYTES", value_parser = parse_block)]
    block: usize,
    /// Rounds, in each of which every way has one slice.
    #[arg(long, default_value_t = 60, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rounds: u32,
    /// Milliseconds of a slice; a batch that has begun in it is finished and counts.
    #[arg(long, default_value_t = 25, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=60_000))]
    slice: u64,
    /// Chooses the order of the ways in each round.
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// An empty or new folder for the files; a temporary one otherwise. It decides which disk is measured. The files
    /// are removed in both cases.
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Print one JSON document instead of a table.
    #[arg(long)]
    json: bool,
    /// Print the table in Markdown, as the docs have it.
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
}

impl Arguments {
    fn modes(&self) -> Vec<Mode> {
        let all = Mode::value_variants().iter().copied();
        all.filter(|mode| self.mode.is_empty() || self.mode.contains(mode)).collect()
    }
}

fn parse_block(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(bytes @ (512 | 1_024 | 2_048 | 4_096)) => Ok(bytes),
        _ => Err("must be 512, 1024, 2048 or 4096".to_owned()),
    }
}

fn parse_bytes(text: &str) -> Result<usize, String> {
    let (digits, unit) = match text.as_bytes().last() {
        Some(b'K' | b'k') => (text.get(..text.len() - 1), 1 << 10),
        Some(b'M' | b'm') => (text.get(..text.len() - 1), 1 << 20),
        _ => (Some(text), 1),
    };
    let number = digits.and_then(|digits| digits.parse::<usize>().ok());
    let bytes = number.and_then(|number| number.checked_mul(unit));
    match bytes {
        Some(bytes) if (1..=BATCH_BYTES_MAX).contains(&bytes) => Ok(bytes),
        _ => Err("must be a number from 1 to 16M".to_owned()),
    }
}

/// Measures all ways at all lengths. Nothing is promised here, so the answer is `true`.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let folder = Folder::take(arguments.folder.as_deref())?;
    let mut outcome = result::Outcome::new(arguments, folder.path());
    for bytes in &arguments.bytes {
        report::note(&format!("batches of {bytes} bytes …"));
        let plan = cell::Plan {
            folder: folder.path(),
            sizes: Sizes { batch: *bytes, block: arguments.block, file: FILE_BYTES },
            rounds: arguments.rounds,
            slice: Duration::from_millis(arguments.slice),
            seed: arguments.seed,
        };
        let ways = Way::all(&arguments.modes(), *bytes, arguments.block);
        outcome.add(*bytes, &cell::measure(&plan, &ways)?);
    }
    outcome.note_load();
    ensure!(!outcome.rows.is_empty(), "this disk takes writes in none of these ways");
    if arguments.json {
        report::json(&outcome)?;
    } else {
        outcome.print(arguments.markdown);
    }
    Ok(true)
}
