//! Recorded histories are explained, and crafted ones that must not be are found.

use earmark::State;

use super::call::{Call, Event, OrderCall, Outcome, StockCall};
use super::{Kind, Shape, check, round};

fn recorded(kind: Kind, seed: u64) -> Vec<Event> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(3).enable_time().build().unwrap();
    let shape = Shape { kind, clients: 4, calls: 8, crashes: 2 };
    let round = runtime.block_on(round::run(seed, shape)).unwrap();
    assert_eq!(round.violations, Vec::<String>::new(), "seed {seed}");
    round.events
}

#[test]
fn recorded_histories_of_carts_and_orders_can_be_explained() {
    for seed in 0..10 {
        for kind in [Kind::Carts, Kind::Orders] {
            let events = recorded(kind, seed);
            let unanswered = events.iter().filter(|event| event.outcome.is_none()).count();
            assert!(
                unanswered <= 2 * 4,
                "each client has one call under way when the power goes: {unanswered}"
            );
            let verdict = check::check(&events, None).unwrap();
            let all = serde_json::to_string(&events).unwrap();
            assert!(verdict.wrong.is_empty() && verdict.undecided.is_empty(), "{verdict:?}: {all}");
        }
    }
}

fn at(called: i64, call: Call, outcome: Option<Outcome>) -> Event {
    Event { client: 0, called, returned: called + 1, call, key: None, outcome }
}

fn stock(call: StockCall) -> Call {
    Call::Stock { sku: 0, call }
}

fn answer(available: u64, held: u64, version: u64) -> Option<Outcome> {
    Some(Outcome::Stock { available, held, version })
}

fn is_wrong(events: &[Event]) -> bool {
    !check::check(events, None).unwrap().wrong.is_empty()
}

/// Two units come in, and a cart takes both.
fn sold_out() -> Vec<Event> {
    vec![
        at(0, stock(StockCall::Receive(2)), answer(2, 0, 1)),
        at(2, stock(StockCall::Reserve { cart: 0, quantity: 2 }), answer(0, 2, 2)),
    ]
}

#[test]
fn a_unit_that_is_sold_twice_is_found() {
    let mut events = sold_out();
    assert!(!is_wrong(&events));
    events.push(at(4, stock(StockCall::Reserve { cart: 1, quantity: 1 }), answer(0, 1, 3)));
    assert!(is_wrong(&events));
}

#[test]
fn an_answer_that_a_crash_took_back_is_found() {
    let mut events = sold_out();
    let seen = Outcome::Stocked { counters: [2, 0, 0, 0], version: 1 };
    events.push(at(4, stock(StockCall::View), Some(seen)));
    assert!(is_wrong(&events));
    // Had the crash come before the answer, it would be right.
    events[1].outcome = None;
    assert!(!is_wrong(&events));
}

#[test]
fn a_call_that_takes_effect_after_the_crash_is_found() {
    let mut events = sold_out();
    events[1].outcome = None;
    events.push(at(4, stock(StockCall::View), Some(Outcome::Stocked { counters: [2, 0, 0, 0], version: 1 })));
    assert!(!is_wrong(&events));
    events.push(at(6, stock(StockCall::View), Some(Outcome::Stocked { counters: [0, 2, 0, 0], version: 2 })));
    assert!(is_wrong(&events));
}

#[test]
fn a_key_that_is_executed_twice_is_found() {
    let mut events = sold_out();
    events[0].key = Some(1);
    let mut again = events[0].clone();
    (again.called, again.returned) = (4, 5);
    events.push(again);
    assert!(!is_wrong(&events));
    events[2].outcome = answer(2, 0, 3);
    assert!(is_wrong(&events));
}

#[test]
fn a_refusal_for_stock_that_was_there_is_found() {
    let short = Outcome::Refused { code: "INSUFFICIENT_STOCK".into(), sku: Some(0), available: Some(1) };
    let place = Call::Order { order: 0, call: OrderCall::Place(vec![(0, 1)]) };
    let mut events = sold_out();
    events.push(at(4, place.clone(), Some(short.clone())));
    assert!(!is_wrong(&events));
    let early = vec![events[0].clone(), at(2, place, Some(short))];
    assert!(is_wrong(&early));
}

#[test]
fn an_order_that_is_shipped_unpaid_is_found() {
    let order = |call| Call::Order { order: 0, call };
    let events = vec![
        at(0, stock(StockCall::Receive(2)), answer(2, 0, 1)),
        at(2, order(OrderCall::Place(vec![(0, 1)])), Some(Outcome::Order(State::Reserved))),
        at(4, order(OrderCall::Ship), Some(Outcome::Order(State::Shipped))),
    ];
    assert!(is_wrong(&events));
}
