//! What an order's actor decides with: the terms, limits and rules of SKUs that are in force.

use smallvec::SmallVec;

use super::OrderState;
#[cfg(any(test, feature = "simulation"))]
use crate::domain::command::AcceptEdit;
use crate::domain::command::OrderCommand;
use crate::domain::ids::IdOrigin;
use crate::domain::order::{self, OrderEvent, SaleRules, Terms};
use crate::domain::refusal::Refusal;
use crate::guard;
#[cfg(any(test, feature = "simulation"))]
use crate::port::chaos::{self, Sabotage};

impl OrderState {
    /// Decides on a command to an order that has no saga under way.
    pub(super) fn decided(
        &self,
        command: &OrderCommand,
        origin: IdOrigin,
    ) -> Result<SmallVec<[OrderEvent; 2]>, Refusal> {
        let (limits, terms) = (self.core.limits, self.core.terms);
        let rules = match command {
            OrderCommand::Place(place) => self.core.sales.rules_of(&place.lines),
            OrderCommand::StageEdit(stage) => self.core.sales.rules_of_changes(&stage.changes),
            _ => SaleRules::default(),
        };
        guard::decide(|| match (&self.order, command) {
            (None, OrderCommand::Place(place)) => {
                let current = self.core.flows.current(&place.business);
                let terms = Terms { rules: current, ..terms.of(place.order_type) };
                order::decide_place(place, origin, limits, terms, &rules)
            }
            (None, _) => Err(Refusal::UnknownOrder),
            (Some(order), OrderCommand::StageEdit(stage)) => {
                order::decide_stage(order, stage, limits, &rules)
            }
            #[cfg(any(test, feature = "simulation"))]
            (Some(order), OrderCommand::AcceptEdit(accept)) if chaos::is_broken(Sabotage::PreviewIgnored) => {
                let accept = AcceptEdit { version: order.version, ..accept.clone() };
                order::decide(order, &OrderCommand::AcceptEdit(accept))
            }
            (Some(order), command) => order::decide(order, command),
        })
    }
}
