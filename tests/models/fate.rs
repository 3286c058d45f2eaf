//! The fate of a placement: whoever waits for it is told, although nobody is told who does not wait.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use loom::thread;

use super::explore;

const OPEN: u8 = 0;
const WATCHED: u8 = 1;
const DECIDED: u8 = 2;

/// A SKU that wants to know, and an order that decides.
fn watched(looks_and_asks_at_once: bool) {
    explore(move || {
        let (fate, told) = (Arc::new(AtomicU8::new(OPEN)), Arc::new(AtomicBool::new(false)));
        let (its, tells) = (Arc::clone(&fate), Arc::clone(&told));
        let order = thread::spawn(move || {
            if its.swap(DECIDED, Ordering::AcqRel) == WATCHED {
                tells.store(true, Ordering::SeqCst);
            }
        });
        let waits = if looks_and_asks_at_once {
            fate.compare_exchange(OPEN, WATCHED, Ordering::AcqRel, Ordering::Acquire).is_ok()
        } else {
            let open = fate.load(Ordering::Acquire) == OPEN;
            if open {
                fate.store(WATCHED, Ordering::Release);
            }
            open
        };
        order.join().unwrap();
        assert!(!waits || told.load(Ordering::SeqCst), "it waits for good");
    });
}

#[test]
fn whoever_waits_for_a_fate_is_told() {
    watched(true);
}

#[test]
#[should_panic(expected = "it waits for good")]
fn asking_to_be_told_after_looking_is_found_to_be_too_late() {
    watched(false);
}
