//! Where a command comes in.

use tokio::sync::{OwnedSemaphorePermit, TryAcquireError};

use super::Engine;
use crate::actor::route::wait;
use crate::domain::command::{Answer, Command, Request};
use crate::error::Error;

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
                    Ok(permit) => {
                        self.ready(&request.command).map(|()| self.inner.core.submit(request, Some(permit)))
                    }
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
        self.inner.core.check_bounds(command)
    }

    async fn enter(&self, request: Request<Command>, permit: OwnedSemaphorePermit) -> Result<Answer, Error> {
        wait(self.inner.core.submit(request, Some(permit))).await
    }
}
