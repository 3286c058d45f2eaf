//! The pure core: what an order engine decides, and nothing of how.
//!
//! No tokio, no ractor, no files, no clock and no randomness live here (a test in `tests/` enforces
//! it). Every entity has the same shape: a **state**, **commands** in, **events** out, a pure
//! `decide(&state, command, now)` that answers with events or a [`refusal::Refusal`], and a total
//! `apply(&mut state, event)` that is the same live and in replay.
//!
//! Nothing here depends on the iteration order of a hash map: collections are vectors or B-trees.

pub mod command;
pub mod flow;
pub mod ids;
pub mod inventory;
pub mod lock;
pub mod money;
pub mod order;
pub mod record;
pub mod refusal;
pub mod time;
