//! Carts before an engine: they hold, lapse, and become orders.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{assert_sound, cart, folder, look, open, placement, receive, refusal, reserve, sku, stock};
use earmark::domain::inventory::{HoldOwner, ReleaseCause, StockEvent};
use earmark::port::fs_sim::SimFs;
use earmark::{
    Config, Engine, Error, LimitWindow, PurchaseLimits, Record, Refusal, ReserveStock, SkuCommand, State,
    StockPolicy, Timestamp,
};

fn until(name: &str, quantity: u64, millis: u64) -> ReserveStock {
    ReserveStock::new(cart(name), quantity).until(Timestamp::from_millis(millis))
}

#[tokio::test]
async fn an_order_of_a_cart_gets_the_last_units_that_the_cart_holds() {
    let folder = folder();
    let engine = open(&folder).await;
    receive(&engine, "a", 3).await;
    receive(&engine, "b", 5).await;
    engine.stock(&sku("a"), reserve("c", 3)).await.unwrap();
    engine.stock(&sku("b"), reserve("c", 4)).await.unwrap();
    let stranger = engine.place(placement("stranger", &[("a", 1)])).await;
    assert_eq!(refusal(stranger).code(), "INSUFFICIENT_STOCK");
    let answer = engine.place(placement("o", &[("a", 3), ("b", 1)]).from_cart(cart("c"))).await.unwrap();
    assert_eq!(answer.state, State::Reserved);
    assert_eq!((stock(&engine, "a").await, stock(&engine, "b").await), ([0, 3, 0, 0], [4, 1, 0, 0]));
    assert_eq!(look(&engine, "o").await.cart, Some(cart("c")));
    assert_sound(&engine).await;
    let live = engine.cut().await.unwrap().hash;
    engine.close().await.unwrap();
    assert_eq!(open(&folder).await.cut().await.unwrap().hash, live);
}

/// A cart with three of "a", whose order fails for want of "b".
async fn refused_order_of_a_cart(engine: &Engine) -> Result<(), Error> {
    for (name, quantity) in [("a", 3), ("b", 1)] {
        let receive = SkuCommand::receive(quantity, "opening stock");
        engine.stock(&sku(name), receive).await?;
    }
    engine.stock(&sku("a"), until("c", 3, u64::MAX)).await?;
    let order = placement("o", &[("a", 2), ("b", 2)]).from_cart(cart("c"));
    engine.place(order).await.map(|_| ())
}

#[tokio::test]
async fn a_refused_placement_leaves_the_cart_as_it_was() {
    let engine = Engine::open(Config::in_memory()).await.unwrap();
    assert_eq!(refusal(refused_order_of_a_cart(&engine).await).code(), "INSUFFICIENT_STOCK");
    let page = engine.sku(&sku("a")).holders(None, 9).await.unwrap();
    let [holder] = page.items.as_slice() else { panic!("{page:?}") };
    assert_eq!(holder.owner, HoldOwner::Cart(cart("c")));
    assert_eq!((holder.hold.reserved, holder.hold.deadline), (3, Some(Timestamp::from_millis(u64::MAX))));
    engine.place(placement("p", &[("a", 3), ("b", 1)]).from_cart(cart("c"))).await.unwrap();
    assert_eq!(stock(&engine, "a").await, [0, 3, 0, 0]);
    assert_sound(&engine).await;
}

#[tokio::test]
async fn a_crash_within_a_refused_placement_leaves_the_cart_as_it_was() {
    let fs = SimFs::new();
    let engine = common::sim::open(&fs).await;
    assert_eq!(refusal(refused_order_of_a_cart(&engine).await).code(), "INSUFFICIENT_STOCK");
    engine.close().await.unwrap();
    let records = common::journal::read(&fs);
    // Received twice, reserved for the cart; then placed, taken over, given back, refused.
    assert_eq!(records.len(), 7);
    for cut in 3..=records.len() {
        let fs = common::journal::write(records.get(..cut).unwrap());
        let engine = common::sim::open(&fs).await;
        assert_eq!(stock(&engine, "a").await, [0, 3, 0, 0], "after {cut} records");
        let page = engine.sku(&sku("a")).holders(None, 9).await.unwrap();
        assert_eq!(
            page.items.iter().map(|h| h.owner.clone()).collect::<Vec<_>>(),
            [HoldOwner::Cart(cart("c"))]
        );
        let live = engine.cut().await.unwrap();
        assert_eq!(live.violations, Vec::<String>::new(), "after {cut} records");
        engine.close().await.unwrap();
        assert_eq!(common::sim::open(&fs).await.cut().await.unwrap().hash, live.hash);
    }
}

