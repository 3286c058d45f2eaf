//! The slot of an entity in the registry: senders put mail into its mailbox under the guard and wake the actor where it
//! sleeps; the actor rests under the guard, and then waits to be the next entity.

use std::collections::VecDeque;

use loom::sync::{Arc, Condvar, Mutex, RwLock};
use loom::thread;

use super::explore;

/// What is taken out of the protocol.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Without {
    Nothing,
    /// A sender puts its message into the mailbox when it has given the guard back.
    SendingUnderTheGuard,
    /// The actor looks into its mailbox before it has the guard, and not again.
    LookingUnderTheGuard,
    /// The actor leaves its state out of the slot: the next one has that of an earlier one.
    HandingBack,
    /// The actor falls asleep in one step and looks for mail in another one before.
    FallingAsleepAsItLooks,
    /// A message to the entity that the actor was before is taken for one to the entity that it is.
    CountingTenancies,
}

/// A mailbox, and the waking of the actor, once for each time that it falls asleep.
struct Mailbox {
    inbox: Mutex<Inbox>,
    wakes: Mutex<u32>,
    woken: Condvar,
}

struct Inbox {
    messages: VecDeque<u32>,
    awake: bool,
    tenancy: u32,
    next: Option<u32>,
    /// Nobody needs the actor any more.
    stopped: bool,
}

impl Default for Mailbox {
    /// Of an actor that is being started, and will look in for the first time.
    fn default() -> Self {
        let messages = VecDeque::new();
        let inbox = Inbox { messages, awake: true, tenancy: 0, next: None, stopped: false };
        Self { inbox: Mutex::new(inbox), wakes: Mutex::default(), woken: Condvar::new() }
    }
}

impl Mailbox {
    /// `false` where the entity has gone.
    fn send(&self, tenancy: Option<u32>, message: u32) -> bool {
        let mut inbox = self.inbox.lock().unwrap();
        if tenancy.is_some_and(|tenancy| tenancy != inbox.tenancy) {
            return false;
        }
        inbox.messages.push_back(message);
        if !std::mem::replace(&mut inbox.awake, true) {
            drop(inbox);
            self.wake();
        }
        true
    }

    /// Has the actor go.
    fn stop(&self) {
        let mut inbox = self.inbox.lock().unwrap();
        inbox.stopped = true;
        if !std::mem::replace(&mut inbox.awake, true) {
            drop(inbox);
            self.wake();
        }
    }

    fn wake(&self) {
        *self.wakes.lock().unwrap() += 1;
        self.woken.notify_one();
    }

    fn wait(&self) {
        let mut wakes = self.wakes.lock().unwrap();
        while *wakes == 0 {
            wakes = self.woken.wait(wakes).unwrap();
        }
        *wakes -= 1;
    }

    fn is_empty(&self) -> bool {
        self.inbox.lock().unwrap().messages.is_empty()
    }
}

enum Slot {
    Active(Arc<Mailbox>),
    /// The entity at rest: the sum of the messages it was sent.
    Resting(u32),
}

struct Registry {
    slot: RwLock<Slot>,
    spare: Mutex<Vec<Arc<Mailbox>>>,
    /// How often it went to rest, for whoever waits for that.
    rests: Mutex<u32>,
    rested: Condvar,
    actors: Mutex<Vec<(Arc<Mailbox>, thread::JoinHandle<()>)>>,
    without: Without,
}

impl Registry {
    fn new(without: Without) -> Arc<Self> {
        let slot = RwLock::new(Slot::Resting(0));
        Arc::new(Self {
            slot,
            spare: Mutex::default(),
            rests: Mutex::new(0),
            rested: Condvar::new(),
            actors: Mutex::default(),
            without,
        })
    }

    fn send(this: &Arc<Self>, message: u32) {
        let guard = this.slot.read().unwrap();
        if let Slot::Active(mailbox) = &*guard {
            if this.without == Without::SendingUnderTheGuard {
                let mailbox = Arc::clone(mailbox);
                drop(guard);
                mailbox.send(None, message);
            } else {
                mailbox.send(None, message);
            }
            return;
        }
        drop(guard);
        let mut guard = this.slot.write().unwrap();
        let state = match &*guard {
            // Somebody was faster.
            Slot::Active(mailbox) => {
                mailbox.send(None, message);
                return;
            }
            Slot::Resting(state) => *state,
        };
        let spare = this.spare.lock().unwrap().pop();
        let mailbox = spare.unwrap_or_else(|| Self::start(this));
        mailbox.inbox.lock().unwrap().next = Some(state);
        mailbox.send(None, message);
        *guard = Slot::Active(mailbox);
    }

    fn start(this: &Arc<Self>) -> Arc<Mailbox> {
        let mailbox = Arc::new(Mailbox::default());
        let (registry, own) = (Arc::clone(this), Arc::clone(&mailbox));
        let actor = thread::spawn(move || registry.act(&own));
        this.actors.lock().unwrap().push((Arc::clone(&mailbox), actor));
        mailbox
    }

