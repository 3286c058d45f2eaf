//! The promise: what is not there is not sold, however many ask at once.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{folder, open, placement, receive, reserve, sku};
use earmark::{Config, Engine, Error, Refusal};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_100_concurrent_reservations_of_one_unit_exactly_one_is_granted_1000_times_over() {
    let engine = Engine::open(Config::in_memory()).await.unwrap();
    for round in 0..1_000 {
        let name = format!("last-one-{round}");
        receive(&engine, &name, 1).await;
        let calls = (0..100).map(|buyer| {
            let (engine, name) = (engine.clone(), name.clone());
            tokio::spawn(async move { engine.stock(&sku(&name), reserve(&format!("cart-{buyer}"), 1)).await })
        });
        let mut granted = 0;
        for call in calls.collect::<Vec<_>>() {
            match call.await.unwrap() {
                Ok(_) => granted += 1,
                Err(Error::Refused(Refusal::InsufficientStock { available: 0, .. })) => {}
                other => panic!("round {round}: {other:?}"),
            }
        }
        assert_eq!(granted, 1, "round {round}");
    }
    assert_eq!(engine.cut().await.unwrap().violations, Vec::<String>::new());
    engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn of_10000_buyers_on_1000_units_over_8_threads_exactly_1000_get_one() {
    let folder = folder();
    let engine = open(&folder).await;
    receive(&engine, "hot", 1_000).await;
    let calls = (0..10_000).map(|buyer| {
        let engine = engine.clone();
        tokio::spawn(async move { engine.place(placement(&format!("order-{buyer}"), &[("hot", 1)])).await })
    });
    let mut granted = 0;
    for call in calls.collect::<Vec<_>>() {
        match call.await.unwrap() {
            Ok(_) => granted += 1,
            Err(Error::Refused(Refusal::InsufficientStock { .. })) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(granted, 1_000);
    let counters = engine.sku(&sku("hot")).view().await.unwrap().unwrap().counters;
    assert_eq!((counters.available, counters.reserved), (0, 1_000));
    let live = engine.cut().await.unwrap();
    assert_eq!(live.violations, Vec::<String>::new());
    engine.close().await.unwrap();

    let engine = open(&folder).await;
    assert_eq!(engine.cut().await.unwrap().hash, live.hash, "recovered as it was");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_orders_that_take_the_same_skus_in_opposite_order_one_always_gets_them() {
    let engine = Engine::open(Config::in_memory()).await.unwrap();
    for round in 0..500 {
        let (a, b) = (format!("a-{round}"), format!("b-{round}"));
        receive(&engine, &a, 1).await;
        receive(&engine, &b, 1).await;
        let there = placement(&format!("there-{round}"), &[(&a, 1), (&b, 1)]);
        let back = placement(&format!("back-{round}"), &[(&b, 1), (&a, 1)]);
        let (there, back) = tokio::join!(
            tokio::spawn({
                let engine = engine.clone();
                async move { engine.place(there).await }
            }),
            tokio::spawn({
                let engine = engine.clone();
                async move { engine.place(back).await }
            }),
        );
        let granted = [there.unwrap(), back.unwrap()].iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(granted, 1, "round {round}");
    }
    assert_eq!(engine.cut().await.unwrap().violations, Vec::<String>::new());
}
