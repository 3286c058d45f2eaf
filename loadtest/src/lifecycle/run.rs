//! A run from the opening to the report.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use earmark::{Cut, Engine, OrderCounts, PaymentMethod, State};
use hdrhistogram::Histogram;
use tokio::sync::mpsc;

use super::caller::{Shop, UnderWay, live};
use super::clock::RunClock;
use super::ledger::{Entry, Ledger};
use super::machine::Machine;
use super::measure::{Measured, Recorder};
use super::movements::Movements;
use super::proof::{self, Answered, Counts};
use super::report::json::{self, Build, Conditions, Document, Outcome, PromiseRow, Proof, Settings};
use super::schedule::Schedule;
use super::stock::Stock;
use super::workload::{self, Workload};
use super::{Arguments, LatePaymentChoice, print, report};
use crate::latency::Quantiles;
use crate::progress::Progress;
use crate::raw_sync::RawSync;
use crate::report::{Promise, note};
use crate::store::{self, DurabilityChoice, Folder, Recovery};

/// How long the bare loop runs before the load, and again after it.
const RAW_FOR: Duration = Duration::from_millis(700);

/// How long the run waits at most, after its last order, until every timer has fired.
const SETTLE_MAX: Duration = Duration::from_secs(60);

/// In how many leaps the clock passes the longest period at the end, and the pause after each: so many timers
/// that come due at once are no load that anyone asked for.
const LEAPS: u64 = 100;
const LEAP_PAUSE: Duration = Duration::from_millis(20);

/// What the load came to.
struct Loaded {
    measured: Measured,
    lateness: Option<Histogram<u64>>,
    entries: Vec<Entry>,
    received: Vec<u64>,
    surprises: (Vec<String>, u64),
    workload: Workload,
    settled_ms: u64,
}

/// Runs the load, proves the promises and writes the report; `true` when every promise was kept.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    arguments.check()?;
    let folder = Folder::take(arguments.folder.as_deref())?;
    let machine = Machine::look(folder.path());
    let began = humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string();
    if !arguments.json {
        print::beginning(arguments);
    }
    let raw_before = raw_sync(arguments, &folder)?;
    let data = folder.path();
    let (loaded, (proof, records)) = store::runtime(arguments.workers)?.block_on(async {
        let engine = open(arguments, data, arguments.clock_speed).await?;
        let (engine, loaded) = load(arguments, engine).await?;
        let proof = prove(arguments, data, engine, &loaded).await?;
        Ok::<_, anyhow::Error>((loaded, proof))
    })?;
    let raw_after = raw_sync(arguments, &folder)?;
    let document = Document {
        format: json::FORMAT.to_owned(),
        version: json::VERSION,
        build: Build {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            optimised: !cfg!(debug_assertions),
            began,
        },
        settings: settings(arguments),
        shares: arguments.shares.clone(),
        machine,
        conditions: Conditions {
            raw_sync_before: raw_before,
            raw_sync_after: raw_after,
            schedule_lateness: loaded.lateness.as_ref().map(Quantiles::of),
        },
        outcome: Outcome {
            records,
            settled_ms: loaded.settled_ms,
            ..Outcome::of(&loaded.entries, &loaded.measured.seconds)
        },
        steps: json::steps(&loaded.measured),
        seconds: loaded.measured.seconds.clone(),
        proof,
    };
    let page = report::write(&arguments.report, &document, &loaded.measured)?;
    if arguments.json {
        crate::report::json(&document)?;
    } else {
        print::result(&document, &page);
        crate::report::kept_folder(&folder);
    }
    Ok(document.proof.kept)
}

fn settings(arguments: &Arguments) -> Settings {
    Settings {
        seed: arguments.seed,
        duration_s: arguments.duration.as_secs_f64(),
        warm_up_s: arguments.warm_up.as_secs_f64(),
        callers: arguments.rate.is_none().then_some(arguments.callers),
        rate: arguments.rate,
        durability: arguments.durability,
        workers: arguments.workers,
        skus: arguments.skus as usize,
        hot_skus: arguments.hot_skus.min(arguments.skus) as usize,
        zipf: arguments.zipf,
        clock_speed: arguments.clock_speed,
        pay_within_s: arguments.pay_within.as_secs(),
        confirm_after_s: arguments.confirm_after.as_secs(),
        complete_after_s: arguments.complete_after.as_secs(),
        late_payment: match arguments.late_payment {
            LatePaymentChoice::Revive => "revive".to_owned(),
            LatePaymentChoice::Refund => "refund".to_owned(),
        },
    }
}

