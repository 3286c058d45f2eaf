//! The program as it is called: real processes, real kills.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod bench;
mod kills;
mod recovery;
mod scale;

use std::process::{Command, Output};

/// Runs the program with these arguments, none of which has a space in it.
fn loadtest(arguments: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_loadtest")).args(arguments.split_whitespace()).output().unwrap()
}

/// What it said and how it ended, for the message of a test that fails.
fn said(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!("{}\n{out}\n{err}", output.status)
}
