//! Lists come in pages.

use serde::{Deserialize, Serialize};

/// The most items of one page; a larger limit is taken as this one.
pub const PAGE_ITEMS_MAX: usize = 1_000;

/// A part of a list, and where to go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T, C> {
    /// The items, in the order of the list.
    pub items: Vec<T>,
    /// What to ask with for the next page; `None` when there was no more.
    pub next: Option<C>,
}

impl<T, C> Page<T, C> {
    /// A page of at most `limit` out of items of which up to one more was fetched; `cursor_of` names the
    /// last one shown.
    pub(crate) fn cut(mut items: Vec<T>, limit: usize, cursor_of: impl FnOnce(&T) -> C) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(cursor_of);
        Self { items, next }
    }
}

/// The number of items that a page will have for a caller's limit: at least one, so that lists end.
pub(crate) fn page_limit(limit: usize) -> usize {
    limit.clamp(1, PAGE_ITEMS_MAX)
}
