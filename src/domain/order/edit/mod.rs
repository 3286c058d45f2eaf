//! Edits: a change is staged, previewed, and accepted or declined. Pure.
//!
//! A staged edit stands in the order's state and changes nothing else. What it would make of the lines
//! (`outlook`) is computed from the order's state whenever it is asked for: by the preview, by the decision, by
//! each saga and by `apply`, so that all of them come to the same.
//!
//! Only the difference moves. Units that one line gives up and another one of the same SKU gets stay where they
//! are held; what is still missing is reserved first, all or nothing, and then what is left over is given back. An
//! edit of amounts asks no SKU. Units that are added to an order that is paid stay reserved until a payment
//! covers what is due: that is a *supplement*.
//!
//! ```text
//!   EditStarted ──add at each SKU──► EditReleasing ──release──► EditAccepted    or: take back ──► EditUndone
//!   SupplementStarted ──commit─────► Supplemented                               or: uncommit ──► SupplementUndone
//! ```

mod outlook;
mod preview;

use serde::{Deserialize, Serialize};
use smallvec::smallvec;

use super::decide::{Events, Limits};
use super::event::{OrderEvent, PlacedLine};
use super::lifecycle::{Action, LifecycleId, State};
use super::saga::Demand;
use super::sale::{self, SaleRules};
use super::state::{Order, OrderBroken, PendingKind};
use crate::domain::command::{AcceptEdit, Amounts, DeclineEdit, EditChange, LineRequest, StageEdit, StepOp};
use crate::domain::order::problem::EditProblem;
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;

pub use preview::{EditPreview, SkuUnits, preview};

/// An edit that waits to be accepted or declined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StagedEdit {
    /// What is to change.
    pub changes: Vec<LineEdit>,
}

/// A change of one line, with the rules of its SKU decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LineEdit {
    /// More units.
    Add {
        /// Number of the line, from 1.
        line: u32,
        /// Units that come to it.
        quantity: u32,
        /// Totals of the units that come to it.
        amounts: Amounts,
    },
    /// Fewer units.
    Take {
        /// Number of the line, from 1.
        line: u32,
        /// Units to call off; `None` for all that have not left the house.
        quantity: Option<u32>,
    },
    /// Other amounts.
    Reprice {
        /// Number of the line, from 1.
        line: u32,
        /// Totals of its units that are not called off.
        amounts: Amounts,
    },
    /// Another line.
    New(PlacedLine),
}

/// Decides on an edit to be staged. `rules` are those of the SKUs that it adds.
///
/// # Errors
/// A refusal when the order's state allows no edit, or the edit makes no sense.
pub fn decide_stage(
    order: &Order,
    stage: &StageEdit,
    limits: Limits,
    rules: &SaleRules,
) -> Result<Events, Refusal> {
    order.takes_commands()?;
    order.takes_edits()?;
    let mut changes = Vec::with_capacity(stage.changes.len());
    let mut lines: Vec<PlacedLine> = Vec::new();
    order.may_add(&stage.changes)?;
    for change in &stage.changes {
        changes.push(match change {
            EditChange::AddUnits { line, quantity, amounts } => {
                LineEdit::Add { line: *line, quantity: *quantity, amounts: *amounts }
            }
            EditChange::TakeUnits { line, quantity } => {
                LineEdit::Take { line: *line, quantity: Some(*quantity) }
            }
            EditChange::RemoveLine { line } => LineEdit::Take { line: *line, quantity: None },
            EditChange::Reprice { line, amounts } => LineEdit::Reprice { line: *line, amounts: *amounts },
            EditChange::AddLine(request) => {
                let placed = order.new_line(request, &lines, rules)?;
                lines.push(placed.clone());
                LineEdit::New(placed)
            }
        });
    }
    let edit = StagedEdit { changes };
    let after = order.outlook(&edit)?;
    let parts = after.lines.iter().map(|line| line.kit.as_ref().map_or(0, |kit| kit.len()));
    let all = after.lines.len() + parts.sum::<usize>();
    if all > limits.lines_max {
        return Err(Refusal::TooManyLines { lines: all as u64, max: limits.lines_max as u64 });
    }
    Ok(smallvec![OrderEvent::EditStaged(Box::new(edit))])
}