#[tokio::test]
async fn a_cart_expires_once_and_only_when_its_time_has_come() {
    let folder = folder();
    let engine = open(&folder).await;
    receive(&engine, "a", 3).await;
    engine.stock(&sku("a"), until("late", 1, u64::MAX)).await.unwrap();
    engine.stock(&sku("a"), until("past", 2, 1)).await.unwrap();
    for name in ["late", "past", "past", "nobody"] {
        engine.expire(&sku("a"), cart(name)).await.unwrap();
    }
    engine.expire(&sku("never"), cart("past")).await.unwrap();
    assert_eq!(stock(&engine, "a").await, [2, 1, 0, 0]);
    let extend = SkuCommand::Extend { cart: cart("past"), deadline: Timestamp::from_millis(u64::MAX) };
    let unknown = Refusal::UnknownHold { sku: sku("a") };
    assert_eq!(refusal(engine.stock(&sku("a"), extend).await), unknown);
    let mut causes = Vec::new();
    let mut subscription = engine.subscribe(engine.start()).unwrap();
    let end = engine.sku(&sku("a")).view().await.unwrap().unwrap().version;
    while let Some(published) = subscription.next().await.unwrap() {
        let Record::Sku(record) = published.record else { continue };
        causes.extend(record.events.iter().filter_map(|event| match event {
            StockEvent::Released { cause, reserved, .. } => Some((*cause, *reserved)),
            _ => None,
        }));
        if record.version == end {
            break;
        }
    }
    assert_eq!(causes, [(ReleaseCause::Expired, 2)]);
    engine.close().await.unwrap();
    assert_eq!(stock(&open(&folder).await, "a").await, [2, 1, 0, 0]);
}

async fn set_policy(engine: &Engine, name: &str, policy: StockPolicy) {
    engine.stock(&sku(name), SkuCommand::SetPolicy(Box::new(policy))).await.unwrap();
}

#[tokio::test]
async fn what_a_buyer_has_taken_still_counts_after_a_restart() {
    let folder = folder();
    let engine = open(&folder).await;
    receive(&engine, "a", 9).await;
    let purchase_limits = PurchaseLimits { total: Some(3), ..PurchaseLimits::default() };
    set_policy(&engine, "a", StockPolicy { purchase_limits, ..StockPolicy::default() }).await;
    let of_alice = |id, n| placement(id, &[("a", n)]).by_customer("alice".parse().unwrap());
    engine.place(of_alice("o", 2)).await.unwrap();
    assert_sound(&engine).await;
    let live = engine.cut().await.unwrap().hash;
    engine.close().await.unwrap();
    let engine = open(&folder).await;
    assert_eq!(engine.cut().await.unwrap().hash, live);
    let (window, limit, used, requested) = (LimitWindow::Total, 3, 2, 2);
    let beyond = Refusal::PurchaseLimitExceeded { sku: sku("a"), window, limit, used, requested };
    assert_eq!(refusal(engine.place(of_alice("p", 2)).await), beyond);
    engine.cancel(earmark::CancelOrder::all(common::order("o"), "r")).await.unwrap();
    engine.place(of_alice("q", 3)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_budget_is_not_refused_because_of_a_hold_that_is_about_to_be_given_back() {
    let engine = Engine::open(Config::in_memory()).await.unwrap();
    for round in 0..300 {
        let (a, b) = (format!("a-{round}"), format!("b-{round}"));
        receive(&engine, &a, 5).await;
        receive(&engine, &b, 0).await;
        let hold_budget_per_buyer = Some(1);
        set_policy(&engine, &a, StockPolicy { hold_budget_per_buyer, ..StockPolicy::default() }).await;
        let [doomed, good] =
            [("doomed", vec![(&*a, 1), (&*b, 1)]), ("good", vec![(&*a, 1)])].map(|(id, lines)| {
                let order = placement(&format!("{id}-{round}"), &lines).by_customer("alice".parse().unwrap());
                let engine = engine.clone();
                tokio::spawn(async move { engine.place(order).await })
            });
        assert!(doomed.await.unwrap().is_err());
        good.await.unwrap().unwrap();
    }
    assert_sound(&engine).await;
}
