//! Lists and counts of orders, live and after opening again.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeMap;

use common::*;
use earmark::{
    BusinessCounts, Config, CustomerId, DeliverOrder, Engine, Error, Order, OrderCounts, OrderFilter,
    OrderQuery, OrderSummary, PlaceOrder, ShipOrder, State, Timestamp,
};

/// Every page of a list.
async fn all(engine: &Engine, query: &OrderQuery, limit: usize) -> Vec<OrderSummary> {
    let (mut orders, mut next) = (Vec::new(), None);
    loop {
        let page = engine.orders(query, next, limit).await.unwrap();
        assert!(page.items.len() <= limit);
        orders.extend(page.items);
        next = page.next;
        if next.is_none() {
            return orders;
        }
    }
}

fn summary(order: &Order) -> OrderSummary {
    OrderSummary {
        order: order.id.clone(),
        placed_at: order.placed_at,
        business: order.business.clone(),
        customer: order.customer.clone(),
        lifecycle: order.lifecycle,
        state: order.state,
    }
}

fn customer(number: u64) -> CustomerId {
    format!("customer-{number}-with-a-name-that-is-not-inline").parse().unwrap()
}

fn shop_order(number: u64) -> PlaceOrder {
    let mut place = placement(&format!("o-{number}"), &[("a", 1 + (number % 3) as u32), ("b", 1)]);
    place.business = format!("shop-{}", number % 4).parse().unwrap();
    if number.is_multiple_of(5) { place } else { place.by_customer(customer(number % 7)) }
}

