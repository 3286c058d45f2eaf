//! Replaying the journal on three threads, each a hand-over of batches ahead of the next: one reads and verifies,
//! one decodes and applies the records of SKUs, one those of orders and all others. Reading is quick; the two
//! others keep a core busy each.
//!
//! Every entity's records are applied by one thread, in their order. Keys are answered by records of both sides
//! and forgotten by others: what a SKU's record means for a key travels with its batch, and is noted in its turn.
//! So what comes of it is what one thread would make, and of two records that are wrong the first is named.

use std::sync::mpsc;

use super::stock::News;
use super::world::World;
use crate::error::Error;
use crate::journal::{Opening, Progress, Stopped, StoredBatch, Tail};

/// Records that are handed over at once, so that small batches do not cost a wake-up each.
const RECORDS_AT_ONCE: usize = 512;

/// Hand-overs that may wait.
const AHEAD_MAX: usize = 16;

/// Replays the batches of a claimed journal from `low` on; `check` sees every batch that is read, those of
/// the first segment that stand before `low` included. With `side_by_side`, on three threads.
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
    if !side_by_side {
        return flatten(opening.read_from(low, |batch, progress| {
            check(batch)?;
            if wanted(batch, low) {
                world.apply_batch(batch)?;
                tell(world, progress);
            }
            Ok(())
        }));
    }
    let high = world.high;
    let mut stock = std::mem::take(&mut world.stock);
    let (to_stock, batches_for_stock) = mpsc::sync_channel::<Ahead>(AHEAD_MAX);
    let (to_world, handed) = mpsc::sync_channel::<(Ahead, News)>(AHEAD_MAX);
    let (applied, tail) = std::thread::scope(|scope| {
        let reading = scope.spawn(move || read_ahead(opening, low, &to_stock, check));
        let stock = &mut stock;
        let stocking = scope.spawn(move || {
            for ahead in batches_for_stock {
                let mut news = News::default();
                for batch in &ahead.batches {
                    stock.take(batch, high, &mut news);
                    if news.has_failed() {
                        break;
                    }
                }
                let is_last = news.has_failed();
                if to_world.send((ahead, news)).is_err() || is_last {
                    return;
                }
            }
        });
        let applied = handed.into_iter().try_for_each(|(ahead, mut news)| {
            ahead.batches.iter().try_for_each(|batch| world.apply_beside(batch, &mut news))?;
            world.note_stock(news);
            tell(world, ahead.progress);
            Ok::<(), Error>(())
        });
        let panicked =
            |what: &str| Error::Io { what: "replay".to_owned(), detail: format!("{what} panicked") };
        let tail = reading.join().unwrap_or_else(|_| Err(panicked("the reader")));
        let stocked = stocking.join().map_err(|_| panicked("the stock's side"));
        (applied.and(stocked), tail)
    });
    world.stock = stock;
    // A reader that nobody listens to any more has stopped because of what happened here.
    applied.and(tail)
}

/// Batches that were read, on their way to the stock's side and from there to the other.
struct Ahead {
    batches: Vec<StoredBatch>,
    progress: Progress,
}

/// Reads and verifies, and hands batches over.
fn read_ahead(
    opening: &mut Opening,
    low: u64,
    to: &mpsc::SyncSender<Ahead>,
    mut check: impl FnMut(&StoredBatch) -> Result<(), Error>,
) -> Result<Tail, Error> {
    let (mut batches, mut records, mut last) = (Vec::new(), 0, None);
    let read = flatten(opening.read_from(low, |batch, progress| {
        check(batch)?;
        if wanted(batch, low) {
            records += batch.count as usize;
            batches.push(batch.clone());
            last = Some(progress);
        }
        if records < RECORDS_AT_ONCE {
            return Ok(());
        }
        records = 0;
        let batches = std::mem::take(&mut batches);
        to.send(Ahead { batches, progress }).map_err(|_| Error::Closed)
    }));
    // Whatever ended it, what was read before counts: of two things that are wrong the first is named.
    if let Some(progress) = last {
        to.send(Ahead { batches, progress }).map_err(|_| Error::Closed)?;
    }
    read
}

/// Whether a batch holds anything from `low` on.
fn wanted(batch: &StoredBatch, low: u64) -> bool {
    batch.end().sequence > low || low == 0
}

fn flatten(read: Result<Tail, Stopped<Error>>) -> Result<Tail, Error> {
    read.map_err(|stopped| match stopped {
        Stopped::Log(error) => Error::Journal(error),
        Stopped::Visitor(error) => error,
    })
}
