//! Units that go from one order's hold to others', without ever being free: all of it is one record.

use super::decide_step::{StepDecision, finish};
use super::draft::Draft;
use super::holds::HoldOwner;
use super::state::Inventory;
use crate::domain::command::{Heir, StockStep};
use crate::domain::refusal::Refusal;

/// The units of the present hold become the heirs'.
pub(super) fn pass_on(mut draft: Draft<'_>, step: &StockStep) -> Result<StepDecision, Refusal> {
    let owner = step.owner();
    let purchase = draft.hold().purchase.clone();
    let passed = draft.pass_to(&owner, &step.heirs, step.number)?;
    for (heir, shares) in &passed {
        draft.turn_to(heir);
        // The first step of its own that an heir asks for has number 1.
        draft.receive_from(heir, shares, purchase.as_deref(), 0)?;
    }
    finish(draft)
}

/// The units of the heirs become the owner's again; nothing happens where none of them has a hold.
pub(super) fn pass_back(inventory: &Inventory, step: &StockStep) -> Result<StepDecision, Refusal> {
    let owner = step.owner();
    let mut draft = Draft::new(inventory, None)?;
    let mut purchase = None;
    let mut back = Vec::new();
    for heir in &step.heirs {
        let heir = HoldOwner::Order(heir.order.clone());
        draft.turn_to(&heir);
        let units = draft.hold().committed;
        if units > 0 {
            purchase = draft.hold().purchase.clone().or(purchase);
            let to = Heir { order: step.order.clone(), units, from: None };
            back.extend(draft.pass_to(&heir, &[to], step.number)?);
        }
    }
    draft.turn_to(&owner);
    for (_, shares) in &back {
        draft.receive_from(&owner, shares, purchase.as_deref(), step.number)?;
    }
    finish(draft)
}
