//! A sorted map that is cheap to clone, and every step of which is bounded.
//!
//! Entries lie in pages of a few hundred. A clone shares them: it takes a pointer to each, and whoever writes
//! to a page first after that copies it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Entries of a page; one more, and it is split.
const PAGE_MAX: usize = 256;

type Page<K, V> = Vec<(K, V)>;

/// The map.
#[derive(Clone, Debug)]
pub(super) struct Pages<K, V> {
    /// None of them empty.
    pages: Vec<Arc<Page<K, V>>>,
    len: usize,
}

impl<K, V> Default for Pages<K, V> {
    fn default() -> Self {
        Self { pages: Vec::new(), len: 0 }
    }
}

impl<K: Ord + Clone, V: Clone> Pages<K, V> {
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The page where `key` is or belongs; behind the last one where it is greater than all.
    fn page_of(&self, key: &K) -> usize {
        self.pages.partition_point(|page| page.last().is_none_or(|(last, _)| last < key))
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        let page = self.pages.get(self.page_of(key))?;
        let index = page.binary_search_by(|(k, _)| k.cmp(key)).ok()?;
        page.get(index).map(|(_, value)| value)
    }

    pub(super) fn contains_key(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let number = self.page_of(key);
        let page = self.pages.get_mut(number)?;
        let index = page.binary_search_by(|(k, _)| k.cmp(key)).ok()?;
        Arc::make_mut(page).get_mut(index).map(|(_, value)| value)
    }

    /// The value of `key`, which is put in if it is missing.
    pub(super) fn get_or_default(&mut self, key: &K) -> Option<&mut V>
    where
        V: Default,
    {
        if !self.contains_key(key) {
            self.insert(key.clone(), V::default());
        }
        self.get_mut(key)
    }

    /// Puts a value in, in the place of the one that was there.
    pub(super) fn insert(&mut self, key: K, value: V) {
        let number = self.page_of(&key).min(self.pages.len().saturating_sub(1));
        let is_last = number + 1 == self.pages.len();
        let Some(page) = self.pages.get_mut(number) else {
            self.pages.push(Arc::new(vec![(key, value)]));
            self.len += 1;
            return;
        };
        match page.binary_search_by(|(k, _)| k.cmp(&key)) {
            Ok(index) => {
                if let Some(entry) = Arc::make_mut(page).get_mut(index) {
                    entry.1 = value;
                }
            }
            Err(index) => {
                self.len += 1;
                if index == PAGE_MAX && is_last {
                    // Keys that grow fill their pages.
                    self.pages.push(Arc::new(vec![(key, value)]));
                    return;
                }
                let page = Arc::make_mut(page);
                page.insert(index, (key, value));
                if page.len() > PAGE_MAX {
                    let upper = page.split_off(PAGE_MAX / 2);
                    self.pages.insert(number + 1, Arc::new(upper));
                }
            }
        }
    }

    pub(super) fn remove(&mut self, key: &K) {
        let number = self.page_of(key);
        let Some(page) = self.pages.get_mut(number) else { return };
        let Ok(index) = page.binary_search_by(|(k, _)| k.cmp(key)) else { return };
        let page = Arc::make_mut(page);
        page.remove(index);
        let left = page.len();
        self.len -= 1;
        if left == 0 {
            self.pages.remove(number);
        } else if left < PAGE_MAX / 4
            && self.pages.get(number + 1).is_some_and(|next| left + next.len() <= PAGE_MAX / 2)
        {
            let next = self.pages.remove(number + 1);
            if let Some(page) = self.pages.get_mut(number) {
                Arc::make_mut(page).extend(next.iter().cloned());
            }
        }
    }

    /// All entries in the order of their keys.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.pages.iter().flat_map(|page| page.iter()).map(|(key, value)| (key, value))
    }

    /// The entries whose keys are `from` or greater.
    pub(super) fn from(&self, from: &K) -> impl Iterator<Item = (&K, &V)> {
        let number = self.page_of(from);
        let first = self.pages.get(number);
        let index = first.map_or(0, |page| page.partition_point(|(key, _)| key < from));
        let behind = self.pages.get(number + 1..).unwrap_or_default().iter().flat_map(|page| page.iter());
        let first = first.and_then(|page| page.get(index..)).unwrap_or_default().iter();
        first.chain(behind).map(|(key, value)| (key, value))
    }

    /// The first entry, or the first one behind `key`.
    pub(super) fn behind(&self, key: Option<&K>) -> Option<(&K, &V)> {
        match key {
            None => self.iter().next(),
            Some(key) => self.from(key).find(|(other, _)| *other != key),
        }
    }

    pub(super) fn last_key(&self) -> Option<&K> {
        self.pages.last()?.last().map(|(key, _)| key)
    }

    /// Changes every value, and keeps the entries for which `keep` says so. Looks at all of them.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&mut V) -> bool) {
        for page in &mut self.pages {
            Arc::make_mut(page).retain_mut(|(_, value)| keep(value));
        }
        self.pages.retain(|page| !page.is_empty());
        self.len = self.pages.iter().map(|page| page.len()).sum();
    }
}

