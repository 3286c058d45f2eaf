//! Crashes, cuts and faults on a simulated file system, and what the engine makes of them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a test fails by panicking"
)]

#[path = "../common/mod.rs"]
mod common;

mod changes;
mod cut;
mod faults;
mod parking;
mod power;
mod redelivery;
mod script;
mod subscribe;
