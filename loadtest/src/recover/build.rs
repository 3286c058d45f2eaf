//! The process that builds the orders, and is killed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use earmark::domain::command::{Command, Request};
use earmark::{Answer, Engine, Error, State};

use super::Plan;
use super::frame::{AtCut, Frame, SnapshotTaken, say};
use super::workload::{Fate, Workload, cancel, deliver, ship};
use crate::process::Memory;
use crate::store;

/// Batches that are under way at the same time.
const CALLERS: u32 = 4;

/// Orders of a call behind the cut: small, so that the kill falls among many.
pub(super) const LAST_BATCH: u32 = 64;

/// How long actors are given to go to rest before memory is looked at.
const REST: Duration = Duration::from_millis(300);

struct Building {
    engine: Engine,
    workload: Workload,
    plan: Plan,
    next: AtomicU32,
    built: AtomicU64,
}

pub(super) fn run(plan: Plan) -> Result<()> {
    store::runtime(plan.workers)?.block_on(build(plan))
}

async fn build(plan: Plan) -> Result<()> {
    let engine = store::open_with(&plan.folder, plan.durability, |config| config.snapshot_every_bytes = None);
    let engine = engine.await?;
    let workload = Workload::new(&plan)?;
    store::receive(&engine, workload.skus()).await?;
    let before_bytes = Memory::now();
    let began = Instant::now();
    let building = Arc::new(Building {
        engine: engine.clone(),
        workload,
        plan: plan.clone(),
        next: AtomicU32::new(0),
        built: AtomicU64::new(0),
    });
    let callers: Vec<_> = (0..CALLERS).map(|_| tokio::spawn(Arc::clone(&building).call())).collect();
    let mut snapshots = Vec::new();
    for caller in callers {
        snapshots.extend(caller.await.context("a caller panicked")??);
    }
    for snapshot in snapshots {
        snapshot.await.context("the snapshot panicked")??;
    }
    let seconds = began.elapsed().as_secs_f64();
    tokio::time::sleep(REST).await;
    let memory = Memory::since(before_bytes);
    let (sequence, summary) = engine.summary().await.context("summing up")?;
    say(&Frame::Cut(Box::new(AtCut {
        sequence,
        state_hash: summary.hash.to_string(),
        orders: summary.orders,
        holds: summary.holds,
        units: [summary.stock.reserved, summary.stock.committed, summary.stock.shipped],
        seconds,
        memory,
    })))?;
    building.next.store(0, Ordering::Release);
    let callers: Vec<_> = (0..CALLERS).map(|_| tokio::spawn(Arc::clone(&building).go_on())).collect();
    for caller in callers {
        caller.await.context("a caller panicked")??;
    }
    Ok(())
}

type Snapshotting = tokio::task::JoinHandle<Result<()>>;

impl Building {
    /// One caller: takes up the next batch until there is none left. Answers the snapshot that it began.
    async fn call(self: Arc<Self>) -> Result<Option<Snapshotting>> {
        let due = (u64::from(self.plan.orders) * u64::from(self.plan.snapshot_at)).div_ceil(100);
        let mut snapshot = None;
        loop {
            let batch = self.next.fetch_add(1, Ordering::Relaxed);
            if batch >= self.plan.batches() {
                return Ok(snapshot);
            }
            let first = batch * self.plan.batch;
            let count = self.plan.batch.min(self.plan.orders - first);
            self.lead(first, count).await?;
            let before = self.built.fetch_add(u64::from(count), Ordering::Relaxed);
            let built = before + u64::from(count);
            say(&Frame::Built(built))?;
            if before < due && due <= built {
                snapshot = Some(tokio::spawn(snap(self.engine.clone())));
            }
        }
    }

    /// Leads the orders of a batch to where they will rest.
    async fn lead(&self, first: u32, count: u32) -> Result<()> {
        let numbers = first..first + count;
        let of = |wanted: fn(Fate) -> bool| {
            numbers.clone().filter(move |number| wanted(self.workload.fate(*number)))
        };
        let commands = numbers.clone().map(|number| self.workload.place(number)).collect();
        self.ask(commands, State::Reserved).await?;
        let commands = of(Fate::pays).map(|number| self.workload.pay(number)).collect();
        self.ask(commands, State::Paid).await?;
        self.ask(of(|fate| fate == Fate::Delivered).map(ship).collect(), State::Shipped).await?;
        self.ask(of(|fate| fate == Fate::Delivered).map(deliver).collect(), State::Fulfilled).await?;
        self.ask(of(|fate| fate == Fate::Cancelled).map(cancel).collect(), State::Cancelled).await
    }

    /// Gives commands that lead each order to `state`.
    async fn ask<C: Into<Command>>(&self, commands: Result<Vec<C>>, state: State) -> Result<()> {
        let requests = commands?.into_iter().map(|command| Request::from(command.into()));
        for answer in self.engine.submit_all::<Command>(requests).await {
            match answer {
                Ok(Answer::Order(answer)) if answer.state == state => {}
                Ok(answer) => say(&Frame::Fault(format!("instead of {state} an order was {answer:?}")))?,
                Err(Error::Refused(refusal)) => {
                    say(&Frame::Fault(format!("instead of {state} an order was refused: {refusal}")))?;
                }
                Err(error) => return Err(anyhow!(error)),
            }
        }
        Ok(())
    }

    /// Places orders behind the cut until the end of the process.
    async fn go_on(self: Arc<Self>) -> Result<()> {
        loop {
            let batch = self.next.fetch_add(1, Ordering::Relaxed);
            let first = self.plan.orders + batch * LAST_BATCH;
            let commands = (first..first + LAST_BATCH).map(|number| self.workload.place(number)).collect();
            self.ask(commands, State::Reserved).await?;
            say(&Frame::Acknowledged(batch))?;
        }
    }
}

async fn snap(engine: Engine) -> Result<()> {
    let report = engine.snapshot().await.context("taking a snapshot")?;
    let earmark::SnapshotReport { low, orders, bytes, millis, .. } = report;
    say(&Frame::Snapshot(SnapshotTaken { low, orders, bytes, millis }))
}