impl<K: Ord + Clone, V: Clone> FromIterator<(K, V)> for Pages<K, V> {
    fn from_iter<T: IntoIterator<Item = (K, V)>>(entries: T) -> Self {
        let mut pages = Self::default();
        entries.into_iter().for_each(|(key, value)| pages.insert(key, value));
        pages
    }
}

impl<K: Ord + Clone, V: Clone + PartialEq> PartialEq for Pages<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl<K: Ord + Clone, V: Clone + Eq> Eq for Pages<K, V> {}

impl<K: Serialize + Ord + Clone, V: Serialize + Clone> Serialize for Pages<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len))?;
        for (key, value) in self.iter() {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl<'de, K, V> Deserialize<'de> for Pages<K, V>
where
    K: Deserialize<'de> + Ord + Clone,
    V: Deserialize<'de> + Clone,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(BTreeMap::<K, V>::deserialize(deserializer)?.into_iter().collect())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn same(pages: &Pages<u32, u32>, model: &BTreeMap<u32, u32>) {
        assert!(pages.iter().eq(model.iter()));
        assert_eq!((pages.len(), pages.is_empty()), (model.len(), model.is_empty()));
        assert_eq!(pages.last_key(), model.keys().next_back());
        assert!(pages.pages.iter().all(|page| !page.is_empty() && page.len() <= PAGE_MAX));
    }

    proptest! {
        #[test]
        fn pages_do_what_a_tree_does_and_a_clone_does_not_see_it(
            changes in prop::collection::vec((0..2_000_u32, prop::option::of(0..9_u32)), 1..3_000),
            cloned_at in 0..3_000_usize,
        ) {
            let (mut pages, mut model) = (Pages::default(), BTreeMap::new());
            let mut cloned = None;
            for (number, (key, value)) in changes.iter().enumerate() {
                if number == cloned_at {
                    cloned = Some((pages.clone(), model.clone()));
                }
                match value {
                    Some(value) => {
                        pages.insert(*key, *value);
                        model.insert(*key, *value);
                    }
                    None => {
                        pages.remove(key);
                        model.remove(key);
                    }
                }
                prop_assert_eq!(pages.get(key), model.get(key));
            }
            same(&pages, &model);
            prop_assert_eq!(pages.behind(None), model.iter().next());
            if let Some((pages, model)) = &cloned {
                same(pages, model);
            }
            for from in [0, 1_000, 1_999, 2_000] {
                prop_assert!(pages.from(&from).eq(model.range(from..)));
                prop_assert_eq!(pages.behind(Some(&from)), model.range(from + 1..).next());
            }
            let text = serde_json::to_string(&pages).unwrap();
            prop_assert_eq!(&text, &serde_json::to_string(&model).unwrap());
            prop_assert_eq!(serde_json::from_str::<Pages<u32, u32>>(&text).unwrap(), pages.clone());
            pages.retain(|value| {
                *value += 1;
                *value % 2 == 0
            });
            model.retain(|_, value| {
                *value += 1;
                *value % 2 == 0
            });
            same(&pages, &model);
        }
    }

    #[test]
    fn keys_that_grow_fill_their_pages_and_leave_from_the_front() {
        let mut pages: Pages<u32, ()> = (0..10_000).map(|key| (key, ())).collect();
        assert_eq!(pages.pages.len(), 10_000_usize.div_ceil(PAGE_MAX));
        (0..9_999).for_each(|key| pages.remove(&key));
        assert_eq!((pages.len(), pages.pages.len(), pages.last_key()), (1, 1, Some(&9_999)));
    }

    #[test]
    fn a_write_after_a_clone_copies_one_page_and_shares_the_others() {
        let mut pages: Pages<u32, u32> = (0..10_000).map(|key| (key, 0)).collect();
        let clone = pages.clone();
        *pages.get_mut(&5_000).unwrap() = 1;
        let shared = pages.pages.iter().zip(&clone.pages).filter(|(one, other)| Arc::ptr_eq(one, other));
        assert_eq!(shared.count(), pages.pages.len() - 1);
        assert_eq!((clone.get(&5_000), pages.get(&5_000)), (Some(&0), Some(&1)));
    }
}
