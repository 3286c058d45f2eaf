//! Flash sales: a limit for each buyer that no race gets around, and little time to pay.

use earmark::{
    Config, CustomerId, Deduction, Engine, Error, OrderType, ProgressStep, Refusal, SkuCommand, State,
    StockPolicy, TermsByType,
};

use super::{Shop, bought};
use crate::common::*;

#[tokio::test(start_paused = true)]
async fn a_flash_sale_is_paid_in_time_and_goes_the_way_of_goods() {
    let shop = Shop::open().await;
    receive(&shop.engine, "phone", 10).await;
    // Whatever the policy of the SKU says, its stock falls at placement.
    let policy = StockPolicy { deduction: Some(Deduction::AtPayment), ..StockPolicy::default() };
    shop.engine.stock(&sku("phone"), SkuCommand::SetPolicy(Box::new(policy))).await.unwrap();
    let placed = shop.engine.place(bought(OrderType::FlashSale, "o", &[("phone", 2)])).await.unwrap();
    assert_eq!(placed.state, State::Reserved);
    assert_eq!(stock(&shop.engine, "phone").await, [8, 2, 0, 0]);
    shop.engine.pay(payment("o", 2_000)).await.unwrap();
    shop.step("o", ProgressStep::Pick).await;
    shop.step("o", ProgressStep::Pack).await;
    shop.engine.ship(shipment("o", &[])).await.unwrap();
    let delivered = shop.engine.deliver(earmark::DeliverOrder::all(order("o"))).await.unwrap();
    assert_eq!(delivered.state, State::Delivered);
    shop.ends_sound().await;
}

#[tokio::test(start_paused = true)]
async fn the_limit_counts_over_orders_and_what_is_given_back_can_be_bought_again() {
    let shop = Shop::open().await;
    receive(&shop.engine, "phone", 10).await;
    let nobody = placement("n", &[("phone", 1)]).of_type(OrderType::FlashSale);
    assert_eq!(refusal(shop.engine.place(nobody).await), Refusal::CustomerRequired);
    let buy = |id: &str, units| shop.engine.place(bought(OrderType::FlashSale, id, &[("phone", units)]));
    assert_eq!(refusal(buy("x", 3).await).code(), "PURCHASE_LIMIT_EXCEEDED");
    buy("o1", 1).await.unwrap();
    buy("o2", 1).await.unwrap();
    assert_eq!(refusal(buy("o3", 1).await).code(), "PURCHASE_LIMIT_EXCEEDED");
    shop.engine.pay(payment("o1", 1_000)).await.unwrap();
    shop.engine.cancel(cancellation("o2", &[])).await.unwrap();
    buy("o4", 1).await.unwrap();
    let shop = shop.crash(TermsByType::default()).await;
    let again = shop.engine.place(bought(OrderType::FlashSale, "o5", &[("phone", 1)])).await;
    assert_eq!(refusal(again).code(), "PURCHASE_LIMIT_EXCEEDED", "the SKU counts on after a crash");
    shop.pass(5 * 60_000).await;
    assert_eq!(shop.state("o4").await, State::Cancelled, "not paid within five minutes");
    shop.engine.place(bought(OrderType::FlashSale, "o6", &[("phone", 1)])).await.unwrap();
    shop.engine.cancel(cancellation("o1", &[])).await.unwrap();
    assert_eq!(look(&shop.engine, "o1").await.refund_due, 1_000);
    assert_eq!(stock(&shop.engine, "phone").await, [9, 1, 0, 0]);
    shop.ends_sound().await;
}

/// How many units each of 1,000 buyers got who asked five times at once for one of 500 units.
async fn rush(engine: &Engine) -> Vec<u64> {
    receive(engine, "phone", 500).await;
    let buyers = (0..1_000).map(|buyer| {
        let engine = engine.clone();
        tokio::spawn(async move {
            let calls = (0..5).map(|call| {
                let engine = engine.clone();
                let customer: CustomerId = format!("buyer-{buyer}").parse().unwrap();
                let place = placement(&format!("o-{buyer}-{call}"), &[("phone", 1)]);
                let place = place.of_type(OrderType::FlashSale).by_customer(customer);
                tokio::spawn(async move { engine.place(place).await })
            });
            let mut granted = 0;
            for call in calls.collect::<Vec<_>>() {
                match call.await.unwrap() {
                    Ok(_) => granted += 1,
                    Err(Error::Refused(
                        Refusal::InsufficientStock { .. } | Refusal::PurchaseLimitExceeded { .. },
                    )) => {}
                    other => panic!("{other:?}"),
                }
            }
            granted
        })
    });
    let mut granted = Vec::new();
    for buyer in buyers.collect::<Vec<_>>() {
        granted.push(buyer.await.unwrap());
    }
    granted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn of_1000_buyers_who_ask_five_times_at_once_nobody_gets_more_than_the_limit_and_all_is_sold() {
    let engine = Engine::open(Config::in_memory()).await.unwrap();
    let granted = rush(&engine).await;
    assert_eq!(granted.iter().sum::<u64>(), 500);
    let most = granted.iter().max().copied();
    assert!(most <= Some(2), "one buyer got {most:?}");
    assert_eq!(stock(&engine, "phone").await, [0, 500, 0, 0]);
    let cut = engine.cut().await.unwrap();
    assert_eq!(cut.violations, Vec::<String>::new());
    for (buyer, units) in granted.iter().enumerate() {
        let customer = format!("buyer-{buyer}").parse().unwrap();
        assert_eq!(cut.skus[0].held_by(&customer).unwrap_or_default(), *units);
    }
}
