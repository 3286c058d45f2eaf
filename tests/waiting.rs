//! Orders that wait for units which are sold before they are there: backorder and preorder, in an engine.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;

use common::journal::{Raw, read, write};
use common::*;
use earmark::port::fs_sim::SimFs;
use earmark::{
    Answer, Backorder, Command, Deduction, Engine, KitPart, Preorder, Refusal, Request, SkuCommand, State,
    StockPolicy, Timestamp,
};

fn preorder(units_max: u64) -> StockPolicy {
    let until = Timestamp::from_millis(u64::MAX);
    StockPolicy { preorder: Some(Preorder { units_max, until }), ..StockPolicy::default() }
}

fn backorder(units_max: u64) -> StockPolicy {
    StockPolicy { backorder: Some(Backorder { units_max }), ..StockPolicy::default() }
}

async fn set(engine: &Engine, name: &str, policy: StockPolicy) {
    receive(engine, name, 0).await;
    engine.stock(&sku(name), SkuCommand::SetPolicy(Box::new(policy))).await.unwrap();
}

/// What each line has reserved, committed, waiting, shipped.
async fn lines(engine: &Engine, id: &str) -> Vec<[u32; 4]> {
    let of = |line: &earmark::domain::order::Line| {
        let c = line.counters;
        [c.reserved, c.committed, c.backordered, c.shipped]
    };
    look(engine, id).await.lines.iter().map(of).collect()
}

#[tokio::test(start_paused = true)]
async fn a_preorder_is_sold_paid_filled_in_order_of_arrival_and_shipped() {
    let engine = sim::open(&SimFs::new()).await;
    receive(&engine, "cup", 5).await;
    set(&engine, "game", preorder(9)).await;
    let first = engine.place(placement("o1", &[("game", 3)])).await.unwrap();
    assert_eq!((first.state, first.due, first.backordered), (State::Reserved, 3_000, parts(&[(1, 3)])));
    engine.place(placement("o2", &[("cup", 1), ("game", 2)])).await.unwrap();
    engine.place(placement("o3", &[("game", 4)])).await.unwrap();
    let late = refusal(engine.place(placement("o4", &[("game", 1)])).await);
    assert_eq!(late.code(), "BACKORDER_LIMIT_EXCEEDED");
    assert_sound(&engine).await;
    engine.pay(payment("o1", 3_000)).await.unwrap();
    engine.pay(payment("o2", 3_000)).await.unwrap();
    assert_eq!(refusal(engine.ship(shipment("o1", &[])).await).code(), "NOTHING_LEFT");
    receive(&engine, "game", 4).await;
    assert_eq!(lines(&engine, "o1").await, [[0, 3, 0, 0]]);
    assert_eq!(lines(&engine, "o2").await, [[0, 1, 0, 0], [0, 1, 1, 0]]);
    assert_eq!(lines(&engine, "o3").await, [[0, 0, 4, 0]]);
    assert_sound(&engine).await;
    assert_eq!(engine.ship(shipment("o1", &[])).await.unwrap().state, State::Shipped);
    assert_eq!(engine.ship(shipment("o2", &[])).await.unwrap().state, State::Paid);
    receive(&engine, "game", 3).await;
    assert_eq!(lines(&engine, "o3").await, [[2, 0, 2, 0]]);
    assert_eq!(engine.ship(shipment("o2", &[])).await.unwrap().state, State::Shipped);
    engine.cancel(cancellation("o3", &[(1, 3)])).await.unwrap();
    assert_eq!(lines(&engine, "o3").await, [[1, 0, 0, 0]]);
    assert_eq!(stock(&engine, "game").await, [1, 1, 0, 5]);
    assert_sound(&engine).await;
    let words: Vec<_> = engine.order(&order("o2")).timeline().await.unwrap().entries;
    let words: Vec<_> = words.iter().map(|entry| entry.what.describe()).collect();
    assert_eq!(words[1], "Not there yet, and waited for: 2 of line 2.");
    assert_eq!(
        words.iter().filter(|w| *w == "Units of game came that it waited for: 1 of line 2.").count(),
        2
    );
}

