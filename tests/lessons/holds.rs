//! What is held: counted by movements alone, given back once, and owned by somebody.

use earmark::domain::inventory::{HoldOwner, StockEvent};
use earmark::{Engine, Record, ReserveStock, SkuCommand, State, StockPolicy};

use crate::common::*;
use crate::{each_seed, engine, granted, together};

// Lesson 4: counters follow from movements alone; what is given back was held, and is given back once.

/// Units by place, as the published movements alone make them.
fn counted(engine: &Engine, name: &str) -> [u64; 4] {
    let [mut available, mut reserved, mut committed, mut shipped] = [0; 4];
    let mut history = engine.subscribe(engine.start()).unwrap();
    while let Some(published) = history.try_next().unwrap() {
        let Record::Sku(record) = published.record else { continue };
        for event in record.events.iter().filter(|_| record.sku == sku(name)) {
            match event {
                StockEvent::Received { quantity, .. } => available += quantity,
                StockEvent::Reserved { quantity, .. } => {
                    (available, reserved) = (available - quantity, reserved + quantity);
                }
                StockEvent::Committed { quantity, .. } => {
                    (reserved, committed) = (reserved - quantity, committed + quantity);
                }
                StockEvent::Released { reserved: r, committed: c, .. } => {
                    (available, reserved, committed) = (available + r + c, reserved - r, committed - c);
                }
                StockEvent::Shipped { quantity, .. } => {
                    (committed, shipped) = (committed - quantity, shipped + quantity);
                }
                other => panic!("{other:?}"),
            }
        }
    }
    [available, reserved, committed, shipped]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_release_that_comes_many_times_gives_back_once_and_only_what_was_held() {
    each_seed(|mut random| async move {
        let engine = engine().await;
        receive(&engine, "a", 100).await;
        for number in 0..10 {
            engine.stock(&sku("a"), reserve(&format!("c-{number}"), 3)).await.unwrap();
            engine.place(placement(&format!("o-{number}"), &[("a", 4)])).await.unwrap();
        }
        engine.pay(payment("o-0", 4_000)).await.unwrap();
        engine.ship(shipment("o-0", &[(1, 1)])).await.unwrap();
        let mut names: Vec<_> = (0..50).map(|call| call % 10).collect();
        random.shuffle(&mut names);
        let calls = names.into_iter().map(|number| {
            let engine = engine.clone();
            async move {
                let release = SkuCommand::Release { cart: cart(&format!("c-{number}")) };
                engine.stock(&sku("a"), release).await.unwrap();
                engine.cancel(cancellation(&format!("o-{number}"), &[(1, 1)])).await.is_ok()
            }
        });
        // Each call took one unit off its order as long as it held one; one of all units had left.
        let taken = together(calls.collect()).await.into_iter().filter(|taken| *taken).count();
        assert_eq!((taken, stock(&engine, "a").await), (39, [99, 0, 0, 1]));
        assert_eq!(counted(&engine, "a"), [99, 0, 0, 1]);
        assert_sound(&engine).await;
    })
    .await;
}

// Lesson 5: a hold has an owner: one's own is not in the way, asking again replaces, and a buyer has a limit.

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_shopper_is_never_in_his_own_way_and_what_he_asks_for_again_does_not_stack() {
    each_seed(|mut random| async move {
        let engine = engine().await;
        receive(&engine, "a", 9).await;
        engine.stock(&sku("a"), reserve("mine", 9)).await.unwrap();
        let calls = (0..60).map(|number| {
            let (engine, mine, units) = (engine.clone(), random.bool(), random.u64(7..10));
            async move {
                let name = if mine { "mine".to_owned() } else { format!("other-{number}") };
                // Others ask for more than re-submissions can leave free between them.
                let units = if mine { units } else { 3 };
                (mine, engine.stock(&sku("a"), reserve(&name, units)).await)
            }
        });
        for (mine, answer) in together(calls.collect()).await {
            assert_eq!(answer.is_ok(), mine, "{answer:?}");
        }
        engine.stock(&sku("a"), reserve("mine", 9)).await.unwrap();
        let held = engine.sku(&sku("a")).holders(None, 9).await.unwrap().items;
        assert_eq!(held.iter().map(|h| h.owner.clone()).collect::<Vec<_>>(), [HoldOwner::Cart(cart("mine"))]);
        // Nor when it becomes an order, while others are after its units.
        let order = placement("o", &[("a", 9)]).from_cart(cart("mine"));
        let buys = tokio::spawn({
            let engine = engine.clone();
            async move { engine.place(order).await }
        });
        let others = (0..20).map(|number| {
            let engine = engine.clone();
            async move { engine.stock(&sku("a"), reserve(&format!("late-{number}"), 1)).await }
        });
        assert_eq!(granted(&together(others.collect()).await), 0);
        assert_eq!(buys.await.unwrap().unwrap().state, State::Reserved);
        assert_eq!(stock(&engine, "a").await, [0, 9, 0, 0]);
        assert_sound(&engine).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_buyer_with_many_carts_cannot_hold_more_than_his_budget() {
    each_seed(|mut random| async move {
        let engine = engine().await;
        receive(&engine, "a", 1_000).await;
        let budget = random.u64(3..9);
        let policy = StockPolicy { hold_budget_per_buyer: Some(budget), ..StockPolicy::default() };
        engine.stock(&sku("a"), SkuCommand::SetPolicy(Box::new(policy))).await.unwrap();
        let calls = (0..80).map(|number| {
            let (engine, as_cart, buyer) = (engine.clone(), random.bool(), number % 2);
            async move {
                let (name, buyer) = (format!("x-{number}"), format!("buyer-{buyer}").parse().unwrap());
                let answer = if as_cart {
                    engine.stock(&sku("a"), ReserveStock::new(cart(&name), 1).by(buyer)).await.map(|_| ())
                } else {
                    engine.place(placement(&name, &[("a", 1)]).by_customer(buyer)).await.map(|_| ())
                };
                if let Err(error) = &answer {
                    assert_eq!(error.code(), "HOLD_BUDGET_EXCEEDED", "{error:?}");
                }
                answer.is_ok()
            }
        });
        let granted = together(calls.collect()).await.into_iter().filter(|granted| *granted).count();
        assert_eq!(granted as u64, 2 * budget);
        assert_eq!(stock(&engine, "a").await, [1_000 - 2 * budget, 2 * budget, 0, 0]);
        assert_sound(&engine).await;
    })
    .await;
}
