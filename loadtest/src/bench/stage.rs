//! One stage: an engine of its own, with the raw loop before and after, and its books held against the answers.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use earmark::Engine;
use earmark::domain::ids::SkuId;
use hdrhistogram::Histogram;
use serde::Serialize;

use super::callers::Window;
use crate::invariant;
use crate::latency::Quantiles;
use crate::raw_sync::RawSync;
use crate::store::{self, DurabilityChoice, WritePathChoice};

/// How long the raw loop runs before a stage, and again after it; not longer than the stage itself.
const RAW_FOR: Duration = Duration::from_millis(700);

/// What all stages share.
pub(crate) struct Bench {
    pub(crate) folder: PathBuf,
    pub(crate) durability: DurabilityChoice,
    pub(crate) write_path: WritePathChoice,
    pub(crate) workers: Option<usize>,
    pub(crate) seed: u64,
    pub(crate) window: Window,
    /// For how long an open loop counts.
    pub(crate) open_for: Duration,
}

/// What an engine has: by the answers that it gave, or by its own books.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Books {
    pub(crate) orders: u64,
    /// Units of all SKUs.
    pub(crate) reserved: u64,
    pub(crate) committed: u64,
    pub(crate) shipped: u64,
}

impl Books {
    /// Of carts that hold units.
    pub(crate) fn held(reserved: u64) -> Self {
        Self { reserved, ..Self::default() }
    }

    async fn of(engine: &Engine, skus: &[SkuId]) -> Result<(Self, Vec<String>)> {
        let (units, broken) = invariant::skus(engine, skus).await?;
        let orders = engine.order_counts().await.context("counting orders")?.total();
        let invariant::Units { reserved, committed, shipped, .. } = units;
        Ok((Self { orders, reserved, committed, shipped }, broken))
    }

    fn fields(&self) -> [(&'static str, u64); 4] {
        let Self { orders, reserved, committed, shipped } = *self;
        [
            ("orders", orders),
            ("units reserved", reserved),
            ("units committed", committed),
            ("units shipped", shipped),
        ]
    }
}

/// The answers of a stage held against the engine's books at its end.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Checked {
    /// What the answers add up to, also those before and behind the counted time.
    pub(crate) answered: Books,
    /// How the books differ; nothing where every answer was true.
    pub(crate) differences: Vec<String>,
}

impl Checked {
    fn new(answered: Books, found: Books, mut differences: Vec<String>) -> Self {
        for ((what, answered), (_, found)) in answered.fields().into_iter().zip(found.fields()) {
            if answered != found {
                differences.push(format!("{found} {what} in the books, {answered} by the answers"));
            }
        }
        Self { answered, differences }
    }

    /// Things in the books that were compared with answers.
    pub(crate) fn count(&self) -> u64 {
        self.answered.fields().iter().map(|(_, count)| count).sum()
    }
}

/// What a stage measured, and what was found around it.
pub(crate) struct Staged<T> {
    pub(crate) measured: T,
    pub(crate) around: Around,
}

/// The raw loop around a stage, and whether its answers were true.
pub(crate) struct Around {
    /// The raw loop's waits before and after the stage together.
    pub(crate) raw: Quantiles,
    /// The raw loop's p50 before and after: how steady the disk was meanwhile.
    pub(crate) raw_p50_us: [f64; 2],
    pub(crate) checked: Checked,
}

impl Bench {
    /// Opens an engine with `skus` in stock, runs `stage` on it, holds what it answered against the engine's
    /// books, closes it and removes its folder.
    pub(crate) fn stage<T, F>(
        &self,
        name: &str,
        skus: &[SkuId],
        stage: impl FnOnce(Engine) -> F,
    ) -> Result<Staged<T>>
    where
        F: Future<Output = Result<(T, Books)>>,
    {
        let folder = self.folder.join(name);
        std::fs::create_dir(&folder).with_context(|| format!("making {}", folder.display()))?;
        let before = self.raw()?;
        let (measured, checked) = store::runtime(self.workers)?.block_on(async {
            let engine = store::open_with(&folder, self.durability, |config| {
                config.write_path = self.write_path.into();
            })
            .await?;
            store::receive(&engine, skus).await?;
            let (measured, answered) = stage(engine.clone()).await?;
            let (found, broken) = Books::of(&engine, skus).await?;
            engine.close().await.context("closing the engine")?;
            Ok::<_, anyhow::Error>((measured, Checked::new(answered, found, broken)))
        })?;
        remove(&folder)?;
        let after = self.raw()?;
        let raw_p50_us = [&before, &after].map(|raw| Quantiles::of(raw).p50_us);
        let mut raw = before;
        raw.add(after).context("merging histograms")?;
        let around = Around { raw: Quantiles::of(&raw), raw_p50_us, checked };
        Ok(Staged { measured, around })
    }

    fn raw(&self) -> Result<Histogram<u64>> {
        RawSync::new(&self.folder)?.measure(RAW_FOR.min(self.window.counted))
    }
}

/// A stage's journal is of no use behind it, and those of all stages together fill a small disk.
fn remove(folder: &Path) -> Result<()> {
    std::fs::remove_dir_all(folder).with_context(|| format!("removing {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_not_in_the_books_is_told() {
        let answered = Books { orders: 2, reserved: 5, committed: 0, shipped: 1 };
        let checked = Checked::new(answered, answered, Vec::new());
        assert_eq!((checked.count(), checked.differences.len()), (8, 0));
        let found = Books { reserved: 4, ..answered };
        let checked = Checked::new(answered, found, Vec::new());
        assert_eq!(checked.differences, ["4 units reserved in the books, 5 by the answers"]);
    }
}
