//! The processes that open what the kill left, and that rebuild a state from the journal alone.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use earmark::port::fs::RealFs;
use earmark::replay::{Folder, Pace, Summary, Until};
use earmark::{Engine, OrderQuery, PAGE_ITEMS_MAX, RecoveryReport};

use super::Plan;
use super::build::LAST_BATCH;
use super::frame::{Frame, Opened, Phases, Rebuilt, say};
use super::workload::Workload;
use crate::invariant;
use crate::orders::order_number;
use crate::process::Memory;
use crate::store::{self, Recovery};

/// How often progress is told at most.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// The engine's audit copies every order: it is asked for up to so many.
pub(super) const AUDITED_ORDERS_MAX: u64 = 500_000;

/// Lost orders that are named.
const NAMED_MAX: usize = 20;

/// Says how far something is, not too often.
struct Telling(Mutex<Instant>);

impl Telling {
    fn new() -> Self {
        Self(Mutex::new(Instant::now()))
    }

    fn tell(&self, done: u64, total: u64) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if last.elapsed() >= TELL_EVERY {
            *last = Instant::now();
            // A parent that has gone ends this process with the next frame that matters.
            let _ = say(&Frame::Reading(done, total));
        }
    }
}

pub(super) fn run(plan: &Plan, folder: &Path, acknowledged: &[u32]) -> Result<()> {
    let opened = store::runtime(plan.workers)?.block_on(open(plan, folder, acknowledged))?;
    say(&Frame::Opened(Box::new(opened)))
}

async fn open(plan: &Plan, folder: &Path, acknowledged: &[u32]) -> Result<Opened> {
    let before_bytes = Memory::now();
    let telling = Arc::new(Telling::new());
    let engine = store::open_with(folder, plan.durability, |config| {
        config.snapshot_every_bytes = None;
        config.on_recovery =
            Some(Arc::new(move |progress| telling.tell(progress.bytes_done, progress.bytes_total)));
    })
    .await?;
    let memory = Memory::since(before_bytes);
    let report = engine.recovery().clone();
    let (_, summary) = engine.summary().await.context("summing up")?;
    let mut opened = Opened {
        recovery: Recovery::from(&report),
        phases: phases(&report),
        loaded: report.loaded.as_ref().map(|loaded| (loaded.entities, loaded.bytes)),
        refused: report.refused.iter().map(|it| format!("{}: {}", it.path.display(), it.reason)).collect(),
        state_hash: summary.hash.to_string(),
        orders: summary.orders,
        memory,
        ..Opened::default()
    };
    look_at_orders(plan, &engine, acknowledged, &mut opened).await?;
    (opened.units, opened.broken_skus) = invariant::skus(&engine, Workload::new(plan)?.skus()).await?;
    if summary.orders <= AUDITED_ORDERS_MAX {
        opened.audit = Some(engine.cut().await.context("taking a cut")?.violations);
    }
    engine.close().await.context("closing the engine")?;
    Ok(opened)
}

fn phases(report: &RecoveryReport) -> Phases {
    let load = report.loaded.as_ref().map_or(0, |loaded| loaded.millis);
    let (replay, settle, whole) = (report.replay_millis, report.settle_millis, report.millis);
    Phases { load, replay, settle, rest: whole.saturating_sub(load + replay + settle), whole }
}

/// Holds every order in the lists against what was acknowledged.
async fn look_at_orders(
    plan: &Plan,
    engine: &Engine,
    acknowledged: &[u32],
    opened: &mut Opened,
) -> Result<()> {
    let workload = Workload::new(plan)?;
    let behind = acknowledged.iter().max().map_or(0, |last| (last + 1) * LAST_BATCH);
    let mut missing = vec![true; (plan.orders + behind) as usize];
    let mut after = None;
    let differ = |opened: &mut Opened, text: String| {
        opened.lost_count += 1;
        if opened.lost.len() < NAMED_MAX {
            opened.lost.push(text);
        }
    };
    loop {
        let page =
            engine.orders(&OrderQuery::all(), after, PAGE_ITEMS_MAX).await.context("listing orders")?;
        for order in &page.items {
            let Some(number) = order_number(&order.order) else {
                differ(opened, format!("nobody placed order {}", order.order));
                continue;
            };
            if let Some(missing) = missing.get_mut(number as usize) {
                *missing = false;
            }
            let expected = workload.fate(number).state();
            if order.state != expected {
                differ(opened, format!("order {} is {} instead of {expected}", order.order, order.state));
            }
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let acknowledged_all: u64 = acknowledged.len() as u64 * u64::from(LAST_BATCH);
    for (number, missing) in (0_u32..).zip(missing) {
        let batch = number.checked_sub(plan.orders).map(|behind| behind / LAST_BATCH);
        if missing && batch.is_none_or(|batch| acknowledged.contains(&batch)) {
            differ(opened, format!("acknowledged order {number} is missing"));
        }
    }
    opened.acknowledged = acknowledged_all;
    let known = u64::from(plan.orders) + acknowledged_all;
    opened.in_doubt = opened.orders.saturating_sub(known);
    Ok(())
}

/// Rebuilds the state behind a record, and nothing but reads the folder.
pub(super) fn rebuild(plan: &Plan, last: u64) -> Result<()> {
    let began = Instant::now();
    let telling = Telling::new();
    let mut folder = Folder::open(Arc::new(RealFs), &plan.folder)?;
    let until = Until::Sequence(last);
    let mut pace = |pace: Pace| telling.tell(pace.bytes_done, pace.bytes_total);
    let found = folder.rebuild(until, &mut pace).map_err(|error| anyhow!(error))?;
    let (records, events, replay_millis) = (found.world.records(), found.world.events(), millis(began));
    let began = Instant::now();
    let state_hash = Summary::of(found.world).map_err(|error| anyhow!(error))?.hash.to_string();
    say(&Frame::Rebuilt(Rebuilt { state_hash, records, events, replay_millis, hash_millis: millis(began) }))
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
