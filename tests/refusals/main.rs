//! Every refusal that has a code can happen.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "../common/mod.rs"]
mod common;
mod flows;

use std::collections::BTreeSet;

use common::journal::{parked, received, write};
use common::*;
use earmark::{
    CancelOrder, Command, Config, Currency, Engine, Error, LineRequest, Money, PayOrder, Request,
    RetireOrder, SkuCommand, SplitBy,
};

/// A panic in a decision would be a mistake of this crate's; its refusal has a test of its own in `guard`.
const NEVER: &str = "DECISION_PANICKED";

/// The codes in the source, so that a new refusal without a test fails here.
fn all_codes() -> BTreeSet<String> {
    let source = include_str!("../../src/domain/refusal/code.rs");
    let codes = source.lines().filter_map(|line| line.split_once("=> \"")?.1.split_once('"'));
    codes.map(|(code, _)| code.to_owned()).collect()
}

fn sku_commands() -> Vec<SkuCommand> {
    let reason = || "r";
    vec![
        reserve("c", 99),
        reserve("c", 0),
        SkuCommand::Commit { cart: cart("nobody") },
        SkuCommand::ship(cart("holder"), 9),
        SkuCommand::write_off(99, earmark::Place::Available, reason()),
        SkuCommand::return_to_stock(1, earmark::Place::Available, reason()),
        SkuCommand::receive(u64::MAX, reason()),
    ]
}

fn order_commands() -> Vec<Command> {
    let line = |quantity, gross| LineRequest::new(sku("a"), quantity, gross);
    let place = |lines| Command::from(earmark::PlaceOrder { lines, ..placement("new", &[]) });
    let dollars = PayOrder::new(order("o"), "card".parse().unwrap(), Money::new(1, Currency::USD));
    let twice = PayOrder { payment: Some("1".parse().unwrap()), ..payment("o", 1) };
    let by = |by| earmark::SplitOrder { order: order("split"), by }.into();
    vec![
        place(vec![]),
        place(vec![line(1, 1); 4]),
        place(vec![line(1, -1)]),
        placement("o", &[("a", 1)]).into(),
        placement("new", &[("never", 1)]).into(),
        payment("never", 1).into(),
        dollars.into(),
        payment("o", 1).into(),
        twice.into(),
        shipment("o", &[]).into(),
        placement("o/1", &[("a", 1)]).into(),
        by(SplitBy::Seller),
        by(SplitBy::Groups(vec![parts(&[(1, 1)])])),
        by(SplitBy::Seller),
        earmark::AcceptEdit { order: order("o"), version: 2 }.into(),
        earmark::StageEdit { order: order("o"), changes: vec![] }.into(),
        earmark::StageEdit { order: order("o"), changes: vec![earmark::EditChange::AddLine(line(1, 1))] }
            .into(),
        earmark::AcceptEdit { order: order("o"), version: 2 }.into(),
        cancellation("o", &[(9, 1)]).into(),
        cancellation("o", &[(1, 99)]).into(),
        earmark::DeliverOrder::all(order("paid")).into(),
        RetireOrder { order: order("o"), refunded: true }.into(),
        cancellation("o", &[]).into(),
        RetireOrder { order: order("o"), refunded: true }.into(),
        payment("o", 1).into(),
    ]
}

