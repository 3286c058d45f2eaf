//! Engine time: milliseconds since the Unix epoch, as a value.
//!
//! The domain never reads a clock. Every decision is handed the time it is made at, and that time is
//! recorded with the events it produced, so that replay sees exactly what the live engine saw.

use std::fmt;

use serde::{Deserialize, Serialize};

const DAY_MILLIS: u64 = 86_400_000;

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
        u32::try_from(self.0 / DAY_MILLIS).unwrap_or(u32::MAX)
    }

    /// The moment `millis` later; saturates at the end of time instead of wrapping.
    #[must_use]
    pub const fn plus_millis(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }
}

/// The moment as RFC 3339 has it, in UTC: `2026-11-21T06:41:32.123Z`. Years beyond 9999 have more digits.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, millis) = (self.0 / DAY_MILLIS, self.0 % DAY_MILLIS);
        // Counted from 1 March of the year 0, so that the day a leap year adds is a year's last. 400 years
        // have 146,097 days; 1970 began 719,468 days after.
        let days = days + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = era * 400 + year_of_era + u64::from(month <= 2);
        let (seconds, millis) = (millis / 1_000, millis % 1_000);
        let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_as_rfc_3339_has_it() {
        for (millis, written) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (4_107_542_399_000, "2100-02-28T23:59:59.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (1_795_243_292_123, "2026-11-21T06:41:32.123Z"),
            (253_402_300_800_000, "10000-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(Timestamp::from_millis(millis).to_string(), written);
        }
        assert!(Timestamp::from_millis(u64::MAX).to_string().ends_with('Z'));
    }
}
