//! Taking snapshots while commands run.
//!
//! 1. A mark goes through the commit queue. When it comes out, every record before it has been applied by its
//!    actor, so whatever is looked at from then on holds everything before the mark: the low mark.
//! 2. SKUs, orders and keys are looked at in small steps: those that rest under their shard's guard, those
//!    that an actor has by a message. Nobody waits for the snapshot, and each entity is whole.
//! 3. A second mark, the high mark: nothing that was looked at rests on records behind it. When it comes out,
//!    the journal is durable up to it, and the snapshot may have its name.
//!
//! Orders are looked at by their numbers: those below the mark's are exactly the ones placed before it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, oneshot};

use super::pace::Pace;
use super::recover::LoadedSnapshot;
use super::works;
use crate::actor::commit::{Driver, Item, Release};
use crate::actor::core::Core;
use crate::actor::message::{OrderMessage, SkuMessage};
use crate::actor::registry::{Absent, Found};
use crate::config::{Config, Retention};
use crate::domain::ids::{OrderId, SkuId};
use crate::domain::inventory::Inventory;
use crate::domain::time::Timestamp;
use crate::error::Error;
use crate::journal::{Cursor, Durability, LogMark, LogReader, codec};
use crate::replay::compact::Packed;
use crate::snapshot::{self, Header, Kind, SnapshotWriter, Written};

/// Entities that are looked at before others get their turn, and that may be asked at once.
const STEP_ENTITIES: u32 = 64;
/// The same in simulation, so that a small state is looked at in many steps.
const SIMULATED_STEP_ENTITIES: u32 = 3;
/// Snapshots that are kept.
const KEPT: usize = 2;
/// How often it is looked at whether a snapshot is due.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A snapshot that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotReport {
    /// Its file.
    pub path: PathBuf,
    /// The sequence number from which the journal is to be replayed on top of it.
    pub low: u64,
    /// The first sequence number of which nothing is in it.
    pub high: u64,
    /// SKUs in it.
    pub skus: u64,
    /// Orders in it, retired ones included.
    pub orders: u64,
    /// Answered keys in it.
    pub keys: u64,
    /// Its length in bytes.
    pub bytes: u64,
    /// Milliseconds from its low mark to its publication.
    pub millis: u64,
    /// The first sequence number that the journal can still be asked for.
    pub first_sequence: u64,
}

/// Takes snapshots, one at a time.
pub(super) struct Snapshots {
    core: Arc<Core>,
    reader: Arc<dyn LogReader>,
    config: Config,
    one_at_a_time: Mutex<()>,
    stopping: AtomicBool,
    /// Bytes of the journal at the low mark of the last one, by the gate's count.
    bytes_at_last: AtomicU64,
    /// Length of the last one.
    last_bytes: AtomicU64,
    /// When the last one was taken, in milliseconds.
    last_at: AtomicU64,
}

impl Snapshots {
    pub(super) fn new(
        config: &Config,
        core: Arc<Core>,
        reader: Arc<dyn LogReader>,
        loaded: Option<&LoadedSnapshot>,
    ) -> Self {
        Self {
            reader,
            config: config.clone(),
            one_at_a_time: Mutex::new(()),
            stopping: AtomicBool::new(false),
            bytes_at_last: AtomicU64::new(0),
            last_bytes: AtomicU64::new(loaded.map_or(0, |loaded| loaded.bytes)),
            last_at: AtomicU64::new(core.clock.last().as_millis()),
            core,
        }
    }

