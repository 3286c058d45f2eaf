//! What the tests share: a folder, an engine in it, and short ways to say what a shop does.
#![allow(clippy::unwrap_used, dead_code, reason = "a test fails by panicking, and none uses all of it")]

use earmark::{
    Config, Currency, Engine, LineRequest, Money, OrderId, PayOrder, PlaceOrder, SkuCommand, SkuId,
};
use tempfile::TempDir;

pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// A configuration whose segments are small, so that opening is quick and rotation happens.
pub(crate) fn config(folder: &TempDir) -> Config {
    Config { segment_bytes: 4 << 20, ..Config::new(folder.path()) }
}

pub(crate) async fn open(folder: &TempDir) -> Engine {
    Engine::open(config(folder)).await.unwrap()
}

pub(crate) fn sku(text: &str) -> SkuId {
    text.parse().unwrap()
}

pub(crate) fn order(text: &str) -> OrderId {
    text.parse().unwrap()
}

pub(crate) async fn receive(engine: &Engine, name: &str, quantity: u64) {
    let command = SkuCommand::Receive { quantity, reason: "opening stock".into() };
    engine.stock(&sku(name), command).await.unwrap();
}

pub(crate) fn reserve(cart: &str, quantity: u64) -> SkuCommand {
    SkuCommand::Reserve { cart: cart.parse().unwrap(), quantity, deadline: None }
}

/// An order over lines of `(SKU, quantity)` at 10.00 a unit.
pub(crate) fn placement(id: &str, lines: &[(&str, u32)]) -> PlaceOrder {
    let lines = lines.iter().map(|(name, n)| LineRequest::new(sku(name), *n, i64::from(*n) * 1_000));
    PlaceOrder::new("shop".parse().unwrap(), Currency::EUR, lines.collect()).with_id(order(id))
}

pub(crate) fn payment(id: &str, minor: i64) -> PayOrder {
    PayOrder::new(order(id), "card".parse().unwrap(), Money::new(minor, Currency::EUR))
}
