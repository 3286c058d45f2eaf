//! How a contender is asked, and what its books say afterwards.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::Result;

use super::work::{Draft, Draws};
use crate::bench::callers::{Caller, Recorder};

/// What is asked for an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Place,
    Pay,
    Ship,
    Deliver,
}

/// What was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is done, and as durable as the contender makes it.
    Done,
    /// It was done before under this id, and nothing was done now.
    Already,
    /// There is not enough stock, or the order is not in the state before.
    Refused,
}

/// Who is asked.
pub(super) trait Contender: Clone + Send + 'static {
    /// Asks for one step of an order and waits for the answer.
    fn ask(&self, caller: usize, step: Step, draft: &Draft) -> impl Future<Output = Result<Answer>> + Send;

    /// Reads the books when all callers have ended.
    fn books(&self) -> impl Future<Output = Result<Books>> + Send;
}

/// What is there after a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Books {
    /// Orders that are placed, paid, shipped and delivered: each in one of the four.
    pub(super) orders: [u64; 4],
    /// Units that came in, over all SKUs.
    pub(super) received: u64,
    /// Units that nobody holds.
    pub(super) available: u64,
    /// Units that orders hold, paid or not.
    pub(super) held: u64,
    /// Units that left.
    pub(super) shipped: u64,
    /// SKUs at which units were made up or lost, in words.
    pub(super) wrong: Vec<String>,
}

impl Books {
    /// Adds what one SKU received and what became of it: available, held, shipped.
    pub(super) fn add(&mut self, number: usize, [received, available, held, shipped]: [i128; 4]) {
        let wrong = received != available + held + shipped || available < 0 || held < 0;
        if wrong {
            self.wrong.push(format!(
                "SKU {number} received {received}; {available} are available, {held} held, {shipped} shipped"
            ));
        }
        // What is below zero is told above and counts for nothing here.
        let units = |count: i128| u64::try_from(count).unwrap_or_default();
        self.received += units(received);
        self.available += units(available);
        self.held += units(held);
        self.shipped += units(shipped);
    }
}

/// Steps that were answered with `Done`, also before the counted time.
#[derive(Debug, Default)]
pub(super) struct Tally([AtomicU64; 4]);

impl Tally {
    pub(super) fn done(&self, step: Step) {
        if let Some(count) = self.0.get(step as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// By steps, in the order of a life.
    pub(super) fn counts(&self) -> [u64; 4] {
        [0, 1, 2, 3].map(|step: usize| self.0.get(step).map_or(0, |count| count.load(Ordering::Relaxed)))
    }
}

/// One caller: leads one order after the other through the steps. Each answer is one unit of work.
pub(super) struct Buyer<C> {
    pub(super) contender: C,
    pub(super) number: usize,
    pub(super) draws: Draws,
    pub(super) steps: &'static [Step],
    pub(super) tally: Arc<Tally>,
}

impl<C: Contender + Sync> Caller for Buyer<C> {
    async fn call(&mut self, started: Instant, recorder: &Recorder) -> Result<()> {
        let draft = self.draws.draw();
        let mut started = started;
        for step in self.steps {
            if self.contender.ask(self.number, *step, &draft).await? != Answer::Done {
                recorder.refused();
                break;
            }
            self.tally.done(*step);
            recorder.granted(0, started, 1);
            started = Instant::now();
        }
        Ok(())
    }
}
