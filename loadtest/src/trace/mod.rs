//! Trace replay: real shops' orders, event by event, every answer compared.
//!
//! The columns of a trace are `at,order,action,line,sku,qty,gross,discount,shipping,seller,location,
//! customer,method,amount,final`, one row an event; an order's placement is one row for each line, in
//! consecutive rows. Amounts are in minor units. `at` and `location` are not used: the replay runs
//! without timeouts, and the opening stock has no locations.
//!
//! Three ways to replay: one event at a time in this process; the same with the engine in a child that
//! is killed again and again while an event is in flight; and many orders at once. The first two must
//! give exactly the expected answers. In the third the answers depend on who comes first, so the
//! invariants are checked and the differences are only shown. Each of them can run every operation as a
//! flow of the default business line, which changes no answer.

mod child;
mod compare;
mod concurrent;
mod file;
mod link;
mod model;
mod operation;
mod outcome;
mod replay;
mod result;

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use earmark::Engine;
use earmark::domain::ids::BusinessId;
use earmark::domain::money::Currency;
use earmark::flow::Standard;

use crate::report;
use crate::store::{self, DurabilityChoice, Folder};

pub(crate) use child::{ChildArguments, run as run_child};

/// Arguments of `trace`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The trace, as CSV; gzip is read directly.
    file: PathBuf,
    /// The opening stock, as CSV with the columns `sku,qty`; gzip is read directly.
    #[arg(long, value_name = "FILE")]
    stock: PathBuf,
    /// The answers a correct engine gives, as JSON; any difference is printed and fails the run.
    #[arg(long, value_name = "FILE")]
    expected: Option<PathBuf>,
    /// Kill the engine's process after every N events, while the next one is in flight.
    #[arg(long, value_name = "N", conflicts_with = "in_flight")]
    kill_every: Option<NonZeroU64>,
    /// Replay up to N orders at once; the events of one order stay in order.
    #[arg(long, value_name = "N")]
    in_flight: Option<NonZeroUsize>,
    /// Run each operation as a flow of the default business line.
    #[arg(long)]
    flows: bool,
    /// What an acknowledged answer survives.
    #[arg(long, value_enum, default_value_t)]
    durability: DurabilityChoice,
    /// The currency of all amounts; a trace does not name it.
    #[arg(long, default_value = "EUR", value_name = "CODE", value_parser = parse_currency)]
    currency: Currency,
    /// Chooses the moments within an event at which the engine is killed.
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Threads of the engine's runtime; one for each core when not given.
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
    /// An empty or new folder for the data, which is kept; a temporary one otherwise.
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Print one JSON document instead of tables.
    #[arg(long)]
    json: bool,
}

fn parse_currency(code: &str) -> Result<Currency, earmark::domain::money::UnknownCurrency> {
    code.parse()
}

/// Opens the engine of a replay; with `flows` it has the default business line.
async fn open(folder: &Path, durability: DurabilityChoice, flows: bool) -> Result<Engine> {
    store::open_with(folder, durability, |config| {
        if flows {
            config.lines = vec![Arc::new(Standard)];
        }
    })
    .await
}

/// The scope of the replay's idempotency keys, and the shop of its orders.
fn business() -> Result<BusinessId> {
    Ok(BusinessId::new("trace")?)
}

/// Replays the trace; `true` when every promise was kept.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    if arguments.durability == DurabilityChoice::Memory && arguments.kill_every.is_some() {
        bail!("nothing survives a kill in memory; choose another durability");
    }
    let expected = arguments
        .expected
        .as_ref()
        .map(|path| {
            let text =
                std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
            serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))
        })
        .transpose()?;
    let folder = Folder::take(arguments.folder.as_deref())?;
    let replayed = if let Some(in_flight) = arguments.in_flight {
        concurrent::replay(arguments, folder.path(), in_flight.get())?
    } else if let Some(kill_every) = arguments.kill_every {
        let child = child::ChildLink::start(arguments, folder.path(), kill_every.get())?;
        replay::replay(arguments, child)?
    } else {
        replay::replay(arguments, link::Embedded::open(arguments, folder.path())?)?
    };
    let result = result::conclude(arguments, folder.path(), replayed, expected.as_ref())?;
    if arguments.json {
        report::json(&result)?;
    } else {
        result.print();
        report::kept_folder(&folder);
    }
    Ok(result.is_kept())
}

#[cfg(test)]
mod tests;