pub(super) fn decide_accept(order: &Order, accept: &AcceptEdit) -> Result<Events, Refusal> {
    order.takes_edits()?;
    let after = order.outlook(order.staged(accept.version)?)?;
    Ok(if !after.reserve.is_empty() {
        smallvec![OrderEvent::EditStarted]
    } else if !after.release.is_empty() {
        smallvec![OrderEvent::EditReleasing]
    } else {
        order.accepted()
    })
}

pub(super) fn decide_decline(order: &Order, decline: &DeclineEdit) -> Result<Events, Refusal> {
    order.staged(decline.version)?;
    Ok(smallvec![OrderEvent::EditDeclined])
}

impl Order {
    /// Refuses what an order cannot take an edit for. One that waits for units can be edited when they have come
    /// or were called off.
    fn takes_edits(&self) -> Result<(), Refusal> {
        self.allows(Action::Edit)?;
        if self.waits() {
            return Err(Refusal::InvalidEdit { line: 0, problem: EditProblem::Waits });
        }
        Ok(())
    }

    /// Refuses units that would come to an order of a flash sale: it takes them at placement and nowhere else, and
    /// what a paid order got on top would be held without a time to pay.
    fn may_add(&self, changes: &[EditChange]) -> Result<(), Refusal> {
        if self.lifecycle != LifecycleId::FLASH_SALE {
            return Ok(());
        }
        let adding = changes.iter().find_map(|change| match change {
            EditChange::AddUnits { line, .. } => Some(*line),
            EditChange::AddLine(_) => Some(0),
            EditChange::TakeUnits { .. } | EditChange::RemoveLine { .. } | EditChange::Reprice { .. } => None,
        });
        let problem = EditProblem::AddsUnits;
        adding.map_or(Ok(()), |line| Err(Refusal::InvalidEdit { line, problem }))
    }

    /// The staged edit, if that version of the order was previewed.
    fn staged(&self, version: u64) -> Result<&StagedEdit, Refusal> {
        let edit = self.edit.as_deref().ok_or(Refusal::NoEdit)?;
        if version == self.version {
            Ok(edit)
        } else {
            Err(Refusal::EditOutdated { previewed: version, version: self.version })
        }
    }

    /// A line to be added. Its stock falls when that of the lines does with which it shares a SKU, else by the
    /// rules; at once where the order is paid, and with the payment where nothing of it is reserved before.
    fn new_line(
        &self,
        request: &LineRequest,
        added: &[PlacedLine],
        rules: &SaleRules,
    ) -> Result<PlacedLine, Refusal> {
        let number = u32::try_from(self.lines.len() + added.len() + 1).map_err(|_| Refusal::Overflow)?;
        let mut line = sale::placed_line(request, self.terms, rules);
        sale::check_kit(&line, rules)?;
        if self.is_settled() || self.state == State::Accepted {
            line.at_payment = self.state == State::Accepted;
            return Ok(line);
        }
        let (mut early, mut late) = (false, false);
        let shares = |kit_or_sku: Vec<&crate::domain::ids::SkuId>| {
            line.demand(1).any(|(sku, _)| kit_or_sku.contains(&sku))
        };
        let present = self.lines.iter().map(|l| (l.at_payment, l.demand(1).map(|(sku, _)| sku).collect()));
        let new = added.iter().map(|l| (l.at_payment, l.demand(1).map(|(sku, _)| sku).collect()));
        for (at_payment, skus) in present.chain(new) {
            let shared = shares(skus);
            late |= shared && at_payment;
            early |= shared && !at_payment;
        }
        if early && late {
            return Err(Refusal::InvalidEdit { line: number, problem: EditProblem::TwoDeductions });
        }
        line.at_payment = late || (line.at_payment && !early);
        Ok(line)
    }

