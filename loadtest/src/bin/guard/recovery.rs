//! What an opening does with what it finds.

use anyhow::{Context, Result, ensure};
use earmark::Engine;

use crate::whole::{CALLERS, config, deal, drive, life_of, live, open, placement, runtime};
use crate::window::{Counted, count};

/// Opens the folder within the window. `found` says by how many the counts are divided.
fn reopen(folder: &std::path::Path, found: impl FnOnce(&Engine) -> Result<u64>) -> Result<Counted> {
    let runtime = runtime()?;
    let mut opened = None;
    let counted = count(0, || opened = Some(runtime.block_on(Engine::open(config(folder)))));
    let engine = opened.context("nothing was opened")?.context("opening again")?;
    let commands = found(&engine)?;
    runtime.block_on(engine.close()).context("closing the engine")?;
    Ok(Counted { commands, ..counted })
}

/// Replays a journal of whole lives of orders of three lines, from the file to an open engine.
pub(crate) fn replay() -> Result<Counted> {
    let folder = tempfile::tempdir().context("making a temporary folder")?;
    runtime()?.block_on(async {
        let engine = open(config(folder.path())).await?;
        drive(&engine, deal(0, 10, life_of)?, live).await?;
        engine.close().await.context("closing the engine")
    })?;
    reopen(folder.path(), |engine| {
        ensure!(engine.recovery().loaded.is_none(), "a snapshot was loaded");
        Ok(engine.recovery().records)
    })
}

/// Loads a snapshot of orders of three lines. There are as many holds as lines and far fewer SKUs.
pub(crate) fn load() -> Result<Counted> {
    let folder = tempfile::tempdir().context("making a temporary folder")?;
    let each = 40;
    runtime()?.block_on(async {
        let engine = open(config(folder.path())).await?;
        let orders = deal(0, each, |number| placement(number, 3))?;
        drive(&engine, orders, |engine, place| async move { engine.place(place).await.map(drop) }).await?;
        engine.snapshot().await.context("taking the snapshot")?;
        engine.close().await.context("closing the engine")
    })?;
    reopen(folder.path(), |engine| {
        ensure!(engine.recovery().loaded.is_some(), "no snapshot was loaded");
        ensure!(engine.recovery().orders == each * CALLERS, "not all orders were loaded");
        Ok(engine.recovery().orders)
    })
}
