//! UUIDs of version 7, in order within a millisecond too.

use std::sync::Arc;

use smol_str::format_smolstr;

use super::tick::Ticks;
use super::{IdError, OrderIds};
use crate::domain::ids::{IdOrigin, OrderId};
use crate::domain::time::Timestamp;
use crate::port::entropy::Entropy;

/// The last millisecond that the 48 bits of a UUID can hold.
const MILLIS_MAX: u64 = (1 << 48) - 1;

/// [`super::IdScheme::UuidV7`]. The 12 bits behind the time count within the millisecond (RFC 9562,
/// section 6.2, method 1), the other 62 are random. No origin needs to be observed: after a restart
/// engine time has not gone back, and the random bits keep ids of one millisecond apart.
pub struct UuidV7Ids {
    ticks: Ticks,
    entropy: Arc<dyn Entropy>,
}

impl UuidV7Ids {
    /// A generator that takes its random bits from `entropy`.
    #[must_use]
    pub fn new(entropy: Arc<dyn Entropy>) -> Self {
        Self { ticks: Ticks::default(), entropy }
    }
}

impl OrderIds for UuidV7Ids {
    fn next(&self, now: Timestamp) -> Result<(OrderId, IdOrigin), IdError> {
        let tick = self
            .ticks
            .next(now.as_millis(), MILLIS_MAX)
            .map_err(|now_ms| IdError::TimeOutOfRange { now_ms, from_ms: 0, to_ms: MILLIS_MAX })?;
        let [high, low] = tick.sequence.to_be_bytes();
        let mut random = [0; 8];
        self.entropy.fill(&mut random)?;
        let [a, b, c, d, e, f, g, h] = random;
        let tail = [high, low, a, b, c, d, e, f, g, h];
        let uuid = uuid::Builder::from_unix_timestamp_millis(tick.millis, &tail).into_uuid();
        Ok((OrderId::new(format_smolstr!("{}", uuid.hyphenated()))?, IdOrigin::UuidV7))
    }

    fn observe(&self, _origin: IdOrigin) {}
}
