//! Replay: from the journal's records back to the state, through the same `apply` that ran live.
//!
//! - `tagged` turns records into tagged bytes and back.
//! - `world` is the machine that rebuilds: every entity and every answered key.
//! - `hash` is the state hash: same journal, same hash, live and recovered.
//! - `audit` checks what must hold across entities.
//! - `compact` is an order at rest.

mod audit;
pub(crate) mod compact;
mod hash;
pub(crate) mod tagged;
mod world;

pub use audit::audit;
pub use hash::{StateHash, state_hash};
pub use world::{KeyAnswer, World};
