//! The queue between actors and the writer, and what both know of the engine's health.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crossbeam::queue::SegQueue;
use smallvec::SmallVec;
use tokio::sync::{oneshot, watch};

use super::super::reply::ReplyTo;
use crate::domain::command::Outcome;
use crate::error::Error;
use crate::journal::{Cursor, LogMark, Space};

/// Records to commit, and what may leave once they are durable.
#[derive(Default)]
pub(crate) struct Item {
    /// Encoded records, each with its length before it.
    pub(crate) records: Vec<u8>,
    /// Number of records.
    pub(crate) count: u32,
    /// What leaves.
    pub(crate) releases: SmallVec<[Release; 1]>,
    /// Whether the batch ends behind this item.
    pub(crate) ends_batch: bool,
}

/// Something that leaves the engine when what it rests on is durable.
pub(crate) enum Release {
    /// The answer to a command.
    Answer(ReplyTo, Outcome),
    /// Anything else; told whether it may leave or what went wrong.
    Call(Box<dyn FnOnce(Result<(), Error>) + Send>),
    /// Where the journal stands behind the item; the item ends its batch.
    Mark(oneshot::Sender<Result<LogMark, Error>>),
    /// Forget whole segments before a sequence number; told the first one that is still there.
    Truncate(u64, oneshot::Sender<Result<u64, Error>>),
}

impl Release {
    /// Lets it leave, or says why it may not. Of a command's effect an earlier part can be durable (the
    /// order was placed, its stock not yet reserved): whatever failed, its outcome shows at the next open.
    pub(crate) fn go(self, verdict: Result<(), &Error>) {
        match self {
            Self::Answer(reply, outcome) => {
                reply.send(verdict.map(|()| outcome).map_err(|_| Error::OutcomeUnknown));
            }
            Self::Call(call) => call(verdict.map_err(Clone::clone)),
            // Only the writer knows the log; whoever has gone away needs no answer.
            Self::Mark(to) => drop(to.send(Err(verdict.err().cloned().unwrap_or(Error::Closed)))),
            Self::Truncate(_, to) => drop(to.send(Err(verdict.err().cloned().unwrap_or(Error::Closed)))),
        }
    }
}

/// The queue. Any number of actors push, one writer takes.
#[derive(Default)]
pub(crate) struct CommitQueue {
    items: SegQueue<Item>,
    /// Set by the driver before it goes to sleep; whoever clears it wakes the driver.
    sleeping: AtomicBool,
    wake: OnceLock<Box<dyn Fn() + Send + Sync>>,
    /// Set when the writer has gone: nothing that is pushed will be taken.
    closed: AtomicBool,
}

impl CommitQueue {
    /// Hands an item over. Never blocks.
    pub(crate) fn push(&self, item: Item) {
        self.items.push(item);
        self.wake();
        // Whoever pushes beside the closing either is seen by it or sees it.
        if self.closed.load(Ordering::SeqCst) {
            self.turn_away();
        }
    }

    /// Says that nobody takes items any more, and turns away those that are left.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.turn_away();
    }

    fn turn_away(&self) {
        while let Some(item) = self.items.pop() {
            item.releases.into_iter().for_each(|release| release.go(Err(&Error::Closed)));
        }
    }

    /// Wakes the driver if it sleeps.
    pub(crate) fn wake(&self) {
        // The load keeps the line shared while the writer is busy, which is when pushes are many.
        if self.sleeping.load(Ordering::SeqCst)
            && self.sleeping.swap(false, Ordering::SeqCst)
            && let Some(wake) = self.wake.get()
        {
            wake();
        }
    }

    pub(super) fn pop(&self) -> Option<Item> {
        self.items.pop()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Says that the driver is about to sleep; `false` when there is something to do after all.
    pub(super) fn about_to_sleep(&self) -> bool {
        self.sleeping.store(true, Ordering::SeqCst);
        if self.items.is_empty() {
            return true;
        }
        self.sleeping.store(false, Ordering::SeqCst);
        false
    }

    pub(super) fn awake(&self) {
        self.sleeping.store(false, Ordering::SeqCst);
    }

    pub(super) fn on_wake(&self, wake: Box<dyn Fn() + Send + Sync>) {
        let _ = self.wake.set(wake);
    }
}

/// What the writer tells everyone else: how far the journal is durable, and whether the engine still runs.
pub(crate) struct Gate {
    /// Gone when the writer is, which tells whoever watches that nothing more will come.
    end: Mutex<Option<watch::Sender<u64>>>,
    sequence: AtomicU64,
    /// Bytes of records committed since the engine was opened, and those that were replayed then.
    bytes: AtomicU64,
    halted: OnceLock<Error>,
    tight: AtomicBool,
}

impl Gate {
    pub(crate) fn new(end: Cursor, space: Space) -> Self {
        Self {
            end: Mutex::new(Some(watch::Sender::new(end.sequence))),
            sequence: AtomicU64::new(end.sequence),
            bytes: AtomicU64::new(0),
            halted: OnceLock::new(),
            tight: AtomicBool::new(space == Space::ReserveOnly),
        }
    }

    /// The next sequence number that is not yet durable, to be watched; its sender is gone when the writer is.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        match &*self.end() {
            Some(end) => end.subscribe(),
            None => watch::Sender::new(self.sequence()).subscribe(),
        }
    }

    fn end(&self) -> MutexGuard<'_, Option<watch::Sender<u64>>> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The writer has gone: whoever watches learns that nothing more will come.
    pub(super) fn close(&self) {
        *self.end() = None;
    }

    /// The next sequence number that is not yet durable.
    pub(crate) fn sequence(&self) -> u64 {
        self.sequence.load(Ordering::Acquire)
    }

    /// Why the engine is halted, if it is.
    pub(crate) fn halted(&self) -> Option<&Error> {
        self.halted.get()
    }

    /// Whether only work that frees something may be taken.
    pub(crate) fn is_tight(&self) -> bool {
        self.tight.load(Ordering::Relaxed)
    }

    /// Bytes of records committed so far, those included that were replayed.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn add_bytes(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn advance(&self, end: Cursor) {
        self.sequence.store(end.sequence, Ordering::Release);
        if let Some(watched) = &*self.end() {
            watched.send_replace(end.sequence);
        }
    }

    pub(super) fn set_space(&self, space: Space) {
        let tight = space == Space::ReserveOnly;
        if self.tight.swap(tight, Ordering::Relaxed) != tight {
            if tight {
                tracing::error!("the disk is full: new commands are refused, what frees stock still runs");
            } else {
                tracing::info!("there is room on the disk again: new commands are taken");
            }
        }
    }

    pub(crate) fn halt(&self, error: Error) {
        if self.halted.set(error).is_ok()
            && let Some(error) = self.halted.get()
        {
            tracing::error!(%error, "the engine is halted");
        }
    }
}
