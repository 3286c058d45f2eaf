//! Requests that wait for provisional holds to be settled.

use std::collections::{BTreeMap, VecDeque};

use super::{SkuState, Verdict};
use crate::actor::message::{Envelope, Step};
use crate::domain::command::{SkuCommand, StepOp};
use crate::domain::ids::OrderId;
use crate::domain::refusal::Refusal;

/// Holds whose orders are still asking other SKUs.
#[derive(Default)]
pub(super) struct Provisional {
    units_by_order: BTreeMap<OrderId, u64>,
    units: u64,
}

impl Provisional {
    pub(super) fn is_empty(&self) -> bool {
        self.units_by_order.is_empty()
    }

    /// Notes what a granted step means: a provisional hold, or the end of one.
    pub(super) fn note(&mut self, step: &Step) {
        match step.step.op {
            StepOp::Reserve | StepOp::Take if step.provisional => {
                self.units += step.step.quantity;
                *self.units_by_order.entry(step.step.order.clone()).or_default() += step.step.quantity;
            }
            StepOp::Release => {
                self.end(&step.step.order);
            }
            _ => {}
        }
    }

    /// The order's fate is decided.
    fn end(&mut self, order: &OrderId) {
        if !self.units_by_order.is_empty() {
            self.units -= self.units_by_order.remove(order).unwrap_or(0);
        }
    }
}

/// A request that waits.
enum Waiter {
    Command(Envelope<SkuCommand>, u32),
    Step(Step, u32),
}

/// Requests that wait, first come first served.
#[derive(Default)]
pub(super) struct Waiting(VecDeque<Waiter>);

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn push_command(&mut self, envelope: Envelope<SkuCommand>, tries: u32) {
        self.0.push_back(Waiter::Command(envelope, tries));
    }

    pub(super) fn push_step(&mut self, step: Step, tries: u32) {
        self.0.push_back(Waiter::Step(step, tries));
    }
}

impl SkuState {
    /// What becomes of a refused request: one that provisional holds alone stand in the way of waits.
    pub(super) fn verdict(&self, refusal: Refusal, tries: u32) -> Verdict {
        match refusal {
            Refusal::InsufficientStock { ref sku, requested, available }
                if requested <= available.saturating_add(self.provisional.units) =>
            {
                if tries < self.core.contended_retries_max {
                    Verdict::Wait
                } else {
                    Verdict::Refuse(Refusal::Contended { sku: sku.clone() })
                }
            }
            refusal => Verdict::Refuse(refusal),
        }
    }

    /// An order's placement is decided: whoever waited for it is decided on again.
    pub(super) fn settle(&mut self, order: &OrderId) {
        self.provisional.end(order);
        self.retry_waiting();
    }

    /// Decides again on everyone who waits, once each and in their order.
    pub(super) fn retry_waiting(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        // Whoever has to wait on is pushed to the new queue, so this ends; and it finds that queue empty
        // if one of the retried frees stock itself, so it does not nest.
        let retried = std::mem::take(&mut self.waiting.0);
        for waiter in retried {
            match waiter {
                Waiter::Command(envelope, tries) => self.command(envelope, tries),
                Waiter::Step(step, tries) => self.step(step, tries),
            }
        }
    }
}
