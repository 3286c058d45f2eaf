//! Kits and the deduction rules of SKUs, in an engine.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;

use common::journal::{read, write};
use common::*;
use earmark::port::fs_sim::SimFs;
use earmark::{
    Command, Config, Deduction, Engine, KitPart, Request, SkuCommand, State, StockPolicy, Terms, TermsByType,
};

fn policy_of(parts: &[(&str, u32)]) -> StockPolicy {
    let parts = parts.iter().map(|&(name, quantity)| KitPart { sku: sku(name), quantity });
    StockPolicy { kit: Some(parts.collect()), ..StockPolicy::default() }
}

async fn set(engine: &Engine, name: &str, policy: StockPolicy) {
    receive(engine, name, 0).await;
    engine.stock(&sku(name), SkuCommand::SetPolicy(Box::new(policy))).await.unwrap();
}

fn at_payment() -> StockPolicy {
    StockPolicy { deduction: Some(Deduction::AtPayment), ..StockPolicy::default() }
}

#[tokio::test]
async fn a_kit_is_sold_shipped_and_called_off_by_its_parts() {
    let engine = Engine::open(Config::in_memory()).await.unwrap();
    receive(&engine, "cup", 10).await;
    receive(&engine, "pot", 3).await;
    set(&engine, "set", policy_of(&[("pot", 1), ("cup", 4)])).await;
    engine.place(placement("o", &[("set", 2), ("cup", 1)])).await.unwrap();
    assert_eq!((stock(&engine, "cup").await, stock(&engine, "pot").await), ([1, 9, 0, 0], [1, 2, 0, 0]));
    assert_eq!(stock(&engine, "set").await, [0, 0, 0, 0]);
    let short = refusal(engine.place(placement("o-2", &[("set", 1)])).await);
    let lacks = earmark::Refusal::InsufficientStock { sku: sku("cup"), requested: 4, available: 1 };
    assert_eq!(short, lacks);
    assert_sound(&engine).await;
    engine.pay(payment("o", 3_000)).await.unwrap();
    engine.ship(shipment("o", &[(1, 1)])).await.unwrap();
    assert_eq!((stock(&engine, "cup").await, stock(&engine, "pot").await), ([1, 0, 5, 4], [1, 0, 1, 1]));
    engine.cancel(cancellation("o", &[(1, 1)])).await.unwrap();
    assert_eq!((stock(&engine, "cup").await, stock(&engine, "pot").await), ([5, 0, 1, 4], [2, 0, 0, 1]));
    assert_sound(&engine).await;
    let why = engine.explain(&order("o")).await.unwrap();
    assert_eq!(why.holds.iter().map(|h| (h.sku.as_str(), h.committed)).collect::<Vec<_>>(), [("cup", 1)]);
}

#[tokio::test]
async fn a_kit_has_no_stock_of_its_own() {
    let engine = Engine::open(Config::in_memory()).await.unwrap();
    set(&engine, "set", policy_of(&[("cup", 4)])).await;
    let code = async |name: &str, command: SkuCommand| {
        refusal(engine.stock(&sku(name), command).await).code().to_owned()
    };
    assert_eq!(code("set", reserve("c", 1)).await, "IS_KIT");
    assert_eq!(code("set", SkuCommand::receive(1, "x")).await, "IS_KIT");
    receive(&engine, "set", 0).await;
    receive(&engine, "cup", 1).await;
    let define = |policy| SkuCommand::SetPolicy(Box::new(policy));
    for parts in [&[][..], &[("pot", 0)], &[("pot", 1), ("pot", 1)], &[("cup", 1)], &[("pot", 1)]] {
        assert_eq!(code("cup", define(policy_of(parts))).await, "INVALID_KIT", "{parts:?}");
    }
    let many: Vec<_> = (0..1_001).map(|n| format!("part-{n}")).collect();
    let many: Vec<_> = many.iter().map(|name| (name.as_str(), 1)).collect();
    assert_eq!(code("set", define(policy_of(&many))).await, "TOO_MANY_LINES");
    receive(&engine, "pot", 0).await;
    let budget = StockPolicy { hold_budget_per_buyer: Some(1), ..policy_of(&[("cup", 1)]) };
    assert_eq!(code("pot", define(budget)).await, "INVALID_KIT");
    set(&engine, "box", policy_of(&[("set", 1)])).await;
    assert_eq!(refusal(engine.place(placement("o", &[("box", 1)])).await).code(), "INVALID_KIT");
    // What is no kit any more has stock of its own again.
    set(&engine, "set", StockPolicy::default()).await;
    receive(&engine, "set", 1).await;
    engine.place(placement("o", &[("box", 1)])).await.unwrap();
    assert_eq!(stock(&engine, "set").await, [0, 1, 0, 0]);
    assert_sound(&engine).await;
}

