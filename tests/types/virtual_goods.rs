//! Virtual goods are the buyer's as soon as they are paid for.

use earmark::domain::command::ProgressOrder;
use earmark::domain::ids::EntityId;
use earmark::port::fs_sim::SimFs;
use earmark::{
    CancelOrder, Command, Deduction, Engine, OrderType, ProgressStep, Request, SkuCommand, State,
    StockPolicy, Terms, TermsByType,
};

use super::{Shop, bought};
use crate::common::journal::{parked, read, write};
use crate::common::*;

const DAY: u64 = 86_400_000;

#[tokio::test(start_paused = true)]
async fn a_payment_is_answered_with_the_goods_in_the_hands_of_the_buyer() {
    let shop = Shop::open().await;
    receive(&shop.engine, "song", 5).await;
    receive(&shop.engine, "film", 5).await;
    let lines = [("song", 2), ("film", 1)];
    shop.engine.place(bought(OrderType::Virtual, "o", &lines)).await.unwrap();
    assert_eq!(shop.engine.pay(payment("o", 1_000)).await.unwrap().state, State::Reserved);
    let paid = shop.engine.pay(payment("o", 2_000)).await.unwrap();
    assert_eq!((paid.state, paid.paid), (State::Delivered, 3_000));
    assert_eq!(stock(&shop.engine, "song").await, [3, 0, 0, 2]);
    assert_eq!(stock(&shop.engine, "film").await, [4, 0, 0, 1]);
    assert_eq!(refusal(shop.engine.ship(shipment("o", &[])).await).code(), "WRONG_STATE");
    assert_eq!(look(&shop.engine, "o").await.view().unwrap().buyer, "ready to be used");
    shop.pass(DAY).await;
    assert_eq!(shop.state("o").await, State::Confirmed);
    shop.pass(6 * DAY).await;
    assert_eq!(shop.state("o").await, State::Completed);
    shop.ends_sound().await;
}

#[tokio::test(start_paused = true)]
async fn virtual_goods_are_called_off_before_their_payment_and_not_after_it() {
    let shop = Shop::open().await;
    receive(&shop.engine, "song", 5).await;
    for id in ["before", "after", "late"] {
        shop.engine.place(bought(OrderType::Virtual, id, &[("song", 1)])).await.unwrap();
    }
    let called_off = shop.engine.cancel(cancellation("before", &[])).await.unwrap();
    assert_eq!(called_off.state, State::Cancelled);
    shop.engine.pay(payment("after", 1_000)).await.unwrap();
    assert_eq!(refusal(shop.engine.cancel(cancellation("after", &[])).await).code(), "WRONG_STATE");
    shop.pass(30 * 60_000).await;
    assert_eq!(shop.state("late").await, State::Cancelled);
    let money = shop.engine.pay(payment("late", 1_000)).await.unwrap();
    assert_eq!((money.state, money.refund_due), (State::Cancelled, 1_000));
    assert_eq!(stock(&shop.engine, "song").await, [4, 0, 0, 1]);
    shop.ends_sound().await;
}

#[tokio::test(start_paused = true)]
async fn no_virtual_goods_are_promised_that_are_not_there() {
    let shop = Shop::open().await;
    let backorder = Some(earmark::Backorder { units_max: 9 });
    let policy = StockPolicy { backorder, ..StockPolicy::default() };
    receive(&shop.engine, "key", 1).await;
    shop.engine.stock(&sku("key"), SkuCommand::SetPolicy(Box::new(policy))).await.unwrap();
    let refused = shop.engine.place(bought(OrderType::Virtual, "o", &[("key", 2)])).await;
    assert_eq!(refusal(refused).code(), "INSUFFICIENT_STOCK");
    shop.ends_sound().await;
}

/// Two orders over two SKUs each: one reserved at placement, one taken at payment.
fn script() -> Vec<Request<Command>> {
    let place = |id: &str| bought(OrderType::Virtual, id, &[("song", 2), ("film", 1)]);
    let keyed = |name: &str, command: Command| Request::from(command).with_key(business(), key(name));
    vec![
        Command::Sku(sku("song"), SkuCommand::receive(3, "opening stock")).into(),
        Command::Sku(sku("film"), SkuCommand::receive(3, "opening stock")).into(),
        keyed("place", place("o").into()),
        keyed("part", payment("o", 1_000).into()),
        keyed("pay", payment("o", 2_000).into()),
        keyed("second", place("p").into()),
        keyed("call off", CancelOrder::all(order("p"), "no stock").into()),
        keyed("close", earmark::CloseOrder { order: order("o"), reason: "too early".into() }.into()),
    ]
}