    /// An actor's life: it handles what comes, rests when nothing more is under way, and is then somebody else.
    fn act(&self, mailbox: &Arc<Mailbox>) {
        let (mut before, mut state) = (0, 0);
        loop {
            let mut inbox = mailbox.inbox.lock().unwrap();
            if inbox.stopped {
                return;
            }
            if let Some(next) = inbox.next.take() {
                (before, state) = (next, next);
            }
            if inbox.messages.is_empty() {
                inbox.awake = false;
                drop(inbox);
                mailbox.wait();
                continue;
            }
            let batch = std::mem::take(&mut inbox.messages);
            drop(inbox);
            for message in batch {
                state += message;
            }
            let back = if self.without == Without::HandingBack { before } else { state };
            if self.rest(mailbox, back) {
                // It stays awake, and looks in once more.
                let mut inbox = mailbox.inbox.lock().unwrap();
                if self.without != Without::CountingTenancies {
                    inbox.tenancy += 1;
                }
                inbox.messages.clear();
                drop(inbox);
                self.spare.lock().unwrap().push(Arc::clone(mailbox));
                *self.rests.lock().unwrap() += 1;
                self.rested.notify_one();
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

    /// Ends the actors; the sum of what the entity was sent.
    fn end(this: &Arc<Self>) -> u32 {
        loop {
            let last = this.actors.lock().unwrap().pop();
            let Some((mailbox, actor)) = last else { break };
            mailbox.stop();
            actor.join().unwrap();
        }
        match &*this.slot.read().unwrap() {
            Slot::Resting(state) => *state,
            Slot::Active(_) => panic!("the slot names an actor that has stopped"),
        }
    }

    /// Waits until the entity rests.
    fn settled(this: &Arc<Self>) {
        let mut rests = this.rests.lock().unwrap();
        while matches!(&*this.slot.read().unwrap(), Slot::Active(_)) || *rests == 0 {
            rests = this.rested.wait(rests).unwrap();
        }
        *rests = 0;
    }
}

/// Two senders and an entity at rest: when it rests again, it has both messages.
fn two_senders(without: Without) {
    explore(move || {
        let registry = Registry::new(without);
        let other = Arc::clone(&registry);
        let sender = thread::spawn(move || Registry::send(&other, 1));
        Registry::send(&registry, 10);
        sender.join().unwrap();
        Registry::settled(&registry);
        assert_eq!(Registry::end(&registry), 11, "a message was lost");
    });
}

/// Who has the address of an entity sends to it past the registry, while it goes to rest and its actor becomes another.
fn a_late_message(without: Without) {
    explore(move || {
        let registry = Registry::new(without);
        Registry::send(&registry, 10);
        let first = registry.actors.lock().unwrap().first().map(|(mailbox, _)| Arc::clone(mailbox)).unwrap();
        let late = thread::spawn(move || first.send(Some(0), 500));
        Registry::settled(&registry);
        // The next entity, which has the same actor.
        *registry.slot.write().unwrap() = Slot::Resting(0);
        Registry::send(&registry, 1);
        late.join().unwrap();
        Registry::settled(&registry);
        assert_eq!(Registry::end(&registry), 1, "somebody else's message was taken");
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
fn an_actor_that_looks_before_it_has_the_guard_is_found_out() {
    two_senders(Without::LookingUnderTheGuard);
}

#[test]
#[should_panic(expected = "a message was lost")]
fn an_actor_that_does_not_hand_its_state_back_is_found_out() {
    two_senders(Without::HandingBack);
}

/// An actor that is awake looks into its mailbox while somebody sends.
fn falling_asleep(without: Without) {
    explore(move || {
        let mailbox = Arc::new(Mailbox::default());
        let its = Arc::clone(&mailbox);
        let sender = thread::spawn(move || its.send(None, 1));
        if without == Without::FallingAsleepAsItLooks {
            if mailbox.is_empty() {
                mailbox.inbox.lock().unwrap().awake = false;
            }
        } else {
            let mut inbox = mailbox.inbox.lock().unwrap();
            inbox.awake = !inbox.messages.is_empty();
        }
        sender.join().unwrap();
        let awake = mailbox.inbox.lock().unwrap().awake;
        assert!(awake, "a message waits that nobody is told of");
    });
}

#[test]
fn an_actor_that_falls_asleep_is_woken_by_the_next_message() {
    falling_asleep(Without::Nothing);
}

#[test]
#[should_panic(expected = "nobody is told of")]
fn an_actor_that_looks_and_falls_asleep_in_two_steps_is_found_out() {
    falling_asleep(Without::FallingAsleepAsItLooks);
}

#[test]
fn a_late_message_is_not_taken_for_one_to_the_next_entity() {
    a_late_message(Without::Nothing);
}

#[test]
#[should_panic(expected = "somebody else's message was taken")]
fn a_late_message_that_carries_no_tenancy_is_found_taken() {
    a_late_message(Without::CountingTenancies);
}
