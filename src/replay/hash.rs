//! The state hash.
//!
//! BLAKE3 over every SKU, every order, what remains of every retired order, and every answered idempotency key,
//! each kind sorted by id and each entity in its canonical bytes with its length before it. Derived indexes are not part of it. It is
//! defined at a sequence number with nothing in flight: same journal, same hash.

use std::fmt;

use serde::Serialize;

use super::world::KeyAnswer;
use crate::domain::command::ScopedKey;
use crate::domain::inventory::Inventory;
use crate::domain::order::{Order, Tombstone};
use crate::journal::codec::{self, CodecError};

/// A hash over the whole state of an engine.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct StateHash(pub [u8; 32]);

impl fmt::Display for StateHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for StateHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The state hash over entities that are sorted by id.
///
/// # Errors
/// When an entity cannot be encoded.
pub fn state_hash(
    skus: &[Inventory],
    orders: &[Order],
    retired: &[Tombstone],
    keys: &[(ScopedKey, KeyAnswer)],
) -> Result<StateHash, CodecError> {
    let mut hasher = blake3::Hasher::new();
    let mut bytes = Vec::new();
    skus.iter().try_for_each(|sku| add(&mut hasher, &mut bytes, b'S', sku))?;
    orders.iter().try_for_each(|order| add(&mut hasher, &mut bytes, b'O', order))?;
    retired.iter().try_for_each(|left| add(&mut hasher, &mut bytes, b'R', left))?;
    keys.iter().try_for_each(|key| add(&mut hasher, &mut bytes, b'K', key))?;
    Ok(StateHash(*hasher.finalize().as_bytes()))
}

fn add(
    hasher: &mut blake3::Hasher,
    bytes: &mut Vec<u8>,
    kind: u8,
    value: &impl Serialize,
) -> Result<(), CodecError> {
    bytes.clear();
    codec::encode_into(bytes, value)?;
    hasher.update(&[kind]);
    hasher.update(&(bytes.len() as u64).to_le_bytes());
    hasher.update(bytes);
    Ok(())
}
