//! The shell around the pure core: actors, and the one path from command to durable answer.
//!
//! ```text
//!   caller ─► admission ─► key table ─► registry ─► actor: decide → append → apply ─► commit queue ─► writer ─► answer
//! ```
//!
//! - `registry` finds or activates the actor of an entity and puts it to rest without losing a message.
//! - `mailbox` is an entity's, and `host` the ractor actor that looks into it.
//! - `order` and `sku` are kinds of actor. None awaits anything inside `handle`.
//! - `fate` tells SKUs whether the placement is decided for which they hold units.
//! - `flow` is the third: it runs the nodes of chains.
//! - `lock` is the fourth: it gives a named lock to one owner at a time.
//! - `reply` is the caller's end of a command.
//! - `route` finds the way of a command to its actor.
//! - `commit` is the queue behind which everything waits that leaves the engine, and its one writer.
//! - `keys` remembers what keyed commands were answered.
//! - `sales` knows what of a SKU's rules has to be known where it is sold.
//! - `timers` wakes orders when the moment has come that they wait for.
//! - `reconciler` drives what a crash left between two steps to its end.

pub(crate) mod commit;
pub(crate) mod core;
mod fate;
pub(crate) mod flow;
mod host;
pub(crate) mod keys;
pub(crate) mod lock;
mod mailbox;
pub(crate) mod memory;
pub(crate) mod message;
pub(crate) mod order;
pub(crate) mod reconciler;
pub(crate) mod registry;
pub(crate) mod reply;
pub(crate) mod route;
pub(crate) mod sales;
pub(crate) mod sku;
pub(crate) mod timers;
