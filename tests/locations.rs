//! Stock at several locations, from the receipt to a restart.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::*;
use earmark::{Allocation, Config, Engine, LocationId, Refusal, SkuCommand, SkuHandle, StockPolicy};

fn location(name: &str) -> LocationId {
    name.parse().unwrap()
}

async fn stocked(engine: &Engine) -> SkuHandle {
    let handle = engine.sku(&sku("a"));
    handle.receive(2, "opening").await.unwrap();
    handle.clone().at(location("berlin")).receive(9, "opening").await.unwrap();
    handle.clone().at(location("berlin")).transfer(4, location("hamburg"), "closer").await.unwrap();
    handle
}

/// `[available, reserved, committed, shipped]` by location.
async fn by_location(engine: &Engine, name: &str) -> Vec<(String, [u64; 4])> {
    let view = engine.sku(&sku(name)).view().await.unwrap().unwrap();
    let counters = view.locations.iter();
    counters.map(|(at, c)| (at.to_string(), [c.available, c.reserved, c.committed, c.shipped])).collect()
}

fn expected(counters: [[u64; 4]; 3]) -> Vec<(String, [u64; 4])> {
    ["main", "berlin", "hamburg"].map(str::to_owned).into_iter().zip(counters).collect()
}

#[tokio::test]
async fn an_order_takes_units_from_several_locations_and_gives_them_back_there() {
    let folder = folder();
    let engine = open(&folder).await;
    stocked(&engine).await;
    engine.place(placement("o", &[("a", 8)])).await.unwrap();
    assert_eq!(by_location(&engine, "a").await, expected([[0, 2, 0, 0], [0, 5, 0, 0], [3, 1, 0, 0]]));
    engine.pay(payment("o", 8_000)).await.unwrap();
    engine.ship(shipment("o", &[(1, 3)])).await.unwrap();
    assert_eq!(by_location(&engine, "a").await, expected([[0, 0, 0, 2], [0, 0, 4, 1], [3, 0, 1, 0]]));
    engine.cancel(cancellation("o", &[(1, 2)])).await.unwrap();
    assert_eq!(by_location(&engine, "a").await, expected([[0, 0, 0, 2], [1, 0, 3, 1], [4, 0, 0, 0]]));
    assert_sound(&engine).await;
    let before = engine.cut().await.unwrap().hash;
    engine.close().await.unwrap();
    let engine = open(&folder).await;
    assert_eq!(engine.cut().await.unwrap().hash, before);
    assert_sound(&engine).await;
}

#[tokio::test]
async fn a_policy_says_from_where_and_a_timeline_tells_it() {
    let engine = Engine::open(Config::in_memory()).await.unwrap();
    let handle = stocked(&engine).await;
    let allocation = Allocation::Preferred(vec![location("hamburg")]);
    let policy = StockPolicy { allocation, ..StockPolicy::default() };
    engine.stock(&sku("a"), SkuCommand::SetPolicy(Box::new(policy))).await.unwrap();
    handle.reserve(cart("c"), 5, None).await.unwrap();
    handle.commit(cart("c")).await.unwrap();
    let hamburg = handle.clone().at(location("hamburg"));
    let exceeded = Refusal::HoldExceeded { sku: sku("a"), requested: 5, held: 4 };
    assert_eq!(refusal(hamburg.ship(cart("c"), 5).await), exceeded);
    hamburg.ship(cart("c"), 4).await.unwrap();
    handle.release(cart("c")).await.unwrap();
    let told: Vec<_> =
        handle.timeline(0, 100).await.unwrap().entries.iter().map(|e| e.what.describe()).collect();
    assert_eq!(
        told,
        [
            "2 units came in: opening.",
            "9 units came in at berlin: opening.",
            "4 units brought from berlin to hamburg: closer.",
            "The SKU has another policy.",
            "4 units at hamburg reserved for cart c.",
            "1 unit reserved for cart c.",
            "4 units of cart c at hamburg paid for and committed.",
            "1 unit of cart c paid for and committed.",
            "4 units of cart c at hamburg left the house.",
            "cart c gave back 0 units reserved and 1 unit committed, to be available again.",
        ]
    );
    assert_sound(&engine).await;
}

#[tokio::test]
async fn an_explanation_says_where_the_units_lie_that_others_hold() {
    let engine = Engine::open(Config::in_memory()).await.unwrap();
    stocked(&engine).await.reserve(cart("c"), 8, None).await.unwrap();
    engine.place(placement("o", &[("a", 4)])).await.unwrap_err();
    let told = engine.explain(&order("o")).await.unwrap().to_string();
    assert!(told.contains("cart c holds 5 reserved and 0 committed of it at berlin."), "{told}");
    assert!(told.contains("cart c holds 1 reserved and 0 committed of it at hamburg."), "{told}");
}
