//! Load tests and trace replays for the Earmark order engine.
//!
//! Without a subcommand it runs the flash sale: an engine in a child process sells one hot SKU to many
//! buyers, is killed in the middle, recovers and goes on, and the promises are proved at the end.
//! `trace` replays real shops' orders and compares every answer; `bench` measures the engine against a
//! raw append-and-sync loop on the same disk; `lifecycle` leads orders through their whole lives under load
//! and writes a report; `recover` times the recovery of many orders after a kill; `snapshot` measures what a
//! snapshot costs those who work meanwhile; `kills` kills a process again and again and compares what it was told
//! with what is there. With the feature `simulation`, `simulate` runs the engine in a simulated world; with
//! `proof`, `histories` has a checker explain what clients saw; with `compare`, `compare` gives the same work to
//! PostgreSQL and Redis. `flows` runs business lines under load. `scale` says how costs grow with SKUs, orders, lines
//! and callers. `raw` measures what a durable write costs on a disk, by how it is written.
//!
//! The exit code is 0 when every promise was kept, 1 when one was broken, 2 for wrong arguments.

#![allow(clippy::disallowed_methods, reason = "this program measures real time; nothing in it is replayed")]
#![cfg_attr(
    test,
    allow(
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used,
        reason = "a test fails by panicking"
    )
)]

mod bench;
#[cfg(feature = "compare")]
mod compare;
mod flash_sale;
mod flows;
mod goal;
#[cfg(feature = "proof")]
mod histories;
mod invariant;
mod kills;
mod latency;
mod lifecycle;
mod look;
mod orders;
mod process;
mod progress;
mod raw;
mod raw_sync;
mod recover;
mod report;
#[cfg(test)]
mod sample;
mod scale;
#[cfg(feature = "simulation")]
mod simulate;
mod snapshot;
mod stats;
mod store;
mod trace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Threads that free what others have allocated are what an engine of actors has, and what glibc's allocator is slow at.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Proves on this machine that Earmark keeps its promises, and measures how fast it does.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    flash_sale: flash_sale::Arguments,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Sell one hot SKU to many buyers, kill the engine in the middle, recover, prove the promises (the default).
    FlashSale(flash_sale::Arguments),
    /// Replay a trace of real orders and compare every answer.
    Trace(trace::Arguments),
    /// Measure throughput and latency against a raw append-and-sync loop on the same disk.
    Bench(bench::Arguments),
    /// Give the same work to PostgreSQL, Redis and two limits beside Earmark, and print medians and ratios.
    #[cfg(feature = "compare")]
    Compare(compare::Arguments),
    /// Measure what a durable write costs on this disk, by how it is written and how long it is. Without an engine.
    Raw(raw::Arguments),
    /// Lead orders through their whole lives under load, on a fast clock; prove the promises and write a report.
    Lifecycle(Box<lifecycle::Arguments>),
    /// Record what clients see of an engine whose power is cut, and check that one call after another explains it.
    #[cfg(feature = "proof")]
    Histories(histories::Arguments),
    /// Run random schedules of commands, crashes and faults in a simulated world, each from a seed.
    #[cfg(feature = "simulation")]
    Simulate(simulate::Arguments),
    /// Build orders, kill the engine, and time its recovery by phase: from a snapshot, and from the journal alone.
    Recover(recover::Arguments),
    /// Measure throughput and the longest wait with and without a snapshot running.
    Snapshot(snapshot::Arguments),
    /// Measure how the cost of a command grows with SKUs, orders, lines and callers, and memory and recovery with them.
    Scale(scale::Arguments),
    /// Run the flows of business lines under load: a chain of eleven nodes, and the sample lines.
    Flows(flows::Arguments),
    /// Kill a process that uses an engine in every way, again and again, and compare what it was told with what is there.
    Kills(kills::Arguments),
    /// Open the folder that an earlier run kept and show what is in it.
    Look(look::Arguments),
    /// The engine's side of the flash sale.
    #[command(hide = true)]
    FlashSaleChild(flash_sale::ChildArguments),
    /// The side of `kills` that is killed.
    #[command(hide = true)]
    KillsChild(kills::ChildArguments),
    /// The engine's side of a trace that is interrupted by kills.
    #[command(hide = true)]
    TraceChild(trace::ChildArguments),
    /// One point of `scale`.
    #[command(hide = true)]
    ScaleChild(scale::ChildArguments),
    /// The processes of a recovery.
    #[command(hide = true)]
    RecoverChild(recover::ChildArguments),
}

fn main() -> ExitCode {
    let line = CommandLine::parse();
    let kept = match line.command {
        None => flash_sale::run(&line.flash_sale),
        Some(Command::FlashSale(arguments)) => flash_sale::run(&arguments),
        Some(Command::Trace(arguments)) => trace::run(&arguments),
        Some(Command::Bench(arguments)) => bench::run(&arguments),
        #[cfg(feature = "compare")]
        Some(Command::Compare(arguments)) => compare::run(&arguments),
        Some(Command::Raw(arguments)) => raw::run(&arguments),
        Some(Command::Lifecycle(arguments)) => lifecycle::run(&arguments),
        #[cfg(feature = "proof")]
        Some(Command::Histories(arguments)) => histories::run(&arguments),
        #[cfg(feature = "simulation")]
        Some(Command::Simulate(arguments)) => simulate::run(&arguments),
        Some(Command::Recover(arguments)) => recover::run(&arguments),
        Some(Command::Snapshot(arguments)) => snapshot::run(&arguments),
        Some(Command::Scale(arguments)) => scale::run(&arguments),
        Some(Command::ScaleChild(arguments)) => scale::run_child(&arguments),
        Some(Command::Flows(arguments)) => flows::run(&arguments),
        Some(Command::Kills(arguments)) => kills::run(&arguments),
        Some(Command::KillsChild(arguments)) => kills::run_child(&arguments),
        Some(Command::Look(arguments)) => look::run(&arguments),
        Some(Command::FlashSaleChild(arguments)) => flash_sale::run_child(&arguments),
        Some(Command::TraceChild(arguments)) => trace::run_child(&arguments),
        Some(Command::RecoverChild(arguments)) => recover::run_child(&arguments),
    };
    match kept {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            report::failure(&error);
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn without_a_subcommand_its_arguments_are_those_of_the_flash_sale() {
        let line = CommandLine::try_parse_from(["loadtest", "--buyers", "7"]).unwrap();
        assert!(line.command.is_none());
        assert!(CommandLine::try_parse_from(["loadtest", "--buyers", "7", "bench"]).is_err());
    }
}
