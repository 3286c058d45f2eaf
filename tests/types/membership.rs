//! Memberships: active for a period, shipped by nobody.

use earmark::{CloseOrder, ExtendDeadline, OrderType, ProgressStep, State, TermsByType};

use super::{Shop, bought};
use crate::common::*;

const DAY: u64 = 86_400_000;

/// A club of ten places, with members who have not paid.
async fn club(members: &[&str]) -> Shop {
    let shop = Shop::open().await;
    receive(&shop.engine, "place", 10).await;
    for id in members {
        let placed = shop.engine.place(bought(OrderType::Membership, id, &[("place", 1)])).await.unwrap();
        assert_eq!(placed.state, State::Accepted);
    }
    shop
}

#[tokio::test(start_paused = true)]
async fn a_membership_is_active_for_a_year_through_a_crash_and_then_over() {
    let shop = club(&["o"]).await;
    assert_eq!(stock(&shop.engine, "place").await, [10, 0, 0, 0]);
    assert_eq!(shop.engine.pay(payment("o", 1_000)).await.unwrap().state, State::Active);
    assert_eq!(stock(&shop.engine, "place").await, [9, 0, 1, 0]);
    assert_eq!(refusal(shop.engine.ship(shipment("o", &[])).await).code(), "WRONG_STATE");
    shop.pass(200 * DAY).await;
    let shop = shop.crash(TermsByType::default()).await;
    shop.pass(165 * DAY - 1).await;
    assert_eq!(shop.state("o").await, State::Active);
    shop.pass(1).await;
    assert_eq!(shop.state("o").await, State::Completed);
    assert_eq!(stock(&shop.engine, "place").await, [9, 0, 0, 1]);
    assert_eq!(look(&shop.engine, "o").await.view().unwrap().buyer, "ended");
    let close = CloseOrder { order: order("o"), reason: "filed".into() };
    shop.engine.submit(close).await.unwrap();
    assert_eq!(shop.state("o").await, State::Closed);
    shop.ends_sound().await;
}

#[tokio::test(start_paused = true)]
async fn a_membership_is_refunded_prolonged_or_ended_by_hand_while_it_is_active() {
    let shop = club(&["unpaid", "refunded", "ended", "prolonged", "forgotten"]).await;
    shop.engine.cancel(cancellation("unpaid", &[])).await.unwrap();
    for id in ["refunded", "ended", "prolonged"] {
        shop.engine.pay(payment(id, 1_000)).await.unwrap();
    }
    let refunded = shop.engine.cancel(cancellation("refunded", &[])).await.unwrap();
    assert_eq!((refunded.state, refunded.refund_due), (State::Cancelled, 1_000));
    assert_eq!(shop.step("ended", ProgressStep::Complete).await, State::Completed);
    let end = look(&shop.engine, "prolonged").await.deadline.unwrap().at;
    let until = end.plus_millis(30 * DAY);
    shop.engine.submit(ExtendDeadline { order: order("prolonged"), until }).await.unwrap();
    shop.pass(DAY).await;
    assert_eq!(shop.state("forgotten").await, State::Cancelled);
    shop.pass(364 * DAY).await;
    assert_eq!(shop.state("prolonged").await, State::Active);
    shop.pass(30 * DAY).await;
    assert_eq!(shop.state("prolonged").await, State::Completed);
    assert_eq!(stock(&shop.engine, "place").await, [8, 0, 0, 2], "one place is free again");
    shop.ends_sound().await;
}
