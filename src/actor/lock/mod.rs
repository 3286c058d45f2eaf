//! A named lock's actor: gives the lock to one owner at a time, and to those who wait in the order in which they came.
//!
//! Who waits is in no record: a crash sends them away, and nothing was done for them. Those who wait keep no permit, so
//! that they are in nobody's way, least of all in that of whoever gives the lock back.

use std::collections::VecDeque;
use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

use super::core::{Core, Draft};
use super::mailbox::Address;
use super::message::{self, Envelope, LockMessage};
use super::registry::{Entity, Registry};
use super::reply::ReplyTo;
use crate::domain::command::{AcquireLock, Answer, Command, LockAnswer, LockCommand, Outcome};
use crate::domain::ids::{EntityId, LockName, LockOwner, Principal};
use crate::domain::lock::{self, Lock, LockEvent};
use crate::domain::record::{LockRecord, Record};
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;
use crate::error::Error;
use crate::guard;
use crate::journal::codec::CodecError;

/// So many may wait for one lock.
const WAITING_MAX: usize = 1_024;

type Events = SmallVec<[LockEvent; 2]>;

/// Named locks as a kind of entity.
pub(crate) struct LockEntity;

impl Entity for LockEntity {
    type Id = LockName;
    type Message = LockMessage;
    type Rest = Box<Lock>;

    type Live = LockState;

    fn registry(core: &Core) -> &Registry<Self> {
        &core.locks
    }

    fn wake(core: &Arc<Core>, id: LockName, rest: Option<Box<Lock>>) -> Result<LockState, CodecError> {
        let lock = rest.unwrap_or_else(|| Box::new(Lock::new(id)));
        let armed = wakes_at(&lock, &VecDeque::new());
        Ok(LockState { core: core.clone(), lock, waiting: VecDeque::new(), armed })
    }

    fn handle(state: &mut LockState, _: &Address<Self>, message: LockMessage) {
        state.take_up(message);
    }

    fn done(state: &mut LockState) -> bool {
        let at = wakes_at(&state.lock, &state.waiting);
        state.core.timers.rearm_lock(&state.lock.name, state.armed, at);
        state.armed = at;
        state.waiting.is_empty()
    }

    fn id(state: &LockState) -> LockName {
        state.lock.name.clone()
    }

    fn rest(state: &mut LockState) -> Result<Option<Box<Lock>>, CodecError> {
        Ok((state.lock.version > 0).then(|| state.lock.clone()))
    }

    fn rest_bytes(_: &Box<Lock>) -> usize {
        size_of::<Lock>()
    }
}

/// Somebody who waits for the lock.
struct Waiting {
    envelope: Envelope<LockCommand>,
    owner: LockOwner,
    /// The moment until which he waits.
    until: Timestamp,
}

impl Waiting {
    /// Whether nobody is there any more to take the lock.
    fn is_gone(&self) -> bool {
        let Envelope { claim, reply, .. } = &self.envelope;
        claim.is_none() && reply.is_abandoned()
    }
}

/// What the actor owns while it is active.
pub(crate) struct LockState {
    core: Arc<Core>,
    lock: Box<Lock>,
    waiting: VecDeque<Waiting>,
    /// The moment that the timers wait for on its behalf.
    armed: Option<Timestamp>,
}

/// The moment at which there is something to do without being asked.
fn wakes_at(lock: &Lock, waiting: &VecDeque<Waiting>) -> Option<Timestamp> {
    if lock.parked.is_some() {
        return None;
    }
    waiting.iter().map(|waiting| waiting.until).chain(lock.until()).min()
}

impl LockState {
    fn take_up(&mut self, message: LockMessage) {
        let now = self.core.clock.now();
        match message {
            LockMessage::Command(envelope) => {
                // Whoever came before has his turn first.
                self.serve(now);
                self.command(envelope, now);
            }
            LockMessage::Due => {
                self.armed = None;
                self.serve(now);
            }
            // Whoever asked and went away needs no answer.
            LockMessage::Look(to) => drop(to.send(Some((*self.lock).clone()).filter(|it| it.version > 0))),
            LockMessage::Unpark(by, reply) => self.unpark(by, reply, now),
            LockMessage::Close(done) => {
                for Waiting { envelope, .. } in self.waiting.drain(..) {
                    message::fail(&self.core, envelope, &Error::Closed);
                }
                // Whoever closes the engine waits for this.
                let _ = done.send(());
            }
        }
    }

    fn entity(&self) -> EntityId {
        EntityId::Lock(self.lock.name.clone())
    }

    /// decide → journal → apply → answer when durable.
    fn command(&mut self, envelope: Envelope<LockCommand>, now: Timestamp) {
        let command = &envelope.request.command;
        let lock = &self.lock;
        let decided = guard::decide(|| match command {
            LockCommand::Acquire(asked) => lock::decide_acquire(lock, &asked.owner, asked.lease_ms, now),
            LockCommand::Extend(asked) => lock::decide_extend(lock, asked.fencing, asked.lease_ms, now),
            LockCommand::Release(asked) => lock::decide_release(lock, asked.fencing, now),
        });
        match (decided, command) {
            (Ok(events), _) => {
                self.grant(envelope, events, now);
                self.serve(now);
            }
            (Err(Refusal::LockHeld { .. }), LockCommand::Acquire(AcquireLock { owner, wait_ms, .. }))
                if *wait_ms > 0 =>
            {
                let (owner, until) = (owner.clone(), now.plus_millis(*wait_ms));
                self.wait(Waiting { envelope, owner, until }, now);
            }
            (Err(refusal), _) => self.refuse(envelope, refusal, now),
        }
    }

