//! Clients: each takes its steps one after another, and has what it is told written down.

use std::sync::Arc;
use std::time::Duration;

use super::ledger::Asked;
use super::life::{PATIENCE, Stopped, World, after, take_in};
use super::plan::{Edited, Fault, Life, Step, What};
use crate::domain::command::{
    AcceptEdit, Answer, Command, DeclineEdit, EditChange, Request, ScopedKey, SplitOrder, StageEdit,
};
use crate::domain::ids::OrderId;
use crate::domain::time::Timestamp;
use crate::engine::Engine;
use crate::error::Error;
use crate::port::Clock;
use crate::port::clock_sim::SimClock;
use crate::port::fs_sim::SimFs;

/// What a client has at hand.
#[derive(Clone)]
struct Client {
    world: World,
    fs: SimFs,
    clock: Arc<SimClock>,
    engine: Engine,
    /// Whether the disk is full at some time of this life.
    may_be_full: bool,
}

/// Lets all clients of a life do what they do, side by side; comes back when they are done.
pub(super) async fn work(world: &World, fs: &SimFs, clock: &Arc<SimClock>, engine: &Engine, life: &Life) {
    let may_be_full = life.faults.iter().any(|fault| matches!(fault, Fault::DiskFull { .. }));
    let client = Client {
        world: world.clone(),
        fs: fs.clone(),
        clock: clock.clone(),
        engine: engine.clone(),
        may_be_full,
    };
    let subscriber = tokio::spawn(client.clone().subscribe());
    let clients: Vec<_> =
        life.clients.iter().map(|steps| tokio::spawn(client.clone().run(steps.clone()))).collect();
    for client in clients {
        if client.await.is_err() {
            world.broken("a client panicked");
        }
    }
    subscriber.abort();
    let _ = subscriber.await;
}

