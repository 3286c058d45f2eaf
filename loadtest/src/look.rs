//! A look at the folder that an earlier run kept.

use std::path::PathBuf;

use anyhow::Result;
use serde::Serialize;

use crate::invariant::{self, Units};
use crate::report::{self, Promise};
use crate::store::{self, DurabilityChoice, Recovery};

/// Arguments of `look`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The folder that the run kept.
    folder: PathBuf,
    /// Print one JSON document instead of tables.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Look {
    recovery: Recovery,
    sequence: u64,
    state_hash: String,
    orders: usize,
    skus: usize,
    units: Units,
    promises: Vec<Promise>,
}

/// Opens the folder, shows what is in it and checks what must hold in any folder.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let look = store::runtime(None)?.block_on(look(arguments))?;
    if arguments.json {
        report::json(&look)?;
    } else {
        report::line(&report::recovery(&look.recovery));
        report::facts(
            "cut",
            &[
                ("sequence", report::count(look.sequence)),
                ("orders", report::count(look.orders as u64)),
                ("SKUs", report::count(look.skus as u64)),
                ("units received", report::count(look.units.received)),
                ("available", report::count(look.units.available)),
                ("reserved", report::count(look.units.reserved)),
                ("committed", report::count(look.units.committed)),
                ("shipped", report::count(look.units.shipped)),
                ("state hash", look.state_hash.clone()),
            ],
        );
        report::promises(&look.promises);
    }
    Ok(look.promises.iter().all(Promise::is_kept))
}

async fn look(arguments: &Arguments) -> Result<Look> {
    let engine = store::open(&arguments.folder, DurabilityChoice::Disk).await?;
    let recovery = Recovery::from(engine.recovery());
    let cut = engine.cut().await?;
    engine.close().await?;
    Ok(Look {
        recovery,
        sequence: cut.sequence,
        state_hash: cut.hash.to_string(),
        orders: cut.orders.len(),
        skus: cut.skus.len(),
        units: Units::of(&cut),
        promises: invariant::promises(&cut),
    })
}
