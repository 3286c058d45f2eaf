//! A set of orders' numbers, in a bit each where they lie close together.

use std::collections::BTreeMap;
use std::ops::Range;

/// The set: for each 64 numbers one word, if any of them is in it.
#[derive(Debug, Default)]
pub(super) struct NumberSet {
    words: BTreeMap<u32, u64>,
    len: usize,
}

/// The word of a number, and its bit there.
const fn place(number: u32) -> (u32, u64) {
    (number / u64::BITS, 1 << (number % u64::BITS))
}

/// The numbers of a word, from the greatest down.
pub(super) fn numbers_of(word: u32, bits: u64) -> impl Iterator<Item = u32> {
    let numbers = (0..u64::BITS).rev().filter(move |bit| bits & (1 << *bit) != 0);
    numbers.map(move |bit| word * u64::BITS + bit)
}

impl NumberSet {
    pub(super) fn insert(&mut self, number: u32) {
        let (word, bit) = place(number);
        let word = self.words.entry(word).or_default();
        self.len += usize::from(*word & bit == 0);
        *word |= bit;
    }

    /// Whether the number was in it.
    pub(super) fn remove(&mut self, number: &u32) -> bool {
        let (at, bit) = place(*number);
        let Some(word) = self.words.get_mut(&at) else { return false };
        let was_in = *word & bit != 0;
        self.len -= usize::from(was_in);
        *word &= !bit;
        if *word == 0 {
            self.words.remove(&at);
        }
        was_in
    }

    pub(super) fn contains(&self, number: u32) -> bool {
        let (word, bit) = place(number);
        self.word(word) & bit != 0
    }

    /// The bits of 64 numbers that lie together.
    pub(super) fn word(&self, at: u32) -> u64 {
        self.words.get(&at).copied().unwrap_or_default()
    }

    /// The words that have any number of a range, from the greatest down, with their bits.
    pub(super) fn newest_words(&self, from: u32, until: u32) -> impl Iterator<Item = (u32, u64)> {
        let (first, behind) = (from / u64::BITS, until.div_ceil(u64::BITS));
        self.words.range(first..behind.max(first)).rev().map(|(word, bits)| (*word, *bits))
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// The numbers in a range, from the greatest down.
    pub(super) fn newest(&self, range: Range<u32>) -> impl Iterator<Item = u32> {
        let words = self.newest_words(range.start, range.end);
        words.flat_map(|(word, bits)| numbers_of(word, bits)).filter(move |number| range.contains(number))
    }
}

impl FromIterator<u32> for NumberSet {
    fn from_iter<T: IntoIterator<Item = u32>>(numbers: T) -> Self {
        let mut set = Self::default();
        numbers.into_iter().for_each(|number| set.insert(number));
        set
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_set_of_numbers_does_what_a_tree_of_them_does() {
        let mut random = fastrand::Rng::with_seed(3);
        let (mut set, mut model) = (NumberSet::default(), BTreeSet::new());
        for _ in 0..20_000 {
            let number = random.u32(..2_000);
            if random.bool() {
                set.insert(number);
                model.insert(number);
            } else {
                assert_eq!(set.remove(&number), model.remove(&number));
            }
            assert_eq!(set.len(), model.len());
        }
        for _ in 0..1_000 {
            let (from, until) = (random.u32(..2_100), random.u32(..2_100));
            let expected: Vec<_> =
                model.iter().rev().filter(|n| (from..until).contains(*n)).copied().collect();
            assert_eq!(set.newest(from..until).collect::<Vec<_>>(), expected);
        }
        assert_eq!(set.newest(0..u32::MAX).count(), model.len());
        let again: NumberSet = model.iter().copied().collect();
        assert!(again.newest(0..u32::MAX).eq(set.newest(0..u32::MAX)));
        assert!(model.iter().all(|number| set.remove(number)));
        assert!(set.words.is_empty() && set.is_empty());
    }
}
