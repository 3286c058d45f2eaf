//! Orders that change after they were placed: short shipments, units called off, edits.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a test fails by panicking"
)]

#[path = "../common/mod.rs"]
mod common;

mod cancel;
mod edit;
mod short;
