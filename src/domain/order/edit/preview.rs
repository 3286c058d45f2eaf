//! What accepting an edit leads to: the very same decisions, on a copy of the order.

use std::collections::BTreeMap;

use crate::domain::command::{AcceptEdit, OrderCommand, StepOp};
use crate::domain::ids::SkuId;
use crate::domain::order::decide::{Events, decide};
use crate::domain::order::saga::{SagaEnd, finish};
use crate::domain::order::state::Order;
use crate::domain::record::OrderRecord;
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;

/// Units of a SKU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkuUnits {
    /// The SKU.
    pub sku: SkuId,
    /// Units of it.
    pub units: u64,
}

/// What an order becomes when its staged edit is accepted, if the stock is there by then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EditPreview {
    /// The version of the order that was looked at; an acceptance names it.
    pub version: u64,
    /// The order as it will be.
    pub order: Order,
    /// What is left to pay then, in minor units.
    pub to_pay: i64,
    /// What comes back because of the edit, in minor units.
    pub refund_due: i64,
    /// Units that will be reserved, by SKU.
    pub reserve: Vec<SkuUnits>,
    /// Units that will be given back, by SKU.
    pub release: Vec<SkuUnits>,
}

/// Accepts the staged edit on a copy of the order, whose SKUs grant everything.
///
/// # Errors
/// The refusal that an acceptance would be answered with at once: `NO_EDIT`, a state that allows none, changes
/// that the order no longer has units for.
pub fn preview(order: &Order, now: Timestamp) -> Result<EditPreview, Refusal> {
    let accept = AcceptEdit { order: order.id.clone(), version: order.version };
    let mut events = decide(order, &OrderCommand::AcceptEdit(accept))?;
    let mut state = Some(order.clone());
    let (mut reserve, mut release) = (BTreeMap::new(), BTreeMap::new());
    loop {
        advance(&mut state, events, now)?;
        let Some(plan) = state.as_ref().and_then(Order::plan) else { break };
        for demand in plan.demand {
            match demand.op {
                StepOp::Add | StepOp::Take => reserve.insert(demand.sku, demand.units),
                StepOp::Release => release.insert(demand.sku, demand.units),
                _ => None,
            };
        }
        events = state.as_ref().map(|order| finish(order, &SagaEnd::Done)).unwrap_or_default();
    }
    let after = state.ok_or(Refusal::UnknownOrder)?;
    let kept = after.paid.saturating_sub(after.refund_due);
    let units = |(sku, units)| SkuUnits { sku, units };
    Ok(EditPreview {
        version: order.version,
        to_pay: after.due.saturating_sub(kept).max(0),
        refund_due: after.refund_due.saturating_sub(order.refund_due),
        order: after,
        reserve: reserve.into_iter().map(units).collect(),
        release: release.into_iter().map(units).collect(),
    })
}

fn advance(state: &mut Option<Order>, events: Events, at: Timestamp) -> Result<(), Refusal> {
    let Some(order) = state else { return Err(Refusal::UnknownOrder) };
    let version = order.version + events.len() as u64;
    let record = OrderRecord { order: order.id.clone(), version, at, by: None, events, mark: None };
    Order::apply(state, &record).map_err(|broken| Refusal::Parked { reason: broken.0 })
}
