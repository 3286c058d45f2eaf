//! The segment: a file of fixed length that begins with a header block and holds frames behind it.
//!
//! ```text
//! 00000000000000000001.seg        named by the sequence number of its first record
//! ┌──────────────┬─────────┬─────────┬─ ─ ─┬─────────┬──────────────────────────────┐
//! │ header block │ frame   │ frame   │     │ frame   │ zeros, or what stood there    │
//! │ 4096 bytes   │         │         │     │         │ before the file was recycled │
//! └──────────────┴─────────┴─────────┴─ ─ ─┴─────────┴──────────────────────────────┘
//!
//! header block
//! 0      4        6      8      16             24            32
//! ┌──────┬─────────┬───────┬───────┬────────────────┬─────────────┬───────┐
//! │ magic│ version │ flags │ bytes │ first sequence │ first batch │ epoch │
//! └──────┴─────────┴───────┴───────┴────────────────┴─────────────┴───────┘
//! 40             48              56                  88       92       4096
//! ┌──────────────┬────────────────┬───────────────────┬────────┬─ ─ ─ ─ ─┐
//! │ record epoch │ time of commit │ chain before [32] │ crc32c │ zeros    │
//! └──────────────┴────────────────┴───────────────────┴────────┴─ ─ ─ ─ ─┘
//! ```
//!
//! 1. The header says all that its first frame builds on (`Position`), so that a log whose older segments
//!    were truncated away can be read and its chain goes on.
//! 2. A header is written and synced before the file gets the name of a segment: a segment with a bad
//!    header is damage, never a trace of a crash.
//! 3. The header has a block of its own: no frame shares a disk sector with it.

use crate::domain::time::Timestamp;

use super::frame::{ALIGNMENT_BYTES, EMPTY_FRAME_BYTES, FRAME_BYTES_MAX, HEAD_BYTES};
use super::frame::{array_at, u16_at, u32_at, u64_at};
use super::position::Position;

const MAGIC: u32 = u32::from_le_bytes(*b"EMSG");
/// The version this build writes, and the newest it reads.
pub const VERSION: u16 = 1;

const MAGIC_AT: usize = 0;
const VERSION_AT: usize = MAGIC_AT + 4;
const FLAGS_AT: usize = VERSION_AT + 2;
const BYTES_AT: usize = FLAGS_AT + 2;
const FIRST_SEQUENCE_AT: usize = BYTES_AT + 8;
const FIRST_BATCH_AT: usize = FIRST_SEQUENCE_AT + 8;
const EPOCH_AT: usize = FIRST_BATCH_AT + 8;
const RECORD_EPOCH_AT: usize = EPOCH_AT + 8;
const COMMIT_TIME_AT: usize = RECORD_EPOCH_AT + 8;
const CHAIN_AT: usize = COMMIT_TIME_AT + 8;
const CRC_AT: usize = CHAIN_AT + 32;
const FIELDS_BYTES: usize = CRC_AT + 4;

const FLAG_RECYCLED: u16 = 1;

/// Length of the header block; the first frame begins here.
pub const HEADER_BYTES: u64 = 4096;
/// The shortest segment that can be configured.
pub const SEGMENT_BYTES_MIN: u64 = 8 << 10;
/// The longest segment that can be configured.
pub const SEGMENT_BYTES_MAX: u64 = 1 << 30;
/// Length of a segment unless configured otherwise.
pub const SEGMENT_BYTES_DEFAULT: u64 = 64 << 20;

/// Frames without records that may stand before the first record of a segment: the last seal, an epoch
/// mark and one more seal. Room for them is kept so that any batch fits behind them: were the log to rotate
/// out of a segment without records, the next one would get the same name.
const EMPTY_FRAMES_KEPT: u64 = 3;

/// Suffix of a segment's file name.
const SUFFIX: &str = ".seg";
/// Digits of the first sequence in a segment's file name; every `u64` fits.
const NAME_DIGITS: usize = 20;

/// The longest payload that a segment of that length can take.
#[must_use]
pub const fn payload_bytes_max(segment_bytes: u64) -> usize {
    let frames = segment_bytes - HEADER_BYTES - EMPTY_FRAMES_KEPT * EMPTY_FRAME_BYTES as u64;
    let frame = if frames < FRAME_BYTES_MAX as u64 { frames as usize } else { FRAME_BYTES_MAX };
    frame / ALIGNMENT_BYTES * ALIGNMENT_BYTES - HEAD_BYTES
}

