//! A few dozen holds side by side.

use smallvec::SmallVec;

use super::cell::{self, Cell, Name, OwnerRef};
use crate::domain::inventory::holds::{Hold, HoldOwner, Tally};

/// Bytes of the heap beside those of the cells: the shard, and the headers of its allocations.
const SHARD_BYTES: usize = size_of::<Shard>() + 32;

/// About what hangs on a hold that has no cell.
const OTHER_BYTES: usize = 96;

/// Room for so many more cells like the present one is made at once.
const ROOM_CELLS: usize = 6;

/// The holds whose hashes belong together.
#[derive(Clone, Debug, Default)]
pub(super) struct Shard {
    /// Of each cell a part of its owner's hash, and behind those the cells' lengths: so many of the one as of the
    /// other. Apart from the cells, so that looking one up reads little more than the parts of hashes.
    heads: Vec<u8>,
    /// Cell by cell, in no order.
    cells: Vec<u8>,
    /// Holds that have no cell. Apart, because hardly any shard has one.
    others: Option<Box<Others>>,
}

type Others = Vec<(HoldOwner, Hold)>;

/// Lengths of a shard's cells, most of the time.
type Lengths = SmallVec<[u8; 64]>;

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

    /// Whether it is a cart's that lapses.
    pub(super) fn lapses(self) -> bool {
        match self {
            Self::Cell(cell) => cell.lapses(),
            Self::Other(owner, hold) => matches!(owner, HoldOwner::Cart(_)) && hold.deadline.is_some(),
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
    /// An empty shard with room for so many cells of so many bytes in all.
    pub(super) fn with_room(cells: usize, bytes: usize) -> Self {
        Self { heads: Vec::with_capacity(2 * cells), cells: Vec::with_capacity(bytes), others: None }
    }

    /// Adds the cell of an owner who is not there yet; `tag` is the part of his hash.
    pub(super) fn append(&mut self, tag: u8, length: u8, cell: &[u8]) {
        self.heads.insert(self.heads.len() / 2, tag);
        self.heads.push(length);
        self.cells.extend_from_slice(cell);
    }

    /// Adds a hold that has no cell, likewise.
    pub(super) fn append_other(&mut self, owner: HoldOwner, hold: Hold) {
        self.others.get_or_insert_default().push((owner, hold));
    }

    /// The holds that have no cell.
    pub(super) fn others(&self) -> &[(HoldOwner, Hold)] {
        self.others.as_deref().map_or(&[], Vec::as_slice)
    }

    /// The cells' parts of hashes, and their lengths.
    fn heads(&self) -> (&[u8], &[u8]) {
        self.heads.split_at(self.heads.len() / 2)
    }

    fn find(&self, tag: u8, owner: OwnerRef<'_>) -> Option<(Place, Entry<'_>)> {
        let (tags, lengths) = self.heads();
        if memchr::memchr(tag, tags).is_some() {
            let mut from = 0;
            for (number, (t, length)) in tags.iter().zip(lengths).enumerate() {
                let to = from + usize::from(*length);
                if *t == tag
                    && let Some(cell) = self.cells.get(from..to).map(Cell)
                    && cell.is_of(owner)
                {
                    return Some((Place::Cell(number, from, to), Entry::Cell(cell)));
                }
                from = to;
            }
        }
        let others = self.others.as_deref()?;
        let index = others.iter().position(|(other, _)| OwnerRef::from(other) == owner)?;
        let (owner, hold) = others.get(index)?;
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
                    None => self.others.get_or_insert_default().push((owner.clone(), hold)),
                }
            }
            (None, Some(made)) => self.push(tag, &made),
            (None, None) if hold.is_empty() => {}
            (None, None) => self.others.get_or_insert_default().push((owner.clone(), hold)),
        }
        old
    }

    fn remove(&mut self, place: Place) {
        match place {
            Place::Cell(number, from, to) => {
                self.heads.remove(number + self.heads.len() / 2);
                self.heads.remove(number);
                self.cells.drain(from..to);
            }
            Place::Other(index) => {
                if let Some(others) = &mut self.others {
                    others.swap_remove(index);
                }
            }
        }
    }

    fn push(&mut self, tag: u8, made: &[u8]) {
        // It has at most 255 bytes.
        let Ok(length) = u8::try_from(made.len()) else { return };
        if self.heads.capacity() - self.heads.len() < 2 {
            self.heads.reserve_exact(2 * ROOM_CELLS);
        }
        self.heads.insert(self.heads.len() / 2, tag);
        self.heads.push(length);
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
        self.fit_others();
    }

    /// Takes out the holds of the owners who leave, as a shard of their own.
    pub(super) fn split(&mut self, leaves: impl Fn(Name<'_>) -> bool) -> Self {
        let (mut gone, mut kept) = (Self::default(), Self::default());
        // The lengths wait until all that comes before them is there.
        let (mut gone_lengths, mut kept_lengths): (Lengths, Lengths) = Default::default();
        for (tag, length, cell) in self.cells() {
            let leaves = leaves(cell.name());
            let (part, lengths) =
                if leaves { (&mut gone, &mut gone_lengths) } else { (&mut kept, &mut kept_lengths) };
            part.heads.push(tag);
            lengths.push(length);
            part.cells.extend_from_slice(cell.0);
        }
        gone.heads.extend_from_slice(&gone_lengths);
        kept.heads.extend_from_slice(&kept_lengths);
        for (owner, hold) in self.others.take().into_iter().flat_map(|others| *others) {
            let part = if leaves(OwnerRef::from(&owner).name()) { &mut gone } else { &mut kept };
            part.others.get_or_insert_default().push((owner, hold));
        }
        gone.fit();
        kept.fit();
        *self = kept;
        gone
    }

    fn fit(&mut self) {
        self.heads.shrink_to_fit();
        self.cells.shrink_to_fit();
        self.fit_others();
    }

    fn fit_others(&mut self) {
        match &mut self.others {
            Some(others) if others.is_empty() => self.others = None,
            Some(others) if others.len() < others.capacity() / 2 => others.shrink_to_fit(),
            _ => {}
        }
    }

    /// Each cell, with its part of a hash and its length.
    fn cells(&self) -> impl Iterator<Item = (u8, u8, Cell<'_>)> {
        let mut rest = self.cells.as_slice();
        let (tags, lengths) = self.heads();
        tags.iter().zip(lengths).map_while(move |(tag, length)| {
            let (cell, behind) = rest.split_at_checked(usize::from(*length))?;
            rest = behind;
            Some((*tag, *length, Cell(cell)))
        })
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let others = self.others().iter();
        let others = others.map(|(owner, hold)| Entry::Other(owner, hold));
        self.cells().map(|(_, _, cell)| Entry::Cell(cell)).chain(others)
    }

    /// About how many bytes of the heap the shard has.
    pub(super) fn bytes(&self) -> usize {
        let others = self.others.as_deref().map_or(0, |others| {
            others.capacity() * size_of::<(HoldOwner, Hold)>() + others.len() * OTHER_BYTES
        });
        SHARD_BYTES + self.cells.capacity() + self.heads.capacity() + others
    }
}
