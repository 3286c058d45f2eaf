//! The frame: one batch as it stands in a segment. Little endian, at a multiple of 8 bytes.
//!
//! ```text
//!  0        4         6      8       16       24               32      36
//! ┌────────┬─────────┬──────┬───────┬────────┬────────────────┬───────┬───────────────┐
//! │ magic  │ version │ kind │ epoch │ number │ first sequence │ count │ payload bytes │
//! └────────┴─────────┴──────┴───────┴────────┴────────────────┴───────┴───────────────┘
//! 40            48           80       84               84 + payload bytes
//! ┌─────────────┬────────────┬────────┬────────────────┬──────────────────┐
//! │ commit time │ chain [32] │ crc32c │ payload        │ zeros to 8 bytes │
//! └─────────────┴────────────┴────────┴────────────────┴──────────────────┘
//! ```
//!
//! 1. The version is judged first: no other field means anything to a build that does not know it. Magic
//!    and version share the frame's first 8 bytes and with them a disk sector, so no tear parts them.
//! 2. `chain = blake3(chain of the batch before ‖ bytes 0..48 ‖ payload)`: it certifies all history.
//! 3. `crc32c` covers bytes 0..80 and the payload: it tells a torn write, the chain tells a wrong history.
//! 4. Seals and epoch marks have no records and no payload; data has both.

use crate::domain::time::Timestamp;
#[cfg(any(test, feature = "simulation"))]
use crate::port::chaos::{self, Sabotage};

/// Begins every frame: `EMFR`.
pub const MAGIC: u32 = u32::from_le_bytes(*b"EMFR");
/// The version this build writes, and the newest it reads.
pub const VERSION: u16 = 1;

const MAGIC_AT: usize = 0;
const VERSION_AT: usize = MAGIC_AT + 4;
const KIND_AT: usize = VERSION_AT + 2;
const EPOCH_AT: usize = KIND_AT + 2;
const NUMBER_AT: usize = EPOCH_AT + 8;
const FIRST_SEQUENCE_AT: usize = NUMBER_AT + 8;
const COUNT_AT: usize = FIRST_SEQUENCE_AT + 8;
const PAYLOAD_BYTES_AT: usize = COUNT_AT + 4;
const COMMIT_TIME_AT: usize = PAYLOAD_BYTES_AT + 4;
const CHAIN_AT: usize = COMMIT_TIME_AT + 8;
const CRC_AT: usize = CHAIN_AT + 32;

/// Bytes before the payload.
pub const HEAD_BYTES: usize = CRC_AT + 4;
/// Frames begin at multiples of this many bytes.
pub const ALIGNMENT_BYTES: usize = 8;
/// The longest frame. One oversized record may exceed the batch bound of the writer, not this one.
pub const FRAME_BYTES_MAX: usize = 64 << 20;
/// The longest payload.
pub const PAYLOAD_BYTES_MAX: usize = FRAME_BYTES_MAX - HEAD_BYTES;
/// Length of a seal or an epoch mark.
pub const EMPTY_FRAME_BYTES: usize = frame_bytes(0);

/// Length in a segment of a frame with that payload, padding included.
#[must_use]
pub const fn frame_bytes(payload_bytes: usize) -> usize {
    (HEAD_BYTES + payload_bytes).next_multiple_of(ALIGNMENT_BYTES)
}

/// What a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Records.
    Data = 1,
    /// Everything before it was durable when it was written.
    Seal = 2,
    /// A writer claimed the log; what follows is of its epoch.
    EpochMark = 3,
}

impl Kind {
    fn of(code: u16) -> Option<Self> {
        match code {
            1 => Some(Self::Data),
            2 => Some(Self::Seal),
            3 => Some(Self::EpochMark),
            _ => None,
        }
    }
}

/// The fields of a frame but for magic, version and checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// What the frame is for.
    pub kind: Kind,
    /// Epoch of its writer.
    pub epoch: u64,
    /// Number of the batch.
    pub number: u64,
    /// Sequence number of the first record, or of the next one where there is none.
    pub first_sequence: u64,
    /// Number of records.
    pub count: u32,
    /// Length of the payload.
    pub payload_bytes: u32,
    /// Engine time of the commit.
    pub at: Timestamp,
    /// Chain hash up to and including this frame.
    pub chain: [u8; 32],
}

/// Why bytes are not a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// They do not begin with the magic.
    NoMagic,
    /// A version this build does not know.
    Version(u16),
    /// They end before the frame does.
    Incomplete,
    /// A field has an impossible value.
    Garbled,
    /// The checksum does not match.
    Checksum,
}

impl Flaw {
    /// The flaw in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::NoMagic => "no frame begins here",
            Self::Version(_) => "the frame has an unknown version",
            Self::Incomplete => "the frame is cut off",
            Self::Garbled => "the frame has an impossible field",
            Self::Checksum => "the checksum does not match",
        }
    }
}

