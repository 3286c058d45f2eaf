//! Entities whose invariant is broken are parked, alone and for as long as an operator wants.

use earmark::domain::ids::EntityId;
use earmark::domain::inventory::{HoldOwner, LocationId, StockEvent};
use earmark::domain::record::Record;
use earmark::port::fs_sim::SimFs;
use earmark::{CancelOrder, Command, Engine, Error, Refusal, Request, SkuCommand, State};

use crate::common::journal::{Raw, moved, parked, read, received, write};
use crate::common::sim::open;
use crate::common::*;

fn operator() -> earmark::Principal {
    "operator".parse().unwrap()
}

fn sku_id(name: &str) -> EntityId {
    EntityId::Sku(sku(name))
}

fn is_parked<T: std::fmt::Debug>(result: Result<T, Error>) -> bool {
    matches!(refusal(result), Refusal::Parked { .. })
}

/// Opens what `engine` has written with `more` behind it, as if that had been written too.
async fn reopen_with(fs: &SimFs, engine: Engine, more: &[Raw]) -> (SimFs, Engine) {
    engine.close().await.unwrap();
    let mut records = read(fs);
    records.extend_from_slice(more);
    let image = write(&records);
    let engine = open(&image).await;
    (image, engine)
}

#[tokio::test(start_paused = true)]
async fn a_record_that_breaks_conservation_parks_its_sku_and_no_other() {
    let shipped =
        StockEvent::Shipped { owner: HoldOwner::Cart(cart("c")), quantity: 3, step: 0, at: LocationId::MAIN };
    let journal = [received(&sku("a"), 5), received(&sku("b"), 5), moved(&sku("a"), 2, shipped)];
    let image = write(&journal);
    let engine = open(&image).await;
    let reason = engine.sku(&sku("a")).view().await.unwrap().unwrap().parked.unwrap();
    assert!(reason.contains("committed units of the hold is 0; 3 cannot be taken off"), "{reason}");
    let refused = refusal(engine.stock(&sku("a"), reserve("c", 1)).await);
    assert_eq!(refused, Refusal::Parked { reason: reason.clone() });
    assert!(is_parked(engine.place(placement("o", &[("a", 1), ("b", 1)])).await));
    engine.place(placement("p", &[("b", 2)])).await.unwrap();
    assert_eq!(stock(&engine, "b").await, [3, 2, 0, 0]);
    assert_eq!(engine.cut().await.unwrap().violations, vec![format!("SKU a is parked: {reason}")]);
    engine.close().await.unwrap();

    let engine = open(&image).await;
    assert_eq!(engine.sku(&sku("a")).view().await.unwrap().unwrap().parked, Some(reason));
    engine.unpark(&sku_id("a"), operator()).await.unwrap();
    assert_eq!(engine.unpark(&sku_id("a"), operator()).await, Err(Error::Refused(Refusal::NotParked)));
    engine.stock(&sku("a"), reserve("c", 1)).await.unwrap();
    let live = engine.cut().await.unwrap();
    assert_eq!(live.violations, Vec::<String>::new());
    engine.close().await.unwrap();
    let engine = open(&image).await;
    assert_eq!(engine.cut().await.unwrap().hash, live.hash, "unpark is in the journal");
    let mut records = engine.subscribe(engine.start()).unwrap();
    let mut unparked = 0;
    while let Some(published) = records.try_next().unwrap() {
        if let Record::Park(park) = published.record {
            assert_eq!((park.entity, park.by, park.reason), (sku_id("a"), Some(operator()), None));
            unparked += 1;
        }
    }
    assert_eq!(unparked, 1);
}

/// An engine with an order over `a` and `b`, reserved or paid, and `b` parked behind it.
async fn with_b_parked(paid: bool) -> (SimFs, Engine) {
    let fs = SimFs::new();
    let engine = open(&fs).await;
    receive(&engine, "a", 5).await;
    receive(&engine, "b", 5).await;
    engine.place(placement("o", &[("a", 2), ("b", 1)])).await.unwrap();
    if paid {
        engine.pay(payment("o", 3_000)).await.unwrap();
    }
    reopen_with(&fs, engine, &[parked(sku_id("b"), Some("a look at it"))]).await
}

#[tokio::test(start_paused = true)]
async fn a_settlement_over_a_parked_sku_is_undone_and_its_payment_is_due_back() {
    let (_, engine) = with_b_parked(false).await;
    assert!(is_parked(engine.pay(payment("o", 3_000)).await));
    let undone = look(&engine, "o").await;
    assert_eq!((undone.state, undone.paid, undone.refund_due), (State::Reserved, 3_000, 3_000));
    assert_eq!(stock(&engine, "a").await, [3, 2, 0, 0]);
    engine.unpark(&sku_id("b"), operator()).await.unwrap();
    assert_eq!(engine.pay(payment("o", 3_000)).await.unwrap().state, State::Paid);
    assert_sound(&engine).await;
}