    fn wait(&mut self, mut waiting: Waiting, now: Timestamp) {
        if self.waiting.len() >= WAITING_MAX {
            self.waiting.retain(|waiting| !waiting.is_gone());
        }
        if self.waiting.len() >= WAITING_MAX {
            let refusal = Refusal::LockCrowded { waiting: self.waiting.len() as u64 };
            return self.refuse(waiting.envelope, refusal, now);
        }
        waiting.envelope.reply.permit = None;
        self.waiting.push_back(waiting);
    }

    fn refuse(&self, envelope: Envelope<LockCommand>, refusal: Refusal, now: Timestamp) {
        self.core.refuse(self.entity(), envelope, refusal, now, Command::Lock);
    }

    /// Sends those away whose time to wait was over while another one held the lock, and gives it to the first of the
    /// others if it is free.
    fn serve(&mut self, now: Timestamp) {
        loop {
            self.send_away(now);
            let holder = self.lock.lease_at(now).map(|lease| lease.owner.clone());
            let next = match holder {
                // One who asked more than once has the lock for each of them.
                Some(owner) => self.waiting.iter().position(|waiting| waiting.owner == owner),
                None if self.lock.parked.is_some() => return,
                None => (!self.waiting.is_empty()).then_some(0),
            };
            let Some(Waiting { envelope, .. }) = next.and_then(|next| self.waiting.remove(next)) else {
                break;
            };
            self.command_of_waiting(envelope, now);
        }
        if let Some(event) = lock::decide_lapse(&self.lock, now) {
            let mut draft = Draft::default();
            let record = self.record(smallvec![event], Some(Principal::SYSTEM), now);
            let applied = self.apply(&record);
            draft.record(&Record::Lock(record));
            self.park_if_broken(&mut draft, applied);
            self.core.commit(draft);
        }
    }

    fn send_away(&mut self, now: Timestamp) {
        let refusal = match (&self.lock.parked, &self.lock.lease) {
            (Some(reason), _) => Refusal::Parked { reason: reason.clone() },
            (None, Some(lease)) => Refusal::LockHeld { owner: lease.owner.clone(), until: lease.until },
            (None, None) => return self.waiting.retain(|waiting| !waiting.is_gone()),
        };
        let until = self.lock.until();
        let is_parked = self.lock.parked.is_some();
        for waiting in std::mem::take(&mut self.waiting) {
            let is_over = waiting.until <= now && until.is_some_and(|until| waiting.until < until);
            if is_parked || is_over {
                self.refuse(waiting.envelope, refusal.clone(), now);
            } else if !waiting.is_gone() {
                self.waiting.push_back(waiting);
            }
        }
    }

    /// The turn of one who has waited.
    fn command_of_waiting(&mut self, envelope: Envelope<LockCommand>, now: Timestamp) {
        let LockCommand::Acquire(asked) = &envelope.request.command else { return };
        let lock = &self.lock;
        match guard::decide(|| lock::decide_acquire(lock, &asked.owner, asked.lease_ms, now)) {
            Ok(events) => self.grant(envelope, events, now),
            Err(refusal) => self.refuse(envelope, refusal, now),
        }
    }

    fn grant(&mut self, envelope: Envelope<LockCommand>, events: Events, now: Timestamp) {
        let Envelope { request, claim, reply } = envelope;
        let mut draft = Draft::default();
        self.core.record_command(&mut draft, &request, now, Command::Lock);
        let is_new = events.iter().any(|event| matches!(event, LockEvent::Acquired { .. }));
        let mut record = self.record(events, request.by, now);
        let applied = self.apply(&record);
        let outcome: Outcome = match &applied {
            Ok(()) => Ok(Answer::Lock(self.answer(is_new))),
            Err(reason) => Err(Refusal::Parked { reason: reason.clone() }),
        };
        match claim {
            Some(claim) if applied.is_ok() => record.mark = Some(draft.answer_key(claim, &outcome, now)),
            Some(claim) => {
                for waiting in self.core.keys.release(&claim.0) {
                    draft.answer(waiting, outcome.clone());
                }
            }
            None => {}
        }
        draft.record(&Record::Lock(record));
        self.park_if_broken(&mut draft, applied);
        draft.answer(reply, outcome);
        self.core.commit(draft);
    }

    fn record(&self, events: Events, by: Option<Principal>, at: Timestamp) -> LockRecord {
        let version = self.lock.version + events.len() as u64;
        LockRecord { lock: self.lock.name.clone(), version, at, by, events, mark: None }
    }

    fn apply(&mut self, record: &LockRecord) -> Result<(), smol_str::SmolStr> {
        guard::apply(|| self.lock.apply(record))
    }

    fn park_if_broken(&mut self, draft: &mut Draft, applied: Result<(), smol_str::SmolStr>) {
        if let Err(reason) = applied {
            self.core.record_park(draft, self.entity(), None, Some(reason.clone()));
            self.lock.parked = Some(reason);
        }
    }

    fn answer(&self, is_new: bool) -> LockAnswer {
        let Lock { name, version, fencing, .. } = &*self.lock;
        let until = self.lock.until();
        LockAnswer { lock: name.clone(), fencing: *fencing, is_new, until, version: *version }
    }

    fn unpark(&mut self, by: Option<Principal>, reply: ReplyTo, now: Timestamp) {
        let mut draft = Draft::default();
        if self.lock.parked.take().is_some() {
            self.core.record_park(&mut draft, self.entity(), by, None);
            draft.answer(reply, Ok(Answer::Lock(self.answer(false))));
        } else {
            draft.answer(reply, Err(Refusal::NotParked));
        }
        self.core.commit(draft);
        self.serve(now);
    }
}
