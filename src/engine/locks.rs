//! Named locks for code that embeds the engine.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{TryAcquireError, oneshot};

use super::Engine;
use crate::actor::message::LockMessage;
use crate::actor::registry::{Absent, Found};
use crate::actor::reply::{Caller, ReplyTo};
use crate::domain::command::{
    AcquireLock, Answer, Command, ExtendLock, LockAnswer, LockCommand, ReleaseLock, Request,
};
use crate::domain::ids::{LockName, LockOwner, Principal};
use crate::domain::lock::Lock;
use crate::domain::time::Timestamp;
use crate::error::Error;

/// One named lock, whether or not anybody ever held it: nothing is looked up to make a handle. Made by
/// [`Engine::lock`]. Cheap to clone; while it lives, so does the engine.
#[derive(Clone, Debug)]
pub struct LockHandle {
    engine: Engine,
    name: LockName,
    by: Option<Principal>,
}

/// A lock as it is held. When it is dropped, the lock is given back in the background; where the engine was closed or
/// halted, or its runtime has ended, it is not, and is free when the lease is over. It holds while the lease lasts and
/// no longer: hand [`LockGuard::fencing`] to what the lock protects, which turns away whoever comes with a lower number.
///
/// Guards that one owner has of one lock at a time are one grant: the first that is released or dropped gives it back.
/// Name a different owner for each task that is to have the lock alone.
#[derive(Debug)]
pub struct LockGuard {
    lock: LockHandle,
    owner: LockOwner,
    fencing: u64,
    until: Timestamp,
    is_new: bool,
    runtime: Handle,
    is_held: bool,
}

