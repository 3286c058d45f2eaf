//! A cut that is taken while orders time out.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::sync::Arc;

use earmark::domain::ids::{BusinessId, OrderId, SkuId};
use earmark::port::ManualClock;
use earmark::{Config, Engine, LineRequest, OrderType, PlaceOrder, SkuCommand, Timestamp};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_taken_while_orders_time_out_is_sound() {
    const ORDERS: usize = 10_000;
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_000)));
    let mut config = Config::in_memory();
    config.clock = clock.clone();
    let pay_within = config.terms.physical.pay_within_ms.unwrap();
    let engine = Engine::open(config).await.unwrap();
    let skus: Vec<SkuId> = (0..50).map(|n| SkuId::new(format!("sku-{n:02}")).unwrap()).collect();
    for sku in &skus {
        engine.stock(sku, SkuCommand::receive(1_000_000, "opening")).await.unwrap();
    }
    let orders = (0..ORDERS).map(|n| {
        let lines =
            (0..3).map(|k| LineRequest::new(skus[(n * 7 + k) % skus.len()].clone(), 1, 100)).collect();
        let place = PlaceOrder::new(BusinessId::new("shop").unwrap(), "EUR".parse().unwrap(), lines);
        place.with_id(OrderId::new(format!("order-{n}")).unwrap()).of_type(OrderType::Physical).into()
    });
    for answer in engine.place_all(orders).await {
        answer.unwrap();
    }
    clock.advance(pay_within);
    for n in 0..4 {
        let cut = engine.cut().await.unwrap();
        assert_eq!(cut.violations, Vec::<String>::new(), "cut {n}");
    }
    engine.close().await.unwrap();
}
