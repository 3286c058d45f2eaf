//! What calls the writer's `step()`: a thread in production, a task in simulation.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam::sync::Parker;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use super::queue::CommitQueue;
use super::writer::{Stepped, Writer};
use crate::error::Error;
use crate::journal::Maintenance;

/// How long the queue must have been empty before the writer writes a seal.
const SEAL_AFTER: Duration = Duration::from_millis(50);

/// How often the log's background work is looked at when there was nothing to do.
const MAINTENANCE_EVERY: Duration = Duration::from_millis(5);

/// How often the writer looks at the empty queue before it goes to sleep. A caller that comes back at once
/// is then served without waking a thread: at 64 callers that is worth a third of the throughput (yielding
/// instead of spinning, and spinning for few callers only, were both measured to be slower).
const SPINS: u32 = 2_000;

/// What drives the writer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Driver {
    /// A thread of its own, and one for the log's background work.
    #[default]
    Thread,
    /// A task on the runtime that opened the engine: deterministic on a paused current-thread runtime.
    /// The task blocks its thread while it syncs, so this is for simulation.
    Task,
}

/// Ends the driver.
pub(crate) struct Stopper {
    stop: Arc<AtomicBool>,
    queue: Arc<CommitQueue>,
    threads: Vec<JoinHandle<()>>,
    task: Option<tokio::task::JoinHandle<()>>,
}

/// Starts driving the writer.
///
/// # Errors
/// When the system gives no thread.
pub(crate) fn start(driver: Driver, mut writer: Writer) -> Result<Stopper, Error> {
    let stop = Arc::new(AtomicBool::new(false));
    let queue = writer.queue().clone();
    let mut stopper = Stopper { stop: stop.clone(), queue: queue.clone(), threads: Vec::new(), task: None };
    match driver {
        Driver::Thread => {
            writer.deliver_on(Handle::current());
            let maintenance = writer.maintenance();
            let parker = Parker::new();
            let unparker = parker.unparker().clone();
            queue.on_wake(Box::new(move || unparker.unpark()));
            let stop_writer = stop.clone();
            stopper.threads.push(spawn("earmark-writer", move || drive(writer, &parker, &stop_writer))?);
            stopper.threads.push(spawn("earmark-space", move || maintain(&*maintenance, &stop))?);
        }
        Driver::Task => {
            let notify = Arc::new(Notify::new());
            let waker = notify.clone();
            queue.on_wake(Box::new(move || waker.notify_one()));
            stopper.task = Some(tokio::spawn(drive_as_task(writer, notify, stop)));
        }
    }
    Ok(stopper)
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Error> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(body)
        .map_err(|error| Error::Io { what: format!("start the thread {name}"), detail: error.to_string() })
}

fn drive(mut writer: Writer, parker: &Parker, stop: &AtomicBool) {
    loop {
        if writer.step() == Stepped::Worked {
            continue;
        }
        if spin_until_work(writer.queue()) {
            continue;
        }
        if stop.load(Ordering::Acquire) {
            break;
        }
        if writer.queue().about_to_sleep() {
            parker.park_timeout(SEAL_AFTER);
            writer.queue().awake();
            if writer.queue().is_empty() {
                writer.idle();
            }
        }
    }
    writer.end();
}

fn spin_until_work(queue: &CommitQueue) -> bool {
    for _ in 0..SPINS {
        if !queue.is_empty() {
            return true;
        }
        std::hint::spin_loop();
    }
    false
}

fn maintain(maintenance: &dyn Maintenance, stop: &AtomicBool) {
    while !stop.load(Ordering::Acquire) {
        if !maintenance.step() {
            std::thread::park_timeout(MAINTENANCE_EVERY);
        }
    }
}

/// A step; in simulation it takes its time while actors go on.
async fn step_in_time(writer: &mut Writer) -> Stepped {
    #[cfg(any(test, feature = "simulation"))]
    if !writer.queue().is_empty() {
        crate::port::chaos::commit_latency().await;
    }
    writer.step()
}

async fn drive_as_task(mut writer: Writer, notify: Arc<Notify>, stop: Arc<AtomicBool>) {
    let maintenance = writer.maintenance();
    loop {
        while step_in_time(&mut writer).await == Stepped::Worked {
            maintenance.step();
            tokio::task::yield_now().await;
        }
        if stop.load(Ordering::Acquire) {
            break;
        }
        if writer.queue().about_to_sleep() {
            let slept = tokio::time::timeout(SEAL_AFTER, notify.notified()).await;
            writer.queue().awake();
            if slept.is_err() {
                writer.idle();
                maintenance.step();
            }
        }
    }
    writer.end();
}

impl Stopper {
    /// Lets the writer commit what is in the queue, write its seal and end; waits for it.
    pub(crate) async fn stop(mut self) {
        self.signal();
        if let Some(task) = self.task.take() {
            let _ = task.await;
        }
        let threads = std::mem::take(&mut self.threads);
        if threads.is_empty() {
            return;
        }
        // Joining blocks for a sync at most, but a runtime's thread is not to be blocked even for that.
        let _ = tokio::task::spawn_blocking(move || threads.into_iter().for_each(join)).await;
    }

    fn signal(&self) {
        self.stop.store(true, Ordering::Release);
        self.queue.wake();
        self.threads.iter().for_each(|thread| thread.thread().unpark());
    }
}

impl Drop for Stopper {
    fn drop(&mut self) {
        self.signal();
        std::mem::take(&mut self.threads).into_iter().for_each(join);
    }
}

fn join(thread: JoinHandle<()>) {
    if thread.join().is_err() {
        tracing::error!("a thread of the journal panicked");
    }
}
