//! Short shipments: some units leave the house, others never will. One decision that leads from a shipment
//! straight into a cancellation. Pure.

use smallvec::smallvec;

use super::decide::{Events, resolve, units};
use super::event::OrderEvent;
use super::lifecycle::Action;
use super::state::Order;
use crate::domain::command::{LineQuantity, ShipShort};
use crate::domain::refusal::{Refusal, check_reason};

pub(super) fn decide_short(order: &Order, short: &ShipShort) -> Result<Events, Refusal> {
    check_reason(&short.reason)?;
    order.allows_one_of(Action::ShipPart, Action::ShipAll)?;
    if short.lines.is_empty() {
        return Err(Refusal::QuantityNotPositive { line: 0 });
    }
    let lines = resolve(order, &short.lines, Action::ShipPart, |line| line.counters.committed)?;
    let missing = order.missing_behind(&lines, &short.missing)?;
    if missing.is_empty() {
        order.allows(order.ship_action(&lines))?;
        return Ok(smallvec![OrderEvent::ShipmentStarted { lines }]);
    }
    order.allows(order.ship_action(&lines))?;
    order.allows(order.cancel_action_behind(units(&lines), &missing))?;
    let reason = short.reason.clone();
    Ok(smallvec![OrderEvent::ShortShipmentStarted { lines, missing, reason }])
}

impl Order {
    /// The units to call off once `lines` have left: those that are named, or all the others.
    fn missing_behind(
        &self,
        lines: &[LineQuantity],
        named: &[LineQuantity],
    ) -> Result<Vec<LineQuantity>, Refusal> {
        let mut rest = self.open_lines();
        for part in &mut rest {
            let leaving = lines.iter().find(|leaving| leaving.line == part.line);
            part.quantity -= leaving.map_or(0, |leaving| leaving.quantity).min(part.quantity);
        }
        rest.retain(|part| part.quantity > 0);
        if named.is_empty() {
            return Ok(rest);
        }
        let missing = resolve(self, named, Action::CancelPart, |line| line.counters.open())?;
        for LineQuantity { line, quantity } in &missing {
            let left = rest.iter().find(|part| part.line == *line).map_or(0, |part| part.quantity);
            if *quantity > left {
                let (requested, left) = (u64::from(*quantity), left.into());
                let action = Action::CancelPart;
                return Err(Refusal::QuantityExceeded { line: *line, action, requested, left });
            }
        }
        Ok(missing)
    }
}
