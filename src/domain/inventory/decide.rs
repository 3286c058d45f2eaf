//! What a caller's command to one SKU leads to.

use smallvec::SmallVec;

use super::counters::Place;
use super::draft::{Draft, Units, positive};
use super::event::{ReleaseCause, StockEvent};
use super::holds::{Hold, HoldOwner, Purchase};
use super::location::LocationId;
use super::moves::Move;
use super::policy::StockPolicy;
use super::state::{Incoming, Inventory};
use crate::domain::command::{ReserveStock, SkuCommand, StockAnswer};
use crate::domain::ids::{CartId, CustomerId};
use crate::domain::refusal::{Refusal, check_reason};
use crate::domain::time::Timestamp;

/// An accepted command: what happens, and what the caller is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The movements to record, in order; empty when nothing had to move.
    pub events: SmallVec<[StockEvent; 1]>,
    /// The SKU after them.
    pub answer: StockAnswer,
}

/// Decides a command at `now`. A cart's reserved units count as lapsed from their deadline on, whether
/// or not a timer has given them back yet.
///
/// # Errors
/// The refusals of [`SkuCommand`]: parked or unknown SKU, too little stock, nothing or too little held,
/// a quantity of zero, a sum that does not fit.
pub fn decide(inventory: &Inventory, command: &SkuCommand, now: Timestamp) -> Result<Decision, Refusal> {
    command.reason().map_or(Ok(()), |reason| check_reason(reason))?;
    inventory.kit_allows(command)?;
    let draft = match command {
        SkuCommand::Reserve(asked) => reserve(inventory, asked, now),
        SkuCommand::SetPolicy(policy) => set_policy(inventory, policy),
        SkuCommand::Extend { cart, deadline } => extend(inventory, cart, *deadline, now),
        SkuCommand::Commit { cart } => commit(inventory, cart, now),
        SkuCommand::Release { cart } => release(inventory, cart),
        SkuCommand::Ship { cart, quantity, from } => ship(inventory, cart, *quantity, from.as_ref(), now),
        SkuCommand::Receive { quantity, reason, at } => {
            let mut draft = Draft::new(inventory, None)?;
            let (quantity, reason, at) = (*quantity, reason.clone(), at.clone());
            draft.record(StockEvent::Received { quantity, reason, at })?;
            Ok(draft)
        }
        _ => ownerless(inventory, command),
    }?;
    let (events, answer) = draft.finish()?;
    Ok(Decision { events, answer })
}

/// Commands that touch no hold, to a SKU that is known.
fn ownerless<'a>(inventory: &'a Inventory, command: &SkuCommand) -> Result<Draft<'a>, Refusal> {
    let mut draft = Draft::new(inventory, None)?;
    draft.known()?;
    match command {
        SkuCommand::Adjust { delta, reason, at } => {
            positive(delta.unsigned_abs())?;
            if *delta < 0 {
                draft.has(delta.unsigned_abs(), Place::Available, at)?;
            }
            let (reason, at) = (reason.clone(), at.clone());
            draft.record(StockEvent::Adjusted { delta: *delta, reason, at })?;
        }
        SkuCommand::ReturnToStock { quantity, to, reason, at } => {
            positive(*quantity)?;
            let shipped = draft.counters().away();
            if *quantity > shipped {
                let sku = inventory.sku.clone();
                return Err(Refusal::ReturnExceedsShipped { sku, requested: *quantity, shipped });
            }
            let (reason, at) = (reason.clone(), at.clone());
            draft.record(StockEvent::Returned { quantity: *quantity, to: *to, reason, at })?;
        }
        SkuCommand::WriteOff { quantity, from, reason, at } => {
            positive(*quantity)?;
            draft.has(*quantity, *from, at)?;
            let (quantity, from, reason, at) = (*quantity, *from, reason.clone(), at.clone());
            draft.record(StockEvent::WrittenOff { quantity, from, reason, at })?;
        }
        _ => supply(&mut draft, command)?,
    }
    Ok(draft)
}

