//! The supermarket.

use earmark::State;
use earmark::flow::OrderContext;

use crate::common::{look, order, sku, stock};
use crate::supermarket::Basket;
use crate::{MARKET, Town, VOUCHERS, ends_sound, failed, state};

fn basket(id: &str, lines: &[(&str, u32)]) -> Basket {
    Basket::new(OrderContext::placing(MARKET.order(id, "ann", lines)), "monday")
}

fn about(id: &str) -> Basket {
    Basket::new(OrderContext::about(order(id)), "")
}

#[tokio::test(start_paused = true)]
async fn an_order_is_picked_and_what_is_not_on_the_shelf_is_called_off_and_due_back() {
    let town = Town::new();
    let engine = town.stocked().await;
    let lines = [("milk", 3), ("bread", 2)];
    let placed = MARKET.run(&engine, "submit", basket("o", &lines)).await.unwrap();
    assert_eq!(placed.context.order.answer.unwrap().state, State::Reserved);
    assert_eq!(town.store.counts(), (1, 1));
    MARKET.pay(&engine, "o", 5_000).await.unwrap();
    town.store.lose(sku("milk"), 2);
    let done = MARKET.run(&engine, "fulfil", about("o")).await.unwrap();
    assert_eq!(done.context.short, crate::common::parts(&[(1, 2)]));
    let order = look(&engine, "o").await;
    assert_eq!((order.state, order.due, order.refund_due), (State::Delivered, 3_000, 2_000));
    assert_eq!(stock(&engine, "milk").await, [9, 0, 0, 1]);
    assert_eq!(stock(&engine, "bread").await, [8, 0, 0, 2]);
    ends_sound(engine).await;
}

#[tokio::test(start_paused = true)]
async fn an_order_of_which_nothing_is_on_the_shelf_ends_without_a_shipment() {
    let town = Town::new();
    let engine = town.stocked().await;
    MARKET.run(&engine, "submit", basket("o", &[("milk", 2)])).await.unwrap();
    MARKET.pay(&engine, "o", 2_490).await.unwrap();
    town.store.lose(sku("milk"), 9);
    let done = MARKET.run(&engine, "fulfil", about("o")).await.unwrap();
    assert_eq!(done.skipped.unwrap().0, "call-off-short");
    let order = look(&engine, "o").await;
    assert_eq!((order.state, order.refund_due), (State::Cancelled, 2_490));
    ends_sound(engine).await;
}

#[tokio::test(start_paused = true)]
async fn the_fee_is_that_of_the_scene_and_so_is_the_chain() {
    let town = Town::new();
    let engine = town.stocked().await;
    MARKET.run(&engine, "submit", basket("small", &[("milk", 1)])).await.unwrap();
    MARKET.run(&engine, "submit", basket("large", &[("milk", 5)])).await.unwrap();
    let voucher = VOUCHERS.order("voucher", "ann", &[("voucher", 1)]);
    let voucher = Basket::new(OrderContext::placing(voucher), "");
    VOUCHERS.run(&engine, "submit", voucher).await.unwrap();
    for (id, due) in [("small", 1_490), ("large", 5_000), ("voucher", 1_000)] {
        assert_eq!(look(&engine, id).await.due, due, "{id}");
    }
    assert_eq!(town.store.counts(), (2, 2));
    ends_sound(engine).await;
}

#[tokio::test(start_paused = true)]
async fn a_store_that_takes_no_orders_leaves_no_order_and_no_window_behind() {
    let town = Town::new();
    let engine = town.stocked().await;
    town.store.close(true);
    let refused = failed(MARKET.run(&engine, "submit", basket("o", &[("milk", 2)])).await);
    assert_eq!(refused, ("tell-store".to_owned(), "the store takes no more orders".to_owned()));
    assert_eq!((state(&engine, "o").await, town.store.counts()), (State::Cancelled, (0, 0)));
    assert_eq!(stock(&engine, "milk").await, [10, 0, 0, 0]);
    let flow = earmark::FlowId(1);
    let told = engine.flow_timeline(flow, 0, 100).await.unwrap().entries;
    let undone = told.iter().filter(|entry| entry.what.describe().ends_with("is rolled back.")).count();
    assert_eq!(undone, 5);
    town.store.close(false);
    MARKET.run(&engine, "submit", basket("p", &[("milk", 2)])).await.unwrap();
    assert_eq!(town.store.counts(), (1, 1));
    ends_sound(engine).await;
}

#[tokio::test(start_paused = true)]
async fn what_the_line_does_not_have_it_takes_from_the_default_one() {
    let town = Town::new();
    let engine = town.stocked().await;
    for id in ["o", "p"] {
        MARKET.run(&engine, "submit", basket(id, &[("milk", 5)])).await.unwrap();
    }
    MARKET.pay(&engine, "o", 5_000).await.unwrap();
    let reversed = MARKET.about(&engine, "reverse", "o").await.unwrap();
    assert_eq!(reversed.context.answer.unwrap().refund_due, 5_000);
    MARKET.about(&engine, "refund", "o").await.unwrap();
    assert_eq!(state(&engine, "o").await, State::Closed);
    // Its own `cancel` tells the store, too; the default `reverse` does not.
    MARKET.run(&engine, "cancel", about("p")).await.unwrap();
    assert_eq!((state(&engine, "p").await, town.store.counts()), (State::Cancelled, (1, 1)));
    for (chain, line) in [
        ("submit", "supermarket"),
        ("cancel", "supermarket"),
        ("pay", "default"),
        ("reverse", "default"),
        ("refund", "default"),
    ] {
        assert_eq!(MARKET.ran_by(&engine, chain).await, line, "{chain}");
    }
    ends_sound(engine).await;
}
