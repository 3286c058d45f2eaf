//! The history of one entity, read out of the journal.
//!
//! There is no index of records by entity: the journal is read from a sequence number on, and what does not
//! hold the entity's id in its bytes is passed over without being decoded.

use crate::domain::ids::EntityId;
use crate::error::Error;
use crate::journal::{Cursor, LogError, LogReader, StoredBatch, record};
use crate::query::{Timeline, entries_of};
use crate::replay::{may_be_about, tagged};

/// About how many bytes are read at a time.
const READ_BYTES: usize = 1 << 20;

/// What is durable of an entity's history from a sequence number on, up to the record with which `limit`
/// entries are reached.
pub(crate) fn timeline(
    reader: &dyn LogReader,
    entity: &EntityId,
    from: u64,
    limit: usize,
) -> Result<Timeline, Error> {
    let (start, end) = (reader.start(), reader.end());
    let mut timeline =
        Timeline { first_sequence: start.sequence, entries: Vec::new(), next: None, retired_at: None };
    let mut cursor = Cursor { epoch: start.epoch, sequence: from.max(start.sequence) };
    while cursor.sequence < end.sequence {
        let batches = read(reader, cursor)?;
        let Some(last) = batches.last() else { break };
        let behind = last.end();
        for batch in &batches {
            timeline.next = take(batch, entity, cursor.sequence..end.sequence, limit, &mut timeline)?;
            if timeline.next.is_some() {
                return Ok(timeline);
            }
        }
        cursor = behind;
    }
    Ok(timeline)
}

/// Reads on from a sequence number, under whatever epoch the record before it was written.
fn read(reader: &dyn LogReader, cursor: Cursor) -> Result<Vec<StoredBatch>, LogError> {
    match reader.read(cursor, READ_BYTES) {
        Err(LogError::WrongEpoch { found, .. }) => {
            reader.read(Cursor { epoch: found, sequence: cursor.sequence }, READ_BYTES)
        }
        read => read,
    }
}

/// Adds what a batch says of the entity; answers where to go on when there are enough entries.
fn take(
    batch: &StoredBatch,
    entity: &EntityId,
    wanted: std::ops::Range<u64>,
    limit: usize,
    timeline: &mut Timeline,
) -> Result<Option<u64>, Error> {
    for (raw, sequence) in record::records(&batch.payload).zip(batch.first_sequence..) {
        if !wanted.contains(&sequence) {
            continue;
        }
        let unreadable = |detail| Error::Record { sequence, detail };
        let raw = raw.map_err(|error| unreadable(error.to_string()))?;
        if !may_be_about(raw, entity) {
            continue;
        }
        if timeline.entries.len() >= limit {
            return Ok(Some(sequence));
        }
        let record = tagged::decode(raw).map_err(|error| unreadable(error.to_string()))?;
        timeline.entries.extend(entries_of(entity, sequence, record));
    }
    Ok(None)
}