/// What orders that may wait are refused for, decided by the SKU.
fn of_those_who_wait() -> Vec<String> {
    use earmark::domain::command::{StepOp, StockStep};
    use earmark::domain::inventory::{Inventory, apply, decide, decide_step};
    let now = earmark::Timestamp::from_millis(1);
    let refused = |policy| {
        let mut inventory = Inventory::new(sku("a"));
        for command in [SkuCommand::receive(0, "listed"), SkuCommand::SetPolicy(Box::new(policy))] {
            let events = decide(&inventory, &command, now).unwrap().events;
            events.iter().for_each(|event| apply(&mut inventory, event).unwrap());
        }
        let step = StockStep {
            order: order("o"),
            number: 1,
            op: StepOp::Reserve,
            quantity: 2,
            buyer: None,
            cart: None,
            partial: false,
            from: None,
            may_wait: true,
            buyer_max: None,
            unpaid: None,
            heirs: Vec::new(),
        };
        decide_step(&inventory, &step, false, now).unwrap_err().code().to_owned()
    };
    let backorder = Some(earmark::Backorder { units_max: 1 });
    let preorder = Some(earmark::Preorder { units_max: 9, until: now });
    vec![
        refused(earmark::StockPolicy { backorder, ..Default::default() }),
        refused(earmark::StockPolicy { preorder, ..Default::default() }),
    ]
}

/// On one thread: the order has `a` and still asks a hundred others when the cart asks for `a`.
async fn contended() -> String {
    let engine = Engine::open(Config { contended_retries_max: 0, ..Config::in_memory() }).await.unwrap();
    let names: Vec<_> = (0..100).map(|n| format!("b-{n:03}")).chain(["a".to_owned()]).collect();
    for name in &names {
        receive(&engine, name, 1).await;
    }
    let lines: Vec<_> = names.iter().map(|name| (name.as_str(), 1)).collect();
    let name = sku("a");
    let (placed, held) = tokio::join!(engine.place(placement("o", &lines)), async {
        tokio::task::yield_now().await;
        engine.stock(&name, reserve("c", 1)).await
    });
    placed.unwrap();
    held.unwrap_err().code().to_owned()
}

/// What locks are refused for, to the last of those who may wait.
async fn of_locks() -> BTreeSet<String> {
    let engine = Engine::open(Config::in_memory()).await.unwrap();
    let lock = engine.lock(&"l".parse().unwrap());
    let owner = |name: &str| name.parse::<earmark::LockOwner>().unwrap();
    let hour = std::time::Duration::from_secs(3_600);
    let mut codes = BTreeSet::from([refusal(lock.try_acquire(owner("a"), std::time::Duration::ZERO).await)
        .code()
        .to_owned()]);
    let _held = lock.try_acquire(owner("a"), hour).await.unwrap();
    codes.insert(refusal(lock.try_acquire(owner("b"), hour).await).code().to_owned());
    let late = earmark::ReleaseLock { lock: lock.name().clone(), fencing: 7 };
    codes.insert(refusal(engine.submit::<earmark::ReleaseLock>(late).await).code().to_owned());
    let mut waiting = tokio::task::JoinSet::new();
    for number in 0..=1_024 {
        let (lock, owner) = (lock.clone(), owner(&format!("w{number}")));
        waiting.spawn(async move { lock.acquire(owner, hour).await });
    }
    let first = soon("the refusal", waiting.join_next()).await.unwrap().unwrap();
    codes.insert(refusal(first).code().to_owned());
    codes
}

