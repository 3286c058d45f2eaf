//! Recovery: the newest snapshot that can be used, and the journal's tail on top of it.

use std::path::PathBuf;

use crate::actor::commit::Driver;
use crate::config::{Config, RecoveryPhase, RecoveryProgress};
use crate::error::Error;
use crate::journal::{
    CommitLog, Durability, FileLog, LogMark, LogOptions, MemoryLog, Opening, StoredBatch, Tail,
};
use crate::port::EngineClock;
use crate::replay::{self, LoadProgress, World};
use crate::snapshot::{self, Flaw, Footer, Header, Listed, SnapshotReader};

/// A snapshot that recovery began with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedSnapshot {
    /// Its file.
    pub path: PathBuf,
    /// The sequence number from which the journal was replayed on top of it.
    pub low: u64,
    /// SKUs, orders (retired ones included) and answered keys in it.
    pub entities: u64,
    /// Its length in bytes.
    pub bytes: u64,
    /// Milliseconds that loading took.
    pub millis: u64,
}

/// A snapshot that recovery could not use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedSnapshot {
    /// Its file.
    pub path: PathBuf,
    /// Why not.
    pub reason: String,
}

/// What a journal in memory keeps for subscribers, in bytes of records.
const MEMORY_LOG_BYTES: usize = 64 << 20;

pub(super) struct Recovered {
    pub(super) log: Box<dyn CommitLog>,
    /// Bytes of a torn last batch.
    pub(super) cut: u64,
    pub(super) sealed: bool,
    pub(super) world: World,
    pub(super) loaded: Option<LoadedSnapshot>,
    pub(super) refused: Vec<RefusedSnapshot>,
    /// Bytes of the records that were replayed.
    pub(super) bytes: u64,
    pub(super) replay_millis: u64,
}

/// The state behind the tail of the journal.
struct Rebuilt {
    world: World,
    tail: Tail,
    loaded: Option<LoadedSnapshot>,
    bytes: u64,
    replay_millis: u64,
}

/// Why a snapshot led to nothing.
enum Failed {
    /// It cannot be used.
    Snapshot(Flaw),
    /// The journal cannot.
    Fatal(Error),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Fatal(error)
    }
}

pub(super) fn recover(config: &Config) -> Result<Recovered, Error> {
    if config.durability == Durability::Memory {
        return Ok(Recovered {
            log: Box::new(MemoryLog::new(MEMORY_LOG_BYTES)),
            cut: 0,
            sealed: true,
            world: World::default(),
            loaded: None,
            refused: Vec::new(),
            bytes: 0,
            replay_millis: 0,
        });
    }
    let options = LogOptions {
        durability: config.durability,
        segment_bytes: config.segment_bytes,
        write_path: config.write_path,
    };
    let mut opening = FileLog::claim(config.fs.clone(), &config.folder, options)?;
    let unlisted = |error: std::io::Error| Error::Io {
        what: format!("list the snapshots in {}", config.folder.display()),
        detail: error.to_string(),
    };
    let mut refused = Vec::new();
    let mut rebuilt = None;
    for listed in snapshot::list(config.fs.as_ref(), &config.folder).map_err(unlisted)? {
        match from_snapshot(config, &mut opening, &listed) {
            Ok(found) => {
                rebuilt = Some(found);
                break;
            }
            Err(Failed::Fatal(error)) => return Err(error),
            Err(Failed::Snapshot(flaw)) => {
                let reason = flaw.to_string();
                tracing::error!(path = %listed.path.display(), %reason, "a snapshot cannot be used");
                refused.push(RefusedSnapshot { path: listed.path, reason });
            }
        }
    }
    let rebuilt = match rebuilt {
        Some(rebuilt) => rebuilt,
        None => from_the_start(config, &mut opening, &refused)?,
    };
    let Rebuilt { world, tail, loaded, bytes, replay_millis } = rebuilt;
    let clock = EngineClock::new(config.clock.clone());
    clock.observe(world.last_at());
    let log = Box::new(opening.serve(clock.now())?);
    // What is left of an interrupted snapshot takes room and does no harm.
    if let Err(error) = snapshot::remove_leftovers(config.fs.as_ref(), &config.folder) {
        tracing::warn!(%error, "what an interrupted snapshot left cannot be removed");
    }
    let cut = tail.cut.map_or(0, |cut| cut.bytes);
    Ok(Recovered { log, cut, sealed: tail.sealed, world, loaded, refused, bytes, replay_millis })
}

