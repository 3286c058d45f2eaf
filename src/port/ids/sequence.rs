//! Ids counted up from 1.

use std::sync::atomic::{AtomicU64, Ordering};

use smol_str::format_smolstr;

use super::{IdError, OrderIds, check_prefix};
use crate::domain::ids::{IdOrigin, OrderId};
use crate::domain::time::Timestamp;

/// Numbers issued once each, in order.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    /// The number after the last one.
    ///
    /// # Errors
    /// When the last one was `max`.
    pub(super) fn next(&self, max: u64) -> Result<u64, IdError> {
        let after = |last| if last < max { Some(last + 1) } else { None };
        match self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, after) {
            Ok(last) => Ok(last + 1),
            Err(last) => Err(IdError::Exhausted { last }),
        }
    }

    pub(super) fn observe(&self, number: u64) {
        self.0.fetch_max(number, Ordering::Relaxed);
    }
}

/// [`super::IdScheme::Sequence`]: an optional prefix and a number.
#[derive(Debug)]
pub struct SequenceIds {
    prefix: String,
    counter: Counter,
}

impl SequenceIds {
    /// A sequence that starts at 1.
    ///
    /// # Errors
    /// When there is a prefix and it is empty, too long or holds a control character.
    pub fn new(prefix: Option<&str>) -> Result<Self, IdError> {
        if let Some(prefix) = prefix {
            check_prefix(prefix)?;
        }
        Ok(Self { prefix: prefix.unwrap_or_default().to_owned(), counter: Counter::default() })
    }
}

impl OrderIds for SequenceIds {
    fn next(&self, _now: Timestamp) -> Result<(OrderId, IdOrigin), IdError> {
        let number = self.counter.next(u64::MAX)?;
        let id = OrderId::new(format_smolstr!("{}{number:010}", self.prefix))?;
        Ok((id, IdOrigin::Sequence(number)))
    }

    fn observe(&self, origin: IdOrigin) {
        if let IdOrigin::Sequence(number) = origin {
            self.counter.observe(number);
        }
    }
}
