//! Orders that are content with what there is, in an engine.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;

use common::journal::{read, write};
use common::*;
use earmark::domain::order::OrderEvent;
use earmark::port::fs_sim::SimFs;
use earmark::{Command, Config, Deduction, Engine, OrderType, Request, State, Terms, TermsByType};

#[tokio::test]
async fn an_order_in_part_takes_what_there_is_and_says_what_is_missing() {
    let engine = Engine::open(Config::in_memory()).await.unwrap();
    receive(&engine, "a", 3).await;
    receive(&engine, "b", 0).await;
    receive(&engine, "c", 1).await;
    let order = placement("o", &[("a", 2), ("b", 1), ("c", 1), ("a", 4)]).in_part();
    let answer = engine.place(order).await.unwrap();
    assert_eq!((answer.state, answer.due), (State::Reserved, 4_000));
    assert_eq!(answer.missing, parts(&[(2, 1), (4, 3)]));
    assert_eq!(stock(&engine, "a").await, [0, 3, 0, 0]);
    let order = look(&engine, "o").await;
    let lines: Vec<_> = order.lines.iter().map(|l| (l.counters.reserved, l.counters.cancelled)).collect();
    assert_eq!(lines, [(2, 0), (0, 1), (1, 0), (1, 3)]);
    assert_sound(&engine).await;
    assert_eq!(engine.pay(payment("o", 4_000)).await.unwrap().state, State::Paid);
    assert_eq!(engine.ship(shipment("o", &[])).await.unwrap().state, State::Shipped);
    assert_sound(&engine).await;
}

#[tokio::test]
async fn an_order_in_part_is_refused_when_nothing_is_there() {
    let engine = Engine::open(Config::in_memory()).await.unwrap();
    receive(&engine, "a", 0).await;
    receive(&engine, "b", 0).await;
    let order = placement("o", &[("b", 1), ("a", 2)]).in_part();
    assert!(matches!(
        refusal(engine.place(order).await),
        earmark::Refusal::InsufficientStock { sku: short, requested: 2, available: 0 } if short == sku("a")
    ));
    assert_eq!(look(&engine, "o").await.state, State::Cancelled);
    assert_sound(&engine).await;
}

#[tokio::test]
async fn a_refusal_that_is_not_for_want_of_stock_refuses_an_order_in_part() {
    let engine = Engine::open(Config::in_memory()).await.unwrap();
    receive(&engine, "a", 1).await;
    let order = placement("o", &[("a", 2), ("never", 1)]).in_part();
    assert_eq!(refusal(engine.place(order).await).code(), "UNKNOWN_SKU");
    assert_eq!(stock(&engine, "a").await, [1, 0, 0, 0]);
    assert_sound(&engine).await;
}

fn at_payment() -> Config {
    let physical = Terms { deduction: Some(Deduction::AtPayment), ..Terms::physical() };
    Config { terms: TermsByType { physical, ..TermsByType::default() }, ..Config::in_memory() }
}

#[tokio::test]
async fn what_is_missing_at_the_payment_is_due_back_at_once() {
    let engine = Engine::open(at_payment()).await.unwrap();
    receive(&engine, "a", 1).await;
    receive(&engine, "b", 0).await;
    let goods = |id| placement(id, &[("a", 2), ("b", 1)]).of_type(OrderType::Physical).in_part();
    let placed = engine.place(goods("o")).await.unwrap();
    assert_eq!((placed.state, placed.due, placed.missing), (State::Accepted, 3_000, vec![]));
    let paid = engine.pay(payment("o", 3_000)).await.unwrap();
    assert_eq!((paid.state, paid.due, paid.refund_due), (State::Paid, 1_000, 2_000));
    assert_eq!(paid.missing, parts(&[(1, 1), (2, 1)]));
    engine.place(goods("late")).await.unwrap();
    assert_eq!(refusal(engine.pay(payment("late", 3_000)).await).code(), "INSUFFICIENT_STOCK");
    assert_eq!(look(&engine, "late").await.refund_due, 3_000);
    assert_sound(&engine).await;
}

