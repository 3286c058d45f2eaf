//! What happens to a lock.

use serde::{Deserialize, Serialize};

use crate::domain::ids::LockOwner;
use crate::domain::time::Timestamp;

/// What happened to a lock. The order of the variants is part of the journal's format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LockEvent {
    /// It was given to an owner.
    Acquired {
        /// Who holds it now.
        owner: LockOwner,
        /// The number of this grant: one more than that of the grant before.
        fencing: u64,
        /// The moment from which on it is free.
        until: Timestamp,
    },
    /// Its holder has it for longer.
    Extended {
        /// The moment from which on it is free.
        until: Timestamp,
    },
    /// Its holder gave it back.
    Released,
    /// Its lease was over.
    Lapsed,
}