/// Commands that put units elsewhere or speak of units to come.
fn supply(draft: &mut Draft<'_>, command: &SkuCommand) -> Result<(), Refusal> {
    match command {
        SkuCommand::Move { quantity, from, to, reason, at } => {
            let (quantity, from, to) = (*quantity, *from, *to);
            positive(quantity)?;
            draft.has(quantity, from, at)?;
            if from == to {
                return Ok(());
            }
            let (reason, at) = (reason.clone(), at.clone());
            draft.record(StockEvent::Moved { quantity, from, to, reason, at })
        }
        SkuCommand::Transfer { quantity, from, to, reason } => {
            positive(*quantity)?;
            draft.has(*quantity, Place::Available, from)?;
            if from == to {
                return Ok(());
            }
            let (quantity, from, to, reason) = (*quantity, from.clone(), to.clone(), reason.clone());
            draft.record(StockEvent::Transferred { quantity, from, to, reason })
        }
        SkuCommand::Announce { delivery, quantity, expected, at } => {
            let (quantity, expected, at) = (*quantity, *expected, at.clone());
            let unchanged = match draft.incoming(delivery) {
                Some(announced) => *announced == Incoming { quantity, expected, at: at.clone() },
                None => quantity == 0,
            };
            if unchanged {
                return Ok(());
            }
            draft.record(StockEvent::Announced { delivery: delivery.clone(), quantity, expected, at })
        }
        SkuCommand::ReceiveDelivery { delivery, quantity, reason, at } => {
            positive(*quantity)?;
            let announced = draft.incoming(delivery).ok_or_else(|| draft.unknown_delivery())?;
            let at = at.as_ref().unwrap_or(&announced.at).clone();
            let arrived = announced.quantity.min(*quantity);
            draft.record(StockEvent::Arrived { delivery: delivery.clone(), quantity: arrived })?;
            draft.record(StockEvent::Received { quantity: *quantity, reason: reason.clone(), at })
        }
        _ => Ok(()),
    }
}

/// New rules; a threshold that is new and already crossed is told of at once.
fn set_policy<'a>(inventory: &'a Inventory, policy: &StockPolicy) -> Result<Draft<'a>, Refusal> {
    let mut draft = Draft::new(inventory, None)?;
    draft.known()?;
    let none = StockPolicy::default();
    let current = inventory.policy().unwrap_or(&none);
    if current == policy {
        return Ok(draft);
    }
    inventory.check_kit(policy)?;
    draft.record(StockEvent::PolicySet { policy: Box::new(policy.clone()) })?;
    let available = draft.counters().available;
    for &threshold in policy.low_stock.range(available..).rev() {
        if !current.low_stock.contains(&threshold) {
            draft.record(StockEvent::StockLow { threshold, available })?;
        }
    }
    Ok(draft)
}

/// Decides how those who wait are filled on, where one record was not enough; without events when there is
/// nothing left to give, or nobody to give it to.
///
/// # Errors
/// When the SKU is parked.
pub fn decide_fill(inventory: &Inventory) -> Result<Decision, Refusal> {
    let (events, answer) = Draft::new(inventory, None)?.finish()?;
    Ok(Decision { events, answer })
}

/// Decides what a cart's timer finds at `now`: lapsed units are given back. A hold that was extended,
/// committed or released in the meantime is left alone, so that a timer may fire late, early or twice.
///
/// # Errors
/// When the SKU is parked.
pub fn decide_expiry(inventory: &Inventory, cart: &CartId, now: Timestamp) -> Result<Decision, Refusal> {
    let owner = HoldOwner::Cart(cart.clone());
    let mut draft = Draft::new(inventory, Some(&owner))?;
    if draft.hold().lapsed(now) {
        give_back(&mut draft, &owner, ReleaseCause::Expired, now)?;
    }
    let (events, answer) = draft.finish()?;
    Ok(Decision { events, answer })
}

/// The cart's earlier reservation is given back in full before the new one is made: in a timeline both
/// read as what they are, and the units asked for are always those of the last `Reserved`.
fn reserve<'a>(inventory: &'a Inventory, asked: &ReserveStock, now: Timestamp) -> Result<Draft<'a>, Refusal> {
    let ReserveStock { cart, quantity, deadline, buyer } = asked;
    let (quantity, deadline) = (*quantity, *deadline);
    let owner = HoldOwner::Cart(cart.clone());
    let mut draft = Draft::new(inventory, Some(&owner))?;
    draft.known()?;
    positive(quantity)?;
    let earlier = draft.hold();
    let available = if !draft.somebody_waits() {
        draft.counters().available.checked_add(earlier.reserved).ok_or(Refusal::Overflow)?
    } else if earlier.lapsed(now) {
        0
    } else {
        earlier.reserved
    };
    if quantity > available {
        return Err(draft.insufficient(quantity, available));
    }
    let same_buyer = buyer.is_none() || earlier.purchase.as_ref().map(|p| &p.buyer) == buyer.as_ref();
    if earlier.reserved == quantity && earlier.deadline == deadline && same_buyer && !earlier.lapsed(now) {
        return Ok(draft);
    }
    let purchase = purchase(buyer.as_ref(), earlier, now);
    give_back(&mut draft, &owner, ReleaseCause::Replaced, now)?;
    draft.reserve(owner, Units { quantity, waiting: None, step: 0, deadline, buyer_max: None }, purchase)?;
    Ok(draft)
}