pub(super) fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    array_at(bytes, at).map(u16::from_le_bytes)
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array_at(bytes, at).map(u32::from_le_bytes)
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    array_at(bytes, at).map(u64::from_le_bytes)
}

/// Writes a frame into `out`, whose content it replaces, and answers the chain hash. `head.chain` and
/// `head.payload_bytes` are not looked at; the payload must not exceed [`PAYLOAD_BYTES_MAX`].
pub fn encode(out: &mut Vec<u8>, head: &Head, chain_before: &[u8; 32], payload: &[u8]) -> [u8; 32] {
    out.clear();
    out.extend_from_slice(&MAGIC.to_le_bytes());
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&(head.kind as u16).to_le_bytes());
    out.extend_from_slice(&head.epoch.to_le_bytes());
    out.extend_from_slice(&head.number.to_le_bytes());
    out.extend_from_slice(&head.first_sequence.to_le_bytes());
    out.extend_from_slice(&head.count.to_le_bytes());
    out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    out.extend_from_slice(&head.at.as_millis().to_le_bytes());
    let chain = chain(chain_before, out, payload);
    out.extend_from_slice(&chain);
    let crc = crc32c::crc32c_append(crc32c::crc32c(out), payload);
    out.extend_from_slice(&crc.to_le_bytes());
    out.extend_from_slice(payload);
    out.resize(frame_bytes(payload.len()), 0);
    chain
}

fn chain(before: &[u8; 32], fields: &[u8], payload: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(before).update(fields).update(payload);
    *hasher.finalize().as_bytes()
}

/// Reads the fields before the payload, without the checksum: only their shape is known to be right.
///
/// # Errors
/// The first flaw, the version's before any other field's.
pub fn head(bytes: &[u8]) -> Result<Head, Flaw> {
    match u32_at(bytes, MAGIC_AT) {
        Some(MAGIC) => {}
        Some(_) => return Err(Flaw::NoMagic),
        None => return Err(Flaw::Incomplete),
    }
    let version = u16_at(bytes, VERSION_AT).ok_or(Flaw::Incomplete)?;
    if version > VERSION {
        return Err(Flaw::Version(version));
    }
    let kind = u16_at(bytes, KIND_AT).ok_or(Flaw::Incomplete)?;
    let head = Head {
        kind: Kind::of(kind).filter(|_| version == VERSION).ok_or(Flaw::Garbled)?,
        epoch: u64_at(bytes, EPOCH_AT).ok_or(Flaw::Incomplete)?,
        number: u64_at(bytes, NUMBER_AT).ok_or(Flaw::Incomplete)?,
        first_sequence: u64_at(bytes, FIRST_SEQUENCE_AT).ok_or(Flaw::Incomplete)?,
        count: u32_at(bytes, COUNT_AT).ok_or(Flaw::Incomplete)?,
        payload_bytes: u32_at(bytes, PAYLOAD_BYTES_AT).ok_or(Flaw::Incomplete)?,
        at: Timestamp::from_millis(u64_at(bytes, COMMIT_TIME_AT).ok_or(Flaw::Incomplete)?),
        chain: array_at(bytes, CHAIN_AT).ok_or(Flaw::Incomplete)?,
    };
    let empty = head.count == 0 && head.payload_bytes == 0;
    let full = head.count > 0 && head.payload_bytes > 0 && head.payload_bytes as usize <= PAYLOAD_BYTES_MAX;
    match head.kind {
        Kind::Data if full => Ok(head),
        Kind::Seal | Kind::EpochMark if empty => Ok(head),
        _ => Err(Flaw::Garbled),
    }
}

/// Reads a frame and verifies its checksum, but not the chain.
///
/// # Errors
/// The first flaw.
pub fn decode(bytes: &[u8]) -> Result<(Head, &[u8]), Flaw> {
    let head = head(bytes)?;
    let crc = u32_at(bytes, CRC_AT).ok_or(Flaw::Incomplete)?;
    let payload_end = HEAD_BYTES + head.payload_bytes as usize;
    let payload = bytes.get(HEAD_BYTES..payload_end).ok_or(Flaw::Incomplete)?;
    let fields = bytes.get(..CRC_AT).ok_or(Flaw::Incomplete)?;
    if crc32c::crc32c_append(crc32c::crc32c(fields), payload) != crc {
        #[cfg(any(test, feature = "simulation"))]
        if chaos::is_broken(Sabotage::ChecksumIgnored) {
            return Ok((head, payload));
        }
        return Err(Flaw::Checksum);
    }
    Ok((head, payload))
}

/// Whether a decoded frame's chain hash follows from the one before it.
#[must_use]
pub fn follows(bytes: &[u8], head: &Head, payload: &[u8], chain_before: &[u8; 32]) -> bool {
    #[cfg(any(test, feature = "simulation"))]
    if chaos::is_broken(Sabotage::ChecksumIgnored) {
        return true;
    }
    bytes.get(..CHAIN_AT).is_some_and(|fields| chain(chain_before, fields, payload) == head.chain)
}
