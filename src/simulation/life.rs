//! One life: the folder is opened, looked at, worked in and left, while things go wrong.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::history::History;
use super::ledger::Ledger;
use super::line::Line;
use super::outside::Outside;
use super::plan::{Fault, How, Life, When};
use super::setting::config;
use super::tally::{Kind, Tally};
use super::{client, counting, family, trips};
use crate::config::Config;
use crate::domain::ids::EntityId;
use crate::domain::time::Timestamp;
use crate::engine::{Cut, Engine};
use crate::error::Error;
use crate::port::Clock;
use crate::port::chaos::{Chaos, Sabotage, Settings};
use crate::port::clock_sim::SimClock;
use crate::port::fs_sim::SimFs;

/// Where the engine lives in its file system.
pub(super) const FOLDER: &str = "/engine";

/// Simulated time after which a call counts as never answered.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// How often parked entities are unparked before it counts as a failure that they are.
const UNPARKED_MAX: usize = 12;

/// After how many milliseconds of rest a parent has heard of its children.
const HEARD_MS_MAX: u64 = 1_000;

/// What is known of a schedule as it goes on.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) history: History,
    pub(super) ledger: Ledger,
    pub(super) tally: Tally,
    pub(super) outside: Outside,
    /// The first promise that was broken.
    pub(super) problem: Option<String>,
    /// The crash that the next opening has to deal with.
    pub(super) crash: Option<Kind>,
    pub(super) disk_full_seen: bool,
    pub(super) halted_seen: bool,
    pub(super) failed_seen: bool,
    pub(super) digest: blake3::Hasher,
}

/// A schedule's state, shared by its clients.
#[derive(Clone, Default)]
pub(super) struct World(Arc<Mutex<Shared>>);

impl World {
    pub(super) fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a promise was broken; the first one counts.
    pub(super) fn broken(&self, what: impl Into<String>) {
        self.lock().problem.get_or_insert(what.into());
    }

    pub(super) fn is_broken(&self) -> bool {
        self.lock().problem.is_some()
    }
}

/// What all lives of a schedule have in common.
#[derive(Clone, Copy)]
pub(super) struct Common {
    pub(super) sabotage: Option<Sabotage>,
    /// Whether late money brings an order back.
    pub(super) revives: bool,
}

/// What a life leaves.
pub(super) struct After {
    pub(super) image: SimFs,
    /// The image to go on with where `image` holds turned-over bits and is refused.
    pub(super) instead: Option<SimFs>,
    pub(super) now: Timestamp,
}

/// Runs one life on a runtime of its own; answers what is left of the folder.
///
/// # Errors
/// When there is no runtime to be had.
pub(super) fn live(
    world: &World,
    fs: &SimFs,
    life: &Life,
    common: Common,
    now: Timestamp,
) -> std::io::Result<After> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    Ok(runtime.block_on(inside(world, fs, life, common, now)))
}

async fn inside(world: &World, fs: &SimFs, life: &Life, common: Common, now: Timestamp) -> After {
    let settings = Settings {
        seed: life.seed,
        gives_way_percent: life.gives_way_percent,
        commit_ms_max: life.commit_ms_max,
        panics_one_in: 0,
        sabotage: common.sabotage,
    };
    let chaos = Chaos::begin(settings);
    let clock = Arc::new(SimClock::new(now));
    befall(world, fs, &clock, life);
    {
        let mut body = pin!(body(world, fs, &clock, life, common, &chaos));
        match life.end.when {
            // The moment has come, or the clients were done before it.
            When::After(millis) => drop(tokio::time::timeout(Duration::from_millis(millis), &mut body).await),
            When::Done | When::Operation(_) => body.await,
        }
    }
    // The engine's handles are gone; what its actors still do no longer counts.
    leave(world, fs, life, &chaos, clock.now())
}

