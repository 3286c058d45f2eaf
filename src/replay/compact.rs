//! An order at rest: its canonical bytes and its number in the index, a few hundred of them instead of a
//! task and a tree of vectors. What remains of a retired order rests in the same way.
//!
//! ```text
//! ┌────────────┬───────────┬──────────────────────────────────────────────┐
//! │ number [4] │ flags [1] │ the order, or what remains of a retired one  │
//! └────────────┴───────────┴──────────────────────────────────────────────┘
//! ```

use serde::{Deserialize, Serialize};

use crate::domain::ids::{BusinessId, CartId, CustomerId, IdOrigin, OrderId};
use crate::domain::money::Currency;
use crate::domain::order::{Deadline, LifecycleId, Order, State, Terms, WhenShort};
use crate::domain::time::Timestamp;
use crate::journal::codec::{self, CodecError};

/// An order or what remains of it, in bytes.
pub(crate) type Packed = Box<[u8]>;

/// Bytes before the order's own: its number in the index of orders, and flags.
const HEAD_BYTES: usize = 5;

/// A saga is under way.
const PENDING: u8 = 1;
/// The order was retired.
const RETIRED: u8 = 2;
/// The order waits for a moment.
const WAITING: u8 = 4;

/// What remains of an order that has left memory: its id cannot be used again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tombstone {
    /// The order's id.
    pub(crate) id: OrderId,
    /// Its last version, that of the retirement included.
    pub(crate) version: u64,
    /// Engine time of the retirement.
    pub(crate) at: Timestamp,
}

/// What stands under an order's id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unpacked {
    Order(Order),
    Retired(Tombstone),
}

/// The first fields of an order, as [`Order`] declares them: what indexes and timers need.
#[derive(Debug, Deserialize)]
pub(crate) struct OrderHead {
    pub(crate) id: OrderId,
    _version: u64,
    _lifecycle: LifecycleId,
    _terms: Terms,
    _when_short: WhenShort,
    pub(crate) state: State,
    pub(crate) business: BusinessId,
    pub(crate) customer: Option<CustomerId>,
    _cart: Option<CartId>,
    _currency: Currency,
    pub(crate) origin: IdOrigin,
    pub(crate) placed_at: Timestamp,
    _received_at: Option<Timestamp>,
    pub(crate) deadline: Option<Deadline>,
}

/// Packs into the room of a buffer, so that what is kept is allocated once and in its size.
fn pack(bytes: &mut Vec<u8>, number: u32, flags: u8, value: &impl Serialize) -> Result<Packed, CodecError> {
    bytes.clear();
    bytes.extend_from_slice(&number.to_le_bytes());
    bytes.push(flags);
    codec::encode_into(bytes, value)?;
    Ok(bytes.as_slice().into())
}

/// Packs an order with its number in the index of orders.
pub(crate) fn pack_order(number: u32, order: &Order) -> Result<Packed, CodecError> {
    pack_order_in(&mut Vec::with_capacity(512), number, order)
}

/// The same in the room of a buffer, for whoever packs many.
pub(crate) fn pack_order_in(buffer: &mut Vec<u8>, number: u32, order: &Order) -> Result<Packed, CodecError> {
    let pending = if order.pending.is_some() { PENDING } else { 0 };
    let waiting = if order.deadline.is_some() { WAITING } else { 0 };
    pack(buffer, number, pending | waiting, order)
}

/// Packs what remains of a retired order.
pub(crate) fn pack_tombstone(number: u32, tombstone: &Tombstone) -> Result<Packed, CodecError> {
    pack(&mut Vec::new(), number, RETIRED, tombstone)
}

fn body(bytes: &[u8]) -> &[u8] {
    bytes.get(HEAD_BYTES..).unwrap_or_default()
}

/// The order's canonical bytes, over which the state hash is made. Not to be asked of a retired one.
pub(crate) fn canonical(bytes: &[u8]) -> &[u8] {
    body(bytes)
}

/// Whether the order may be parked. Why it is parked is its last field; where there is nothing in it, it ends
/// with a zero.
pub(crate) fn may_be_parked(bytes: &[u8]) -> bool {
    bytes.last() != Some(&0)
}

