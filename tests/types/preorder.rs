//! Preorders: paid before the units are there, shipped as they come.

use earmark::{OrderType, Preorder, SkuCommand, State, StockPolicy, TermsByType, Timestamp};

use super::{Shop, bought};
use crate::common::*;

const DAY: u64 = 86_400_000;

/// A shop that takes preorders of up to nine games, of which it has none.
async fn shop() -> Shop {
    let shop = Shop::open().await;
    receive(&shop.engine, "game", 0).await;
    receive(&shop.engine, "cup", 5).await;
    let preorder = Some(Preorder { units_max: 9, until: Timestamp::from_millis(10 * DAY) });
    let policy = StockPolicy { preorder, ..StockPolicy::default() };
    shop.engine.stock(&sku("game"), SkuCommand::SetPolicy(Box::new(policy))).await.unwrap();
    shop
}

#[tokio::test(start_paused = true)]
async fn a_paid_preorder_waits_through_a_crash_and_ships_as_its_units_come() {
    let shop = shop().await;
    let place = bought(OrderType::Preorder, "o", &[("game", 2), ("cup", 1)]).in_stock_only();
    let placed = shop.engine.place(place).await.unwrap();
    assert_eq!((placed.state, placed.backordered), (State::Reserved, parts(&[(1, 2)])));
    assert_eq!(shop.engine.pay(payment("o", 3_000)).await.unwrap().state, State::Awaiting);
    assert_eq!(shop.engine.ship(shipment("o", &[])).await.unwrap().state, State::Awaiting);
    let shop = shop.crash(TermsByType::default()).await;
    receive(&shop.engine, "game", 1).await;
    let second = shop.engine.ship(shipment("o", &[])).await.unwrap();
    assert_eq!((second.state, second.backordered), (State::Awaiting, parts(&[(1, 1)])));
    receive(&shop.engine, "game", 1).await;
    assert_eq!(shop.state("o").await, State::Paid);
    assert_eq!(shop.engine.ship(shipment("o", &[])).await.unwrap().state, State::Shipped);
    let delivered = shop.engine.deliver(earmark::DeliverOrder::all(order("o"))).await.unwrap();
    assert_eq!(delivered.state, State::Delivered);
    assert_eq!(look(&shop.engine, "o").await.shipments.len(), 3);
    shop.ends_sound().await;
}

#[tokio::test(start_paused = true)]
async fn the_policy_of_the_sku_says_how_many_preorders_there_are_and_until_when() {
    let shop = shop().await;
    let buy = |id: &str, units| shop.engine.place(bought(OrderType::Preorder, id, &[("game", units)]));
    assert_eq!(refusal(buy("o1", 10).await).code(), "BACKORDER_LIMIT_EXCEEDED");
    buy("o2", 9).await.unwrap();
    shop.engine.cancel(cancellation("o2", &[])).await.unwrap();
    shop.pass(10 * DAY).await;
    assert_eq!(refusal(buy("o3", 1).await).code(), "PREORDER_ENDED");
    shop.ends_sound().await;
}

#[tokio::test(start_paused = true)]
async fn a_preorder_is_called_off_before_and_after_its_payment_and_times_out_in_between() {
    let shop = shop().await;
    for id in ["before", "after", "part", "never"] {
        shop.engine.place(bought(OrderType::Preorder, id, &[("game", 2)])).await.unwrap();
    }
    shop.engine.cancel(cancellation("before", &[])).await.unwrap();
    for id in ["after", "part"] {
        shop.engine.pay(payment(id, 2_000)).await.unwrap();
    }
    let after = shop.engine.cancel(cancellation("after", &[])).await.unwrap();
    assert_eq!((after.state, after.refund_due), (State::Cancelled, 2_000));
    receive(&shop.engine, "game", 1).await;
    let part = shop.engine.cancel(cancellation("part", &[(1, 1)])).await.unwrap();
    assert_eq!((part.state, part.refund_due), (State::Paid, 1_000), "what waited was called off first");
    shop.pass(14 * DAY - 1).await;
    assert_eq!(shop.state("never").await, State::Reserved);
    shop.pass(1).await;
    assert_eq!(shop.state("never").await, State::Cancelled);
    assert_eq!(stock(&shop.engine, "game").await, [0, 0, 1, 0]);
    shop.ends_sound().await;
}
