//! An order at rest: its canonical bytes and its number in the index, instead of a task and a tree of
//! vectors. What remains of a retired order rests in the same way.
//!
//! ```text
//! ┌────────────┬───────────┬──────────────────────────────────────────────┐
//! │ number [4] │ flags [1] │ the order, or what remains of a retired one  │
//! └────────────┴───────────┴──────────────────────────────────────────────┘
//! ```
//!
//! Half of the canonical bytes are zeros: what an order does not have, and what has not become of its units.
//! So they are squeezed: of every eight bytes one says, by its bits from the lowest on, which of them are not
//! zero, and those follow it. The upper three bits of the flags are
//! the number of bytes that the last eight are short of.

use serde::{Deserialize, Serialize};

use crate::domain::ids::{BusinessId, CartId, CustomerId, IdOrigin, OrderId};
use crate::domain::money::Currency;
pub(crate) use crate::domain::order::Tombstone;
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
/// The order is closed for good.
const CLOSED: u8 = 8;
/// A line names who sells it.
const SOLD: u8 = 16;
/// Where in the flags the padding stands.
const PADDING_SHIFT: u32 = 5;

/// Bytes, before they are squeezed, that hold the head of nearly every order.
const FRONT_BYTES: usize = 160;

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
    pub(crate) lifecycle: LifecycleId,
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
    pub(crate) closed_at: Option<Timestamp>,
}

/// Packs into the room of a buffer, so that what is kept is allocated once and in its size.
fn pack(buffer: &mut Vec<u8>, number: u32, flags: u8, value: &impl Serialize) -> Result<Packed, CodecError> {
    buffer.clear();
    codec::encode_into(buffer, value)?;
    let plain = buffer.len();
    let padding = plain.next_multiple_of(8) - plain;
    buffer.extend_from_slice(&number.to_le_bytes());
    buffer.push(flags | u8::try_from(padding << PADDING_SHIFT).unwrap_or_default());
    squeeze(buffer, plain);
    Ok(buffer.get(plain..).unwrap_or_default().into())
}

/// Appends the first bytes of a buffer to it, without their zeros.
fn squeeze(buffer: &mut Vec<u8>, plain: usize) {
    buffer.reserve(plain + plain / 8 + 1);
    for from in (0..plain).step_by(8) {
        let mut eight = [0; 8];
        let bytes = buffer.get(from..plain.min(from + 8)).unwrap_or_default();
        match bytes.first_chunk() {
            Some(bytes) => eight = *bytes,
            None => eight.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte),
        }
        let eight = u64::from_le_bytes(eight);
        let mut mask = not_zero(eight);
        buffer.push(mask);
        while mask != 0 {
            // The byte that is cut off is the one that the lowest bit of the mask stands for.
            buffer.push((eight >> (8 * mask.trailing_zeros())) as u8);
            mask &= mask - 1;
        }
    }
}

