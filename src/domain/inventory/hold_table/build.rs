//! A table made whole of all its holds, as a snapshot has them: each shard once, in its size.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

use super::cell::{self, OwnerRef};
use super::shard::Shard;
use super::{HoldTable, SHARD_HOLDS, hash, slot, tag};
use crate::domain::inventory::holds::{Hold, HoldOwner};

/// Room for so many holds is made at once, because they are said to come.
const EXPECTED_MAX: usize = 64 << 10;

/// Bytes of a usual cell.
const CELL_BYTES: usize = 32;

/// Holds in the order in which they came.
#[derive(Default)]
struct Gathered {
    table: HoldTable,
    /// Of each cell the hash of its owner, and its length.
    heads: Vec<(u64, u8)>,
    cells: Vec<u8>,
    others: Vec<(u64, HoldOwner, Hold)>,
}

impl Gathered {
    fn add(&mut self, owner: HoldOwner, hold: Hold) {
        if hold.is_empty() {
            return;
        }
        let hash = hash((&owner).into());
        let (units, tally) = (hold.units(), &mut self.table.tally);
        tally.reserved = tally.reserved.wrapping_add(units.reserved);
        tally.committed = tally.committed.wrapping_add(units.committed);
        tally.awaiting = tally.awaiting.wrapping_add(units.awaiting);
        self.table.len += 1;
        match cell::make((&owner).into(), &hold) {
            Some(made) => {
                // It has at most 255 bytes.
                self.heads.push((hash, u8::try_from(made.len()).unwrap_or(u8::MAX)));
                self.cells.extend_from_slice(&made);
            }
            None => self.others.push((hash, owner, hold)),
        }
    }

    fn finish(self) -> HoldTable {
        let Self { mut table, heads, cells, others } = self;
        if table.len == 0 {
            return table;
        }
        let count = table.len.div_ceil(SHARD_HOLDS);
        let mut sizes = vec![(0, 0); count];
        for (hash, length) in &heads {
            if let Some((cells, bytes)) = sizes.get_mut(slot(count, *hash)) {
                *cells += 1;
                *bytes += usize::from(*length);
            }
        }
        let mut shards: Vec<_> =
            sizes.into_iter().map(|(cells, bytes)| Shard::with_room(cells, bytes)).collect();
        let mut rest = cells.as_slice();
        for (hash, length) in heads {
            let Some((cell, behind)) = rest.split_at_checked(usize::from(length)) else { break };
            rest = behind;
            if let Some(shard) = shards.get_mut(slot(count, hash)) {
                shard.append(tag(hash), length, cell);
            }
        }
        for (hash, owner, hold) in others {
            if let Some(shard) = shards.get_mut(slot(count, hash)) {
                shard.append_other(owner, hold);
            }
        }
        shards.into_iter().for_each(|shard| table.push(shard));
        table
    }
}

struct InOrder;

impl<'de> Visitor<'de> for InOrder {
    type Value = HoldTable;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("holds in the order of their owners")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut holds: A) -> Result<HoldTable, A::Error> {
        let mut gathered = Gathered::default();
        let expected = holds.size_hint().unwrap_or_default().min(EXPECTED_MAX);
        gathered.heads.reserve(expected);
        gathered.cells.reserve(expected * CELL_BYTES);
        let mut last: Option<HoldOwner> = None;
        while let Some((owner, hold)) = holds.next_element::<(HoldOwner, Hold)>()? {
            // So that nobody comes twice.
            if last.as_ref().is_some_and(|last| OwnerRef::from(last) >= OwnerRef::from(&owner)) {
                return Err(A::Error::custom(format!("the hold of {owner} stands out of order")));
            }
            last = Some(owner.clone());
            gathered.add(owner, hold);
        }
        Ok(gathered.finish())
    }
}

impl<'de> Deserialize<'de> for HoldTable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(InOrder)
    }
}
