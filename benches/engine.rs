//! What a command costs: the pure decision, the application, and the whole way to a durable answer.
//!
//! The end-to-end groups run an embedded engine at `Disk` durability in a temporary folder, with 1, 64 and
//! 1,024 callers that each wait for their answer; criterion's time is the time per command over all callers.
//! Beside them, `raw` is a bare append and fdatasync of 200 bytes on the same disk. `loadtest bench` prints
//! percentiles; this guards against regressions.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a benchmark measures wall time and fails by panicking"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use earmark::domain::ids::IdOrigin;
use earmark::domain::inventory::{self, Inventory, LocationId, StockEvent};
use earmark::domain::order::{Limits, SaleRules, decide_place};
use earmark::domain::time::Timestamp;
use earmark::journal::{FileLog, LogOptions};
use earmark::port::fs::RealFs;
use earmark::replay::World;
use earmark::{
    Config, Currency, Durability, Engine, LineRequest, PlaceOrder, ReserveStock, SkuCommand, SkuId,
};
use tokio::runtime::Runtime;

const CALLERS: [u64; 3] = [1, 64, 1_024];
const SKUS: u64 = 10_000;

fn sku(number: u64) -> SkuId {
    format!("sku-{number}").parse().unwrap()
}

fn reserve(number: u64) -> SkuCommand {
    ReserveStock::new(format!("cart-{number:012}").parse().unwrap(), 1).into()
}

fn receive() -> SkuCommand {
    SkuCommand::receive(1 << 40, "opening stock")
}

fn placement(number: u64) -> PlaceOrder {
    let lines = (0..3).map(|line| {
        let at = number.wrapping_mul(3).wrapping_add(line).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
        LineRequest::new(sku(at % SKUS), 1, 1_000)
    });
    PlaceOrder::new("shop".parse().unwrap(), Currency::EUR, lines.collect())
        .with_id(format!("order-{number:012}").parse().unwrap())
}

/// Decisions and applications on an inventory with 10,000 holds, and the decision on a placement.
fn pure(c: &mut Criterion) {
    let now = Timestamp::from_millis(1);
    let mut inventory = Inventory::new(sku(0));
    let received = StockEvent::Received { quantity: 1 << 40, reason: "x".into(), at: LocationId::MAIN };
    inventory::apply(&mut inventory, &received).unwrap();
    for number in 0..10_000 {
        for event in inventory::decide(&inventory, &reserve(number), now).unwrap().events {
            inventory::apply(&mut inventory, &event).unwrap();
        }
    }
    let command = reserve(20_000);
    c.bench_function("decide/reserve", |b| {
        b.iter(|| inventory::decide(black_box(&inventory), black_box(&command), now).unwrap());
    });
    let mut number = 20_000;
    c.bench_function("decide+apply/reserve", |b| {
        b.iter(|| {
            number += 1;
            for event in inventory::decide(&inventory, &reserve(number), now).unwrap().events {
                inventory::apply(&mut inventory, &event).unwrap();
            }
        });
    });
    let order = placement(7);
    let limits = Limits { lines_max: 1_000 };
    let rules = SaleRules::default();
    c.bench_function("decide/place 3 lines", |b| {
        b.iter(|| {
            decide_place(black_box(&order), IdOrigin::Caller, limits, earmark::Terms::simple(), &rules)
                .unwrap()
        });
    });
}

/// What a snapshot asks of the actor of a SKU with a million holds: a copy, and then reservations on shards that
/// the copy shares. The copy is dropped elsewhere.
fn copied(c: &mut Criterion) {
    let now = Timestamp::from_millis(1);
    let mut inventory = Inventory::new(sku(0));
    let received = StockEvent::Received { quantity: 1 << 40, reason: "x".into(), at: LocationId::MAIN };
    inventory::apply(&mut inventory, &received).unwrap();
    let take = |inventory: &mut Inventory, number: u64| {
        for event in inventory::decide(inventory, &reserve(number), now).unwrap().events {
            inventory::apply(inventory, &event).unwrap();
        }
    };
    (0..1_000_000).for_each(|number| take(&mut inventory, number));
    let mut group = c.benchmark_group("a million holds");
    group.bench_function("copy for a snapshot", |b| {
        b.iter_batched(|| (), |()| black_box(&inventory).clone(), BatchSize::PerIteration);
    });
    let mut number = 1_000_000;
    for (name, shares) in [("reserve", false), ("reserve on what a copy shares", true)] {
        group.bench_function(name, |b| {
            b.iter_custom(|times| {
                // Each time on other shards, so that none has been made its own by the time before.
                let copy = shares.then(|| inventory.clone());
                let began = Instant::now();
                for _ in 0..times {
                    number += 1;
                    take(&mut inventory, number);
                }
                let took = began.elapsed();
                drop(copy);
                took
            });
        });
    }
    group.finish();
}

