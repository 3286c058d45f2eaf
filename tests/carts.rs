//! Carts before an engine: they hold, lapse, and become orders.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{assert_sound, cart, folder, look, open, placement, receive, refusal, reserve, sku, stock};
use earmark::domain::inventory::{ReleaseCause, StockEvent};
use earmark::{Config, Engine, Record, Refusal, ReserveStock, SkuCommand, State, Timestamp};

fn until(name: &str, quantity: u64, millis: u64) -> ReserveStock {
    ReserveStock::new(cart(name), quantity).until(Timestamp::from_millis(millis))
}

#[tokio::test]
async fn an_order_of_a_cart_gets_the_last_units_that_the_cart_holds() {
    let folder = folder();
    let engine = open(&folder).await;
    receive(&engine, "a", 3).await;
    receive(&engine, "b", 5).await;
    engine.stock(&sku("a"), reserve("c", 3)).await.unwrap();
    engine.stock(&sku("b"), reserve("c", 4)).await.unwrap();
    let stranger = engine.place(placement("stranger", &[("a", 1)])).await;
    assert_eq!(refusal(stranger).code(), "INSUFFICIENT_STOCK");
    let answer = engine.place(placement("o", &[("a", 3), ("b", 1)]).from_cart(cart("c"))).await.unwrap();
    assert_eq!(answer.state, State::Reserved);
    assert_eq!((stock(&engine, "a").await, stock(&engine, "b").await), ([0, 3, 0, 0], [4, 1, 0, 0]));
    assert_eq!(look(&engine, "o").await.cart, Some(cart("c")));
    assert_sound(&engine).await;
    let live = engine.cut().await.unwrap().hash;
    engine.close().await.unwrap();
    assert_eq!(open(&folder).await.cut().await.unwrap().hash, live);
}

#[tokio::test]
async fn a_placement_that_is_refused_leaves_nothing_held() {
    let engine = Engine::open(Config::in_memory()).await.unwrap();
    receive(&engine, "a", 3).await;
    receive(&engine, "b", 0).await;
    engine.stock(&sku("a"), reserve("c", 3)).await.unwrap();
    let order = placement("o", &[("a", 3), ("b", 1)]).from_cart(cart("c"));
    assert_eq!(refusal(engine.place(order).await).code(), "INSUFFICIENT_STOCK");
    assert_eq!(stock(&engine, "a").await, [3, 0, 0, 0]);
    assert_sound(&engine).await;
}

#[tokio::test]
async fn a_cart_expires_once_and_only_when_its_time_has_come() {
    let folder = folder();
    let engine = open(&folder).await;
    receive(&engine, "a", 3).await;
    engine.stock(&sku("a"), until("late", 1, u64::MAX)).await.unwrap();
    engine.stock(&sku("a"), until("past", 2, 1)).await.unwrap();
    for name in ["late", "past", "past", "nobody"] {
        engine.expire(&sku("a"), cart(name)).await.unwrap();
    }
    engine.expire(&sku("never"), cart("past")).await.unwrap();
    assert_eq!(stock(&engine, "a").await, [2, 1, 0, 0]);
    let extend = SkuCommand::Extend { cart: cart("past"), deadline: Timestamp::from_millis(u64::MAX) };
    let unknown = Refusal::UnknownHold { sku: sku("a") };
    assert_eq!(refusal(engine.stock(&sku("a"), extend).await), unknown);
    let mut causes = Vec::new();
    let mut subscription = engine.subscribe(engine.start()).unwrap();
    let end = engine.sku(&sku("a")).await.unwrap().unwrap().version;
    while let Some(published) = subscription.next().await.unwrap() {
        let Record::Sku(record) = published.record else { continue };
        causes.extend(record.events.iter().filter_map(|event| match event {
            StockEvent::Released { cause, reserved, .. } => Some((*cause, *reserved)),
            _ => None,
        }));
        if record.version == end {
            break;
        }
    }
    assert_eq!(causes, [(ReleaseCause::Expired, 2)]);
    engine.close().await.unwrap();
    assert_eq!(stock(&open(&folder).await, "a").await, [2, 1, 0, 0]);
}
