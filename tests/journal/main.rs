//! The journal from outside: what it keeps, what it refuses, what a crash leaves of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a test fails by panicking"
)]

mod beside;
mod crash;
mod damage;
mod fixture;
mod reading;
mod records;
mod segments;
mod space;
mod support;
mod tail;
