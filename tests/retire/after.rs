//! What is left of a retired order, and what is told of it.

use earmark::port::fs_sim::SimFs;
use earmark::{
    Command, Config, DeliverOrder, Engine, OrderFilter, OrderQuery, Refusal, Request, RetireOrder, State,
    Timestamp,
};

use super::*;

#[tokio::test(start_paused = true)]
async fn an_order_is_retired_by_hand_once_it_is_closed_and_what_is_due_was_paid_back() {
    let (fs, clock) = (SimFs::new(), clock());
    let engine = open(&fs, &clock, None).await;
    receive(&engine, "a", 9).await;
    let handle = engine.order(&order("o"));
    assert_eq!(refusal(handle.retire().await), Refusal::UnknownOrder);
    engine.place(placement("o", &[("a", 1)])).await.unwrap();
    let not_closed = |state, refund_due| Refusal::OrderNotClosed { state, refund_due };
    assert_eq!(refusal(handle.retire().await), not_closed(State::Reserved, 0));
    assert_eq!(refusal(handle.retire_refunded().await), not_closed(State::Reserved, 0));
    engine.pay(payment("o", 1_000)).await.unwrap();
    engine.cancel(cancellation("o", &[])).await.unwrap();
    assert_eq!(refusal(handle.retire().await), not_closed(State::Cancelled, 1_000));
    let before = look(&engine, "o").await;
    let answer = handle.retire_refunded().await.unwrap();
    assert_eq!(answer, earmark::OrderAnswer { version: before.version + 1, ..before.answer() });
    assert_eq!(refusal(handle.retire_refunded().await), retired(START));
    assert_eq!(engine.cut().await.unwrap().retired[0].version, answer.version);
}