/// Sets up what goes wrong.
fn befall(world: &World, fs: &SimFs, clock: &Arc<SimClock>, life: &Life) {
    fs.set_capacity(None);
    if let When::Operation(nth) = life.end.when {
        fs.power_off_at(nth);
    }
    let mut shared = world.lock();
    for fault in &life.faults {
        match *fault {
            Fault::WriteError(nth) => fs.fail_write(nth),
            Fault::SyncError(nth) => fs.fail_sync(nth),
            Fault::ReadError(nth) => fs.fail_read(nth),
            Fault::ShortReads(seed) => fs.short_reads(seed),
            Fault::Panics(_) => {}
            Fault::DiskFull { at_ms, for_ms, left } => {
                let fs = fs.clone();
                if at_ms == 0 {
                    fs.set_capacity(Some(fs.used_bytes() + left));
                }
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(at_ms)).await;
                    fs.set_capacity(Some(fs.used_bytes() + left));
                    tokio::time::sleep(Duration::from_millis(for_ms)).await;
                    fs.set_capacity(None);
                });
            }
            Fault::ClockStep { at_ms, by_ms } => {
                let clock = clock.clone();
                shared.tally.injected(if by_ms < 0 { Kind::ClockBack } else { Kind::ClockForward }, 1);
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(at_ms)).await;
                    clock.step(by_ms);
                });
            }
        }
    }
}

/// Opens, looks, works, and closes if that is how it ends.
async fn body(world: &World, fs: &SimFs, clock: &Arc<SimClock>, life: &Life, common: Common, chaos: &Chaos) {
    world.lock().tally.openings += 1;
    let engine = match Engine::open(Config {
        lines: vec![Arc::new(Line(world.clone()))],
        ..config(fs, clock.clone(), life, common)
    })
    .await
    {
        Ok(engine) => engine,
        Err(error) => return opening_failed(world, fs, &error),
    };
    if !after(world, fs, verify(world, &engine, true).await) {
        return;
    }
    recovered(world, &engine);
    for fault in &life.faults {
        if let Fault::Panics(one_in) = fault {
            chaos.panic_one_in(*one_in);
        }
    }
    client::work(world, fs, clock, &engine, life).await;
    chaos.panic_one_in(0);
    if life.clients.is_empty() && !after(world, fs, trips::come_to_rest(world, &engine).await) {
        return;
    }
    if !world.is_broken()
        && after(world, fs, verify(world, &engine, false).await)
        && life.end.how == How::Close
    {
        match tokio::time::timeout(PATIENCE, engine.close()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => drop(after(world, fs, Err(Stopped::By(error)))),
            Err(_) => world.broken("close never came back"),
        }
    }
}

/// Opening failed: it may when a call of the file system did.
fn opening_failed(world: &World, fs: &SimFs, error: &Error) {
    let injected = fs.injected();
    if !injected.any_failure() {
        return world.broken(format!("a folder that nothing is wrong with is refused: {error}"));
    }
    let mut shared = world.lock();
    if injected.power_off {
        shared.tally.injected(Kind::CrashInOpening, 1);
        shared.crash = Some(Kind::CrashInOpening);
    }
    for (kind, count) in [
        (Kind::ReadError, injected.reads),
        (Kind::WriteError, injected.writes),
        (Kind::SyncError, injected.syncs),
        (Kind::DiskFull, injected.full),
    ] {
        if count > 0 {
            shared.tally.did(kind, "opening failed, and said why");
        }
    }
}

/// The folder was opened, and all is well in it.
fn recovered(world: &World, engine: &Engine) {
    let report = engine.recovery();
    let mut shared = world.lock();
    shared.tally.lives += 1;
    if let Some(kind) = shared.crash.take() {
        let what = match (report.bytes_cut > 0, report.finished + report.undone > 0) {
            (false, false) => "recovered",
            (true, false) => "recovered, an unfinished batch cut",
            (false, true) => "recovered, orders finished or undone",
            (true, true) => "recovered, a batch cut, orders finished or undone",
        };
        shared.tally.did(kind, what);
    }
}

/// Why a look at the engine came to nothing.
pub(super) enum Stopped {
    /// A promise is broken.
    Broken(String),
    /// The engine could not answer.
    By(Error),
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::By(error)
    }
}

/// Whether to go on; an engine may fail when a call of the file system did.
pub(super) fn after(world: &World, fs: &SimFs, looked: Result<(), Stopped>) -> bool {
    match looked {
        Ok(()) => true,
        Err(Stopped::By(error)) if fs.injected().any_failure() => {
            let shared = &mut *world.lock();
            match error {
                Error::Halted { .. } | Error::OutcomeUnknown => {
                    shared.halted_seen |= !fs.injected().power_off
                }
                _ => shared.failed_seen = true,
            }
            false
        }
        Err(Stopped::By(error)) => {
            world.broken(format!("the engine stops although nothing has failed: {error}"));
            false
        }
        Err(Stopped::Broken(what)) => {
            world.broken(what);
            false
        }
    }
}

