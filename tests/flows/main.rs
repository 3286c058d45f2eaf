//! Flows: the order of calls, what survives a crash, and what operators and customers see of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "../common/mod.rs"]
mod common;

mod groups;
mod lines;
mod operators;
mod options;
mod rules;
mod world;
