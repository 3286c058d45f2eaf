//! Guards the hot paths by counts: instructions, allocations and allocated bytes per command, compared with a
//! committed baseline. Counts repeat on a machine whose times do not.
//!
//! Each scenario runs in a process of its own, once as it is, which counts allocations, and once under Valgrind's
//! `callgrind`, which counts instructions. Only what happens within the window (`window.rs`) counts; building the
//! requests and warming up do not. `docs/benchmarks.md` says what the figures mean.
//!
//! The exit code is 0 when nothing differs from the baseline, 1 when something does, 2 for wrong arguments.

#![cfg_attr(test, allow(clippy::expect_used, reason = "a test fails by panicking"))]

mod baseline;
#[path = "../../flows/checkout.rs"]
#[expect(dead_code, reason = "the load test proves more of it than is counted here")]
mod checkout;
mod compare;
mod flow;
mod measure;
mod print;
mod pure;
mod recovery;
mod scenario;
mod whole;
mod window;

use std::process::ExitCode;

use anyhow::{Result, anyhow, bail};
use clap::Parser;

use crate::baseline::{Baseline, Environment};
use crate::measure::Measured;
use crate::scenario::Scenario;

/// Counts instructions and allocations per command on the hot paths and compares them with the committed baseline.
///
/// Instructions are counted by Valgrind; where it is not installed they are left out, and allocations are compared
/// alone.
#[derive(Debug, Parser)]
#[command(name = "guard", bin_name = "cargo guard", version)]
struct Arguments {
    /// Compare with the baseline; the exit code is 1 when a count is above it by more than its tolerance
    #[arg(long, conflicts_with = "save")]
    check: bool,
    /// Write what was counted as the new baseline
    #[arg(long)]
    save: bool,
    /// Only the scenarios whose name contains this text
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Count so many times, print the spread, and take the median
    #[arg(long, value_name = "TIMES", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,
    /// Run one scenario in this process, as the guard asks its children to
    #[arg(long, hide = true, value_name = "NAME")]
    child: Option<String>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match &arguments.child {
        Some(name) => child(name).map(|()| true),
        None => run(&arguments),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            print::failure(&error);
            ExitCode::FAILURE
        }
    }
}

fn child(name: &str) -> Result<()> {
    let Some(scenario) = scenario::ALL.iter().find(|scenario| scenario.name == name) else {
        bail!("there is no scenario {name:?}");
    };
    // On a thread of its own, whose stack begins at a page: that of the first thread begins where arguments and
    // environment leave off, and copying memory takes more or fewer instructions by how it lies.
    let ran = std::thread::Builder::new().name(scenario.name.to_owned()).spawn(scenario.run)?.join();
    measure::tell(&ran.map_err(|_| anyhow!("the scenario panicked"))??)
}

/// Counts, prints, and compares or saves; `true` when there was nothing to object to.
fn run(arguments: &Arguments) -> Result<bool> {
    let wanted = |scenario: &&Scenario| match &arguments.only {
        Some(text) => scenario.name.contains(text.as_str()),
        None => true,
    };
    let scenarios: Vec<&Scenario> = scenario::ALL.iter().filter(wanted).collect();
    if scenarios.is_empty() {
        bail!("no scenario's name contains {:?}", arguments.only.as_deref().unwrap_or_default());
    }
    let here = Environment::look()?;
    let old = Baseline::read()?;
    if arguments.save && here.valgrind.is_none() {
        bail!("Valgrind is not installed, and a baseline has instructions in it: apt-get install valgrind");
    }
    if arguments.save && arguments.only.is_some() && old.environment != here {
        bail!("the baseline is of another build, so that all of it has to be renewed: leave out --only");
    }
    let measured: Vec<Measured> = measure::all(&scenarios, &here, arguments.repeat)?;
    print::table(&measured, &old, arguments.repeat)?;
    if arguments.save {
        old.renewed(here, &measured, arguments.only.is_none()).write()?;
        print::saved()?;
        return Ok(true);
    }
    if !arguments.check {
        return Ok(true);
    }
    let verdict = compare::compare(&old, &here, &measured, arguments.only.is_none());
    print::verdict(&verdict)?;
    Ok(verdict.is_kept())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }
}
