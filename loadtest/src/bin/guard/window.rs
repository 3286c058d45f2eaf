//! The window: what happens within it counts.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

/// Whether a window is open and allocations are to be counted. Under Valgrind it stays `false`, so that counting
/// adds one look at it to each allocation and nothing else.
static COUNTING: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);

/// Set in the environment of a child that runs under Valgrind.
pub(crate) const INSTRUCTIONS_ONLY: &str = "EARMARK_GUARD_INSTRUCTIONS_ONLY";

/// The name under which Valgrind knows the window.
pub(crate) const WINDOW: &str = "*counted_window*";

/// What one run of a scenario did within its window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counted {
    /// By how many the counts are divided.
    pub(crate) commands: u64,
    /// Allocations, and reallocations to a larger size.
    pub(crate) allocations: u64,
    /// The bytes that were asked for; of a reallocation what it added.
    pub(crate) bytes: u64,
}

/// The system's allocator, counted.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[inline]
fn note(bytes: usize) {
    if COUNTING.load(Ordering::Relaxed) {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        BYTES.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: the caller promises for `layout` what the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `System` with this layout, since all of them do.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        if let Some(more) = bytes.checked_sub(layout.size()).filter(|more| *more > 0) {
            note(more);
        }
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, bytes) }
    }
}

/// Does the work with the window open; it stands for so many commands.
pub(crate) fn count(commands: u64, mut work: impl FnMut()) -> Counted {
    let (allocations, bytes) = (ALLOCATIONS.load(Ordering::Relaxed), BYTES.load(Ordering::Relaxed));
    COUNTING.store(std::env::var_os(INSTRUCTIONS_ONLY).is_none(), Ordering::Relaxed);
    counted_window(&mut work);
    COUNTING.store(false, Ordering::Relaxed);
    Counted {
        commands,
        allocations: ALLOCATIONS.load(Ordering::Relaxed) - allocations,
        bytes: BYTES.load(Ordering::Relaxed) - bytes,
    }
}

/// Valgrind counts from where this function is entered to where it is left, on the thread that enters it.
#[inline(never)]
fn counted_window(work: &mut dyn FnMut()) {
    work();
    // Something behind the call, so that it is one and not a jump out of the window.
    std::hint::black_box(());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_counts_what_is_allocated_within_it() {
        let counted = count(7, || {
            std::hint::black_box(Vec::<u8>::with_capacity(1_000_003));
        });
        assert_eq!(counted.commands, 7);
        // Other tests allocate beside this one, on threads of their own.
        assert!(counted.allocations >= 1);
        assert!(counted.bytes >= 1_000_003);
    }
}
