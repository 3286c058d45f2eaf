//! An order at rest: its canonical bytes, a few hundred of them instead of a task and a tree of vectors.

use crate::domain::order::Order;
use crate::journal::codec::{self, CodecError};

/// Packs an order.
pub(crate) fn pack_order(order: &Order) -> Result<Box<[u8]>, CodecError> {
    let mut bytes = Vec::with_capacity(256);
    codec::encode_into(&mut bytes, order)?;
    Ok(bytes.into_boxed_slice())
}

/// Unpacks an order.
pub(crate) fn unpack_order(bytes: &[u8]) -> Result<Order, CodecError> {
    codec::decode(bytes)
}
