//! The highest made order id of each kind, for the generators to go on from.

use crate::domain::ids::IdOrigin;

/// The highest number of each kind of made id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origins([Option<IdOrigin>; 3]);

impl Origins {
    /// Takes note of how an id was made.
    pub(crate) fn note(&mut self, origin: IdOrigin) {
        let (place, number) = match origin {
            IdOrigin::Sequence(number) => (0, number),
            IdOrigin::Snowflake(number) => (1, number),
            IdOrigin::Custom(number) => (2, number),
            IdOrigin::Caller | IdOrigin::UuidV7 => return,
        };
        if let Some(slot) = self.0.get_mut(place) {
            let known = match slot {
                Some(IdOrigin::Sequence(known) | IdOrigin::Snowflake(known) | IdOrigin::Custom(known)) => {
                    *known
                }
                _ => 0,
            };
            if number >= known {
                *slot = Some(origin);
            }
        }
    }

    /// The highest ones.
    pub(crate) fn iter(&self) -> impl Iterator<Item = IdOrigin> {
        self.0.iter().copied().flatten()
    }
}
