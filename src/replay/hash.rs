//! The state hash.
//!
//! BLAKE3 over every SKU, every order, what remains of every retired order, every answered idempotency key, every
//! version of the rules of business lines, every flow under way, and every named lock, each kind sorted by id and each entity in its canonical bytes with its length before it. Derived indexes are not part of it. It is
//! defined at a sequence number with nothing in flight: same journal, same hash.

use std::fmt;

use serde::Serialize;

use super::works::Works;
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
    works: &Works,
) -> Result<StateHash, CodecError> {
    let mut hasher = StateHasher::default();
    skus.iter().try_for_each(|sku| hasher.sku(sku))?;
    orders.iter().try_for_each(|order| hasher.add(ORDER, order))?;
    retired.iter().try_for_each(|left| hasher.retired(left))?;
    keys.iter().try_for_each(|key| hasher.key(key))?;
    hasher.works(works)?;
    Ok(hasher.finish())
}

const SKU: u8 = b'S';
const ORDER: u8 = b'O';
const RETIRED: u8 = b'R';
const KEY: u8 = b'K';
const RULES: u8 = b'U';
const FLOW: u8 = b'F';
const FLOWS_BEGUN: u8 = b'N';
const LOCK: u8 = b'L';

/// A state hash in the making: it is shown SKUs, orders, retired orders, keys, rules, flows and locks, in this order and each sorted by id.
#[derive(Default)]
pub(super) struct StateHasher {
    hasher: blake3::Hasher,
    bytes: Vec<u8>,
}

impl StateHasher {
    pub(super) fn sku(&mut self, sku: &Inventory) -> Result<(), CodecError> {
        self.add(SKU, sku)
    }

    /// An order by its canonical bytes.
    pub(super) fn packed_order(&mut self, canonical: &[u8]) {
        update(&mut self.hasher, ORDER, canonical);
    }

    pub(super) fn retired(&mut self, left: &Tombstone) -> Result<(), CodecError> {
        self.add(RETIRED, left)
    }

    pub(super) fn key(&mut self, key: &(ScopedKey, KeyAnswer)) -> Result<(), CodecError> {
        self.add(KEY, key)
    }

    /// Rules, flows and locks; where there never were any, nothing.
    pub(super) fn works(&mut self, works: &Works) -> Result<(), CodecError> {
        if works.is_empty() {
            return Ok(());
        }
        works.rules.values().try_for_each(|rules| self.add(RULES, rules))?;
        works.flows.values().try_for_each(|flow| self.add(FLOW, flow))?;
        self.add(FLOWS_BEGUN, &works.flows_begun)?;
        works.locks.values().try_for_each(|lock| self.add(LOCK, lock))
    }

    fn add(&mut self, kind: u8, value: &impl Serialize) -> Result<(), CodecError> {
        self.bytes.clear();
        codec::encode_into(&mut self.bytes, value)?;
        update(&mut self.hasher, kind, &self.bytes);
        Ok(())
    }

    pub(super) fn finish(&self) -> StateHash {
        StateHash(*self.hasher.finalize().as_bytes())
    }
}

fn update(hasher: &mut blake3::Hasher, kind: u8, bytes: &[u8]) {
    hasher.update(&[kind]);
    hasher.update(&(bytes.len() as u64).to_le_bytes());
    hasher.update(bytes);
}
