//! Replay: from the journal's records back to the state, through the same `apply` that ran live.
//!
//! - `tagged` turns records into tagged bytes and back.
//! - `world` is the machine that rebuilds: every entity and every answered key. `shelf` keeps its orders packed,
//!   `stock` has its SKUs.
//! - `works` is what works around orders and stock: rules and flows.
//! - `load` fills it from a snapshot, on several threads (`abreast`), `tail` from the journal.
//! - `hash` is the state hash: same journal, same hash, live and recovered.
//! - `base` is what stands under a journal whose beginning was dropped.
//! - `summary` is what is said of a state as a whole.
//! - `audit` checks what must hold across entities.
//! - `compact` is an order at rest.
//! - `driver` reads a folder without touching it and feeds a machine: `rebuild`, `verify`, `history` of one
//!   entity, or `near` ids of an unknown one. Opening an engine has a driver of its own, which claims the folder.

pub(crate) mod abreast;
mod audit;
mod base;
pub(crate) mod compact;
mod driver;
mod hash;
mod history;
mod load;
mod near;
mod reading;
mod rebuild;
mod shelf;
mod stock;
mod summary;
pub(crate) mod tagged;
mod tail;
mod verify;
mod works;
mod world;

pub use audit::{audit, audit_in_flight};
pub use base::{Rebuilding, Standing, Unusable};
pub use driver::{Folder, Machine, Pace, Until};
pub use hash::{StateHash, state_hash};
pub(crate) use history::may_be_about;
pub use history::{Base, History};
pub use load::{LoadProgress, load};
pub use near::NearMatches;
pub use reading::{Place, ReadError, Reading};
pub use rebuild::Rebuilt;
#[cfg(feature = "cli")]
pub(crate) use rebuild::index_of;
pub(crate) use shelf::FixedSeeds;
pub(crate) use summary::Summing;
pub use summary::{ByState, StockTotals, Summary};
pub use tagged::RecordKind;
pub(crate) use tail::replay;
pub use verify::{Finding, SnapshotVerdict, Verdict, verify};
pub use works::Works;
pub(crate) use world::{Answered, Settled};
pub use world::{Fault, KeyAnswer, Parts, World};
