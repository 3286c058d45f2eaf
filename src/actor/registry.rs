//! Finds the actor of an entity, activates it by a message, and puts it to rest without losing one.
//!
//! One slot per entity, `Active` or `Resting`. The protocol, in three rules:
//! 1. A sender puts its message into the mailbox **under the shard's guard**.
//! 2. To rest, an actor that has handled what it took takes the shard's **write guard**, and only when it finds its
//!    mailbox empty there it stores `Resting`.
//! 3. No guard is held across an await.
//!
//! So a message either lies in the mailbox before the actor looks, and the actor stays, or it finds the slot
//! resting and has an actor become the entity again. A panic drops the mail of the actor that it ends, and whoever
//! waits for an answer is told by that; an actor stops itself only when it is nobody (or when the engine ends).

use std::fmt::Debug;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use super::core::Core;
use super::host;
use super::mailbox::{Address, Mail, Tenant};
use crate::journal::codec::CodecError;
#[cfg(any(test, feature = "simulation"))]
use crate::port::chaos::{self, Sabotage};

/// Actors that are kept while they are nobody.
const SPARE_MAX: usize = 1_024;

/// A kind of entity that lives as an actor.
pub(crate) trait Entity: Sized + Send + 'static {
    /// What names the entity.
    type Id: Clone + Eq + Hash + Debug + Send + Sync + 'static;
    /// What its actor understands.
    type Message: Send + 'static;
    /// The entity at rest.
    type Rest: Send + Sync + 'static;
    /// The entity while an actor has it.
    type Live: Send + 'static;

    /// All entities of the kind.
    fn registry(core: &Core) -> &Registry<Self>;

    /// Makes the entity live, from its state at rest where it has one.
    ///
    /// # Errors
    /// When the state at rest cannot be read.
    fn wake(core: &Arc<Core>, id: Self::Id, rest: Option<Self::Rest>) -> Result<Self::Live, CodecError>;

    /// Handles a message.
    fn handle(live: &mut Self::Live, me: &Address<Self>, message: Self::Message);

    /// Called when the messages that were there have been handled: finishes what was left for this moment, and
    /// answers whether the entity is to be put to rest if nothing has come since.
    fn done(live: &mut Self::Live) -> bool;

    /// What names it.
    fn id(live: &Self::Live) -> Self::Id;

    /// Its state at rest; `None` where there is no entity after all.
    ///
    /// # Errors
    /// When the state cannot be written.
    fn rest(live: &mut Self::Live) -> Result<Option<Self::Rest>, CodecError>;

    /// Bytes that the entity takes at rest, as far as nobody else counts them.
    fn rest_bytes(rest: &Self::Rest) -> usize;
}

/// Where an entity is. There are ten million of them, nearly all at rest: so the address is apart.
enum Slot<E: Entity> {
    /// `None` only ever while the shard's write guard is held, and where no actor could be started.
    Active(Option<Box<Address<E>>>),
    Resting(E::Rest),
}

/// What to do about an entity that has no slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Absent {
    /// Hand the message back.
    HandBack,
    /// Start an actor without a state.
    Create,
}

/// Why a message was not sent; holds the message.
pub(crate) enum Undelivered<M> {
    /// The entity does not exist.
    Unknown(M),
    /// The engine is shutting down.
    Stopped,
}

/// All entities of one kind.
pub(crate) struct Registry<E: Entity> {
    slots: DashMap<E::Id, Slot<E>, ahash::RandomState>,
    /// Actors that are nobody at the moment.
    spare: Mutex<Vec<Address<E>>>,
    /// How many slots there are, how many of them have an actor, and the bytes of those at rest.
    count: AtomicU64,
    active: AtomicU64,
    resting_bytes: AtomicU64,
}

/// An entity as a visitor finds it.
pub(crate) enum Found<'a, E: Entity> {
    /// An actor has it.
    Active,
    /// It rests.
    Resting(&'a E::Rest),
}

impl<E: Entity> Registry<E> {
    /// An empty registry. `shards` is a power of two; more of them keep the stall small when a shard grows.
    pub(crate) fn new(shards: usize, hasher: ahash::RandomState) -> Self {
        Self {
            slots: DashMap::with_capacity_and_hasher_and_shard_amount(0, hasher, shards),
            spare: Mutex::new(Vec::new()),
            count: AtomicU64::new(0),
            active: AtomicU64::new(0),
            resting_bytes: AtomicU64::new(0),
        }
    }

    /// Puts a recovered entity to rest. Only before the engine takes commands.
    pub(crate) fn insert(&self, id: E::Id, rest: E::Rest) {
        self.resting_bytes.fetch_add(E::rest_bytes(&rest) as u64, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Relaxed);
        self.slots.insert(id, Slot::Resting(rest));
    }

