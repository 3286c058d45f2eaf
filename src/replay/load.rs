//! Loading a snapshot into a world: all threads read, verify and decode its sections, and one takes them in.

use super::abreast::{self, Panicked};
use super::compact::{self, OrderHead, Packed, Tombstone, Unpacked};
use super::works::Works;
use super::world::{KeyAnswer, World};
use crate::domain::command::ScopedKey;
use crate::domain::ids::SellerId;
use crate::domain::inventory::Inventory;
use crate::journal::codec::{self, CodecError};
use crate::query::{Listing, sellers_of};
use crate::snapshot::{Flaw, Footer, Header, Kind, Section, SnapshotReader};

/// Fewer bytes no order has in a snapshot.
const ORDER_BYTES_MIN: u64 = 32;

/// How far loading is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadProgress {
    /// Bytes of the snapshot read so far.
    pub bytes_done: u64,
    /// Bytes of the snapshot.
    pub bytes_total: u64,
    /// Entities and keys loaded so far.
    pub entities: u64,
}

enum Piece {
    Skus(Vec<Inventory>),
    Orders(u32, Vec<Shelved>),
    Keys(Vec<(ScopedKey, KeyAnswer)>),
    Works(Vec<Works>),
}

struct Shelved {
    packed: Packed,
    head: Head,
}

enum Head {
    Order(OrderHead, Vec<SellerId>),
    Retired(Tombstone),
}

/// A section that has been read, and how many of the snapshot's bytes.
type Read = Result<(Section, (u64, u64)), Flaw>;

/// The same, decoded.
type Decoded = Result<(Piece, (u64, u64)), Flaw>;

impl From<Panicked> for Flaw {
    fn from(Panicked: Panicked) -> Self {
        Self::Io { detail: "a thread that decodes it panicked".to_owned() }
    }
}

/// Loads a whole snapshot into an empty world. With `side_by_side`, sections are decoded on as many threads
/// as the machine runs at once; what comes of them is the same.
///
/// # Errors
/// The first flaw of the snapshot. The world is then of no use.
pub fn load(
    reader: SnapshotReader,
    world: &mut World,
    side_by_side: bool,
    mut tell: impl FnMut(LoadProgress),
) -> Result<Footer, Flaw> {
    let header = reader.header().clone();
    world.last_at = header.at;
    header.origins.iter().for_each(|origin| world.index.note_origin(*origin));
    // Believed only as far as the file can hold so many.
    let orders = u64::from(header.orders).min(reader.progress().1 / ORDER_BYTES_MIN);
    world.shelf.reserve(usize::try_from(orders).unwrap_or_default());
    let mut progress = LoadProgress::default();
    let mut take = |(piece, (done, total)): (Piece, (u64, u64))| {
        progress.entities += world.take(piece, &header)?;
        (progress.bytes_done, progress.bytes_total) = (done, total);
        tell(progress);
        Ok::<(), Flaw>(())
    };
    let threads = if side_by_side { abreast::threads() } else { 1 };
    let reader = abreast::in_order(reader, threads, next, decode_next, |decoded| take(decoded?))?;
    let Some(footer) = reader.footer().copied() else {
        return Err(Flaw::Io { detail: "it has no footer".to_owned() });
    };
    if world.index.next_number() != header.orders {
        return Err(Flaw::Foreign { detail: "it does not hold as many orders as it says".to_owned() });
    }
    world.high = footer.high.sequence;
    Ok(footer)
}

/// The next section, or the flaw behind which there is none.
fn next(reader: &mut SnapshotReader) -> Option<Read> {
    let section = reader.next_section().transpose()?;
    Some(section.map(|section| (section, reader.progress())))
}

fn decode_next(read: Read) -> Decoded {
    let (section, progress) = read?;
    Ok((decode(&section)?, progress))
}

fn decode(section: &Section) -> Result<Piece, Flaw> {
    let flawed = |error: CodecError| section.damaged(error.to_string());
    let entries = section.entries()?;
    match section.kind {
        Kind::Skus => {
            let skus: Result<Vec<_>, _> = entries.into_iter().map(codec::decode).collect();
            skus.map(Piece::Skus).map_err(flawed)
        }
        Kind::Keys => {
            let keys: Result<Vec<_>, _> = entries.into_iter().map(codec::decode).collect();
            keys.map(Piece::Keys).map_err(flawed)
        }
        Kind::Works => {
            let works: Result<Vec<_>, _> = entries.into_iter().map(codec::decode).collect();
            works.map(Piece::Works).map_err(flawed)
        }
        _ => {
            let mut orders = Vec::with_capacity(entries.len());
            for (bytes, number) in entries.into_iter().zip(section.first..) {
                if compact::number_of(bytes) != Some(number) {
                    return Err(section.damaged(format!("an order stands where order {number} should")));
                }
                let head = if compact::is_retired(bytes) {
                    compact::tombstone_of(bytes).map(Head::Retired)
                } else {
                    order_head(bytes)
                };
                orders.push(Shelved { packed: bytes.into(), head: head.map_err(flawed)? });
            }
            Ok(Piece::Orders(section.first, orders))
        }
    }
}

/// What the index wants to know of an order. Most name no sellers, and need not be looked into further.
fn order_head(bytes: &[u8]) -> Result<Head, CodecError> {
    let head = compact::head_of(bytes)?;
    if !compact::has_sellers(bytes) {
        return Ok(Head::Order(head, Vec::new()));
    }
    let Unpacked::Order(order) = compact::unpack(bytes)? else { return Ok(Head::Order(head, Vec::new())) };
    Ok(Head::Order(head, sellers_of(&order).cloned().collect()))
}

impl World {
    /// Takes over a part of a snapshot; answers how many entities and keys it has.
    fn take(&mut self, piece: Piece, header: &Header) -> Result<u64, Flaw> {
        match piece {
            Piece::Skus(skus) => {
                let count = skus.len() as u64;
                self.stock.skus.extend(skus.into_iter().map(|sku| (sku.sku.clone(), sku)));
                Ok(count)
            }
            Piece::Keys(keys) => {
                let count = keys.len() as u64;
                self.keys.extend(keys);
                Ok(count)
            }
            Piece::Works(works) => {
                let count = works.iter().map(|works| (works.flows.len() + works.locks.len()) as u64).sum();
                works.into_iter().for_each(|works| self.works = works);
                Ok(count)
            }
            Piece::Orders(first, orders) => {
                if first != self.index.next_number() {
                    let detail = format!("orders from number {first} on stand in the wrong place");
                    return Err(Flaw::Foreign { detail });
                }
                let count = orders.len() as u64;
                for Shelved { packed, head } in orders {
                    self.shelve(packed, head, header);
                }
                Ok(count)
            }
        }
    }

    fn shelve(&mut self, packed: Packed, head: Head, header: &Header) {
        let chunk = self.index.chunk_of_next();
        let since = header.since.get(chunk).copied().unwrap_or_default();
        match head {
            Head::Retired(tombstone) => {
                self.index.enlist_retired(&tombstone.id, since);
                self.shelf.put(tombstone.id, packed);
            }
            Head::Order(head, sellers) => {
                let listing = Listing {
                    id: &head.id,
                    placed_at: head.placed_at,
                    business: &head.business,
                    customer: head.customer.as_ref(),
                    lifecycle: head.lifecycle,
                    state: head.state,
                    origin: head.origin,
                };
                let number = self.index.enlist(&listing, since);
                self.index.note_sellers(number, sellers.iter());
                self.shelf.put(head.id, packed);
            }
        }
    }
}
