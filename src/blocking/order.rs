//! The calls to one order that wait.

use std::future::Future;

use super::{Engine, mirror};
use crate::domain::command::{EditChange, LineQuantity, OrderAnswer, ProgressStep, SplitBy};
use crate::domain::ids::{BusinessId, IdempotencyKey, OrderId, PaymentMethod, Principal};
use crate::domain::inventory::Reason;
use crate::domain::money::Money;
use crate::domain::order::{Delivery, EditPreview, Order};
use crate::domain::time::Timestamp;
use crate::engine;
use crate::error::Error;
use crate::query::Timeline;

/// One order by its id. While it lives, so does its engine.
#[derive(Clone, Debug)]
pub struct OrderHandle {
    handle: engine::OrderHandle,
    /// Behind the handle, so that the runtime goes last.
    engine: Engine,
}

impl OrderHandle {
    pub(super) fn new(handle: engine::OrderHandle, engine: Engine) -> Self {
        Self { handle, engine }
    }

    fn target(&self) -> &engine::OrderHandle {
        &self.handle
    }

    fn run<F: Future>(&self, call: F) -> Result<F::Output, Error> {
        self.engine.run(call)
    }

    /// The id.
    #[must_use]
    pub fn id(&self) -> &OrderId {
        self.handle.id()
    }

    /// A handle whose commands are given by `principal`.
    #[must_use]
    pub fn by(self, principal: Principal) -> Self {
        Self { handle: self.handle.by(principal), ..self }
    }

    /// A handle whose command is executed at most once under `key` within `business`.
    #[must_use]
    pub fn with_key(self, business: BusinessId, key: IdempotencyKey) -> Self {
        Self { handle: self.handle.with_key(business, key), ..self }
    }

    mirror! { "OrderHandle":
        view() -> Option<Order>;
        timeline() -> Timeline;
        pay(method: PaymentMethod, amount: Money) -> OrderAnswer;
        ship(lines: &[LineQuantity]) -> OrderAnswer;
        ship_short(lines: &[LineQuantity], missing: &[LineQuantity], reason: impl Into<Reason>) -> OrderAnswer;
        deliver(lines: &[LineQuantity]) -> OrderAnswer;
        stage_edit(changes: Vec<EditChange>) -> OrderAnswer;
        preview_edit() -> EditPreview;
        accept_edit(version: u64) -> OrderAnswer;
        split(by: SplitBy) -> OrderAnswer;
        split_by_location() -> OrderAnswer;
        decline_edit(version: u64) -> OrderAnswer;
        cancel(lines: &[LineQuantity], reason: impl Into<Reason>) -> OrderAnswer;
        progress(step: ProgressStep) -> OrderAnswer;
        change_delivery(delivery: Delivery) -> OrderAnswer;
        extend_deadline(until: Timestamp) -> OrderAnswer;
        close(reason: impl Into<Reason>) -> OrderAnswer;
        retire() -> OrderAnswer;
        retire_refunded() -> OrderAnswer;
    }
}
