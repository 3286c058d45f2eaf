//! Named locks in words.

use crate::domain::command::LockCommand;
use crate::domain::lock::LockEvent;

impl LockEvent {
    /// What happened, as a plain sentence. The words may change.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Acquired { owner, fencing, until } => {
                format!("Given to {owner} until {until}, under number {fencing}.")
            }
            Self::Extended { until } => format!("Its holder has it until {until}."),
            Self::Released => "Given back.".to_owned(),
            Self::Lapsed => "Its lease was over.".to_owned(),
        }
    }
}

impl LockCommand {
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Acquire(asked) if asked.wait_ms == 0 => {
                format!("Asked for it for {}, for {} ms.", asked.owner, asked.lease_ms)
            }
            Self::Acquire(asked) => format!(
                "Asked for it for {}, for {} ms, and to wait for {} ms.",
                asked.owner, asked.lease_ms, asked.wait_ms
            ),
            Self::Extend(asked) => {
                format!("Asked to have it for {} ms more under number {}.", asked.lease_ms, asked.fencing)
            }
            Self::Release(asked) => format!("Asked to give it back under number {}.", asked.fencing),
        }
    }
}
