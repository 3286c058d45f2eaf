//! Whether the placement of an order is decided, for the SKUs that hold units for it meanwhile.
//!
//! A SKU asks only when somebody is about to be refused for want of those units, which is rare: so it is not told
//! of every placement, but looks, and says that it wants to be told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

const OPEN: u8 = 0;
const WATCHED: u8 = 1;
const DECIDED: u8 = 2;

/// The fate of one placement; clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fate(Arc<AtomicU8>);

impl Fate {
    /// Decides it; `true` when somebody wants to be told.
    pub(crate) fn decide(&self) -> bool {
        self.0.swap(DECIDED, Ordering::AcqRel) == WATCHED
    }

    /// Whether it is decided.
    pub(crate) fn is_decided(&self) -> bool {
        self.0.load(Ordering::Acquire) == DECIDED
    }

    /// Asks to be told; `false` when it is decided already, and nobody will tell.
    pub(crate) fn watch(&self) -> bool {
        match self.0.compare_exchange(OPEN, WATCHED, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => true,
            Err(now) => now == WATCHED,
        }
    }
}
