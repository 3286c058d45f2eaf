//! What a caller's command to one SKU leads to.

use smallvec::SmallVec;

use super::draft::{Draft, positive};
use super::event::StockEvent;
use super::holds::HoldOwner;
use super::state::Inventory;
use crate::domain::command::{SkuCommand, StockAnswer};
use crate::domain::ids::CartId;
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
    let ownerless = || Draft::new(inventory, None);
    let draft = match command {
        SkuCommand::Receive { quantity, reason } => {
            ownerless()?.record(StockEvent::Received { quantity: *quantity, reason: reason.clone() })
        }
        SkuCommand::Adjust { delta, reason } => {
            let draft = ownerless()?.known()?;
            positive(delta.unsigned_abs())?;
            if *delta < 0 && delta.unsigned_abs() > draft.counters().available {
                return Err(draft.below_zero(delta.unsigned_abs()));
            }
            draft.record(StockEvent::Adjusted { delta: *delta, reason: reason.clone() })
        }
        SkuCommand::Reserve { cart, quantity, deadline } => {
            reserve(inventory, cart, *quantity, *deadline, now)
        }
        SkuCommand::Commit { cart } => commit(inventory, cart, now),
        SkuCommand::Release { cart } => release(inventory, cart),
        SkuCommand::Ship { cart, quantity } => ship(inventory, cart, *quantity, now),
        SkuCommand::ReturnToStock { quantity, reason } => {
            let draft = ownerless()?.known()?;
            positive(*quantity)?;
            let shipped = draft.counters().away();
            if *quantity > shipped {
                let sku = inventory.sku.clone();
                return Err(Refusal::ReturnExceedsShipped { sku, requested: *quantity, shipped });
            }
            draft.record(StockEvent::Returned { quantity: *quantity, reason: reason.clone() })
        }
        SkuCommand::WriteOff { quantity, reason } => {
            let draft = ownerless()?.known()?;
            positive(*quantity)?;
            if *quantity > draft.counters().available {
                return Err(draft.below_zero(*quantity));
            }
            draft.record(StockEvent::WrittenOff { quantity: *quantity, reason: reason.clone() })
        }
    }?;
    let (events, answer) = draft.finish()?;
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
        let reserved = draft.hold().reserved;
        draft = draft.record(StockEvent::Released { owner, reserved, committed: 0, step: 0 })?;
    }
    let (events, answer) = draft.finish()?;
    Ok(Decision { events, answer })
}

/// The cart's earlier reservation is given back in full before the new one is made: in a timeline both
/// read as what they are, and the units asked for are always those of the last `Reserved`.
fn reserve<'a>(
    inventory: &'a Inventory,
    cart: &CartId,
    quantity: u64,
    deadline: Option<Timestamp>,
    now: Timestamp,
) -> Result<Draft<'a>, Refusal> {
    let owner = HoldOwner::Cart(cart.clone());
    let mut draft = Draft::new(inventory, Some(&owner))?.known()?;
    positive(quantity)?;
    let earlier = draft.hold().clone();
    let available = draft.counters().available.checked_add(earlier.reserved).ok_or(Refusal::Overflow)?;
    if quantity > available {
        return Err(draft.insufficient(quantity, available));
    }
    if earlier.reserved == quantity && earlier.deadline == deadline && !earlier.lapsed(now) {
        return Ok(draft);
    }
    if earlier.reserved > 0 {
        draft = draft.record(StockEvent::Released {
            owner: owner.clone(),
            reserved: earlier.reserved,
            committed: 0,
            step: 0,
        })?;
    }
    draft.record(StockEvent::Reserved { owner, quantity, step: 0, deadline })
}

fn commit<'a>(inventory: &'a Inventory, cart: &CartId, now: Timestamp) -> Result<Draft<'a>, Refusal> {
    let owner = HoldOwner::Cart(cart.clone());
    let draft = Draft::new(inventory, Some(&owner))?.known()?;
    if draft.hold().is_empty() || draft.hold().lapsed(now) {
        return Err(draft.unknown_hold());
    }
    match draft.hold().reserved {
        0 => Ok(draft),
        quantity => draft.record(StockEvent::Committed { owner, quantity, step: 0 }),
    }
}

fn release<'a>(inventory: &'a Inventory, cart: &CartId) -> Result<Draft<'a>, Refusal> {
    let owner = HoldOwner::Cart(cart.clone());
    let draft = Draft::new(inventory, Some(&owner))?;
    let hold = draft.hold().clone();
    if hold.is_empty() {
        return Ok(draft);
    }
    draft.record(StockEvent::Released { owner, reserved: hold.reserved, committed: hold.committed, step: 0 })
}

fn ship<'a>(
    inventory: &'a Inventory,
    cart: &CartId,
    quantity: u64,
    now: Timestamp,
) -> Result<Draft<'a>, Refusal> {
    let owner = HoldOwner::Cart(cart.clone());
    let draft = Draft::new(inventory, Some(&owner))?.known()?;
    positive(quantity)?;
    let committed = draft.hold().committed;
    if draft.hold().is_empty() || (committed == 0 && draft.hold().lapsed(now)) {
        return Err(draft.unknown_hold());
    }
    if quantity > committed {
        return Err(draft.hold_exceeded(quantity, committed));
    }
    draft.record(StockEvent::Shipped { owner, quantity, step: 0 })
}
