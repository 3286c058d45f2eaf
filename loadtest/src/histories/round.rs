//! One round: clients call an engine side by side, which loses its power and is opened again, and every call
//! is recorded with what came back.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use earmark::port::SeededEntropy;
use earmark::port::fs_sim::SimFs;
use earmark::{Config, Engine};
use fastrand::Rng;

use super::call::{self, Call, Event, OrderCall, Outcome, StockCall};
use super::{Kind, Shape};

/// SKUs of a round.
pub(super) const SKUS: u8 = 2;
/// Carts, which all clients share.
const CARTS: u8 = 3;
/// Units of each SKU to begin with: too few for all.
const OPENING_STOCK: u64 = 8;
/// After how many milliseconds a SKU's actor goes to rest: at once, so that it wakes again and again.
const IDLE_MS: u64 = 1;

/// What the clients of a round share.
struct Shared {
    engine: Mutex<Option<Engine>>,
    ticks: AtomicI64,
    answered: AtomicU32,
    crashed: AtomicBool,
    next_order: AtomicU32,
    next_key: AtomicU32,
    /// Keyed calls, so that somebody makes them again.
    keyed: Mutex<Vec<(Call, u32)>>,
    shape: Shape,
}

impl Shared {
    fn tick(&self) -> i64 {
        self.ticks.fetch_add(1, Ordering::SeqCst)
    }
}

/// What was recorded in a round.
pub(super) struct Round {
    pub(super) events: Vec<Event>,
    /// How often the power was cut.
    pub(super) crashes: u32,
    /// What the engine itself found broken at the end.
    pub(super) violations: Vec<String>,
}

fn config(fs: &SimFs, seed: u64) -> Config {
    Config {
        fs: Arc::new(fs.clone()),
        entropy: Arc::new(SeededEntropy::new(seed)),
        segment_bytes: 64 << 10,
        batch_bytes_max: 4 << 10,
        lines_per_order_max: 8,
        registry_shards: 2,
        sku_idle_ms: IDLE_MS,
        snapshot_every_bytes: Some(16 << 10),
        ..Config::new("/histories")
    }
}

/// Runs a round.
///
/// # Errors
/// When the engine answers something that is neither an answer nor a refusal nor what a crash leaves.
pub(super) async fn run(seed: u64, shape: Shape) -> Result<Round> {
    let mut random = Rng::with_seed(seed);
    let shared = Arc::new(Shared {
        engine: Mutex::new(None),
        ticks: AtomicI64::new(0),
        answered: AtomicU32::new(0),
        crashed: AtomicBool::new(false),
        next_order: AtomicU32::new(0),
        next_key: AtomicU32::new(0),
        keyed: Mutex::new(Vec::new()),
        shape,
    });
    let mut fs = SimFs::new();
    let mut events = Vec::new();
    for life in 0..=shape.crashes {
        let engine = Engine::open(config(&fs, random.u64(..))).await.context("opening after a crash")?;
        if life == 0 {
            let stock = (0..SKUS).map(|sku| Call::Stock { sku, call: StockCall::Receive(OPENING_STOCK) });
            alone(&engine, &shared, stock, &mut events).await?;
        }
        let last = life == shape.crashes;
        let before = events.len();
        let lived = live(&engine, &shared, &mut random, &mut events, (!last).then_some(&fs)).await?;
        if let Some((next, crash)) = lived {
            forget_the_unanswered(&mut events, before, crash);
            fs = next;
            drop(engine);
        } else {
            look_around(&engine, &shared, &mut events).await?;
            let violations = engine.cut().await.context("the last look")?.violations;
            engine.close().await.context("closing")?;
            return Ok(Round { events, crashes: shape.crashes, violations });
        }
    }
    anyhow::bail!("a round has a last life")
}

/// One life of the engine; what a power cut in the middle of it leaves, and when that was.
async fn live(
    engine: &Engine,
    shared: &Arc<Shared>,
    random: &mut Rng,
    events: &mut Vec<Event>,
    cut: Option<&SimFs>,
) -> Result<Option<(SimFs, Crash)>> {
    let shape = shared.shape;
    shared.answered.store(0, Ordering::SeqCst);
    shared.crashed.store(false, Ordering::SeqCst);
    *shared.engine.lock().unwrap_or_else(PoisonError::into_inner) = Some(engine.clone());
    let clients: Vec<_> = (0..shape.clients)
        .map(|client| tokio::spawn(client_calls(shared.clone(), client, Rng::with_seed(random.u64(..)))))
        .collect();
    let mut left = None;
    if let Some(fs) = cut {
        let after = random.u32(1..shape.clients * shape.calls);
        while shared.answered.load(Ordering::SeqCst) < after {
            tokio::task::yield_now().await;
        }
        // Nobody begins a call from here on. However long this thread is kept from cutting the power, a client
        // has one call under way at most, of which nobody knows whether it took effect: many more of them, all
        // side by side, are beyond what the checker can decide.
        shared.crashed.store(true, Ordering::SeqCst);
        // What was answered before the first tick is durable by now; what comes after the second did not happen.
        let before = shared.tick();
        let after = if random.bool() { fs.crash() } else { fs.crash_torn(random.u64(..)) };
        left = Some((after, Crash { before, after: shared.tick() }));
    }
    for client in clients {
        events.extend(client.await.context("a client panicked")??);
    }
    shared.engine.lock().unwrap_or_else(PoisonError::into_inner).take();
    Ok(left)
}