/// What the disk can do, where the engine waits for it.
fn raw_sync(arguments: &Arguments, folder: &Folder) -> Result<Option<Quantiles>> {
    if arguments.durability != DurabilityChoice::Disk {
        return Ok(None);
    }
    Ok(Some(Quantiles::of(&RawSync::new(folder.path())?.measure(RAW_FOR)?)))
}

/// An engine with its clock.
struct Opened {
    engine: Engine,
    clock: Arc<RunClock>,
}

async fn open(arguments: &Arguments, data: &std::path::Path, speed: u64) -> Result<Opened> {
    let clock = Arc::new(RunClock::new(speed));
    let engine = store::open_with(data, arguments.durability, |config| {
        config.terms.physical = arguments.terms();
        config.clock = clock.clone();
        // A fast clock makes a leap of every pause of the machine.
        config.clock_step_ms_max = None;
    });
    Ok(Opened { engine: engine.await?, clock })
}

/// Lets orders begin and live, and the timers of all of them fire.
async fn load(arguments: &Arguments, opened: Opened) -> Result<(Engine, Loaded)> {
    let Opened { engine, clock } = opened;
    let skus = arguments.skus as usize;
    let hot = arguments.hot_skus as usize;
    let workload = Workload::new(arguments.seed, arguments.shares.clone(), skus, hot, arguments.zipf)?;
    let shop = Arc::new(Shop {
        engine: engine.clone(),
        workload,
        ledger: Ledger::default(),
        stock: Stock::new(skus),
        clock: clock.clone(),
        method: PaymentMethod::new("card")?,
        times_out_after: arguments.times_out_after(),
    });
    shop.stock.open(&engine, &shop.workload).await?;
    let start = Instant::now();
    let opens = start + arguments.warm_up;
    let closes = opens + arguments.duration;
    let recorder = Recorder::new(opens, closes)?;
    let sampler = {
        let (recorder, shop) = (recorder.clone(), Arc::clone(&shop));
        let progress = Progress::new("orders", None);
        std::thread::spawn(move || recorder.sample(progress, || shop.ledger.drawn()))
    };
    let restocking = {
        let (shop, recorder) = (Arc::clone(&shop), recorder.clone());
        let scarcity = arguments.shares.scarcity / 100.0;
        tokio::spawn(async move { shop.stock.run(&shop.engine, &shop.workload, &recorder, scarcity).await })
    };
    let driven = drive(arguments, &shop, &recorder, start, closes).await;
    shop.stock.close();
    let restocked = restocking.await.context("restocking panicked")?;
    recorder.over();
    let measured = sampler.join().map_err(|_| anyhow!("the sampler panicked"))??;
    restocked?;
    let lateness = driven?;
    let settled_ms = settle(arguments, &engine, &clock).await?;
    let shop = Arc::try_unwrap(shop).map_err(|_| anyhow!("an order is still under way"))?;
    let loaded = Loaded {
        measured,
        lateness,
        entries: shop.ledger.entries(),
        received: shop.stock.received(),
        surprises: shop.ledger.surprises(),
        workload: shop.workload,
        settled_ms,
    };
    Ok((engine, loaded))
}

/// Lets orders begin until `closes`, and waits for the end of the last one.
async fn drive(
    arguments: &Arguments,
    shop: &Arc<Shop>,
    recorder: &Recorder,
    start: Instant,
    closes: Instant,
) -> Result<Option<Histogram<u64>>> {
    let (under_way, mut failures) = mpsc::unbounded_channel();
    let lateness = match arguments.rate {
        None => {
            for _ in 0..arguments.callers {
                tokio::spawn(call(Arc::clone(shop), recorder.clone(), closes, under_way.clone()));
            }
            None
        }
        Some(rate) => {
            let schedule = Schedule::new(start, closes, rate);
            let (shop, recorder, under_way) = (Arc::clone(shop), recorder.clone(), under_way.clone());
            let begin = move |intended| {
                let (shop, recorder, under_way) = (Arc::clone(&shop), recorder.clone(), under_way.clone());
                tokio::spawn(async move {
                    let number = shop.ledger.next();
                    report_failure(&under_way, live(shop, &recorder, number, intended, &under_way).await);
                });
            };
            Some(tokio::spawn(async move { schedule.run(begin).await }))
        }
    };
    drop(under_way);
    // Every life holds the channel; when nothing is under way any more, it ends.
    let failure = failures.recv().await;
    if let Some(failure) = failure {
        return Err(failure);
    }
    match lateness {
        Some(schedule) => schedule.await.context("the schedule panicked")?.map(Some),
        None => Ok(None),
    }
}

