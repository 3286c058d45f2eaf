//! An entity's mailbox: ours, beside the one that ractor gives every actor.
//!
//! ractor's carries one word only, [`Wake`]: there is mail. It is sent when a message finds the actor asleep, and
//! then not again until the actor has found its mailbox empty. So a burst of messages wakes a task once, each message
//! is moved twice, and an actor that takes what is there can treat it as one piece of work.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ractor::ActorRef;

use super::registry::Entity;

/// There is mail.
pub(super) struct Wake;

/// Messages for which room is kept; what a burst took beyond them is given back.
const ROOM_KEPT: usize = 1_024;

/// The entity did not get the message: it has gone to rest, or the engine is going down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gone;

/// Who an actor is to be from now on: an entity, and its state at rest where it has one.
pub(super) struct Tenant<E: Entity> {
    pub(super) id: E::Id,
    pub(super) rest: Option<E::Rest>,
}

/// What senders and the actor share.
pub(crate) struct Mail<E: Entity> {
    inbox: Mutex<Inbox<E>>,
    /// Engine time of the last message, in milliseconds; for the sweeper.
    used_at: AtomicU64,
}

struct Inbox<E: Entity> {
    messages: Vec<E::Message>,
    /// Whether the actor was woken and has not found the inbox empty since.
    awake: bool,
    /// Which of the entities that the actor has been gets mail here.
    tenancy: u64,
    next: Option<Tenant<E>>,
    /// Nobody will ever look in again.
    closed: bool,
}

/// What an actor found in its mailbox.
pub(super) enum Opened<E: Entity> {
    /// Nothing: the next message wakes it.
    Empty,
    /// Messages, which are in the batch now.
    Messages,
    /// The same, for another entity, which the actor is from now on; and the number of its tenancy.
    Moved(Tenant<E>, u64),
}

impl<E: Entity> Mail<E> {
    pub(super) fn new() -> Self {
        let inbox = Inbox { messages: Vec::new(), awake: false, tenancy: 0, next: None, closed: false };
        Self { inbox: Mutex::new(inbox), used_at: AtomicU64::new(0) }
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox<E>> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether no message waits. Who must not be overtaken asks under the shard's write guard.
    pub(super) fn is_empty(&self) -> bool {
        self.inbox().messages.is_empty()
    }

    /// Engine time of the last message, in milliseconds.
    pub(super) fn used_at_ms(&self) -> u64 {
        self.used_at.load(Ordering::Relaxed)
    }

    /// Exchanges what is there for the empty `batch`.
    pub(super) fn open(&self, batch: &mut Vec<E::Message>) -> Opened<E> {
        if batch.capacity() > ROOM_KEPT {
            *batch = Vec::new();
        }
        let mut inbox = self.inbox();
        let next = inbox.next.take();
        if inbox.messages.is_empty() && next.is_none() {
            inbox.awake = false;
            return Opened::Empty;
        }
        std::mem::swap(&mut inbox.messages, batch);
        match next {
            Some(next) => Opened::Moved(next, inbox.tenancy),
            None => Opened::Messages,
        }
    }

    /// The entity has gone to rest: what is still sent to it past the registry is turned away, and what came since it
    /// went is dropped. Answers the number of the next tenancy, whose first message wakes the actor.
    pub(super) fn vacate(&self) -> u64 {
        let mut inbox = self.inbox();
        inbox.tenancy += 1;
        inbox.awake = false;
        let (late, tenancy) = (std::mem::take(&mut inbox.messages), inbox.tenancy);
        drop(inbox);
        drop(late);
        tenancy
    }

    /// The actor has gone: what waits is dropped, and with it the callers' replies, who are told by that.
    pub(super) fn close(&self) {
        let mut inbox = self.inbox();
        inbox.closed = true;
        let (messages, next) = (std::mem::take(&mut inbox.messages), inbox.next.take());
        drop(inbox);
        drop((messages, next));
    }
}

/// Where an entity gets its mail while it is active.
pub(crate) struct Address<E: Entity> {
    actor: ActorRef<Wake>,
    mail: Arc<Mail<E>>,
    tenancy: u64,
}

impl<E: Entity> Clone for Address<E> {
    fn clone(&self) -> Self {
        Self { actor: self.actor.clone(), mail: self.mail.clone(), tenancy: self.tenancy }
    }
}

impl<E: Entity> Address<E> {
    pub(super) fn new(actor: ActorRef<Wake>, mail: Arc<Mail<E>>, tenancy: u64) -> Self {
        Self { actor, mail, tenancy }
    }

    pub(super) fn mail(&self) -> &Mail<E> {
        &self.mail
    }

    /// Sends a message past the registry: to an entity that is known to stay until it comes, or that may miss it.
    ///
    /// # Errors
    /// When the entity has gone.
    pub(crate) fn send(&self, message: E::Message) -> Result<(), Gone> {
        let mut inbox = self.mail.inbox();
        if inbox.closed || inbox.tenancy != self.tenancy {
            return Err(Gone);
        }
        inbox.messages.push(message);
        let asleep = !std::mem::replace(&mut inbox.awake, true);
        drop(inbox);
        if asleep { self.wake() } else { Ok(()) }
    }

    /// Notes when the entity was last used, and sends.
    pub(super) fn send_at(&self, message: E::Message, now_ms: u64) -> Result<(), Gone> {
        self.mail.used_at.store(now_ms, Ordering::Relaxed);
        self.send(message)
    }

    /// Has the actor be another entity from its next message on; `false` when it has gone.
    pub(super) fn let_to(&self, next: Tenant<E>) -> bool {
        let mut inbox = self.mail.inbox();
        if inbox.closed {
            return false;
        }
        inbox.next = Some(next);
        true
    }

    /// Wakes the actor, whatever it is doing.
    pub(super) fn wake(&self) -> Result<(), Gone> {
        self.actor.send_message(Wake).map_err(|_| Gone)
    }

    pub(super) fn stop(&self) {
        self.actor.stop(None);
    }
}
