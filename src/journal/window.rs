//! A window on a file: frames are looked at through a buffer that moves along, so that reading a journal
//! takes the memory of its longest frame and not of its length.

use std::io;

use crate::port::fs::{FsFile, read_full_at};

use super::frame::{self, ALIGNMENT_BYTES, Flaw, HEAD_BYTES, Head, MAGIC, frame_bytes};
use super::position::Position;

/// Bytes read at once, unless a frame is longer.
const CHUNK_BYTES: usize = 1 << 20;

/// A frame whose checksum holds.
pub(crate) struct Framed<'w> {
    pub(crate) head: Head,
    pub(crate) payload: &'w [u8],
    /// The frame's own bytes.
    pub(crate) bytes: &'w [u8],
}

impl Framed<'_> {
    /// Whether the frame continues the history before `position`.
    pub(crate) fn follows(&self, position: &Position) -> bool {
        self.head.first_sequence == position.sequence
            && frame::follows(self.bytes, &self.head, self.payload, &position.chain)
    }
}

/// Whether all of it is zero, looked at in pieces that a processor compares at once.
fn is_zero(bytes: &[u8]) -> bool {
    bytes.chunks(64).all(|piece| piece.iter().fold(0, |all, byte| all | byte) == 0)
}

/// What stands behind the valid frames of the last segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Remains {
    /// A valid frame that can only have been written after the one that is missing.
    pub(crate) later_frame: Option<(u64, u64)>,
    /// Offset behind the last byte that is not zero.
    pub(crate) used_until: Option<u64>,
}

#[derive(Debug, Default)]
pub(crate) struct Window {
    buffer: Vec<u8>,
    start: u64,
}

impl Window {
    /// Forgets what it holds: the next look is at another file, or at bytes that have changed.
    pub(crate) fn clear(&mut self) {
        self.buffer.clear();
    }

    /// `bytes` bytes at `offset`, fewer where the file ends or `limit` comes first.
    fn get(&mut self, file: &dyn FsFile, offset: u64, bytes: usize, limit: u64) -> io::Result<&[u8]> {
        let bytes = (limit.saturating_sub(offset)).min(bytes as u64) as usize;
        let held = offset >= self.start && offset + bytes as u64 <= self.start + self.buffer.len() as u64;
        if !held {
            let wanted = limit.saturating_sub(offset).min(bytes.max(CHUNK_BYTES) as u64) as usize;
            self.buffer.resize(wanted, 0);
            self.start = offset;
            match read_full_at(file, &mut self.buffer, offset) {
                Ok(read) => self.buffer.truncate(read),
                Err(error) => {
                    self.buffer.clear();
                    return Err(error);
                }
            }
        }
        let from = (offset - self.start) as usize;
        let end = (from + bytes).min(self.buffer.len());
        Ok(self.buffer.get(from..end).unwrap_or_default())
    }

    /// The fields of the frame at `offset`, without its checksum.
    pub(crate) fn head(
        &mut self,
        file: &dyn FsFile,
        offset: u64,
        limit: u64,
    ) -> io::Result<Result<Head, Flaw>> {
        let parsed = frame::head(self.get(file, offset, HEAD_BYTES, limit)?);
        Ok(parsed.and_then(|head| {
            // The length is believed only as far as the file goes, so that no flaw makes for a large buffer.
            let fits = frame_bytes(head.payload_bytes as usize) as u64 <= limit.saturating_sub(offset);
            if fits { Ok(head) } else { Err(Flaw::Incomplete) }
        }))
    }

    /// The frame at `offset`, its checksum verified.
    pub(crate) fn frame(
        &mut self,
        file: &dyn FsFile,
        offset: u64,
        limit: u64,
    ) -> io::Result<Result<Framed<'_>, Flaw>> {
        let head = match self.head(file, offset, limit)? {
            Ok(head) => head,
            Err(flaw) => return Ok(Err(flaw)),
        };
        let bytes = self.get(file, offset, frame_bytes(head.payload_bytes as usize), limit)?;
        Ok(frame::decode(bytes).map(|(head, payload)| Framed { head, payload, bytes }))
    }

    /// The bytes that a torn frame at `offset` claims, if what stands there is the frame that should.
    pub(crate) fn torn_frame(
        &mut self,
        file: &dyn FsFile,
        offset: u64,
        limit: u64,
        expected: &Position,
    ) -> io::Result<Option<u64>> {
        let head = frame::head(self.get(file, offset, HEAD_BYTES, limit)?);
        let claimed = |head: Head| frame_bytes(head.payload_bytes as usize) as u64;
        Ok(head.ok().filter(|head| head.number == expected.number).map(claimed))
    }

    /// Looks through everything from `offset` on for a valid frame that cannot stand behind a torn last
    /// batch: one with the missing number or a higher one. Lower numbers are what a recycled segment held
    /// before, lower epochs are void.
    pub(crate) fn remains(
        &mut self,
        file: &dyn FsFile,
        offset: u64,
        limit: u64,
        expected: &Position,
    ) -> io::Result<Remains> {
        let mut remains = Remains::default();
        let mut at = offset;
        while at < limit {
            let chunk = self.get(file, at, CHUNK_BYTES, limit)?;
            if chunk.is_empty() {
                break;
            }
            let chunk_bytes = chunk.len() as u64;
            // Room that was never used is most of what there is to look through.
            if is_zero(chunk) {
                at += chunk_bytes;
                continue;
            }
            if let Some(last) = chunk.iter().rposition(|byte| *byte != 0) {
                remains.used_until = Some(at + last as u64 + 1);
            }
            let magic = MAGIC.to_le_bytes();
            let candidates: Vec<u64> = chunk
                .chunks(ALIGNMENT_BYTES)
                .enumerate()
                .filter(|(_, word)| word.first_chunk() == Some(&magic))
                .map(|(index, _)| at + (index * ALIGNMENT_BYTES) as u64)
                .filter(|found| *found != offset)
                .collect();
            for found in candidates {
                if self.is_later(file, found, limit, expected)? {
                    let number = self.head(file, found, limit)?.map_or(0, |head| head.number);
                    remains.later_frame = Some((found, number));
                    return Ok(remains);
                }
            }
            at += chunk_bytes;
        }
        Ok(remains)
    }

    fn is_later(&mut self, file: &dyn FsFile, at: u64, limit: u64, expected: &Position) -> io::Result<bool> {
        let later = |head: &Head| head.number >= expected.number && head.epoch >= expected.epoch;
        // The cheap fields first: only what would be damage pays for a checksum over its length.
        if !self.head(file, at, limit)?.is_ok_and(|head| later(&head)) {
            return Ok(false);
        }
        Ok(self.frame(file, at, limit)?.is_ok())
    }
}
