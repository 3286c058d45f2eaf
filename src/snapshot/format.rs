//! The bytes of a snapshot: sections, each with its kind, number, count, length and checksum. Little endian.
//!
//! ```text
//!  0        4         6      8         12      16             20           24       28
//! ┌────────┬─────────┬──────┬─────────┬───────┬───────────────┬────────────┬────────┬─────────┐
//! │ magic  │ version │ kind │ section │ count │ payload bytes │ first      │ crc32c │ payload │
//! └────────┴─────────┴──────┴─────────┴───────┴───────────────┴────────────┴────────┴─────────┘
//! ```
//!
//! 1. The first section is the header, the last the footer; nothing stands behind it.
//! 2. `crc32c` covers bytes 0..24 and the payload. The footer holds a BLAKE3 hash of all bytes before it.
//! 3. The payload of SKUs, orders and keys is entries, each a length of four bytes and that many bytes.

use serde::{Deserialize, Serialize};

use crate::domain::ids::IdOrigin;
use crate::domain::time::Timestamp;
use crate::journal::{Cursor, LogMark};

/// Begins every section: `EMSS`.
pub(super) const MAGIC: u32 = u32::from_le_bytes(*b"EMSS");
/// The version this build writes, and the newest it reads.
pub(super) const VERSION: u16 = 1;

const VERSION_AT: usize = 4;
const KIND_AT: usize = VERSION_AT + 2;
const SECTION_AT: usize = KIND_AT + 2;
const COUNT_AT: usize = SECTION_AT + 4;
const PAYLOAD_BYTES_AT: usize = COUNT_AT + 4;
const FIRST_AT: usize = PAYLOAD_BYTES_AT + 4;
const CRC_AT: usize = FIRST_AT + 4;

/// Bytes of a section before its payload.
pub(super) const HEAD_BYTES: usize = CRC_AT + 4;
/// Entries are gathered until a section's payload has about this many bytes.
pub(super) const SECTION_BYTES: usize = 1 << 20;
/// The longest payload that is believed; one oversized entry may exceed the usual length, not this one.
pub(super) const PAYLOAD_BYTES_MAX: usize = 1 << 30;
/// Bytes of an entry's length.
pub(super) const LENGTH_BYTES: usize = 4;

/// What a section holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A [`Header`].
    Header = 1,
    /// SKUs in their canonical bytes.
    Skus = 2,
    /// Orders in the order of their numbers, packed; `first` is the number of the first one.
    Orders = 3,
    /// Answered idempotency keys.
    Keys = 4,
    /// A [`Footer`].
    Footer = 5,
    /// Rules and flows, as one entry.
    Works = 6,
}

impl Kind {
    fn of(code: u16) -> Option<Self> {
        [Self::Header, Self::Skus, Self::Orders, Self::Keys, Self::Footer, Self::Works]
            .into_iter()
            .find(|kind| *kind as u16 == code)
    }
}

/// What a snapshot begins with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Every record before this position is in the snapshot.
    pub low: LogMark,
    /// Number of orders that were placed before it; theirs are the numbers below.
    pub orders: u32,
    /// For each 256 of them: a sequence number before which none of them was placed.
    pub since: Vec<u64>,
    /// The highest made order ids.
    pub origins: Vec<IdOrigin>,
    /// Engine time.
    pub at: Timestamp,
}

/// What a snapshot ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Footer {
    /// Nothing from this position on is in the snapshot.
    pub high: Cursor,
    /// Number of SKUs.
    pub skus: u64,
    /// Number of orders, retired ones included.
    pub orders: u64,
    /// Number of answered keys.
    pub keys: u64,
    /// 1 where rules and flows are in it, else 0.
    pub works: u64,
    /// Number of sections before this one.
    pub sections: u32,
    /// BLAKE3 of all bytes before this section.
    pub hash: [u8; 32],
}

/// Why a file is no whole snapshot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// The bytes of a section are not what was written.
    #[error("section {section} at offset {offset}: {detail}")]
    Damaged {
        /// Number of the section.
        section: u32,
        /// Offset of the section in the file.
        offset: u64,
        /// What was found.
        detail: String,
    },
    /// It was written by a newer build.
    #[error("format version {found} is unknown to this build, which reads up to {VERSION}")]
    Version {
        /// The version found.
        found: u16,
    },
    /// It cannot be read.
    #[error("it cannot be read: {detail}")]
    Io {
        /// What the system said.
        detail: String,
    },
    /// It is whole, and does not go with this journal.
    #[error("{detail}")]
    Foreign {
        /// Why not.
        detail: String,
    },
}

/// The fields of a section's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) kind: Kind,
    pub(super) section: u32,
    pub(super) count: u32,
    pub(super) payload_bytes: u32,
    pub(super) first: u32,
}

impl Head {
    /// The head's bytes, with the checksum over them and the payload.
    pub(super) fn encode(&self, payload: &[u8]) -> [u8; HEAD_BYTES] {
        let mut bytes = [0; HEAD_BYTES];
        let mut put = |at: usize, value: &[u8]| {
            if let Some(place) = bytes.get_mut(at..at + value.len()) {
                place.copy_from_slice(value);
            }
        };
        put(0, &MAGIC.to_le_bytes());
        put(VERSION_AT, &VERSION.to_le_bytes());
        put(KIND_AT, &(self.kind as u16).to_le_bytes());
        put(SECTION_AT, &self.section.to_le_bytes());
        put(COUNT_AT, &self.count.to_le_bytes());
        put(PAYLOAD_BYTES_AT, &self.payload_bytes.to_le_bytes());
        put(FIRST_AT, &self.first.to_le_bytes());
        let crc = checksum(&bytes, payload);
        if let Some(place) = bytes.get_mut(CRC_AT..) {
            place.copy_from_slice(&crc.to_le_bytes());
        }
        bytes
    }

    /// The fields, and the checksum that the section claims.
    pub(super) fn decode(bytes: &[u8; HEAD_BYTES], offset: u64, expected: u32) -> Result<(Self, u32), Flaw> {
        let damaged =
            |detail: &str| Err(Flaw::Damaged { section: expected, offset, detail: detail.to_owned() });
        let four =
            |at: usize| bytes.get(at..at + 4).and_then(|it| it.try_into().ok()).map_or(0, u32::from_le_bytes);
        let two =
            |at: usize| bytes.get(at..at + 2).and_then(|it| it.try_into().ok()).map_or(0, u16::from_le_bytes);
        if four(0) != MAGIC {
            return damaged("no section begins here");
        }
        if two(VERSION_AT) != VERSION {
            return Err(Flaw::Version { found: two(VERSION_AT) });
        }
        let Some(kind) = Kind::of(two(KIND_AT)) else { return damaged("its kind is unknown") };
        let head = Self {
            kind,
            section: four(SECTION_AT),
            count: four(COUNT_AT),
            payload_bytes: four(PAYLOAD_BYTES_AT),
            first: four(FIRST_AT),
        };
        if head.section != expected {
            return damaged("it has the number of another section");
        }
        if head.payload_bytes as usize > PAYLOAD_BYTES_MAX {
            return damaged("its length is impossible");
        }
        Ok((head, four(CRC_AT)))
    }
}

/// The checksum of a section: over its head before the checksum, and its payload.
pub(super) fn checksum(head: &[u8; HEAD_BYTES], payload: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(head.get(..CRC_AT).unwrap_or_default()), payload)
}
