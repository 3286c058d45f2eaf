//! Where a command comes in.

use tokio::sync::{OwnedSemaphorePermit, TryAcquireError, oneshot};

use super::Engine;
use crate::actor::core::claim_of;
use crate::actor::keys::{Claimed, Entrance};
use crate::actor::message::{self, Envelope, OrderMessage, Reply, ReplyTo, SkuMessage};
use crate::actor::registry::{Absent, Undelivered};
use crate::domain::command::{Answer, Command, OrderCommand, Request, SkuCommand};
use crate::domain::ids::{EntityId, IdOrigin, OrderId, SkuId};
use crate::domain::refusal::Refusal;
use crate::error::Error;
use crate::port::ids::IdError;

impl Engine {
    /// Submits a command and waits for its final word, which is durable when it arrives. Waits fairly for
    /// its turn when too many commands are in flight.
    ///
    /// The command runs to its end even if the caller's future is dropped.
    ///
    /// # Errors
    /// [`Error::Refused`] when the engine decided against it; the other variants say what is wrong with the
    /// machine and whether the command may have had an effect.
    pub async fn submit<C: Into<Command>>(&self, request: impl Into<Request<C>>) -> Result<Answer, Error> {
        let request = request.into().map(Into::into);
        self.ready(&request.command)?;
        let semaphore = self.inner.admission.clone();
        let permit = semaphore.acquire_owned().await.map_err(|_| Error::Closed)?;
        // While it waited, the engine may have halted or the disk have filled up.
        self.ready(&request.command)?;
        self.enter(request, permit).await
    }

    /// Submits a command if there is room for it now.
    ///
    /// # Errors
    /// [`Error::Overloaded`] when too many commands are in flight; else as for [`Engine::submit`].
    pub async fn try_submit<C: Into<Command>>(
        &self,
        request: impl Into<Request<C>>,
    ) -> Result<Answer, Error> {
        let request = request.into().map(Into::into);
        self.ready(&request.command)?;
        let permit = match self.inner.admission.clone().try_acquire_owned() {
            Ok(permit) => permit,
            Err(TryAcquireError::Closed) => return Err(Error::Closed),
            Err(TryAcquireError::NoPermits) => {
                return Err(Error::Overloaded { in_flight_max: self.inner.in_flight_max as usize });
            }
        };
        self.enter(request, permit).await
    }

    /// Submits many commands at once; the answers come in the order of the requests. Commands to different
    /// entities run side by side, those to one entity in their order, and all share their commits.
    pub async fn submit_all<C: Into<Command>>(
        &self,
        requests: impl IntoIterator<Item = Request<C>>,
    ) -> Vec<Result<Answer, Error>> {
        let mut waiting = Vec::new();
        for request in requests {
            let request = request.map(Into::into);
            waiting.push(match self.ready(&request.command) {
                Err(error) => Err(error),
                Ok(()) => match self.inner.admission.clone().acquire_owned().await {
                    Ok(permit) => self.ready(&request.command).map(|()| self.send(request, permit)),
                    Err(_) => Err(Error::Closed),
                },
            });
        }
        let mut answers = Vec::with_capacity(waiting.len());
        for answer in waiting {
            answers.push(match answer {
                Ok(receiver) => wait(receiver).await,
                Err(error) => Err(error),
            });
        }
        answers
    }

    /// Whether the engine can take this command at all. What is too long for it is refused without a record:
    /// the refusal would hold the command, and is the same every time.
    fn ready(&self, command: &Command) -> Result<(), Error> {
        let gate = &self.inner.core.gate;
        if let Some(error) = gate.halted() {
            return Err(error.clone());
        }
        if gate.is_tight() && !command.undoes() {
            return Err(Error::DiskFull);
        }
        let memory = &self.inner.core.memory;
        if memory.is_limited() && command.grows() {
            let used = self.memory();
            if used.is_used_up() {
                let (used_bytes, budget_bytes) = (used.used_bytes(), used.budget_bytes.unwrap_or_default());
                return Err(Error::MemoryFull { used_bytes, budget_bytes });
            }
        }
        command.check_bounds(self.inner.core.limits.lines_max).map_err(Error::Refused)
    }

