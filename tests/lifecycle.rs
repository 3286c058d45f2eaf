//! The life of an order, as a shop sees it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::*;
use earmark::domain::order::Action;
use earmark::{CancelOrder, DeliverOrder, Engine, Error, Refusal, ShipOrder, SkuCommand, State};

async fn engine() -> Engine {
    Engine::open(earmark::Config::in_memory()).await.unwrap()
}

#[tokio::test]
async fn an_order_is_placed_paid_shipped_and_delivered() {
    let engine = engine().await;
    receive(&engine, "a", 10).await;
    receive(&engine, "b", 10).await;
    let placed = engine.place(placement("o", &[("a", 2), ("b", 1)])).await.unwrap();
    assert_eq!(placed, answer("o", State::Reserved, [3_000, 0, 0], 2));
    assert_eq!(stock(&engine, "a").await, [8, 2, 0, 0]);
    let part = engine.pay(payment("o", 1_000)).await.unwrap();
    assert_eq!(part, answer("o", State::Reserved, [3_000, 1_000, 0], 3));
    let paid = engine.pay(payment("o", 2_000)).await.unwrap();
    assert_eq!(paid, answer("o", State::Paid, [3_000, 3_000, 0], 6));
    assert_eq!(stock(&engine, "a").await, [8, 0, 2, 0]);
    let shipped = engine.ship(ShipOrder::all(order("o"))).await.unwrap();
    assert_eq!(shipped, answer("o", State::Shipped, [3_000, 3_000, 0], 8));
    assert_eq!(stock(&engine, "a").await, [8, 0, 0, 2]);
    let delivered = engine.deliver(DeliverOrder::all(order("o"))).await.unwrap();
    assert_eq!(delivered, answer("o", State::Fulfilled, [3_000, 3_000, 0], 9));
    assert_sound(&engine).await;
}

#[tokio::test]
async fn an_order_leaves_in_several_shipments() {
    let engine = engine().await;
    receive(&engine, "a", 10).await;
    engine.place(placement("o", &[("a", 3), ("a", 2)])).await.unwrap();
    engine.pay(payment("o", 5_000)).await.unwrap();
    assert_eq!(engine.ship(shipment("o", &[(1, 2)])).await.unwrap().state, State::Paid);
    assert_eq!(engine.ship(shipment("o", &[(1, 1), (2, 1)])).await.unwrap().state, State::Paid);
    let exceeded = Refusal::QuantityExceeded { line: 2, action: Action::ShipPart, requested: 2, left: 1 };
    assert_eq!(refusal(engine.ship(shipment("o", &[(2, 2)])).await), exceeded);
    assert_eq!(engine.ship(shipment("o", &[(2, 1)])).await.unwrap().state, State::Shipped);
    assert_eq!(stock(&engine, "a").await, [5, 0, 0, 5]);
    let shipments: Vec<_> = look(&engine, "o").await.shipments.into_iter().map(|s| s.lines).collect();
    assert_eq!(shipments, vec![parts(&[(1, 2)]), parts(&[(1, 1), (2, 1)]), parts(&[(2, 1)])]);
    assert_sound(&engine).await;
}

#[tokio::test]
async fn a_cancellation_gives_back_stock_and_what_was_paid() {
    let engine = engine().await;
    receive(&engine, "a", 10).await;
    engine.place(placement("o", &[("a", 5)])).await.unwrap();
    engine.pay(payment("o", 5_000)).await.unwrap();
    engine.ship(shipment("o", &[(1, 1)])).await.unwrap();
    let part = engine.cancel(cancellation("o", &[(1, 2)])).await.unwrap();
    assert_eq!((part.state, part.due, part.refund_due), (State::Paid, 3_000, 2_000));
    let rest = engine.cancel(CancelOrder::all(order("o"), "slow")).await.unwrap();
    assert_eq!((rest.state, rest.due, rest.refund_due), (State::Shipped, 1_000, 4_000));
    assert_eq!(stock(&engine, "a").await, [9, 0, 0, 1]);
    assert_sound(&engine).await;
}

#[tokio::test]
async fn a_cancellation_that_leaves_no_more_due_than_was_paid_settles_the_order() {
    let folder = folder();
    let engine = open(&folder).await;
    receive(&engine, "a", 10).await;
    receive(&engine, "b", 10).await;
    engine.place(placement("p", &[("a", 2), ("b", 1)])).await.unwrap();
    engine.pay(payment("p", 2_000)).await.unwrap();
    let request = earmark::domain::command::Request::from(cancellation("p", &[(2, 1)]));
    let keyed = request.with_key(business(), key("cancel"));
    let settled = engine.cancel(keyed.clone()).await.unwrap();
    assert_eq!(
        (settled.state, settled.due, settled.paid, settled.refund_due),
        (State::Paid, 2_000, 2_000, 0)
    );
    assert_eq!((stock(&engine, "a").await, stock(&engine, "b").await), ([8, 0, 2, 0], [10, 0, 0, 0]));
    assert_eq!(engine.ship(ShipOrder::all(order("p"))).await.unwrap().state, State::Shipped);
    assert_eq!(engine.cancel(keyed.clone()).await.unwrap(), settled, "the same answer under the same key");
    assert_sound(&engine).await;
    let live = engine.cut().await.unwrap().hash;
    engine.close().await.unwrap();
    let engine = open(&folder).await;
    assert_eq!(engine.cut().await.unwrap().hash, live);
    assert_eq!(engine.cancel(keyed).await.unwrap(), settled);
}

