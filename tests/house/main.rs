//! The house rules, enforced by reading the sources: what may know what, how long things may grow, what
//! comments and names look like. A finding names the file, the line and the rule.
//!
//! The counts marked as ratchets only ever go down: whoever shortens a file or a function lowers them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod functions;
mod layers;
mod lexer;
mod manifest;
mod paths;
mod sizes;
mod tree;
mod words;

/// Fails with one line for each finding; passes when there is none.
#[track_caller]
fn none_of(findings: &[String]) {
    assert!(findings.is_empty(), "\n\n{}\n", findings.join("\n"));
}

/// A finding at a line of a file, counted from 1.
fn at(file: &str, line: usize, rule: &str) -> String {
    format!("{file}:{line}: {rule}")
}
