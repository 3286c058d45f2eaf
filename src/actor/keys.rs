//! The key table: what keyed commands were answered, over the whole engine.
//!
//! Same key and same body: the first answer again. Same key and another body: an error. While the first
//! command is under way, its duplicates wait for its answer, so that it executes once. What is not an
//! answer (overload, a full disk, an unknown outcome) does not burn the key.
//!
//! The table is rebuilt by replay from the marks that records carry; answers are forgotten only by a
//! journaled record with the cut-off.
//!
//! The table has shards, each behind a lock of its own that is held for bounded steps only. A snapshot looks
//! through them one after another; an answer is pushed to the commit queue and put into the table under one
//! guard, so whoever looks after a moment of the queue finds every answer from before it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::reply::ReplyTo;
use crate::domain::command::{Outcome, ScopedKey};
use crate::domain::order::KeyClaim;
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;
use crate::error::Error;
use crate::replay::KeyAnswer;

/// A claim on a key: whoever holds it executes the command. It ends in an answer or is abandoned.
#[derive(Debug)]
pub(crate) struct Claimed(pub(crate) KeyClaim);

enum Slot {
    /// `parked` says why the command cannot end before an operator has looked at its order.
    Running {
        fingerprint: [u8; 16],
        waiting: Vec<ReplyTo>,
        parked: Option<Refusal>,
    },
    Answered(KeyAnswer),
}

impl Slot {
    fn running(claim: &KeyClaim) -> Self {
        Self::Running { fingerprint: claim.fingerprint, waiting: Vec::new(), parked: None }
    }
}

/// What to do with a keyed command.
pub(crate) enum Entrance {
    /// It is the first: execute it.
    Execute(Claimed, ReplyTo),
    /// It was answered before: answer the same.
    Again(Outcome, ReplyTo),
    /// The first is under way: it will answer this one too.
    Waits,
    /// The key was used with another body.
    Reused(ReplyTo),
}

/// What becomes of a command that is to be called off.
pub(crate) enum Annulled {
    /// It never came, and will be refused when it does: its key is burnt with this claim.
    Burnt(Claimed, ReplyTo),
    /// It was answered.
    Answered(Outcome, ReplyTo),
    /// It is under way: its answer comes.
    Waits,
}

type Shard = HashMap<ScopedKey, Slot, ahash::RandomState>;

/// The key table.
pub(crate) struct KeyTable {
    /// There is always one.
    first: Mutex<Shard>,
    shards: Box<[Mutex<Shard>]>,
    hasher: ahash::RandomState,
    count: AtomicU64,
}

impl KeyTable {
    /// An empty table; more shards keep the stall small when one of them grows.
    pub(crate) fn new(shards: usize, hasher: ahash::RandomState) -> Self {
        let shard = || Mutex::new(HashMap::with_hasher(hasher.clone()));
        Self {
            first: shard(),
            shards: (1..shards).map(|_| shard()).collect(),
            hasher,
            count: AtomicU64::new(0),
        }
    }

