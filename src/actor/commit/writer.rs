//! The writer: an object with a `step()`.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::queue::{CommitQueue, Gate, Release};
use crate::error::Error;
use crate::journal::{Batch, CommitLog, LogError};
use crate::port::EngineClock;
#[cfg(any(test, feature = "simulation"))]
use crate::port::chaos::{self, Sabotage};

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stepped {
    /// Something was committed or released.
    Worked,
    /// There was nothing to do.
    Idle,
}

/// Takes items, commits them as one batch, lets the answers go. There is one.
pub(crate) struct Writer {
    log: Box<dyn CommitLog>,
    queue: Arc<CommitQueue>,
    gate: Arc<Gate>,
    clock: Arc<EngineClock>,
    batch_bytes_max: usize,
    payload: Vec<u8>,
    releases: Vec<Release>,
    unsealed: bool,
    /// Where callers are woken, if many wait.
    runtime: Option<Handle>,
}

/// From so many answers on a task of the runtime hands them out.
const POSTED_MIN: usize = 32;

impl Writer {
    pub(crate) fn new(
        log: Box<dyn CommitLog>,
        queue: Arc<CommitQueue>,
        gate: Arc<Gate>,
        clock: Arc<EngineClock>,
        batch_bytes_max: usize,
    ) -> Self {
        Self {
            log,
            queue,
            gate,
            clock,
            batch_bytes_max,
            payload: Vec::with_capacity(batch_bytes_max),
            releases: Vec::new(),
            unsealed: false,
            runtime: None,
        }
    }

    /// Has a task of this runtime hand out answers, where they are many.
    pub(super) fn deliver_on(&mut self, runtime: Handle) {
        self.runtime = Some(runtime);
    }

    pub(super) fn queue(&self) -> &Arc<CommitQueue> {
        &self.queue
    }

    pub(super) fn maintenance(&self) -> Arc<dyn crate::journal::Maintenance> {
        self.log.maintenance()
    }

    /// Commits what is in the queue, up to one batch.
    pub(crate) fn step(&mut self) -> Stepped {
        let (items, count) = self.take();
        if items == 0 {
            return Stepped::Idle;
        }
        let verdict = self.commit(count);
        if verdict.is_ok() && self.post() {
            return Stepped::Worked;
        }
        let mut releases = std::mem::take(&mut self.releases);
        for release in releases.drain(..) {
            match (release, &verdict) {
                // Whoever asked and has gone away needs no answer.
                (Release::Mark(to), Ok(())) => drop(to.send(Ok(self.log.mark()))),
                (Release::Truncate(before, to), Ok(())) => {
                    drop(to.send(self.log.truncate_before(before).map_err(Error::Journal)));
                }
                (release, verdict) => release.go(verdict.as_ref().copied()),
            }
        }
        self.releases = releases;
        Stepped::Worked
    }

    /// Lets a task of the runtime hand out what leaves, where it is much and there is a runtime: waking so many callers
    /// is work that this thread would do beside the runtime's own, one lock for each, while nothing is synced.
    fn post(&mut self) -> bool {
        let Some(runtime) = self.runtime.as_ref().filter(|_| self.releases.len() >= POSTED_MIN) else {
            return false;
        };
        let needs_log = |release: &Release| matches!(release, Release::Mark(_) | Release::Truncate(..));
        if self.releases.iter().any(needs_log) {
            return false;
        }
        let releases = std::mem::take(&mut self.releases);
        runtime.spawn(async move { releases.into_iter().for_each(|release| release.go(Ok(()))) });
        true
    }

    /// Takes items until a batch is full; answers how many, and how many records they hold.
    fn take(&mut self) -> (usize, u32) {
        let (mut items, mut count) = (0, 0u32);
        self.payload.clear();
        while self.payload.len() < self.batch_bytes_max {
            let Some(item) = self.queue.pop() else { break };
            items += 1;
            count += item.count;
            #[cfg(any(test, feature = "simulation"))]
            if chaos::is_broken(Sabotage::AppliedOutOfOrder) {
                self.payload.splice(0..0, item.records.iter().copied());
                self.releases.extend(item.releases);
                continue;
            }
            self.payload.extend_from_slice(&item.records);
            self.releases.extend(item.releases);
            if item.ends_batch {
                break;
            }
        }
        (items, count)
    }

    /// Makes the records durable. Without records there is nothing to wait for: one batch is in flight
    /// at a time, so whatever came before is durable already.
    fn commit(&mut self, count: u32) -> Result<(), Error> {
        if let Some(error) = self.gate.halted() {
            return Err(error.clone());
        }
        if count == 0 {
            return Ok(());
        }
        let batch = Batch { count, payload: &self.payload, at: self.clock.now() };
        match self.log.append(batch) {
            Ok(appended) => {
                self.unsealed = true;
                self.gate.add_bytes(self.payload.len());
                self.gate.advance(appended.end);
                self.gate.set_space(self.log.space());
                Ok(())
            }
            Err(error) => {
                // Whatever the log says, the actors' memory is now ahead of the journal: nothing more may
                // be accepted, and for these commands it is unknown whether they will be found.
                self.gate.halt(Error::Halted { reason: error.to_string() });
                Err(Error::OutcomeUnknown)
            }
        }
    }

    /// Ends: what is in the queue is committed, the seal is written, what comes later is turned away.
    pub(super) fn end(mut self) {
        while self.step() == Stepped::Worked {}
        // Where nothing was committed, the mark of the opening still waits for a seal; the log knows.
        self.unsealed = true;
        self.idle();
    }

    /// Marks a quiet moment: everything so far is known to be durable, and the room is looked at again.
    pub(super) fn idle(&mut self) {
        if self.gate.halted().is_some() {
            return;
        }
        self.gate.set_space(self.log.space());
        if !self.unsealed {
            return;
        }
        match self.log.seal(self.clock.now()) {
            Ok(()) => self.unsealed = false,
            // A seal is a convenience: without room for it nothing is lost, and it is tried again.
            Err(LogError::Full { .. }) => {}
            Err(error) => self.gate.halt(Error::Halted { reason: error.to_string() }),
        }
    }
}

impl Drop for Writer {
    /// Whoever still waits behind the writer, or asks later, is told that the engine is closed.
    fn drop(&mut self) {
        self.queue.close();
        self.gate.close();
    }
}
