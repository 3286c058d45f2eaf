//! Replaying the journal: one thread reads, verifies and decodes batches, the other applies their records.

use std::sync::mpsc;

use super::world::{Decoded, World, decode};
use crate::error::Error;
use crate::journal::{Opening, Progress, Stopped, StoredBatch, Tail};

/// Records that are handed over at once, so that small batches do not cost a wake-up each.
const RECORDS_AT_ONCE: usize = 512;

/// Hand-overs that may wait.
const AHEAD_MAX: usize = 16;

/// Replays the batches of a claimed journal from `low` on; `check` sees every batch that is read, those of
/// the first segment that stand before `low` included. With `side_by_side`, reading and decoding is done by a
/// thread of its own.
///
/// # Errors
/// When the journal cannot be read, a record not understood, or `check` refuses.
pub(crate) fn replay(
    opening: &mut Opening,
    world: &mut World,
    low: u64,
    side_by_side: bool,
    mut check: impl FnMut(&StoredBatch) -> Result<(), Error> + Send,
    mut tell: impl FnMut(&World, Progress),
) -> Result<Tail, Error> {
    let wanted = |batch: &StoredBatch| batch.end().sequence > low || low == 0;
    if !side_by_side {
        return flatten(opening.read_from(low, |batch, progress| {
            check(batch)?;
            if wanted(batch) {
                world.apply_batch(batch)?;
                tell(world, progress);
            }
            Ok(())
        }));
    }
    std::thread::scope(|scope| {
        let (to, from) = mpsc::sync_channel::<(Vec<Decoded>, Progress)>(AHEAD_MAX);
        let reading = scope.spawn(move || {
            let (mut ready, mut records, mut last) = (Vec::new(), 0, None);
            let tail = flatten(opening.read_from(low, |batch, progress| {
                check(batch)?;
                if wanted(batch) {
                    records += batch.count as usize;
                    ready.push(decode(batch)?);
                    last = Some(progress);
                }
                if records < RECORDS_AT_ONCE {
                    return Ok(());
                }
                records = 0;
                to.send((std::mem::take(&mut ready), progress)).map_err(|_| Error::Closed)
            }))?;
            if let Some(progress) = last {
                to.send((ready, progress)).map_err(|_| Error::Closed)?;
            }
            Ok(tail)
        });
        let applied = from.into_iter().try_for_each(|(batches, progress)| {
            batches.into_iter().try_for_each(|batch| world.apply_decoded(batch))?;
            tell(world, progress);
            Ok::<(), Error>(())
        });
        let panicked = |_| Error::Io { what: "replay".to_owned(), detail: "the reader panicked".to_owned() };
        let tail = reading.join().map_err(panicked)?;
        // A reader that nobody listens to any more has stopped because of what happened here.
        applied.and(tail)
    })
}

fn flatten(read: Result<Tail, Stopped<Error>>) -> Result<Tail, Error> {
    read.map_err(|stopped| match stopped {
        Stopped::Log(error) => Error::Journal(error),
        Stopped::Visitor(error) => error,
    })
}
