//! What a step of an order's saga leads to.
//!
//! Steps can be delivered again after a crash. A hold remembers the last step that changed it, so that
//! a step it has seen is recognised; where the hold is gone, only the order's own later steps can have
//! emptied it, and a redelivered `Ship` or any `Release` is known to be done. A forward step that comes
//! after its own undoing is refused, so that the saga is undone everywhere. What is done already is so
//! for a parked SKU too.

use smallvec::SmallVec;
use smol_str::format_smolstr;

use super::apply::apply;
use super::decide::{give_back, purchase};
use super::draft::{Draft, Units, overflow, positive};
use super::event::{ReleaseCause, StockEvent};
use super::holds::{Hold, HoldOwner, Purchase};
use super::moves::Move;
use super::pass_on::{pass_back, pass_on};
use super::state::Inventory;
use super::takeover::TakeOver;
use crate::domain::command::{Grant, StepOp, StockStep};
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;

/// An accepted step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepDecision {
    /// The movements to record; empty when the step was done already.
    pub events: SmallVec<[StockEvent; 1]>,
    /// What the order has after them.
    pub grant: Grant,
}

/// Decides a step of an order's saga; `redelivered` says that the step may have been done before a
/// crash. The numbers of an order's steps start at 1.
///
/// # Errors
/// Too little stock to reserve; too few units in the needed condition (`HoldExceeded`), or no hold at
/// all (`UnknownHold`); a parked or unknown SKU; a quantity of zero; a sum that does not fit.
pub fn decide_step(
    inventory: &Inventory,
    step: &StockStep,
    redelivered: bool,
    now: Timestamp,
) -> Result<StepDecision, Refusal> {
    let decided = decide_counted(inventory, step, redelivered, now)?;
    if step.buyer_max.is_none()
        || !step.op.takes()
        || decided.events.is_empty()
        || inventory.counts_for_good()
    {
        return Ok(decided);
    }
    // The first of the orders that limit their buyers: the SKU begins to count, and the step is decided by that.
    let mut counting = inventory.clone();
    apply(&mut counting, &StockEvent::CountingBegan)
        .map_err(|broken| Refusal::Parked { reason: format_smolstr!("{broken}") })?;
    let mut decided = decide_counted(&counting, step, redelivered, now)?;
    decided.events.insert(0, StockEvent::CountingBegan);
    Ok(decided)
}

fn decide_counted(
    inventory: &Inventory,
    step: &StockStep,
    redelivered: bool,
    now: Timestamp,
) -> Result<StepDecision, Refusal> {
    let owner = step.owner();
    let hold = inventory.hold(&owner);
    let absent = hold.is_none();
    let undone = step.op.undo().is_some() && hold.as_ref().is_some_and(|hold| hold.step > step.number);
    if !undone && is_done(step, hold.as_ref(), redelivered) {
        let held = hold.as_ref().map_or(Some(0), Hold::held).ok_or_else(overflow)?;
        let (awaiting, filled) = hold.map_or((0, 0), |hold| (hold.awaiting(), hold.filled()));
        return Ok(StepDecision { events: SmallVec::new(), grant: Grant { held, awaiting, filled } });
    }
    let mut draft = Draft::new(inventory, Some(&owner))?;
    draft.known()?;
    if undone {
        return Err(draft.hold_exceeded(step.quantity, 0));
    }
    positive(step.quantity)?;
    if step.op == StepOp::PassBack {
        return pass_back(inventory, step);
    }
    if absent && !step.op.takes() && step.op != StepOp::Unship {
        return Err(draft.unknown_hold());
    }
    if step.op.takes() {
        let (quantity, taken_over) = reserve(&mut draft, owner.clone(), step, now)?;
        let number = step.number;
        if step.op == StepOp::Take {
            draft.pay(&Move { owner: &owner, quantity, step: number })?;
        }
        if let Some(from) = taken_over {
            draft.record(StockEvent::TookOver { owner, step: number, from })?;
        }
        return finish(draft);
    }
    move_held(draft, &owner, step, now)
}

/// A step on units that the order has.
fn move_held(
    mut draft: Draft<'_>,
    owner: &HoldOwner,
    step: &StockStep,
    now: Timestamp,
) -> Result<StepDecision, Refusal> {
    let number = step.number;
    let quantity = match step.op {
        // Undoes a step of which nobody may know how much it took.
        StepOp::Release if step.partial => {
            step.quantity.min(draft.hold().counted().ok_or(Refusal::Overflow)?)
        }
        _ => step.quantity,
    };
    suffices(&draft, step, quantity)?;
    if step.op == StepOp::PassOn {
        return pass_on(draft, step);
    }
    let undone_take_over = TakeOver::undone_by(step, draft.hold()).filter(|_| step.op == StepOp::Release);
    let units = Move { owner, quantity, step: number };
    match step.op {
        // Those that take were decided above.
        StepOp::Reserve | StepOp::Take | StepOp::Add | StepOp::Commit => draft.pay(&units),
        StepOp::Uncommit => draft.unpay(&units),
        StepOp::Release => draft.give_up(&units, step.unpaid.unwrap_or(u64::MAX)),
        StepOp::TakeBack => draft.release(&units, ReleaseCause::Asked),
        // Both were decided above.
        StepOp::PassOn | StepOp::PassBack => Ok(()),
        StepOp::Ship => draft.ship(&units, step.from.as_ref()),
        StepOp::Unship => {
            let purchase = step.buyer.clone().map(|buyer| Purchase { buyer, day: None });
            draft.unship(&units, step.from.as_ref(), purchase.as_ref())
        }
    }?;
    match undone_take_over {
        None => finish(draft),
        Some(taken) => {
            // Before the draft turns to the cart.
            let grant = draft.grant()?;
            taken.give_back(&mut draft, now)?;
            let (events, ..) = draft.finish_step()?;
            Ok(StepDecision { events, grant })
        }
    }
}

