//! How stock is taken: in one step, all or nothing, in one order, and with nothing from outside in between.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use earmark::port::fs_sim::SimFs;
use earmark::port::{Clock, ManualClock, SystemClock};
use earmark::{Config, Engine, Refusal, ReserveStock, SkuCommand, State};

use crate::common::*;
use crate::{each_seed, engine, granted, together};

// Lesson 1: check and take in one message; check again at commit, and never trust the cart.

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_check_in_one_step_and_a_take_in_another_cannot_oversell() {
    each_seed(|mut random| async move {
        let engine = engine().await;
        let units = random.u64(1..20);
        receive(&engine, "a", units).await;
        let buyers = (0..100).map(|buyer| {
            let (engine, as_cart) = (engine.clone(), random.bool());
            async move {
                // Everybody sees units. What was seen is worth nothing when it comes to taking them.
                let seen = engine.sku(&sku("a")).view().await?.unwrap().counters.available;
                tokio::task::yield_now().await;
                let name = format!("b-{buyer}");
                if as_cart {
                    engine.stock(&sku("a"), reserve(&name, 1)).await.map(|_| seen)
                } else {
                    engine.place(placement(&name, &[("a", 1)])).await.map(|_| seen)
                }
            }
        });
        assert_eq!(granted(&together(buyers.collect()).await), units);
        assert_eq!(stock(&engine, "a").await, [0, units, 0, 0]);
        assert_sound(&engine).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cart_that_lapsed_before_it_is_paid_for_commits_nothing_that_another_can_have() {
    each_seed(|mut random| async move {
        let start = SystemClock.now();
        let clock = Arc::new(ManualClock::new(start));
        let config = Config { clock: clock.clone(), clock_step_ms_max: None, ..Config::in_memory() };
        let engine = Engine::open(config).await.unwrap();
        receive(&engine, "a", 20).await;
        for name in 0..20 {
            let until = ReserveStock::new(cart(&format!("c-{name}")), 1).until(start.plus_millis(1_000));
            engine.stock(&sku("a"), until).await.unwrap();
        }
        clock.advance(1_000);
        let mut calls: Vec<_> = (0..20).map(|name| (true, format!("c-{name}"))).collect();
        calls.extend((0..20).map(|name| (false, format!("d-{name}"))));
        random.shuffle(&mut calls);
        let calls = calls.into_iter().map(|(pays, name)| {
            let engine = engine.clone();
            async move {
                let command = if pays { SkuCommand::Commit { cart: cart(&name) } } else { reserve(&name, 1) };
                (pays, engine.stock(&sku("a"), command).await)
            }
        });
        for (pays, answer) in together(calls.collect()).await {
            if pays {
                assert_eq!(refusal(answer), Refusal::UnknownHold { sku: sku("a") });
            } else {
                answer.unwrap();
            }
        }
        assert_eq!(stock(&engine, "a").await, [0, 20, 0, 0]);
        assert_sound(&engine).await;
    })
    .await;
}

// Lesson 2: sum the demand over the whole order; all or nothing; one global order, and nobody waits in a circle.

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn orders_over_the_same_skus_take_all_or_nothing_and_never_wait_in_a_circle() {
    const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];
    each_seed(|mut random| async move {
        let engine = engine().await;
        for name in NAMES {
            receive(&engine, name, 12).await;
        }
        let orders = (0..60).map(|number| {
            // In any order, and one SKU in several lines.
            let count = random.usize(2..6);
            let lines: Vec<_> =
                (0..count).map(|_| (*random.choice(&NAMES).unwrap(), random.u32(1..3))).collect();
            let engine = engine.clone();
            async move {
                let answer = engine.place(placement(&format!("o-{number}"), &lines)).await;
                answer.map(|_| lines)
            }
        });
        let orders = together(orders.collect()).await;
        assert!((1..60).contains(&granted(&orders)), "some get all of it, and some nothing");
        let mut demand: BTreeMap<&str, u64> = BTreeMap::new();
        for (name, units) in orders.into_iter().flatten().flatten() {
            *demand.entry(name).or_default() += u64::from(units);
        }
        for name in NAMES {
            let held = demand.get(name).copied().unwrap_or_default();
            assert_eq!(stock(&engine, name).await, [12 - held, held, 0, 0], "{name}");
        }
        assert_sound(&engine).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_lines_of_one_sku_that_fit_alone_but_not_together_are_refused_as_one_demand() {
    each_seed(|mut random| async move {
        let engine = engine().await;
        let units = random.u32(2..9);
        receive(&engine, "a", u64::from(units)).await;
        let orders = (0..20).map(|number| {
            let engine = engine.clone();
            async move { engine.place(placement(&format!("o-{number}"), &[("a", units), ("a", 1)])).await }
        });
        let (requested, available) = (u64::from(units) + 1, u64::from(units));
        for answer in together(orders.collect()).await {
            let short = Refusal::InsufficientStock { sku: sku("a"), requested, available };
            assert_eq!(refusal(answer), short, "in one step, so that nobody ever saw fewer");
        }
        assert_sound(&engine).await;
    })
    .await;
}

// Lesson 3: no call to the outside while stock is being reserved: reserve, durable, pay, commit.

#[tokio::test(start_paused = true)]
async fn a_slow_payment_holds_nobody_up_and_rests_on_stock_that_a_crash_cannot_take_back() {
    each_seed(|mut random| async move {
        let fs = SimFs::new();
        let engine = crate::common::sim::open(&fs).await;
        receive(&engine, "a", 40).await;
        receive(&engine, "b", 40).await;
        let paid = Arc::new(AtomicUsize::new(0));
        let buyers = (0..20).map(|number| {
            let slow = Duration::from_millis(random.u64(1_000..9_000));
            let (engine, fs, paid) = (engine.clone(), fs.clone(), paid.clone());
            async move {
                let id = format!("o-{number}");
                engine.place(placement(&id, &[("a", 1), ("b", 1)])).await.unwrap();
                assert_eq!(paid.load(Ordering::SeqCst), 0, "{id} waited for another's payment");
                // The payment provider is called now; the machine may crash at any moment from here on.
                let crashed = crate::common::sim::open(&fs.crash()).await;
                assert_eq!(
                    look(&crashed, &id).await.state,
                    State::Reserved,
                    "{id} is called, and may be lost"
                );
                tokio::time::sleep(slow).await;
                paid.fetch_add(1, Ordering::SeqCst);
                engine.pay(payment(&id, 2_000)).await.unwrap().state
            }
        });
        assert!(together(buyers.collect()).await.into_iter().all(|state| state == State::Paid));
        assert_eq!(stock(&engine, "a").await, [20, 0, 20, 0]);
        assert_sound(&engine).await;
    })
    .await;
}
