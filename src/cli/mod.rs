//! The command-line tool `earmark`: looks into a journal's folder and, but for `snapshot`, changes nothing in it.
//!
//! `src/bin/earmark.rs` calls [`main`]. Each command has a file; `docs/cli.md` says what they print and what
//! their JSON looks like. All of it is behind the feature `cli`.

mod args;
mod draw;
mod dump;
mod entity;
mod flow;
mod inspect;
mod orders;
mod out;
mod snapshot;
mod source;
mod state;
mod sweep;
mod verify;
mod why;
mod words;
mod works;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use args::{Arguments, Command};
use out::{Exit, Failure, Out};

/// Reads the arguments of the process, does what they ask for, and answers the exit code.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version come this way too. If nobody reads them there is nobody to tell.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Fine.into() };
        }
    };
    let mut out = Out::new(arguments.json);
    let ended = run(arguments.command, &mut out);
    let exit = ended.unwrap_or_else(|failure| out.fail(&failure));
    out.end(exit).into()
}

fn run(command: Command, out: &mut Out) -> Result<Exit, Failure> {
    match command {
        Command::Verify { folder } => verify::run(&folder, out),
        Command::State { folder, at } => state::run(&folder, at, out),
        Command::Inspect { folder, kind, id, last } => inspect::run(&folder, kind, &id, last, out),
        Command::Orders(wish) => orders::run(&wish, out),
        Command::Why { folder, order } => why::run(&folder, &order, out),
        Command::Dump(dump) => dump::run(&dump, out),
        Command::Snapshot { folder } => snapshot::run(&folder, out),
        Command::CrashSweep { folder, extent } => sweep::run(&folder, extent, out),
        Command::Draw { lifecycle, format } => draw::run(&lifecycle, format, out),
        Command::Flow(command) => flow::run(&command, out),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Arguments::command(), "earmark", out.raw());
            Ok(Exit::Fine)
        }
    }
}