/// Places orders side by side and takes each as far as its number says.
async fn trade(engine: &Engine, count: u64) {
    receive(engine, "a", count).await;
    receive(engine, "b", count * 2).await;
    let tasks: Vec<_> = (0..count)
        .map(|number| {
            let engine = engine.clone();
            tokio::spawn(async move {
                let id = format!("o-{number}");
                let Ok(placed) = engine.place(shop_order(number)).await else { return };
                if number % 6 > 1 {
                    engine.pay(payment(&id, placed.due)).await.unwrap();
                }
                if number % 6 > 2 {
                    engine.ship(ShipOrder::all(order(&id))).await.unwrap();
                }
                if number % 6 > 3 {
                    engine.deliver(DeliverOrder::all(order(&id))).await.unwrap();
                }
                if number % 6 == 1 {
                    engine.cancel(cancellation(&id, &[])).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// Everything that lists and counts can show.
async fn everything(engine: &Engine) -> (Vec<Vec<OrderSummary>>, Vec<OrderCounts>, Vec<BusinessCounts>) {
    let states =
        [State::Created, State::Reserved, State::Paid, State::Shipped, State::Fulfilled, State::Cancelled];
    let mut filters = vec![OrderFilter::All];
    filters.extend(states.map(OrderFilter::State));
    filters.extend((0..8).map(|n| OrderFilter::Customer(customer(n))));
    filters.extend((0..5).map(|n| OrderFilter::Business(format!("shop-{n}").parse().unwrap())));
    let mut lists = Vec::new();
    for filter in filters {
        lists.push(all(engine, &OrderQuery::of(filter), 7).await);
    }
    let mut counts = vec![engine.order_counts().await.unwrap()];
    for number in 0..5 {
        counts.push(engine.order_counts_of(&format!("shop-{number}").parse().unwrap()).await.unwrap());
    }
    (lists, counts, engine.businesses(None, 100).await.unwrap().items)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_and_counts_agree_with_the_orders_live_and_recovered() {
    let folder = folder();
    let engine = open(&folder).await;
    trade(&engine, 300).await;
    let live = everything(&engine).await;
    let cut = engine.cut().await.unwrap();
    assert_eq!(live.0[0].len(), cut.orders.len());
    let mut listed = live.0[0].clone();
    listed.sort_by(|a, b| a.order.cmp(&b.order));
    assert_eq!(listed, cut.orders.iter().map(summary).collect::<Vec<_>>());
    let mut by_state: BTreeMap<State, u64> = BTreeMap::new();
    cut.orders.iter().for_each(|order| *by_state.entry(order.state).or_default() += 1);
    assert_eq!(live.1[0].iter().collect::<BTreeMap<_, _>>(), by_state);
    assert!(by_state.len() >= 4 && live.1[0].total() == 300, "{by_state:?}");
    for (filter, list) in live.0[1..7].iter().enumerate() {
        assert!(list.iter().all(|order| order.state as usize == filter), "{list:?}");
    }

    engine.close().await.unwrap();
    let engine = open(&folder).await;
    assert_eq!(everything(&engine).await, live);
    assert_eq!(engine.cut().await.unwrap().hash, cut.hash);
    // What rests was numbered again at recovery, and goes on from there.
    let open_order = all(&engine, &OrderQuery::of(State::Reserved), 10).await.pop().unwrap();
    engine.order(&open_order.order).cancel(&[], "after all").await.unwrap();
    let moved = all(&engine, &OrderQuery::of(State::Cancelled), 10).await;
    assert!(moved.contains(&OrderSummary { state: State::Cancelled, ..open_order }));
}

#[tokio::test]
async fn whoever_has_its_answer_finds_the_order_in_the_lists() {
    let engine = Engine::open(Config::in_memory()).await.unwrap();
    receive(&engine, "a", 100).await;
    for number in 0..20 {
        let id = format!("o-{number}");
        engine.place(placement(&id, &[("a", 1)])).await.unwrap();
        let newest = engine.orders(&OrderQuery::of(State::Reserved), None, 1).await.unwrap();
        assert_eq!(newest.items[0].order, order(&id));
        assert_eq!(engine.order_counts().await.unwrap().in_state(State::Reserved), number + 1);
    }
    assert!(engine.place(placement("late", &[("a", 100)])).await.is_err());
    let refused = engine.orders(&OrderQuery::of(State::Cancelled), None, 10).await.unwrap();
    assert_eq!((refused.items.len(), refused.next), (1, None));
}

#[tokio::test]
async fn pages_do_not_shift_when_orders_come_in_between() {
    let engine = Engine::open(Config::in_memory()).await.unwrap();
    receive(&engine, "a", 100).await;
    for number in 0..10 {
        engine.place(placement(&format!("o-{number}"), &[("a", 1)])).await.unwrap();
    }
    let query = OrderQuery::of(business());
    let first = engine.orders(&query, None, 4).await.unwrap();
    engine.place(placement("between", &[("a", 1)])).await.unwrap();
    let second = engine.orders(&query, first.next, 4).await.unwrap();
    let ids: Vec<_> = first.items.iter().chain(&second.items).map(|o| o.order.to_string()).collect();
    assert_eq!(ids, ["o-9", "o-8", "o-7", "o-6", "o-5", "o-4", "o-3", "o-2"]);
    let cursor = serde_json::to_string(&second.next).unwrap();
    let third = engine.orders(&query, serde_json::from_str(&cursor).unwrap(), 4).await.unwrap();
    assert_eq!((third.items.len(), third.next), (2, None));
}

#[tokio::test]
async fn a_list_is_cut_to_a_window_of_time() {
    let folder = folder();
    let clock = std::sync::Arc::new(earmark::port::ManualClock::new(Timestamp::from_millis(1_000)));
    let engine = Engine::open(Config { clock: clock.clone(), ..config(&folder) }).await.unwrap();
    receive(&engine, "a", 100).await;
    for number in 0..10 {
        engine.place(placement(&format!("o-{number}"), &[("a", 1)])).await.unwrap();
        clock.advance(10);
    }
    let at = |millis| Timestamp::from_millis(millis);
    for (query, expected) in [
        (OrderQuery::all().placed_from(at(1_070)), vec!["o-9", "o-8", "o-7"]),
        (OrderQuery::of(State::Reserved).placed_before(at(1_020)), vec!["o-1", "o-0"]),
        (OrderQuery::of(business()).placed_from(at(1_015)).placed_before(at(1_035)), vec!["o-3", "o-2"]),
        (OrderQuery::all().placed_from(at(1_035)).placed_before(at(1_015)), vec![]),
        (OrderQuery::of(customer(1)), vec![]),
    ] {
        let found: Vec<_> = all(&engine, &query, 2).await.into_iter().map(|o| o.order.to_string()).collect();
        assert_eq!(found, expected, "{query:?}");
    }
    let other = engine.clone();
    engine.close().await.unwrap();
    assert_eq!(other.order_counts().await, Err(Error::Closed));
}