async fn run(engine: &Engine) -> Vec<String> {
    let mut answers = Vec::new();
    for request in script() {
        answers.push(format!("{:?}", engine.submit::<Command>(request).await));
    }
    answers
}

async fn open(fs: &SimFs, deduction: Deduction) -> Engine {
    let virtual_goods = Terms { deduction: Some(deduction), ..Terms::virtual_goods() };
    let terms = TermsByType { virtual_goods, ..TermsByType::default() };
    Engine::open(earmark::Config { terms, ..sim::config(fs) }).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_crash_behind_any_record_of_the_chain_of_sagas_comes_out_the_same() {
    for deduction in [Deduction::AtPlacement, Deduction::AtPayment] {
        let fs = SimFs::new();
        let engine = open(&fs, deduction).await;
        let answers = run(&engine).await;
        let whole = engine.cut().await.unwrap();
        engine.close().await.unwrap();
        let records = read(&fs);
        let mut interrupted = 0;
        for length in 0..=records.len() {
            let image = write(&records[..length]);
            let engine = open(&image, deduction).await;
            interrupted += engine.recovery().finished;
            assert_eq!(engine.recovery().parked, 0);
            let cut = engine.cut().await.unwrap();
            assert_eq!(cut.violations, Vec::<String>::new(), "behind record {length}");
            let settled = |order: &earmark::Order| order.pending.is_none() && order.state != State::Paid;
            assert!(cut.orders.iter().all(settled), "behind record {length}");
            // What the caller did not hear he asks again, under the same keys.
            let received: Vec<_> = cut.skus.iter().map(|sku| sku.sku.clone()).collect();
            for (request, first) in script().into_iter().zip(&answers) {
                if matches!(&request.command, Command::Sku(sku, _) if received.contains(sku)) {
                    continue;
                }
                let answer = format!("{:?}", engine.submit::<Command>(request).await);
                assert_eq!(answer, *first, "behind record {length}");
            }
            let end = engine.cut().await.unwrap();
            // What a refused placement had reserved may be reserved and given back once more.
            let of = |cut: &earmark::Cut| {
                let orders =
                    cut.orders.iter().map(|o| (o.id.clone(), o.state, o.version, o.paid, o.refund_due));
                let skus = cut.skus.iter().map(|s| (s.sku.clone(), s.counters));
                (orders.collect::<Vec<_>>(), skus.collect::<Vec<_>>())
            };
            assert_eq!(of(&end), of(&whole), "behind record {length}");
            engine.close().await.unwrap();
        }
        assert!(interrupted > 4, "{deduction:?}: {interrupted}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_parked_sku_keeps_paid_goods_back_until_it_is_looked_at() {
    let fs = SimFs::new();
    let engine = open(&fs, Deduction::AtPlacement).await;
    receive(&engine, "song", 3).await;
    engine.place(bought(OrderType::Virtual, "o", &[("song", 1)])).await.unwrap();
    engine.pay(payment("o", 1_000)).await.unwrap();
    engine.close().await.unwrap();
    // The SKU is parked between two of the order's records.
    let (records, entity) = (read(&fs), EntityId::Sku(sku("song")));
    let mut kept = 0;
    for length in 2..=records.len() {
        let mut crafted = records[..length].to_vec();
        crafted.push(parked(entity.clone(), Some("looked odd")));
        let engine = open(&write(&crafted), Deduction::AtPlacement).await;
        let found = engine.order(&order("o")).view().await.unwrap();
        if let Some(waiting) = found.filter(|order| order.state == State::Paid) {
            kept += 1;
            assert_eq!((waiting.paid, waiting.refund_due, waiting.pending), (1_000, 0, None));
            assert!(waiting.deadline.is_some(), "it is tried again by itself");
            let hand_over = || ProgressOrder { order: order("o"), step: ProgressStep::HandOver };
            assert_eq!(refusal(engine.submit(hand_over()).await).code(), "PARKED");
            engine.unpark(&entity, "operator".parse().unwrap()).await.unwrap();
            engine.submit(hand_over()).await.unwrap();
            assert_eq!(look(&engine, "o").await.state, State::Delivered);
            assert_eq!(stock(&engine, "song").await, [2, 0, 0, 1]);
            assert_sound(&engine).await;
        }
        engine.close().await.unwrap();
    }
    assert!(kept > 0, "the SKU was never parked between settlement and hand-over");
}