    /// Sends a message to the entity, activating it if it rests.
    pub(crate) fn send(
        &self,
        core: &Arc<Core>,
        id: &E::Id,
        message: E::Message,
        absent: Absent,
    ) -> Result<(), Undelivered<E::Message>> {
        let now = core.clock.last().as_millis();
        if absent == Absent::HandBack {
            match self.slots.get(id).as_deref() {
                Some(Slot::Active(Some(active))) => return deliver(active, message, now),
                Some(Slot::Active(None)) => return Err(Undelivered::Stopped),
                Some(Slot::Resting(_)) => {}
                None => return Err(Undelivered::Unknown(message)),
            }
        }
        match self.slots.entry(id.clone()) {
            Entry::Vacant(_) if absent == Absent::HandBack => Err(Undelivered::Unknown(message)),
            Entry::Vacant(slot) => {
                let active = self.activate(core, id.clone(), None).ok_or(Undelivered::Stopped)?;
                let sent = deliver(&active, message, now);
                self.count.fetch_add(1, Ordering::Relaxed);
                self.active.fetch_add(1, Ordering::Relaxed);
                slot.insert(Slot::Active(Some(Box::new(active))));
                sent
            }
            Entry::Occupied(mut slot) => {
                if let Slot::Active(active) = slot.get() {
                    let Some(active) = active else { return Err(Undelivered::Stopped) };
                    return deliver(active, message, now);
                }
                // The guard is held until the slot has an actor: nobody sees the state in between.
                let Slot::Resting(rest) = std::mem::replace(slot.get_mut(), Slot::Active(None)) else {
                    return Err(Undelivered::Stopped);
                };
                self.resting_bytes.fetch_sub(E::rest_bytes(&rest) as u64, Ordering::Relaxed);
                self.active.fetch_add(1, Ordering::Relaxed);
                let active = self.activate(core, id.clone(), Some(rest)).ok_or(Undelivered::Stopped)?;
                let sent = deliver(&active, message, now);
                *slot.get_mut() = Slot::Active(Some(Box::new(active)));
                sent
            }
        }
    }

    /// Has an actor be the entity from its next message on.
    fn activate(&self, core: &Arc<Core>, id: E::Id, rest: Option<E::Rest>) -> Option<Address<E>> {
        let spare = self.spare().pop();
        let actor = match spare {
            Some(spare) => spare,
            None => host::start(core)?,
        };
        actor.let_to(Tenant { id, rest }).then_some(actor)
    }

    /// Keeps an actor that is nobody; `false` when there are enough of them.
    pub(super) fn keep(&self, actor: Address<E>) -> bool {
        let mut spare = self.spare();
        if spare.len() < SPARE_MAX {
            spare.push(actor);
            return true;
        }
        false
    }

    fn spare(&self) -> MutexGuard<'_, Vec<Address<E>>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts the entity to rest if no message is under way to it; called by its own actor. Its state at rest is made
    /// only when it goes.
    pub(super) fn rest(&self, live: &mut E::Live, mail: &Mail<E>) -> bool {
        #[cfg(any(test, feature = "simulation"))]
        let loses_mail = chaos::is_broken(Sabotage::MailLost);
        #[cfg(not(any(test, feature = "simulation")))]
        let loses_mail = false;
        if !mail.is_empty() && !loses_mail {
            return false;
        }
        let id = E::id(live);
        let Entry::Occupied(mut slot) = self.slots.entry(id) else { return false };
        if !mail.is_empty() && !loses_mail {
            return false;
        }
        match E::rest(live) {
            Ok(Some(rest)) => {
                self.resting_bytes.fetch_add(E::rest_bytes(&rest) as u64, Ordering::Relaxed);
                *slot.get_mut() = Slot::Resting(rest);
            }
            Ok(None) => {
                self.count.fetch_sub(1, Ordering::Relaxed);
                drop(slot.remove());
            }
            Err(error) => {
                let id = slot.key();
                tracing::error!(?id, %error, "an entity cannot be put to rest and stays active");
                return false;
            }
        }
        self.active.fetch_sub(1, Ordering::Relaxed);
        true
    }

    /// Number of entities, active and resting.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Number of entities that have an actor.
    pub(crate) fn active(&self) -> u64 {
        self.active.load(Ordering::Relaxed)
    }

    /// Bytes of the entities at rest.
    pub(crate) fn resting_bytes(&self) -> u64 {
        self.resting_bytes.load(Ordering::Relaxed)
    }

    /// Shows the entity to `visit` under its shard's guard; `None` when it does not exist.
    pub(crate) fn look<T>(&self, id: &E::Id, visit: impl FnOnce(Found<'_, E>) -> T) -> Option<T> {
        match &*self.slots.get(id)? {
            Slot::Active(active) => active.as_ref().map(|_| visit(Found::Active)),
            Slot::Resting(rest) => Some(visit(Found::Resting(rest))),
        }
    }

    /// The active entities whose last message came before `before_ms`, and for whom none waits.
    pub(crate) fn idle(&self, before_ms: u64) -> Vec<E::Id> {
        let is_idle = |slot: &Slot<E>| match slot {
            Slot::Active(Some(active)) => active.mail().used_at_ms() < before_ms && active.mail().is_empty(),
            _ => false,
        };
        self.slots.iter().filter(|slot| is_idle(slot.value())).map(|slot| slot.key().clone()).collect()
    }

    /// Sends a message to the entity if it is still active; this is no use of it that would keep it so.
    pub(crate) fn nudge(&self, id: &E::Id, message: E::Message) {
        if let Some(Slot::Active(Some(active))) = self.slots.get(id).as_deref() {
            // An actor that has gone has nothing to put to rest.
            let _ = active.send(message);
        }
    }

    /// Every id, in no order.
    pub(crate) fn ids(&self) -> Vec<E::Id> {
        self.slots.iter().map(|slot| slot.key().clone()).collect()
    }

    /// Stops every actor; the engine is going down and what is acknowledged is in the journal.
    pub(crate) fn stop_all(&self) {
        for slot in &self.slots {
            if let Slot::Active(Some(active)) = slot.value() {
                active.stop();
            }
        }
        self.spare().drain(..).for_each(|spare| spare.stop());
    }
}

fn deliver<E: Entity>(
    active: &Address<E>,
    message: E::Message,
    now_ms: u64,
) -> Result<(), Undelivered<E::Message>> {
    active.send_at(message, now_ms).map_err(|_| Undelivered::Stopped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::order::OrderEntity;
    use crate::domain::ids::OrderId;

    #[test]
    fn a_resting_order_takes_forty_bytes_of_the_registry() {
        assert_eq!(size_of::<(OrderId, Slot<OrderEntity>)>(), 40);
    }
}
