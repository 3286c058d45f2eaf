//! Opening an engine, stage by stage.

use std::sync::{Arc, Mutex as SyncMutex};
use std::time::Duration;

use tokio::sync::{Mutex, Semaphore, oneshot};

use super::recover::{LoadedSnapshot, Recovered, RefusedSnapshot, recover};
use super::settle::settle_in;
use super::snapshot::Snapshots;
use super::{Engine, Inner};
use crate::actor::commit::{self, CommitQueue, Gate, Writer};
use crate::actor::core::Core;
use crate::actor::flow::Flows;
use crate::actor::keys::KeyTable;
use crate::actor::memory::Memory;
use crate::actor::message::{FlowMessage, SkuMessage};
use crate::actor::reconciler::{self, Reconciled};
use crate::actor::registry::{Absent, Registry};
use crate::actor::sales::Sales;
use crate::actor::timers::{self, Timers};
use crate::config::Config;
use crate::domain::order::{Lifecycle, Limits};
use crate::domain::record::RulesRecord;
use crate::domain::time::Timestamp;
use crate::error::Error;
use crate::flow::{Definition, Lineup};
use crate::journal::LogReader;
use crate::port::{EngineClock, Entropy, OrderIds};
use crate::replay::Works;

/// What recovery found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    /// The snapshot that recovery began with, if there was one.
    pub loaded: Option<LoadedSnapshot>,
    /// Snapshots that could not be used, newest first, and why.
    pub refused: Vec<RefusedSnapshot>,
    /// Records replayed.
    pub records: u64,
    /// Events in them: what happened to orders, SKUs, flows and locks.
    pub events: u64,
    /// Of the records, those that the snapshot's entities knew already.
    pub skipped: u64,
    /// Milliseconds that replay took.
    pub replay_millis: u64,
    /// Milliseconds that it took to put every entity to rest in its place.
    pub settle_millis: u64,
    /// Orders found, without those that were retired.
    pub orders: u64,
    /// Orders found that were retired.
    pub retired: u64,
    /// SKUs found.
    pub skus: u64,
    /// Answered idempotency keys found.
    pub keys: u64,
    /// Bytes of a torn last batch that were cut; nothing of it had been acknowledged.
    pub bytes_cut: u64,
    /// Whether the journal ended with a seal, as after a clean close.
    pub sealed: bool,
    /// Orders that the crash left between two steps and that were driven on to the end.
    pub finished: u64,
    /// Orders that the crash left between two steps and that were undone.
    pub undone: u64,
    /// Orders that the crash left between two steps and that had to be parked.
    pub parked: u64,
    /// Flows found that had not ended. Those that are not parked go on when the engine is open.
    pub flows: u64,
    /// The epoch under which this engine writes.
    pub epoch: u64,
    /// Milliseconds from the first byte to the engine's being open.
    pub millis: u64,
}

impl Engine {
    /// Opens the engine in the configured folder, replays what it finds there, and takes commands.
    ///
    /// # Errors
    /// When a setting makes no sense, the folder is in use, the journal is damaged, or the disk is full. What
    /// the journal held stays as it was.
    pub async fn open(config: Config) -> Result<Self, Error> {
        // 1. Check what can be checked without touching anything.
        config.check()?;
        for lifecycle in Lifecycle::all() {
            lifecycle
                .check()
                .map_err(|error| Error::Config { setting: "lifecycle", problem: error.to_string() })?;
        }
        let ids = config.ids.build(config.entropy.clone())?;
        let lineup = Lineup::of(&config.lines)
            .map_err(|errors| Error::Config { setting: "lines", problem: errors.to_string() })?;
        let clock = Arc::new(EngineClock::new(config.clock.clone()));
        let began = config.clock.now();

        // 2. Claim the folder, load a snapshot, replay the journal, make a new epoch durable. This blocks on files.
        let to_recover = config.clone();
        let recovered = match config.driver {
            commit::Driver::Thread => tokio::task::spawn_blocking(move || recover(&to_recover))
                .await
                .map_err(|error| Error::Io { what: "recover".to_owned(), detail: error.to_string() })??,
            commit::Driver::Task => recover(&to_recover)?,
        };
        let mut report = report_of(&recovered);
        let Recovered { log, world, bytes, .. } = recovered;
        clock.observe(world.last_at());
        world.origins().for_each(|origin| ids.observe(origin));

        // 3. Put every entity to rest in its registry.
        let reader = log.reader();
        let gate = Arc::new(Gate::new(log.end(), log.space()));
        gate.add_bytes(usize::try_from(bytes).unwrap_or(usize::MAX));
        let queue = Arc::new(CommitQueue::default());
        let hashers = Hashers::seeded(config.entropy.as_ref())?;
        let (flows, new_rules) = new_flows(&config, &hashers, lineup, world.works(), clock.now());
        let core =
            Arc::new(new_core(&config, &hashers, clock.clone(), queue.clone(), gate.clone(), ids, flows));
        let side_by_side = config.driver == commit::Driver::Thread;
        let (open_orders, queues) =
            settle_in(&core, world, &mut report, config.clock.as_ref(), side_by_side)?;

        // 4. Start the writer, and drive on what a crash left between two steps.
        let writer = Writer::new(log, queue, gate, clock.clone(), config.batch_bytes_max);
        let stopper = commit::start(config.driver, writer)?;
        core.journal_rules(new_rules);
        let Reconciled { finished, undone, parked } = reconciler::reconcile(&core, open_orders, queues).await;
        // A disk that fails now is found out here, not by the first caller.
        let (to, from) = oneshot::channel();
        core.hand_out(to, ());
        from.await.map_err(|_| Error::Closed)??;
        report.flows = core.flows.registry.count();
        report.finished = finished;
        report.undone = undone;
        report.parked = parked;
        report.millis = config.clock.now().as_millis().saturating_sub(began.as_millis());

        // 5. Take commands.
        let inner = take_commands(&config, core, reader, report, stopper);
        for flow in inner.core.flows.registry.ids() {
            // Every flow that was recovered is there.
            let _ =
                inner.core.flows.registry.send(&inner.core, &flow, FlowMessage::Recover, Absent::HandBack);
        }
        Ok(Self { inner: Arc::new(inner) })
    }
}

