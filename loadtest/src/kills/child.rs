//! The child: an engine, its callers, and somebody who takes snapshots. It is killed without warning, so it tells
//! each call before it makes it, and each answer as soon as it has it.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use earmark::domain::command::Outcome;
use earmark::{Command, Engine, Error, Request};
use serde::{Deserialize, Serialize};

use super::Plan;
use super::workload::Caller;
use crate::store;

/// Arguments of the hidden subcommand.
#[derive(Debug, clap::Args)]
pub(crate) struct ChildArguments {
    /// The plan, as JSON.
    plan: String,
}

/// What the child says: one line of JSON each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Said {
    /// It opens the folder.
    Opening,
    /// The engine is open.
    Open,
    /// It takes a snapshot.
    SnapshotBegins,
    /// The snapshot is taken.
    SnapshotTaken,
    /// It is about to make a call.
    Asked(u64, Box<Request<Command>>),
    /// The call with this number was answered.
    Answered(u64, Outcome),
    /// A call failed where no fault of the machine explains it.
    Fault(String),
}

/// Says one thing to the parent; it has left this process when this returns.
fn say(said: &Said) -> Result<()> {
    let mut line = serde_json::to_vec(said).context("encoding a line to the parent")?;
    line.push(b'\n');
    let mut out = std::io::stdout().lock();
    out.write_all(&line).and_then(|()| out.flush()).context("writing to the parent")
}

/// Opens the engine and calls it until the process is killed.
pub(crate) fn run(arguments: &ChildArguments) -> Result<bool> {
    let plan: Plan = serde_json::from_str(&arguments.plan).context("reading the plan")?;
    store::runtime(None)?.block_on(work(plan))?;
    Ok(true)
}

async fn work(plan: Plan) -> Result<()> {
    say(&Said::Opening)?;
    let engine = plan.open().await?;
    say(&Said::Open)?;
    let numbers = Arc::new(AtomicU64::new(0));
    let mut tasks = vec![tokio::spawn(take_snapshots(engine.clone(), plan.seed ^ u64::from(plan.round)))];
    for number in 0..plan.callers {
        let caller = Caller::new(&plan, number);
        tasks.push(tokio::spawn(call(engine.clone(), caller, Arc::clone(&numbers))));
    }
    for task in tasks {
        task.await.context("a caller panicked")??;
    }
    Ok(())
}

async fn take_snapshots(engine: Engine, seed: u64) -> Result<()> {
    let mut random = fastrand::Rng::with_seed(seed);
    loop {
        tokio::time::sleep(Duration::from_millis(random.u64(1..40))).await;
        say(&Said::SnapshotBegins)?;
        match engine.snapshot().await {
            Ok(_) => say(&Said::SnapshotTaken)?,
            Err(error) => say(&Said::Fault(format!("a snapshot: {error}")))?,
        }
    }
}

async fn call(engine: Engine, mut caller: Caller, numbers: Arc<AtomicU64>) -> Result<()> {
    loop {
        let requests = caller.next()?;
        let mut asked = Vec::with_capacity(requests.len());
        for request in &requests {
            let number = numbers.fetch_add(1, Ordering::Relaxed);
            say(&Said::Asked(number, Box::new(request.clone())))?;
            asked.push(number);
        }
        let answers = match requests.as_slice() {
            [one] => vec![engine.submit::<Command>(one.clone()).await],
            _ => engine.submit_all(requests.clone()).await,
        };
        for ((number, request), answer) in asked.into_iter().zip(requests).zip(answers) {
            let outcome: Outcome = match answer {
                Ok(answer) => Ok(answer),
                Err(Error::Refused(refusal)) => Err(refusal),
                Err(error) => {
                    say(&Said::Fault(format!("{request:?}: {error}")))?;
                    continue;
                }
            };
            say(&Said::Answered(number, outcome.clone()))?;
            caller.learn(request, &outcome);
        }
    }
}
