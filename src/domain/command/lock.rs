//! Commands to named locks.

use serde::{Deserialize, Serialize};

use super::Command;
use crate::domain::ids::{LockName, LockOwner};
use crate::domain::lock::check_lease;
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;

/// A command to one lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LockCommand {
    /// Have the lock.
    Acquire(AcquireLock),
    /// Have it for longer.
    Extend(ExtendLock),
    /// Give it back.
    Release(ReleaseLock),
}

/// Have a lock for a while. Its owner who asks again has it for longer, under the same number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcquireLock {
    /// The lock. One that nobody ever asked for is made.
    pub lock: LockName,
    /// Who is to have it.
    pub owner: LockOwner,
    /// For how long, in milliseconds from the grant on: 1 to [`crate::domain::lock::LEASE_MS_MAX`].
    pub lease_ms: u64,
    /// For how long to wait while another one has it, in milliseconds; 0 does not wait.
    pub wait_ms: u64,
}

/// Have a lock for longer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtendLock {
    /// The lock.
    pub lock: LockName,
    /// The number under which it is held.
    pub fencing: u64,
    /// For how long, in milliseconds from now on: 1 to [`crate::domain::lock::LEASE_MS_MAX`].
    pub lease_ms: u64,
}

/// Give a lock back before its lease is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseLock {
    /// The lock.
    pub lock: LockName,
    /// The number under which it is held.
    pub fencing: u64,
}

/// The lock after the command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockAnswer {
    /// The lock.
    pub lock: LockName,
    /// The number under which it is held, or was held last.
    pub fencing: u64,
    /// Whether the command gave it to its owner, who did not have it before.
    pub is_new: bool,
    /// The moment from which on it is free; `None` where it was given back.
    pub until: Option<Timestamp>,
    /// The lock's version after the command.
    pub version: u64,
}

impl LockCommand {
    /// The lock.
    #[must_use]
    pub const fn lock(&self) -> &LockName {
        match self {
            Self::Acquire(AcquireLock { lock, .. })
            | Self::Extend(ExtendLock { lock, .. })
            | Self::Release(ReleaseLock { lock, .. }) => lock,
        }
    }

    /// Whether its lease is one that can be given.
    pub(super) const fn check_bounds(&self) -> Result<(), Refusal> {
        match self {
            Self::Acquire(AcquireLock { lease_ms, .. }) | Self::Extend(ExtendLock { lease_ms, .. }) => {
                check_lease(*lease_ms)
            }
            Self::Release(_) => Ok(()),
        }
    }
}

impl From<LockCommand> for Command {
    fn from(command: LockCommand) -> Self {
        Self::Lock(command)
    }
}

impl From<AcquireLock> for Command {
    fn from(command: AcquireLock) -> Self {
        Self::Lock(LockCommand::Acquire(command))
    }
}

impl From<ExtendLock> for Command {
    fn from(command: ExtendLock) -> Self {
        Self::Lock(LockCommand::Extend(command))
    }
}

impl From<ReleaseLock> for Command {
    fn from(command: ReleaseLock) -> Self {
        Self::Lock(LockCommand::Release(command))
    }
}
