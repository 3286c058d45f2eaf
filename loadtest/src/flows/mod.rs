//! Flows under load: a chain of eleven nodes, and the three sample lines of the example.
//!
//! Each line has an engine of its own in a new folder. Callers are closed loops: each leads one order after the other
//! through its chains, one flow after the other, until the time is up. Then the run is proved: every flow has ended,
//! every order is as its flows were answered, no unit is lost, the systems outside of the engine know what it knows,
//! and the same state comes out of the journal.
//!
//! - `checkout`: the line with the eleven nodes.
//! - `visit`: what a caller does with one order of each line.
//! - `drive`: callers, and what is noted of them.
//! - `check`: what is proved at the end.
//! - `result`: tables, and one JSON document.

mod check;
mod checkout;
mod drive;
mod result;
mod visit;

#[path = "../../../examples/lines/flash_sale.rs"]
mod flash_sale;
#[allow(dead_code, reason = "the example fails its systems at will; under load they work")]
#[path = "../../../examples/lines/membership.rs"]
mod membership;
#[allow(dead_code, reason = "the example fails its systems at will; under load they work")]
#[path = "../../../examples/lines/supermarket.rs"]
mod supermarket;

use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum;
use serde::Serialize;

use crate::report;
use crate::store::{DurabilityChoice, Folder};

/// Arguments of `flows`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Run only these lines; all when not given.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "LINE")]
    line: Vec<LineName>,
    /// Callers that each lead one order after the other through its flows.
    #[arg(long, default_value_t = 64, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    callers: u32,
    /// Seconds for which each line counts.
    #[arg(long, default_value_t = 5.0, value_name = "N", value_parser = crate::bench::parse_seconds)]
    seconds: f64,
    /// Seconds for which each line runs before it counts.
    #[arg(long, default_value_t = 1.0, value_name = "N", value_parser = crate::bench::parse_seconds)]
    warm_up: f64,
    /// SKUs over which the orders are spread, three lines each.
    #[arg(long, default_value_t = 10_000, value_name = "N", value_parser = clap::value_parser!(u32).range(3..=1_000_000))]
    skus: u32,
    /// Of how many orders the payment provider declines one, which rolls its flow back; 0 declines none. The
    /// supermarket is short of something as often, and as many members leave again.
    #[arg(long, default_value_t = 200, value_name = "N")]
    one_fails_in: u64,
    /// Threads of the engine's runtime, which callers share; one for each core when not given.
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
    /// What an acknowledged answer survives; the goals are for `disk`.
    #[arg(long, value_enum, default_value_t)]
    durability: DurabilityChoice,
    /// An empty or new folder for the data, which is kept; a temporary one otherwise. It decides which disk is
    /// measured.
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Fail with exit code 1 when a goal is missed; a broken promise does so anyway.
    #[arg(long)]
    strict: bool,
    /// Print one JSON document instead of tables.
    #[arg(long)]
    json: bool,
}

/// The lines, in the order in which they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
enum LineName {
    /// Eleven nodes, from a basket to an order that the payment provider knows.
    Chain,
    /// Submit, pay and fulfil, with a store that may be short of something.
    Supermarket,
    /// Submit and pay, with a limit and a look at the buyer.
    FlashSale,
    /// Submit and pay, and let the member in; some leave again.
    Membership,
}

impl LineName {
    const fn name(self) -> &'static str {
        match self {
            Self::Chain => "chain",
            Self::Supermarket => "supermarket",
            Self::FlashSale => "flash-sale",
            Self::Membership => "membership",
        }
    }
}

/// Runs the lines; `true` when every promise was kept, and with `--strict` every goal was met.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let folder = Folder::take(arguments.folder.as_deref())?;
    let mut outcome = result::Outcome::new(arguments);
    for name in LineName::value_variants() {
        if arguments.line.is_empty() || arguments.line.contains(name) {
            report::note(&format!("line {} …", name.name()));
            outcome.lines.push(drive::run(*name, arguments, folder.path())?);
        }
    }
    if arguments.json {
        report::json(&outcome)?;
    } else {
        outcome.print();
        if folder.is_kept() {
            report::line(&format!("\nThe data is in {}.", folder.path().display()));
        }
    }
    Ok(outcome.is_kept() && (!arguments.strict || outcome.goals_are_met()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn arguments(words: &[&str]) -> Arguments {
        let line = std::iter::once("flows").chain(words.iter().copied());
        Line::try_parse_from(line).map(|line| line.arguments).unwrap()
    }

    #[test]
    fn lines_are_named_as_the_page_names_them_and_all_run_by_default() {
        assert_eq!(arguments(&[]).line, []);
        let all = "chain,supermarket,flash-sale,membership";
        assert_eq!(arguments(&["--line", all]).line, LineName::value_variants());
        assert_eq!(LineName::value_variants().iter().map(|it| it.name()).collect::<Vec<_>>().join(","), all);
        assert!(Line::try_parse_from(["flows", "--line", "bakery"]).is_err());
        assert!(Line::try_parse_from(["flows", "--skus", "2"]).is_err());
    }

    #[test]
    fn a_short_run_of_every_line_keeps_its_promises_and_has_failures_in_it() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let arguments = Arguments {
            callers: 4,
            seconds: 0.3,
            warm_up: 0.1,
            skus: 30,
            one_fails_in: 3,
            durability: DurabilityChoice::Process,
            ..arguments(&[])
        };
        for name in LineName::value_variants() {
            let line = drive::run(*name, &arguments, folder.path())?;
            assert!(line.is_kept(), "{}: {:?}", name.name(), line.promises);
            assert!(line.flows > 10, "{}", name.name());
            let undone: u64 = line.nodes.iter().map(|node| node.rolled_back).sum();
            let fails = matches!(name, LineName::Chain | LineName::FlashSale);
            assert_eq!(undone > 0, fails, "{}", name.name());
        }
        Ok(())
    }
}
