//! The simulated world: thousands of random schedules with faults, each from a seed, and engines broken on purpose.
//!
//! A schedule that breaks a promise is printed with the command that repeats it, and in words after everything
//! was left out that could be.

mod print;
mod search;

use std::num::NonZeroU64;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::ValueEnum;
use clap::builder::PossibleValue;
use earmark::port::{Entropy, SystemEntropy};
use earmark::simulation::Sabotage;

use crate::report;

/// Schedules that are run where neither a number nor a time is given.
const RUNS: u64 = 1_000;

/// Arguments of `simulate`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Schedules to run; 1,000 when neither this nor a time is given.
    #[arg(long, value_name = "N")]
    runs: Option<NonZeroU64>,
    /// Go on for so many minutes.
    #[arg(long, value_name = "M")]
    minutes: Option<NonZeroU64>,
    /// The first schedule's seed; the next one's is one more. Chosen and printed when not given.
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Schedules at a time; one for each core when not given.
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroU64>,
    /// Break the engine on purpose, and see how many schedules it takes to find out.
    #[arg(long = "break", value_enum, value_name = "HOW")]
    sabotage: Option<Break>,
    /// The most runs to spend on making a failing schedule smaller; 0 leaves it as it is.
    #[arg(long, default_value_t = 1_500, value_name = "N")]
    shrink: u64,
    /// Print the result as tables in Markdown.
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
    /// Print one JSON document instead of tables.
    #[arg(long)]
    json: bool,
}

/// How the engine is broken: in one way, or in each of them in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Break {
    All,
    One(Sabotage),
}

impl ValueEnum for Break {
    fn value_variants<'a>() -> &'a [Self] {
        #[expect(clippy::indexing_slicing, reason = "the lengths are constants; a mistake does not compile")]
        const ALL: [Break; 1 + Sabotage::ALL.len()] = {
            let mut ways = [Break::All; 1 + Sabotage::ALL.len()];
            let mut at = 0;
            while at < Sabotage::ALL.len() {
                ways[at + 1] = Break::One(Sabotage::ALL[at]);
                at += 1;
            }
            ways
        };
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::All => PossibleValue::new("all").help("in each of these ways in turn"),
            Self::One(sabotage) => PossibleValue::new(sabotage.name()).help(sabotage.words()),
        })
    }
}

impl Arguments {
    fn first_seed(&self) -> Result<u64> {
        if let Some(seed) = self.seed {
            return Ok(seed);
        }
        let mut bytes = [0; 4];
        SystemEntropy.fill(&mut bytes).context("choosing a seed")?;
        Ok(u64::from(u32::from_le_bytes(bytes)))
    }

    fn jobs(&self) -> u64 {
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
        self.jobs.map_or(cores, NonZeroU64::get)
    }

    /// How many schedules, and for how long.
    fn bounds(&self) -> (Option<u64>, Option<Duration>) {
        let time = self.minutes.map(|minutes| Duration::from_secs(60 * minutes.get()));
        let runs = self.runs.map(NonZeroU64::get).or(if time.is_some() { None } else { Some(RUNS) });
        (runs, time)
    }
}

/// Runs schedules; `true` when no promise was broken or, of engines broken on purpose, each was found out.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let first_seed = arguments.first_seed()?;
    if let Some(sabotage) = arguments.sabotage {
        let ways = match sabotage {
            Break::All => Sabotage::ALL.to_vec(),
            Break::One(one) => vec![one],
        };
        let found: Vec<_> =
            ways.into_iter().map(|way| search::sabotaged(arguments, first_seed, way)).collect();
        let all_found = found.iter().all(|found| found.failure.is_some());
        if arguments.json {
            report::json(&print::sabotages_json(first_seed, &found))?;
        } else {
            print::sabotages(arguments.markdown, first_seed, &found);
        }
        return Ok(all_found);
    }
    let result = search::schedules(arguments, first_seed);
    if arguments.json {
        report::json(&print::result_json(&result))?;
    } else {
        print::result(arguments.markdown, &result);
    }
    Ok(result.failure.is_none())
}
