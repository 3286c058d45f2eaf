//! What happened to an order or a SKU, as its timeline tells it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::*;
use earmark::{Config, DeliverOrder, Engine, RecordCommands, Request, ShipOrder, Timeline};

/// Sentences with who asked, one a line.
fn words(timeline: &Timeline) -> Vec<String> {
    let one = |entry: &earmark::TimelineEntry| match &entry.by {
        Some(by) => format!("{} [{by}]", entry.what.describe()),
        None => entry.what.describe(),
    };
    timeline.entries.iter().map(one).collect()
}

async fn sell(engine: &Engine) {
    receive(engine, "a", 5).await;
    receive(engine, "b", 5).await;
    let place = placement("o", &[("a", 2), ("b", 1)]).by_customer("ada".parse().unwrap());
    let request = Request::from(place).with_key(business(), key("k")).by("web".parse().unwrap());
    engine.place(request).await.unwrap();
    engine.place(placement("o-2", &[("a", 1)])).await.unwrap();
    let too_many = Request::from(shipment("o", &[(1, 9)])).with_key(business(), key("k-2"));
    engine.pay(payment("o", 3_000)).await.unwrap();
    refusal(engine.ship(too_many).await);
    engine.ship(shipment("o", &[(1, 2)])).await.unwrap();
    engine.order(&order("o")).by("clerk".parse().unwrap()).cancel(&[], "broken").await.unwrap();
    engine.deliver(DeliverOrder::all(order("o"))).await.unwrap();
}

const OF_O: [&str; 13] = [
    "Asked to place it at shop: 2 × a, 1 × b. [web]",
    "Placed at shop by customer ada: 2 × a, 1 × b, for 30.00 EUR. [web]",
    "Its stock is reserved. [web]",
    "Payment 1 of 3000 minor units came in by card.",
    "The payments settle it; its stock is being committed.",
    "Paid; its stock is committed.",
    "Asked to ship 9 of line 1.",
    "Refused: line 1 has 2 units left to be shipped; 9 were asked for.",
    "A shipment is being taken out of stock: 2 of line 1.",
    "The shipment left the house.",
    "Called off (broken): 1 of line 2; the units are being given back. [clerk]",
    "What was called off is available again; 1000 minor units are due back. [clerk]",
    "Reached the buyer: 2 of line 1.",
];

#[tokio::test]
async fn the_timeline_of_an_order_tells_its_life_live_and_after_opening_again() {
    let folder = folder();
    let engine = open(&folder).await;
    sell(&engine).await;
    let live = engine.order(&order("o")).timeline().await.unwrap();
    assert_eq!(words(&live), OF_O);
    assert_eq!((live.first_sequence, live.next), (1, None));
    assert!(live.entries.windows(2).all(|w| matches!(w, [a, b] if a.sequence <= b.sequence && a.at <= b.at)));
    engine.close().await.unwrap();
    let engine = open(&folder).await;
    assert_eq!(engine.order(&order("o")).timeline().await.unwrap(), live);
    engine.order(&order("o-2")).cancel(&[], "late").await.unwrap();
    assert_eq!(engine.order(&order("o-2")).timeline().await.unwrap().entries.len(), 4);
}

#[tokio::test]
async fn the_timeline_of_a_sku_comes_in_parts() {
    let folder = folder();
    let engine = open(&folder).await;
    sell(&engine).await;
    let a = engine.sku(&sku("a"));
    let whole = a.timeline(0, 100).await.unwrap();
    assert_eq!(
        words(&whole),
        [
            "5 units came in: opening stock.",
            "2 units reserved for order o.",
            "1 unit reserved for order o-2.",
            "2 units of order o paid for and committed.",
            "2 units of order o left the house.",
        ]
    );
    let (mut parts, mut from) = (Vec::new(), 0);
    loop {
        let part = a.timeline(from, 2).await.unwrap();
        assert!(part.entries.len() <= 2);
        parts.extend(part.entries);
        match part.next {
            Some(next) => from = next,
            None => break,
        }
    }
    assert_eq!(parts, whole.entries);
}

#[tokio::test]
async fn an_order_that_never_was_has_the_timeline_of_its_recorded_refusals() {
    let config = Config { record_commands: RecordCommands::All, ..Config::in_memory() };
    let engine = Engine::open(config).await.unwrap();
    refusal(engine.ship(ShipOrder::all(order("none"))).await);
    let timeline = engine.order(&order("none")).timeline().await.unwrap();
    assert_eq!(words(&timeline), ["Asked to ship all that is left.", "Refused: the order is unknown."]);
    assert_eq!(engine.order(&order("other")).timeline().await.unwrap().entries, Vec::new());
}

#[tokio::test]
async fn a_timeline_begins_where_the_order_was_placed_even_after_many_others() {
    let folder = folder();
    let engine = open(&folder).await;
    receive(&engine, "a", 10_000).await;
    for number in 0..600 {
        engine.place(placement(&format!("o-{number}"), &[("a", 1)])).await.unwrap();
    }
    for number in [0, 255, 256, 257, 511, 512, 599] {
        let timeline = engine.order(&order(&format!("o-{number}"))).timeline().await.unwrap();
        assert_eq!(timeline.entries.len(), 2, "order {number}");
    }
    drop(engine);
    let engine = open(&folder).await;
    for number in [0, 255, 256, 599] {
        let timeline = engine.order(&order(&format!("o-{number}"))).timeline().await.unwrap();
        assert_eq!(timeline.entries.len(), 2, "order {number}");
    }
}

#[tokio::test]
async fn a_refused_order_is_explained_with_who_holds_what_it_lacks() {
    let engine = Engine::open(Config::in_memory()).await.unwrap();
    receive(&engine, "a", 3).await;
    receive(&engine, "b", 3).await;
    engine.place(placement("first", &[("a", 2), ("b", 1)])).await.unwrap();
    refusal(engine.place(placement("second", &[("a", 2)])).await);
    let first = engine.explain(&order("first")).await.unwrap().to_string();
    assert_eq!(
        first,
        "Order first is RESERVED.\nIt holds 2 reserved and 0 committed of a.\nIt holds 1 reserved and 0 committed of b.\n"
    );
    let second = engine.explain(&order("second")).await.unwrap();
    assert_eq!((second.refusals.len(), second.holds.len()), (1, 0));
    let told = second.to_string();
    let lines: Vec<_> = told.lines().collect();
    assert_eq!(lines.first(), Some(&"Order second is CANCELLED."));
    assert!(told.contains("Refused: SKU a has 1 available; 2 were asked for. Nothing is held for it."));
    assert!(told.contains("It asked for 2 of a when 1 were available; 1 are now."));
    assert_eq!(lines.last(), Some(&"order first holds 2 reserved and 0 committed of it."));
    let none = engine.explain(&order("none")).await.unwrap();
    assert_eq!(
        (none.state, &none.last, none.to_string().as_str()),
        (None, &None, "There is no order none.\n")
    );
}
