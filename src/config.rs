//! Every limit and choice of an engine, in one place; checked when it is opened.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

pub use crate::actor::commit::Driver;
use crate::domain::order::TermsByType;
use crate::error::Error;
use crate::flow::BusinessLine;
use crate::journal::{Durability, WritePath};
use crate::port::fs::{Fs, RealFs};
use crate::port::{Clock, Entropy, IdScheme, SystemClock, SystemEntropy};

/// The most bytes that a line of an order takes in the records of its placement: two ids of 128 bytes, a
/// quantity and three amounts, once in the command and once in its effect.
const LINE_BYTES_MAX: usize = 1_024;

/// Which commands are recorded beside their effects, for explaining and replaying them later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RecordCommands {
    /// None.
    None,
    /// Those with an idempotency key.
    #[default]
    Keyed,
    /// All, and every refusal.
    All,
}

/// What becomes of the journal's older segments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Retention {
    /// They are kept: history can be asked for from its beginning.
    #[default]
    KeepAll,
    /// Whole segments are dropped that stand before the older of the two snapshots that are kept. Timelines,
    /// subscribers and tools then begin later, and say where.
    ToOlderSnapshot,
}

/// What recovery is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RecoveryPhase {
    /// It loads a snapshot.
    #[default]
    Load,
    /// It replays the journal.
    Replay,
}

/// How far recovery is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecoveryProgress {
    /// What it is doing.
    pub phase: RecoveryPhase,
    /// Bytes of this phase's file or files read so far.
    pub bytes_done: u64,
    /// Bytes of them in all.
    pub bytes_total: u64,
    /// Entities and keys loaded from a snapshot so far.
    pub loaded: u64,
    /// Records replayed so far.
    pub records: u64,
}

/// Told how far recovery is.
pub type OnRecovery = Arc<dyn Fn(RecoveryProgress) + Send + Sync>;

/// The configuration of an engine. [`Config::new`] has defaults that suit a shop; change fields at will.
#[derive(Clone)]
pub struct Config {
    /// The folder of the journal; made if it is missing. One engine at a time has it.
    pub folder: PathBuf,
    /// What survives: power loss (`Disk`), a crash of the process (`Process`), nothing (`Memory`).
    pub durability: Durability,
    /// Size of a segment of the journal in bytes. There are at least three: the current one, the next, and a reserve.
    pub segment_bytes: u64,
    /// How batches get to the disk at `Disk`: past the page cache where the file system can do that, or through it.
    pub write_path: WritePath,
    /// About how many bytes of records are committed with one sync.
    pub batch_bytes_max: usize,
    /// Commands in flight; more wait their turn, or are refused by `try_submit`.
    pub commands_in_flight_max: usize,
    /// Most lines of one order, the parts of its kits included; a kit has no more parts either.
    pub lines_per_order_max: usize,
    /// How often a request that only provisional holds stand in the way of is looked at again before it is
    /// refused as contended.
    pub contended_retries_max: u32,
    /// After how many milliseconds without a message a SKU's actor goes to rest.
    pub sku_idle_ms: u64,
    /// The most memory that the engine may use for what it keeps, in bytes by its own account
    /// ([`crate::Engine::memory`]). When it is used up, placements and reservations get
    /// [`Error::MemoryFull`]; everything else goes on, above all what frees memory. The process takes more:
    /// leave a quarter of it for buffers and the allocator. `None` sets no bound.
    pub memory_bytes_max: Option<u64>,
    /// Shards of the registries of entities and keys: a power of two, at least 2.
    pub registry_shards: usize,
    /// The terms that new orders of each type are placed under: time to pay, deduction, late money … Orders that
    /// exist keep theirs.
    pub terms: TermsByType,
    /// The longest step forward of the clock, in milliseconds, that timers follow. At a longer one they halt, and
    /// [`crate::Engine::resume_timers`] lets them go on: a clock that was set wrongly must not cancel every
    /// order. `None` follows any step.
    pub clock_step_ms_max: Option<u64>,
    /// How many milliseconds after it was closed for good an order is retired: it leaves memory and lists, its id
    /// stays taken, and its history stays in the journal. Counts for every order, also those that were closed
    /// under another setting. `None` retires none by itself.
    pub retire_after_ms: Option<u64>,
    /// Which commands are recorded beside their effects.
    pub record_commands: RecordCommands,
    /// A snapshot is taken when the journal has grown by so many bytes since the last one, and by no less than
    /// that one's length. `None` takes none by length.
    pub snapshot_every_bytes: Option<u64>,
    /// A snapshot is taken so many milliseconds after the last one, if anything was journaled since.
    pub snapshot_every_ms: Option<u64>,
    /// How many bytes a snapshot may write in a second, so that it leaves processor and disk to commands.
    /// `None` sets no bound.
    pub snapshot_bytes_per_second_max: Option<u64>,
    /// What becomes of the journal's older segments.
    pub retention: Retention,
    /// The business lines whose flows the engine runs. Without any there are no flows.
    pub lines: Vec<Arc<dyn BusinessLine>>,
    /// How order ids are made where the caller gives none.
    pub ids: IdScheme,
    /// Told how far recovery is.
    pub on_recovery: Option<OnRecovery>,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// The source of randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The file system.
    pub fs: Arc<dyn Fs>,
    /// What drives the journal's writer.
    pub driver: Driver,
}

