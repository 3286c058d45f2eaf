//! A few dozen holds side by side.

use super::cell::{self, Cell, OwnerRef};
use crate::domain::inventory::holds::{Hold, HoldOwner, Tally};

/// Bytes of the heap beside those of the cells: the shard and its counts, two headers of allocations, and
/// the pointer to it.
const SHARD_BYTES: usize = size_of::<Shard>() + 48;

/// About what hangs on a hold that has no cell.
const OTHER_BYTES: usize = 96;

/// Room for so many more cells like the present one is made at once.
const ROOM_CELLS: usize = 3;

/// A cell's part of its owner's hash, and its length.
type Head = [u8; 2];

/// The holds whose hashes belong together.
#[derive(Clone, Debug, Default)]
pub(super) struct Shard {
    /// Cell by cell, in no order. Apart from the cells, so that looking one up reads little more than these.
    heads: Vec<Head>,
    cells: Vec<u8>,
    /// Holds that have no cell.
    others: Vec<(HoldOwner, Hold)>,
}

/// Where a hold is.
enum Place {
    /// By its number, and the bytes from one up to another.
    Cell(usize, usize, usize),
    Other(usize),
}

/// A hold in its place.
#[derive(Clone, Copy, Debug)]
pub(super) enum Entry<'a> {
    Cell(Cell<'a>),
    Other(&'a HoldOwner, &'a Hold),
}

impl<'a> Entry<'a> {
    pub(super) fn owner(self) -> OwnerRef<'a> {
        match self {
            Self::Cell(cell) => cell.owner(),
            Self::Other(owner, _) => owner.into(),
        }
    }

    pub(super) fn hold(self) -> Hold {
        match self {
            Self::Cell(cell) => cell.hold(),
            Self::Other(_, hold) => hold.clone(),
        }
    }

    fn units(self) -> Tally {
        match self {
            Self::Cell(cell) => cell.units(),
            Self::Other(_, hold) => hold.units(),
        }
    }
}

impl Shard {
    fn find(&self, tag: u8, owner: OwnerRef<'_>) -> Option<(Place, Entry<'_>)> {
        let mut from = 0;
        for (number, [t, length]) in self.heads.iter().enumerate() {
            let to = from + usize::from(*length);
            if *t == tag
                && let Some(cell) = self.cells.get(from..to).map(Cell)
                && cell.is_of(owner)
            {
                return Some((Place::Cell(number, from, to), Entry::Cell(cell)));
            }
            from = to;
        }
        let index = self.others.iter().position(|(other, _)| OwnerRef::from(other) == owner)?;
        let (owner, hold) = self.others.get(index)?;
        Some((Place::Other(index), Entry::Other(owner, hold)))
    }

    pub(super) fn get(&self, tag: u8, owner: OwnerRef<'_>) -> Option<Hold> {
        self.find(tag, owner).map(|(_, entry)| entry.hold())
    }

    /// Makes `hold` what `owner` holds, nothing where it is empty; answers the units held before.
    pub(super) fn put(&mut self, tag: u8, owner: &HoldOwner, hold: Hold) -> Option<Tally> {
        let found = self.find(tag, owner.into());
        let (place, old) = found.map(|(place, entry)| (place, entry.units())).unzip();
        let made = if hold.is_empty() { None } else { cell::make(owner.into(), &hold) };
        match (place, made) {
            (Some(Place::Cell(_, from, to)), Some(made)) if to - from == made.len() => {
                if let Some(cell) = self.cells.get_mut(from..to) {
                    cell.copy_from_slice(&made);
                }
                return old;
            }
            (Some(place), made) => {
                self.remove(place);
                match made {
                    Some(made) => self.push(tag, &made),
                    None if hold.is_empty() => self.shrink(),
                    None => self.others.push((owner.clone(), hold)),
                }
            }
            (None, Some(made)) => self.push(tag, &made),
            (None, None) if hold.is_empty() => {}
            (None, None) => self.others.push((owner.clone(), hold)),
        }
        old
    }

    fn remove(&mut self, place: Place) {
        match place {
            Place::Cell(number, from, to) => {
                self.heads.remove(number);
                self.cells.drain(from..to);
            }
            Place::Other(index) => drop(self.others.swap_remove(index)),
        }
    }

    fn push(&mut self, tag: u8, made: &[u8]) {
        // It has at most 255 bytes.
        let Ok(length) = u8::try_from(made.len()) else { return };
        if self.heads.capacity() == self.heads.len() {
            self.heads.reserve_exact(2 * ROOM_CELLS);
        }
        self.heads.push([tag, length]);
        if self.cells.capacity() - self.cells.len() < made.len() {
            self.cells.reserve_exact(made.len() * ROOM_CELLS);
        }
        self.cells.extend_from_slice(made);
    }

    /// Gives memory back when most of it is unused.
    fn shrink(&mut self) {
        if self.cells.len() < self.cells.capacity() / 2 {
            self.cells.shrink_to_fit();
            self.heads.shrink_to_fit();
        }
        if self.others.len() < self.others.capacity() / 2 {
            self.others.shrink_to_fit();
        }
    }

    /// Takes out the holds of the owners who leave, as a shard of their own.
    pub(super) fn split(&mut self, leaves: impl Fn(OwnerRef<'_>) -> bool) -> Self {
        let (mut gone, mut kept) = (Self::default(), Self::default());
        for (head, cell) in self.cells() {
            let part = if leaves(cell.owner()) { &mut gone } else { &mut kept };
            part.heads.push(head);
            part.cells.extend_from_slice(cell.0);
        }
        for (owner, hold) in std::mem::take(&mut self.others) {
            let part = if leaves(OwnerRef::from(&owner)) { &mut gone } else { &mut kept };
            part.others.push((owner, hold));
        }
        gone.fit();
        kept.fit();
        *self = kept;
        gone
    }

    fn fit(&mut self) {
        self.heads.shrink_to_fit();
        self.cells.shrink_to_fit();
        self.others.shrink_to_fit();
    }

    fn cells(&self) -> impl Iterator<Item = (Head, Cell<'_>)> {
        let mut rest = self.cells.as_slice();
        self.heads.iter().map_while(move |head| {
            let (cell, behind) = rest.split_at_checked(usize::from(head[1]))?;
            rest = behind;
            Some((*head, Cell(cell)))
        })
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let others = self.others.iter().map(|(owner, hold)| Entry::Other(owner, hold));
        self.cells().map(|(_, cell)| Entry::Cell(cell)).chain(others)
    }

    /// About how many bytes of the heap the shard has.
    pub(super) fn bytes(&self) -> usize {
        let others =
            self.others.capacity() * size_of::<(HoldOwner, Hold)>() + self.others.len() * OTHER_BYTES;
        SHARD_BYTES + self.cells.capacity() + self.heads.capacity() * size_of::<Head>() + others
    }
}
