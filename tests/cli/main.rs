//! The binary `earmark`, run as a person runs it, on folders that the engine wrote.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a test fails by panicking"
)]

#[path = "../common/mod.rs"]
mod common;

mod commands;
mod damage;
mod driver;
mod flows;
mod killed;
mod live;
mod orders;
mod page;
mod retired;
mod shop;
mod snapshots;
mod standing;
mod sweep;
mod tool;