impl Config {
    /// A durable engine in `folder`, with defaults for everything else.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            durability: Durability::Disk,
            segment_bytes: 32 << 20,
            write_path: WritePath::default(),
            batch_bytes_max: 256 << 10,
            commands_in_flight_max: 2_048,
            lines_per_order_max: 1_000,
            contended_retries_max: 1_000,
            sku_idle_ms: 10_000,
            memory_bytes_max: None,
            registry_shards: 1_024,
            terms: TermsByType::default(),
            clock_step_ms_max: Some(24 * 60 * 60 * 1_000),
            retire_after_ms: None,
            record_commands: RecordCommands::default(),
            snapshot_every_bytes: Some(256 << 20),
            snapshot_every_ms: None,
            snapshot_bytes_per_second_max: Some(128 << 20),
            retention: Retention::default(),
            lines: Vec::new(),
            ids: IdScheme::default(),
            on_recovery: None,
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            fs: Arc::new(RealFs),
            driver: Driver::default(),
        }
    }

    /// An engine that forgets everything when it goes: for tests and for trying things out.
    #[must_use]
    pub fn in_memory() -> Self {
        Self { durability: Durability::Memory, ..Self::new(PathBuf::new()) }
    }

    /// Checks every setting.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let bad = |setting, problem: &str| Err(Error::Config { setting, problem: problem.to_owned() });
        if self.durability != Durability::Memory && self.folder.as_os_str().is_empty() {
            return bad("folder", "is empty");
        }
        if self.commands_in_flight_max == 0 || u32::try_from(self.commands_in_flight_max).is_err() {
            return bad("commands_in_flight_max", "must be between 1 and 4294967295");
        }
        if self.batch_bytes_max < 4 << 10 || self.batch_bytes_max > 16 << 20 {
            return bad("batch_bytes_max", "must be between 4 KiB and 16 MiB");
        }
        if self.lines_per_order_max == 0 || self.lines_per_order_max > 10_000 {
            return bad("lines_per_order_max", "must be between 1 and 10000");
        }
        let largest_batch = self.batch_bytes_max + self.lines_per_order_max * LINE_BYTES_MAX;
        if self.durability != Durability::Memory && self.segment_bytes < 2 * largest_batch as u64 {
            return Err(Error::Config {
                setting: "segment_bytes",
                problem: format!(
                    "is {}; with these limits on batches and lines it must be at least {}",
                    self.segment_bytes,
                    2 * largest_batch
                ),
            });
        }
        if self.registry_shards < 2 || !self.registry_shards.is_power_of_two() {
            return bad("registry_shards", "must be a power of two, at least 2");
        }
        for (setting, value) in [
            ("retire_after_ms", self.retire_after_ms),
            ("memory_bytes_max", self.memory_bytes_max),
            ("snapshot_every_bytes", self.snapshot_every_bytes),
            ("snapshot_every_ms", self.snapshot_every_ms),
            ("snapshot_bytes_per_second_max", self.snapshot_bytes_per_second_max),
        ] {
            if value == Some(0) {
                return bad(setting, "must be positive; None switches it off");
            }
        }
        if let Err(problem) = self.terms.check() {
            return Err(Error::Config { setting: "terms", problem });
        }
        if self.sku_idle_ms == 0 {
            return bad("sku_idle_ms", "must be positive");
        }
        Ok(())
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("folder", &self.folder)
            .field("durability", &self.durability)
            .field("segment_bytes", &self.segment_bytes)
            .field("write_path", &self.write_path)
            .field("batch_bytes_max", &self.batch_bytes_max)
            .field("commands_in_flight_max", &self.commands_in_flight_max)
            .field("lines_per_order_max", &self.lines_per_order_max)
            .field("contended_retries_max", &self.contended_retries_max)
            .field("sku_idle_ms", &self.sku_idle_ms)
            .field("memory_bytes_max", &self.memory_bytes_max)
            .field("registry_shards", &self.registry_shards)
            .field("terms", &self.terms)
            .field("clock_step_ms_max", &self.clock_step_ms_max)
            .field("retire_after_ms", &self.retire_after_ms)
            .field("record_commands", &self.record_commands)
            .field("snapshot_every_bytes", &self.snapshot_every_bytes)
            .field("snapshot_every_ms", &self.snapshot_every_ms)
            .field("snapshot_bytes_per_second_max", &self.snapshot_bytes_per_second_max)
            .field("retention", &self.retention)
            .field("lines", &self.lines.len())
            .field("ids", &self.ids)
            .field("driver", &self.driver)
            .finish_non_exhaustive()
    }
}