/// A power cut: the ticks between which it fell. Calls that are under way go on meanwhile.
#[derive(Clone, Copy)]
struct Crash {
    before: i64,
    after: i64,
}

/// Calls that were made after the crash were not made; those that came back after it did not come back. Of those
/// that were made or came back while it fell, nobody knows.
fn forget_the_unanswered(events: &mut Vec<Event>, from: usize, crash: Crash) {
    let mut index = 0;
    events.retain_mut(|event| {
        index += 1;
        if index <= from {
            return true;
        }
        if event.returned > crash.before {
            event.returned = crash.after;
            event.outcome = None;
        }
        event.called < crash.after
    });
}

/// Looks at everything once nobody else does: what is seen must be explained too.
async fn look_around(engine: &Engine, shared: &Shared, events: &mut Vec<Event>) -> Result<()> {
    let skus = (0..SKUS).map(|sku| Call::Stock { sku, call: StockCall::View });
    let orders = 0..shared.next_order.load(Ordering::SeqCst);
    let orders = orders.map(|order| Call::Order { order, call: OrderCall::View });
    alone(engine, shared, skus.chain(orders), events).await
}

/// Makes calls one after another, beside which nobody else calls.
async fn alone(
    engine: &Engine,
    shared: &Shared,
    calls: impl Iterator<Item = Call>,
    events: &mut Vec<Event>,
) -> Result<()> {
    for call in calls {
        let called = shared.tick();
        let outcome = call::make(engine, &call, None).await?;
        let returned = shared.tick();
        events.push(Event { client: shared.shape.clients, called, returned, call, key: None, outcome });
    }
    Ok(())
}

async fn client_calls(shared: Arc<Shared>, client: u32, mut random: Rng) -> Result<Vec<Event>> {
    let engine = shared.engine.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let engine = engine.context("no engine")?;
    let mut events = Vec::new();
    for _ in 0..shared.shape.calls {
        let (call, key) = next_call(&shared, &mut random);
        if random.u8(..8) == 0 {
            // Long enough for a SKU's actor to go to rest.
            tokio::time::sleep(std::time::Duration::from_millis(2 * IDLE_MS)).await;
        }
        if shared.crashed.load(Ordering::SeqCst) {
            break;
        }
        let called = shared.tick();
        let outcome: Option<Outcome> = call::make(&engine, &call, key).await?;
        let returned = shared.tick();
        shared.answered.fetch_add(1, Ordering::SeqCst);
        events.push(Event { client, called, returned, call, key, outcome });
    }
    // A client that is done lets the crash come.
    shared.answered.fetch_add(shared.shape.calls, Ordering::SeqCst);
    Ok(events)
}

/// What a client asks for next: a call that was made before under its key, or a new one.
fn next_call(shared: &Shared, random: &mut Rng) -> (Call, Option<u32>) {
    let mut keyed = shared.keyed.lock().unwrap_or_else(PoisonError::into_inner);
    if !keyed.is_empty() && random.u8(..8) == 0 {
        let again = random.usize(..keyed.len());
        if let Some((call, key)) = keyed.get(again) {
            return (call.clone(), Some(*key));
        }
    }
    let call = match shared.shape.kind {
        Kind::Orders if random.u8(..10) < 7 => order_call(shared, random),
        kind => Call::Stock { sku: random.u8(..SKUS), call: stock_call(kind, random) },
    };
    let key = (call.changes() && random.bool()).then(|| shared.next_key.fetch_add(1, Ordering::SeqCst));
    if let Some(key) = key {
        keyed.push((call.clone(), key));
    }
    (call, key)
}

fn stock_call(kind: Kind, random: &mut Rng) -> StockCall {
    let cart = random.u8(..CARTS);
    match random.u8(..10) {
        0 => StockCall::Receive(random.u64(1..=6)),
        1..=4 => StockCall::Reserve { cart, quantity: random.u64(1..=6) },
        5 => StockCall::Commit { cart },
        6 | 7 => StockCall::Release { cart },
        8 => StockCall::Ship { cart, quantity: random.u64(1..=3) },
        // Orders that are being placed would show in what is seen of a SKU.
        _ if kind == Kind::Orders => StockCall::Receive(1),
        _ => StockCall::View,
    }
}

fn order_call(shared: &Shared, random: &mut Rng) -> Call {
    let orders = shared.next_order.load(Ordering::SeqCst);
    if orders == 0 || random.u8(..3) == 0 {
        let order = shared.next_order.fetch_add(1, Ordering::SeqCst);
        return Call::Order { order, call: OrderCall::Place(lines_of(order)) };
    }
    // One of the last few, so that clients meet.
    let order = orders.saturating_sub(random.u32(1..=4).min(orders));
    let call = match random.u8(..10) {
        0 => OrderCall::Place(lines_of(order)),
        1..=3 => OrderCall::Pay(lines_of(order)),
        4 | 5 => OrderCall::Ship,
        6 => OrderCall::Deliver,
        7 | 8 => OrderCall::Cancel,
        _ => OrderCall::View,
    };
    Call::Order { order, call }
}

/// What an order is over: one SKU, or two in either order.
pub(super) fn lines_of(order: u32) -> Vec<(u8, u32)> {
    match order % 5 {
        0 => vec![(0, 1 + order % 3)],
        1 => vec![(1, 1 + order % 2), (0, 1)],
        2 => vec![(0, 2), (1, 1 + order % 4)],
        3 => vec![(1, 2)],
        _ => vec![(0, 1), (1, 1), (0, 1)],
    }
}
