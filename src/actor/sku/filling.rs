//! Filling those who wait: beyond what one record may fill, and telling orders of it.

use super::SkuState;
use crate::actor::core::Draft;
use crate::actor::message::{OrderMessage, SkuMessage};
use crate::actor::registry::Absent;
use crate::domain::ids::{OrderId, Principal};
use crate::domain::inventory::{self, HoldOwner, StockEvent};
use crate::domain::record::SkuRecord;
use crate::guard;

/// The orders for which a record fills units, each once.
pub(super) fn filled(record: &SkuRecord) -> Vec<OrderId> {
    let mut orders: Vec<OrderId> = Vec::new();
    for event in &record.events {
        // Fills of one order stand side by side.
        if let StockEvent::Filled { owner: HoldOwner::Order(order), .. } = event
            && orders.last() != Some(order)
        {
            orders.push(order.clone());
        }
    }
    orders
}

impl SkuState {
    /// Fills on where one record was not enough. Nobody has overtaken in between, because newcomers find
    /// nothing available while somebody waits.
    pub(super) fn fill(&mut self) {
        self.filling = false;
        let now = self.core.clock.now();
        match guard::decide(|| inventory::decide_fill(&self.inventory)) {
            Ok(decision) if decision.events.is_empty() => {}
            Ok(decision) => {
                let mut draft = Draft::default();
                let record = self.record(decision.events, Some(Principal::SYSTEM), now);
                let filled = self.journal_and_apply(&mut draft, record);
                self.commit(draft);
                self.tell_all(&filled);
                if self.inventory.counters.available > 0 {
                    self.retry_waiting();
                }
            }
            // Whoever unparks it sets it going again.
            Err(refusal) => tracing::warn!(sku = %self.inventory.sku, %refusal, "not filled"),
        }
    }

    /// Tells orders what was filled for them, and sees to it that the rest is filled.
    pub(super) fn tell_all(&mut self, orders: &[OrderId]) {
        orders.iter().for_each(|order| self.tell_filled(order));
        self.go_on_filling();
    }

    /// Tells an order all that was ever filled for it, if it has a hold here.
    pub(super) fn tell_filled(&mut self, order: &OrderId) {
        let owner = HoldOwner::Order(order.clone());
        let Some(hold) = self.inventory.hold(&owner) else { return };
        self.hand_over();
        let message = OrderMessage::Filled { sku: self.inventory.sku.clone(), filled: hold.filled() };
        // An order that is gone waits for nothing.
        let _ = self.core.orders.send(&self.core, order, message, Absent::HandBack);
    }

    pub(super) fn go_on_filling(&mut self) {
        if !self.filling && self.inventory.parked.is_none() && self.inventory.can_fill() {
            self.filling = true;
            let sku = self.inventory.sku.clone();
            // It is active: it is this very actor, which cannot rest with mail under way.
            let _ = self.core.skus.send(&self.core, &sku, SkuMessage::Fill, Absent::HandBack);
        }
    }
}
