//! Snapshots: taken while commands run, cut off anywhere, damaged anywhere, and what opening makes of them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a test fails by panicking"
)]

#[path = "../common/mod.rs"]
mod common;

mod damage;
mod images;
mod power;
mod random;
mod retention;
mod triggers;
mod workload;
