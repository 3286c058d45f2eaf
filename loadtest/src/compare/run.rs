//! One contender, once.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};

use super::ContenderName;
use super::check::check;
use super::contender::{Buyer, Contender, Tally};
use super::engine::InProcess;
use super::field::Field;
use super::map::Map;
use super::postgres::Postgres;
use super::redis::Redis;
use super::work::Work;
use crate::bench::callers::{Window, drive};
use crate::latency::Quantiles;
use crate::raw_sync::RawSync;
use crate::report::Promise;
use crate::store;

/// What one run came to.
#[derive(Clone, Debug)]
pub(super) struct Measured {
    pub(super) contender: ContenderName,
    /// Answers within the counted time, a second.
    pub(super) per_second: f64,
    pub(super) latency: Quantiles,
    pub(super) promises: Vec<Promise>,
}

/// Runs one contender once, on a runtime and with data of its own.
pub(super) fn once(
    field: &Field,
    contender: ContenderName,
    work: &Work,
    callers: usize,
    window: Window,
) -> Result<Measured> {
    let doing = || format!("running {}", contender.name());
    if contender == ContenderName::Sync {
        return sync(&field.folder, window).with_context(doing);
    }
    let runtime = store::runtime(field.workers)?;
    let run = Run { contender, work, callers, window };
    runtime.block_on(run.alone(field)).with_context(doing)
}

/// The limit: appends and syncs, one after the other, whatever the workload and however many callers.
fn sync(folder: &Path, window: Window) -> Result<Measured> {
    let mut raw = RawSync::new(folder)?;
    raw.measure(window.warm_up)?;
    let histogram = raw.measure(window.counted)?;
    Ok(Measured {
        contender: ContenderName::Sync,
        per_second: histogram.len() as f64 / window.counted.as_secs_f64(),
        latency: Quantiles::of(&histogram),
        promises: Vec::new(),
    })
}

struct Run<'a> {
    contender: ContenderName,
    work: &'a Work,
    callers: usize,
    window: Window,
}

impl Run<'_> {
    async fn alone(&self, field: &Field) -> Result<Measured> {
        match self.contender {
            ContenderName::Earmark | ContenderName::EarmarkHold => {
                let folder = field.folder.join("engine");
                std::fs::create_dir(&folder).with_context(|| format!("making {}", folder.display()))?;
                let holds_only = self.contender == ContenderName::EarmarkHold;
                let engine = InProcess::open(&folder, self.work, holds_only).await?;
                let measured = self.drive(&engine).await?;
                engine.close().await?;
                // Its journal is of no use behind it, and there are many runs.
                std::fs::remove_dir_all(&folder).with_context(|| format!("removing {}", folder.display()))?;
                Ok(measured)
            }
            ContenderName::PostgresTransaction | ContenderName::PostgresStatement => {
                let server = field.postgres.as_ref().context("a server that was started")?;
                let at_once = self.contender == ContenderName::PostgresStatement;
                let postgres = Postgres::open(server, self.work, self.callers, at_once).await?;
                let measured = self.drive(&postgres).await?;
                postgres.close().await?;
                Ok(measured)
            }
            ContenderName::Redis => {
                let server = field.redis.as_ref().context("a server that was started")?;
                let redis = Redis::open(server, self.work, self.callers).await?;
                let measured = self.drive(&redis).await?;
                redis.clear().await?;
                Ok(measured)
            }
            ContenderName::Map | ContenderName::Sync => self.drive(&Map::new(self.work)).await,
        }
    }

    async fn drive<C: Contender + Sync>(&self, contender: &C) -> Result<Measured> {
        let tally = Arc::new(Tally::default());
        let buyer = |number| Buyer {
            contender: contender.clone(),
            number,
            draws: self.work.of_caller(number),
            steps: self.work.name.steps(),
            tally: Arc::clone(&tally),
        };
        let buyers: Vec<_> = (0..self.callers).map(buyer).collect();
        let stage = drive(self.window, 1, buyers.into_iter()).await?;
        let promises = check(contender, self.work, &tally, stage.refused).await?;
        let step = stage.steps.first().context("the step that was measured")?;
        Ok(Measured {
            contender: self.contender,
            per_second: step.per_second,
            latency: Quantiles::of(&step.latency),
            promises,
        })
    }
}
