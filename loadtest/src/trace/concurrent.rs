//! Replaying many orders at once.
//!
//! The events of one order stay in order, one in flight at a time; events of different orders overtake
//! each other. A dispatcher owns every order that is not in flight; a task owns the one it works on.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use earmark::domain::ids::{BusinessId, OrderId};
use earmark::{Cut, Engine};
use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use super::file::TraceFile;
use super::link::{Interruptions, cut_and_close, receive_all};
use super::model::OrderLife;
use super::operation::{Event, Way, submit};
use super::outcome::{Orders, Tally};
use super::replay::{Replayed, each_stock_batch};
use super::{Arguments, business};
use crate::latency;
use crate::progress::Progress;
use crate::store;

/// Events read ahead of those in flight, as a multiple of what may be in flight: enough to find other
/// orders behind the four or five consecutive events of one.
const READ_AHEAD: usize = 16;

/// Replays the whole trace with up to `in_flight` orders at once, and closes the engine behind it.
pub(crate) fn replay(arguments: &Arguments, folder: &Path, in_flight: usize) -> Result<Replayed> {
    let runtime = store::runtime(arguments.workers)?;
    let engine = runtime.block_on(super::open(folder, arguments.durability, arguments.flows))?;
    each_stock_batch(arguments, |receipts| runtime.block_on(receive_all(&engine, receipts)))?;
    let business = business()?;
    let mut file = TraceFile::open(&arguments.file, business.clone(), arguments.currency)?;
    let shared = Arc::new(Shared { engine: engine.clone(), business, way: Way::of(arguments.flows) });
    let mut dispatcher = Dispatcher::new(shared, in_flight)?;
    let started = Instant::now();
    runtime.block_on(dispatcher.dispatch(&mut file))?;
    let took = started.elapsed();
    let cut = runtime.block_on(cut_and_close(engine))?;
    Ok(dispatcher.end(took, cut))
}

/// What every task needs.
struct Shared {
    engine: Engine,
    business: BusinessId,
    way: Way,
}

/// One event, done, with the order it belongs to.
struct Done {
    order: OrderId,
    life: OrderLife,
    tally: Tally,
    waits: Vec<Duration>,
}

struct Dispatcher {
    shared: Arc<Shared>,
    in_flight_max: usize,
    /// Orders at rest.
    orders: Orders,
    /// Orders that have an event in flight, with those that wait behind it.
    busy: HashMap<OrderId, VecDeque<Event>>,
    /// Orders that could go on but for the limit.
    ready: VecDeque<Event>,
    /// Events read and not yet in flight.
    waiting: usize,
    tasks: JoinSet<Result<Done>>,
    tally: Tally,
    latency: Histogram<u64>,
    events: u64,
    operations: u64,
    progress: Progress,
}

impl Dispatcher {
    fn new(shared: Arc<Shared>, in_flight_max: usize) -> Result<Self> {
        Ok(Self {
            shared,
            in_flight_max,
            orders: Orders::new(),
            busy: HashMap::new(),
            ready: VecDeque::new(),
            waiting: 0,
            tasks: JoinSet::new(),
            tally: Tally::default(),
            latency: latency::histogram()?,
            events: 0,
            operations: 0,
            progress: Progress::new("events", None),
        })
    }

    /// Reads and sends until every event is done.
    async fn dispatch(&mut self, file: &mut TraceFile) -> Result<()> {
        let mut more = true;
        loop {
            while more && self.waiting < self.in_flight_max * READ_AHEAD {
                match file.next()? {
                    Some(event) => self.take(event),
                    None => more = false,
                }
            }
            while self.tasks.len() < self.in_flight_max {
                let Some(event) = self.ready.pop_front() else { break };
                self.send(event);
            }
            let Some(done) = self.tasks.join_next().await else { return Ok(()) };
            self.done(done.map_err(|error| anyhow!("a replaying task ended: {error}"))??);
        }
    }

    /// Queues an event behind those of its order.
    fn take(&mut self, event: Event) {
        self.waiting += 1;
        if let Some(behind) = self.busy.get_mut(&event.order) {
            behind.push_back(event);
        } else {
            self.busy.insert(event.order.clone(), VecDeque::new());
            self.ready.push_back(event);
        }
    }

    fn send(&mut self, event: Event) {
        self.waiting -= 1;
        let life = self.orders.remove(&event.order).unwrap_or_default();
        self.tasks.spawn(work(Arc::clone(&self.shared), event, life));
    }

    /// Puts the order to rest, or its next event in line.
    fn done(&mut self, done: Done) {
        self.events += 1;
        self.operations += done.waits.len() as u64;
        self.progress.at(self.events);
        self.tally.merge(&done.tally);
        done.waits.into_iter().for_each(|wait| latency::record(&mut self.latency, wait));
        match self.busy.get_mut(&done.order).and_then(VecDeque::pop_front) {
            Some(next) => self.ready.push_back(next),
            None => {
                self.busy.remove(&done.order);
            }
        }
        self.orders.insert(done.order, done.life);
    }

    fn end(mut self, took: Duration, cut: Cut) -> Replayed {
        self.progress.finish();
        self.orders.values_mut().for_each(|life| life.end(&mut self.tally));
        Replayed {
            events: self.events,
            operations: self.operations,
            took,
            latency: self.latency,
            tally: self.tally,
            orders: self.orders,
            cut,
            interruptions: Interruptions::default(),
        }
    }
}

/// Sends one event and whatever is to be tried again after it.
async fn work(shared: Arc<Shared>, event: Event, mut life: OrderLife) -> Result<Done> {
    let order = event.order.clone();
    let mut tally = Tally::default();
    let mut waits = Vec::with_capacity(1);
    let mut next = Some(life.offer(event, &shared.business)?);
    while let Some(operation) = next {
        let started = Instant::now();
        let reply = submit(&shared.engine, operation, shared.way).await?;
        waits.push(started.elapsed());
        next = life.replied(&reply, &mut tally, &shared.business)?;
    }
    Ok(Done { order, life, tally, waits })
}