/// Which of eight bytes are not zero, a bit for each from the lowest on.
const fn not_zero(eight: u64) -> u8 {
    const LOW: u64 = u64::MAX / 255 * 127;
    // The highest bit of a byte is set where it, or any bit below it, was. Then the eight are brought together.
    let highest = (((eight & LOW) + LOW) | eight) & !LOW;
    ((highest >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8
}

/// The bytes that were packed, their zeros among them.
fn stretch(packed: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(2 * packed.len());
    eights(packed).for_each(|eight| bytes.extend_from_slice(&eight));
    let padding = usize::from(flags_of(packed) >> PADDING_SHIFT);
    bytes.truncate(bytes.len().saturating_sub(padding));
    bytes
}

/// The bytes that were packed, eight after eight; padding stands behind the last of them.
fn eights(packed: &[u8]) -> impl Iterator<Item = [u8; 8]> {
    let mut rest = packed.get(HEAD_BYTES..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (mask, behind) = rest.split_first()?;
        let count = mask.count_ones() as usize;
        let mut bytes = match behind.first_chunk::<8>() {
            Some(bytes) => u64::from_le_bytes(*bytes),
            None => {
                let short = behind.iter().take(count).rev();
                short.fold(0, |bytes, byte| bytes << 8 | u64::from(*byte))
            }
        };
        rest = behind.get(count..).unwrap_or_default();
        let (mut mask, mut eight) = (*mask, 0);
        while mask != 0 {
            eight |= (bytes & 0xff) << (8 * mask.trailing_zeros());
            bytes >>= 8;
            mask &= mask - 1;
        }
        Some(eight.to_le_bytes())
    })
}

/// Packs an order with its number in the index of orders.
pub(crate) fn pack_order(number: u32, order: &Order) -> Result<Packed, CodecError> {
    pack_order_in(&mut Vec::with_capacity(512), number, order)
}

/// The same in the room of a buffer, for whoever packs many.
pub(crate) fn pack_order_in(buffer: &mut Vec<u8>, number: u32, order: &Order) -> Result<Packed, CodecError> {
    let pending = if order.pending.is_some() { PENDING } else { 0 };
    let waiting = if order.deadline.is_some() { WAITING } else { 0 };
    let closed = if order.closed_at.is_some() { CLOSED } else { 0 };
    let sold = if order.lines.iter().any(|line| line.seller.is_some()) { SOLD } else { 0 };
    pack(buffer, number, pending | waiting | closed | sold, order)
}

/// Packs what remains of a retired order.
pub(crate) fn pack_tombstone(number: u32, tombstone: &Tombstone) -> Result<Packed, CodecError> {
    pack(&mut Vec::new(), number, RETIRED, tombstone)
}

/// The order's canonical bytes, over which the state hash is made. Not to be asked of a retired one.
pub(crate) fn canonical(bytes: &[u8]) -> Vec<u8> {
    stretch(bytes)
}

/// Whether the order may be parked, by its canonical bytes. Why it is parked is its last field; where there is
/// nothing in it, it ends with a zero.
pub(crate) fn may_be_parked(canonical: &[u8]) -> bool {
    canonical.last() != Some(&0)
}

/// Unpacks an order or what remains of it.
pub(crate) fn unpack(bytes: &[u8]) -> Result<Unpacked, CodecError> {
    if is_retired(bytes) {
        return codec::decode(&stretch(bytes)).map(Unpacked::Retired);
    }
    codec::decode(&stretch(bytes)).map(Unpacked::Order)
}

/// The order's first fields, without the cost of the others. Not to be asked of a retired one.
pub(crate) fn head_of(bytes: &[u8]) -> Result<OrderHead, CodecError> {
    let mut front = [0; FRONT_BYTES];
    for (place, eight) in front.chunks_exact_mut(8).zip(eights(bytes)) {
        place.copy_from_slice(&eight);
    }
    // Ids that are long may take more.
    codec::decode_front(&front).or_else(|_| codec::decode_front(&stretch(bytes)))
}

/// What remains of a retired order.
pub(crate) fn tombstone_of(bytes: &[u8]) -> Result<Tombstone, CodecError> {
    codec::decode(&stretch(bytes))
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

/// Whether the order is closed for good.
pub(crate) fn is_closed(bytes: &[u8]) -> bool {
    flags_of(bytes) & CLOSED != 0
}

/// Whether a line of the order names who sells it.
pub(crate) fn has_sellers(bytes: &[u8]) -> bool {
    flags_of(bytes) & SOLD != 0
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
        assert!(!has_sellers(&bytes));
        let mut sold = order.clone();
        sold.lines.iter_mut().for_each(|line| line.seller = Some("mill".parse().unwrap()));
        assert!(has_sellers(&pack_order(1, &sold).unwrap()));
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
    fn whatever_is_packed_comes_back_zeros_and_all() {
        let mut random = fastrand::Rng::with_seed(7);
        for length in 0..300 {
            let bytes: Vec<u8> = (0..length).map(|_| random.u8(..) * u8::from(random.bool())).collect();
            let packed = pack(&mut Vec::new(), 9, WAITING, &bytes).unwrap();
            assert_eq!(codec::decode::<Vec<u8>>(&stretch(&packed)).unwrap(), bytes);
            assert!(is_waiting(&packed) && !is_pending(&packed) && !is_retired(&packed));
        }
    }

    #[test]
    fn zeros_take_hardly_any_room_in_a_packed_order() {
        let (order, mut plain) = (order(), Vec::new());
        codec::encode_into(&mut plain, &order).unwrap();
        let packed = pack_order(70_000, &order).unwrap();
        assert!(packed.len() * 6 < plain.len() * 5, "{} of {}", packed.len(), plain.len());
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
