//! The flash-sale shop.

use earmark::{CustomerId, Delivery, PlaceOrder, State};

use crate::common::{look, stock};
use crate::{SHOP, Town, ends_sound, failed, state};

#[tokio::test(start_paused = true)]
async fn robots_and_greedy_buyers_get_nothing_and_the_others_what_there_is() {
    let town = Town::new();
    let engine = town.stocked().await;
    for (id, buyer, units, at) in [
        ("greedy", "ben", 3, "check-limit"),
        ("robot", "bot-7", 1, "check-risk"),
        ("first", "ben", 2, ""),
        ("second", "ben", 1, "place-order"),
    ] {
        let result = SHOP.submit(&engine, SHOP.order(id, buyer, &[("console", units)])).await;
        if at.is_empty() {
            result.unwrap();
        } else {
            assert_eq!(failed(result).0, at);
        }
    }
    assert_eq!(stock(&engine, "console").await, [8, 2, 0, 0]);
    let nobody = PlaceOrder { customer: None, ..SHOP.order("nobody", "x", &[("console", 1)]) };
    assert_eq!(failed(SHOP.submit(&engine, nobody).await).1, "a flash sale needs a name");
    ends_sound(engine).await;
}

#[tokio::test(start_paused = true)]
async fn units_are_held_for_minutes_and_late_money_is_due_back() {
    let town = Town::new();
    let engine = town.stocked().await;
    for id in ["quick", "slow"] {
        SHOP.submit(&engine, SHOP.order(id, id, &[("console", 1)])).await.unwrap();
    }
    town.pass(4 * 60_000).await;
    SHOP.pay(&engine, "quick", 1_000).await.unwrap();
    town.pass(60_000).await;
    let late = SHOP.pay(&engine, "slow", 1_000).await.unwrap().context.answer.unwrap();
    assert_eq!((late.state, late.refund_due), (State::Cancelled, 1_000));
    SHOP.about(&engine, "fulfil", "quick").await.unwrap();
    assert_eq!(state(&engine, "quick").await, State::Delivered);
    let wrong = failed(SHOP.about(&engine, "fulfil", "slow").await);
    assert_eq!(wrong.0, "pick");
    assert_eq!(stock(&engine, "console").await, [9, 0, 0, 1]);
    for (chain, line) in [("submit", "flash-shop"), ("pay", "default"), ("fulfil", "default")] {
        assert_eq!(SHOP.ran_by(&engine, chain).await, line, "{chain}");
    }
    ends_sound(engine).await;
}

#[tokio::test(start_paused = true)]
async fn devices_are_checked_for_those_who_are_in_the_release() {
    let town = Town::new();
    let engine = town.stocked().await;
    let rules = engine.rules_of(&"flash-shop".parse().unwrap()).unwrap();
    let is_in = |name: &str| {
        rules.switches["check-devices"].is_on("check-devices", Some(&name.parse::<CustomerId>().unwrap()))
    };
    let outside = (0..100).map(|n| format!("c-{n}")).find(|name| !is_in(name)).unwrap();
    for (id, buyer, is_checked) in [("a", "mallory", true), ("b", outside.as_str(), false)] {
        let delivery = Some(Delivery { address: "1 High Street".into(), contact: "".into() });
        let place = PlaceOrder { delivery, ..SHOP.order(id, buyer, &[("console", 1)]) };
        let result = SHOP.submit(&engine, place).await;
        if is_checked {
            assert_eq!(failed(result).0, "check-device");
        } else {
            result.unwrap();
            assert_eq!(look(&engine, id).await.state, State::Reserved);
        }
    }
    ends_sound(engine).await;
}
