//! The way to the engine for a replay of one event at a time.

use std::path::Path;

use anyhow::{Context, Result};
use earmark::domain::command::{Request, SkuCommand};
use earmark::domain::ids::{IdempotencyKey, SkuId};
use earmark::{Cut, Engine};
use smol_str::format_smolstr;
use tokio::runtime::Runtime;

use super::operation::{Operation, Reply, Way, submit};
use super::{Arguments, business};
use crate::report::Promise;
use crate::store;

/// SKUs that are stocked with one call.
pub(crate) const STOCK_BATCH: usize = 1_000;

/// A receipt of opening stock.
pub(crate) type Receipt = (SkuId, Request<SkuCommand>);

/// What a replay needs of an engine, wherever it runs.
pub(crate) trait EngineLink {
    /// Receives opening stock.
    fn stock(&mut self, receipts: Vec<Receipt>) -> Result<()>;
    /// Asks for one operation and waits for the reply.
    fn ask(&mut self, operation: Operation) -> Result<Reply>;
    /// Takes a cut and closes the engine; the cut, and what the link did on the way.
    fn finish(self) -> Result<(Cut, Interruptions)>;
}

/// What a link did to the engine on the way.
#[derive(Debug, Default)]
pub(crate) struct Interruptions {
    /// How often the engine was killed.
    pub(crate) kills: u64,
    /// Events in flight at a kill whose reply had arrived all the same.
    pub(crate) replied_before_kill: u64,
    /// The longest recovery, in milliseconds.
    pub(crate) recovery_millis_max: u64,
    /// Interrupted orders that recovery finished, over all kills.
    pub(crate) finished: u64,
    /// Interrupted orders that recovery undid, over all kills.
    pub(crate) undone: u64,
    /// Promises that only the link can check.
    pub(crate) promises: Vec<Promise>,
}

/// The receipt of one line of the opening stock.
pub(crate) fn receipt(number: u64, sku: SkuId, quantity: u64) -> Result<Receipt> {
    let receive = SkuCommand::receive(quantity, "opening stock");
    let key = IdempotencyKey::new(format_smolstr!("stock-{number}"))?;
    Ok((sku, Request::from(receive).with_key(business()?, key)))
}

/// Receives opening stock; the first receipt that fails is the error.
pub(crate) async fn receive_all(engine: &Engine, receipts: Vec<Receipt>) -> Result<()> {
    for answer in engine.stock_all(receipts).await {
        answer.context("receiving the opening stock")?;
    }
    Ok(())
}

/// Takes a cut with nothing in flight and closes the engine.
pub(crate) async fn cut_and_close(engine: Engine) -> Result<Cut> {
    let cut = engine.cut().await.context("taking a cut")?;
    engine.close().await.context("closing the engine")?;
    Ok(cut)
}

/// An engine in this process.
pub(crate) struct Embedded {
    runtime: Runtime,
    engine: Engine,
    way: Way,
}

impl Embedded {
    /// Opens the engine.
    pub(crate) fn open(arguments: &Arguments, folder: &Path) -> Result<Self> {
        let runtime = store::runtime(arguments.workers)?;
        let engine = runtime.block_on(super::open(folder, arguments.durability, arguments.flows))?;
        Ok(Self { runtime, engine, way: Way::of(arguments.flows) })
    }
}

impl EngineLink for Embedded {
    fn stock(&mut self, receipts: Vec<Receipt>) -> Result<()> {
        self.runtime.block_on(receive_all(&self.engine, receipts))
    }

    fn ask(&mut self, operation: Operation) -> Result<Reply> {
        Ok(self.runtime.block_on(submit(&self.engine, operation, self.way))?)
    }

    fn finish(self) -> Result<(Cut, Interruptions)> {
        let cut = self.runtime.block_on(cut_and_close(self.engine))?;
        Ok((cut, Interruptions::default()))
    }
}