impl Client {
    /// Takes in what becomes durable, as it does.
    async fn subscribe(self) {
        loop {
            let from = self.world.lock().history.cursor.unwrap_or_else(|| self.engine.start());
            let Ok(mut subscription) = self.engine.subscribe(from) else { return };
            // A failed read ends it; the next one begins where it was.
            while let Ok(Some(published)) = subscription.next().await {
                let shared = &mut *self.world.lock();
                let next = shared.history.cursor.map_or(1, |cursor| cursor.sequence);
                if published.sequence < next {
                    continue;
                }
                if let Err(what) = shared.history.absorb(published) {
                    shared.problem.get_or_insert(what);
                    return;
                }
                shared.tally.records += 1;
            }
            if self.fs.injected().any_failure() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn run(self, steps: Vec<Step>) {
        for Step { pause_ms, what } in steps {
            if pause_ms > 0 {
                tokio::time::sleep(Duration::from_millis(pause_ms)).await;
            }
            let done = match tokio::time::timeout(PATIENCE, self.step(what.clone())).await {
                Ok(done) => done,
                Err(_) => {
                    let flows = tokio::time::timeout(PATIENCE, self.engine.flows()).await;
                    Err(Stopped::Broken(format!("a client is never answered: {what:?}: {flows:?}")))
                }
            };
            if !after(&self.world, &self.fs, done) || self.world.is_broken() {
                return;
            }
        }
    }

    async fn step(&self, what: What) -> Result<(), Stopped> {
        match what {
            What::Submit(requests) => return self.submit(requests).await,
            What::ReadOrder(id) => {
                let floor = self.world.lock().ledger.known_of(&id);
                let found = self.engine.order(&id).view().await?;
                let mut shared = self.world.lock();
                shared.tally.reads += 1;
                shared.ledger.saw_order(&id, found, floor);
            }
            What::ReadSku(id) => {
                let found = self.engine.sku(&id).view().await?;
                let mut shared = self.world.lock();
                shared.tally.reads += 1;
                if let Some(view) = found {
                    shared.ledger.saw_sku(view);
                }
            }
            What::Edit { order, changes, think_ms, then, key } => {
                return self.edit(order, changes, think_ms, then, key).await;
            }
            What::SplitByLocation(order) => {
                let by = match self.engine.order(&order).by_location().await {
                    Err(Error::Refused(_)) => return Ok(()),
                    by => by?,
                };
                return self.submit(vec![Command::from(SplitOrder { order, by }).into()]).await;
            }
            What::Snapshot => {
                // Retention may drop what nobody has read yet.
                take_in(&self.world, &self.engine, None)?;
                match self.engine.snapshot().await {
                    Ok(_) => self.world.lock().tally.snapshots += 1,
                    // The engine goes on without it.
                    Err(Error::Snapshot { .. }) if self.fs.injected().any_failure() => {}
                    Err(error) => return Err(error.into()),
                }
            }
            What::ForgetKeys(ms) => {
                self.world.lock().ledger.forgot_keys();
                let before = Timestamp::from_millis(self.clock.now().as_millis().saturating_sub(ms));
                let forgotten = self.engine.forget_keys(before).await;
                self.world.lock().ledger.forgot_keys();
                forgotten?;
            }
            What::ResumeTimers => self.engine.resume_timers(),
        }
        Ok(())
    }

    /// Stages, looks and decides; in between others may change the order.
    async fn edit(
        &self,
        order: OrderId,
        changes: Vec<EditChange>,
        think_ms: u64,
        then: Edited,
        key: Option<ScopedKey>,
    ) -> Result<(), Stopped> {
        self.submit(vec![Command::from(StageEdit { order: order.clone(), changes }).into()]).await?;
        let preview = match self.engine.order(&order).preview_edit().await {
            Err(Error::Refused(_)) => return Ok(()),
            preview => preview?,
        };
        let version = preview.version;
        {
            let mut shared = self.world.lock();
            shared.tally.reads += 1;
            shared.ledger.saw_preview(preview);
        }
        tokio::time::sleep(Duration::from_millis(think_ms)).await;
        let accept = |version| Command::from(AcceptEdit { order: order.clone(), version });
        let (command, times) = match then {
            Edited::Accepted => (accept(version), 1),
            Edited::AcceptedTwice => (accept(version), 2),
            Edited::Outdated => (accept(version.saturating_sub(1)), 1),
            Edited::Declined => (DeclineEdit { order: order.clone(), version }.into(), 1),
            Edited::Left => return Ok(()),
        };
        let request = Request { key, ..Request::from(command) };
        self.submit(vec![request; times]).await
    }

    async fn submit(&self, requests: Vec<Request<Command>>) -> Result<(), Stopped> {
        let asked: Vec<Asked> = {
            let mut shared = self.world.lock();
            shared.tally.commands += requests.len() as u64;
            requests.iter().map(|request| shared.ledger.ask(request)).collect()
        };
        let flows = requests.iter().any(|request| matches!(request.command, Command::Flow(..)));
        let answers = async {
            match <[_; 1]>::try_from(requests) {
                Ok([request]) => vec![self.engine.submit::<Command>(request).await],
                Err(requests) => self.engine.submit_all(requests).await,
            }
        };
        let answers = if flows { self.with_timers(answers).await } else { answers.await };
        let mut stopped = Ok(());
        for (asked, answer) in asked.into_iter().zip(answers) {
            if let Err(why) = self.told(asked, answer) {
                stopped = Err(why);
            }
        }
        stopped
    }

    /// A flow that waits for its next try is not answered as long as timers are halted: somebody looks after them.
    async fn with_timers<T>(&self, answers: impl Future<Output = T>) -> T {
        let mut answers = std::pin::pin!(answers);
        loop {
            match tokio::time::timeout(Duration::from_millis(200), &mut answers).await {
                Ok(answers) => return answers,
                Err(_) => self.engine.resume_timers(),
            }
        }
    }

    fn told(&self, asked: Asked, answer: Result<Answer, Error>) -> Result<(), Stopped> {
        let shared = &mut *self.world.lock();
        let outcome = match answer {
            Ok(answer) => {
                shared.tally.granted += 1;
                Ok(answer)
            }
            Err(Error::Refused(refusal)) => {
                shared.tally.refused += 1;
                Err(refusal)
            }
            Err(Error::DiskFull) if self.may_be_full => {
                shared.disk_full_seen = true;
                return Ok(());
            }
            Err(error) => {
                shared.tally.unknown += 1;
                return Err(error.into());
            }
        };
        shared.ledger.answered(asked, outcome).map_err(Stopped::Broken)
    }
}
