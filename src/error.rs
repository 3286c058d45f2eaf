//! What can go wrong, and what the engine does about it.

use crate::domain::refusal::Refusal;
use crate::journal::LogError;
use crate::journal::codec::CodecError;
use crate::port::ids::IdError;

/// Why a call did not come back with an answer.
///
/// `Refused` is a decision of the engine and definite. Everything else is about the machine: what is said
/// under each variant tells whether the command may have had an effect.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The command was decided on and refused. It took nothing from stock and moved no order on; a payment
    /// whose settlement could not be completed is recorded, and due back.
    #[error("refused ({code}): {0}", code = .0.code())]
    Refused(#[from] Refusal),
    /// `try_submit` found no room for another command; nothing was done. Try again later, or use a call that waits.
    #[error("overloaded: {in_flight_max} commands are in flight")]
    Overloaded {
        /// The configured limit.
        in_flight_max: usize,
    },
    /// The disk is full: only commands that free stock are taken. Nothing was done.
    #[error("the disk is full: only releases and cancellations are taken until there is room")]
    DiskFull,
    /// The memory budget is used up: neither orders are placed nor stock is reserved for carts. Nothing was done.
    /// Everything else is taken; what frees memory makes room again.
    #[error(
        "the memory budget is used up ({used_bytes} of {budget_bytes} bytes): nothing is placed or reserved \
         until keys are forgotten, holds are released or orders are retired, or memory_bytes_max is raised"
    )]
    MemoryFull {
        /// Bytes in use, by the engine's own account.
        used_bytes: u64,
        /// [`crate::Config::memory_bytes_max`].
        budget_bytes: u64,
    },
    /// The journal failed while the command was under way: whether it had an effect is known only after the
    /// engine was opened again. Ask again with the same idempotency key.
    #[error("the outcome is unknown until the engine is opened again")]
    OutcomeUnknown,
    /// The journal failed earlier; the engine takes nothing more until it is opened again. Nothing was done.
    #[error("the engine is halted: {reason}")]
    Halted {
        /// What failed.
        reason: String,
    },
    /// The engine is closed or closing. Nothing was done.
    #[error("the engine is closed")]
    Closed,
    /// A call of [`crate::blocking`] was made on a thread that is inside a tokio runtime, where waiting could
    /// wait for ever. Nothing was done.
    #[error("a blocking call inside a tokio runtime; use earmark::Engine there, or a thread of your own")]
    InsideRuntime,
    /// The idempotency key was used before with another command. Nothing was done.
    #[error("the idempotency key {key} was used with another command")]
    KeyReused {
        /// The key as it came in.
        key: String,
    },
    /// No order id could be made. Nothing was done.
    #[error("no order id could be made: {0}")]
    Id(#[from] IdError),
    /// A setting makes no sense; the engine was not opened.
    #[error("configuration: {setting}: {problem}")]
    Config {
        /// Name of the field of [`crate::Config`].
        setting: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The journal could not be opened or read.
    #[error("journal: {0}")]
    Journal(#[from] LogError),
    /// A record of the journal cannot be understood by this build; nothing was changed.
    #[error("record {sequence} of the journal cannot be read: {detail}")]
    Record {
        /// Its sequence number.
        sequence: u64,
        /// What is wrong with it.
        detail: String,
    },
    /// A snapshot could not be taken, or none could be used where the journal alone is not enough. Nothing was
    /// changed; snapshots and journal are as they were.
    #[error("snapshot: {detail}")]
    Snapshot {
        /// What went wrong.
        detail: String,
    },
    /// A value cannot be encoded or decoded. Nothing was done.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// The operating system refused something.
    #[error("{what}: {detail}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        detail: String,
    },
}

impl Error {
    /// The refusal, if the engine decided against the command.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// A stable code: that of the refusal, or one of the machine's.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::Overloaded { .. } => "OVERLOADED",
            Self::DiskFull => "DISK_FULL",
            Self::MemoryFull { .. } => "MEMORY_FULL",
            Self::OutcomeUnknown => "OUTCOME_UNKNOWN",
            Self::Halted { .. } => "HALTED",
            Self::Closed => "CLOSED",
            Self::InsideRuntime => "INSIDE_RUNTIME",
            Self::KeyReused { .. } => "KEY_REUSED",
            Self::Id(_) => "NO_ORDER_ID",
            Self::Config { .. } => "CONFIG",
            Self::Journal(_) => "JOURNAL",
            Self::Snapshot { .. } => "SNAPSHOT",
            Self::Record { .. } | Self::Codec(_) => "RECORD",
            Self::Io { .. } => "IO",
        }
    }
}
