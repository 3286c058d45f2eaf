//! Terms: an order keeps those that it was placed under.

use std::sync::Arc;

use earmark::{
    Config, Deduction, Engine, Error, Lifecycle, OrderQuery, OrderType, State, Terms, TermsByType,
};

use super::{Shop, bought};
use crate::common::*;

const MINUTE: u64 = 60_000;

fn within(minutes: u64) -> TermsByType {
    let pay_within_ms = Some(minutes * MINUTE);
    let defaults = TermsByType::default();
    TermsByType {
        virtual_goods: Terms { pay_within_ms, ..defaults.virtual_goods },
        membership: Terms { pay_within_ms, active_for_ms: pay_within_ms, ..defaults.membership },
        ..defaults
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_keeps_the_timers_of_the_terms_it_was_placed_under() {
    let shop = Shop::under(within(10)).await;
    receive(&shop.engine, "a", 9).await;
    shop.engine.place(bought(OrderType::Virtual, "old", &[("a", 1)])).await.unwrap();
    shop.engine.place(bought(OrderType::Membership, "member", &[("a", 1)])).await.unwrap();
    let shop = shop.crash(within(30)).await;
    shop.engine.place(bought(OrderType::Virtual, "new", &[("a", 1)])).await.unwrap();
    // The period of a membership begins under the new configuration, and is that of the old terms all the same.
    shop.engine.pay(payment("member", 1_000)).await.unwrap();
    shop.pass(10 * MINUTE - 1).await;
    assert_eq!((shop.state("old").await, shop.state("member").await), (State::Reserved, State::Active));
    shop.pass(1).await;
    assert_eq!((shop.state("old").await, shop.state("member").await), (State::Cancelled, State::Completed));
    assert_eq!(shop.state("new").await, State::Reserved);
    let shop = shop.crash(within(90)).await;
    shop.pass(20 * MINUTE).await;
    assert_eq!(shop.state("new").await, State::Cancelled);
    shop.ends_sound().await;
}

#[tokio::test(start_paused = true)]
async fn terms_that_a_type_cannot_have_are_refused_at_open() {
    let at_payment = Some(Deduction::AtPayment);
    let defaults = TermsByType::default();
    let terms =
        TermsByType { flash_sale: Terms { deduction: at_payment, ..defaults.flash_sale }, ..defaults };
    let opened = Engine::open(Config { terms, ..Config::in_memory() }).await;
    match opened {
        Err(Error::Config { setting: "terms", problem }) => {
            assert!(problem.contains("flash sale"), "{problem}")
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn lists_show_what_merchant_and_buyer_see_of_each_order() {
    let shop = Shop::open().await;
    receive(&shop.engine, "a", 9).await;
    for (id, order_type) in [("goods", OrderType::Physical), ("place", OrderType::Membership)] {
        shop.engine.place(bought(order_type, id, &[("a", 1)])).await.unwrap();
        shop.engine.pay(payment(id, 1_000)).await.unwrap();
    }
    let clock = Arc::clone(&shop.clock);
    let shop = shop.crash(TermsByType::default()).await;
    assert!(Arc::ptr_eq(&clock, &shop.clock));
    let page = shop.engine.orders(&OrderQuery::all(), None, 9).await.unwrap();
    let seen: Vec<_> = page.items.iter().map(|item| (item.order.as_str(), item.view().unwrap())).collect();
    assert_eq!(
        [(seen[0].0, seen[0].1.buyer), (seen[1].0, seen[1].1.buyer)],
        [("place", "active"), ("goods", "paid")]
    );
    assert_eq!((seen[0].1.merchant, seen[1].1.merchant), ("running", "to be picked"));
    for order in ["goods", "place"] {
        let order = look(&shop.engine, order).await;
        let lifecycle = Lifecycle::of(order.lifecycle).unwrap();
        assert_eq!(order.view(), lifecycle.view(order.state));
    }
}
