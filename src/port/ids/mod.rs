//! How order ids are made. One generator an engine; every id is issued once, over restarts too.
//!
//! A generator is handed engine time and keeps no clock. The engine records the [`IdOrigin`] of every
//! id with its order, and feeds each recorded origin back through [`OrderIds::observe`] at replay: a
//! generator continues behind the last id that was recorded. Ids that a caller chose are not known
//! here; that one of them is taken shows when the order is placed.

mod custom;
mod sequence;
mod snowflake;
mod tick;
mod uuid_v7;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::entropy::{Entropy, EntropyError};
use crate::domain::ids::{IdOrigin, InvalidId, OrderId};
use crate::domain::time::Timestamp;

pub use custom::{CustomIds, InvalidCustomId};
pub use sequence::SequenceIds;
pub use snowflake::{SNOWFLAKE_EPOCH_MS, SnowflakeIds, WORKER_MAX};
pub use uuid_v7::UuidV7Ids;

/// The longest prefix of an order id, in bytes of UTF-8; leaves room for any number behind it.
pub const PREFIX_BYTES_MAX: usize = 64;

/// Issues order ids. Usable from many threads at once without a lock.
pub trait OrderIds: Send + Sync {
    /// Issues the next id at engine time `now`, with the origin to record beside it.
    ///
    /// # Errors
    /// When the scheme has no further ids, cannot express `now`, or gets no random bytes.
    fn next(&self, now: Timestamp) -> Result<(OrderId, IdOrigin), IdError>;

    /// Takes note of a recorded id, so that it is not issued again. Origins of other schemes, which a
    /// journal can hold after the configuration changed, are no concern of this generator.
    fn observe(&self, origin: IdOrigin);

    /// No more ids are issued: what the generator keeps others from is free, although it may live on for a while.
    fn let_go(&self) {}
}

/// Why ids cannot be made, in general or at this moment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The prefix is empty where one is needed, or holds a control character.
    #[error("the order id prefix is not usable: {0}")]
    InvalidPrefix(#[from] InvalidId),
    /// The prefix is longer than [`PREFIX_BYTES_MAX`].
    #[error("the order id prefix has {bytes} bytes; at most {PREFIX_BYTES_MAX} are allowed")]
    PrefixTooLong {
        /// Its length in bytes.
        bytes: usize,
    },
    /// The worker number does not fit ten bits.
    #[error("Snowflake worker {worker} is out of range; workers are numbered 0 to {WORKER_MAX}")]
    WorkerOutOfRange {
        /// The number asked for.
        worker: u16,
    },
    /// Another generator of this process has the worker number. Two of them would issue the same ids.
    #[error("Snowflake worker {worker} is in use by another generator of this process")]
    WorkerInUse {
        /// The number asked for.
        worker: u16,
    },
    /// The time cannot be expressed in the ids of the scheme.
    #[error("{now_ms} ms lies outside of the time that ids can hold, {from_ms} to {to_ms} ms since 1970")]
    TimeOutOfRange {
        /// The time of the id, in milliseconds since the Unix epoch.
        now_ms: u64,
        /// The first moment the scheme can express.
        from_ms: u64,
        /// The last moment the scheme can express.
        to_ms: u64,
    },
    /// All numbers of the scheme were issued.
    #[error("the order id sequence ended at {last}")]
    Exhausted {
        /// The last number issued.
        last: u64,
    },
    /// There are no random bytes to make the id of.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

/// Which order ids an engine makes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum IdScheme {
    /// A number counted up from 1, with at least ten digits so that ids sort as they were issued.
    Sequence {
        /// Text before the number, at most [`PREFIX_BYTES_MAX`] bytes.
        prefix: Option<String>,
    },
    /// A UUID of version 7 (RFC 9562): ordered by time, unique without any agreement.
    #[default]
    UuidV7,
    /// A 63-bit number of time, worker and sequence: ordered by time, unique among workers.
    Snowflake {
        /// Number of this worker, 0 to [`WORKER_MAX`]; unique among all that issue ids at a time.
        worker: u16,
    },
    /// A prefix, a number of ten digits and a Damm check digit, for ids that people read out and type.
    Custom {
        /// Text before the number, 1 to [`PREFIX_BYTES_MAX`] bytes.
        prefix: String,
    },
}

impl IdScheme {
    /// Checks the configuration without opening a generator.
    ///
    /// # Errors
    /// When a prefix or a worker number is not usable.
    pub fn check(&self) -> Result<(), IdError> {
        match self {
            Self::Sequence { prefix: Some(prefix) } | Self::Custom { prefix } => check_prefix(prefix),
            Self::Snowflake { worker } => snowflake::check_worker(*worker),
            Self::Sequence { prefix: None } | Self::UuidV7 => Ok(()),
        }
    }

    /// Opens a generator. `entropy` is used by the schemes whose ids hold random bits.
    ///
    /// # Errors
    /// As for [`IdScheme::check`], and when another generator of this process has the Snowflake worker.
    pub fn build(&self, entropy: Arc<dyn Entropy>) -> Result<Box<dyn OrderIds>, IdError> {
        self.check()?;
        Ok(match self {
            Self::Sequence { prefix } => Box::new(SequenceIds::new(prefix.as_deref())?),
            Self::UuidV7 => Box::new(UuidV7Ids::new(entropy)),
            Self::Snowflake { worker } => Box::new(SnowflakeIds::new(*worker)?),
            Self::Custom { prefix } => Box::new(CustomIds::new(prefix)?),
        })
    }
}

fn check_prefix(prefix: &str) -> Result<(), IdError> {
    if prefix.len() > PREFIX_BYTES_MAX {
        return Err(IdError::PrefixTooLong { bytes: prefix.len() });
    }
    // A prefix obeys the rules of the ids that begin with it.
    OrderId::new(prefix)?;
    Ok(())
}

#[cfg(test)]
mod tests;
