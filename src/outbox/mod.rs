//! What leaves the engine for others: every durable record, in order, from a cursor on.
//!
//! A subscription reads the journal itself, so it can begin anywhere in its history, never misses a record,
//! and costs nothing while nobody listens. It sees a record only when it is durable.

mod history;

pub(crate) use history::timeline;

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::watch;

use crate::domain::record::Record;
use crate::domain::time::Timestamp;
use crate::error::Error;
use crate::journal::{Cursor, LogReader, StoredBatch, record};
use crate::replay::tagged;

/// About how many bytes of the journal a subscription reads at a time.
const READ_BYTES: usize = 1 << 20;

/// A durable record with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its sequence number.
    pub sequence: u64,
    /// Engine time of its commit.
    pub committed_at: Timestamp,
    /// Where to go on behind it.
    pub next: Cursor,
    /// The record.
    pub record: Record,
}

/// Every durable record from a cursor on.
pub struct Subscription {
    reader: Arc<dyn LogReader>,
    end: watch::Receiver<u64>,
    cursor: Cursor,
    ready: VecDeque<Published>,
}

impl Subscription {
    pub(crate) fn new(
        reader: Arc<dyn LogReader>,
        end: watch::Receiver<u64>,
        cursor: Cursor,
    ) -> Result<Self, Error> {
        // Reading now tells the caller at once that a cursor is of no use.
        let batches = reader.read(cursor, 1)?;
        let mut subscription = Self { reader, end, cursor, ready: VecDeque::new() };
        subscription.take(&batches)?;
        Ok(subscription)
    }

    /// Where the next record will come from: to be kept by a subscriber that wants to go on later.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// The next durable record; waits for one. `None` when the engine is closed, halted
    /// or gone and everything durable was read.
    ///
    /// Cancel-safe: a record is either returned or will be the next one.
    ///
    /// # Errors
    /// When the journal cannot be read, or retention has overtaken a subscriber that is too slow.
    pub async fn next(&mut self) -> Result<Option<Published>, Error> {
        loop {
            if let Some(published) = self.ready.pop_front() {
                self.cursor = published.next;
                return Ok(Some(published));
            }
            self.end.borrow_and_update();
            let batches = self.reader.read(self.cursor, READ_BYTES)?;
            self.take(&batches)?;
            if self.ready.is_empty() && self.end.changed().await.is_err() {
                return Ok(None);
            }
        }
    }

    /// The next durable record if there is one already.
    ///
    /// # Errors
    /// As for [`Subscription::next`].
    pub fn try_next(&mut self) -> Result<Option<Published>, Error> {
        if self.ready.is_empty() {
            let batches = self.reader.read(self.cursor, READ_BYTES)?;
            self.take(&batches)?;
        }
        Ok(self.ready.pop_front().inspect(|published| self.cursor = published.next))
    }

    fn take(&mut self, batches: &[StoredBatch]) -> Result<(), Error> {
        for batch in batches {
            for (raw, sequence) in record::records(&batch.payload).zip(batch.first_sequence..) {
                let unreadable = |detail| Error::Record { sequence, detail };
                let raw = raw.map_err(|error| unreadable(error.to_string()))?;
                if sequence < self.cursor.sequence {
                    continue;
                }
                let record = tagged::decode(raw).map_err(|error| unreadable(error.to_string()))?;
                let next = Cursor { epoch: batch.epoch, sequence: sequence + 1 };
                self.ready.push_back(Published { sequence, committed_at: batch.at, next, record });
            }
        }
        Ok(())
    }
}