/// Unpacks an order or what remains of it.
pub(crate) fn unpack(bytes: &[u8]) -> Result<Unpacked, CodecError> {
    if is_retired(bytes) {
        return codec::decode(body(bytes)).map(Unpacked::Retired);
    }
    codec::decode(body(bytes)).map(Unpacked::Order)
}

/// The order's first fields, without the cost of the others. Not to be asked of a retired one.
pub(crate) fn head_of(bytes: &[u8]) -> Result<OrderHead, CodecError> {
    codec::decode_front(body(bytes))
}

/// What remains of a retired order.
pub(crate) fn tombstone_of(bytes: &[u8]) -> Result<Tombstone, CodecError> {
    codec::decode(body(bytes))
}

/// The number that was packed with the order.
pub(crate) fn number_of(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.first_chunk::<4>()?))
}

fn flags_of(bytes: &[u8]) -> u8 {
    bytes.get(HEAD_BYTES - 1).copied().unwrap_or_default()
}

/// Whether the order has a saga under way.
pub(crate) fn is_pending(bytes: &[u8]) -> bool {
    flags_of(bytes) & PENDING != 0
}

/// Whether the order has a deadline.
pub(crate) fn is_waiting(bytes: &[u8]) -> bool {
    flags_of(bytes) & WAITING != 0
}

/// Whether the order was retired.
pub(crate) fn is_retired(bytes: &[u8]) -> bool {
    flags_of(bytes) & RETIRED != 0
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::domain::command::{LineRequest, PlaceOrder};
    use crate::domain::order::{self, Limits};
    use crate::domain::record::OrderRecord;

    fn order() -> Order {
        let line = LineRequest::new("a".parse().unwrap(), 2, 1_000);
        let mut place = PlaceOrder::new("shop".parse().unwrap(), Currency::EUR, vec![line]);
        place.customer = Some("buyer".parse().unwrap());
        let rules = order::SaleRules::default();
        let limits = Limits { lines_max: 9 };
        let events = order::decide_place(&place, IdOrigin::Sequence(7), limits, Terms::physical(), &rules);
        let (order, at) = ("o".parse().unwrap(), Timestamp::from_millis(5));
        let record = OrderRecord { order, version: 1, at, by: None, events: events.unwrap(), mark: None };
        let mut state = None;
        Order::apply(&mut state, &record).unwrap();
        let mut order = state.unwrap();
        order.deadline = order
            .terms
            .pay_within_ms
            .map(|ms| Deadline { kind: crate::domain::order::DeadlineKind::Payment, at: at.plus_millis(ms) });
        order
    }

    #[test]
    fn the_head_of_a_packed_order_has_the_fields_of_the_whole() {
        let order = order();
        let bytes = pack_order(70_000, &order).unwrap();
        assert_eq!(unpack(&bytes).unwrap(), Unpacked::Order(order.clone()));
        assert_eq!((number_of(&bytes), is_pending(&bytes), is_retired(&bytes)), (Some(70_000), true, false));
        let idle = pack_order(1, &Order { deadline: None, pending: None, ..order.clone() }).unwrap();
        assert!(!is_waiting(&idle) && !is_pending(&idle));
        let head = head_of(&bytes).unwrap();
        assert_eq!(
            (head.id, head.state, head.business, head.customer),
            (order.id, order.state, order.business, order.customer)
        );
        assert!(order.deadline.is_some() && is_waiting(&bytes));
        assert_eq!(
            (head.origin, head.placed_at, head.deadline),
            (order.origin, order.placed_at, order.deadline)
        );
    }

    #[test]
    fn what_remains_of_a_retired_order_is_packed_in_a_few_bytes() {
        let at = Timestamp::from_millis(1_700_000_000_000);
        let tombstone = Tombstone { id: "o-1234567".parse().unwrap(), version: 9, at };
        let bytes = pack_tombstone(3, &tombstone).unwrap();
        assert_eq!((is_retired(&bytes), number_of(&bytes), bytes.len()), (true, Some(3), 25));
        assert_eq!(tombstone_of(&bytes).unwrap(), tombstone);
        assert_eq!(unpack(&bytes).unwrap(), Unpacked::Retired(tombstone));
    }
}