    /// The shard of a key, locked.
    fn shard(&self, key: &ScopedKey) -> MutexGuard<'_, Shard> {
        // Other bits of the hash than the shard's own table goes by.
        self.lock((self.hasher.hash_one(key) >> 32) as usize % self.shards())
    }

    fn lock(&self, number: usize) -> MutexGuard<'_, Shard> {
        let shard = self.shards.get(number).unwrap_or(&self.first);
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a recovered answer in. Only before the engine takes commands.
    pub(crate) fn insert(&self, key: ScopedKey, answer: KeyAnswer) {
        self.put(&mut self.shard(&key), key.clone(), Slot::Answered(answer));
    }

    /// Claims the key of a saga that a crash or a parking interrupted, so that duplicates wait for its end.
    pub(crate) fn reclaim(&self, claim: &KeyClaim) {
        self.put(&mut self.shard(&claim.key), claim.key.clone(), Slot::running(claim));
    }

    /// Decides what to do with a keyed command.
    pub(crate) fn enter(&self, claim: KeyClaim, reply: ReplyTo) -> Entrance {
        match self.shard(&claim.key).entry(claim.key.clone()) {
            Entry::Vacant(slot) => {
                slot.insert(Slot::running(&claim));
                self.count.fetch_add(1, Ordering::Relaxed);
                Entrance::Execute(Claimed(claim), reply)
            }
            Entry::Occupied(mut slot) => match slot.get_mut() {
                Slot::Running { fingerprint, .. } if *fingerprint != claim.fingerprint => {
                    Entrance::Reused(reply)
                }
                Slot::Running { parked: Some(refusal), .. } => Entrance::Again(Err(refusal.clone()), reply),
                Slot::Running { waiting, .. } => {
                    waiting.push(reply);
                    Entrance::Waits
                }
                Slot::Answered(answer) if answer.fingerprint != claim.fingerprint => Entrance::Reused(reply),
                Slot::Answered(answer) => Entrance::Again(answer.outcome.clone(), reply),
            },
        }
    }

    /// Calls off the command of a key, unless it has come.
    pub(crate) fn annul(&self, claim: KeyClaim, reply: ReplyTo) -> Annulled {
        match self.shard(&claim.key).entry(claim.key.clone()) {
            Entry::Vacant(slot) => {
                slot.insert(Slot::running(&claim));
                self.count.fetch_add(1, Ordering::Relaxed);
                Annulled::Burnt(Claimed(claim), reply)
            }
            Entry::Occupied(mut slot) => match slot.get_mut() {
                Slot::Running { parked: Some(refusal), .. } => {
                    Annulled::Answered(Err(refusal.clone()), reply)
                }
                Slot::Running { waiting, .. } => {
                    waiting.push(reply);
                    Annulled::Waits
                }
                Slot::Answered(answer) => Annulled::Answered(answer.outcome.clone(), reply),
            },
        }
    }

    /// Forgets the answers of keys that nobody can ask for any more.
    pub(crate) fn forget(&self, keys: &[ScopedKey]) {
        for key in keys {
            let mut shard = self.shard(key);
            // What is under way is answered yet.
            if matches!(shard.get(key), Some(Slot::Answered(_))) {
                shard.remove(key);
                self.count.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }

    /// Records the answer and hands over everyone who waits for it. `push` hands what the answer rests on to
    /// the journal; it runs first, and under the same guard.
    pub(crate) fn answer(
        &self,
        claim: &KeyClaim,
        outcome: &Outcome,
        at: Timestamp,
        push: impl FnOnce(),
    ) -> Vec<ReplyTo> {
        let answer = KeyAnswer { fingerprint: claim.fingerprint, outcome: outcome.clone(), at };
        let mut shard = self.shard(&claim.key);
        push();
        match self.put(&mut shard, claim.key.clone(), Slot::Answered(answer)) {
            Some(Slot::Running { waiting, .. }) => waiting,
            _ => Vec::new(),
        }
    }

    /// The command's order is parked in the middle of it: nobody is to wait for its end, which may be long
    /// in coming. Hands over everyone who does.
    pub(crate) fn suspend(&self, claim: &KeyClaim, refusal: Refusal) -> Vec<ReplyTo> {
        match self.shard(&claim.key).get_mut(&claim.key) {
            Some(Slot::Running { waiting, parked, .. }) => {
                *parked = Some(refusal);
                std::mem::take(waiting)
            }
            _ => Vec::new(),
        }
    }

    /// The command's order goes on: its end is worth waiting for again.
    pub(crate) fn resume(&self, claim: &KeyClaim) {
        if let Some(Slot::Running { parked, .. }) = self.shard(&claim.key).get_mut(&claim.key) {
            *parked = None;
        }
    }

    /// Gives the key back without an answer: the next command that carries it is the first again.
    pub(crate) fn release(&self, claim: &KeyClaim) -> Vec<ReplyTo> {
        let removed = self.shard(&claim.key).remove(&claim.key);
        self.count.fetch_sub(u64::from(removed.is_some()), Ordering::Relaxed);
        match removed {
            Some(Slot::Running { waiting, .. }) => waiting,
            _ => Vec::new(),
        }
    }

    /// Gives the key back and tells everyone who waits what went wrong.
    pub(crate) fn abandon(&self, claim: Claimed, error: &Error) {
        for reply in self.release(&claim.0) {
            reply.send(Err(error.clone()));
        }
    }

    /// Forgets answers that were given before the cut-off.
    pub(crate) fn forget_before(&self, before: Timestamp) {
        for mut shard in (0..self.shards()).map(|number| self.lock(number)) {
            let were = shard.len();
            shard.retain(|_, slot| match slot {
                Slot::Running { .. } => true,
                Slot::Answered(answer) => answer.at >= before,
            });
            self.count.fetch_sub((were - shard.len()) as u64, Ordering::Relaxed);
        }
    }

    fn put(&self, shard: &mut Shard, key: ScopedKey, slot: Slot) -> Option<Slot> {
        let before = shard.insert(key, slot);
        self.count.fetch_add(u64::from(before.is_none()), Ordering::Relaxed);
        before
    }

    /// Number of keys, those of commands under way included.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Number of shards.
    pub(crate) fn shards(&self) -> usize {
        self.shards.len() + 1
    }

    /// Shows every answered key of a shard, under its guard.
    pub(crate) fn visit_shard(&self, number: usize, mut visit: impl FnMut(&ScopedKey, &KeyAnswer)) {
        for (key, slot) in self.lock(number).iter() {
            if let Slot::Answered(answer) = slot {
                visit(key, answer);
            }
        }
    }

    /// Every answered key, sorted.
    pub(crate) fn answered(&self) -> Vec<(ScopedKey, KeyAnswer)> {
        let mut all = Vec::new();
        for number in 0..self.shards() {
            self.visit_shard(number, |key, answer| all.push((key.clone(), answer.clone())));
        }
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }
}
