//! A hold in a few bytes.
//!
//! ```text
//! ┌───────────┬───────────┬───────┬──────────┬───────────┬──────┬──────────┬──────────┐
//! │ flags [1] │ owner [1] │ owner │ reserved │ committed │ step │ deadline │ purchase │
//! └───────────┴───────────┴───────┴──────────┴───────────┴──────┴──────────┴──────────┘
//! ```
//!
//! Numbers take seven bits a byte. The last two are there where the flags say so; a purchase is the buyer with
//! a length before it, and the day. A hold that has more to it, or would not fit 255 bytes, has no cell. How
//! long a cell is, its shard knows.

use smallvec::SmallVec;

use crate::domain::ids::{CartId, CustomerId, OrderId};
use crate::domain::inventory::holds::{Hold, HoldOwner, Purchase, Tally};
use crate::domain::time::Timestamp;

/// The owner is a cart.
const CART: u8 = 1;
const DEADLINE: u8 = 2;
const PURCHASE: u8 = 4;
/// The purchase has a day.
const DAY: u8 = 8;

/// Bytes of a cell's body before the owner's name.
const HEAD_BYTES: usize = 2;

/// An owner by reference; sorted as [`HoldOwner`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct OwnerRef<'a> {
    pub(super) is_cart: bool,
    pub(super) id: &'a str,
}

/// An owner by its name's bytes, as it is hashed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name<'a> {
    pub(super) is_cart: bool,
    pub(super) id: &'a [u8],
}

impl<'a> OwnerRef<'a> {
    pub(super) const fn name(self) -> Name<'a> {
        Name { is_cart: self.is_cart, id: self.id.as_bytes() }
    }
}

impl<'a> From<&'a HoldOwner> for OwnerRef<'a> {
    fn from(owner: &'a HoldOwner) -> Self {
        match owner {
            HoldOwner::Order(id) => Self { is_cart: false, id: id.as_str() },
            HoldOwner::Cart(id) => Self { is_cart: true, id: id.as_str() },
        }
    }
}

impl From<OwnerRef<'_>> for HoldOwner {
    fn from(OwnerRef { is_cart, id }: OwnerRef<'_>) -> Self {
        if is_cart { Self::Cart(CartId::known(id)) } else { Self::Order(OrderId::known(id)) }
    }
}

/// A cell in the making.
pub(super) type Made = SmallVec<[u8; 96]>;

fn push_number(cell: &mut Made, mut number: u64) {
    while number >= 0x80 {
        cell.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    cell.push(number.to_le_bytes()[0]);
}

fn push_text(cell: &mut Made, text: &str) {
    // Ids have at most 128 bytes.
    cell.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
    cell.extend_from_slice(text.as_bytes());
}

/// The cell of a hold; `None` where it has none.
pub(super) fn make(owner: OwnerRef<'_>, hold: &Hold) -> Option<Made> {
    let Hold { reserved, committed, step, deadline, purchase, from_cart, located, awaiting } = hold;
    if from_cart.is_some() || located.is_some() || awaiting.is_some() {
        return None;
    }
    let day = purchase.as_ref().and_then(|purchase| purchase.day);
    let flag = |is: bool, flag: u8| if is { flag } else { 0 };
    let flags = flag(owner.is_cart, CART)
        | flag(deadline.is_some(), DEADLINE)
        | flag(purchase.is_some(), PURCHASE)
        | flag(day.is_some(), DAY);
    let mut cell = Made::new();
    cell.push(flags);
    push_text(&mut cell, owner.id);
    push_number(&mut cell, *reserved);
    push_number(&mut cell, *committed);
    push_number(&mut cell, u64::from(*step));
    if let Some(deadline) = deadline {
        push_number(&mut cell, deadline.as_millis());
    }
    if let Some(purchase) = purchase {
        push_text(&mut cell, purchase.buyer.as_str());
    }
    if let Some(day) = day {
        push_number(&mut cell, u64::from(day));
    }
    (cell.len() <= usize::from(u8::MAX)).then_some(cell)
}

/// What is left to be read of a cell. What is missing reads as nothing: only this file makes cells.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn byte(&mut self) -> u8 {
        let Some((byte, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *byte
    }

    fn number(&mut self) -> u64 {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = self.byte();
            number |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 || shift > 63 {
                return number;
            }
        }
    }

    fn narrow(&mut self) -> u32 {
        u32::try_from(self.number()).unwrap_or(u32::MAX)
    }

    fn text(&mut self) -> &'a str {
        let length = usize::from(self.byte());
        let (text, rest) = self.0.split_at_checked(length).unwrap_or_default();
        self.0 = rest;
        std::str::from_utf8(text).unwrap_or_default()
    }
}

/// A cell's bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell<'a>(pub(super) &'a [u8]);

impl<'a> Cell<'a> {
    /// Whether it is the cell of `owner`.
    pub(super) fn is_of(self, owner: OwnerRef<'_>) -> bool {
        let [flags, length, ..] = *self.0 else { return false };
        let length = usize::from(length);
        length == owner.id.len()
            && (flags & CART != 0) == owner.is_cart
            && self.0.get(HEAD_BYTES..HEAD_BYTES + length) == Some(owner.id.as_bytes())
    }

    /// The owner, whose bytes are not looked at.
    pub(super) fn name(self) -> Name<'a> {
        let (owner, rest) = self.0.get(HEAD_BYTES - 1..).and_then(<[u8]>::split_first).unwrap_or((&0, &[]));
        let id = rest.get(..usize::from(*owner)).unwrap_or_default();
        Name { is_cart: self.flags() & CART != 0, id }
    }

    fn flags(self) -> u8 {
        self.0.first().copied().unwrap_or_default()
    }

    /// Whether it is a cart's that lapses.
    pub(super) fn lapses(self) -> bool {
        self.flags() & (CART | DEADLINE) == CART | DEADLINE
    }

    pub(super) fn owner(self) -> OwnerRef<'a> {
        let mut rest = Rest(self.0.get(HEAD_BYTES - 1..).unwrap_or_default());
        OwnerRef { is_cart: self.flags() & CART != 0, id: rest.text() }
    }

    /// What follows the owner.
    fn behind_owner(self) -> Rest<'a> {
        let owner = self.0.get(HEAD_BYTES - 1).copied().map_or(0, usize::from);
        Rest(self.0.get(HEAD_BYTES + owner..).unwrap_or_default())
    }

    pub(super) fn units(self) -> Tally {
        let mut rest = self.behind_owner();
        Tally { reserved: rest.number(), committed: rest.number(), awaiting: 0 }
    }

    pub(super) fn hold(self) -> Hold {
        let (flags, mut rest) = (self.flags(), self.behind_owner());
        let (reserved, committed, step) = (rest.number(), rest.number(), rest.narrow());
        let deadline = (flags & DEADLINE != 0).then(|| Timestamp::from_millis(rest.number()));
        let purchase = (flags & PURCHASE != 0).then(|| {
            let buyer = CustomerId::known(rest.text());
            Box::new(Purchase { buyer, day: (flags & DAY != 0).then(|| rest.narrow()) })
        });
        Hold { reserved, committed, step, deadline, purchase, ..Hold::default() }
    }
}
