//! How the engine takes commands and stops taking them: permits, closing, passivation, folders.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::*;
use earmark::{Config, Engine, Error, IdScheme, PlaceOrder, Request, SkuCommand, State};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_on_a_closed_engine_answers_closed() {
    let folder = folder();
    let engine = open(&folder).await;
    receive(&engine, "a", 5).await;
    engine.place(placement("o", &[("a", 1)])).await.unwrap();
    let other = engine.clone();
    soon("close", engine.close()).await.unwrap();
    assert_eq!(other.place(placement("p", &[("a", 1)])).await, Err(Error::Closed));
    assert_eq!(other.try_submit(placement("p", &[("a", 1)])).await, Err(Error::Closed));
    assert_eq!(soon("order", other.order(&order("o")).view()).await, Err(Error::Closed));
    assert_eq!(soon("order", other.order(&order("none")).view()).await, Err(Error::Closed));
    assert_eq!(soon("sku", other.sku(&sku("a")).view()).await, Err(Error::Closed));
    assert_eq!(soon("sku", other.sku(&sku("none")).view()).await, Err(Error::Closed));
    assert_eq!(soon("flush", other.flush()).await, Err(Error::Closed));
    assert_eq!(soon("cut", other.cut()).await.map(|cut| cut.hash), Err(Error::Closed));
    assert_eq!(soon("forget", other.forget_keys(earmark::Timestamp::ZERO)).await, Err(Error::Closed));
    let by = || "operator".parse().unwrap();
    for entity in [earmark::EntityId::Order(order("o")), earmark::EntityId::Sku(sku("a"))] {
        assert_eq!(soon("unpark", other.unpark(&entity, by())).await, Err(Error::Closed));
    }
    assert_eq!(soon("a second close", other.close()).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_ends_when_the_engine_is_closed_though_a_handle_on_it_lives() {
    let folder = folder();
    let engine = open(&folder).await;
    let other = engine.clone();
    let mut history = engine.subscribe(engine.start()).unwrap();
    receive(&engine, "a", 1).await;
    engine.close().await.unwrap();
    assert!(soon("the receipt", history.next()).await.unwrap().is_some());
    assert_eq!(soon("the end", history.next()).await, Ok(None));
    drop(other);
}

/// A keyed command is recorded even where it is refused; one that fits no segment must not get that far.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_too_long_to_be_recorded_is_refused_and_does_not_halt_the_engine() {
    let folder = folder();
    let engine = open(&folder).await;
    let key = |text: &str| ("shop".parse().unwrap(), text.parse().unwrap());
    let lines = vec![("a", 1); 100_000];
    let (business, first) = key("first");
    let refused = engine.place(Request::from(placement("o", &lines)).with_key(business, first)).await;
    assert_eq!(refused.unwrap_err().code(), "TOO_MANY_LINES");
    let command = SkuCommand::receive(1, "x".repeat(64 << 20));
    let (business, second) = key("second");
    let refused = engine.stock(&sku("a"), Request::from(command).with_key(business, second)).await;
    assert_eq!(refused.unwrap_err().code(), "REASON_TOO_LONG");
    receive(&engine, "a", 1).await;
    engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn queries_that_race_with_close_are_answered_one_way_or_the_other() {
    for _ in 0..30 {
        let engine = Engine::open(Config::in_memory()).await.unwrap();
        receive(&engine, "a", 5).await;
        let readers: Vec<_> = (0..8)
            .map(|_| {
                let engine = engine.clone();
                tokio::spawn(async move { while engine.sku(&sku("a")).view().await.is_ok() {} })
            })
            .collect();
        soon("close", engine.close()).await.unwrap();
        for reader in readers {
            soon("a reader", reader).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn close_waits_for_the_commands_in_flight_and_nothing_acknowledged_is_lost() {
    let folder = folder();
    let engine = open(&folder).await;
    receive(&engine, "a", 1_000).await;
    let calls: Vec<_> = (0..300)
        .map(|n| {
            let engine = engine.clone();
            tokio::spawn(async move { (n, engine.place(placement(&format!("o-{n}"), &[("a", 1)])).await) })
        })
        .collect();
    tokio::task::yield_now().await;
    soon("close", engine.close()).await.unwrap();
    let engine = open(&folder).await;
    assert!(engine.recovery().sealed);
    for call in calls {
        match call.await.unwrap() {
            (n, Ok(_)) => assert_eq!(look(&engine, &format!("o-{n}")).await.state, State::Reserved),
            (n, Err(Error::Closed)) => {
                assert_eq!(engine.order(&order(&format!("o-{n}"))).view().await, Ok(None))
            }
            other => panic!("{other:?}"),
        }
    }
    assert_sound(&engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_is_dropped_without_close_loses_nothing_acknowledged() {
    let folder = folder();
    for round in 0..5u64 {
        let engine = open(&folder).await;
        assert_eq!(engine.recovery().orders, round);
        receive(&engine, "a", 1).await;
        engine.place(placement(&format!("o-{round}"), &[("a", 1)])).await.unwrap();
    }
    let engine = open(&folder).await;
    assert_eq!(stock(&engine, "a").await, [0, 5, 0, 0]);
    assert_sound(&engine).await;
}

/// Waits until the runtime has no task but those that it had before.
async fn ends_with(tasks: usize) {
    soon("the engine's tasks", async {
        while tokio::runtime::Handle::current().metrics().num_alive_tasks() > tasks {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_is_closed_or_dropped_leaves_no_actor_behind() {
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    for closes in [true, false] {
        let engine = Engine::open(Config::in_memory()).await.unwrap();
        for number in 0..50 {
            // SKUs stay active, orders go to rest and leave an actor that waits for the next one.
            let sku = format!("sku-{number}");
            receive(&engine, &sku, 5).await;
            engine.place(placement(&format!("order-{number}"), &[(&sku, 1)])).await.unwrap();
        }
        assert!(tokio::runtime::Handle::current().metrics().num_alive_tasks() >= tasks + 51);
        if closes {
            engine.close().await.unwrap();
        } else {
            drop(engine);
        }
        ends_with(tasks).await;
    }
}

#[tokio::test]
async fn a_folder_has_one_engine_and_a_process_may_have_many() {
    let (one, two) = (folder(), folder());
    let (first, second) = (open(&one).await, open(&two).await);
    receive(&first, "a", 1).await;
    receive(&second, "a", 2).await;
    let third = Engine::open(config(&one)).await.map(|_| ()).unwrap_err();
    assert!(matches!(third, Error::Journal(earmark::journal::LogError::InUse { .. })), "{third:?}");
    assert_eq!((stock(&first, "a").await[0], stock(&second, "a").await[0]), (1, 2));
    first.close().await.unwrap();
    let again = open(&one).await;
    assert_eq!(stock(&again, "a").await[0], 1);
}

#[tokio::test]
async fn ids_of_every_scheme_go_on_after_a_restart_and_never_repeat() {
    let schemes = [
        IdScheme::Sequence { prefix: Some("A-".into()) },
        IdScheme::Sequence { prefix: None },
        IdScheme::UuidV7,
        IdScheme::Snowflake { worker: 777 },
        IdScheme::Custom { prefix: "AB".into() },
    ];
    for ids in schemes {
        let folder = folder();
        let mut seen = Vec::new();
        for _ in 0..3 {
            let engine = Engine::open(Config { ids: ids.clone(), ..config(&folder) }).await.unwrap();
            receive(&engine, "a", 20).await;
            for _ in 0..20 {
                let place = PlaceOrder { order: None, ..placement("x", &[("a", 1)]) };
                seen.push(engine.place(place).await.unwrap().order);
            }
            engine.close().await.unwrap();
        }
        let mut unique = seen.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), seen.len(), "{ids:?} repeats");
        if ids != IdScheme::UuidV7 && !matches!(ids, IdScheme::Snowflake { .. }) {
            assert_eq!(unique, seen, "{ids:?} goes back");
        }
    }
}

#[tokio::test]
async fn a_made_id_steps_over_one_that_a_caller_has_chosen() {
    let ids = IdScheme::Sequence { prefix: None };
    let engine = Engine::open(Config { ids, ..Config::in_memory() }).await.unwrap();
    receive(&engine, "a", 5).await;
    engine.place(placement("0000000001", &[("a", 1)])).await.unwrap();
    let place = PlaceOrder { order: None, ..placement("x", &[("a", 1)]) };
    assert_eq!(engine.place(place).await.unwrap().order, order("0000000002"));
}

/// Polls a future once and drops it.
async fn poll_once<T>(future: impl std::future::Future<Output = T>) {
    tokio::select! { biased; _ = future => {} () = std::future::ready(()) => {} }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_goes_away_loses_neither_its_command_nor_its_permit() {
    let engine = Engine::open(Config { commands_in_flight_max: 4, ..Config::in_memory() }).await.unwrap();
    receive(&engine, "a", 1_000).await;
    for round in 0..200 {
        poll_once(engine.place(placement(&format!("o-{round}"), &[("a", 1)]))).await;
    }
    let placed = soon("every permit comes back", engine.cut()).await.unwrap();
    assert_eq!(placed.violations, Vec::<String>::new());
    assert!(placed.orders.len() >= 3, "{} placed", placed.orders.len());
    assert!(placed.orders.iter().all(|order| order.state == State::Reserved));
    soon("close", engine.close()).await.unwrap();
}

#[tokio::test]
async fn try_submit_answers_overloaded_when_the_permits_are_gone() {
    let engine = Engine::open(Config { commands_in_flight_max: 2, ..Config::in_memory() }).await.unwrap();
    receive(&engine, "a", 10).await;
    // On one thread nothing runs until this test awaits for real.
    poll_once(engine.place(placement("o", &[("a", 1)]))).await;
    poll_once(engine.place(placement("p", &[("a", 1)]))).await;
    let refused = engine.try_submit(placement("q", &[("a", 1)])).await;
    assert_eq!(refused, Err(Error::Overloaded { in_flight_max: 2 }));
    engine.flush().await.unwrap();
    soon("room", engine.cut()).await.unwrap();
    assert!(engine.try_submit(placement("q", &[("a", 1)])).await.is_ok());
    assert_eq!(stock(&engine, "a").await, [7, 3, 0, 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn skus_that_go_to_rest_all_the_time_lose_no_message() {
    let engine = Engine::open(Config { sku_idle_ms: 1, ..Config::in_memory() }).await.unwrap();
    for name in 0..8 {
        receive(&engine, &format!("s{name}"), 100_000).await;
    }
    let calls: Vec<_> = (0..8u32)
        .map(|task| {
            let engine = engine.clone();
            tokio::spawn(async move {
                for round in 0..400u32 {
                    let (a, b) = (format!("s{}", (task + round) % 8), format!("s{}", (task * 3 + round) % 8));
                    let id = format!("o-{task}-{round}");
                    soon("place", engine.place(placement(&id, &[(&a, 1), (&b, 1)]))).await.unwrap();
                    soon("cancel", engine.cancel(cancellation(&id, &[]))).await.unwrap();
                    if round % 16 == 0 {
                        tokio::time::sleep(std::time::Duration::from_millis(3)).await;
                    }
                }
            })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
    for name in 0..8 {
        assert_eq!(stock(&engine, &format!("s{name}")).await, [100_000, 0, 0, 0]);
    }
    assert_sound(&engine).await;
}

/// Places orders until the budget is used up; answers how many there are.
async fn fill_up(engine: &Engine) -> u32 {
    for number in 0..100_000 {
        match engine.place(placement(&format!("o-{number}"), &[("a", 1), ("b", 1), ("c", 1)])).await {
            Ok(_) => {}
            Err(Error::MemoryFull { used_bytes, budget_bytes }) => {
                assert!(used_bytes >= budget_bytes, "{used_bytes} of {budget_bytes}");
                return number;
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    panic!("the budget was never used up: {:?}", engine.memory());
}

#[tokio::test]
async fn a_used_up_memory_budget_turns_growth_away_and_lets_everything_else_go_on() {
    let budget = Some(400_000);
    let engine = Engine::open(Config { memory_bytes_max: budget, ..Config::in_memory() }).await.unwrap();
    for name in ["a", "b", "c"] {
        receive(&engine, name, 1_000_000).await;
    }
    let placed = fill_up(&engine).await;
    assert!(placed > 200, "{placed} orders of 3 lines in 400,000 bytes: {:?}", engine.memory());
    assert!(engine.memory().is_used_up() && engine.memory().budget_bytes == budget);

    let full = engine.stock(&sku("a"), reserve("cart", 1)).await.unwrap_err();
    assert_eq!(full.code(), "MEMORY_FULL");
    assert!(full.to_string().contains("400000 bytes"), "{full}");
    let keyed = || Request::from(placement("late", &[("a", 1)])).with_key(business(), key("late"));
    assert_eq!(engine.place(keyed()).await.unwrap_err().code(), "MEMORY_FULL");
    assert_eq!(engine.try_submit(placement("p", &[("a", 1)])).await.unwrap_err().code(), "MEMORY_FULL");

    receive(&engine, "a", 1).await;
    engine.pay(payment("o-0", 3_000)).await.unwrap();
    engine.ship(shipment("o-0", &[(1, 1)])).await.unwrap();
    assert_eq!(look(&engine, "o-0").await.lines.len(), 3);
    for number in 1..placed {
        engine.cancel(cancellation(&format!("o-{number}"), &[])).await.unwrap();
    }
    soon("room", async {
        while engine.memory().is_used_up() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    engine.place(keyed()).await.unwrap();
    engine.stock(&sku("a"), reserve("cart", 1)).await.unwrap();
    assert_sound(&engine).await;
}

#[tokio::test]
async fn an_engine_that_is_opened_again_comes_to_the_same_account_of_its_memory() {
    let folder = folder();
    let engine = open(&folder).await;
    receive(&engine, "a", 1_000_000).await;
    for number in 0..300 {
        let request = Request::from(placement(&format!("o-{number}"), &[("a", 2)]));
        engine.place(request.with_key(business(), key(&format!("k-{number}")))).await.unwrap();
    }
    // The actor of the last order rests a moment after its answer.
    soon("rest", async {
        while engine.cut().await.is_ok() && engine.memory().actors_bytes > 10_000 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let live = engine.memory();
    engine.close().await.unwrap();
    let again = open(&folder).await.memory();
    assert_eq!(again.orders_bytes, live.orders_bytes);
    assert_eq!((again.index_bytes, again.keys_bytes), (live.index_bytes, live.keys_bytes));
    assert!(again.stock_bytes.abs_diff(live.stock_bytes) * 5 < live.stock_bytes, "{again:?} {live:?}");
    assert!(live.keys_bytes > 300 * 100 && live.stock_bytes > 300 * 12, "{live:?}");
}
