//! How values become bytes, and bytes values: the only place that knows of bincode.
//!
//! The bytes are those of bincode 2 with its standard configuration. That line is finished. It writes and reads the
//! integers that are wider than a byte; how values are gone through is the business of an encoder and a decoder of
//! ours, made for the hot path and for replay, which tests hold against bincode's. All of it stays behind this file
//! and behind the tag and version of every record, so that it can be replaced for new records while old ones are
//! still read.

use std::fmt;

use bincode::config::Configuration;
use serde::de::DeserializeOwned;
use serde::{Serialize, de, ser};

use super::decoder::Decoder;
use super::encoder::Encoder;

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

/// What the encoder or the decoder stopped at.
#[derive(Debug)]
pub(super) enum Fault {
    /// The bytes end before the value does.
    End,
    /// A value has no bytes, or bytes do not stand for such a value.
    Bad(&'static str),
    /// The type has something against it.
    Said(Box<str>),
}

impl Fault {
    #[cold]
    fn said(what: impl fmt::Display) -> Self {
        Self::Said(what.to_string().into())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::End => f.write_str("the bytes end before the value does"),
            Self::Bad(what) => f.write_str(what),
            Self::Said(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Fault {}

impl ser::Error for Fault {
    fn custom<T: fmt::Display>(what: T) -> Self {
        Self::said(what)
    }
}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(what: T) -> Self {
        Self::said(what)
    }
}

const STANDARD: Configuration = bincode::config::standard();

/// Bytes of the widest integer, with the one that says how wide it is.
const WIDE_BYTES_MAX: usize = 9;

/// Appends an integer that is wider than a byte.
#[inline(never)]
pub(super) fn push_wide(out: &mut Vec<u8>, number: u64) -> Result<(), Fault> {
    let mut bytes = [0; WIDE_BYTES_MAX];
    let length = bincode::encode_into_slice(number, &mut bytes, STANDARD).map_err(Fault::said)?;
    let bytes = bytes.get(..length).ok_or(Fault::Bad("an integer is wider than any"))?;
    out.extend_from_slice(bytes);
    Ok(())
}

/// Takes an integer off the front of the bytes; `None` where they end before it does.
#[inline(never)]
pub(super) fn take_wide(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (number, used) = bincode::decode_from_slice(bytes, STANDARD).ok()?;
    Some((number, bytes.get(used..)?))
}

/// Appends an encoded value.
///
/// # Errors
/// `Encode` when the value's own serialization refuses; `out` is then as it was.
pub fn encode_into<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) -> Result<(), CodecError> {
    let start = out.len();
    match value.serialize(&mut Encoder(out)) {
        Ok(()) => Ok(()),
        Err(error) => {
            out.truncate(start);
            Err(CodecError::Encode { detail: error.to_string() })
        }
    }
}

/// Decodes a value from the front of the bytes, whatever stands behind it.
///
/// # Errors
/// `Decode` for bytes that do not begin with such a value.
pub fn decode_front<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    decode_some(bytes).map(|(value, _)| value)
}

/// Decodes a value that takes up all of the bytes.
///
/// # Errors
/// `Decode` for bytes that are no such value, `Trailing` when some are left.
#[inline]
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    match decode_some(bytes)? {
        (value, 0) => Ok(value),
        (_, left) => Err(CodecError::Trailing { left }),
    }
}

/// The value at the front of the bytes, and how many are left behind it.
#[inline]
fn decode_some<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, usize), CodecError> {
    let mut decoder = Decoder { rest: bytes };
    match T::deserialize(&mut decoder) {
        Ok(value) => Ok((value, decoder.rest.len())),
        Err(error) => Err(CodecError::Decode { detail: error.to_string() }),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    enum Shape {
        Unit,
        One(i64),
        Two(u16, Option<String>),
        Named { yes: bool, letters: Vec<char>, pairs: std::collections::BTreeMap<u32, i32> },
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Whole {
        numbers: (u8, u64, i8, i16),
        shapes: Vec<Shape>,
        hash: [u8; 4],
        place: Box<Option<Option<u32>>>,
        nothing: (),
    }

    fn shape() -> impl Strategy<Value = Shape> {
        prop_oneof![
            Just(Shape::Unit),
            any::<i64>().prop_map(Shape::One),
            (any::<u16>(), any::<Option<String>>()).prop_map(|(a, b)| Shape::Two(a, b)),
            (
                any::<bool>(),
                any::<Vec<char>>(),
                prop::collection::btree_map(any::<u32>(), any::<i32>(), 0..4)
            )
                .prop_map(|(yes, letters, pairs)| Shape::Named { yes, letters, pairs }),
        ]
    }

    fn whole() -> impl Strategy<Value = Whole> {
        let numbers = (any::<u8>(), any::<u64>(), any::<i8>(), any::<i16>());
        let rest = (any::<[u8; 4]>(), any::<Option<Option<u32>>>());
        (numbers, prop::collection::vec(shape(), 0..6), rest).prop_map(|(numbers, shapes, (hash, place))| {
            Whole { numbers, shapes, hash, place: Box::new(place), nothing: () }
        })
    }

    /// What bincode itself makes of the bytes.
    fn by_bincode(bytes: &[u8]) -> Option<(Whole, usize)> {
        let limited = STANDARD.with_limit::<1_000_000>();
        let (value, used) = bincode::serde::decode_from_slice(bytes, limited).ok()?;
        Some((value, bytes.len() - used))
    }

    proptest! {
        #[test]
        fn values_encode_as_bincode_encodes_them_and_decode_to_the_same(value in whole()) {
            let mut bytes = Vec::new();
            encode_into(&mut bytes, &value).unwrap();
            let config = bincode::config::standard();
            prop_assert_eq!(&bytes, &bincode::serde::encode_to_vec(&value, config).unwrap());
            prop_assert_eq!(decode::<Whole>(&bytes).unwrap(), value);
        }

        #[test]
        fn spoilt_bytes_decode_to_what_bincode_makes_of_them(
            value in whole(), changes in prop::collection::vec(any::<(prop::sample::Index, u8)>(), 0..4), cut in any::<Option<prop::sample::Index>>(),
        ) {
            let mut bytes = Vec::new();
            encode_into(&mut bytes, &value).unwrap();
            for (place, byte) in changes {
                *place.get_mut(&mut bytes) = byte;
            }
            if let Some(cut) = cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            prop_assert_eq!(decode_some::<Whole>(&bytes).ok(), by_bincode(&bytes));
        }
    }
}