/// The length of a segment that begins with `held_bytes` of frames, such that an epoch mark fits behind them
/// and, where no record is among them, the longest batch too.
pub(crate) const fn bytes_to_hold(held_bytes: u64, holds_records: bool, segment_bytes: u64) -> u64 {
    let marked = HEADER_BYTES + held_bytes + EMPTY_FRAME_BYTES as u64;
    if holds_records {
        if marked <= segment_bytes { segment_bytes } else { marked.next_multiple_of(HEADER_BYTES) }
    } else if held_bytes <= EMPTY_FRAME_BYTES as u64 {
        segment_bytes
    } else {
        (segment_bytes + held_bytes).next_multiple_of(HEADER_BYTES)
    }
}

/// File name of the segment that begins with that sequence.
#[must_use]
pub fn name(first_sequence: u64) -> String {
    format!("{first_sequence:0NAME_DIGITS$}{SUFFIX}")
}

/// The first sequence that a file name says, if it is a segment's.
#[must_use]
pub fn first_sequence_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    let plain = digits.len() == NAME_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    if plain { digits.parse().ok() } else { None }
}

/// A segment's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Whether the file held frames before, which may still stand behind the valid ones.
    pub(crate) recycled: bool,
    /// Length of the file when it was made.
    pub(crate) bytes: u64,
    /// What the first frame builds on.
    pub(crate) before: Position,
}

/// Why a header cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderFlaw {
    Version(u16),
    Bad(&'static str),
}

impl Header {
    /// The whole header block.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut block = Vec::with_capacity(HEADER_BYTES as usize);
        block.extend_from_slice(&MAGIC.to_le_bytes());
        block.extend_from_slice(&VERSION.to_le_bytes());
        block.extend_from_slice(&(if self.recycled { FLAG_RECYCLED } else { 0 }).to_le_bytes());
        block.extend_from_slice(&self.bytes.to_le_bytes());
        block.extend_from_slice(&self.before.sequence.to_le_bytes());
        block.extend_from_slice(&self.before.number.to_le_bytes());
        block.extend_from_slice(&self.before.epoch.to_le_bytes());
        block.extend_from_slice(&self.before.record_epoch.to_le_bytes());
        block.extend_from_slice(&self.before.at.as_millis().to_le_bytes());
        block.extend_from_slice(&self.before.chain);
        let crc = crc32c::crc32c(&block);
        block.extend_from_slice(&crc.to_le_bytes());
        block.resize(HEADER_BYTES as usize, 0);
        block
    }

    /// Reads a header block.
    pub(crate) fn decode(block: &[u8]) -> Result<Self, HeaderFlaw> {
        let short = HeaderFlaw::Bad("the header block is cut off");
        if u32_at(block, MAGIC_AT).ok_or(short)? != MAGIC {
            return Err(HeaderFlaw::Bad("the file does not begin as a segment"));
        }
        let version = u16_at(block, VERSION_AT).ok_or(short)?;
        if version > VERSION {
            return Err(HeaderFlaw::Version(version));
        }
        let fields = block.get(..CRC_AT).ok_or(short)?;
        if block.len() < FIELDS_BYTES || u32_at(block, CRC_AT) != Some(crc32c::crc32c(fields)) {
            return Err(HeaderFlaw::Bad("the checksum of the header does not match"));
        }
        Ok(Self {
            recycled: u16_at(block, FLAGS_AT).ok_or(short)? & FLAG_RECYCLED != 0,
            bytes: u64_at(block, BYTES_AT).ok_or(short)?,
            before: Position {
                epoch: u64_at(block, EPOCH_AT).ok_or(short)?,
                record_epoch: u64_at(block, RECORD_EPOCH_AT).ok_or(short)?,
                number: u64_at(block, FIRST_BATCH_AT).ok_or(short)?,
                sequence: u64_at(block, FIRST_SEQUENCE_AT).ok_or(short)?,
                at: Timestamp::from_millis(u64_at(block, COMMIT_TIME_AT).ok_or(short)?),
                chain: array_at(block, CHAIN_AT).ok_or(short)?,
            },
        })
    }
}
