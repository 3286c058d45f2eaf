//! The folder a run works in, and how an engine is opened there.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use earmark::{Config, Durability, Engine, RecoveryReport, Request, SkuCommand, SkuId, WritePath};
use serde::{Deserialize, Serialize};

/// SKUs that are stocked with one call.
const STOCK_BATCH: usize = 1_000;

/// Units of each SKU: more than any run can sell.
const AMPLE: u64 = 1_000_000_000_000;

/// What an acknowledged answer survives, as a command-line value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DurabilityChoice {
    /// Power loss: every batch is synced before it is answered.
    #[default]
    Disk,
    /// A crash of the process, not of the machine.
    Process,
    /// Nothing.
    Memory,
}

impl From<DurabilityChoice> for Durability {
    fn from(choice: DurabilityChoice) -> Self {
        match choice {
            DurabilityChoice::Disk => Self::Disk,
            DurabilityChoice::Process => Self::Process,
            DurabilityChoice::Memory => Self::Memory,
        }
    }
}

/// How batches get to the disk, as a command-line value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WritePathChoice {
    /// Past the page cache, where the file system can do that.
    #[default]
    Direct,
    /// Into the page cache, and synced with a second call.
    Cached,
}

impl From<WritePathChoice> for WritePath {
    fn from(choice: WritePathChoice) -> Self {
        match choice {
            WritePathChoice::Direct => Self::Direct,
            WritePathChoice::Cached => Self::Cached,
        }
    }
}

/// A folder for one run: the caller's, which stays, or a temporary one, which goes when this is dropped.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    temporary: Option<tempfile::TempDir>,
}

impl Folder {
    /// Takes the caller's folder or makes a temporary one.
    ///
    /// A folder with something in it is refused: keys of an earlier run would be answered from its
    /// journal, and the run would measure and prove nothing.
    pub(crate) fn take(wanted: Option<&Path>) -> Result<Self> {
        let Some(path) = wanted else {
            let temporary = tempfile::Builder::new()
                .prefix("earmark-loadtest-")
                .tempdir()
                .context("making a temporary folder")?;
            return Ok(Self { path: temporary.path().to_owned(), temporary: Some(temporary) });
        };
        std::fs::create_dir_all(path).with_context(|| format!("making {}", path.display()))?;
        let mut entries = std::fs::read_dir(path).with_context(|| format!("reading {}", path.display()))?;
        if entries.next().is_some() {
            bail!("{} is not empty; name a new folder or empty this one", path.display());
        }
        Ok(Self { path: path.to_owned(), temporary: None })
    }

    /// Where the folder is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Lets a temporary folder stay, so that what went wrong can be looked at; where it is.
    pub(crate) fn keep(self) -> PathBuf {
        if let Some(temporary) = self.temporary {
            return temporary.keep();
        }
        self.path
    }

    /// Whether the folder is still there after the run.
    pub(crate) fn is_kept(&self) -> bool {
        self.temporary.is_none()
    }
}

/// Opens an engine in `folder`.
pub(crate) async fn open(folder: &Path, durability: DurabilityChoice) -> Result<Engine> {
    open_with(folder, durability, |_| {}).await
}

/// Opens an engine in `folder` with a configuration that `adjust` may change first.
pub(crate) async fn open_with(
    folder: &Path,
    durability: DurabilityChoice,
    adjust: impl FnOnce(&mut Config),
) -> Result<Engine> {
    let mut config = Config::new(folder);
    config.durability = durability.into();
    adjust(&mut config);
    Engine::open(config).await.with_context(|| format!("opening the engine in {}", folder.display()))
}

/// Receives ample stock of every SKU.
pub(crate) async fn receive(engine: &Engine, skus: &[SkuId]) -> Result<()> {
    for batch in skus.chunks(STOCK_BATCH) {
        let receipts = batch.iter().map(|sku| {
            let receive = SkuCommand::receive(AMPLE, "opening stock");
            (sku.clone(), Request::from(receive))
        });
        for answer in engine.stock_all(receipts).await {
            answer.context("receiving the opening stock")?;
        }
    }
    Ok(())
}

/// A tokio runtime with `workers` threads, or one thread for each core.
pub(crate) fn runtime(workers: Option<usize>) -> Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(workers) = workers {
        builder.worker_threads(workers.max(1));
    }
    builder.enable_all().build().context("starting the tokio runtime")
}

/// What an engine found when it opened, in a form that crosses a pipe.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recovery {
    /// Journal records replayed.
    pub(crate) records_replayed: u64,
    /// Events in them.
    #[serde(default)]
    pub(crate) events_replayed: u64,
    /// Orders known after replay.
    pub(crate) orders: u64,
    /// SKUs known after replay.
    pub(crate) skus: u64,
    /// Bytes of a torn last batch that were cut off.
    pub(crate) bytes_cut: u64,
    /// Interrupted orders that were finished.
    pub(crate) finished: u64,
    /// Interrupted orders that were undone.
    pub(crate) undone: u64,
    /// Interrupted orders that had to be parked.
    pub(crate) parked: u64,
    /// Whether the journal ended with a seal, as after a clean close.
    pub(crate) sealed: bool,
    /// The writer's epoch.
    pub(crate) epoch: u64,
    /// How long recovery took.
    pub(crate) millis: u64,
}

impl From<&RecoveryReport> for Recovery {
    fn from(report: &RecoveryReport) -> Self {
        Self {
            records_replayed: report.records,
            events_replayed: report.events,
            orders: report.orders,
            skus: report.skus,
            bytes_cut: report.bytes_cut,
            finished: report.finished,
            undone: report.undone,
            parked: report.parked,
            sealed: report.sealed,
            epoch: report.epoch,
            millis: report.millis,
        }
    }
}

/// A hash as lower-case hexadecimal text.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing into a `String` cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_something_in_it_is_refused() -> Result<()> {
        let outer = tempfile::tempdir()?;
        std::fs::write(outer.path().join("journal"), b"earlier run")?;
        assert!(Folder::take(Some(outer.path())).is_err());
        Ok(())
    }

    #[test]
    fn a_temporary_folder_goes_and_a_named_one_stays() -> Result<()> {
        let temporary = Folder::take(None)?;
        let path = temporary.path().to_owned();
        assert!(!temporary.is_kept());
        drop(temporary);
        assert!(!path.exists());

        let outer = tempfile::tempdir()?;
        let named = Folder::take(Some(&outer.path().join("new")))?;
        assert!(named.is_kept());
        let path = named.path().to_owned();
        drop(named);
        assert!(path.exists());
        Ok(())
    }

    #[test]
    fn a_hash_is_written_as_lower_case_hexadecimal() {
        assert_eq!(hex(&[0x00, 0xab, 0x7f]), "00ab7f");
    }
}