#[tokio::test(start_paused = true)]
async fn every_command_to_a_retired_order_is_refused_and_its_id_stays_taken() {
    let (fs, clock) = (SimFs::new(), clock());
    let engine = open(&fs, &clock, None).await;
    receive(&engine, "a", 9).await;
    cancelled(&engine, "o").await;
    engine.order(&order("o")).retire().await.unwrap();
    let commands = |id: &str| -> Vec<Command> {
        vec![
            placement(id, &[("a", 1)]).into(),
            payment(id, 1).into(),
            shipment(id, &[]).into(),
            DeliverOrder::all(order(id)).into(),
            cancellation(id, &[]).into(),
            RetireOrder { order: order(id), refunded: true }.into(),
        ]
    };
    for opened_again in [false, true] {
        let engine = if opened_again { open(&fs.kill(), &clock, None).await } else { engine.clone() };
        for command in commands("o") {
            let refused = refusal(engine.submit::<Command>(Request::from(command)).await);
            assert_eq!(refused, retired(START));
            assert!(refused.to_string().contains("timeline"), "{refused}");
        }
        let entity = earmark::EntityId::Order(order("o"));
        assert_eq!(refusal(engine.unpark(&entity, "me".parse().unwrap()).await), retired(START));
        assert_eq!(stock(&engine, "a").await, [9, 0, 0, 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_key_of_a_retired_order_is_answered_as_at_first_until_it_is_forgotten() {
    let (fs, clock) = (SimFs::new(), clock());
    let engine = open(&fs, &clock, None).await;
    receive(&engine, "a", 9).await;
    let place = || Request::from(placement("o", &[("a", 1)])).with_key(business(), key("k"));
    let first = engine.place(place()).await.unwrap();
    engine.cancel(cancellation("o", &[])).await.unwrap();
    let retire = || Request::from(RetireOrder { order: order("o"), refunded: false });
    let retire = || retire().with_key(business(), key("k-2"));
    let last = engine.submit::<RetireOrder>(retire()).await.unwrap();
    let other = Request::from(placement("other", &[("a", 1)])).with_key(business(), key("k"));
    for opened_again in [false, true] {
        let engine = if opened_again { open(&fs.kill(), &clock, None).await } else { engine.clone() };
        assert_eq!(engine.place(place()).await.unwrap(), first);
        assert_eq!(engine.submit::<RetireOrder>(retire()).await.unwrap(), last);
        assert_eq!(engine.place(other.clone()).await.unwrap_err().code(), "KEY_REUSED");
    }
    engine.forget_keys(Timestamp::from_millis(START + 1)).await.unwrap();
    assert_eq!(refusal(engine.place(place()).await), retired(START));
    // And that is now the key's answer.
    assert_eq!(refusal(engine.place(place()).await), retired(START));
    assert_eq!(stock(&engine, "a").await, [9, 0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn lists_and_counts_forget_a_retired_order_and_cursors_go_on() {
    let (fs, clock) = (SimFs::new(), clock());
    let engine = open(&fs, &clock, None).await;
    receive(&engine, "a", 900).await;
    for n in 0..300 {
        let place = placement(&format!("o-{n}"), &[("a", 1)]).by_customer("ada".parse().unwrap());
        engine.place(place).await.unwrap();
        engine.cancel(cancellation(&format!("o-{n}"), &[])).await.unwrap();
    }
    let filters = [
        OrderFilter::All,
        State::Cancelled.into(),
        business().into(),
        OrderFilter::Customer("ada".parse().unwrap()),
    ];
    let names = |page: &earmark::Page<earmark::OrderSummary, _>| {
        page.items.iter().map(|item| item.order.to_string()).collect::<Vec<_>>()
    };
    let all = OrderQuery::all();
    let page = engine.orders(&all, None, 2).await.unwrap();
    assert_eq!(names(&page), ["o-299", "o-298"]);
    for n in (10..298).chain([299]) {
        engine.order(&order(&format!("o-{n}"))).retire().await.unwrap();
    }
    for opened_again in [false, true] {
        let engine = if opened_again { open(&fs.kill(), &clock, None).await } else { engine.clone() };
        let next = engine.orders(&all, page.next, 3).await.unwrap();
        assert_eq!(names(&next), ["o-9", "o-8", "o-7"]);
        for filter in &filters {
            let listed = engine.orders(&OrderQuery::of(filter.clone()), None, 20).await.unwrap();
            let left = ["o-298", "o-9", "o-8", "o-7", "o-6", "o-5", "o-4", "o-3", "o-2", "o-1", "o-0"];
            assert_eq!((names(&listed), listed.next), (left.map(str::to_owned).to_vec(), None), "{filter:?}");
        }
        assert_eq!(engine.order_counts().await.unwrap().total(), 11);
        assert_eq!(engine.order_counts_of(&business()).await.unwrap().in_state(State::Cancelled), 11);
    }
    for n in (0..10).chain([298]) {
        engine.order(&order(&format!("o-{n}"))).retire().await.unwrap();
    }
    assert_eq!(engine.businesses(None, 9).await.unwrap().items, []);
    assert_eq!(open(&fs.kill(), &clock, None).await.businesses(None, 9).await.unwrap().items, []);
}

#[tokio::test(start_paused = true)]
async fn the_timeline_of_a_retired_order_is_read_from_the_journal() {
    let (fs, clock) = (SimFs::new(), clock());
    let engine = open(&fs, &clock, None).await;
    receive(&engine, "a", 9).await;
    cancelled(&engine, "o").await;
    let handle = engine.order(&order("o"));
    let before = handle.timeline().await.unwrap();
    handle.clone().by("clerk".parse().unwrap()).retire().await.unwrap();
    engine.snapshot().await.unwrap();
    for opened_again in [false, true] {
        let engine = if opened_again { open(&fs.kill(), &clock, None).await } else { engine.clone() };
        assert_eq!(engine.recovery().loaded.is_some(), opened_again);
        let told = engine.order(&order("o")).timeline().await.unwrap();
        assert_eq!((told.retired_at, told.gap()), (Some(Timestamp::from_millis(START)), None));
        let (last, rest) = told.entries.split_last().unwrap();
        assert_eq!(rest, before.entries);
        assert!(last.to_string().contains("Retired: it left memory, and its id stays taken. (by clerk)"));
        let explained = engine.explain(&order("o")).await.unwrap();
        assert_eq!(
            (explained.state, explained.retired_at, &explained.last),
            (None, told.retired_at, &Some(last.clone()))
        );
        assert!(explained.to_string().starts_with("Order o was retired at 1970-"), "{explained}");
    }
}

#[tokio::test(start_paused = true)]
async fn where_retention_has_dropped_the_history_the_first_record_is_named() {
    let (fs, clock) = (SimFs::new(), clock());
    let config = Config { retention: earmark::Retention::ToOlderSnapshot, ..setting(&fs, &clock, None) };
    let engine = Engine::open(config).await.unwrap();
    receive(&engine, "a", 9_000).await;
    cancelled(&engine, "o").await;
    engine.order(&order("o")).retire().await.unwrap();
    for part in 0..3 {
        for n in 0..150 {
            engine.place(placement(&format!("o-{part}-{n}"), &[("a", 1)])).await.unwrap();
        }
        engine.snapshot().await.unwrap();
    }
    let first = engine.start().sequence;
    let told = engine.order(&order("o")).timeline().await.unwrap();
    assert!(first > 1 && told.entries.is_empty(), "{first}");
    let gap = told.gap().unwrap();
    let words = format!("begins with record {first}, the first that can be asked for");
    assert!(gap.contains(&words) && gap.contains("It was retired at"), "{gap}");
    assert_eq!(refusal(engine.order(&order("o")).view().await), retired(START));
}

#[tokio::test(start_paused = true)]
async fn an_order_that_is_not_at_its_end_cannot_be_retired_by_a_record() {
    use common::journal::{happened, placed, received};
    use earmark::domain::order::OrderEvent;
    let records = [
        received(&sku("a"), 1),
        happened(&order("o"), 2, vec![placed(&placement("o", &[("a", 1)])), OrderEvent::Retired]),
        happened(&order("p"), 1, vec![placed(&placement("p", &[("a", 1)]))]),
        happened(&order("p"), 2, vec![OrderEvent::Retired]),
    ];
    let engine = open(&common::journal::write(&records), &clock(), None).await;
    let parked = look(&engine, "p").await.parked.unwrap();
    assert!(parked.contains("retired while it is CREATED"), "{parked}");
    assert_eq!(engine.order(&order("o")).view().await.unwrap(), None);
}
