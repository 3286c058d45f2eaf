//! An entity's mailbox: ours, beside the one that ractor gives every actor.
//!
//! ractor's carries one word only, [`Begin`], once: from then on the actor waits here, and a message wakes its task
//! where it finds it asleep, and then not again until the actor has found its mailbox empty. So a burst of messages
//! wakes a task once, each message is moved twice, and an actor that takes what is there can treat it as one piece of
//! work.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

use ractor::ActorRef;

use super::registry::Entity;

/// There is a mailbox to be waited at.
pub(super) struct Begin;

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
    /// Whose it is, from when it was started.
    actor: OnceLock<ActorRef<Begin>>,
    /// Engine time of the last message, in milliseconds; for the sweeper.
    used_at: AtomicU64,
}

struct Inbox<E: Entity> {
    messages: Vec<E::Message>,
    /// Who wakes the actor; there while it sleeps, having found the inbox empty.
    asleep: Option<Waker>,
    /// Which of the entities that the actor has been gets mail here.
    tenancy: u64,
    next: Option<Tenant<E>>,
    /// The actor is to go.
    stopped: bool,
    /// Nobody will ever look in again.
    closed: bool,
}

/// What an actor found in its mailbox.
pub(super) enum Opened<E: Entity> {
    /// That it is to go.
    Stopped,
    /// Messages, which are in the batch now.
    Messages,
    /// The same, for another entity, which the actor is from now on; and the number of its tenancy.
    Moved(Tenant<E>, u64),
}

impl<E: Entity> Mail<E> {
    pub(super) fn new() -> Self {
        let inbox = Inbox {
            messages: Vec::new(),
            asleep: None,
            tenancy: 0,
            next: None,
            stopped: false,
            closed: false,
        };
        Self { inbox: Mutex::new(inbox), actor: OnceLock::new(), used_at: AtomicU64::new(0) }
    }

    /// Notes whose it is, once.
    pub(super) fn belongs_to(&self, actor: ActorRef<Begin>) {
        // Nobody has noted another: who starts the actor does so, before anybody else has its address.
        let _ = self.actor.set(actor);
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

    /// Exchanges what is there for the empty `batch`, or falls asleep where there is nothing.
    pub(super) fn open(&self, batch: &mut Vec<E::Message>, actor: &mut Context<'_>) -> Poll<Opened<E>> {
        if batch.capacity() > ROOM_KEPT {
            *batch = Vec::new();
        }
        let mut inbox = self.inbox();
        if inbox.stopped {
            return Poll::Ready(Opened::Stopped);
        }
        if inbox.messages.is_empty() {
            inbox.asleep = Some(actor.waker().clone());
            return Poll::Pending;
        }
        // Also when something else has woken it.
        inbox.asleep = None;
        std::mem::swap(&mut inbox.messages, batch);
        Poll::Ready(match inbox.next.take() {
            Some(next) => Opened::Moved(next, inbox.tenancy),
            None => Opened::Messages,
        })
    }

    /// The entity has gone to rest: what is still sent to it past the registry is turned away, and what came since it
    /// went is dropped. Answers the number of the next tenancy.
    pub(super) fn vacate(&self) -> u64 {
        let mut inbox = self.inbox();
        inbox.tenancy += 1;
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
    mail: Arc<Mail<E>>,
    tenancy: u64,
}

impl<E: Entity> Clone for Address<E> {
    fn clone(&self) -> Self {
        Self { mail: self.mail.clone(), tenancy: self.tenancy }
    }
}

impl<E: Entity> Address<E> {
    pub(super) fn new(mail: Arc<Mail<E>>, tenancy: u64) -> Self {
        Self { mail, tenancy }
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
        let asleep = inbox.asleep.take();
        drop(inbox);
        if let Some(actor) = asleep {
            actor.wake();
        }
        Ok(())
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

    /// Has the actor go when it has handled what it took.
    pub(super) fn stop(&self) {
        let mut inbox = self.mail.inbox();
        inbox.stopped = true;
        let asleep = inbox.asleep.take();
        drop(inbox);
        if let Some(actor) = self.mail.actor.get() {
            actor.stop(None);
        }
        if let Some(actor) = asleep {
            actor.wake();
        }
    }
}
