//! Where a command comes in.

use tokio::sync::{OwnedSemaphorePermit, TryAcquireError};

use super::Engine;
use crate::actor::reply::{Caller, Gather, ReplyTo, wait};
use crate::domain::command::{Answer, Command, Request};
use crate::error::Error;

/// Commands of one caller that are admitted together.
const PERMITS_AT_ONCE: usize = 1_024;

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
        let requests: Vec<Request<Command>> =
            requests.into_iter().map(|request| request.map(Into::into)).collect();
        let (gather, done) = Gather::new(requests.len());
        let mut parts = (0..).map(|at| gather.part(at));
        let piece_max = PERMITS_AT_ONCE.min(self.inner.in_flight_max as usize).max(1);
        let mut requests = requests.into_iter();
        while requests.len() > 0 {
            let piece: Vec<_> = requests.by_ref().take(piece_max).collect();
            let semaphore = self.inner.admission.clone();
            let permits = u32::try_from(piece.len()).unwrap_or(u32::MAX);
            let mut permits = semaphore.acquire_many_owned(permits).await.ok();
            for (request, part) in piece.into_iter().zip(&mut parts) {
                match (self.ready(&request.command), permits.as_mut().and_then(|all| all.split(1))) {
                    (Ok(()), Some(permit)) => {
                        let reply = ReplyTo { caller: Caller::Many(part), permit: Some(permit) };
                        self.inner.core.submit(request, reply);
                    }
                    (Ok(()), None) => part.put(Err(Error::Closed)),
                    (Err(error), _) => part.put(Err(error)),
                }
            }
        }
        // With no request there is nothing to wait for.
        let _ = done.await;
        gather.take()
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
        self.inner.core.check_bounds(command)
    }

    async fn enter(&self, request: Request<Command>, permit: OwnedSemaphorePermit) -> Result<Answer, Error> {
        let (reply, receiver) = ReplyTo::one(Some(permit));
        self.inner.core.submit(request, reply);
        wait(receiver).await
    }
}
