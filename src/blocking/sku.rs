//! The calls to one SKU's inventory that wait.

use std::future::Future;

use super::{Engine, mirror};
use crate::domain::command::StockAnswer;
use crate::domain::ids::{BusinessId, CartId, DeliveryId, IdempotencyKey, Principal, SkuId};
use crate::domain::inventory::{HoldOwner, LocationId, Place, Reason, StockPolicy};
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

    /// A handle whose commands concern units at a location.
    #[must_use]
    pub fn at(self, location: LocationId) -> Self {
        Self { handle: self.handle.at(location), ..self }
    }

    mirror! { "SkuHandle":
        view() -> Option<SkuView>;
        timeline(from: u64, limit: usize) -> Timeline;
        holders(after: Option<&HoldOwner>, limit: usize) -> Page<Holder, HoldOwner>;
        receive(quantity: u64, reason: impl Into<Reason>) -> StockAnswer;
        adjust(delta: i64, reason: impl Into<Reason>) -> StockAnswer;
        reserve(cart: CartId, quantity: u64, deadline: Option<Timestamp>) -> StockAnswer;
        extend(cart: CartId, deadline: Timestamp) -> StockAnswer;
        set_policy(policy: StockPolicy) -> StockAnswer;
        put(quantity: u64, from: Place, to: Place, reason: impl Into<Reason>) -> StockAnswer;
        announce(delivery: DeliveryId, quantity: u64, expected: Timestamp) -> StockAnswer;
        receive_delivery(delivery: DeliveryId, quantity: u64, reason: impl Into<Reason>) -> StockAnswer;
        transfer(quantity: u64, to: LocationId, reason: impl Into<Reason>) -> StockAnswer;
        commit(cart: CartId) -> StockAnswer;
        release(cart: CartId) -> StockAnswer;
        ship(cart: CartId, quantity: u64) -> StockAnswer;
        return_to_stock(quantity: u64, reason: impl Into<Reason>) -> StockAnswer;
        write_off(quantity: u64, reason: impl Into<Reason>) -> StockAnswer;
    }
}
