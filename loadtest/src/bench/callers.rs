//! Callers as closed loops, and what is recorded of them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use earmark::Error;
use hdrhistogram::Histogram;

use crate::latency;

/// Histograms a stage's callers share. One for each of 10,000 callers would take gigabytes, and one for
/// all would be a lock that every answer passes.
const SHARDS: usize = 64;

/// When a stage runs warm and when it counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) warm_up: Duration,
    pub(crate) counted: Duration,
}

/// One caller: what it asks for once, again and again.
pub(crate) trait Caller: Send + 'static {
    /// Asks, and notes each answer in the recorder. The call began at `started`: reading the clock is part
    /// of what a call costs, and is done once for both ends of a loop.
    fn call(&mut self, started: Instant, recorder: &Recorder) -> impl Future<Output = Result<()>> + Send;
}

/// What the answers to one step of a call came to.
#[derive(Clone)]
struct Step {
    latency: Histogram<u64>,
    /// Units of work granted within the counted time.
    granted: u64,
    /// Units of work granted at any time.
    granted_ever: u64,
}

/// Notes the answers of one caller. The counted time is fixed before the first call.
#[derive(Clone)]
pub(crate) struct Recorder {
    shared: Arc<Shared>,
    shard: usize,
}

struct Shared {
    opens: Instant,
    closes: Instant,
    shards: Vec<Mutex<Vec<Step>>>,
    refused: AtomicU64,
    longest_nanos: AtomicU64,
}

/// What a stage measured of one step.
pub(crate) struct Measured {
    /// Waits of calls that began within the counted time, however long they took.
    pub(crate) latency: Histogram<u64>,
    /// Units of work granted within the counted time, a second.
    pub(crate) per_second: f64,
}

/// What a stage measured.
pub(crate) struct StageMeasured {
    /// By the steps of a call.
    pub(crate) steps: Vec<Measured>,
    /// Units of work granted by steps, also before and behind the counted time: what the engine has of them.
    pub(crate) granted: Vec<u64>,
    /// Answers that were refusals; no stage expects any.
    pub(crate) refused: u64,
    /// The longest that any call waited, also beyond the counted time.
    pub(crate) longest: Duration,
}

impl StageMeasured {
    /// Several turns of the same callers as one: the median of their rates, and everything else together.
    pub(crate) fn of_turns(turns: &[Self]) -> Result<Self> {
        let steps = turns.first().map_or(0, |turn| turn.steps.len());
        let mut sum = Self {
            steps: Vec::with_capacity(steps),
            granted: vec![0; steps],
            refused: turns.iter().map(|turn| turn.refused).sum(),
            longest: turns.iter().map(|turn| turn.longest).max().unwrap_or_default(),
        };
        for (number, granted) in sum.granted.iter_mut().enumerate() {
            let mut latency = latency::histogram()?;
            let mut rates = Vec::with_capacity(turns.len());
            for turn in turns {
                let Some(step) = turn.steps.get(number) else { continue };
                latency.add(&step.latency).context("merging histograms")?;
                rates.push(step.per_second);
                *granted += turn.granted.get(number).copied().unwrap_or_default();
            }
            let per_second = crate::stats::median(&rates).unwrap_or_default();
            sum.steps.push(Measured { latency, per_second });
        }
        Ok(sum)
    }

    /// The rate of a step; zero of a step that there is not.
    pub(crate) fn rate(&self, step: usize) -> f64 {
        self.steps.get(step).map_or(0.0, |step| step.per_second)
    }

    /// What was ever granted of a step.
    pub(crate) fn granted(&self, step: usize) -> u64 {
        self.granted.get(step).copied().unwrap_or_default()
    }
}

impl Recorder {
    pub(super) fn new(window: Window, steps: usize) -> Result<Self> {
        let step = Step { latency: latency::histogram()?, granted: 0, granted_ever: 0 };
        let opens = Instant::now() + window.warm_up;
        Ok(Self {
            shared: Arc::new(Shared {
                opens,
                closes: opens + window.counted,
                shards: (0..SHARDS).map(|_| Mutex::new(vec![step.clone(); steps])).collect(),
                refused: AtomicU64::new(0),
                longest_nanos: AtomicU64::new(0),
            }),
            shard: 0,
        })
    }

    /// When the counted time begins and ends.
    pub(super) fn counted(&self) -> [Instant; 2] {
        [self.shared.opens, self.shared.closes]
    }

    pub(super) fn of_caller(&self, caller: usize) -> Self {
        Self { shared: Arc::clone(&self.shared), shard: caller % SHARDS }
    }

    /// Notes that a step that began at `started` was answered just now, granting this many units of work.
    pub(crate) fn granted(&self, step: usize, started: Instant, units: u64) {
        let now = Instant::now();
        let Some(shard) = self.shared.shards.get(self.shard) else { return };
        let mut steps = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(step) = steps.get_mut(step) else { return };
        step.granted_ever += units;
        if now >= self.shared.opens && now <= self.shared.closes {
            step.granted += units;
        }
        if started >= self.shared.opens {
            let waited = now.duration_since(started);
            latency::record(&mut step.latency, waited);
            let nanos = u64::try_from(waited.as_nanos()).unwrap_or(u64::MAX);
            self.shared.longest_nanos.fetch_max(nanos, Ordering::Relaxed);
        }
    }

