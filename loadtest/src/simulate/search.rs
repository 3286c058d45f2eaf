//! Runs schedules on several threads, until they are done, the time is up or one fails.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use earmark::simulation::{Broken, Plan, Sabotage, Shrunk, Tally, run, shrink};

use super::Arguments;
use crate::progress::Progress;

/// How often the progress is drawn.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How a search came out.
pub(super) struct Result {
    pub(super) first_seed: u64,
    pub(super) sabotage: Option<Sabotage>,
    pub(super) tally: Tally,
    pub(super) elapsed: Duration,
    pub(super) jobs: u64,
    pub(super) failure: Option<Failure>,
}

/// A schedule that broke a promise.
pub(super) struct Failure {
    pub(super) seed: u64,
    pub(super) broken: Broken,
    /// What is left of it when everything is left out that can be.
    pub(super) shrunk: Option<Shrunk>,
}

impl Result {
    /// Schedules a minute.
    pub(super) fn rate(&self) -> f64 {
        self.tally.schedules as f64 * 60.0 / self.elapsed.as_secs_f64().max(1e-6)
    }

    /// How many schedules it took until one failed.
    pub(super) fn needed(&self) -> Option<u64> {
        self.failure.as_ref().map(|failure| failure.seed - self.first_seed + 1)
    }
}

/// Random schedules of the engine as it is.
pub(super) fn schedules(arguments: &Arguments, first_seed: u64) -> Result {
    search(arguments, first_seed, None)
}

/// Random schedules of an engine that is broken on purpose, until one shows it.
pub(super) fn sabotaged(arguments: &Arguments, first_seed: u64, sabotage: Sabotage) -> Result {
    search(arguments, first_seed, Some(sabotage))
}

/// What the threads share.
struct Shared {
    next: AtomicU64,
    done: AtomicU64,
    stop: AtomicBool,
    tally: Mutex<Tally>,
    /// The failing schedule with the lowest seed.
    failure: Mutex<Option<(u64, Broken)>>,
}

fn search(arguments: &Arguments, first_seed: u64, sabotage: Option<Sabotage>) -> Result {
    let (runs, time) = arguments.bounds();
    let jobs = arguments.jobs();
    let began = Instant::now();
    let shared = Shared {
        next: AtomicU64::new(first_seed),
        done: AtomicU64::new(0),
        stop: AtomicBool::new(false),
        tally: Mutex::default(),
        failure: Mutex::default(),
    };
    let end = runs.map(|runs| first_seed.saturating_add(runs));
    let mut progress = Progress::new("schedules", runs);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(|| work(&shared, end, sabotage))).collect();
        while workers.iter().any(|worker| !worker.is_finished()) {
            thread::sleep(LOOK_EVERY);
            progress.at(shared.done.load(Ordering::Relaxed));
            if time.is_some_and(|time| began.elapsed() >= time) {
                shared.stop.store(true, Ordering::Relaxed);
            }
        }
    });
    let elapsed = began.elapsed();
    progress.finish();
    let failure = shared.failure.into_inner().unwrap_or_else(PoisonError::into_inner);
    let failure = failure.map(|(seed, broken)| {
        let plan = if arguments.shrink > 0 { Plan::of(seed).ok() } else { None };
        let shrunk = plan.and_then(|plan| shrink(&plan, sabotage, arguments.shrink));
        Failure { seed, broken, shrunk }
    });
    let tally = shared.tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    Result { first_seed, sabotage, tally, elapsed, jobs, failure }
}

/// Runs one schedule after another until there are no more, or one fails.
fn work(shared: &Shared, end: Option<u64>, sabotage: Option<Sabotage>) {
    let mut tally = Tally::default();
    while !shared.stop.load(Ordering::Relaxed) {
        let seed = shared.next.fetch_add(1, Ordering::Relaxed);
        if end.is_some_and(|end| seed >= end) {
            break;
        }
        let Ok(plan) = Plan::of(seed) else { break };
        let ran = run(&plan, sabotage);
        tally.add(&ran.tally);
        shared.done.fetch_add(1, Ordering::Relaxed);
        if let Some(broken) = ran.broken {
            shared.stop.store(true, Ordering::Relaxed);
            let mut failure = shared.failure.lock().unwrap_or_else(PoisonError::into_inner);
            if failure.as_ref().is_none_or(|(lowest, _)| seed < *lowest) {
                *failure = Some((seed, broken));
            }
        }
    }
    shared.tally.lock().unwrap_or_else(PoisonError::into_inner).add(&tally);
}