/// Whom units count for that are reserved at `now`: the buyer who is named, or else the one of the hold
/// that they take the place of.
pub(super) fn purchase(named: Option<&CustomerId>, earlier: &Hold, now: Timestamp) -> Option<Box<Purchase>> {
    let buyer = named.or(earlier.purchase.as_ref().map(|purchase| &purchase.buyer))?.clone();
    Some(Box::new(Purchase { buyer, day: Some(now.day()) }))
}

/// Gives back the reserved units of `owner`, whose hold the draft is at: because of their deadline where
/// that has come, else because of `cause`. Answers how many the owner still had a claim to.
pub(super) fn give_back(
    draft: &mut Draft<'_>,
    owner: &HoldOwner,
    cause: ReleaseCause,
    now: Timestamp,
) -> Result<u64, Refusal> {
    let reserved = draft.hold().reserved;
    if reserved == 0 {
        return Ok(0);
    }
    let lapsed = draft.hold().lapsed(now);
    let cause = if lapsed { ReleaseCause::Expired } else { cause };
    draft.release(&Move { owner, quantity: reserved, step: 0 }, cause)?;
    Ok(if lapsed { 0 } else { reserved })
}

/// Moves the deadline of a cart's reserved units on. An earlier deadline than theirs is late news of
/// activity, and changes nothing.
fn extend<'a>(
    inventory: &'a Inventory,
    cart: &CartId,
    deadline: Timestamp,
    now: Timestamp,
) -> Result<Draft<'a>, Refusal> {
    let owner = HoldOwner::Cart(cart.clone());
    let mut draft = Draft::new(inventory, Some(&owner))?;
    draft.known()?;
    if draft.hold().reserved == 0 || draft.hold().lapsed(now) {
        return Err(draft.unknown_hold());
    }
    if draft.hold().deadline.is_some_and(|current| deadline > current) {
        draft.record(StockEvent::Extended { owner, deadline })?;
    }
    Ok(draft)
}

fn commit<'a>(inventory: &'a Inventory, cart: &CartId, now: Timestamp) -> Result<Draft<'a>, Refusal> {
    let owner = HoldOwner::Cart(cart.clone());
    let mut draft = Draft::new(inventory, Some(&owner))?;
    draft.known()?;
    if draft.hold().is_empty() || draft.hold().lapsed(now) {
        return Err(draft.unknown_hold());
    }
    let quantity = draft.hold().reserved;
    if quantity > 0 {
        draft.commit(&Move { owner: &owner, quantity, step: 0 })?;
    }
    Ok(draft)
}

fn release<'a>(inventory: &'a Inventory, cart: &CartId) -> Result<Draft<'a>, Refusal> {
    let owner = HoldOwner::Cart(cart.clone());
    let mut draft = Draft::new(inventory, Some(&owner))?;
    draft.known()?;
    let quantity = draft.hold().held().ok_or(Refusal::Overflow)?;
    if quantity > 0 {
        draft.release(&Move { owner: &owner, quantity, step: 0 }, ReleaseCause::Asked)?;
    }
    Ok(draft)
}

fn ship<'a>(
    inventory: &'a Inventory,
    cart: &CartId,
    quantity: u64,
    from: Option<&LocationId>,
    now: Timestamp,
) -> Result<Draft<'a>, Refusal> {
    let owner = HoldOwner::Cart(cart.clone());
    let mut draft = Draft::new(inventory, Some(&owner))?;
    draft.known()?;
    positive(quantity)?;
    let committed = draft.hold().committed;
    if draft.hold().is_empty() || (committed == 0 && draft.hold().lapsed(now)) {
        return Err(draft.unknown_hold());
    }
    let committed = from.map_or(committed, |at| draft.hold().part(at).committed);
    if quantity > committed {
        return Err(draft.hold_exceeded(quantity, committed));
    }
    draft.ship(&Move { owner: &owner, quantity, step: 0 }, from)?;
    Ok(draft)
}