    async fn enter(&self, request: Request<Command>, permit: OwnedSemaphorePermit) -> Result<Answer, Error> {
        wait(self.send(request, permit)).await
    }

    /// Sends an admitted command on its way.
    fn send(&self, request: Request<Command>, permit: OwnedSemaphorePermit) -> oneshot::Receiver<Reply> {
        let (sender, receiver) = oneshot::channel();
        let reply = ReplyTo { sender: Some(sender), permit: Some(permit) };
        let core = &self.inner.core;
        let Some(key) = &request.key else {
            self.route(request, None, reply);
            return receiver;
        };
        let claim = match claim_of(key, &request.command) {
            Ok(claim) => claim,
            Err(error) => {
                reply.send(Err(error.into()));
                return receiver;
            }
        };
        match core.keys.enter(claim, reply) {
            Entrance::Execute(claim, reply) => self.route(request, Some(claim), reply),
            Entrance::Again(outcome, reply) => core.repeat(reply, outcome),
            Entrance::Waits => {}
            Entrance::Reused(reply) => {
                // It rests on a claim that may not be durable yet, so it waits like every other answer.
                let error = Error::KeyReused { key: key.key.to_string() };
                core.after_durable(move |verdict| reply.send(Err(verdict.err().unwrap_or(error))));
            }
        }
        receiver
    }

    fn route(&self, request: Request<Command>, claim: Option<Claimed>, reply: ReplyTo) {
        let Request { command, key, by } = request;
        match command {
            Command::Sku(sku, command) => {
                let request = Request { command, key, by };
                self.route_sku(&sku, Envelope { request, claim, reply });
            }
            Command::Order(id, command) => {
                let request = Request { command, key, by };
                self.route_order(id, Envelope { request, claim, reply });
            }
        }
    }

    fn route_sku(&self, sku: &SkuId, envelope: Envelope<SkuCommand>) {
        let core = &self.inner.core;
        let absent = match &envelope.request.command {
            SkuCommand::Receive { .. } => Absent::Create,
            _ => Absent::HandBack,
        };
        let sent = core.skus.send(core, sku, SkuMessage::Command(envelope), absent);
        // A stopped actor drops the message, and with it the caller's reply: the caller is told by that.
        if let Err(Undelivered::Unknown(SkuMessage::Command(envelope))) = sent {
            let refusal = Refusal::UnknownSku { sku: sku.clone() };
            let (entity, now) = (EntityId::Sku(sku.clone()), core.clock.now());
            core.refuse(entity, envelope, refusal, now, |command| Command::Sku(sku.clone(), command));
        }
    }

    fn route_order(&self, id: Option<OrderId>, envelope: Envelope<OrderCommand>) {
        let core = &self.inner.core;
        let places = matches!(envelope.request.command, OrderCommand::Place(_));
        let (id, origin) = match id {
            Some(id) => (id, IdOrigin::Caller),
            None => match self.fresh_id() {
                Ok(made) => made,
                Err(error) => return message::fail(core, envelope, &Error::Id(error)),
            },
        };
        let absent = if places { Absent::Create } else { Absent::HandBack };
        let sent = core.orders.send(core, &id, OrderMessage::Command(envelope, origin), absent);
        if let Err(Undelivered::Unknown(OrderMessage::Command(envelope, _))) = sent {
            let (entity, now) = (EntityId::Order(id.clone()), core.clock.now());
            let wrap = |command| Command::Order(Some(id), command);
            core.refuse(entity, envelope, Refusal::UnknownOrder, now, wrap);
        }
    }
}

impl Engine {
    /// A made id that no caller has chosen before.
    fn fresh_id(&self) -> Result<(OrderId, IdOrigin), IdError> {
        loop {
            let made = self.inner.ids.next(self.inner.core.clock.now())?;
            if self.inner.core.orders.look(&made.0, |_| ()).is_none() {
                return Ok(made);
            }
        }
    }
}

/// Waits for the final word. A reply that was dropped unsent means that the engine went down with the
/// command under way.
async fn wait(receiver: oneshot::Receiver<Reply>) -> Result<Answer, Error> {
    match receiver.await {
        Ok(Ok(Ok(answer))) => Ok(answer),
        Ok(Ok(Err(refusal))) => Err(Error::Refused(refusal)),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(Error::OutcomeUnknown),
    }
}