/// Whether nothing is left to do: the hold has seen the step, or there is nothing of what it is about.
fn is_done(step: &StockStep, hold: Option<&Hold>, redelivered: bool) -> bool {
    let Some(hold) = hold else {
        let gone = matches!(step.op, StepOp::Release | StepOp::TakeBack);
        return gone || (redelivered && matches!(step.op, StepOp::Ship | StepOp::PassOn));
    };
    // What was not added need not be taken back.
    let idle = step.op == StepOp::TakeBack && hold.step.saturating_add(1) != step.number;
    hold.step >= step.number || idle || (step.op == StepOp::Release && step.quantity == 0)
}

pub(super) fn finish(draft: Draft<'_>) -> Result<StepDecision, Refusal> {
    let (events, _, grant) = draft.finish_step()?;
    Ok(StepDecision { events, grant })
}

/// Reserves for an order; where it was made of a cart, with the cart's reserved units in front. What the
/// cart holds is never in its own order's way, and what the order does not need of it becomes available.
/// Answers how many units were taken or promised, and what the order took over from the cart.
fn reserve(
    draft: &mut Draft<'_>,
    owner: HoldOwner,
    step: &StockStep,
    now: Timestamp,
) -> Result<(u64, Option<Box<TakeOver>>), Refusal> {
    let Some(id) = &step.cart else {
        let purchase = purchase(step.buyer.as_ref(), draft.hold(), now);
        return Ok((take(draft, owner, step, purchase, 0, now)?, None));
    };
    let cart = HoldOwner::Cart(id.clone());
    draft.turn_to(&cart);
    let taken_over = TakeOver::of(id, draft.hold(), now);
    let purchase = purchase(step.buyer.as_ref(), draft.hold(), now);
    let own = give_back(draft, &cart, ReleaseCause::Converted, now)?;
    draft.turn_to(&owner);
    let quantity = take(draft, owner, step, purchase, own, now)?;
    Ok((quantity, taken_over))
}

fn take(
    draft: &mut Draft<'_>,
    owner: HoldOwner,
    step: &StockStep,
    purchase: Option<Box<Purchase>>,
    own: u64,
    now: Timestamp,
) -> Result<u64, Refusal> {
    draft.refuse_kit()?;
    let available = draft.open_to_newcomers(own);
    let quantity = step.quantity.min(available);
    let rest = step.quantity - quantity;
    let mut waiting = None;
    if rest > 0 {
        let short = draft.insufficient(step.quantity, available);
        let promised = if step.may_wait { draft.promise(rest, now, short) } else { Err(short) };
        match promised {
            Ok(promise) => waiting = Some((rest, promise)),
            Err(_) if step.partial && quantity > 0 => {}
            Err(refusal) => return Err(refusal),
        }
    }
    let (number, buyer_max) = (step.number, step.buyer_max);
    draft.reserve(owner, Units { quantity, waiting, step: number, deadline: None, buyer_max }, purchase)?;
    Ok(quantity + waiting.map_or(0, |(rest, _)| rest))
}

/// Refuses a step that needs more units in some condition than there are.
fn suffices(draft: &Draft<'_>, step: &StockStep, quantity: u64) -> Result<(), Refusal> {
    let hold = draft.hold();
    let units = match step.op {
        StepOp::TakeBack => hold.reserved,
        StepOp::Reserve | StepOp::Take | StepOp::Add | StepOp::Commit => {
            hold.reserved.saturating_add(hold.waits().map_or(0, |awaiting| awaiting.unpaid))
        }
        StepOp::PassOn | StepOp::PassBack => hold.committed,
        StepOp::Ship => step.from.as_ref().map_or(hold.committed, |at| hold.part(at).committed),
        StepOp::Uncommit => hold.committed.saturating_add(hold.waits().map_or(0, |awaiting| awaiting.paid)),
        StepOp::Release => hold.counted().ok_or(Refusal::Overflow)?,
        StepOp::Unship => {
            let away = draft.counters().away();
            step.from.as_ref().map_or(away, |at| away.min(draft.counters_at(at).shipped))
        }
    };
    if quantity > units { Err(draft.hold_exceeded(quantity, units)) } else { Ok(()) }
}
