//! Single units are called off wherever some are still in the house.

use earmark::{Config, Engine, Lifecycle, OrderType, ProgressStep, Settlement, State, Terms, TermsByType};

use crate::common::*;

/// Brings an order of two lines, three units each, to a state.
async fn order_in(engine: &Engine, id: &str, order_type: OrderType, state: State) {
    let lines = [("a", 3), ("b", 3)];
    let placed = placement(id, &lines).of_type(order_type);
    engine.place(placed).await.unwrap();
    let order = engine.order(&order(id));
    if matches!(state, State::Reserved | State::Accepted) {
        return;
    }
    engine.pay(payment(id, 6_000)).await.unwrap();
    for step in [ProgressStep::Pick, ProgressStep::Pack] {
        if look(engine, id).await.state != state {
            order.progress(step).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_single_unit_is_called_off_in_every_state_with_units_in_the_house() {
    let at_payment = Terms { deduction: Some(earmark::Deduction::AtPayment), ..Terms::physical() };
    let mut tried = 0;
    for order_type in [OrderType::Simple, OrderType::Physical] {
        let lifecycle = Lifecycle::of(order_type.lifecycle()).unwrap();
        for state in [State::Reserved, State::Accepted, State::Paid, State::Picking, State::Packed] {
            let late = state == State::Accepted;
            if !lifecycle.states().contains(&state) || (late && order_type == OrderType::Simple) {
                continue;
            }
            let terms = if late { at_payment } else { Terms::physical() };
            let terms = TermsByType { physical: terms, ..TermsByType::default() };
            let config = Config { terms, ..Config::in_memory() };
            let engine = Engine::open(config).await.unwrap();
            receive(&engine, "a", 3).await;
            receive(&engine, "b", 3).await;
            order_in(&engine, "o", order_type, state).await;
            let order = engine.order(&order("o"));
            let before = look(&engine, "o").await;
            assert_eq!(before.state, state, "{order_type}");
            for left in [5, 4, 3, 2, 1] {
                let line = if left % 2 == 0 { 1 } else { 2 };
                let cancelled = order.cancel(&parts(&[(line, 1)]), "one less").await.unwrap();
                let back = if before.paid > 0 { 6_000 - left * 1_000 } else { 0 };
                assert_eq!(
                    (cancelled.state, cancelled.due, cancelled.refund_due),
                    (state, left * 1_000, back),
                    "{order_type} {state}"
                );
                assert_sound(&engine).await;
            }
            let last = order.cancel(&parts(&[(1, 1)]), "the last one").await.unwrap();
            assert_eq!((last.state, last.due), (State::Cancelled, 0), "{order_type} {state}");
            assert_eq!((stock(&engine, "a").await, stock(&engine, "b").await), ([3, 0, 0, 0], [3, 0, 0, 0]));
            tried += 1;
        }
    }
    assert_eq!(tried, 7);
}

#[tokio::test]
async fn single_units_are_called_off_between_shipments_and_the_last_of_them_ends_the_wait() {
    for order_type in [OrderType::Simple, OrderType::Physical] {
        let engine = Engine::open(Config::in_memory()).await.unwrap();
        receive(&engine, "a", 3).await;
        receive(&engine, "b", 3).await;
        let state = if order_type == OrderType::Simple { State::Paid } else { State::Packed };
        order_in(&engine, "o", order_type, state).await;
        let order = engine.order(&order("o"));
        order.ship(&parts(&[(1, 2)])).await.unwrap();
        assert_eq!(order.cancel(&parts(&[(2, 2)]), "r").await.unwrap().state, state);
        order.deliver(&parts(&[(1, 1)])).await.unwrap();
        assert_eq!(order.cancel(&parts(&[(1, 1)]), "r").await.unwrap().state, state);
        order.deliver(&parts(&[(1, 1)])).await.unwrap();
        let last = order.cancel(&parts(&[(2, 1)]), "r").await.unwrap();
        let arrived = if order_type == OrderType::Simple { State::Fulfilled } else { State::Delivered };
        assert_eq!((last.state, last.due, last.refund_due), (arrived, 2_000, 4_000));
        assert_sound(&engine).await;
    }
}

#[tokio::test]
async fn a_unit_of_a_partly_paid_order_is_called_off_and_what_was_paid_settles_the_rest() {
    let engine = Engine::open(Config::in_memory()).await.unwrap();
    receive(&engine, "a", 3).await;
    engine.place(placement("o", &[("a", 3)])).await.unwrap();
    let part = earmark::PayOrder { settlement: Settlement::WhenCovered, ..payment("o", 2_000) };
    assert_eq!(engine.pay(part).await.unwrap().state, State::Reserved);
    let rest = engine.order(&order("o")).cancel(&parts(&[(1, 1)]), "r").await.unwrap();
    assert_eq!((rest.state, rest.due, rest.refund_due), (State::Paid, 2_000, 0));
    assert_eq!(stock(&engine, "a").await, [1, 0, 2, 0]);
}
