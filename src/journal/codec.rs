//! How values become bytes: the only place that knows of bincode.
//!
//! bincode's 2.x line is finished. It stays behind these two functions and behind the tag and version of
//! every record, so that it can be replaced for new records while old ones are still read.

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use bincode::enc::write::Writer;
use bincode::error::EncodeError;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The most memory that decoding one value may claim, so that a hostile length cannot take all of it.
/// Nothing longer than this fits in a frame.
const DECODED_BYTES_MAX: usize = super::frame::FRAME_BYTES_MAX;

const CONFIG: Configuration<LittleEndian, Varint, Limit<DECODED_BYTES_MAX>> =
    bincode::config::standard().with_limit::<DECODED_BYTES_MAX>();

/// Why a value could not be encoded or decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The value cannot be encoded.
    #[error("a value cannot be encoded: {detail}")]
    Encode {
        /// What the encoder said.
        detail: String,
    },
    /// The bytes are not such a value.
    #[error("a value cannot be decoded: {detail}")]
    Decode {
        /// What the decoder said.
        detail: String,
    },
    /// Bytes are left behind the value: it was written by other code than this reads with.
    #[error("{left} bytes are left behind a decoded value")]
    Trailing {
        /// Number of bytes left.
        left: usize,
    },
}

/// Where encoded bytes are appended: a few of them at a time, a hundred times a record. By way of `std::io::Write` that
/// cost a twelfth of a placement's instructions.
struct Appended<'a>(&'a mut Vec<u8>);

impl Writer for Appended<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        match bytes {
            [byte] => self.0.push(*byte),
            bytes => self.0.extend_from_slice(bytes),
        }
        Ok(())
    }
}

/// Appends an encoded value.
///
/// # Errors
/// `Encode` when the value's own serialization refuses; `out` is then as it was.
pub fn encode_into<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) -> Result<(), CodecError> {
    let start = out.len();
    match bincode::serde::encode_into_writer(value, Appended(out), CONFIG) {
        Ok(()) => Ok(()),
        Err(error) => {
            out.truncate(start);
            Err(CodecError::Encode { detail: error.to_string() })
        }
    }
}

/// The most memory that decoding one entity of a snapshot may claim: a hot SKU has millions of holds.
const LARGE_BYTES_MAX: usize = 4 << 30;

const LARGE: Configuration<LittleEndian, Varint, Limit<LARGE_BYTES_MAX>> =
    bincode::config::standard().with_limit::<LARGE_BYTES_MAX>();

/// The same for values that may be larger than a frame and whose bytes were verified before.
///
/// # Errors
/// As for [`decode`].
pub fn decode_large<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let (value, used) = bincode::serde::decode_from_slice(bytes, LARGE)
        .map_err(|error| CodecError::Decode { detail: error.to_string() })?;
    match bytes.len().saturating_sub(used) {
        0 => Ok(value),
        left => Err(CodecError::Trailing { left }),
    }
}

/// Decodes a value from the front of the bytes, whatever stands behind it.
///
/// # Errors
/// `Decode` for bytes that do not begin with such a value.
pub fn decode_front<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let decoded = bincode::serde::decode_from_slice(bytes, CONFIG);
    decoded.map(|(value, _)| value).map_err(|error| CodecError::Decode { detail: error.to_string() })
}

/// Decodes a value that takes up all of the bytes.
///
/// # Errors
/// `Decode` for bytes that are no such value or claim too much memory, `Trailing` when some are left.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let decoded = bincode::serde::decode_from_slice(bytes, CONFIG);
    let (value, used) = decoded.map_err(|error| CodecError::Decode { detail: error.to_string() })?;
    match bytes.len().saturating_sub(used) {
        0 => Ok(value),
        left => Err(CodecError::Trailing { left }),
    }
}
