//! What a step of an order's saga leads to.
//!
//! Steps can be delivered again after a crash. A hold remembers the last step that changed it, so that
//! a step it has seen is recognised; where the hold is gone, only the order's own later steps can have
//! emptied it, and a redelivered `Ship` or any `Release` is known to be done. A forward step that comes
//! after its own undoing is refused, so that the saga is undone everywhere. What is done already is so
//! for a parked SKU too.

use smallvec::SmallVec;

use super::draft::{Draft, positive};
use super::event::StockEvent;
use super::state::Inventory;
use crate::domain::command::{StepOp, StockStep};
use crate::domain::refusal::Refusal;

/// An accepted step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepDecision {
    /// The movements to record; empty when the step was done already.
    pub events: SmallVec<[StockEvent; 1]>,
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
) -> Result<StepDecision, Refusal> {
    let owner = step.owner();
    let hold = inventory.hold(&owner);
    let absent = hold.is_none();
    let undone = step.op.undo().is_some() && hold.is_some_and(|hold| hold.step > step.number);
    let seen = !undone && hold.is_some_and(|hold| hold.step >= step.number);
    let gone = absent && (step.op == StepOp::Release || (redelivered && step.op == StepOp::Ship));
    if seen || gone || (step.op == StepOp::Release && step.quantity == 0) {
        return Ok(StepDecision { events: SmallVec::new() });
    }
    let draft = Draft::new(inventory, Some(&owner))?.known()?;
    if undone {
        return Err(draft.hold_exceeded(step.quantity, 0));
    }
    positive(step.quantity)?;
    if absent && !matches!(step.op, StepOp::Reserve | StepOp::Unship) {
        return Err(draft.unknown_hold());
    }
    suffices(&draft, step)?;
    let (quantity, number) = (step.quantity, step.number);
    let event = match step.op {
        StepOp::Reserve => StockEvent::Reserved { owner, quantity, step: number, deadline: None },
        StepOp::Commit => StockEvent::Committed { owner, quantity, step: number },
        StepOp::Uncommit => StockEvent::Uncommitted { owner, quantity, step: number },
        StepOp::Release => {
            let reserved = quantity.min(draft.hold().reserved);
            StockEvent::Released { owner, reserved, committed: quantity - reserved, step: number }
        }
        StepOp::Ship => StockEvent::Shipped { owner, quantity, step: number },
        StepOp::Unship => StockEvent::Unshipped { owner, quantity, step: number },
    };
    let (events, _) = draft.record(event)?.finish()?;
    Ok(StepDecision { events })
}

/// Refuses a step that needs more units in some condition than there are.
fn suffices(draft: &Draft<'_>, step: &StockStep) -> Result<(), Refusal> {
    let hold = draft.hold();
    let units = match step.op {
        StepOp::Reserve => {
            let available = draft.counters().available;
            if step.quantity > available {
                return Err(draft.insufficient(step.quantity, available));
            }
            return Ok(());
        }
        StepOp::Commit => hold.reserved,
        StepOp::Uncommit | StepOp::Ship => hold.committed,
        StepOp::Release => hold.held().ok_or(Refusal::Overflow)?,
        StepOp::Unship => draft.counters().away(),
    };
    if step.quantity > units { Err(draft.hold_exceeded(step.quantity, units)) } else { Ok(()) }
}