#[tokio::test]
async fn an_order_keeps_the_kit_and_the_rule_it_was_placed_under() {
    let folder = folder();
    let engine = open(&folder).await;
    for name in ["a", "b", "late"] {
        receive(&engine, name, 10).await;
    }
    set(&engine, "set", policy_of(&[("a", 2)])).await;
    set(&engine, "late", at_payment()).await;
    engine.place(placement("old", &[("set", 1), ("late", 1)])).await.unwrap();
    set(&engine, "set", policy_of(&[("b", 1)])).await;
    set(&engine, "late", StockPolicy::default()).await;
    engine.place(placement("new", &[("set", 1), ("late", 1)])).await.unwrap();
    assert_eq!((stock(&engine, "a").await, stock(&engine, "b").await), ([8, 2, 0, 0], [9, 1, 0, 0]));
    assert_eq!(stock(&engine, "late").await, [9, 1, 0, 0]);
    engine.close().await.unwrap();
    let engine = open(&folder).await;
    engine.pay(payment("old", 2_000)).await.unwrap();
    assert_eq!((stock(&engine, "a").await, stock(&engine, "late").await), ([8, 0, 2, 0], [8, 1, 1, 0]));
    // The rules themselves are known again.
    engine.place(placement("newer", &[("set", 2)])).await.unwrap();
    assert_eq!(stock(&engine, "b").await, [7, 3, 0, 0]);
    assert_sound(&engine).await;
}

#[tokio::test]
async fn stock_of_a_sku_that_falls_at_payment_goes_to_whoever_pays_first() {
    let engine = Engine::open(Config::in_memory()).await.unwrap();
    receive(&engine, "hall", 1).await;
    receive(&engine, "late", 1).await;
    set(&engine, "late", at_payment()).await;
    for id in ["slow", "quick"] {
        let placed = engine.place(placement(id, &[("late", 1)])).await.unwrap();
        assert_eq!(placed.state, State::Accepted);
    }
    let both = engine.place(placement("both", &[("late", 1), ("hall", 1)])).await.unwrap();
    assert_eq!(both.state, State::Reserved);
    assert_eq!(stock(&engine, "late").await, [1, 0, 0, 0]);
    assert_eq!(engine.pay(payment("quick", 1_000)).await.unwrap().state, State::Paid);
    assert_eq!(refusal(engine.pay(payment("slow", 1_000)).await).code(), "INSUFFICIENT_STOCK");
    let slow = look(&engine, "slow").await;
    assert_eq!((slow.state, slow.refund_due), (State::Cancelled, 1_000));
    // An order that has reserved something keeps that, and can be paid once there is stock again.
    assert_eq!(refusal(engine.pay(payment("both", 2_000)).await).code(), "INSUFFICIENT_STOCK");
    assert_eq!((look(&engine, "both").await.refund_due, stock(&engine, "hall").await), (2_000, [0, 1, 0, 0]));
    receive(&engine, "late", 1).await;
    assert_eq!(engine.pay(payment("both", 2_000)).await.unwrap().state, State::Paid);
    assert_eq!(stock(&engine, "hall").await, [0, 0, 1, 0]);
    assert_sound(&engine).await;
}

