//! Records in a batch's payload.
//!
//! ```text
//! ┌──────────────────────────┬─────┬─────────┬──────┐
//! │ length (varint, 1..=5 B) │ tag │ version │ body │   one after the other, without padding
//! └──────────────────────────┴─────┴─────────┴──────┘
//! ```
//!
//! The length counts tag, version and body; it is LEB128, shortest form only, so that the same records are
//! always the same bytes. Tag and version are a byte each and say how the body is encoded; what they mean
//! is the business of the layer above.

/// Bytes of a record that are not its body or length.
const LABEL_BYTES: usize = 2;
/// The longest record, tag and version included.
const RECORD_BYTES_MAX: usize = super::frame::PAYLOAD_BYTES_MAX;
/// Bits in a byte of a varint.
const VARINT_BITS: u32 = 7;
const VARINT_MORE: u8 = 0x80;
/// The longest varint of a `u32`.
const VARINT_BYTES_MAX: usize = 5;

/// A record whose body is not decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawRecord<'a> {
    /// What kind of record it is.
    pub tag: u8,
    /// Version of the body's encoding.
    pub version: u8,
    /// The encoded body.
    pub body: &'a [u8],
}

/// Why a payload cannot be taken apart. The batch's checksum held, so this is a writer's mistake or a
/// newer format, not a torn write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The length is not a varint in its shortest form, or impossible.
    #[error("the record at offset {offset} of the payload has no valid length")]
    Length {
        /// Offset of the record in the payload.
        offset: usize,
    },
    /// The payload ends before the record does.
    #[error("the record at offset {offset} of the payload is cut off")]
    CutOff {
        /// Offset of the record in the payload.
        offset: usize,
    },
}

/// Appends a record to a payload; `write_body` appends the body.
///
/// # Errors
/// Those of `write_body`, after which the payload is as it was.
pub fn push<E>(
    payload: &mut Vec<u8>,
    tag: u8,
    version: u8,
    write_body: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let start = payload.len();
    payload.extend_from_slice(&[tag, version]);
    if let Err(error) = write_body(payload) {
        payload.truncate(start);
        return Err(error);
    }
    // The length is known only now. Turning the short record around once is cheaper than encoding it into a
    // buffer of its own.
    let end = payload.len();
    let mut rest = end - start;
    loop {
        let low = (rest & usize::from(!VARINT_MORE)) as u8;
        rest >>= VARINT_BITS;
        payload.push(if rest > 0 { low | VARINT_MORE } else { low });
        if rest == 0 {
            break;
        }
    }
    let varint_bytes = payload.len() - end;
    if let Some(record) = payload.get_mut(start..) {
        record.rotate_right(varint_bytes);
    }
    Ok(())
}

/// The records of a payload, in order. After an error there are no more.
#[must_use]
pub const fn records(payload: &[u8]) -> Records<'_> {
    Records { rest: payload, offset: 0 }
}

/// Length of the first `count` records of a payload, or of those that can be taken apart.
#[must_use]
pub fn bytes_of_first(payload: &[u8], count: usize) -> usize {
    let mut records = records(payload);
    for _ in 0..count {
        if records.next().is_none_or(|taken| taken.is_err()) {
            break;
        }
    }
    records.offset
}

/// Iterator over the records of a payload; see [`records`].
#[derive(Clone, Debug)]
pub struct Records<'a> {
    rest: &'a [u8],
    offset: usize,
}

/// Takes a varint off the front: its value and length.
fn varint(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().take(VARINT_BYTES_MAX).enumerate() {
        value |= u64::from(byte & !VARINT_MORE) << (VARINT_BITS * index as u32);
        if byte & VARINT_MORE == 0 {
            let shortest = index == 0 || *byte != 0;
            return shortest.then_some((usize::try_from(value).ok()?, index + 1));
        }
    }
    None
}

impl<'a> Records<'a> {
    fn take(&mut self) -> Result<RawRecord<'a>, RecordError> {
        let offset = self.offset;
        let (bytes, varint_bytes) = varint(self.rest)
            .filter(|(bytes, _)| (LABEL_BYTES..=RECORD_BYTES_MAX).contains(bytes))
            .ok_or(RecordError::Length { offset })?;
        let behind = self.rest.get(varint_bytes..).unwrap_or_default();
        let (record, rest) = behind.split_at_checked(bytes).ok_or(RecordError::CutOff { offset })?;
        let ([tag, version], body) = record.split_first_chunk().ok_or(RecordError::Length { offset })?;
        self.rest = rest;
        self.offset += varint_bytes + bytes;
        Ok(RawRecord { tag: *tag, version: *version, body })
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<RawRecord<'a>, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let taken = self.take();
        if taken.is_err() {
            self.rest = &[];
        }
        Some(taken)
    }
}
