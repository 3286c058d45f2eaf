//! Keys: one effect and one answer, however often and from wherever a command comes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use common::*;
use earmark::port::Clock;
use earmark::{
    BusinessId, Command, Config, Engine, Error, PlaceOrder, Refusal, Request, SkuCommand, State, Timestamp,
};

fn keyed<C>(name: &str, command: C) -> Request<C> {
    Request::from(command).with_key(business(), key(name))
}

#[tokio::test]
async fn the_same_key_and_body_has_one_effect_and_one_answer_over_a_restart_too() {
    let folder = folder();
    let engine = open(&folder).await;
    receive(&engine, "a", 10).await;
    let first = engine.place(keyed("k", placement("o", &[("a", 2)]))).await.unwrap();
    let paid = engine.pay(keyed("p", payment("o", 500))).await.unwrap();
    let held = engine.stock(&sku("a"), keyed("r", reserve("c", 3))).await.unwrap();
    let live = engine.cut().await.unwrap();
    assert_eq!(engine.place(keyed("k", placement("o", &[("a", 2)]))).await.unwrap(), first);
    engine.close().await.unwrap();
    let engine = open(&folder).await;
    assert_eq!(engine.recovery().keys, 3);
    assert_eq!(engine.place(keyed("k", placement("o", &[("a", 2)]))).await.unwrap(), first);
    assert_eq!(engine.pay(keyed("p", payment("o", 500))).await.unwrap(), paid);
    assert_eq!(engine.stock(&sku("a"), keyed("r", reserve("c", 3))).await.unwrap(), held);
    assert_eq!(engine.cut().await.unwrap().hash, live.hash);
}

#[tokio::test]
async fn a_placement_without_an_id_is_made_once() {
    let engine = Engine::open(Config::in_memory()).await.unwrap();
    receive(&engine, "a", 10).await;
    let place = || keyed("k", PlaceOrder { order: None, ..placement("x", &[("a", 1)]) });
    let first = engine.place(place()).await.unwrap();
    assert_eq!(engine.place(place()).await.unwrap(), first);
    assert_eq!(stock(&engine, "a").await, [9, 1, 0, 0]);
}

#[tokio::test]
async fn another_body_under_the_key_is_an_error_whatever_the_command() {
    let engine = Engine::open(Config::in_memory()).await.unwrap();
    receive(&engine, "a", 10).await;
    engine.place(keyed("k", placement("o", &[("a", 2)]))).await.unwrap();
    let reused = Error::KeyReused { key: "k".into() };
    assert_eq!(engine.place(keyed("k", placement("o", &[("a", 3)]))).await, Err(reused.clone()));
    assert_eq!(engine.place(keyed("k", placement("p", &[("a", 2)]))).await, Err(reused.clone()));
    assert_eq!(engine.stock(&sku("a"), keyed("k", reserve("c", 1))).await, Err(reused));
    assert_eq!(stock(&engine, "a").await, [8, 2, 0, 0]);
}

