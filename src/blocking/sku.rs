//! The calls to one SKU's inventory that wait.

use std::future::Future;

use super::{Engine, mirror};
use crate::domain::command::StockAnswer;
use crate::domain::ids::{BusinessId, CartId, IdempotencyKey, Principal, SkuId};
use crate::domain::inventory::{HoldOwner, Reason};
use crate::domain::time::Timestamp;
use crate::engine;
use crate::error::Error;
use crate::query::{Holder, Page, SkuView, Timeline};

/// One SKU by its id. While it lives, so does its engine.
#[derive(Clone, Debug)]
pub struct SkuHandle {
    handle: engine::SkuHandle,
    /// Behind the handle, so that the runtime goes last.
    engine: Engine,
}

impl SkuHandle {
    pub(super) fn new(handle: engine::SkuHandle, engine: Engine) -> Self {
        Self { handle, engine }
    }

    fn target(&self) -> &engine::SkuHandle {
        &self.handle
    }

    fn run<F: Future>(&self, call: F) -> Result<F::Output, Error> {
        self.engine.run(call)
    }

    /// The id.
    #[must_use]
    pub fn id(&self) -> &SkuId {
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

    mirror! { "SkuHandle":
        view() -> Option<SkuView>;
        timeline(from: u64, limit: usize) -> Timeline;
        holders(after: Option<&HoldOwner>, limit: usize) -> Page<Holder, HoldOwner>;
        receive(quantity: u64, reason: impl Into<Reason>) -> StockAnswer;
        adjust(delta: i64, reason: impl Into<Reason>) -> StockAnswer;
        reserve(cart: CartId, quantity: u64, deadline: Option<Timestamp>) -> StockAnswer;
        commit(cart: CartId) -> StockAnswer;
        release(cart: CartId) -> StockAnswer;
        ship(cart: CartId, quantity: u64) -> StockAnswer;
        return_to_stock(quantity: u64, reason: impl Into<Reason>) -> StockAnswer;
        write_off(quantity: u64, reason: impl Into<Reason>) -> StockAnswer;
    }
}
