//! Steps that are delivered again after a crash, to SKUs that know more than the order does.

use earmark::State;
use earmark::domain::ids::EntityId;
use earmark::domain::inventory::{HoldOwner, LocationId, StockEvent};
use earmark::domain::order::OrderEvent;
use earmark::domain::record::Record;

use crate::common::journal::{Raw, happened, moved, parked, placed, received, write};
use crate::common::sim::open;
use crate::common::*;

fn owner() -> HoldOwner {
    HoldOwner::Order(order("o"))
}

/// An order over one unit of `a` and `b` each, as far as its settlement's first step.
fn until_settlement() -> Vec<Raw> {
    let reserved = StockEvent::Reserved {
        owner: owner(),
        quantity: 1,
        step: 1,
        deadline: None,
        purchase: None,
        at: LocationId::MAIN,
    };
    let paid = OrderEvent::PaymentRecorded {
        payment: "1".parse().unwrap(),
        method: "card".parse().unwrap(),
        amount: 2_000,
    };
    vec![
        received(&sku("a"), 1),
        received(&sku("b"), 1),
        happened(&order("o"), 1, vec![placed(&placement("o", &[("a", 1), ("b", 1)]))]),
        moved(&sku("a"), 2, reserved.clone()),
        moved(&sku("b"), 2, reserved),
        happened(&order("o"), 2, vec![OrderEvent::Reserved]),
        happened(&order("o"), 4, vec![paid, OrderEvent::SettlementStarted]),
    ]
}

fn committed(name: &str) -> Raw {
    moved(&sku(name), 3, StockEvent::Committed { owner: owner(), quantity: 1, step: 3, at: LocationId::MAIN })
}

/// `b` was parked and refused, `a` undid its part, `b` was unparked, and then the process died before the
/// order had recorded the end: the settlement is undone, not half done.
#[tokio::test(start_paused = true)]
async fn a_step_that_comes_again_after_its_own_undoing_is_refused() {
    let mut journal = until_settlement();
    journal.push(committed("a"));
    journal.push(moved(
        &sku("a"),
        4,
        StockEvent::Uncommitted { owner: owner(), quantity: 1, step: 4, at: LocationId::MAIN },
    ));
    let engine = open(&write(&journal)).await;
    let cut = engine.cut().await.unwrap();
    assert_eq!(cut.violations, Vec::<String>::new());
    assert_eq!((engine.recovery().undone, look(&engine, "o").await.state), (1, State::Reserved));
    assert_eq!(stock(&engine, "b").await, [0, 1, 0, 0]);
    assert_eq!(engine.pay(payment("o", 2_000)).await.unwrap().state, State::Paid);
    assert_sound(&engine).await;
}

#[tokio::test(start_paused = true)]
async fn a_shipment_that_comes_again_after_its_own_undoing_is_refused() {
    let mut journal = until_settlement();
    journal.push(committed("a"));
    journal.push(committed("b"));
    journal.push(happened(&order("o"), 5, vec![OrderEvent::Settled]));
    let lines = parts(&[(1, 1), (2, 1)]);
    journal.push(happened(&order("o"), 6, vec![OrderEvent::ShipmentStarted { lines }]));
    journal.push(moved(
        &sku("a"),
        4,
        StockEvent::Shipped { owner: owner(), quantity: 1, step: 5, at: LocationId::MAIN },
    ));
    journal.push(moved(
        &sku("a"),
        5,
        StockEvent::Unshipped { owner: owner(), quantity: 1, step: 6, purchase: None, at: LocationId::MAIN },
    ));
    let engine = open(&write(&journal)).await;
    assert_sound(&engine).await;
    assert_eq!((engine.recovery().undone, look(&engine, "o").await.state), (1, State::Paid));
    assert_eq!(engine.ship(shipment("o", &[])).await.unwrap().state, State::Shipped);
    assert_sound(&engine).await;
}

/// What a SKU did before it was parked stands: the order goes on with it.
#[tokio::test(start_paused = true)]
async fn a_step_that_a_sku_did_before_it_was_parked_counts() {
    let mut journal = until_settlement();
    journal.extend([committed("a"), committed("b")]);
    journal.push(parked(EntityId::Sku(sku("b")), Some("a look at it")));
    let engine = open(&write(&journal)).await;
    assert_eq!(look(&engine, "o").await.state, State::Paid);
    let parked = vec!["SKU b is parked: a look at it".to_owned()];
    assert_eq!(engine.cut().await.unwrap().violations, parked);
    engine.unpark(&EntityId::Sku(sku("b")), "operator".parse().unwrap()).await.unwrap();
    assert_sound(&engine).await;
}

/// A SKU that was parked before it was asked holds nothing, so there is nothing to give back.
#[tokio::test(start_paused = true)]
async fn a_placement_over_a_sku_that_was_parked_before_is_undone_after_a_crash() {
    let mut journal = until_settlement();
    journal.truncate(4);
    journal.insert(2, parked(EntityId::Sku(sku("b")), Some("a look at it")));
    let engine = open(&write(&journal)).await;
    let recovery = engine.recovery();
    assert_eq!((recovery.undone, recovery.parked), (1, 0));
    assert_eq!(look(&engine, "o").await.state, State::Cancelled);
    assert_eq!(stock(&engine, "a").await, [1, 0, 0, 0]);
}

/// The crafted records above are what the engine itself writes.
#[tokio::test(start_paused = true)]
async fn the_crafted_journal_is_the_one_that_the_engine_writes() {
    let fs = earmark::port::fs_sim::SimFs::new();
    let engine = open(&fs).await;
    receive(&engine, "a", 1).await;
    receive(&engine, "b", 1).await;
    engine.place(placement("o", &[("a", 1), ("b", 1)])).await.unwrap();
    engine.pay(payment("o", 2_000)).await.unwrap();
    let mut written = engine.subscribe(engine.start()).unwrap();
    let mut crafted = open(&write(&until_settlement())).await;
    let mut read = crafted.subscribe(crafted.start()).unwrap();
    for _ in 0..7 {
        let events = |record: Record| match record {
            Record::Order(r) => (r.version, format!("{:?}", r.events)),
            Record::Sku(r) => (r.version, format!("{:?}", r.events)),
            other => panic!("{other:?}"),
        };
        let (live, made) = (written.next().await.unwrap().unwrap(), read.next().await.unwrap().unwrap());
        assert_eq!(events(live.record), events(made.record));
    }
    crafted = engine;
    drop(crafted);
}
