//! Who asks at a fixed rate and waits: an open loop, on threads of its own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use earmark::{Engine, SkuId};
use hdrhistogram::Histogram;

use crate::latency;

/// What the probe noted in a round.
pub(crate) struct Waits {
    /// From a question to its answer.
    pub(crate) waits: Histogram<u64>,
    /// How much later than planned a question was asked: the thread that asks does nothing but sleep, so this is
    /// what the machine takes from everybody.
    pub(crate) lateness: Histogram<u64>,
}

impl Waits {
    fn new() -> Result<Self> {
        Ok(Self { waits: latency::histogram()?, lateness: latency::histogram()? })
    }
}

type Round = Arc<Mutex<Waits>>;

struct Shared {
    /// The round that is on; `None` between two.
    round: Mutex<Option<Round>>,
    over: AtomicBool,
}

/// The probe while it asks.
pub(crate) struct Probe {
    shared: Arc<Shared>,
    thread: JoinHandle<Result<()>>,
}

impl Probe {
    /// Begins to ask for these SKUs in turn, `rate` times a second.
    pub(crate) fn start(engine: Engine, skus: Arc<[SkuId]>, rate: u32) -> Self {
        let shared = Arc::new(Shared { round: Mutex::new(None), over: AtomicBool::new(false) });
        let asking = Arc::clone(&shared);
        Self { shared, thread: std::thread::spawn(move || ask(&engine, &skus, rate, &asking)) }
    }

    /// What is asked from now on belongs to a new round.
    pub(crate) fn begin(&self) -> Result<Round> {
        let round = Arc::new(Mutex::new(Waits::new()?));
        *lock(&self.shared.round) = Some(Arc::clone(&round));
        Ok(round)
    }

    /// What is asked from now on belongs to no round.
    pub(crate) fn pause(&self) {
        *lock(&self.shared.round) = None;
    }

    /// Ends the probe when its last question was answered.
    pub(crate) fn stop(self) -> Result<()> {
        self.shared.over.store(true, Ordering::Release);
        self.thread.join().map_err(|_| anyhow!("the probe panicked"))?
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn ask(engine: &Engine, skus: &[SkuId], rate: u32, shared: &Shared) -> Result<()> {
    let runtime = crate::store::runtime(Some(1))?;
    let every = Duration::from_secs(1) / rate;
    let mut due = Instant::now();
    let mut number = 0_usize;
    let mut asked = tokio::task::JoinSet::new();
    while !shared.over.load(Ordering::Acquire) {
        due += every;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let round = lock(&shared.round).clone();
        let Some(round) = round else { continue };
        let sent = Instant::now();
        latency::record(&mut lock(&round).lateness, sent.duration_since(due));
        // A prime step, so that the SKUs take turns whatever their number.
        number = number.wrapping_add(7_919);
        let sku = skus.get(number % skus.len().max(1)).context("there are no SKUs")?;
        let sku = engine.sku(sku);
        asked.spawn_on(
            async move {
                sku.view().await.context("the probe's question")?;
                latency::record(&mut lock(&round).waits, sent.elapsed());
                Ok::<_, anyhow::Error>(())
            },
            runtime.handle(),
        );
        while let Some(answered) = asked.try_join_next() {
            answered.context("the probe panicked")??;
        }
    }
    runtime.block_on(async {
        while let Some(answered) = asked.join_next().await {
            answered.context("the probe panicked")??;
        }
        Ok(())
    })
}