/// Starts what goes on beside the commands.
fn take_commands(
    config: &Config,
    core: Arc<Core>,
    reader: Arc<dyn LogReader>,
    report: RecoveryReport,
    stopper: commit::Stopper,
) -> Inner {
    let in_flight_max = u32::try_from(config.commands_in_flight_max).unwrap_or(u32::MAX);
    let sweeper = tokio::spawn(sweep(core.clone(), config.sku_idle_ms));
    let wall = config.clock.clone();
    let timers = tokio::spawn(timers::run(core.clone(), wall));
    let snapshots = Arc::new(Snapshots::new(config, core.clone(), reader.clone(), report.loaded.as_ref()));
    let scheduler = tokio::spawn(snapshots.clone().run());
    Inner {
        core,
        snapshots,
        scheduler,
        admission: Arc::new(Semaphore::new(config.commands_in_flight_max)),
        in_flight_max,
        reader,
        report,
        driver: config.driver,
        sweeper,
        timers,
        stopper: Mutex::new(Some(stopper)),
    }
}

/// What recovery can say before anything is settled.
fn report_of(recovered: &Recovered) -> RecoveryReport {
    RecoveryReport {
        records: recovered.world.records(),
        events: recovered.world.events(),
        skipped: recovered.world.skipped(),
        replay_millis: recovered.replay_millis,
        loaded: recovered.loaded.clone(),
        refused: recovered.refused.clone(),
        bytes_cut: recovered.cut,
        sealed: recovered.sealed,
        epoch: recovered.log.end().epoch,
        ..RecoveryReport::default()
    }
}

/// Hashers of one engine's maps, seeded so that nobody outside can aim at one shard.
struct Hashers([u8; 32]);

impl Hashers {
    fn seeded(entropy: &dyn Entropy) -> Result<Self, Error> {
        let mut seed = [0; 32];
        entropy
            .fill(&mut seed)
            .map_err(|error| Error::Io { what: "seed the hashers".to_owned(), detail: error.to_string() })?;
        Ok(Self(seed))
    }

    fn one(&self) -> ahash::RandomState {
        let part = |at: usize| {
            let bytes = self.0.get(at..at + 8).and_then(|b| b.try_into().ok()).unwrap_or([0; 8]);
            u64::from_le_bytes(bytes)
        };
        ahash::RandomState::with_seeds(part(0), part(8), part(16), part(24))
    }
}

/// What runs flows, and the versions of rules that no journal knows yet.
fn new_flows(
    config: &Config,
    hashers: &Hashers,
    lineup: Lineup,
    works: &Works,
    now: Timestamp,
) -> (Flows, Vec<RulesRecord>) {
    let make = |rules, definition: &Definition| RulesRecord {
        rules,
        at: now,
        business: definition.rulebook().business.clone(),
        file: definition.file().into(),
        text: definition.text().into(),
    };
    let registry = Registry::new(config.registry_shards, hashers.one());
    Flows::new(registry, lineup, &works.rules, works.flows_begun, config.entropy.clone(), make)
}

fn new_core(
    config: &Config,
    hashers: &Hashers,
    clock: Arc<EngineClock>,
    queue: Arc<CommitQueue>,
    gate: Arc<Gate>,
    ids: Box<dyn OrderIds>,
    flows: Flows,
) -> Core {
    let shards = config.registry_shards;
    Core {
        flows,
        ids,
        clock,
        queue,
        gate,
        keys: KeyTable::new(shards, hashers.one()),
        orders: Registry::new(shards, hashers.one()),
        locks: Registry::new(shards, hashers.one()),
        skus: Registry::new(shards, hashers.one()),
        terms: config.terms,
        timers: Timers::new(config.clock_step_ms_max),
        memory: Memory::new(config.memory_bytes_max),
        index: SyncMutex::default(),
        sales: Sales::default(),
        limits: Limits { lines_max: config.lines_per_order_max },
        contended_retries_max: config.contended_retries_max,
        retire_after_ms: config.retire_after_ms,
        record_commands: config.record_commands,
    }
}

/// So many SKUs are asked at once to go to rest, and so long after the ones before: a hundred thousand that fall idle
/// together would otherwise stand before everybody's commands for a second (measured).
const NUDGED_AT_ONCE: usize = 64;
const NUDGED_EVERY: Duration = Duration::from_millis(1);

/// Puts SKUs to rest that nobody has asked for a while.
async fn sweep(core: Arc<Core>, idle_ms: u64) {
    let every = Duration::from_millis((idle_ms / 2).max(1));
    loop {
        tokio::time::sleep(every).await;
        let before = core.clock.now().as_millis().saturating_sub(idle_ms);
        for (number, sku) in core.skus.idle(before).iter().enumerate() {
            if number % NUDGED_AT_ONCE == NUDGED_AT_ONCE - 1 {
                tokio::time::sleep(NUDGED_EVERY).await;
            }
            core.skus.nudge(sku, SkuMessage::Rest);
        }
    }
}
