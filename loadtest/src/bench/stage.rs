//! One stage: an engine of its own, with the raw loop before and after.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use earmark::Engine;
use earmark::domain::ids::SkuId;
use hdrhistogram::Histogram;

use super::callers::{StageMeasured, Window};
use crate::latency::Quantiles;
use crate::raw_sync::RawSync;
use crate::store::{self, DurabilityChoice, WritePathChoice};

/// How long the raw loop runs before a stage, and again after it.
const RAW_FOR: Duration = Duration::from_millis(700);

/// What all stages share.
pub(crate) struct Bench {
    pub(crate) folder: PathBuf,
    pub(crate) durability: DurabilityChoice,
    pub(crate) write_path: WritePathChoice,
    pub(crate) workers: Option<usize>,
    pub(crate) seed: u64,
    pub(crate) window: Window,
}

/// What a stage measured, and the raw loop around it.
pub(crate) struct Staged {
    pub(crate) measured: StageMeasured,
    /// The raw loop's waits before and after the stage together.
    pub(crate) raw: Quantiles,
    /// The raw loop's p50 before and after: how steady the disk was meanwhile.
    pub(crate) raw_p50_us: [f64; 2],
}

impl Bench {
    /// Opens an engine with `skus` in stock, runs `stage` on it, closes it and removes its folder when
    /// the run's folder is not kept anyway.
    pub(crate) fn stage<F>(
        &self,
        name: &str,
        skus: &[SkuId],
        stage: impl FnOnce(Engine) -> F,
    ) -> Result<Staged>
    where
        F: Future<Output = Result<StageMeasured>>,
    {
        let folder = self.folder.join(name);
        std::fs::create_dir(&folder).with_context(|| format!("making {}", folder.display()))?;
        let before = self.raw()?;
        let measured = store::runtime(self.workers)?.block_on(async {
            let engine = store::open_with(&folder, self.durability, |config| {
                config.write_path = self.write_path.into();
            })
            .await?;
            store::receive(&engine, skus).await?;
            let measured = stage(engine.clone()).await?;
            engine.close().await.context("closing the engine")?;
            Ok::<_, anyhow::Error>(measured)
        })?;
        remove(&folder)?;
        let after = self.raw()?;
        let raw_p50_us = [&before, &after].map(|raw| Quantiles::of(raw).p50_us);
        let mut raw = before;
        raw.add(after).context("merging histograms")?;
        Ok(Staged { measured, raw: Quantiles::of(&raw), raw_p50_us })
    }

    fn raw(&self) -> Result<Histogram<u64>> {
        RawSync::new(&self.folder)?.measure(RAW_FOR)
    }
}

/// A stage's journal is of no use behind it, and seven of them fill a small disk.
fn remove(folder: &Path) -> Result<()> {
    std::fs::remove_dir_all(folder).with_context(|| format!("removing {}", folder.display()))
}
