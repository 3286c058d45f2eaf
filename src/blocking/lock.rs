//! The calls to one named lock that wait.

use std::future::Future;
use std::time::Duration;

use super::{Engine, mirror};
use crate::domain::ids::{LockName, LockOwner, Principal};
use crate::domain::lock::Lock;
use crate::domain::time::Timestamp;
use crate::engine;
use crate::error::Error;

/// One named lock. While it lives, so does its engine.
#[derive(Clone, Debug)]
pub struct LockHandle {
    handle: engine::LockHandle,
    /// Behind the handle, so that the runtime goes last.
    engine: Engine,
}

/// As [`crate::LockGuard`]: a lock as it is held, given back in the background when it is dropped.
#[derive(Debug)]
pub struct LockGuard {
    guard: engine::LockGuard,
    /// Behind the guard, so that the runtime goes last.
    engine: Engine,
}

impl LockHandle {
    pub(super) fn new(handle: engine::LockHandle, engine: Engine) -> Self {
        Self { handle, engine }
    }

    fn target(&self) -> &engine::LockHandle {
        &self.handle
    }

    fn run<F: Future>(&self, call: F) -> Result<F::Output, Error> {
        self.engine.run(call)
    }

    fn guard(&self, granted: Result<engine::LockGuard, Error>) -> Result<LockGuard, Error> {
        Ok(LockGuard { guard: granted?, engine: self.engine.clone() })
    }

    /// The lock's name.
    #[must_use]
    pub fn name(&self) -> &LockName {
        self.handle.name()
    }

    /// A handle whose commands are given by `principal`.
    #[must_use]
    pub fn by(self, principal: Principal) -> Self {
        Self { handle: self.handle.by(principal), ..self }
    }

    mirror! { "LockHandle":
        view() -> Option<Lock>;
    }

    /// As [`crate::LockHandle::acquire`], and waits for it.
    ///
    /// # Errors
    /// As for [`crate::LockHandle::acquire`], and [`Error::InsideRuntime`].
    pub fn acquire(&self, owner: LockOwner, lease: Duration) -> Result<LockGuard, Error> {
        self.guard(self.run(self.handle.acquire(owner, lease))?)
    }

    /// As [`crate::LockHandle::acquire_within`], and waits for it.
    ///
    /// # Errors
    /// As for [`crate::LockHandle::acquire_within`], and [`Error::InsideRuntime`].
    pub fn acquire_within(
        &self,
        owner: LockOwner,
        lease: Duration,
        wait: Duration,
    ) -> Result<LockGuard, Error> {
        self.guard(self.run(self.handle.acquire_within(owner, lease, wait))?)
    }

    /// As [`crate::LockHandle::try_acquire`], and waits for its answer.
    ///
    /// # Errors
    /// As for [`crate::LockHandle::try_acquire`], and [`Error::InsideRuntime`].
    pub fn try_acquire(&self, owner: LockOwner, lease: Duration) -> Result<LockGuard, Error> {
        self.guard(self.run(self.handle.try_acquire(owner, lease))?)
    }
}

impl LockGuard {
    /// As [`crate::LockGuard::fencing`].
    #[must_use]
    pub const fn fencing(&self) -> u64 {
        self.guard.fencing()
    }

    /// As [`crate::LockGuard::until`].
    #[must_use]
    pub const fn until(&self) -> Timestamp {
        self.guard.until()
    }

    /// As [`crate::LockGuard::owner`].
    #[must_use]
    pub const fn owner(&self) -> &LockOwner {
        self.guard.owner()
    }

    /// As [`crate::LockGuard::extend`], and waits for it.
    ///
    /// # Errors
    /// As for [`crate::LockGuard::extend`], and [`Error::InsideRuntime`].
    pub fn extend(&mut self, lease: Duration) -> Result<Timestamp, Error> {
        self.engine.run(self.guard.extend(lease))?
    }

    /// As [`crate::LockGuard::release`], and waits for it.
    ///
    /// # Errors
    /// As for [`crate::LockGuard::release`], and [`Error::InsideRuntime`].
    pub fn release(self) -> Result<(), Error> {
        self.engine.run(self.guard.release())?
    }
}
