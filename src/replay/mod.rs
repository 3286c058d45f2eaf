//! Replay: from the journal's records back to the state, through the same `apply` that ran live.
//!
//! - `tagged` turns records into tagged bytes and back.
//! - `world` is the machine that rebuilds: every entity and every answered key. `shelf` keeps its orders packed.
//! - `load` fills it from a snapshot, `tail` from the journal.
//! - `hash` is the state hash: same journal, same hash, live and recovered.
//! - `audit` checks what must hold across entities.
//! - `compact` is an order at rest.

mod audit;
pub(crate) mod compact;
mod hash;
mod load;
mod shelf;
pub(crate) mod tagged;
mod tail;
mod world;

pub use audit::audit;
pub use hash::{StateHash, state_hash};
pub use load::{LoadProgress, load};
pub(crate) use tail::replay;
pub(crate) use world::Settled;
pub use world::{KeyAnswer, Parts, World};
