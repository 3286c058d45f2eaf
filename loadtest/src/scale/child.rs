//! One point: builds its state, measures each command on it, and checks the books.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use serde::{Deserialize, Serialize};

use super::load::{Holder, Placer, Shop, Wrong};
use super::plan::{CommandName, LINES_BUILT, Point};
use crate::bench::callers::{StageMeasured, Window, drive};
use crate::latency::Quantiles;
use crate::orders::Orders;
use crate::process::{Memory, processor_time};
use crate::snapshot::probe::Probe;
use crate::snapshot::quantiles;
use crate::store;

/// Questions of the probe in a second: so few that they cost nothing beside the load.
const PROBE_RATE: u32 = 200;

/// What a command costs at a point.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Cost {
    pub(super) command: CommandName,
    /// Orders before and after.
    pub(super) orders: [u64; 2],
    /// Durable answers in a second; to a reservation, its release is another.
    pub(super) per_second: f64,
    /// What callers waited for an answer; of a reservation, without its release.
    pub(super) waits: Quantiles,
    /// Microseconds of processor time for a command, the caller's part in it.
    pub(super) processor_us: f64,
    /// The longest that a read of a SKU waited beside it, and the latest that one was asked: what the machine took.
    pub(super) longest_read_us: f64,
    pub(super) asked_late_us: f64,
}

/// What was found at a point.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Found {
    pub(super) costs: Vec<Cost>,
    pub(super) memory: Memory,
    pub(super) wrong: Wrong,
}

pub(super) fn run(point: &Point) -> Result<Found> {
    store::runtime(point.setting.workers)?.block_on(measure(point))
}

async fn measure(point: &Point) -> Result<Found> {
    let (setting, has) = (&point.setting, point.has);
    let before_bytes = Memory::now();
    let engine =
        store::open_with(&setting.folder, setting.durability, |config| config.snapshot_every_bytes = None);
    let orders = Orders::new(setting.seed, has.skus, LINES_BUILT.min(has.skus))?;
    let shop = Shop::open(engine.await?, orders).await?;
    shop.build(has.orders).await?;
    let shop = Arc::new(shop.with_lines(has.lines));
    let probe = Probe::start(shop.engine.clone(), Arc::clone(shop.skus()), PROBE_RATE);
    let (mut costs, mut refused) = (Vec::new(), 0);
    for command in &point.commands {
        let (cost, more) = one(*command, point, &shop, &probe).await?;
        costs.push(cost);
        refused += more;
    }
    probe.stop()?;
    let memory = Memory::since(before_bytes);
    let wrong = shop.check(refused).await?;
    shop.engine.clone().close().await.context("closing the engine")?;
    Ok(Found { costs, memory, wrong })
}

async fn one(command: CommandName, point: &Point, shop: &Arc<Shop>, probe: &Probe) -> Result<(Cost, u64)> {
    let window = point.window();
    let before = shop.placed();
    let callers = 0..point.has.callers;
    let noted = probe.begin()?;
    let meter = meter(window);
    let measured = match command {
        CommandName::Reserve => {
            let holders = callers.map(|caller| Holder::new(shop, point.setting.seed, caller));
            drive(window, 2, holders).await?
        }
        CommandName::Place => drive(window, 1, callers.map(|_| Placer(Arc::clone(shop)))).await?,
    };
    let processors = meter.join().map_err(|_| anyhow!("the meter panicked"))?;
    probe.pause();
    let StageMeasured { steps, refused, .. } = measured;
    let per_second: f64 = steps.iter().map(|step| step.per_second).sum();
    let waits = steps.first().map(|step| Quantiles::of(&step.latency)).unwrap_or_default();
    let (reads, late) = quantiles(&noted);
    let cost = Cost {
        command,
        orders: [before, shop.placed()],
        per_second,
        waits,
        processor_us: if per_second > 0.0 { processors * 1e6 / per_second } else { 0.0 },
        longest_read_us: reads.max_us,
        asked_late_us: late.max_us,
    };
    Ok((cost, refused))
}

/// Reads the processor time at both ends of the counted time: seconds of it for each second.
///
/// On a thread of its own, because a timer of a busy runtime comes late.
fn meter(window: Window) -> JoinHandle<f64> {
    std::thread::spawn(move || {
        std::thread::sleep(window.warm_up);
        let (began, before) = (Instant::now(), processor_time());
        std::thread::sleep(window.counted);
        processor_time().saturating_sub(before).as_secs_f64() / began.elapsed().as_secs_f64()
    })
}
