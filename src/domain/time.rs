//! Engine time: milliseconds since the Unix epoch, as a value.
//!
//! The domain never reads a clock. Every decision is handed the time it is made at, and that time is
//! recorded with the events it produced, so that replay sees exactly what the live engine saw.

use serde::{Deserialize, Serialize};

/// A moment of engine time in milliseconds since the Unix epoch (UTC). One tick is one millisecond.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The Unix epoch, and the value an engine that has recorded nothing starts from.
    pub const ZERO: Self = Self(0);

    /// A moment from milliseconds since the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The day in days since the Unix epoch (UTC); the last number stands for all days beyond it.
    #[must_use]
    pub fn day(self) -> u32 {
        const DAY_MILLIS: u64 = 86_400_000;
        u32::try_from(self.0 / DAY_MILLIS).unwrap_or(u32::MAX)
    }

    /// The moment `millis` later; saturates at the end of time instead of wrapping.
    #[must_use]
    pub const fn plus_millis(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }
}