impl Engine {
    /// A handle on a named lock.
    ///
    /// ```
    /// # async fn run(engine: earmark::Engine) -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    ///
    /// let lock = engine.lock(&"nightly report".parse()?);
    /// let guard = lock.acquire("worker-7".parse()?, Duration::from_secs(30)).await?;
    /// println!("held under number {} until {}", guard.fencing(), guard.until());
    /// guard.release().await?;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn lock(&self, name: &LockName) -> LockHandle {
        LockHandle { engine: self.clone(), name: name.clone(), by: None }
    }

    /// Sends those away who wait for locks.
    pub(super) async fn send_waiting_away(&self) {
        let core = &self.inner.core;
        for name in core.locks.ids() {
            let is_active = core.locks.look(&name, |found| matches!(found, Found::Active));
            let (to, from) = oneshot::channel();
            if is_active == Some(true)
                && core.locks.send(core, &name, LockMessage::Close(to), Absent::HandBack).is_ok()
            {
                // An actor that is gone has nobody waiting.
                let _ = from.await;
            }
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl LockHandle {
    /// The lock's name.
    #[must_use]
    pub const fn name(&self) -> &LockName {
        &self.name
    }

    /// A handle whose commands are given by `principal`.
    #[must_use]
    pub fn by(mut self, principal: Principal) -> Self {
        self.by = Some(principal);
        self
    }

    /// The lock as it stands; `None` if nobody ever held it. What it shows is durable.
    ///
    /// # Errors
    /// When the engine is halted or closed.
    pub async fn view(&self) -> Result<Option<Lock>, Error> {
        let core = &self.engine.inner.core;
        let found = core.locks.look(&self.name, |found| match found {
            Found::Resting(lock) => Some((**lock).clone()),
            Found::Active => None,
        });
        let lock = match found {
            None => None,
            Some(Some(lock)) => Some(lock),
            Some(None) => {
                let (to, from) = oneshot::channel();
                let sent = core.locks.send(core, &self.name, LockMessage::Look(to), Absent::HandBack);
                if sent.is_ok() { from.await.map_err(|_| Error::Closed)? } else { None }
            }
        };
        self.engine.flush().await?;
        Ok(lock)
    }

    /// Has the lock for `owner`, for as long as `lease`; waits for as long as it takes while another one has it, in the
    /// order in which all have come. The owner who has it already has it for longer, under the same number.
    ///
    /// Leases and times to wait go by the engine's clock. Those who wait are in no record: when the engine is closed or
    /// crashes they are sent away, while a lease outlives both. A call that is given up keeps its place in the order;
    /// what it is granted is given back at once.
    ///
    /// # Errors
    /// [`Refusal::InvalidLease`](crate::Refusal::InvalidLease), [`Refusal::LockCrowded`](crate::Refusal::LockCrowded);
    /// [`Error::Closed`] when the engine is closed while it waits; else as for [`Engine::submit`].
    pub async fn acquire(&self, owner: LockOwner, lease: Duration) -> Result<LockGuard, Error> {
        self.acquire_within(owner, lease, Duration::MAX).await
    }

    /// The same, and waits no longer than `wait`.
    ///
    /// # Errors
    /// [`Refusal::LockHeld`](crate::Refusal::LockHeld) when the time is up; else as for [`LockHandle::acquire`].
    pub async fn acquire_within(
        &self,
        owner: LockOwner,
        lease: Duration,
        wait: Duration,
    ) -> Result<LockGuard, Error> {
        let (lock, (to, from)) = (self.clone(), oneshot::channel());
        // In a task of its own, so that a grant whose caller went away finds its way back.
        tokio::spawn(async move {
            let granted = lock.grant(owner, millis(lease), millis(wait)).await;
            if let Err(Ok(unwanted)) = to.send(granted) {
                unwanted.let_go();
            }
        });
        from.await.map_err(|_| Error::OutcomeUnknown)?
    }

    /// The same without waiting.
    ///
    /// # Errors
    /// [`Refusal::LockHeld`](crate::Refusal::LockHeld) with the moment until which another one has it; else as for
    /// [`LockHandle::acquire`].
    pub async fn try_acquire(&self, owner: LockOwner, lease: Duration) -> Result<LockGuard, Error> {
        self.acquire_within(owner, lease, Duration::ZERO).await
    }

    async fn grant(self, owner: LockOwner, lease_ms: u64, wait_ms: u64) -> Result<LockGuard, Error> {
        let lock = self.name.clone();
        let command = AcquireLock { lock, owner: owner.clone(), lease_ms, wait_ms };
        let LockAnswer { fencing, until, is_new, .. } = self.submit(LockCommand::Acquire(command)).await?;
        let (until, runtime) = (until.unwrap_or_default(), Handle::current());
        Ok(LockGuard { lock: self, owner, fencing, until, is_new, runtime, is_held: true })
    }

    async fn submit(&self, command: LockCommand) -> Result<LockAnswer, Error> {
        let request = Request { command, key: None, by: self.by.clone() };
        match self.engine.submit::<LockCommand>(request).await? {
            Answer::Lock(answer) => Ok(answer),
            Answer::Order(_) | Answer::Stock(_) | Answer::Flow(_) => {
                Err(Error::KeyReused { key: "that of another command".to_owned() })
            }
        }
    }

    /// Gives the lock back without waiting for it.
    fn release_soon(&self, fencing: u64) {
        let inner = &self.engine.inner;
        let permit = match inner.admission.clone().try_acquire_owned() {
            Ok(permit) => Some(permit),
            Err(TryAcquireError::NoPermits) => None,
            Err(TryAcquireError::Closed) => return,
        };
        let command = LockCommand::Release(ReleaseLock { lock: self.name.clone(), fencing });
        let request = Request { command: Command::Lock(command), key: None, by: self.by.clone() };
        if inner.core.gate.halted().is_none() {
            // A lease that was over before is nobody's concern any more.
            inner.core.submit(request, ReplyTo { caller: Caller::Nobody, permit });
        }
    }
}

impl LockGuard {
    /// The number of the grant: higher than that of every grant of this lock before it, also over restarts.
    #[must_use]
    pub const fn fencing(&self) -> u64 {
        self.fencing
    }

    /// The moment of engine time from which on the lock is free.
    #[must_use]
    pub const fn until(&self) -> Timestamp {
        self.until
    }

    /// Who has the lock.
    #[must_use]
    pub const fn owner(&self) -> &LockOwner {
        &self.owner
    }

    /// Has the lock for as long as `lease` from now on, if that is longer.
    ///
    /// # Errors
    /// [`Refusal::LockLost`](crate::Refusal::LockLost) when the lease was over before; else as for [`Engine::submit`].
    pub async fn extend(&mut self, lease: Duration) -> Result<Timestamp, Error> {
        let (lock, fencing, lease_ms) = (self.lock.name.clone(), self.fencing, millis(lease));
        let answer = self.lock.submit(LockCommand::Extend(ExtendLock { lock, fencing, lease_ms })).await?;
        self.until = answer.until.unwrap_or(self.until);
        Ok(self.until)
    }

    /// Nobody came for it: gives the lock back, unless its owner had it before.
    fn let_go(mut self) {
        self.is_held = self.is_new;
    }

    /// Gives the lock back, and waits until that is durable.
    ///
    /// # Errors
    /// [`Refusal::LockLost`](crate::Refusal::LockLost) when the lease was over before; else as for [`Engine::submit`].
    pub async fn release(mut self) -> Result<(), Error> {
        let (lock, fencing) = (self.lock.name.clone(), self.fencing);
        let released = self.lock.submit(LockCommand::Release(ReleaseLock { lock, fencing })).await;
        self.is_held = false;
        released.map(drop)
    }
}

impl Drop for LockGuard {
    fn drop(&mut self) {
        if self.is_held {
            // The lock's actor may have to be woken, which takes a runtime.
            let _runtime = self.runtime.enter();
            self.lock.release_soon(self.fencing);
        }
    }
}