/// One caller of the closed loop.
async fn call(shop: Arc<Shop>, recorder: Recorder, closes: Instant, under_way: UnderWay) {
    loop {
        let began = Instant::now();
        if began >= closes {
            break;
        }
        let number = shop.ledger.next();
        let lived = live(Arc::clone(&shop), &recorder, number, began, &under_way).await;
        let failed = lived.is_err();
        report_failure(&under_way, lived);
        if failed {
            break;
        }
    }
}

fn report_failure(under_way: &UnderWay, lived: Result<()>) {
    if let Err(error) = lived {
        // Whoever listens ends the run with the first failure; the others say the same.
        let _ = under_way.send(error);
    }
}

/// Moves the clock on until every order is finished and no timer is armed. Answers how long that took; what is
/// still open after [`SETTLE_MAX`] is for the proof to name.
async fn settle(arguments: &Arguments, engine: &Engine, clock: &RunClock) -> Result<u64> {
    let began = Instant::now();
    let longest = arguments.pay_within.max(arguments.complete_after).max(arguments.confirm_after);
    let leap = u64::try_from(longest.as_millis())? / LEAPS + 1;
    while began.elapsed() < SETTLE_MAX {
        let counts = engine.order_counts().await?;
        if engine.timers_armed() == 0 && open_orders(&counts) == 0 {
            break;
        }
        clock.skip(leap);
        tokio::time::sleep(LEAP_PAUSE).await;
    }
    Ok(u64::try_from(began.elapsed().as_millis())?)
}

fn open_orders(counts: &OrderCounts) -> u64 {
    counts.total() - counts.in_state(State::Completed) - counts.in_state(State::Cancelled)
}

/// Checks the live engine, closes it, opens it again and checks what was recovered. Answers the proof and the
/// number of records in the journal.
async fn prove(
    arguments: &Arguments,
    data: &std::path::Path,
    engine: Engine,
    loaded: &Loaded,
) -> Result<(Proof, u64)> {
    note("proving …");
    let cut = engine.cut().await.context("taking a cut")?;
    let (listed, count) = &loaded.surprises;
    let surprises = Promise {
        name: "every answer is one that the order's life allows",
        differences: listed.clone(),
        difference_count: usize::try_from(*count)?,
    };
    let mut promises = vec![surprises];
    promises.extend(check(loaded, &engine, &cut).await?);
    let hash_live = cut.hash.to_string();
    if arguments.durability == DurabilityChoice::Memory {
        let movements = Movements::read(&engine)?;
        promises.push(movements.promise(&cut));
        engine.close().await.context("closing the engine")?;
        return Ok((proved(hash_live, None, None, &promises), movements.records));
    }
    // A cut is a copy of everything; two at once need not fit.
    drop(cut);
    engine.close().await.context("closing the engine")?;
    let engine = open(arguments, data, 1).await?.engine;
    let recovery = Recovery::from(engine.recovery());
    let cut = engine.cut().await.context("taking a cut after recovery")?;
    let recovered = check(loaded, &engine, &cut).await?;
    let broken = recovered.iter().filter(|promise| !promise.is_kept());
    promises.push(Promise::from_differences(
        "all of it holds after recovery too",
        broken.flat_map(|promise| promise.differences.iter().map(|text| format!("{}: {text}", promise.name))),
    ));
    let movements = Movements::read(&engine)?;
    promises.push(movements.promise(&cut));
    let hash_recovered = cut.hash.to_string();
    promises.push(Promise::from_check(
        "the state hash is the same live and recovered",
        hash_live == hash_recovered,
        || format!("{hash_live} live, {hash_recovered} recovered"),
    ));
    drop(cut);
    engine.close().await.context("closing the engine")?;
    Ok((proved(hash_live, Some(hash_recovered), Some(recovery), &promises), movements.records))
}

fn proved(
    hash_live: String,
    hash_recovered: Option<String>,
    recovery: Option<Recovery>,
    promises: &[Promise],
) -> Proof {
    let kept = promises.iter().all(Promise::is_kept);
    Proof {
        kept,
        hash_live,
        hash_recovered,
        recovery,
        promises: promises.iter().map(PromiseRow::from).collect(),
    }
}

async fn check(loaded: &Loaded, engine: &Engine, cut: &Cut) -> Result<Vec<Promise>> {
    let mut by_business = Vec::new();
    for number in 0..workload::BUSINESSES {
        by_business.push(engine.order_counts_of(&workload::business(number)?).await?);
    }
    let counts = Counts { all: engine.order_counts().await?, by_business };
    let answered =
        Answered { workload: &loaded.workload, entries: &loaded.entries, received: &loaded.received };
    proof::promises(&answered, cut, &counts)
}
