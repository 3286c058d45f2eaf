//! The engine's account of its memory: what it keeps for entities and keys, by the counts that exist and sums
//! that are kept up to date. Nothing is measured and nothing is looked through, so asking costs nothing.
//!
//! It leaves out what does not grow with the number of orders: buffers, threads, commands in flight, and what
//! the allocator keeps for itself.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use super::core::Core;

/// What an entity costs in its registry: its id and place, at the usual filling of the table.
const SLOT_BYTES: u64 = 72;
/// What an actor costs, its mailbox and what the runtime keeps of it.
const ACTOR_BYTES: u64 = 6_600;
/// What an order costs in the index: its entry and its places in lists.
const INDEXED_BYTES: u64 = 52;
/// What a customer costs in the index.
const CUSTOMER_BYTES: u64 = 96;
/// What the answer of a key costs.
const KEY_BYTES: u64 = 320;
/// What a moment costs that the timers wait for.
const TIMER_BYTES: u64 = 96;

/// Memory that the engine uses for what it keeps, in bytes; about, by its own account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryUse {
    /// Orders at rest, retired ones included, with their places in the registry.
    pub orders_bytes: u64,
    /// Flows, named locks, and actors of orders and SKUs that have something to do.
    pub actors_bytes: u64,
    /// SKUs: counters, holds, queues, accounts of buyers.
    pub stock_bytes: u64,
    /// The index that lists and counts are answered from.
    pub index_bytes: u64,
    /// Answered idempotency keys.
    pub keys_bytes: u64,
    /// Moments that the timers wait for.
    pub timers_bytes: u64,
    /// [`crate::Config::memory_bytes_max`].
    pub budget_bytes: Option<u64>,
}

impl MemoryUse {
    /// All of it, in bytes.
    #[must_use]
    pub const fn used_bytes(&self) -> u64 {
        self.orders_bytes
            + self.actors_bytes
            + self.stock_bytes
            + self.index_bytes
            + self.keys_bytes
            + self.timers_bytes
    }

    /// Whether the budget is used up.
    #[must_use]
    pub const fn is_used_up(&self) -> bool {
        match self.budget_bytes {
            Some(budget) => self.used_bytes() >= budget,
            None => false,
        }
    }
}

/// The parts of the account that nobody else keeps.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    budget_bytes: Option<u64>,
    stock_bytes: AtomicI64,
    customers: AtomicU64,
}

impl Memory {
    pub(crate) fn new(budget_bytes: Option<u64>) -> Self {
        Self { budget_bytes, ..Self::default() }
    }

    pub(crate) const fn is_limited(&self) -> bool {
        self.budget_bytes.is_some()
    }

    /// A SKU that took so many bytes before takes so many now.
    pub(crate) fn stock_changed(&self, before: usize, after: usize) {
        if before != after {
            // Sizes of memory fit 63 bits.
            self.stock_bytes.fetch_add(after as i64 - before as i64, Ordering::Relaxed);
        }
    }

    pub(crate) fn set_customers(&self, customers: u32) {
        self.customers.store(u64::from(customers), Ordering::Relaxed);
    }
}

impl Core {
    /// What memory is used for at this moment.
    pub(crate) fn memory_use(&self) -> MemoryUse {
        let (orders, skus, flows) = (&self.orders, &self.skus, &self.flows.registry);
        let locks = &self.locks;
        let memory = &self.memory;
        let stock_bytes = u64::try_from(memory.stock_bytes.load(Ordering::Relaxed)).unwrap_or_default();
        MemoryUse {
            orders_bytes: orders.resting_bytes() + orders.count() * SLOT_BYTES,
            actors_bytes: (orders.active() + skus.active() + flows.active() + locks.active()) * ACTOR_BYTES
                + flows.resting_bytes()
                + locks.count() * SLOT_BYTES
                + locks.resting_bytes(),
            stock_bytes: stock_bytes + skus.count() * SLOT_BYTES,
            index_bytes: orders.count() * INDEXED_BYTES
                + memory.customers.load(Ordering::Relaxed) * CUSTOMER_BYTES,
            keys_bytes: self.keys.count() * KEY_BYTES,
            timers_bytes: self.timers.armed() as u64 * TIMER_BYTES,
            budget_bytes: memory.budget_bytes,
        }
    }
}
