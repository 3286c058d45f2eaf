//! An order at rest: its canonical bytes and its number in the index, a few hundred of them instead of a task and a tree of vectors.

use crate::domain::order::Order;
use crate::journal::codec::{self, CodecError};

/// Bytes before the order's own: its number in the index of orders.
const NUMBER_BYTES: usize = 4;

/// Packs an order with its number in the index of orders.
pub(crate) fn pack_order(number: u32, order: &Order) -> Result<Box<[u8]>, CodecError> {
    let mut bytes = Vec::with_capacity(256);
    bytes.extend_from_slice(&number.to_le_bytes());
    codec::encode_into(&mut bytes, order)?;
    Ok(bytes.into_boxed_slice())
}

/// Unpacks an order.
pub(crate) fn unpack_order(bytes: &[u8]) -> Result<Order, CodecError> {
    codec::decode(bytes.get(NUMBER_BYTES..).unwrap_or_default())
}

/// The number that was packed with the order.
pub(crate) fn number_of(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.first_chunk::<NUMBER_BYTES>()?))
}