/// Replays the whole journal.
fn from_the_start(
    config: &Config,
    opening: &mut Opening,
    refused: &[RefusedSnapshot],
) -> Result<Rebuilt, Error> {
    let first = opening.first_sequence();
    if first > 1 {
        let mut detail = format!("the journal begins at sequence {first}, and no snapshot can be used");
        for RefusedSnapshot { path, reason } in refused {
            detail.push_str(&format!("; {}: {reason}", path.display()));
        }
        return Err(Error::Snapshot { detail });
    }
    let mut world = World::default();
    let (tail, bytes, replay_millis) = replay_tail(config, opening, &mut world, 0, |_| Ok(()))?;
    Ok(Rebuilt { world, tail, loaded: None, bytes, replay_millis })
}

/// Loads a snapshot and replays what came after its low mark.
fn from_snapshot(config: &Config, opening: &mut Opening, listed: &Listed) -> Result<Rebuilt, Failed> {
    let began = config.clock.now();
    let reader = SnapshotReader::open(config.fs.as_ref(), &listed.path).map_err(Failed::Snapshot)?;
    let header = reader.header().clone();
    goes_with(&header, opening).map_err(Failed::Snapshot)?;
    let mut world = World::default();
    let tell = |LoadProgress { bytes_done, bytes_total, entities }| {
        if let Some(tell) = &config.on_recovery {
            let phase = RecoveryPhase::Load;
            tell(RecoveryProgress { phase, bytes_done, bytes_total, loaded: entities, records: 0 });
        }
    };
    let side_by_side = config.driver == Driver::Thread;
    let footer = replay::load(reader, &mut world, side_by_side, tell).map_err(Failed::Snapshot)?;
    let Footer { high, skus, orders, keys, .. } = footer;
    let millis = config.clock.now().as_millis().saturating_sub(began.as_millis());
    let entities = skus + orders + keys;
    let low = header.low.cursor.sequence;
    let mut certified = opening.mark_before(low) == header.low;
    let check = |batch: &StoredBatch| {
        if batch.number + 1 == header.low.batch {
            certified = batch.chain == header.low.chain;
        }
        Ok(())
    };
    let (tail, bytes, replay_millis) = replay_tail(config, opening, &mut world, low, check)?;
    let foreign = |detail: String| Err(Failed::Snapshot(Flaw::Foreign { detail }));
    if !certified {
        return foreign(format!("the journal has another history before sequence {low}"));
    }
    if tail.end.sequence < high.sequence {
        return foreign(format!(
            "its high mark is sequence {}, and the journal ends before {}",
            high.sequence, tail.end.sequence
        ));
    }
    let bytes_loaded = listed.bytes;
    let loaded = LoadedSnapshot { path: listed.path.clone(), low, entities, bytes: bytes_loaded, millis };
    Ok(Rebuilt { world, tail, loaded: Some(loaded), bytes, replay_millis })
}

/// Whether the journal reaches back to the snapshot's low mark.
fn goes_with(header: &Header, opening: &Opening) -> Result<(), Flaw> {
    let LogMark { cursor, .. } = header.low;
    let first = opening.first_sequence();
    if cursor.sequence >= first {
        return Ok(());
    }
    let detail = format!("its low mark is sequence {}, and the journal begins at {first}", cursor.sequence);
    Err(Flaw::Foreign { detail })
}

/// Replays the journal from `low` on; answers its tail, the bytes of the records, and milliseconds.
fn replay_tail(
    config: &Config,
    opening: &mut Opening,
    world: &mut World,
    low: u64,
    mut check: impl FnMut(&StoredBatch) -> Result<(), Error> + Send,
) -> Result<(Tail, u64, u64), Error> {
    let began = config.clock.now();
    let mut bytes = 0;
    let counted = |batch: &StoredBatch| {
        if batch.end().sequence > low {
            bytes += batch.payload.len() as u64;
        }
        check(batch)
    };
    let tell = |world: &World, progress: crate::journal::Progress| {
        if let Some(tell) = &config.on_recovery {
            tell(RecoveryProgress {
                phase: RecoveryPhase::Replay,
                bytes_done: progress.bytes_done,
                bytes_total: progress.bytes_total,
                loaded: 0,
                records: world.records(),
            });
        }
    };
    let side_by_side = config.driver == Driver::Thread;
    let tail = replay::replay(opening, world, low, side_by_side, counted, tell)?;
    let millis = config.clock.now().as_millis().saturating_sub(began.as_millis());
    Ok((tail, bytes, millis))
}
