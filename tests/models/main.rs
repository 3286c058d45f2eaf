//! Models of what threads do beside each other, gone through in every order that matters by `loom`.
//!
//! They model the protocols, with a lock in the place of the concurrent map and of the queue, and a thread in
//! the place of an actor. Beside each model stand broken ones, with one protection taken out: the checker has
//! to find what goes wrong then.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod commit;
mod fate;
mod slot;

/// Goes through every order with at most three preemptions, in which such protocols go wrong if they do.
fn explore(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}