#[tokio::test(start_paused = true)]
async fn whether_an_order_waits_is_its_own_choice_within_the_policy() {
    let engine = sim::open(&SimFs::new()).await;
    set(&engine, "a", backorder(3)).await;
    receive(&engine, "a", 2).await;
    let order = |id| placement(id, &[("a", 5)]);
    let refused = refusal(engine.place(order("now").in_stock_only()).await);
    assert_eq!(refused, Refusal::InsufficientStock { sku: sku("a"), requested: 5, available: 2 });
    let waits = engine.place(order("waits").in_part()).await.unwrap();
    assert_eq!((waits.missing, waits.backordered), (vec![], parts(&[(1, 3)])));
    // What can neither be taken nor waited for is not there.
    receive(&engine, "b", 1).await;
    let part = engine.place(placement("part", &[("a", 1), ("b", 1)]).in_part()).await.unwrap();
    assert_eq!((part.missing, part.backordered), (parts(&[(1, 1)]), vec![]));
    assert_sound(&engine).await;
    let why = engine.explain(&common::order("waits")).await.unwrap();
    assert_eq!(why.holds.iter().map(|held| (held.reserved, held.awaiting)).collect::<Vec<_>>(), [(2, 3)]);
    assert!(why.to_string().contains("waits for 3"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn the_parts_of_a_kit_are_never_waited_for() {
    let engine = sim::open(&SimFs::new()).await;
    set(&engine, "a", backorder(9)).await;
    let kit = vec![KitPart { sku: sku("a"), quantity: 1 }];
    set(&engine, "kit", StockPolicy { kit: Some(kit), ..StockPolicy::default() }).await;
    for lines in [&[("kit", 1)][..], &[("kit", 1), ("a", 1)]] {
        let id = format!("o-{}", lines.len());
        assert_eq!(refusal(engine.place(placement(&id, lines)).await).code(), "INSUFFICIENT_STOCK");
    }
    assert_eq!(engine.place(placement("o", &[("a", 1)])).await.unwrap().backordered, parts(&[(1, 1)]));
    assert_sound(&engine).await;
}

#[tokio::test(start_paused = true)]
async fn stock_that_falls_at_payment_can_be_waited_for_from_then_on() {
    let engine = sim::open(&SimFs::new()).await;
    set(&engine, "a", StockPolicy { deduction: Some(Deduction::AtPayment), ..backorder(2) }).await;
    receive(&engine, "a", 1).await;
    assert_eq!(engine.place(placement("o", &[("a", 3)])).await.unwrap().state, State::Accepted);
    let paid = engine.pay(payment("o", 3_000)).await.unwrap();
    assert_eq!((paid.state, paid.backordered), (State::Paid, parts(&[(1, 2)])));
    assert_eq!(lines(&engine, "o").await, [[0, 1, 2, 0]]);
    receive(&engine, "a", 5).await;
    assert_eq!(lines(&engine, "o").await, [[0, 3, 0, 0]]);
    assert_eq!(stock(&engine, "a").await, [3, 0, 3, 0]);
    assert_sound(&engine).await;
}

fn keyed(number: usize, command: impl Into<Command>) -> Request<Command> {
    Request::from(command.into()).with_key(business(), key(&format!("k{number}")))
}

/// A release day: sold before there is stock, paid, stock in parts, called off in part, shipped.
fn script() -> Vec<Request<Command>> {
    let at = |name: &str, command| Command::Sku(sku(name), command);
    let stocked = |name, quantity| at(name, SkuCommand::receive(quantity, "delivery"));
    let commands: Vec<Command> = vec![
        stocked("cup", 4),
        stocked("game", 0),
        at("game", SkuCommand::SetPolicy(Box::new(preorder(20)))),
        placement("o1", &[("game", 3)]).into(),
        placement("o2", &[("cup", 1), ("game", 2)]).into(),
        placement("o3", &[("game", 1), ("cup", 1), ("game", 4)]).in_part().into(),
        placement("o4", &[("game", 2), ("never", 1)]).into(),
        payment("o1", 3_000).into(),
        payment("o2", 3_000).into(),
        stocked("game", 4),
        shipment("o1", &[]).into(),
        shipment("o2", &[]).into(),
        stocked("game", 3),
        cancellation("o3", &[(1, 1), (3, 1)]).into(),
        payment("o3", 4_000).into(),
        stocked("game", 5),
        shipment("o2", &[]).into(),
        shipment("o3", &[]).into(),
    ];
    commands.into_iter().enumerate().map(|(number, command)| keyed(number, command)).collect()
}

async fn run(engine: &Engine) -> Vec<Result<Answer, Option<Refusal>>> {
    let mut told = Vec::new();
    for request in script() {
        told.push(engine.submit::<Command>(request).await.map_err(|error| error.refusal().cloned()));
    }
    told
}

/// The whole day, and the journal of it.
async fn day() -> (Vec<Result<Answer, Option<Refusal>>>, earmark::Cut, Vec<Raw>) {
    let fs = SimFs::new();
    let engine = sim::open(&fs).await;
    let told = run(&engine).await;
    let cut = engine.cut().await.unwrap();
    engine.close().await.unwrap();
    (told, cut, read(&fs))
}

#[tokio::test(start_paused = true)]
async fn a_release_day_ends_the_same_behind_a_crash_at_any_record() {
    let (told, live, records) = day().await;
    assert_eq!(live.violations, Vec::<String>::new());
    let held = |told: &Result<Answer, _>| matches!(told, Ok(Answer::Stock(answer)) if answer.held > 0);
    assert!(!told.iter().any(held), "a receipt concerns no owner");
    let refused: Vec<_> = told.iter().filter_map(|told| told.as_ref().err()).collect();
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(live.orders.iter().all(|o| matches!(o.state, State::Shipped | State::Cancelled)));
    assert!(records.len() > 60, "{}", records.len());
    let (mut waited, mut twice) = (0, 0);
    for length in 0..=records.len() {
        let image = write(&records[..length]);
        let engine = sim::open(&image).await;
        let cut = engine.cut().await.unwrap();
        assert_eq!(cut.violations, Vec::<String>::new(), "behind record {length}");
        waited += usize::from(cut.orders.iter().any(earmark::Order::waits));
        engine.close().await.unwrap();
        let engine = sim::open(&image).await;
        assert_eq!(engine.cut().await.unwrap().hash, cut.hash, "behind record {length}");
        let again = run(&engine).await;
        let end = engine.cut().await.unwrap();
        assert_eq!(end.violations, Vec::<String>::new(), "behind record {length}");
        assert_eq!((&end.orders, counted(&end)), (&live.orders, counted(&live)), "behind record {length}");
        // A placement that was half undone takes its units once more before it is undone as a whole.
        let taken_twice = end.skus.iter().zip(&live.skus).any(|(now, then)| now.version != then.version);
        if taken_twice {
            twice += 1;
        } else {
            assert_eq!((again, end.hash), (told.clone(), live.hash), "behind record {length}");
        }
    }
    assert!(waited > 20 && twice < 3, "{waited} waited, {twice} took units twice");
}

fn counted(cut: &earmark::Cut) -> Vec<(&earmark::SkuId, earmark::Counters)> {
    cut.skus.iter().map(|sku| (&sku.sku, sku.counters)).collect()
}

/// A parked order is not told; it asks when it is unparked.
#[tokio::test(start_paused = true)]
async fn an_order_that_was_parked_learns_of_its_units_when_it_is_unparked() {
    let (_, _, records) = day().await;
    let parked = common::journal::parked(earmark::EntityId::Order(order("o1")), Some("a look at it"));
    for length in 0..=records.len() {
        let image = write(&[&records[..length], std::slice::from_ref(&parked)].concat());
        let Ok(engine) = sim::try_open(&image).await else { continue };
        let entity = earmark::EntityId::Order(order("o1"));
        let known = engine.order(&order("o1")).view().await.unwrap().is_some();
        if known {
            receive(&engine, "game", 4).await;
            engine.unpark(&entity, "operator".parse().unwrap()).await.unwrap();
            assert_sound(&engine).await;
        }
    }
}