#[tokio::test]
async fn keys_of_two_businesses_have_nothing_to_do_with_each_other() {
    let engine = Engine::open(Config::in_memory()).await.unwrap();
    receive(&engine, "a", 10).await;
    let other: BusinessId = "other".parse().unwrap();
    engine.place(keyed("k", placement("o", &[("a", 2)]))).await.unwrap();
    let place = Request::from(placement("p", &[("a", 3)])).with_key(other, key("k"));
    engine.place(place).await.unwrap();
    assert_eq!(stock(&engine, "a").await, [5, 5, 0, 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_duplicates_execute_once_and_all_get_the_same_answer() {
    let engine = Engine::open(Config::in_memory()).await.unwrap();
    receive(&engine, "a", 1_000).await;
    receive(&engine, "b", 100).await;
    for round in 0..100u64 {
        let calls: Vec<_> = (0..16)
            .map(|_| {
                let engine = engine.clone();
                let place = PlaceOrder { order: None, ..placement("x", &[("a", 1), ("b", 1)]) };
                tokio::spawn(async move { engine.place(keyed(&format!("k-{round}"), place)).await })
            })
            .collect();
        let mut answers = Vec::new();
        for call in calls {
            answers.push(soon("a duplicate", call).await.unwrap().unwrap());
        }
        answers.dedup();
        assert_eq!(answers.len(), 1, "round {round}");
        assert_eq!(stock(&engine, "a").await[1], round + 1);
    }
    assert_sound(&engine).await;
}

#[tokio::test]
async fn a_refusal_is_remembered_even_when_it_would_be_granted_now() {
    let folder = folder();
    let engine = open(&folder).await;
    receive(&engine, "a", 1).await;
    let short = Refusal::InsufficientStock { sku: sku("a"), requested: 2, available: 1 };
    let ask = || keyed("k", placement("o", &[("a", 2)]));
    let hold = || keyed("h", reserve("c", 2));
    assert_eq!(refusal(engine.place(ask()).await), short);
    assert_eq!(refusal(engine.stock(&sku("a"), hold()).await), short);
    assert_eq!(refusal(engine.pay(keyed("u", payment("never", 1))).await), Refusal::UnknownOrder);
    receive(&engine, "a", 10).await;
    assert_eq!(refusal(engine.place(ask()).await), short);
    engine.close().await.unwrap();
    let engine = open(&folder).await;
    assert_eq!(refusal(engine.place(ask()).await), short);
    assert_eq!(refusal(engine.stock(&sku("a"), hold()).await), short);
    assert_eq!(refusal(engine.pay(keyed("u", payment("never", 1))).await), Refusal::UnknownOrder);
    assert_eq!(stock(&engine, "a").await, [11, 0, 0, 0]);
}

#[tokio::test]
async fn an_engine_that_was_overloaded_or_closed_has_not_used_the_key() {
    let folder = folder();
    let engine = Engine::open(Config { commands_in_flight_max: 1, ..config(&folder) }).await.unwrap();
    receive(&engine, "a", 5).await;
    let ask = || keyed("k", Command::from(placement("o", &[("a", 1)])));
    let name = sku("a");
    let (_, overloaded) =
        tokio::join!(biased; engine.stock(&name, reserve("c", 1)), engine.try_submit::<Command>(ask()));
    assert_eq!(overloaded, Err(Error::Overloaded { in_flight_max: 1 }));
    let other = engine.clone();
    engine.close().await.unwrap();
    assert_eq!(other.submit::<Command>(ask()).await, Err(Error::Closed));
    drop(other);
    let engine = open(&folder).await;
    assert_eq!(engine.place(keyed("k", placement("o", &[("a", 1)]))).await.unwrap().state, State::Reserved);
}

/// A clock that shows another time whenever it is looked at.
struct Restless(AtomicU64);

impl Clock for Restless {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.fetch_add(1, Ordering::SeqCst))
    }
}

fn restless(folder: &tempfile::TempDir, from: u64) -> Config {
    Config { clock: Arc::new(Restless(AtomicU64::new(from))), ..config(folder) }
}

#[tokio::test]
async fn the_time_of_a_keys_answer_is_that_of_its_record_live_and_recovered() {
    let folder = folder();
    let engine = Engine::open(restless(&folder, 1_000)).await.unwrap();
    engine.stock(&sku("a"), keyed("1", SkuCommand::receive(9, "r"))).await.unwrap();
    engine.place(keyed("2", placement("o", &[("a", 2)]))).await.unwrap();
    engine.pay(keyed("3", payment("o", 5))).await.unwrap();
    engine.pay(keyed("4", payment("o", 1_995))).await.unwrap();
    engine.ship(keyed("5", shipment("o", &[]))).await.unwrap();
    engine.deliver(keyed("6", earmark::DeliverOrder::all(order("o")))).await.unwrap();
    refusal(engine.cancel(keyed("7", cancellation("o", &[]))).await);
    let live = engine.cut().await.unwrap();
    engine.close().await.unwrap();
    let engine = Engine::open(restless(&folder, 1)).await.unwrap();
    assert_eq!(engine.cut().await.unwrap().hash, live.hash);
}

#[tokio::test]
async fn forgotten_keys_are_free_again_live_and_recovered_and_later_ones_are_not() {
    let folder = folder();
    let clock = Arc::new(earmark::port::ManualClock::new(Timestamp::from_millis(1_000)));
    let config = || Config { clock: clock.clone(), ..config(&folder) };
    let engine = Engine::open(config()).await.unwrap();
    receive(&engine, "a", 10).await;
    let ask = |name: &str| keyed(name, SkuCommand::adjust(1, "r"));
    engine.stock(&sku("a"), ask("old")).await.unwrap();
    clock.advance(1_000);
    engine.stock(&sku("a"), ask("new")).await.unwrap();
    engine.forget_keys(Timestamp::from_millis(2_000)).await.unwrap();
    let live = engine.cut().await.unwrap();
    engine.close().await.unwrap();
    let engine = Engine::open(config()).await.unwrap();
    assert_eq!((engine.recovery().keys, engine.cut().await.unwrap().hash), (1, live.hash));
    assert_eq!(engine.stock(&sku("a"), ask("new")).await.unwrap().available, 12);
    assert_eq!(stock(&engine, "a").await[0], 12);
    assert_eq!(engine.stock(&sku("a"), ask("old")).await.unwrap().available, 13);
}
