//! The club.

use earmark::State;

use crate::common::{look, stock};
use crate::{CLUB, Town, ends_sound, failed, state};

#[tokio::test(start_paused = true)]
async fn whoever_has_paid_is_active_and_let_in_at_once_and_out_again_when_he_leaves() {
    let town = Town::new();
    let engine = town.stocked().await;
    CLUB.submit(&engine, CLUB.order("o", "eve", &[("card", 1)])).await.unwrap();
    let early = failed(CLUB.about(&engine, "fulfil", "o").await);
    assert_eq!(early, ("check-active".to_owned(), "order o is ACCEPTED".to_owned()));
    let paid = CLUB.pay(&engine, "o", 1_000).await.unwrap().context.answer.unwrap();
    assert_eq!((paid.state, town.doors.members()), (State::Active, 1));
    CLUB.about(&engine, "fulfil", "o").await.unwrap();
    let left = CLUB.about(&engine, "cancel", "o").await.unwrap().context.answer.unwrap();
    assert_eq!((left.state, left.refund_due, town.doors.members()), (State::Cancelled, 1_000, 0));
    assert_eq!(stock(&engine, "card").await, [10, 0, 0, 0]);
    for (chain, line) in [("submit", "default"), ("fulfil", "default"), ("pay", "club"), ("cancel", "club")] {
        assert_eq!(CLUB.ran_by(&engine, chain).await, line, "{chain}");
    }
    ends_sound(engine).await;
}

#[tokio::test(start_paused = true)]
async fn a_failure_behind_the_payment_takes_the_entitlement_back_and_the_money_is_due_back() {
    let town = Town::new();
    let engine = town.stocked().await;
    CLUB.submit(&engine, CLUB.order("o", "eve", &[("card", 1)])).await.unwrap();
    town.doors.fail_post(true);
    let refused = failed(CLUB.pay(&engine, "o", 1_000).await);
    assert_eq!(refused, ("welcome".to_owned(), "no letter reaches o".to_owned()));
    let order = look(&engine, "o").await;
    assert_eq!((order.state, order.refund_due, town.doors.members()), (State::Cancelled, 1_000, 0));
    assert_eq!(stock(&engine, "card").await, [10, 0, 0, 0]);
    // There is nothing to undo for a payment that was refused.
    assert_eq!(failed(CLUB.pay(&engine, "unknown", 1_000).await).0, "record-payment");
    assert_eq!(state(&engine, "o").await, State::Cancelled);
    ends_sound(engine).await;
}