#[tokio::test]
async fn the_order_type_decides_on_the_deduction_before_the_sku_does() {
    let terms =
        TermsByType { physical: Terms { deduction: None, ..Terms::physical() }, ..TermsByType::default() };
    for (config, state) in
        [(Config::in_memory(), State::Reserved), (Config { terms, ..Config::in_memory() }, State::Accepted)]
    {
        let engine = Engine::open(config).await.unwrap();
        receive(&engine, "late", 1).await;
        set(&engine, "late", at_payment()).await;
        let goods = placement("o", &[("late", 1)]).of_type(earmark::OrderType::Physical);
        assert_eq!(engine.place(goods).await.unwrap().state, state);
    }
}

/// Kits, rules and both, paid, refused, shipped and called off.
fn script() -> Vec<Request<Command>> {
    let at = |name: &str, command| Request::from(Command::Sku(sku(name), command));
    let receive = |name, quantity| at(name, SkuCommand::receive(quantity, "opening"));
    let define = |name, policy| at(name, SkuCommand::SetPolicy(Box::new(policy)));
    let keyed = |key_: &str, command: Command| Request::from(command).with_key(business(), key(key_));
    let mut requests: Vec<_> =
        [("a", 9), ("b", 5), ("late", 2), ("set", 0), ("mix", 0)].map(|(n, q)| receive(n, q)).into();
    requests.extend([
        define("set", policy_of(&[("b", 1), ("a", 2)])),
        define("late", at_payment()),
        define("mix", StockPolicy { deduction: Some(Deduction::AtPayment), ..policy_of(&[("late", 1)]) }),
        keyed("k1", placement("o1", &[("set", 2), ("late", 1)]).into()),
        keyed("k2", placement("o2", &[("mix", 1), ("late", 1), ("b", 1)]).into()),
        keyed("k3", placement("o3", &[("set", 4)]).into()),
        keyed("k4", payment("o1", 3_000).into()),
        keyed("k5", payment("o2", 3_000).into()),
        keyed("k6", shipment("o1", &[(1, 1)]).into()),
        keyed("k7", cancellation("o1", &[(1, 1)]).into()),
        receive("late", 5),
        keyed("k8", payment("o2", 3_000).into()),
        keyed("k9", cancellation("o2", &[]).into()),
    ]);
    requests
}

#[tokio::test(start_paused = true)]
async fn kits_and_rules_survive_a_crash_behind_any_record() {
    let fs = SimFs::new();
    let engine = sim::open(&fs).await;
    let submit = async |engine: &Engine, request: Request<Command>| {
        engine.submit::<Command>(request).await.map_err(|error| error.refusal().cloned())
    };
    let mut told = Vec::new();
    for request in script() {
        told.push(submit(&engine, request).await);
    }
    let refused: Vec<_> = told.iter().filter(|answer| answer.is_err()).collect();
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert_eq!(engine.cut().await.unwrap().violations, Vec::<String>::new());
    engine.close().await.unwrap();
    let records = read(&fs);
    assert!(records.len() > 45, "{}", records.len());
    let (mut finished, mut undone) = (0, 0);
    for length in 0..=records.len() {
        let image = write(&records[..length]);
        let engine = sim::open(&image).await;
        let (report, cut) = (engine.recovery().clone(), engine.cut().await.unwrap());
        assert_eq!((cut.violations, report.parked), (vec![], 0), "behind record {length}");
        (finished, undone) = (finished + report.finished, undone + report.undone);
        let live = engine.cut().await.unwrap().hash;
        engine.close().await.unwrap();
        let engine = sim::open(&image).await;
        assert_eq!(engine.cut().await.unwrap().hash, live, "behind record {length}");
        // Before any order, the rest of the day is the same; a keyed answer is the same at any time.
        for (request, told) in script().into_iter().zip(&told) {
            let again = submit(&engine, request.clone()).await;
            if length == 0 || (length == records.len() && request.key.is_some()) {
                assert_eq!(again, *told, "behind record {length}: {request:?}");
            }
        }
        assert_eq!(engine.cut().await.unwrap().violations, Vec::<String>::new(), "behind record {length}");
    }
    assert!(finished > 10 && undone > 2, "{finished} finished, {undone} undone");
}
