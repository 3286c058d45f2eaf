//! The commit queue and its writer: behind it waits everything that leaves the engine.
//!
//! Actors hand over records and the answers that rest on them in one [`Item`]; the queue's order is the
//! journal's order. The [`Writer`] takes what is there, commits it as one batch, and only then lets the
//! answers go, in the order in which they came. An item without records (a read, a duplicate's answer)
//! waits for what is before it all the same.

mod driver;
mod queue;
mod writer;

pub use driver::Driver;
pub(crate) use driver::Stopper;
pub(crate) use driver::start;
pub(crate) use queue::{CommitQueue, Gate, Item, Release};
pub(crate) use writer::Writer;
