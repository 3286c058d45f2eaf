//! Handles: the calls to one order and to one SKU.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;

use common::*;
use earmark::port::ManualClock;
use earmark::{
    Config, Currency, Delivery, Engine, Error, HoldOwner, Money, OrderType, Place, ProgressStep, Record,
    State, StockPolicy, Timestamp,
};

async fn engine() -> Engine {
    Engine::open(Config::in_memory()).await.unwrap()
}

#[tokio::test]
async fn a_handle_on_an_order_takes_it_from_payment_to_delivery() {
    let engine = engine().await;
    receive(&engine, "a", 10).await;
    let handle = engine.order(&order("o"));
    assert_eq!(handle.view().await.unwrap(), None);
    engine.place(placement("o", &[("a", 3)])).await.unwrap();
    let paid = handle.pay("card".parse().unwrap(), Money::new(3_000, Currency::EUR)).await.unwrap();
    assert_eq!(paid.state, State::Paid);
    handle.ship(&parts(&[(1, 2)])).await.unwrap();
    assert_eq!(handle.cancel(&[], "too late").await.unwrap().refund_due, 1_000);
    assert_eq!(handle.deliver(&[]).await.unwrap().state, State::Fulfilled);
    assert_eq!(handle.view().await.unwrap().unwrap().version, 10);
    assert_sound(&engine).await;
}

#[tokio::test]
async fn a_handle_on_a_sku_moves_its_stock() {
    let engine = engine().await;
    let handle = engine.sku(&sku("a"));
    assert_eq!(handle.view().await.unwrap(), None);
    handle.receive(10, "opening").await.unwrap();
    handle.adjust(-1, "counted").await.unwrap();
    handle.reserve(cart("c"), 3, None).await.unwrap();
    handle.commit(cart("c")).await.unwrap();
    handle.ship(cart("c"), 2).await.unwrap();
    handle.release(cart("c")).await.unwrap();
    handle.return_to_stock(1, "unused").await.unwrap();
    handle.write_off(2, "broken").await.unwrap();
    assert_eq!(stock(&engine, "a").await, [6, 0, 0, 2]);
    assert_sound(&engine).await;
}

#[tokio::test]
async fn a_handle_on_an_order_of_physical_goods_takes_it_to_its_close() {
    let engine = engine().await;
    receive(&engine, "a", 10).await;
    engine.place(placement("o", &[("a", 1)]).of_type(OrderType::Physical)).await.unwrap();
    let handle = engine.order(&order("o"));
    let deadline = handle.view().await.unwrap().unwrap().deadline.unwrap().at;
    let later = Timestamp::from_millis(deadline.as_millis() + 1);
    handle.extend_deadline(later).await.unwrap();
    assert_eq!(handle.view().await.unwrap().unwrap().deadline.unwrap().at, later);
    let delivery = Delivery { address: "2 Harbour Road".into(), contact: "555".into() };
    handle.change_delivery(delivery.clone()).await.unwrap();
    handle.pay("card".parse().unwrap(), Money::new(1_000, Currency::EUR)).await.unwrap();
    handle.progress(ProgressStep::Pick).await.unwrap();
    handle.progress(ProgressStep::Pack).await.unwrap();
    handle.ship(&[]).await.unwrap();
    handle.deliver(&[]).await.unwrap();
    handle.progress(ProgressStep::Confirm).await.unwrap();
    handle.progress(ProgressStep::Complete).await.unwrap();
    assert_eq!(handle.close("the books are done").await.unwrap().state, State::Closed);
    assert_eq!(handle.view().await.unwrap().unwrap().delivery, Some(delivery));
    assert_sound(&engine).await;
}

#[tokio::test]
async fn a_handle_on_a_sku_sets_its_rules_and_receives_what_was_announced() {
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_000)));
    let engine = Engine::open(Config { clock, ..Config::in_memory() }).await.unwrap();
    let handle = engine.sku(&sku("a"));
    handle.receive(4, "opening").await.unwrap();
    handle.put(1, Place::Available, Place::SafetyStock, "a reserve").await.unwrap();
    handle.announce("d".parse().unwrap(), 6, Timestamp::from_millis(9_000)).await.unwrap();
    assert_eq!(stock(&engine, "a").await, [3, 0, 0, 0]);
    handle.receive_delivery("d".parse().unwrap(), 6, "note 7").await.unwrap();
    let (soon, late) = (Timestamp::from_millis(2_000), Timestamp::from_millis(3_000));
    handle.reserve(cart("c"), 2, Some(soon)).await.unwrap();
    handle.extend(cart("c"), late).await.unwrap();
    let holder = handle.holders(None, 1).await.unwrap().items.remove(0);
    assert_eq!(holder.hold.deadline, Some(late));
    let policy = StockPolicy { hold_budget_per_buyer: Some(1), ..StockPolicy::default() };
    handle.set_policy(policy).await.unwrap();
    let greedy = placement("o", &[("a", 2)]).by_customer("bob".parse().unwrap());
    assert_eq!(engine.place(greedy).await.unwrap_err().code(), "HOLD_BUDGET_EXCEEDED");
    assert_sound(&engine).await;
}

#[tokio::test]
async fn a_handle_gives_its_commands_a_name_and_a_key() {
    let engine = engine().await;
    let handle = engine.sku(&sku("a")).by("clerk".parse().unwrap()).with_key(business(), key("k"));
    let first = handle.receive(1, "opening").await;
    assert_eq!(handle.receive(1, "opening").await, first);
    assert_eq!(handle.receive(2, "opening").await, Err(Error::KeyReused { key: "k".to_owned() }));
    let mut history = engine.subscribe(engine.start()).unwrap();
    let mut givers = Vec::new();
    while let Some(published) = history.try_next().unwrap() {
        if let Record::Sku(record) = published.record {
            givers.push(record.by.unwrap().to_string());
        }
    }
    assert_eq!(givers, ["clerk"]);
}

#[tokio::test]
async fn the_holders_of_a_sku_come_in_pages_that_show_each_once() {
    let engine = engine().await;
    receive(&engine, "a", 1_000).await;
    let handle = engine.sku(&sku("a"));
    for number in 0..150 {
        handle.reserve(cart(&format!("cart-{number}")), 1, None).await.unwrap();
    }
    engine.place(placement("o", &[("a", 5)])).await.unwrap();
    let (mut seen, mut pages, mut next) = (BTreeSet::new(), 0, None);
    loop {
        let page = handle.holders(next.as_ref(), 20).await.unwrap();
        pages += 1;
        for holder in page.items {
            let units = if holder.owner == HoldOwner::Order(order("o")) { 5 } else { 1 };
            assert_eq!((holder.hold.reserved, holder.hold.committed), (units, 0));
            assert!(seen.insert(holder.owner));
        }
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    assert_eq!((seen.len(), pages), (151, 8));
    assert_eq!(engine.sku(&sku("none")).holders(None, 20).await.unwrap().items, Vec::new());
}
