//! The machine that finds ids which are like one that is unknown.

use std::ops::ControlFlow;

use super::driver::Machine;
use super::history::id_of;
use super::reading::{Place, ReadError};
use super::tagged;
use crate::domain::ids::EntityId;
use crate::journal::{StoredBatch, record};

/// The most ids that are offered for one that is unknown.
const NEAR_MAX: usize = 5;

/// Looks for ids that are like one that is unknown.
#[derive(Debug)]
pub struct NearMatches {
    entity: EntityId,
    wanted: String,
    /// How far each is from what was asked for, and the id; nearest first.
    found: Vec<(usize, String)>,
}

impl NearMatches {
    /// Ids of the same kind of entity.
    #[must_use]
    pub fn new(entity: EntityId) -> Self {
        let wanted = match &entity {
            EntityId::Flow(id) => id.to_string(),
            named => String::from_utf8_lossy(id_of(named)).to_lowercase(),
        };
        Self { entity, wanted, found: Vec::new() }
    }

    /// The nearest ids, nearest first.
    #[must_use]
    pub fn ids(&self) -> Vec<String> {
        self.found.iter().map(|(_, id)| id.clone()).collect()
    }

    fn look_at(&mut self, id: &str) {
        let known = id.to_lowercase();
        let far = if known == self.wanted {
            0
        } else if known.contains(&self.wanted) {
            // The less stands around it, the nearer.
            1 + known.len().saturating_sub(self.wanted.len())
        } else {
            match distance(&self.wanted, &known) {
                Some(edits) => edits,
                None => return,
            }
        };
        let candidate = (far, id.to_owned());
        if let Err(place) = self.found.binary_search(&candidate)
            && place < NEAR_MAX
        {
            self.found.insert(place, candidate);
            self.found.truncate(NEAR_MAX);
        }
    }
}

/// The most edits between two ids that are called near.
const EDITS_MAX: usize = 2;

/// Number of characters to insert, remove or replace; `None` when they are more than [`EDITS_MAX`].
fn distance(one: &str, other: &str) -> Option<usize> {
    if one.len().abs_diff(other.len()) > EDITS_MAX * 4 {
        return None;
    }
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, c) in one.chars().enumerate() {
        let mut diagonal = index;
        let mut left = index + 1;
        let mut next = vec![left];
        for (o, above) in other.iter().zip(row.iter().skip(1)) {
            left = (above + 1).min(left + 1).min(diagonal + usize::from(*o != c));
            diagonal = *above;
            next.push(left);
        }
        if next.iter().min().is_none_or(|least| *least > EDITS_MAX) {
            return None;
        }
        row = next;
    }
    row.last().copied().filter(|edits| *edits <= EDITS_MAX)
}

impl Machine for NearMatches {
    fn take(&mut self, batch: &StoredBatch, _: Place<'_>) -> Result<ControlFlow<()>, ReadError> {
        for raw in record::records(&batch.payload).map_while(Result::ok) {
            match (tagged::changed(raw), &self.entity) {
                (Some(EntityId::Order(id)), EntityId::Order(_)) => self.look_at(id.as_str()),
                (Some(EntityId::Sku(id)), EntityId::Sku(_)) => self.look_at(id.as_str()),
                (Some(EntityId::Flow(id)), EntityId::Flow(_)) => self.look_at(&id.to_string()),
                (Some(EntityId::Lock(name)), EntityId::Lock(_)) => self.look_at(name.as_str()),
                _ => {}
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_near_when_a_few_characters_differ() {
        for (one, other, edits) in [
            ("4711", "4711", Some(0)),
            ("4711", "471", Some(1)),
            ("4711", "4171", Some(2)),
            ("", "ab", Some(2)),
            ("", "abc", None),
            ("4711", "4822", None),
            ("größe", "grösse", Some(2)),
        ] {
            assert_eq!(distance(one, other), edits, "{one} and {other}");
            assert_eq!(distance(other, one), edits, "{other} and {one}");
        }
    }
}