#[tokio::test]
async fn two_lines_of_one_sku_are_one_demand() {
    let engine = engine().await;
    receive(&engine, "a", 5).await;
    let short = Refusal::InsufficientStock { sku: sku("a"), requested: 6, available: 5 };
    assert_eq!(refusal(engine.place(placement("o", &[("a", 3), ("a", 3)])).await), short);
    engine.place(placement("p", &[("a", 3), ("a", 2)])).await.unwrap();
    assert_eq!(stock(&engine, "a").await, [0, 5, 0, 0]);
    assert_sound(&engine).await;
}

#[tokio::test]
async fn a_refused_placement_gives_everything_back_and_keeps_its_id() {
    let engine = engine().await;
    for name in ["a", "b"] {
        receive(&engine, name, 5).await;
    }
    receive(&engine, "z", 1).await;
    let short = Refusal::InsufficientStock { sku: sku("z"), requested: 2, available: 1 };
    assert_eq!(refusal(engine.place(placement("o", &[("z", 2), ("b", 1), ("a", 1)])).await), short);
    assert_eq!((stock(&engine, "a").await, stock(&engine, "b").await), ([5, 0, 0, 0], [5, 0, 0, 0]));
    let refused = look(&engine, "o").await;
    assert_eq!((refused.state, refused.refusal, refused.due), (State::Cancelled, Some(short), 0));
    assert_eq!(refusal(engine.place(placement("o", &[("a", 1)])).await), Refusal::OrderExists);
    let unknown = Refusal::UnknownSku { sku: sku("never") };
    assert_eq!(refusal(engine.place(placement("q", &[("a", 1), ("never", 1)])).await), unknown);
    assert_sound(&engine).await;
}

#[tokio::test]
async fn what_was_never_there_is_unknown() {
    let engine = engine().await;
    assert_eq!(refusal(engine.pay(payment("o", 1)).await), Refusal::UnknownOrder);
    assert_eq!(refusal(engine.cancel(cancellation("o", &[])).await), Refusal::UnknownOrder);
    let unknown = Refusal::UnknownSku { sku: sku("a") };
    assert_eq!(refusal(engine.stock(&sku("a"), reserve("c", 1)).await), unknown);
    assert_eq!(engine.order(&order("o")).view().await, Ok(None));
    assert_eq!(engine.sku(&sku("a")).view().await, Ok(None));
    let nothing = SkuCommand::receive(0, "listed");
    assert_eq!(engine.stock(&sku("a"), nothing).await.unwrap().version, 1);
    let short = Refusal::InsufficientStock { sku: sku("a"), requested: 1, available: 0 };
    assert_eq!(refusal(engine.stock(&sku("a"), reserve("c", 1)).await), short);
    assert_sound(&engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn commands_to_one_order_are_answered_in_their_order_while_its_saga_is_under_way() {
    let engine = engine().await;
    for name in ["a", "b", "c"] {
        receive(&engine, name, 1_000).await;
    }
    for round in 0..200 {
        let id = format!("o-{round}");
        let all: Vec<earmark::Request<earmark::Command>> = vec![
            earmark::Command::from(placement(&id, &[("a", 1), ("b", 1), ("c", 1)])).into(),
            earmark::Command::from(payment(&id, 3_000)).into(),
            earmark::Command::from(ShipOrder::all(order(&id))).into(),
            earmark::Command::from(DeliverOrder::all(order(&id))).into(),
            earmark::Command::from(cancellation(&id, &[])).into(),
        ];
        let answers = soon("the batch", engine.submit_all(all)).await;
        let codes: Vec<_> = answers
            .into_iter()
            .map(|answer| match answer {
                Ok(earmark::Answer::Order(order)) => order.state.name(),
                Ok(other) => panic!("not an order's: {other:?}"),
                Err(error) => error.code(),
            })
            .collect();
        assert_eq!(codes, ["RESERVED", "PAID", "SHIPPED", "FULFILLED", "WRONG_STATE"], "round {round}");
    }
    assert_sound(&engine).await;
}

#[tokio::test]
async fn batches_answer_each_request_in_its_place() {
    let engine = engine().await;
    let receive = |name: &str| {
        let command = SkuCommand::receive(2, "r");
        (sku(name), earmark::Request::from(command))
    };
    let bad = (sku("never"), earmark::Request::from(reserve("c", 1)));
    let stocked = engine.stock_all([receive("a"), bad, receive("b")]).await;
    let codes: Vec<_> = stocked.iter().map(|a| a.as_ref().map_or_else(Error::code, |_| "OK")).collect();
    assert_eq!(codes, ["OK", "UNKNOWN_SKU", "OK"]);
    let orders = ["o", "p", "q"].map(|id| earmark::Request::from(placement(id, &[("a", 1), ("b", 1)])));
    let placed = engine.place_all(orders).await;
    assert_eq!(placed.iter().filter(|answer| answer.is_ok()).count(), 2);
    assert_sound(&engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn queries_see_what_their_caller_wrote() {
    let engine = engine().await;
    receive(&engine, "a", 10_000).await;
    for round in 0..500u64 {
        let id = format!("o-{round}");
        engine.place(placement(&id, &[("a", 1)])).await.unwrap();
        assert_eq!(look(&engine, &id).await.state, State::Reserved);
        assert_eq!(stock(&engine, "a").await, [9_999 - round, round + 1, 0, 0]);
    }
}
