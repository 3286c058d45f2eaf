//! The slot of an entity in the registry: senders count and send under the guard, the actor rests under it.

use std::collections::VecDeque;

use loom::sync::atomic::{AtomicU32, Ordering};
use loom::sync::{Arc, Condvar, Mutex, RwLock};
use loom::thread;

use super::explore;

/// What is taken out of the protocol.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Without {
    Nothing,
    /// A sender counts and sends when it has given the guard back.
    SendingUnderTheGuard,
    /// A sender does not count its message.
    Counting,
    /// The actor looks at the count before it has the guard, and not again.
    LookingUnderTheGuard,
    /// The actor leaves its state out of the slot: the next actor has that of an earlier one.
    HandingBack,
}

/// An actor's mailbox. When the actor stops, what is in it is gone.
#[derive(Default)]
struct Mailbox {
    messages: Mutex<VecDeque<u32>>,
    arrived: Condvar,
    counted: AtomicU32,
}

impl Mailbox {
    fn send(&self, message: u32) {
        self.messages.lock().unwrap().push_back(message);
        self.arrived.notify_one();
    }

    fn receive(&self) -> u32 {
        let mut messages = self.messages.lock().unwrap();
        loop {
            if let Some(message) = messages.pop_front() {
                return message;
            }
            messages = self.arrived.wait(messages).unwrap();
        }
    }

    fn is_empty(&self) -> bool {
        self.counted.load(Ordering::Acquire) == 0
    }
}

enum Slot {
    Active(Arc<Mailbox>),
    /// The entity at rest: the sum of the messages it was sent.
    Resting(u32),
}

struct Registry {
    slot: RwLock<Slot>,
    actors: Mutex<Vec<thread::JoinHandle<()>>>,
    without: Without,
}

impl Registry {
    fn deliver(&self, mailbox: &Mailbox, message: u32) {
        if self.without != Without::Counting {
            mailbox.counted.fetch_add(1, Ordering::AcqRel);
        }
        mailbox.send(message);
    }

    fn send(this: &Arc<Self>, message: u32) {
        let guard = this.slot.read().unwrap();
        if let Slot::Active(mailbox) = &*guard {
            if this.without == Without::SendingUnderTheGuard {
                let mailbox = Arc::clone(mailbox);
                drop(guard);
                this.deliver(&mailbox, message);
            } else {
                this.deliver(mailbox, message);
            }
            return;
        }
        drop(guard);
        let mut guard = this.slot.write().unwrap();
        let state = match &*guard {
            // Somebody was faster.
            Slot::Active(mailbox) => return this.deliver(mailbox, message),
            Slot::Resting(state) => *state,
        };
        let mailbox = Arc::new(Mailbox::default());
        let (registry, own) = (Arc::clone(this), Arc::clone(&mailbox));
        let actor = thread::spawn(move || registry.act(&own, state));
        this.actors.lock().unwrap().push(actor);
        this.deliver(&mailbox, message);
        *guard = Slot::Active(mailbox);
    }

    /// An actor's life: it handles what comes, and rests when nothing more is under way.
    fn act(&self, mailbox: &Mailbox, before: u32) {
        let mut state = before;
        loop {
            state += mailbox.receive();
            if self.without != Without::Counting {
                mailbox.counted.fetch_sub(1, Ordering::AcqRel);
            }
            let back = if self.without == Without::HandingBack { before } else { state };
            if self.rest(mailbox, back) {
                return;
            }
        }
    }

    fn rest(&self, mailbox: &Mailbox, state: u32) -> bool {
        if !mailbox.is_empty() {
            return false;
        }
        let mut slot = self.slot.write().unwrap();
        if !mailbox.is_empty() && self.without != Without::LookingUnderTheGuard {
            return false;
        }
        *slot = Slot::Resting(state);
        true
    }
}

/// Two senders and an entity at rest: when all actors have stopped, the entity rests with both messages.
fn two_senders(without: Without) {
    explore(move || {
        let registry =
            Arc::new(Registry { slot: RwLock::new(Slot::Resting(0)), actors: Mutex::default(), without });
        let other = Arc::clone(&registry);
        let sender = thread::spawn(move || Registry::send(&other, 1));
        Registry::send(&registry, 10);
        sender.join().unwrap();
        loop {
            let actor = registry.actors.lock().unwrap().pop();
            let Some(actor) = actor else { break };
            actor.join().unwrap();
        }
        match &*registry.slot.read().unwrap() {
            Slot::Resting(state) => assert_eq!(*state, 11, "a message was lost"),
            Slot::Active(_) => panic!("the slot names an actor that has stopped"),
        }
    });
}

#[test]
fn no_message_is_lost_to_an_actor_that_goes_to_rest() {
    two_senders(Without::Nothing);
}

#[test]
#[should_panic(expected = "a message was lost")]
fn a_message_sent_without_the_guard_is_found_lost() {
    two_senders(Without::SendingUnderTheGuard);
}

#[test]
#[should_panic(expected = "a message was lost")]
fn a_message_that_is_not_counted_is_found_lost() {
    two_senders(Without::Counting);
}

#[test]
#[should_panic(expected = "a message was lost")]
fn an_actor_that_looks_before_it_has_the_guard_is_found_out() {
    two_senders(Without::LookingUnderTheGuard);
}

#[test]
#[should_panic(expected = "a message was lost")]
fn an_actor_that_does_not_hand_its_state_back_is_found_out() {
    two_senders(Without::HandingBack);
}