/// Looks at everything: invariants, the state that the journal makes and, right after an opening, what clients
/// were told.
async fn verify(world: &World, engine: &Engine, is_opening: bool) -> Result<(), Stopped> {
    let cut = whole(engine).await?;
    take_in(world, engine, Some(cut.sequence))?;
    let shared = &mut *world.lock();
    shared.history.compare(&cut).map_err(Stopped::Broken)?;
    shared.outside.check(&shared.history).map_err(Stopped::Broken)?;
    shared.digest.update(&cut.hash.0);
    if is_opening {
        let count = shared.ledger.check(&shared.history).map_err(Stopped::Broken)?;
        shared.tally.verified += count as u64;
        shared.tally.changed(std::mem::take(&mut shared.ledger.deeds));
    }
    Ok(())
}

/// A cut in which nothing is wrong. What a panic has parked is unparked first, as an operator would.
pub(super) async fn whole(engine: &Engine) -> Result<Cut, Stopped> {
    let (mut unparked, mut waited) = (0, 0);
    while unparked < UNPARKED_MAX {
        let looked = tokio::time::timeout(PATIENCE, engine.cut()).await;
        let cut = looked.map_err(|_| Stopped::Broken("the engine never comes to rest".to_owned()))??;
        if cut.violations.is_empty() {
            match family::unheard(&cut) {
                None => return Ok(cut),
                Some(what) if waited == HEARD_MS_MAX => return Err(Stopped::Broken(what)),
                // News of a child are a message of their own, and a record.
                Some(_) => {
                    waited += 1;
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    continue;
                }
            }
        }
        unparked += 1;
        let by_panic = |reason: &Option<smol_str::SmolStr>| {
            reason.as_ref().is_some_and(|reason| reason.contains("simulated: the decision panics"))
        };
        let parked = cut.orders.iter().filter(|order| by_panic(&order.parked)).map(|order| order.id.clone());
        let parked: Vec<_> = parked.map(EntityId::Order).collect();
        // What a panic has parked first: as long as an order is, its flow cannot be rolled back.
        if parked.is_empty() && trips::remedy_all(engine).await? > 0 {
            continue;
        }
        if parked.is_empty() {
            return Err(Stopped::Broken(cut.violations.join("; ")));
        }
        for entity in parked {
            let operator = "operator".parse().map_err(|_| Stopped::By(Error::Closed))?;
            engine.unpark(&entity, operator).await?;
        }
    }
    Err(Stopped::Broken("orders stay parked although they are unparked again and again".to_owned()))
}

/// Takes in what has become durable, up to a sequence number.
pub(super) fn take_in(world: &World, engine: &Engine, until: Option<u64>) -> Result<(), Stopped> {
    let shared = &mut *world.lock();
    let from = shared.history.cursor.unwrap_or_else(|| engine.start());
    let mut subscription = engine.subscribe(from).map_err(|error| match &error {
        Error::Journal(crate::journal::LogError::Io { .. }) => Stopped::By(error),
        _ => Stopped::Broken(format!("what a subscriber saw is gone: {error}")),
    })?;
    while until.is_none_or(|until| subscription.cursor().sequence < until)
        && let Some(published) = subscription.try_next()?
    {
        shared.history.absorb(published).map_err(Stopped::Broken)?;
        shared.tally.records += 1;
    }
    Ok(())
}

/// What a life leaves, and the count of what befell it.
fn leave(world: &World, fs: &SimFs, life: &Life, chaos: &Chaos, now: Timestamp) -> After {
    counting::count(world, fs, life, chaos);
    let (image, instead) = match life.end.how {
        How::Close | How::Kill => (fs.kill(), None),
        How::PowerCut => (fs.crash(), None),
        How::TornPowerCut(seed) => (fs.crash_torn(seed), None),
        How::GarbledPowerCut(seed) => (fs.crash_garbled(seed), Some(fs.crash_torn(seed))),
    };
    let mut shared = world.lock();
    shared.digest.update(&fs.digest().to_le_bytes());
    shared.digest.update(&now.as_millis().to_le_bytes());
    let kind = match life.end.how {
        How::Close => None,
        How::Kill => Some(Kind::Kill),
        How::PowerCut => Some(Kind::PowerCut),
        How::TornPowerCut(_) => Some(Kind::TornPowerCut),
        How::GarbledPowerCut(_) => Some(Kind::GarbledPowerCut),
    };
    if let Some(kind) = kind {
        shared.tally.injected(kind, 1);
        shared.crash.get_or_insert(kind);
    }
    After { image, instead, now }
}
