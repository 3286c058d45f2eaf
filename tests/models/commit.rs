//! The hand-over between actors and the journal's writer: the sleeping driver, the closing, the order in which
//! answers leave, and the gate.

use std::collections::VecDeque;

use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use loom::sync::{Arc, Mutex};
use loom::thread;

use super::explore;

/// What is taken out of the protocol.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Without {
    Nothing,
    /// The driver goes to sleep without a last look at the queue.
    TheLastLook,
    /// Whoever pushes does not look whether the writer has gone.
    LookingForTheClosing,
    /// The answer under a key is in the table before its record is in the queue.
    ThePushUnderTheGuard,
    /// The answer leaves before the gate has moved.
    WaitingForTheGate,
}

/// What is pushed: the number of a record, or an answer that rests on one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item {
    Record(u64),
    Answer(u64),
}

struct Queue {
    items: Mutex<VecDeque<Item>>,
    /// A flag of the strongest ordering, of which there is one order for all threads: here under a lock, because
    /// `loom` takes such orderings for weaker ones.
    sleeping: Mutex<bool>,
    woken: Mutex<bool>,
    closed: AtomicBool,
    turned_away: Mutex<u32>,
    without: Without,
}

impl Queue {
    fn new(without: Without) -> Self {
        Self {
            items: Mutex::default(),
            sleeping: Mutex::new(false),
            woken: Mutex::new(false),
            closed: AtomicBool::new(false),
            turned_away: Mutex::new(0),
            without,
        }
    }

    fn push(&self, item: Item) {
        self.items.lock().unwrap().push_back(item);
        if self.is_asleep() && self.was_asleep() {
            *self.woken.lock().unwrap() = true;
        }
        if self.without != Without::LookingForTheClosing && self.closed.load(Ordering::SeqCst) {
            self.turn_away();
        }
    }

    fn is_asleep(&self) -> bool {
        *self.sleeping.lock().unwrap()
    }

    /// Clears the flag; whether it was set. Who finds it set wakes the driver.
    fn was_asleep(&self) -> bool {
        std::mem::replace(&mut *self.sleeping.lock().unwrap(), false)
    }

    fn pop(&self) -> Option<Item> {
        self.items.lock().unwrap().pop_front()
    }

    fn turn_away(&self) {
        while self.pop().is_some() {
            *self.turned_away.lock().unwrap() += 1;
        }
    }

    fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.turn_away();
    }

    /// The driver's way to the next item; `None` when it has gone to sleep.
    fn next(&self) -> Option<Item> {
        if let Some(item) = self.pop() {
            return Some(item);
        }
        *self.sleeping.lock().unwrap() = true;
        let is_empty = self.items.lock().unwrap().is_empty();
        if is_empty || self.without == Without::TheLastLook {
            return None;
        }
        // Whoever has seen the driver asleep wakes it next time, for nothing.
        *self.sleeping.lock().unwrap() = false;
        self.pop()
    }
}

/// Two actors push while the driver takes and goes to sleep: whatever is left then, it was woken for.
fn sleeping_driver(without: Without) {
    explore(move || {
        let queue = Arc::new(Queue::new(without));
        let actors = [1, 2].map(|number| {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.push(Item::Record(number)))
        });
        let asleep = (0..3).any(|_| queue.next().is_none());
        for actor in actors {
            actor.join().unwrap();
        }
        let is_left = !queue.items.lock().unwrap().is_empty();
        let is_woken = *queue.woken.lock().unwrap();
        assert!(asleep, "three items were found where two were pushed");
        assert!(!is_left || is_woken, "an item is there, and nobody wakes the driver");
    });
}

#[test]
fn a_driver_that_goes_to_sleep_misses_no_item() {
    sleeping_driver(Without::Nothing);
}

#[test]
#[should_panic(expected = "nobody wakes the driver")]
fn a_driver_that_sleeps_without_a_last_look_is_found_asleep() {
    sleeping_driver(Without::TheLastLook);
}