/// An order whose part payment covers what a cancellation leaves of it; by then its stock is gone.
fn covered_too_late() -> Vec<Request<Command>> {
    let order = placement("o", &[("a", 2), ("b", 1)]).of_type(OrderType::Physical);
    let at = |name, command| Command::Sku(sku(name), command);
    let commands: [(&str, Command); 6] = [
        ("in-a", at("a", earmark::SkuCommand::receive(2, "opening"))),
        ("in-b", at("b", earmark::SkuCommand::receive(1, "opening"))),
        ("place", order.into()),
        ("pay", payment("o", 2_000).into()),
        ("broken", at("a", earmark::SkuCommand::adjust(-1, "broken"))),
        ("cancel", cancellation("o", &[(2, 1)]).into()),
    ];
    commands.map(|(name, command)| Request::from(command).with_key(business(), key(name))).into()
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_is_granted_although_the_settlement_it_leads_to_finds_no_stock() {
    let fs = SimFs::new();
    let config = |fs: &SimFs| Config { terms: at_payment().terms, ..sim::config(fs) };
    let engine = Engine::open(config(&fs)).await.unwrap();
    let mut told = Vec::new();
    for request in covered_too_late() {
        told.push(engine.submit::<Command>(request).await.unwrap());
    }
    let Some(earmark::Answer::Order(cancelled)) = told.last() else { panic!("{told:?}") };
    assert_eq!((cancelled.state, cancelled.due, cancelled.refund_due), (State::Cancelled, 0, 2_000));
    assert_eq!(look(&engine, "o").await.refusal.unwrap().code(), "INSUFFICIENT_STOCK");
    assert_eq!(stock(&engine, "a").await, [1, 0, 0, 0]);
    assert_sound(&engine).await;
    engine.close().await.unwrap();
    let records = read(&fs);
    let mut resumed = 0;
    for length in 0..=records.len() {
        let image = write(&records[..length]);
        let engine = Engine::open(config(&image)).await.unwrap();
        resumed += engine.recovery().finished + engine.recovery().undone;
        for (request, told) in covered_too_late().into_iter().zip(&told) {
            let again = engine.submit::<Command>(request.clone()).await;
            assert_eq!(again.as_ref(), Ok(told), "behind record {length}: {request:?}");
        }
        assert_sound(&engine).await;
    }
    assert!(resumed > 1, "{resumed} recoveries took up the cancellation or its settlement");
}

/// Orders that get all, a part, nothing, and one that is undone half way.
fn script() -> Vec<Request<Command>> {
    let keyed = |id: &str, lines: &[(&str, u32)]| {
        Request::from(Command::from(placement(id, lines).in_part())).with_key(business(), key(id))
    };
    let mut requests: Vec<Request<Command>> = [("a", 4), ("b", 2), ("c", 0), ("d", 9)]
        .map(|(name, quantity)| {
            let command = earmark::SkuCommand::receive(quantity, "opening");
            Command::Sku(sku(name), command).into()
        })
        .into();
    requests.extend([
        keyed("o1", &[("a", 3), ("b", 1), ("c", 2), ("d", 1)]),
        keyed("o2", &[("b", 2), ("a", 1), ("a", 2)]),
        keyed("o3", &[("a", 1), ("b", 1), ("c", 1)]),
        keyed("o4", &[("d", 20), ("c", 2), ("never", 1)]),
        keyed("o5", &[("d", 20), ("c", 2)]),
        Command::from(cancellation("o5", &[(1, 8)])).into(),
    ]);
    requests
}

#[tokio::test(start_paused = true)]
async fn an_order_in_part_that_a_crash_interrupted_anywhere_ends_as_it_would_have() {
    let fs = SimFs::new();
    let engine = sim::open(&fs).await;
    let mut told = Vec::new();
    for request in script() {
        told.push(engine.submit::<Command>(request).await.map_err(|error| error.refusal().cloned()));
    }
    let live = engine.cut().await.unwrap();
    assert_eq!(live.violations, Vec::<String>::new());
    engine.close().await.unwrap();
    let records = read(&fs);
    assert!(records.len() > 25, "{}", records.len());
    let mut in_part = 0;
    for length in 0..=records.len() {
        let image = write(&records[..length]);
        let engine = sim::open(&image).await;
        let cut = engine.cut().await.unwrap();
        assert_eq!(cut.violations, Vec::<String>::new(), "behind record {length}");
        in_part +=
            u64::from(engine.recovery().finished > 0 && cut.orders.iter().any(|o| !o.missing.is_empty()));
        // What comes next is decided as it was, and what was decided is answered as it was.
        let known = cut.skus.len();
        for (request, told) in script().into_iter().zip(&told).skip(known) {
            let again = engine.submit::<Command>(request.clone()).await.map_err(|e| e.refusal().cloned());
            if request.key.is_some() || length < records.len() - 3 {
                assert_eq!(again, *told, "behind record {length}: {request:?}");
            }
        }
        assert_eq!(engine.cut().await.unwrap().violations, Vec::<String>::new(), "behind record {length}");
        engine.close().await.unwrap();
        let hash = sim::open(&image).await.cut().await.unwrap().hash;
        assert_eq!(hash, sim::open(&image.crash()).await.cut().await.unwrap().hash);
    }
    assert!(in_part > 2, "{in_part} recoveries ended an order in part");
}

#[tokio::test]
async fn the_timeline_of_an_order_in_part_names_what_is_missing() {
    let engine = Engine::open(Config::in_memory()).await.unwrap();
    receive(&engine, "a", 1).await;
    engine.place(placement("o", &[("a", 3)]).in_part()).await.unwrap();
    let entries = engine.order(&order("o")).timeline().await.unwrap().entries;
    let words: Vec<_> = entries.iter().map(|entry| entry.what.describe()).collect();
    assert_eq!(words[1..], ["Not there, and called off: 2 of line 1.", "Its stock is reserved."]);
    let back = OrderEvent::FellShort { missing: parts(&[(1, 2)]), refund_due: 5 };
    assert_eq!(back.describe(), "Not there, and called off: 2 of line 1; 5 minor units are due back.");
}
