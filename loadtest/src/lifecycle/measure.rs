//! Latencies of every step, in all and second by second.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::latency::{self, Quantiles};
use crate::progress::Progress;

/// Sets of histograms that callers share, so that they seldom wait for each other.
const SHARDS: usize = 8;

/// How often a sampler that waits for the next second looks whether the run is over.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What is measured by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    /// A cart's hold on one SKU.
    Cart,
    /// A placement that was granted.
    Place,
    /// A placement, or a cart's hold, that was refused.
    Refused,
    /// A payment.
    Pay,
    /// A payment that came before, again.
    PayTwice,
    /// A payment on an order that timed out.
    PayLate,
    /// A change of address.
    Address,
    /// Picked.
    Pick,
    /// Packed.
    Pack,
    /// A shipment.
    Ship,
    /// A delivery.
    Deliver,
    /// A receipt that the buyer confirmed.
    Confirm,
    /// A cancellation.
    Cancel,
    /// A batch of receipts of stock.
    Restock,
    /// A life from its start to the answer to its last step.
    Life,
}

impl Step {
    /// Every step, in the order of the table.
    pub(crate) const ALL: [Self; 15] = [
        Self::Cart,
        Self::Place,
        Self::Refused,
        Self::Address,
        Self::Pay,
        Self::PayTwice,
        Self::PayLate,
        Self::Cancel,
        Self::Pick,
        Self::Pack,
        Self::Ship,
        Self::Deliver,
        Self::Confirm,
        Self::Restock,
        Self::Life,
    ];

    /// The step's name, in tables.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Cart => "hold for a cart",
            Self::Place => "place",
            Self::Refused => "place or hold, refused",
            Self::Pay => "pay",
            Self::PayTwice => "pay twice",
            Self::PayLate => "pay late",
            Self::Address => "change address",
            Self::Pick => "pick",
            Self::Pack => "pack",
            Self::Ship => "ship",
            Self::Deliver => "deliver",
            Self::Confirm => "confirm",
            Self::Cancel => "cancel",
            Self::Restock => "restock, a batch",
            Self::Life => "whole life",
        }
    }

    /// The step's name, in names of files.
    pub(crate) const fn slug(self) -> &'static str {
        match self {
            Self::Cart => "cart",
            Self::Place => "place",
            Self::Refused => "refused",
            Self::Pay => "pay",
            Self::PayTwice => "pay-twice",
            Self::PayLate => "pay-late",
            Self::Address => "address",
            Self::Pick => "pick",
            Self::Pack => "pack",
            Self::Ship => "ship",
            Self::Deliver => "deliver",
            Self::Confirm => "confirm",
            Self::Cancel => "cancel",
            Self::Restock => "restock",
            Self::Life => "life",
        }
    }

    /// Whether the step is one command to the engine, so that its answers count as throughput.
    pub(crate) const fn is_command(self) -> bool {
        !matches!(self, Self::Restock | Self::Life)
    }
}

/// The answers to one step that came within one second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SecondOfStep {
    /// The step.
    pub(crate) step: Step,
    /// Its latencies.
    pub(crate) latency: Quantiles,
}

/// One second of the run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Second {
    /// Seconds since the counted time began; this is where the second ends.
    pub(crate) until: u32,
    /// The steps that had answers.
    pub(crate) steps: Vec<SecondOfStep>,
}

impl Second {
    /// Answers to a step.
    pub(crate) fn count(&self, step: Step) -> u64 {
        self.of(step).map_or(0, |quantiles| quantiles.count)
    }

    /// Latencies of a step; `None` when it had no answer.
    pub(crate) fn of(&self, step: Step) -> Option<&Quantiles> {
        self.steps.iter().find(|of| of.step == step).map(|of| &of.latency)
    }
}

/// What a run measured.
pub(crate) struct Measured {
    /// One histogram for each of [`Step::ALL`].
    pub(crate) totals: Vec<Histogram<u64>>,
    /// The seconds of the counted time.
    pub(crate) seconds: Vec<Second>,
}

struct Shared {
    opens: Instant,
    closes: Instant,
    shards: Vec<Mutex<Vec<Histogram<u64>>>>,
    over: AtomicBool,
}

/// Notes answers.
#[derive(Clone)]
pub(crate) struct Recorder {
    shared: Arc<Shared>,
    shard: usize,
}

