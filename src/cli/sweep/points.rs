//! Where a journal can be cut: behind every record, and at every byte of its last batch.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::domain::time::Timestamp;
use crate::journal::StoredBatch;
use crate::journal::frame::frame_bytes;
use crate::replay::{Machine, Place, ReadError};

/// The last records of a journal, behind each of which it is cut even where only some points are chosen.
const LAST_RECORDS: u64 = 100;

/// Where a batch with records stands.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) segment: String,
    pub(super) offset: u64,
    pub(super) bytes: u64,
    pub(super) first: u64,
    pub(super) count: u32,
    /// Number of the batch.
    pub(super) number: u64,
    pub(super) at: Timestamp,
}

impl Frame {
    /// The last record of the batch.
    pub(super) fn last(&self) -> u64 {
        self.first + u64::from(self.count.saturating_sub(1))
    }
}

/// Notes where the batches stand.
#[derive(Debug, Default)]
pub(super) struct Frames(pub(super) Vec<Frame>);

impl Machine for Frames {
    fn take(&mut self, batch: &StoredBatch, place: Place<'_>) -> Result<ControlFlow<()>, ReadError> {
        if batch.count > 0 {
            self.0.push(Frame {
                segment: place.segment.to_owned(),
                offset: place.offset,
                bytes: frame_bytes(batch.payload.len()) as u64,
                first: batch.first_sequence,
                count: batch.count,
                number: batch.number,
                at: batch.at,
            });
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// Keeps the payloads of those batches that are to be cut in the middle.
#[derive(Debug)]
pub(super) struct Payloads<'a> {
    pub(super) wanted: &'a BTreeSet<u64>,
    /// By the first record of the batch.
    pub(super) found: BTreeMap<u64, Arc<[u8]>>,
}

impl Machine for Payloads<'_> {
    fn take(&mut self, batch: &StoredBatch, _: Place<'_>) -> Result<ControlFlow<()>, ReadError> {
        if self.wanted.contains(&batch.first_sequence) && batch.count > 0 {
            self.found.insert(batch.first_sequence, Arc::clone(&batch.payload));
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// A place at which the journal is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// Before the first record.
    Start,
    /// Behind a record: which frame, and how many of its records are left.
    Record { frame: usize, kept: u32 },
    /// Within the last frame: how many of its bytes are left.
    Byte { frame: usize, kept: u64 },
}

/// `many` numbers below `total`, evenly spread; all of them where there are no more.
fn spread(total: u64, many: u64) -> BTreeSet<u64> {
    if total <= many {
        return (0..total).collect();
    }
    (0..many).map(|index| (u128::from(index) * u128::from(total) / u128::from(many)) as u64).collect()
}

/// The places at which a journal is cut: `records_max` of those behind a record, and `bytes_max` of those within
/// the last frame.
pub(super) fn choose(frames: &[Frame], records_max: u64, bytes_max: u64) -> Vec<Cut> {
    let mut cuts = vec![Cut::Start];
    let total: u64 = frames.iter().map(|frame| u64::from(frame.count)).sum();
    let mut chosen = spread(total, records_max);
    chosen.extend(total.saturating_sub(LAST_RECORDS.min(records_max))..total);
    let mut before = 0;
    for (index, frame) in frames.iter().enumerate() {
        let behind = before + u64::from(frame.count);
        for number in chosen.range(before..behind) {
            let kept = u32::try_from(number - before + 1).unwrap_or(frame.count);
            cuts.push(Cut::Record { frame: index, kept });
        }
        before = behind;
    }
    if let (Some(last), Some(frame)) = (frames.len().checked_sub(1), frames.last()) {
        let bytes = spread(frame.bytes, bytes_max);
        cuts.extend(bytes.into_iter().map(|kept| Cut::Byte { frame: last, kept }));
    }
    cuts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(first: u64, count: u32) -> Frame {
        let at = Timestamp::from_millis(first);
        Frame { segment: String::new(), offset: 0, bytes: 10, first, count, number: first, at }
    }

    #[test]
    fn every_record_and_every_byte_of_the_last_frame_is_a_place_to_cut() {
        let cuts = choose(&[frame(1, 2), frame(3, 1)], 100, 100);
        let behind = |frame, kept| Cut::Record { frame, kept };
        assert_eq!(cuts.get(..4), Some(&[Cut::Start, behind(0, 1), behind(0, 2), behind(1, 1)][..]));
        let bytes: Vec<_> = (0..10).map(|kept| Cut::Byte { frame: 1, kept }).collect();
        assert_eq!(cuts.get(4..), Some(&bytes[..]));
        assert_eq!(choose(&[], 100, 100), [Cut::Start]);
    }

    #[test]
    fn a_long_journal_is_cut_at_spread_places_and_behind_its_last_records() {
        let frames: Vec<_> = (0..5_000).map(|n| frame(1 + 2 * n, 2)).collect();
        let cuts = choose(&frames, 500, 3);
        let records = cuts.iter().filter(|cut| matches!(cut, Cut::Record { .. })).count();
        assert!((500..=600).contains(&records), "{records}");
        assert_eq!(cuts.iter().filter(|cut| matches!(cut, Cut::Byte { .. })).count(), 3);
        assert!(cuts.contains(&Cut::Record { frame: 4_999, kept: 2 }));
        assert!(cuts.contains(&Cut::Record { frame: 4_960, kept: 1 }));
    }
}
