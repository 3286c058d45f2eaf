//! Definitions of business lines as their authors meet them: what a file says, every mistake with its line,
//! providers and how they are found, gradual releases, waits, drawings.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod drawings;
mod extensions;
mod mistakes;
mod page;
mod releases;
mod rulebook;
mod waits;

use earmark::flow::Definition;

/// The definition with everything that a file can say.
fn supermarket() -> Definition {
    let text = include_str!("../fixtures/flows/supermarket.toml");
    Definition::parse("supermarket.toml", text).unwrap()
}