impl Recorder {
    /// A recorder that counts what begins from `opens` on, and shows seconds until `closes`.
    pub(crate) fn new(opens: Instant, closes: Instant) -> Result<Self> {
        let shards = (0..SHARDS).map(|_| Ok(Mutex::new(empty()?))).collect::<Result<_>>()?;
        let shared = Shared { opens, closes, shards, over: AtomicBool::new(false) };
        Ok(Self { shared: Arc::new(shared), shard: 0 })
    }

    /// The same recorder for another caller.
    pub(crate) fn of_caller(&self, caller: u64) -> Self {
        Self { shared: Arc::clone(&self.shared), shard: (caller % SHARDS as u64) as usize }
    }

    /// A step that began, or was to begin, at `started` was answered just now.
    pub(crate) fn answered(&self, step: Step, started: Instant) {
        if started < self.shared.opens {
            return;
        }
        let Some(shard) = self.shared.shards.get(self.shard) else { return };
        let mut steps = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(histogram) = Step::ALL.iter().position(|s| *s == step).and_then(|i| steps.get_mut(i)) {
            latency::record(histogram, started.elapsed());
        }
    }

    /// Every life has ended: the sampler comes to its end too.
    pub(crate) fn over(&self) {
        self.shared.over.store(true, Ordering::Release);
    }

    /// Takes what was recorded out of all shards.
    fn take(&self) -> Result<Vec<Histogram<u64>>> {
        let mut sums = empty()?;
        for shard in &self.shared.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            for (sum, part) in sums.iter_mut().zip(shard.iter_mut()) {
                if !part.is_empty() {
                    sum.add(&*part).context("merging histograms")?;
                    part.reset();
                }
            }
        }
        Ok(sums)
    }

    /// Takes a sample at the end of each second, on a thread of its own, until every life has ended. What is
    /// answered behind the counted time is in the totals and in no second.
    pub(crate) fn sample(&self, mut progress: Progress, begun: impl Fn() -> u64) -> Result<Measured> {
        let mut totals = empty()?;
        let mut seconds = Vec::new();
        for until in 1u32.. {
            let ends = self.shared.opens + Duration::from_secs(u64::from(until));
            let is_over = self.sleep_until(ends, || progress.at(begun()));
            let sample = self.take()?;
            for (total, part) in totals.iter_mut().zip(&sample) {
                total.add(part).context("merging histograms")?;
            }
            if ends <= self.shared.closes {
                seconds.push(second(until, &sample));
            }
            if is_over {
                break;
            }
        }
        progress.finish();
        Ok(Measured { totals, seconds })
    }

    fn sleep_until(&self, end: Instant, mut look: impl FnMut()) -> bool {
        loop {
            look();
            let ahead = end.saturating_duration_since(Instant::now());
            if self.shared.over.load(Ordering::Acquire) || ahead.is_zero() {
                return self.shared.over.load(Ordering::Acquire);
            }
            std::thread::sleep(ahead.min(LOOK_EVERY));
        }
    }
}

fn second(until: u32, sample: &[Histogram<u64>]) -> Second {
    let answered = Step::ALL.iter().zip(sample).filter(|(_, histogram)| !histogram.is_empty());
    let steps =
        answered.map(|(step, histogram)| SecondOfStep { step: *step, latency: Quantiles::of(histogram) });
    Second { until, steps: steps.collect() }
}

fn empty() -> Result<Vec<Histogram<u64>>> {
    Step::ALL.iter().map(|_| latency::histogram()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_once_from_the_opening_on() -> Result<()> {
        let opens = Instant::now();
        let recorder = Recorder::new(opens, opens + Duration::from_secs(1))?;
        let early = opens.checked_sub(Duration::from_secs(5)).expect("the machine is up for that long");
        recorder.answered(Step::Place, early);
        recorder.answered(Step::Place, opens);
        recorder.of_caller(3).answered(Step::Pay, opens);
        recorder.over();
        let measured = recorder.sample(Progress::new("orders", None), || 2)?;
        let count = |step| {
            let index = Step::ALL.iter().position(|s| *s == step);
            index.and_then(|index| measured.totals.get(index)).map_or(0, Histogram::len)
        };
        assert_eq!((count(Step::Place), count(Step::Pay), count(Step::Ship)), (1, 1, 0));
        assert_eq!(measured.seconds.len(), 1);
        assert_eq!(measured.seconds.iter().map(|s| s.count(Step::Place)).sum::<u64>(), 1);
        Ok(())
    }

    #[test]
    fn every_step_has_a_name_of_its_own() {
        let mut slugs: Vec<_> = Step::ALL.iter().map(|step| step.slug()).collect();
        slugs.sort_unstable();
        slugs.dedup();
        assert_eq!(slugs.len(), Step::ALL.len());
    }
}