    /// Notes a refusal.
    pub(crate) fn refused(&self) {
        self.shared.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn measured(&self, steps: usize) -> Result<StageMeasured> {
        let seconds = self.shared.closes.duration_since(self.shared.opens).as_secs_f64();
        let mut merged: Vec<Step> = Vec::with_capacity(steps);
        for _ in 0..steps {
            merged.push(Step { latency: latency::histogram()?, granted: 0, granted_ever: 0 });
        }
        for shard in &self.shared.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            for (sum, part) in merged.iter_mut().zip(shard.iter()) {
                sum.latency.add(&part.latency).context("merging histograms")?;
                sum.granted += part.granted;
                sum.granted_ever += part.granted_ever;
            }
        }
        Ok(StageMeasured {
            granted: merged.iter().map(|step| step.granted_ever).collect(),
            steps: merged
                .into_iter()
                .map(|step| Measured { latency: step.latency, per_second: step.granted as f64 / seconds })
                .collect(),
            refused: self.shared.refused.load(Ordering::Relaxed),
            longest: Duration::from_nanos(self.shared.longest_nanos.load(Ordering::Relaxed)),
        })
    }
}

/// Takes a refusal for an answer and a failure for an error; `None` for a refusal.
pub(crate) fn granted<T>(answer: Result<T, Error>, recorder: &Recorder) -> Result<Option<T>> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(Error::Refused(_) | Error::Overloaded { .. }) => {
            recorder.refused();
            Ok(None)
        }
        Err(error) => Err(anyhow!(error)),
    }
}

/// Runs `callers` callers, each a task of its own, through the window and to the end of their last call.
pub(crate) async fn drive<C: Caller>(
    window: Window,
    steps: usize,
    callers: impl Iterator<Item = C>,
) -> Result<StageMeasured> {
    let callers: Vec<C> = callers.collect();
    let recorder = Recorder::new(window, steps)?;
    let tasks: Vec<_> = callers
        .into_iter()
        .enumerate()
        .map(|(number, mut caller)| {
            let recorder = recorder.of_caller(number);
            tokio::spawn(async move {
                loop {
                    let started = Instant::now();
                    if started >= recorder.shared.closes {
                        break;
                    }
                    caller.call(started, &recorder).await?;
                }
                Ok::<_, anyhow::Error>(())
            })
        })
        .collect();
    for task in tasks {
        task.await.context("a caller panicked")??;
    }
    recorder.measured(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers after a millisecond, with two units of work each time.
    struct Sleeper;

    impl Caller for Sleeper {
        async fn call(&mut self, started: Instant, recorder: &Recorder) -> Result<()> {
            tokio::time::sleep(Duration::from_millis(1)).await;
            recorder.granted(0, started, 2);
            Ok(())
        }
    }

    #[test]
    fn callers_are_counted_within_the_window_only() -> Result<()> {
        let window = Window { warm_up: Duration::from_millis(30), counted: Duration::from_millis(100) };
        let runtime = crate::store::runtime(Some(2))?;
        let measured = runtime.block_on(drive(window, 1, (0..70).map(|_| Sleeper)))?;
        let step = measured.steps.first().expect("one step was driven");
        // A wait of a millisecond or more, two units each: at most 70 callers × 100 waits × 2 units in 0.1 s.
        assert!(step.per_second > 0.0 && step.per_second <= 141_400.0, "{}", step.per_second);
        assert!(step.latency.min() >= 999_000, "{}", step.latency.min());
        assert_eq!(measured.refused, 0);
        assert!(measured.longest >= Duration::from_millis(1));
        // What came before the counted time is in the account all the same.
        assert!(measured.granted(0) > 2 * step.latency.len(), "{:?}", measured.granted);
        Ok(())
    }

    #[test]
    fn turns_are_summed_and_their_rate_is_the_median() -> Result<()> {
        let turn = |per_second, nanos, granted| {
            let mut latency = latency::histogram()?;
            latency.record(nanos)?;
            let steps = vec![Measured { latency, per_second }];
            let longest = Duration::from_nanos(nanos);
            Ok::<_, anyhow::Error>(StageMeasured { steps, granted: vec![granted], refused: 1, longest })
        };
        let sum = StageMeasured::of_turns(&[turn(10.0, 5, 100)?, turn(70.0, 9, 700)?, turn(20.0, 7, 200)?])?;
        assert_eq!((sum.rate(0), sum.granted(0), sum.refused), (20.0, 1_000, 3));
        assert_eq!((sum.steps[0].latency.len(), sum.longest), (3, Duration::from_nanos(9)));
        assert_eq!((sum.rate(1), sum.granted(1)), (0.0, 0));
        Ok(())
    }
}
