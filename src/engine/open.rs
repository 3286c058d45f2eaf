//! Opening an engine, stage by stage.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex as SyncMutex};
use std::time::Duration;

use tokio::sync::{Mutex, Semaphore, oneshot};

use super::recover::{LoadedSnapshot, Recovered, RefusedSnapshot, recover};
use super::snapshot::Snapshots;
use super::{Engine, Inner};
use crate::actor::commit::{self, CommitQueue, Gate, Writer};
use crate::actor::core::Core;
use crate::actor::flow::{Flows, RestingFlow};
use crate::actor::keys::KeyTable;
use crate::actor::memory::Memory;
use crate::actor::message::{FlowMessage, SkuMessage};
use crate::actor::reconciler::{self, Queues, Reconciled};
use crate::actor::registry::{Absent, Registry};
use crate::actor::sales::Sales;
use crate::actor::sku::RestingSku;
use crate::actor::sku::carts::Carts;
use crate::actor::timers::{self, Timers};
use crate::config::Config;
use crate::domain::flow::Flow;
use crate::domain::ids::{FlowId, LockName, OrderId};
use crate::domain::inventory::StockPolicy;
use crate::domain::lock::Lock;
use crate::domain::order::{Lifecycle, Limits, is_derived};
use crate::domain::record::RulesRecord;
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;
use crate::error::Error;
use crate::flow::{Definition, Lineup};
use crate::journal::LogReader;
use crate::port::{Clock, EngineClock, Entropy, OrderIds};
use crate::replay::compact::{self, Unpacked};
use crate::replay::{Answered, Settled, Works, World};

/// What recovery found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    /// The snapshot that recovery began with, if there was one.
    pub loaded: Option<LoadedSnapshot>,
    /// Snapshots that could not be used, newest first, and why.
    pub refused: Vec<RefusedSnapshot>,
    /// Records replayed.
    pub records: u64,
    /// Of these, records that the snapshot's entities knew already.
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
        let (open_orders, queues) = settle_in(&core, world, &mut report, config.clock.as_ref())?;

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

/// Puts what was recovered into the registries; answers the orders with an unfinished saga, in the order
/// in which they were placed, and what SKUs have left to do for those who wait.
fn settle_in(
    core: &Core,
    world: World,
    report: &mut RecoveryReport,
    wall: &dyn Clock,
) -> Result<(Vec<OrderId>, Queues), Error> {
    let began = wall.now();
    let mut queues = Queues::default();
    let Settled { skus, orders, keys, works, mut index } = world.settle()?;
    settle_flows(core, works.flows, &keys);
    settle_locks(core, works.locks);
    report.skus = skus.len() as u64;
    report.keys = keys.len() as u64;
    for sku in skus {
        if let Some(rule) = sku.policy().and_then(StockPolicy::sale_rule) {
            core.sales.set(&sku.sku, Some(rule), || ());
        }
        queues.note(&sku);
        core.memory.stock_changed(0, sku.memory_bytes());
        let carts = Carts::of(&sku, &core.timers);
        core.skus.insert(sku.sku.clone(), Box::new(RestingSku { inventory: Box::new(sku), carts }));
    }
    for (key, answer) in keys {
        core.keys.insert(key, answer);
    }
    let mut open = Vec::new();
    // Part by part, each given back when its orders have moved on.
    for (id, packed) in orders.into_iter().flatten() {
        if compact::is_retired(&packed) {
            report.retired += 1;
            if let Some(number) = compact::number_of(&packed) {
                index.set_retired(number);
            }
        } else {
            report.orders += 1;
            // Most orders wait for nothing, and need not be looked into.
            let retires = core.retire_after_ms.is_some() && compact::is_closed(&packed);
            if retires || compact::is_waiting(&packed) || compact::is_pending(&packed) {
                let head = compact::head_of(&packed)?;
                core.timers.rearm(&id, None, core.wakes_at(head.deadline, head.closed_at));
                if compact::is_pending(&packed) {
                    open.push((head.placed_at, id.clone()));
                    reclaim(core, &packed)?;
                }
            }
        }
        if is_derived(&id) && !compact::is_retired(&packed) {
            queues.note_child(id.clone());
        }
        core.orders.insert(id, packed);
    }
    index.finish();
    core.memory.set_customers(index.customers());
    *core.index() = index;
    open.sort();
    report.settle_millis = wall.now().as_millis().saturating_sub(began.as_millis());
    Ok((open.into_iter().map(|(_, id)| id).collect(), queues))
}

/// Claims the key of an order's saga that a crash interrupted.
fn reclaim(core: &Core, packed: &[u8]) -> Result<(), Error> {
    let Unpacked::Order(order) = compact::unpack(packed)? else { return Ok(()) };
    if let Some(claim) = order.pending.as_ref().and_then(|pending| pending.claim.as_ref()) {
        core.keys.reclaim(claim);
        if let Some(reason) = &order.parked {
            core.keys.suspend(claim, Refusal::Parked { reason: reason.clone() });
        }
    }
    Ok(())
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

/// Puts named locks to rest; the timers end their leases.
fn settle_locks(core: &Core, locks: BTreeMap<LockName, Lock>) {
    for (name, lock) in locks {
        core.timers.rearm_lock(&name, None, lock.until().filter(|_| lock.parked.is_none()));
        core.locks.insert(name, Box::new(lock));
    }
}

/// Puts flows that have not ended to rest. Who asks again under a key of one waits for its end.
fn settle_flows(core: &Core, flows: BTreeMap<FlowId, Flow>, keys: &Answered) {
    for (id, flow) in flows {
        if let Some(claim) = flow.claim.as_ref().filter(|_| !flow.answered) {
            core.keys.reclaim(claim);
        }
        core.timers.rearm_flow(id, None, flow.again_at());
        let begins = format!("flow/{id}/");
        let used =
            keys.keys().filter(|key| key.business == flow.business && key.key.as_str().starts_with(&begins));
        let mut used: Vec<_> = used.cloned().collect();
        used.sort();
        core.flows.registry.insert(id, Box::new(RestingFlow { flow, keys: used }));
    }
}
