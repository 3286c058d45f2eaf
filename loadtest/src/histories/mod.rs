//! Histories: clients call an engine side by side while its power is cut, and whether what came back can be
//! explained by one call after another is decided by a linearizability checker.
//!
//! The engine runs on real threads over a simulated disk. A SKU's history must be strictly linearizable: a call
//! that came back took effect at one moment between call and answer, and one that a crash interrupted took
//! effect before the crash or never. An order may be refused as contended; else the same holds for it.

mod call;
mod check;
mod order;
mod round;
mod stock;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::progress::Progress;
use crate::report;

/// Arguments of `histories`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Histories to record and check.
    #[arg(long, default_value_t = 500, value_name = "N")]
    rounds: u32,
    /// Go on for so long instead of counting rounds.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    duration: Option<Duration>,
    /// Clients that call side by side.
    #[arg(long, default_value_t = 6, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    clients: u32,
    /// Calls of each client in each life of the engine.
    #[arg(long, default_value_t = 12, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    calls: u32,
    /// How often the power is cut in a round.
    #[arg(long, default_value_t = 2, value_name = "N")]
    crashes: u32,
    /// Threads of the engine's runtime.
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    workers: u32,
    /// Chooses what is called. What comes of it depends on the threads too, so a failure is kept as a file.
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Where a history that nothing explains is put, with a picture of it.
    #[arg(long, default_value = "histories", value_name = "FOLDER")]
    keep: PathBuf,
    /// Check a history that was kept instead of recording any.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["rounds", "duration"])]
    check: Option<PathBuf>,
    /// Print the result as a table in Markdown.
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
    /// Print one JSON document instead of a table.
    #[arg(long)]
    json: bool,
}

/// What a round is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Carts alone: every number of every answer must be explained.
    Carts,
    /// Orders over several SKUs beside carts.
    Orders,
}

/// The size of a round.
#[derive(Clone, Copy, Debug)]
struct Shape {
    kind: Kind,
    clients: u32,
    calls: u32,
    crashes: u32,
}

/// What a run found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Found {
    rounds: u64,
    calls: u64,
    /// Calls that a crash left without an answer.
    unanswered: u64,
    /// Calls under a key that was used before.
    repeated: u64,
    /// Calls that were refused as contended.
    contended: u64,
    crashes: u64,
    sku_histories: u64,
    order_histories: u64,
    /// What nothing explains, or what the engine itself found broken.
    wrong: Vec<String>,
    /// What could not be decided in a minute.
    undecided: Vec<String>,
    seconds: f64,
}

/// Records and checks histories; `true` when all of them can be explained.
///
/// # Errors
/// When the engine fails in a way that no crash explains, or a file cannot be read or written.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    if let Some(file) = &arguments.check {
        return check_file(file, arguments.json);
    }
    ensure!(arguments.rounds > 0, "`--rounds` must be positive");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(arguments.workers as usize)
        .enable_time()
        .build()?;
    let total = arguments.duration.is_none().then_some(u64::from(arguments.rounds));
    let mut progress = Progress::new("histories", total);
    let (mut found, started) = (Found::default(), Instant::now());
    loop {
        let goes_on = match arguments.duration {
            Some(duration) => started.elapsed() < duration,
            None => found.rounds < u64::from(arguments.rounds),
        };
        if !goes_on || found.wrong.len() > 10 {
            break;
        }
        runtime.block_on(one_round(arguments, &mut found))?;
        progress.at(found.rounds);
    }
    progress.finish();
    found.seconds = started.elapsed().as_secs_f64();
    if arguments.json {
        report::json(&found)?;
    } else {
        print(&found, arguments);
    }
    Ok(found.wrong.is_empty() && found.undecided.is_empty())
}

async fn one_round(arguments: &Arguments, found: &mut Found) -> Result<()> {
    let seed = arguments.seed.wrapping_add(found.rounds);
    let kind = if found.rounds.is_multiple_of(2) { Kind::Carts } else { Kind::Orders };
    let Arguments { clients, calls, crashes, .. } = *arguments;
    let round = round::run(seed, Shape { kind, clients, calls, crashes }).await;
    let round = round.with_context(|| format!("the round with seed {seed}"))?;
    found.rounds += 1;
    found.calls += round.events.len() as u64;
    found.unanswered += round.events.iter().filter(|event| event.outcome.is_none()).count() as u64;
    let mut keys = std::collections::BTreeSet::new();
    let repeated = round.events.iter().filter_map(|event| event.key).filter(|key| !keys.insert(*key));
    found.repeated += repeated.count() as u64;
    found.contended += round.events.iter().filter(|event| event.is_contended()).count() as u64;
    found.crashes += u64::from(round.crashes);
    found.wrong.extend(round.violations.iter().map(|text| format!("seed {seed}: {text}")));
    let verdict = check::check(&round.events, None)?;
    found.sku_histories += verdict.skus;
    found.order_histories += verdict.orders;
    if verdict.wrong.is_empty() && verdict.undecided.is_empty() {
        return Ok(());
    }
    let folder = arguments.keep.join(format!("seed-{seed}"));
    std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let file = folder.join("history.json");
    std::fs::write(&file, serde_json::to_vec_pretty(&round.events)?)
        .with_context(|| format!("writing {}", file.display()))?;
    check::check(&round.events, Some(&folder))?;
    let told = |name: &String| format!("{name}: see {}", folder.display());
    found.wrong.extend(verdict.wrong.iter().map(told));
    found.undecided.extend(verdict.undecided.iter().map(told));
    Ok(())
}

fn check_file(file: &Path, json: bool) -> Result<bool> {
    let bytes = std::fs::read(file).with_context(|| format!("reading {}", file.display()))?;
    let events: Vec<call::Event> = serde_json::from_slice(&bytes)
        .with_context(|| format!("{} is not a history that was kept", file.display()))?;
    let verdict = check::check(&events, file.parent())?;
    let found = Found {
        rounds: 1,
        calls: events.len() as u64,
        sku_histories: verdict.skus,
        order_histories: verdict.orders,
        wrong: verdict.wrong,
        undecided: verdict.undecided,
        ..Found::default()
    };
    if json {
        report::json(&found)?;
    } else {
        promises(&found);
    }
    Ok(found.wrong.is_empty() && found.undecided.is_empty())
}

fn print(found: &Found, arguments: &Arguments) {
    let facts = [
        ("rounds", report::count(found.rounds)),
        ("first seed", arguments.seed.to_string()),
        ("clients side by side", arguments.clients.to_string()),
        ("calls recorded", report::count(found.calls)),
        ("calls without an answer", report::count(found.unanswered)),
        ("calls under a key used before", report::count(found.repeated)),
        ("refused as contended", report::count(found.contended)),
        ("power cuts", report::count(found.crashes)),
        ("histories of a SKU", report::count(found.sku_histories)),
        ("histories of an order", report::count(found.order_histories)),
        ("histories that nothing explains", report::count(found.wrong.len() as u64)),
        ("seconds", format!("{:.0}", found.seconds)),
    ];
    if arguments.markdown {
        let rows = facts.into_iter().map(|(name, value)| vec![name.to_owned(), value]);
        report::markdown(&["histories", ""], rows);
    } else {
        report::facts("histories", &facts);
    }
    promises(found);
}

fn promises(found: &Found) {
    report::promises(&[
        report::Promise::from_differences(
            "every history is that of one call after another",
            found.wrong.iter().cloned(),
        ),
        report::Promise::from_differences("every history was decided on", found.undecided.iter().cloned()),
    ]);
}
