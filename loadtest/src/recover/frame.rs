//! What a child says: one JSON document a line. A line that the kill cut off was never said.

use std::io::{BufRead, Write};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::invariant::Units;
use crate::process::Memory;
use crate::store::Recovery;

/// What a child says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Frame {
    /// So many orders are where they will rest.
    Built(u64),
    /// A snapshot was taken.
    Snapshot(SnapshotTaken),
    /// Everything is built; this is the state.
    Cut(Box<AtCut>),
    /// All orders of this batch behind the cut were placed.
    Acknowledged(u32),
    /// Bytes done and in all, of a file or the journal.
    Reading(u64, u64),
    /// An answer or a state that the workload does not expect.
    Fault(String),
    /// A folder was opened and proved.
    Opened(Box<Opened>),
    /// A state was rebuilt.
    Rebuilt(Rebuilt),
}

/// A snapshot as the engine reported it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SnapshotTaken {
    /// Everything before this sequence number is in it.
    pub(crate) low: u64,
    /// Orders in it.
    pub(crate) orders: u64,
    /// Its length.
    pub(crate) bytes: u64,
    /// Milliseconds from its low mark to its publication.
    pub(crate) millis: u64,
}

/// The state of the engine that built it, with nothing in flight.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct AtCut {
    /// The next sequence number.
    pub(crate) sequence: u64,
    /// The state hash.
    pub(crate) state_hash: String,
    /// Orders.
    pub(crate) orders: u64,
    /// Holds over all SKUs.
    pub(crate) holds: u64,
    /// Units reserved, committed and shipped, over all SKUs.
    pub(crate) units: [u128; 3],
    /// Seconds that building took, the snapshot beside it included.
    pub(crate) seconds: f64,
    /// What memory orders and their holds take.
    pub(crate) memory: Memory,
}

/// What opening a folder took, and what was in it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Opened {
    /// The engine's own report.
    pub(crate) recovery: Recovery,
    /// Milliseconds of the phases.
    pub(crate) phases: Phases,
    /// Entities and bytes of the snapshot; `None` for the journal alone.
    pub(crate) loaded: Option<(u64, u64)>,
    /// Snapshots that could not be used, with the reasons.
    pub(crate) refused: Vec<String>,
    /// The state hash after recovery.
    pub(crate) state_hash: String,
    /// Orders.
    pub(crate) orders: u64,
    /// Orders behind the cut that were acknowledged, and those that were not and are there all the same.
    pub(crate) acknowledged: u64,
    /// Orders behind the cut that nobody was told of.
    pub(crate) in_doubt: u64,
    /// Units over all SKUs.
    pub(crate) units: Units,
    /// SKUs that sold more than came in, or lost units.
    pub(crate) broken_skus: Vec<String>,
    /// Acknowledged orders that are missing or in another state; at most a few of them.
    pub(crate) lost: Vec<String>,
    /// How many there are.
    pub(crate) lost_count: u64,
    /// What the engine's audit found, where the state is small enough for it.
    pub(crate) audit: Option<Vec<String>>,
    /// Resident memory.
    pub(crate) memory: Memory,
}

/// Milliseconds of each phase of an opening.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Phases {
    /// Loading the snapshot.
    pub(crate) load: u64,
    /// Replaying what came after it.
    pub(crate) replay: u64,
    /// Settling: every entity put to rest in its registry.
    pub(crate) settle: u64,
    /// What is left: the tail written again, sagas driven on, the first commit.
    pub(crate) rest: u64,
    /// From the first byte to the engine's being open.
    pub(crate) whole: u64,
}

/// A state that was rebuilt by the tools.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rebuilt {
    /// The state hash.
    pub(crate) state_hash: String,
    /// Records that it is made of.
    pub(crate) records: u64,
    /// Events in them.
    pub(crate) events: u64,
    /// Milliseconds of reading and applying.
    pub(crate) replay_millis: u64,
    /// Milliseconds of the state hash.
    pub(crate) hash_millis: u64,
}

/// Says something to the parent; lines are whole, whoever speaks.
pub(crate) fn say(frame: &Frame) -> Result<()> {
    let mut line = serde_json::to_string(frame)?;
    line.push('\n');
    let mut out = std::io::stdout().lock();
    out.write_all(line.as_bytes()).and_then(|()| out.flush()).context("writing to the parent")
}

/// The next thing that a child says; `None` at the end, also when the end cut a line off.
pub(crate) fn hear(from: &mut impl BufRead) -> Result<Option<Frame>> {
    let mut line = String::new();
    from.read_line(&mut line).context("reading from the child")?;
    match line.strip_suffix('\n') {
        None => Ok(None),
        Some(line) => {
            serde_json::from_str(line).map(Some).with_context(|| format!("the child said `{line}`"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_cut_at_any_byte_give_exactly_the_whole_ones_before_the_cut() -> Result<()> {
        let frames = [
            Frame::Built(7),
            Frame::Cut(Box::default()),
            Frame::Fault("a\nb".to_owned()),
            Frame::Acknowledged(3),
        ];
        let mut bytes = Vec::new();
        let mut ends = Vec::new();
        for frame in &frames {
            bytes.extend(serde_json::to_vec(frame)?);
            bytes.push(b'\n');
            ends.push(bytes.len());
        }
        for cut in 0..=bytes.len() {
            let mut from = &bytes[..cut];
            let mut heard = Vec::new();
            while let Some(frame) = hear(&mut from)? {
                heard.push(frame);
            }
            let whole = ends.iter().filter(|end| **end <= cut).count();
            assert_eq!(heard, frames[..whole], "cut at {cut}");
        }
        Ok(())
    }

    #[test]
    fn a_line_that_no_child_says_is_an_error() {
        assert!(hear(&mut &b"what?\n"[..]).is_err());
    }
}
