//! What the tests share: a folder, an engine in it, and short ways to say what a shop does.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    dead_code,
    reason = "a test fails by panicking, and none uses all of it"
)]

pub(crate) mod crash;
pub(crate) mod journal;
pub(crate) mod sim;

use std::future::Future;
use std::time::Duration;

use earmark::{
    BusinessId, CancelOrder, Config, Currency, Engine, Error, IdempotencyKey, LineQuantity, LineRequest,
    Money, Order, OrderAnswer, OrderId, PayOrder, PlaceOrder, Refusal, ReserveStock, ShipOrder, SkuCommand,
    SkuId, State,
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
    let command = SkuCommand::receive(quantity, "opening stock");
    engine.stock(&sku(name), command).await.unwrap();
}

pub(crate) fn reserve(cart: &str, quantity: u64) -> SkuCommand {
    ReserveStock::new(cart.parse().unwrap(), quantity).into()
}

/// An order over lines of `(SKU, quantity)` at 10.00 a unit.
pub(crate) fn placement(id: &str, lines: &[(&str, u32)]) -> PlaceOrder {
    let lines = lines.iter().map(|(name, n)| LineRequest::new(sku(name), *n, i64::from(*n) * 1_000));
    PlaceOrder::new("shop".parse().unwrap(), Currency::EUR, lines.collect()).with_id(order(id))
}

pub(crate) fn payment(id: &str, minor: i64) -> PayOrder {
    PayOrder::new(order(id), "card".parse().unwrap(), Money::new(minor, Currency::EUR))
}

pub(crate) fn business() -> BusinessId {
    "shop".parse().unwrap()
}

pub(crate) fn key(text: &str) -> IdempotencyKey {
    text.parse().unwrap()
}

pub(crate) fn cart(name: &str) -> earmark::CartId {
    name.parse().unwrap()
}

pub(crate) fn parts(parts: &[(u32, u32)]) -> Vec<LineQuantity> {
    parts.iter().map(|&(line, quantity)| LineQuantity { line, quantity }).collect()
}

pub(crate) fn shipment(id: &str, lines: &[(u32, u32)]) -> ShipOrder {
    ShipOrder { order: order(id), lines: parts(lines) }
}

pub(crate) fn cancellation(id: &str, lines: &[(u32, u32)]) -> CancelOrder {
    CancelOrder { order: order(id), lines: parts(lines), reason: "changed my mind".into() }
}

/// The answer to a command on an order in EUR.
pub(crate) fn answer(id: &str, state: State, money: [i64; 3], version: u64) -> OrderAnswer {
    let [due, paid, refund_due] = money;
    OrderAnswer {
        order: order(id),
        state,
        due,
        paid,
        refund_due,
        missing: Vec::new(),
        backordered: Vec::new(),
        version,
    }
}

/// A SKU's `[available, reserved, committed, shipped]`.
pub(crate) async fn stock(engine: &Engine, name: &str) -> [u64; 4] {
    let c = engine.sku(&sku(name)).view().await.unwrap().unwrap().counters;
    [c.available, c.reserved, c.committed, c.shipped]
}

pub(crate) async fn look(engine: &Engine, id: &str) -> Order {
    engine.order(&order(id)).view().await.unwrap().unwrap()
}

pub(crate) async fn assert_sound(engine: &Engine) {
    assert_eq!(engine.cut().await.unwrap().violations, Vec::<String>::new());
}

pub(crate) fn refusal<T: std::fmt::Debug>(result: Result<T, Error>) -> Refusal {
    match result {
        Err(Error::Refused(refusal)) => refusal,
        other => panic!("not a refusal: {other:?}"),
    }
}

/// What must come, and soon: a call that hangs fails the test instead of holding it up.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(Duration::from_secs(20), future).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: hangs"),
    }
}

/// The seed of a random test: printed, and taken from the environment to repeat a failure.
#[allow(clippy::print_stderr, reason = "a failing run must show its seed")]
pub(crate) fn seed(default: u64) -> u64 {
    let seed = std::env::var("EARMARK_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(default);
    eprintln!("EARMARK_SEED={seed}");
    seed
}