/// An actor pushes while the writer takes what is there and goes: each item is taken or turned away, once.
fn closing_writer(without: Without) {
    explore(move || {
        let queue = Arc::new(Queue::new(without));
        let other = Arc::clone(&queue);
        let actor = thread::spawn(move || {
            other.push(Item::Answer(1));
            other.push(Item::Answer(2));
        });
        let mut taken = 0;
        while queue.pop().is_some() {
            taken += 1;
        }
        queue.close();
        actor.join().unwrap();
        let turned_away = *queue.turned_away.lock().unwrap();
        assert_eq!(taken + turned_away, 2, "somebody waits for an answer that never comes");
    });
}

#[test]
fn whoever_pushes_while_the_writer_goes_is_taken_or_turned_away() {
    closing_writer(Without::Nothing);
}

#[test]
#[should_panic(expected = "never comes")]
fn a_push_that_does_not_look_for_the_closing_is_found_waiting() {
    closing_writer(Without::LookingForTheClosing);
}

/// One shard of the key table: whether the key is answered, and how many wait for it.
#[derive(Default)]
struct Key {
    is_answered: bool,
    waiting: u32,
}

/// A command ends under a key while a duplicate comes: nobody's answer stands in the queue before the record.
fn keyed_answer(without: Without) {
    explore(move || {
        let (queue, key) = (Arc::new(Queue::new(without)), Arc::new(Mutex::new(Key::default())));
        let (its_queue, its_key) = (Arc::clone(&queue), Arc::clone(&key));
        let duplicate = thread::spawn(move || {
            let mut key = its_key.lock().unwrap();
            let is_answered = key.is_answered;
            key.waiting += u32::from(!is_answered);
            drop(key);
            if is_answered {
                its_queue.push(Item::Answer(1));
            }
        });
        let mut guard = key.lock().unwrap();
        if without != Without::ThePushUnderTheGuard {
            queue.push(Item::Record(1));
        }
        guard.is_answered = true;
        let waiting = std::mem::take(&mut guard.waiting);
        drop(guard);
        if without == Without::ThePushUnderTheGuard {
            queue.push(Item::Record(1));
        }
        (0..waiting).for_each(|_| queue.push(Item::Answer(1)));
        duplicate.join().unwrap();
        assert_eq!(queue.pop(), Some(Item::Record(1)), "an answer leaves before what it rests on");
        assert_eq!(queue.pop(), Some(Item::Answer(1)), "the duplicate is not answered");
    });
}

#[test]
fn a_duplicate_is_answered_behind_the_record_it_rests_on() {
    keyed_answer(Without::Nothing);
}

#[test]
#[should_panic(expected = "before what it rests on")]
fn an_answer_in_the_table_before_its_push_is_found_early() {
    keyed_answer(Without::ThePushUnderTheGuard);
}

/// The writer makes records durable and lets answers go; whoever has an answer finds the gate behind its record.
fn gate(without: Without) {
    explore(move || {
        let (durable, answered) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (its_durable, its_answered) = (durable.clone(), answered.clone());
        let writer = thread::spawn(move || {
            for number in 1..=3 {
                if without == Without::WaitingForTheGate {
                    its_answered.store(number, Ordering::Release);
                }
                its_durable.store(number, Ordering::Release);
                its_answered.store(number, Ordering::Release);
            }
        });
        let seen = answered.load(Ordering::Acquire);
        assert!(durable.load(Ordering::Acquire) >= seen, "an answer is out and its record is not durable");
        writer.join().unwrap();
    });
}

#[test]
fn whoever_has_an_answer_finds_its_record_durable() {
    gate(Without::Nothing);
}

#[test]
#[should_panic(expected = "its record is not durable")]
fn an_answer_that_leaves_before_the_gate_moves_is_found_early() {
    gate(Without::WaitingForTheGate);
}