    /// Takes a snapshot whenever one is due, for as long as the engine lives.
    pub(super) async fn run(self: Arc<Self>) {
        let never = self.config.snapshot_every_bytes.is_none() && self.config.snapshot_every_ms.is_none();
        if never || self.config.durability == Durability::Memory {
            return;
        }
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if !self.is_due() {
                continue;
            }
            match self.clone().take().await {
                Ok(report) => tracing::info!(?report, "a snapshot was taken"),
                Err(error) => {
                    tracing::error!(%error, "no snapshot could be taken");
                    // Not again before as much as makes one due has come.
                    self.note(self.core.gate.bytes(), self.last_bytes.load(Ordering::Relaxed));
                }
            }
        }
    }

    fn is_due(&self) -> bool {
        let grown = self.core.gate.bytes().saturating_sub(self.bytes_at_last.load(Ordering::Relaxed));
        let last_bytes = self.last_bytes.load(Ordering::Relaxed);
        let long = self.config.snapshot_every_bytes.is_some_and(|bytes| grown >= bytes.max(last_bytes));
        let now = self.config.clock.now().as_millis();
        let waited = now.saturating_sub(self.last_at.load(Ordering::Relaxed));
        long || (grown > 0 && self.config.snapshot_every_ms.is_some_and(|every| waited >= every))
    }

    fn note(&self, journal_bytes: u64, bytes: u64) {
        self.bytes_at_last.store(journal_bytes, Ordering::Relaxed);
        self.last_bytes.store(bytes, Ordering::Relaxed);
        self.last_at.store(self.config.clock.now().as_millis(), Ordering::Relaxed);
    }

    /// Lets a snapshot that is under way end early, and waits for it.
    pub(super) async fn stop(&self) {
        self.stop_soon();
        drop(self.one_at_a_time.lock().await);
    }

    pub(super) fn stop_soon(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// Takes a snapshot now.
    pub(super) async fn take(self: Arc<Self>) -> Result<SnapshotReport, Error> {
        if self.config.durability == Durability::Memory {
            return Err(failed("an engine in memory keeps nothing"));
        }
        match self.config.driver {
            // Files block, and so it has a thread for blocking work.
            Driver::Thread => {
                let runtime = tokio::runtime::Handle::current();
                let taken = tokio::task::spawn_blocking(move || runtime.block_on(self.take_here()));
                taken.await.map_err(failed)?
            }
            Driver::Task => self.take_here().await,
        }
    }

    async fn take_here(&self) -> Result<SnapshotReport, Error> {
        let _one = self.one_at_a_time.lock().await;
        let journal_bytes = self.core.gate.bytes();
        let began = self.config.clock.now();
        let mut header = Header::default();
        let (shown, low) = self.core.mark(|index| {
            (index.next_number(), index.since_all().to_vec(), index.origins().iter().collect())
        });
        (header.orders, header.since, header.origins) = shown;
        header.at = self.core.clock.last();
        header.low = passed(low).await?;
        let fs = self.config.fs.clone();
        let mut writer = SnapshotWriter::begin(fs, &self.config.folder, &header).map_err(failed)?;
        let high = match self.collect(&mut writer, header.orders).await {
            Ok(high) => high,
            Err(error) => {
                writer.abandon();
                return Err(error);
            }
        };
        let written = writer.publish(high).map_err(failed)?;
        self.note(journal_bytes, written.bytes);
        let oldest = snapshot::remove_older(self.config.fs.as_ref(), &self.config.folder, KEPT);
        let oldest = oldest.map_err(failed)?;
        self.truncate(oldest).await?;
        Ok(self.report(&header, written, began))
    }

    fn report(&self, header: &Header, written: Written, began: Timestamp) -> SnapshotReport {
        let Written { path, bytes, footer } = written;
        SnapshotReport {
            path,
            low: header.low.cursor.sequence,
            high: footer.high.sequence,
            skus: footer.skus,
            orders: footer.orders,
            keys: footer.keys,
            bytes,
            millis: self.config.clock.now().as_millis().saturating_sub(began.as_millis()),
            first_sequence: self.reader.start().sequence,
        }
    }

    /// Looks at everything, and answers the high mark.
    async fn collect(&self, writer: &mut SnapshotWriter, orders: u32) -> Result<Cursor, Error> {
        let many = match self.config.driver {
            Driver::Thread => STEP_ENTITIES,
            Driver::Task => SIMULATED_STEP_ENTITIES,
        };
        let pace = &mut Pace::new(&self.core.gate);
        let skus = self.core.skus.ids();
        for some in skus.chunks(many as usize) {
            self.step(writer, pace).await?;
            self.take_skus(writer, some).await?;
        }
        let mut number = 0;
        while number < orders {
            self.step(writer, pace).await?;
            let ids = self.core.index().ids_from(number, many.min(orders - number));
            let count = ids.len() as u32;
            self.take_orders(writer, number, ids).await?;
            number += count.max(1);
        }
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        for shard in 0..self.core.keys.shards() {
            self.step(writer, pace).await?;
            bytes.clear();
            ends.clear();
            let mut encoded = Ok(());
            self.core.keys.visit_shard(shard, |key, answer| {
                if encoded.is_ok() {
                    encoded = codec::encode_into(&mut bytes, &(key, answer));
                    ends.push(bytes.len());
                }
            });
            encoded?;
            let mut from = 0;
            for end in ends.drain(..) {
                let entry = bytes.get(from..end).unwrap_or_default();
                writer.entry(Kind::Keys, 0, entry).map_err(failed)?;
                from = end;
            }
        }
        let works = works::collect(&self.core).await?.0;
        if !works.is_empty() {
            bytes.clear();
            codec::encode_into(&mut bytes, &works)?;
            writer.entry(Kind::Works, 0, &bytes).map_err(failed)?;
        }
        let (_, high) = self.core.mark(|_| ());
        Ok(passed(high).await?.cursor)
    }

    /// Gives way to others, for as long as the pace says.
    async fn step(&self, writer: &mut SnapshotWriter, pace: &mut Pace) -> Result<(), Error> {
        if self.config.driver == Driver::Thread {
            pace.rest(&self.core.gate, &self.stopping).await;
        }
        if self.stopping.load(Ordering::Acquire) {
            return Err(Error::Closed);
        }
        let written = writer.take_unpaced();
        match self.config.snapshot_bytes_per_second_max {
            Some(per_second) if written > 0 => {
                let micros = u128::from(written) * 1_000_000 / u128::from(per_second);
                tokio::time::sleep(Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))).await;
            }
            _ => tokio::task::yield_now().await,
        }
        Ok(())
    }

    async fn take_skus(&self, writer: &mut SnapshotWriter, ids: &[SkuId]) -> Result<(), Error> {
        let core = &self.core;
        let mut asked = Vec::with_capacity(ids.len());
        for id in ids {
            let (to, from) = oneshot::channel();
            let resting = core.skus.look(id, |found| match found {
                Found::Resting(sku) => Some(sku.inventory.clone()),
                Found::Active => None,
            });
            match resting {
                // A SKU that was asked for and never received is gone again.
                None => continue,
                Some(Some(copy)) => drop(to.send(Some(copy))),
                Some(None) => {
                    let look = move |sku: Option<&Inventory>| drop(to.send(sku.cloned().map(Box::new)));
                    let message = SkuMessage::Look(Box::new(look));
                    if core.skus.send(core, id, message, Absent::HandBack).is_err() {
                        continue;
                    }
                }
            }
            asked.push(from);
        }
        let mut bytes = Vec::new();
        for from in asked {
            if let Some(sku) = from.await.map_err(|_| Error::Closed)? {
                bytes.clear();
                codec::encode_into(&mut bytes, &*sku)?;
                writer.entry(Kind::Skus, 0, &bytes).map_err(failed)?;
            }
        }
        Ok(())
    }

    async fn take_orders(
        &self,
        writer: &mut SnapshotWriter,
        first: u32,
        ids: Vec<OrderId>,
    ) -> Result<(), Error> {
        let core = &self.core;
        let mut asked = Vec::with_capacity(ids.len());
        for (id, number) in ids.into_iter().zip(first..) {
            let (to, from) = oneshot::channel::<Result<Packed, Error>>();
            let resting = core.orders.look(&id, |found| match found {
                Found::Resting(packed) => Some(packed.clone()),
                Found::Active => None,
            });
            match resting {
                None => return Err(failed(format!("order {id} is gone"))),
                Some(Some(copy)) => drop(to.send(Ok(copy))),
                Some(None) => {
                    let look = OrderMessage::Look(Box::new(move |found| {
                        let packed = found.ok_or_else(|| failed("an order has no number"));
                        let packed = packed.and_then(|packed| Ok(packed?));
                        // A snapshot that was given up needs no order.
                        let _ = to.send(packed);
                    }));
                    core.orders.send(core, &id, look, Absent::HandBack).map_err(|_| Error::Closed)?;
                }
            }
            asked.push((number, from));
        }
        for (number, from) in asked {
            let packed = from.await.map_err(|_| Error::Closed)??;
            writer.entry(Kind::Orders, number, &packed).map_err(failed)?;
        }
        Ok(())
    }

    /// Drops what retention no longer wants of the journal, a segment at a time between commits.
    async fn truncate(&self, oldest: Option<u64>) -> Result<(), Error> {
        let Some(low) = oldest.filter(|_| self.config.retention == Retention::ToOlderSnapshot) else {
            return Ok(());
        };
        let kept = snapshot::list(self.config.fs.as_ref(), &self.config.folder).map_err(failed)?;
        if kept.len() < KEPT {
            return Ok(());
        }
        let (to, from) = oneshot::channel();
        // The record before the low mark stays: its batch certifies that the journal is the snapshot's.
        let releases = smallvec::smallvec![Release::Truncate(low.saturating_sub(1), to)];
        self.core.queue.push(Item { releases, ..Item::default() });
        let first = from.await.map_err(|_| Error::Closed)??;
        tracing::info!(first, "the journal begins later now");
        Ok(())
    }
}

/// What a mark came to.
async fn passed(mark: oneshot::Receiver<Result<LogMark, Error>>) -> Result<LogMark, Error> {
    mark.await.map_err(|_| Error::Closed)?
}

fn failed(error: impl ToString) -> Error {
    Error::Snapshot { detail: error.to_string() }
}
