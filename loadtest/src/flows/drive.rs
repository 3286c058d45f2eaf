//! Callers as closed loops, and what is noted of them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use earmark::{Engine, State};
use hdrhistogram::Histogram;

use super::result::LineResult;
use super::visit::{Caller, Town};
use super::{Arguments, LineName, check};
use crate::latency::{self, Quantiles};
use crate::raw_sync::RawSync;
use crate::store;

/// How long the raw loop of appends and syncs runs before a line, and again after it.
const RAW_FOR: Duration = Duration::from_millis(700);

/// What one caller notes, and the sum of all of them.
#[derive(Clone)]
pub(super) struct Notes {
    opens: Instant,
    closes: Instant,
    /// Waits by chain, of flows that began within the counted time.
    pub(super) chains: BTreeMap<&'static str, Histogram<u64>>,
    /// Flows that ended within the counted time.
    pub(super) counted: u64,
    /// All flows, also before and behind it.
    pub(super) flows: u64,
    /// Those of them that failed.
    pub(super) failed: u64,
    /// Orders by the state that their last flow left them in.
    pub(super) states: BTreeMap<State, u64>,
}

impl Notes {
    fn new(arguments: &Arguments) -> Self {
        let opens = Instant::now() + Duration::from_secs_f64(arguments.warm_up);
        Self {
            opens,
            closes: opens + Duration::from_secs_f64(arguments.seconds),
            chains: BTreeMap::new(),
            counted: 0,
            flows: 0,
            failed: 0,
            states: BTreeMap::new(),
        }
    }

    /// A flow begins.
    pub(super) fn begins(&self) -> Instant {
        Instant::now()
    }

    /// A flow that began at `started` has just ended.
    pub(super) fn flow(&mut self, chain: &'static str, started: Instant, is_well: bool) -> Result<()> {
        let now = Instant::now();
        self.flows += 1;
        self.failed += u64::from(!is_well);
        self.counted += u64::from(now >= self.opens && now <= self.closes);
        if started >= self.opens && started <= self.closes {
            if !self.chains.contains_key(chain) {
                self.chains.insert(chain, latency::histogram()?);
            }
            if let Some(waits) = self.chains.get_mut(chain) {
                latency::record(waits, now.duration_since(started));
            }
        }
        Ok(())
    }

    /// The last flow of an order has left it in this state.
    pub(super) fn ended(&mut self, state: State) {
        *self.states.entry(state).or_default() += 1;
    }

    fn add(&mut self, other: Self) -> Result<()> {
        for (chain, waits) in other.chains {
            match self.chains.get_mut(chain) {
                Some(sum) => sum.add(&waits).context("merging histograms")?,
                None => drop(self.chains.insert(chain, waits)),
            }
        }
        for (state, orders) in other.states {
            *self.states.entry(state).or_default() += orders;
        }
        self.counted += other.counted;
        self.flows += other.flows;
        self.failed += other.failed;
        Ok(())
    }
}

/// Runs one line and proves what it did.
pub(super) fn run(name: LineName, arguments: &Arguments, folder: &Path) -> Result<LineResult> {
    let data = folder.join(name.name());
    std::fs::create_dir(&data).with_context(|| format!("making {}", data.display()))?;
    let raw_before = raw(folder)?;
    let town = Arc::new(Town::new(name, arguments)?);
    let runtime = store::runtime(arguments.workers)?;
    let (notes, chains, mut promises, hash) = runtime.block_on(async {
        let engine = open(&data, arguments, &town).await?;
        store::receive(&engine, &town.skus).await?;
        let notes = callers(&engine, &town, arguments).await?;
        let (promises, hash) = check::live(&engine, &town, &notes).await?;
        let chains = engine.chains();
        engine.close().await.context("closing the engine")?;
        Ok::<_, anyhow::Error>((notes, chains, promises, hash))
    })?;
    let raw_after = raw(folder)?;
    let reopened = Instant::now();
    promises.push(runtime.block_on(async {
        let engine = open(&data, arguments, &town).await?;
        check::reopened(engine, arguments.durability, hash).await
    })?);
    let reopened_ms = reopened.elapsed().as_secs_f64() * 1_000.0;
    if arguments.folder.is_none() {
        std::fs::remove_dir_all(&data).with_context(|| format!("removing {}", data.display()))?;
    }
    LineResult::of(name, arguments, &notes, &chains, [raw_before, raw_after], promises, reopened_ms)
}

async fn open(data: &Path, arguments: &Arguments, town: &Town) -> Result<Engine> {
    store::open_with(data, arguments.durability, |config| config.lines = town.lines()).await
}

async fn callers(engine: &Engine, town: &Arc<Town>, arguments: &Arguments) -> Result<Notes> {
    let mut sum = Notes::new(arguments);
    let tasks: Vec<_> = (0..arguments.callers)
        .map(|number| {
            let mut notes = sum.clone();
            let mut caller = Caller::new(engine.clone(), town.clone(), number);
            tokio::spawn(async move {
                while Instant::now() < notes.closes {
                    caller.visit(&mut notes).await?;
                }
                Ok::<_, anyhow::Error>(notes)
            })
        })
        .collect();
    for task in tasks {
        sum.add(task.await.context("a caller panicked")??)?;
    }
    Ok(sum)
}

fn raw(folder: &Path) -> Result<Quantiles> {
    Ok(Quantiles::of(&RawSync::new(folder)?.measure(RAW_FOR)?))
}
