//! Fewer units leave than were ordered, and the others never will.

use earmark::{Command, Config, Engine, Request, ShipShort, SkuCommand, State};

use crate::common::crash::cut_everywhere;
use crate::common::*;

async fn paid(engine: &Engine, lines: &[(&str, u32)]) {
    for (name, units) in lines {
        receive(engine, name, u64::from(*units)).await;
    }
    let order = engine.place(placement("o", lines)).await.unwrap();
    engine.pay(payment("o", order.due)).await.unwrap();
}

#[tokio::test]
async fn what_is_not_shipped_is_called_off_and_its_price_is_due_back() {
    let engine = Engine::open(Config::in_memory()).await.unwrap();
    paid(&engine, &[("a", 3), ("b", 2)]).await;
    let order = engine.order(&order("o"));
    let shipped = order.ship_short(&parts(&[(1, 2)]), &[], "two broke").await.unwrap();
    // Placed, reserved; paid, settling, settled; short shipment, shipped, calling off, called off.
    assert_eq!(shipped, answer("o", State::Shipped, [2_000, 5_000, 3_000], 9));
    assert_eq!((stock(&engine, "a").await, stock(&engine, "b").await), ([1, 0, 0, 2], [2, 0, 0, 0]));
    let found = look(&engine, "o").await;
    assert_eq!((found.lines[0].counters.shipped, found.lines[0].counters.cancelled), (2, 1));
    assert_eq!((found.lines[1].counters.cancelled, found.cancel_reason.as_deref()), (2, Some("two broke")));
    order.deliver(&[]).await.unwrap();
    assert_eq!(look(&engine, "o").await.state, State::Fulfilled);
    assert_sound(&engine).await;
}

#[tokio::test]
async fn only_the_units_that_are_named_missing_are_called_off_and_the_rest_is_shipped_later() {
    let engine = Engine::open(Config::in_memory()).await.unwrap();
    paid(&engine, &[("a", 3), ("b", 2)]).await;
    let order = engine.order(&order("o"));
    let shipped = order.ship_short(&parts(&[(1, 2)]), &parts(&[(1, 1)]), "one broke").await.unwrap();
    assert_eq!((shipped.state, shipped.due, shipped.refund_due), (State::Paid, 4_000, 1_000));
    assert_eq!(order.ship(&[]).await.unwrap().state, State::Shipped);
    assert_eq!((stock(&engine, "a").await, stock(&engine, "b").await), ([1, 0, 0, 2], [0, 0, 0, 2]));
    assert_sound(&engine).await;
}

#[tokio::test]
async fn a_short_shipment_of_everything_is_a_shipment() {
    let engine = Engine::open(Config::in_memory()).await.unwrap();
    paid(&engine, &[("a", 3)]).await;
    let shipped = engine.order(&order("o")).ship_short(&parts(&[(1, 3)]), &[], "none").await.unwrap();
    assert_eq!((shipped.state, shipped.refund_due), (State::Shipped, 0));
}

#[tokio::test]
async fn a_short_shipment_that_asks_for_what_is_not_there_changes_nothing() {
    let engine = Engine::open(Config::in_memory()).await.unwrap();
    paid(&engine, &[("a", 3)]).await;
    let order = engine.order(&order("o"));
    let before = engine.cut().await.unwrap().hash;
    for (lines, missing, code) in [
        (parts(&[]), parts(&[]), "QUANTITY_NOT_POSITIVE"),
        (parts(&[(1, 4)]), parts(&[]), "QUANTITY_EXCEEDED"),
        (parts(&[(1, 2)]), parts(&[(1, 2)]), "QUANTITY_EXCEEDED"),
        (parts(&[(1, 2)]), parts(&[(2, 1)]), "UNKNOWN_LINE"),
        (parts(&[(1, 2)]), parts(&[(1, 0)]), "QUANTITY_NOT_POSITIVE"),
    ] {
        let refused = refusal(order.ship_short(&lines, &missing, "r").await);
        assert_eq!(refused.code(), code, "{lines:?} {missing:?}");
    }
    let wordy = "x".repeat(2_000);
    assert_eq!(refusal(order.ship_short(&parts(&[(1, 1)]), &[], wordy).await).code(), "REASON_TOO_LONG");
    assert_eq!(engine.cut().await.unwrap().hash, before);
    order.cancel(&[], "r").await.unwrap();
    assert_eq!(refusal(order.ship_short(&parts(&[(1, 1)]), &[], "r").await).code(), "WRONG_STATE");
}

#[tokio::test(start_paused = true)]
async fn a_short_shipment_that_a_crash_cuts_anywhere_is_done_once_or_not_at_all() {
    let keyed = |name: &str, command: Command| Request::from(command).with_key(business(), key(name));
    let received = |name, units| Command::Sku(sku(name), SkuCommand::receive(units, "opening stock"));
    let short = |lines: &[(u32, u32)], missing: &[(u32, u32)]| ShipShort {
        order: order("o"),
        lines: parts(lines),
        missing: parts(missing),
        reason: "broke".into(),
    };
    let script = [
        keyed("1", received("a", 4)),
        keyed("2", received("b", 3)),
        keyed("3", placement("o", &[("a", 3), ("b", 3), ("a", 1)]).into()),
        keyed("4", payment("o", 7_000).into()),
        keyed("5", short(&[(1, 1)], &[(3, 1)]).into()),
        keyed("6", short(&[(2, 2), (1, 1)], &[]).into()),
        keyed("7", short(&[(2, 1)], &[]).into()),
    ];
    let records = cut_everywhere(&script).await;
    assert!(records > 20, "{records}");
}