/// Runs `commands` in all over `callers` tasks and answers how long it took.
fn drive<F, Fut>(runtime: &Runtime, callers: u64, commands: u64, one: F) -> Duration
where
    F: Fn(u64) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = ()> + Send,
{
    static NUMBER: AtomicU64 = AtomicU64::new(1 << 32);
    runtime.block_on(async {
        let left = Arc::new(AtomicU64::new(commands));
        let began = Instant::now();
        let tasks: Vec<_> = (0..callers)
            .map(|_| {
                let (left, one) = (left.clone(), one.clone());
                tokio::spawn(async move {
                    while left
                        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1))
                        .is_ok()
                    {
                        one(NUMBER.fetch_add(1, Ordering::Relaxed)).await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        began.elapsed()
    })
}

fn end_to_end(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let engine = runtime.block_on(Engine::open(Config::new(folder.path()))).unwrap();
    runtime.block_on(async {
        let all = (0..SKUS).map(|number| (sku(number), receive().into()));
        assert!(engine.stock_all(all).await.iter().all(Result::is_ok));
    });
    let mut group = c.benchmark_group("reserve, one hot SKU, durable");
    group.throughput(Throughput::Elements(1)).sample_size(10).measurement_time(Duration::from_secs(3));
    raw(&mut group, folder.path());
    for callers in CALLERS {
        let hot = sku(0);
        let one = {
            let engine = engine.clone();
            move |number| {
                let (engine, hot) = (engine.clone(), hot.clone());
                async move {
                    engine.stock(&hot, reserve(number)).await.unwrap();
                }
            }
        };
        group.bench_function(BenchmarkId::from_parameter(callers), |b| {
            b.iter_custom(|commands| drive(&runtime, callers, commands, one.clone()));
        });
    }
    group.finish();
    let mut group = c.benchmark_group("place, 3 lines over 10000 SKUs, durable");
    group.throughput(Throughput::Elements(1)).sample_size(10).measurement_time(Duration::from_secs(3));
    for callers in CALLERS {
        let one = {
            let engine = engine.clone();
            move |number| {
                let engine = engine.clone();
                async move {
                    engine.place(placement(number)).await.unwrap();
                }
            }
        };
        group.bench_function(BenchmarkId::from_parameter(callers), |b| {
            b.iter_custom(|commands| drive(&runtime, callers, commands, one.clone()));
        });
    }
    group.finish();
    runtime.block_on(engine.close()).unwrap();
}

/// The limit: a bare append and fdatasync into a zero-filled file.
fn raw(
    group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>,
    folder: &std::path::Path,
) {
    use std::os::unix::fs::FileExt;
    const FILE_BYTES: u64 = 16 << 20;
    let path = folder.join("raw");
    std::fs::write(&path, vec![0; FILE_BYTES as usize]).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.sync_all().unwrap();
    let mut offset = 0;
    group.bench_function("raw append and fdatasync of 200 bytes", |b| {
        b.iter(|| {
            file.write_all_at(&[1; 200], offset).unwrap();
            file.sync_data().unwrap();
            offset = (offset + 200) % (FILE_BYTES - 200);
        });
    });
    std::fs::remove_file(path).unwrap();
}

/// Replays a journal of 50,000 orders over 3 lines each, from the files to the rebuilt state.
fn replay(c: &mut Criterion) {
    const ORDERS: u64 = 50_000;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    runtime.block_on(async {
        let config = Config { durability: Durability::Process, ..Config::new(folder.path()) };
        let engine = Engine::open(config).await.unwrap();
        let all = (0..SKUS).map(|number| (sku(number), receive().into()));
        assert!(engine.stock_all(all).await.iter().all(Result::is_ok));
        let orders = (0..ORDERS).map(|number| placement(number).into());
        assert!(engine.place_all(orders).await.iter().all(Result::is_ok));
        engine.close().await.unwrap();
    });
    let rebuild = || {
        let options = LogOptions { durability: Durability::Process, ..LogOptions::default() };
        let mut opening = FileLog::claim(Arc::new(RealFs), folder.path(), options).unwrap();
        let mut world = World::default();
        opening.read(|batch, _| world.apply_batch(batch)).unwrap();
        world.records()
    };
    let records = rebuild();
    let mut group = c.benchmark_group("replay");
    group.throughput(Throughput::Elements(records)).sample_size(10);
    group.bench_function("records of 50000 orders", |b| b.iter(rebuild));
    group.finish();
}

criterion_group!(benches, pure, copied, end_to_end, replay);
criterion_main!(benches);