#[tokio::test(start_paused = true)]
async fn a_shipment_over_a_parked_sku_is_undone() {
    let (_, engine) = with_b_parked(true).await;
    assert!(is_parked(engine.ship(shipment("o", &[])).await));
    let undone = look(&engine, "o").await;
    assert_eq!((undone.state, undone.shipments.len()), (State::Paid, 0));
    assert_eq!(stock(&engine, "a").await, [3, 0, 2, 0]);
    engine.unpark(&sku_id("b"), operator()).await.unwrap();
    assert_eq!(engine.ship(shipment("o", &[])).await.unwrap().state, State::Shipped);
    assert_sound(&engine).await;
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_over_a_parked_sku_parks_the_order_and_unpark_drives_it_on() {
    for reopened in [false, true] {
        let (image, mut engine) = with_b_parked(true).await;
        assert!(is_parked(engine.cancel(CancelOrder::all(order("o"), "late")).await));
        assert!(is_parked(engine.pay(payment("o", 1)).await));
        if reopened {
            let before = engine.cut().await.unwrap().hash;
            engine.close().await.unwrap();
            engine = open(&image).await;
            assert_eq!(engine.cut().await.unwrap().hash, before);
        }
        let open = look(&engine, "o").await;
        assert!(open.parked.is_some() && open.pending.is_some());
        let entity = EntityId::Order(order("o"));
        // While its SKU is parked the order comes back to the park.
        engine.unpark(&entity, operator()).await.unwrap();
        engine.cut().await.unwrap();
        assert!(look(&engine, "o").await.parked.is_some());
        let (_, summary) = engine.summary().await.unwrap();
        assert_eq!((summary.parked, summary.unfinished), (vec![entity.clone(), sku_id("b")], 1));
        engine.unpark(&sku_id("b"), operator()).await.unwrap();
        engine.unpark(&entity, operator()).await.unwrap();
        assert_sound(&engine).await;
        let cancelled = look(&engine, "o").await;
        assert_eq!((cancelled.state, cancelled.refund_due), (State::Cancelled, 3_000));
        assert_eq!((stock(&engine, "a").await, stock(&engine, "b").await), ([5, 0, 0, 0], [5, 0, 0, 0]));
    }
}

/// A caller that asks again under its key, while the order is parked in the middle of it, is told so; it does
/// not wait for an operator, with its permit in hand.
#[tokio::test(start_paused = true)]
async fn a_keyed_command_whose_order_is_parked_does_not_hold_up_those_who_ask_again() {
    for reopened in [false, true] {
        let (image, mut engine) = with_b_parked(true).await;
        let request = || -> Request<Command> {
            let cancel = Command::from(cancellation("o", &[]));
            Request::from(cancel).with_key(business(), key("k"))
        };
        let both = soon("duplicates", engine.submit_all([request(), request()])).await;
        assert!(both.into_iter().all(is_parked));
        if reopened {
            soon("close", engine.close()).await.unwrap();
            engine = open(&image).await;
        }
        assert!(is_parked(soon("asked again", engine.submit::<Command>(request())).await));
        soon("nothing is in flight", engine.cut()).await.unwrap();
        engine.unpark(&sku_id("b"), operator()).await.unwrap();
        engine.unpark(&EntityId::Order(order("o")), operator()).await.unwrap();
        let done = soon("the end", engine.cancel(cancel_again())).await.unwrap();
        assert_eq!(done, answer("o", State::Cancelled, [0, 3_000, 3_000], 7));
        assert_sound(&engine).await;
        let live = engine.cut().await.unwrap().hash;
        soon("close", engine.close()).await.unwrap();
        assert_eq!(open(&image).await.cut().await.unwrap().hash, live);
    }
}

fn cancel_again() -> Request<CancelOrder> {
    Request::from(cancellation("o", &[])).with_key(business(), key("k"))
}

#[tokio::test(start_paused = true)]
async fn a_parked_sku_does_not_burn_the_key_of_a_command_to_it() {
    let (_, engine) = with_b_parked(false).await;
    let receive = || {
        let command = SkuCommand::receive(1, "r");
        Request::from(command).with_key(business(), key("k"))
    };
    assert!(is_parked(engine.stock(&sku("b"), receive()).await));
    engine.unpark(&sku_id("b"), operator()).await.unwrap();
    assert_eq!(engine.stock(&sku("b"), receive()).await.unwrap().available, 5);
    assert_eq!(engine.stock(&sku("b"), receive()).await.unwrap().available, 5);
    assert_sound(&engine).await;
}