    /// What the saga that reserves for the edit asks for.
    pub(super) fn edit_reserves(&self) -> Vec<Demand> {
        let after = self.edit.as_deref().and_then(|edit| self.outlook(edit).ok()).unwrap_or_default();
        let demand = after.reserve.into_iter();
        demand.map(|(sku, units)| Demand::exact(sku, StepOp::Add, units)).collect()
    }

    /// What the saga that gives back for the edit asks for.
    pub(super) fn edit_releases(&self) -> Vec<Demand> {
        let after = self.edit.as_deref().and_then(|edit| self.outlook(edit).ok()).unwrap_or_default();
        let demand = after.release.into_iter().map(|(sku, given)| Demand {
            unpaid: self.is_settled().then_some(given.unpaid),
            ..Demand::exact(sku, StepOp::Release, given.units)
        });
        demand.collect()
    }

    /// The events behind what was reserved for the edit.
    pub(super) fn edit_reserved(&self) -> Events {
        if self.edit_releases().is_empty() { self.accepted() } else { smallvec![OrderEvent::EditReleasing] }
    }

    /// The events that carry the edit out, and what follows from its money.
    pub(super) fn accepted(&self) -> Events {
        let Some(Ok(after)) = self.edit.as_deref().map(|edit| self.outlook(edit)) else {
            return Events::new();
        };
        let kept = self.paid.saturating_sub(self.refund_due);
        let cheaper = self.due.saturating_sub(after.due).max(0);
        let refund_due = kept.saturating_sub(after.due).clamp(0, cheaper);
        let mut events: Events = smallvec![OrderEvent::EditAccepted { refund_due }];
        let unsettled = matches!(self.state, State::Reserved | State::Accepted);
        if unsettled && (after.due.max(1)..self.due).contains(&kept) {
            events.push(OrderEvent::SettlementStarted);
        } else if !unsettled && kept >= after.due && after.lines.iter().any(|l| l.counters.reserved > 0) {
            events.push(OrderEvent::SupplementStarted);
        }
        events
    }

    /// Whether the order is paid and has units since that are reserved for it and not paid for.
    #[must_use]
    pub fn has_unpaid_units(&self) -> bool {
        self.is_settled() && self.lines.iter().any(|line| line.counters.reserved > 0)
    }

    pub(super) fn begin_release(&mut self) -> Result<(), OrderBroken> {
        if self.pending.is_some() {
            self.end_saga("an edit")?;
        }
        self.begin_saga(PendingKind::EditRelease)
    }

    pub(super) fn edited(&mut self, refund_due: i64, at: Timestamp) -> Result<(), OrderBroken> {
        self.pending = None;
        let edit = self.edit.take().ok_or_else(|| OrderBroken("an edit that was not staged".into()))?;
        let after = self.outlook(&edit).map_err(|refusal| OrderBroken(refusal.to_string().into()))?;
        (self.lines, self.due) = (after.lines, after.due);
        self.add_refund(refund_due)?;
        self.go(Action::Edit, at)
    }

    /// The event behind a supplement that a SKU refused. The payment that led to it is due back; none did where an
    /// edit or a cancellation that was granted led to it.
    pub(super) fn supplement_refused(&self, refusal: Refusal, granted: bool) -> OrderEvent {
        let kept = self.paid.saturating_sub(self.refund_due);
        let paid = self.payments.last().map_or(0, |payment| payment.amount.min(kept));
        OrderEvent::SupplementUndone { refusal, refund_due: if granted { 0 } else { paid } }
    }

    /// What was reserved and not paid for is paid for.
    pub(super) fn supplemented(&mut self) -> Result<(), OrderBroken> {
        self.end_saga("a supplement")?;
        self.each_line(|c| {
            c.committed = c.committed.saturating_add(std::mem::take(&mut c.reserved));
            Ok(())
        })
    }
}
