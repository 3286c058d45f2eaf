//! The ids of orders by their numbers, in a few bytes each.
//!
//! Ids that were made one after another begin alike. So each is kept as how many bytes it has in common with the
//! one before, and the rest. Every sixteenth stands whole, so that none is far to find.

use smallvec::SmallVec;

use super::chunked::Chunked;
use crate::domain::ids::{ID_BYTES_MAX, OrderId};

/// Ids that are kept in one piece.
const BLOCK_NAMES: usize = 16;

/// The bytes of one id.
type Text = SmallVec<[u8; ID_BYTES_MAX]>;

/// The ids.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Of each id: bytes in common with the one before, bytes of the rest, the rest.
    blocks: Chunked<Box<[u8]>>,
    /// The last block, while there is room in it, how many it has, and the last of them.
    open: Vec<u8>,
    count: usize,
    last: Text,
}

impl Names {
    /// Adds the id of the next number.
    pub(super) fn push(&mut self, id: &OrderId) {
        let text = id.as_str().as_bytes();
        let common = self.last.iter().zip(text).take_while(|(before, now)| before == now).count();
        let common = if self.count == 0 { 0 } else { common };
        let rest = text.get(common..).unwrap_or_default();
        // Ids have at most 128 bytes.
        let length = |bytes: usize| u8::try_from(bytes).unwrap_or(u8::MAX);
        self.open.extend([length(common), length(rest.len())]);
        self.open.extend_from_slice(rest);
        self.last.truncate(common);
        self.last.extend_from_slice(rest);
        self.count += 1;
        if self.count == BLOCK_NAMES {
            self.blocks.push(self.open.as_slice().into());
            self.open.clear();
            self.count = 0;
        }
    }

    /// The id of a number.
    pub(super) fn get(&self, number: u32) -> Option<OrderId> {
        let (block, place) = (number / BLOCK_NAMES as u32, number as usize % BLOCK_NAMES);
        let block = match self.blocks.get(block) {
            Some(block) => block,
            None if block == self.blocks.len() && place < self.count => self.open.as_slice(),
            None => return None,
        };
        let mut text = Text::new();
        let mut rest = block;
        for _ in 0..=place {
            let [common, length, behind @ ..] = rest else { return None };
            let (own, behind) = behind.split_at_checked(usize::from(*length))?;
            text.truncate(usize::from(*common));
            text.extend_from_slice(own);
            rest = behind;
        }
        OrderId::new(std::str::from_utf8(&text).ok()?).ok()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn names_of_all_kinds_come_back_by_their_numbers() {
        let mut random = fastrand::Rng::with_seed(11);
        let text = |number: usize, random: &mut fastrand::Rng| match random.u8(..6) {
            0 => format!("{:032x}", random.u128(..)),
            // They have a part of a character in common.
            1 => "äöüé".chars().nth(number % 4).unwrap().to_string(),
            2 => "x".repeat(random.usize(1..=ID_BYTES_MAX)),
            _ => format!("order-{number:09}"),
        };
        let texts: Vec<_> = (0..5_000).map(|number| text(number, &mut random)).collect();
        let mut names = Names::default();
        for (number, text) in texts.iter().enumerate() {
            assert_eq!(names.get(number as u32), None);
            names.push(&text.parse().unwrap());
            assert_eq!(names.get(number as u32).unwrap().as_str(), text);
        }
        for (number, text) in texts.iter().enumerate() {
            assert_eq!(names.get(number as u32).unwrap().as_str(), text);
        }
        assert_eq!((names.get(5_000), names.get(u32::MAX)), (None, None));
    }

    #[test]
    fn names_that_count_take_a_few_bytes_each() {
        let mut names = Names::default();
        (0..BLOCK_NAMES * 100).for_each(|number| names.push(&format!("order-{number:09}").parse().unwrap()));
        let bytes: usize =
            (0..100).filter_map(|block| names.blocks.get(block)).map(|block| block.len()).sum();
        assert!(bytes < BLOCK_NAMES * 100 * 5, "{bytes}");
    }
}