#[tokio::test]
async fn every_refusal_code_is_produced_by_some_command() {
    let mut seen = BTreeSet::from([NEVER.to_owned(), contended().await]);
    seen.extend(of_those_who_wait());
    seen.extend(flows::refusals().await);
    seen.extend(of_locks().await);
    let engine = Engine::open(Config { lines_per_order_max: 3, ..Config::in_memory() }).await.unwrap();
    receive(&engine, "a", 10).await;
    engine.stock(&sku("a"), reserve("holder", 1)).await.unwrap();
    engine.place(placement("o", &[("a", 1)])).await.unwrap();
    engine.place(placement("paid", &[("a", 1)])).await.unwrap();
    engine.pay(payment("paid", 1_000)).await.unwrap();
    engine.place(placement("split", &[("a", 2)])).await.unwrap();
    engine.pay(payment("split", 2_000)).await.unwrap();
    let mut note = |error: Error| match error {
        Error::Refused(refusal) => seen.insert(refusal.code().to_owned()),
        other => panic!("{other:?}"),
    };
    for command in sku_commands() {
        if let Err(error) = engine.stock(&sku("a"), command).await {
            note(error);
        }
    }
    for command in order_commands() {
        if let Err(error) = engine.submit::<Command>(Request::from(command)).await {
            note(error);
        }
    }
    let goods = placement("goods", &[("a", 1)]).of_type(earmark::OrderType::Physical);
    engine.place(goods).await.unwrap();
    let nobody = placement("nobody", &[("a", 1)]).of_type(earmark::OrderType::FlashSale);
    note(engine.place(nobody).await.unwrap_err());
    let until = earmark::Timestamp::ZERO;
    note(engine.submit(earmark::ExtendDeadline { order: order("goods"), until }).await.unwrap_err());
    note(engine.stock(&sku("never"), reserve("c", 1)).await.unwrap_err());
    receive(&engine, "limited", 10).await;
    let limited = |budget: Option<u64>, total: Option<u64>| {
        let purchase_limits = earmark::PurchaseLimits { total, ..Default::default() };
        let policy =
            earmark::StockPolicy { hold_budget_per_buyer: budget, purchase_limits, ..Default::default() };
        SkuCommand::SetPolicy(Box::new(policy))
    };
    let ask = || earmark::ReserveStock::new("c".parse().unwrap(), 2).by("ada".parse().unwrap());
    engine.stock(&sku("limited"), limited(Some(1), None)).await.unwrap();
    note(engine.stock(&sku("limited"), ask()).await.unwrap_err());
    engine.stock(&sku("limited"), limited(None, Some(1))).await.unwrap();
    note(engine.stock(&sku("limited"), ask()).await.unwrap_err());
    let kit = |part: &str| {
        let part = earmark::KitPart { sku: sku(part), quantity: 1 };
        SkuCommand::SetPolicy(Box::new(earmark::StockPolicy { kit: Some(vec![part]), ..Default::default() }))
    };
    receive(&engine, "kit", 0).await;
    note(engine.stock(&sku("kit"), kit("kit")).await.unwrap_err());
    engine.stock(&sku("kit"), kit("a")).await.unwrap();
    note(engine.stock(&sku("kit"), reserve("c", 1)).await.unwrap_err());
    let delivery = "never-announced".parse().unwrap();
    let arrived = SkuCommand::receive_delivery(delivery, 1, "x");
    note(engine.stock(&sku("limited"), arrived).await.unwrap_err());
    let wordy = SkuCommand::receive(1, "x".repeat(1_025));
    note(engine.stock(&sku("a"), wordy).await.unwrap_err());
    let entity = earmark::EntityId::Sku(sku("a"));
    note(engine.unpark(&entity, "me".parse().unwrap()).await.unwrap_err());
    let image = write(&[received(&sku("a"), 1), parked(entity, Some("why"))]);
    let engine = common::sim::open(&image).await;
    note(engine.stock(&sku("a"), reserve("c", 1)).await.unwrap_err());
    let missing: Vec<_> = all_codes().difference(&seen).cloned().collect();
    assert_eq!(missing, Vec::<String>::new());
    assert!(all_codes().len() > 20);
}

#[tokio::test]
async fn a_refused_command_changes_nothing() {
    let engine = Engine::open(Config::in_memory()).await.unwrap();
    receive(&engine, "a", 10).await;
    engine.place(placement("o", &[("a", 1)])).await.unwrap();
    let before = engine.cut().await.unwrap();
    refusal(engine.place(earmark::PlaceOrder { lines: vec![], ..placement("new", &[]) }).await);
    refusal(engine.ship(shipment("o", &[])).await);
    refusal(engine.stock(&sku("a"), reserve("c", 10)).await);
    refusal(engine.cancel(CancelOrder::all(order("never"), "r")).await);
    let after = engine.cut().await.unwrap();
    assert_eq!((after.hash, after.sequence), (before.hash, before.sequence));
    assert_eq!(engine.order(&order("new")).view().await.unwrap(), None);
}
