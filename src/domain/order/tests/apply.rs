//! Apply takes what follows, and leaves alone what does not.

use smallvec::smallvec;

use super::*;

fn record(version: u64, events: Events) -> OrderRecord {
    OrderRecord { order: id(), version, at: Timestamp::ZERO, by: None, events, mark: None }
}

fn check(life: &Life, record: &OrderRecord, expected: &str) {
    let mut state = life.order.clone();
    let broken = Order::apply(&mut state, record).unwrap_err();
    assert_eq!(broken.to_string(), expected);
    assert_eq!(state, life.order, "a record that does not fit changed the order");
}

#[test]
fn a_record_that_does_not_follow_is_refused_and_changes_nothing() {
    let life = Life::after(&[]);
    let delivered = |quantity| OrderEvent::Delivered { lines: parts(&[(1, quantity)]) };
    let paid = life.journal[0].clone();
    check(&life, &paid, "placed twice");
    check(
        &Life::default(),
        &record(1, smallvec![OrderEvent::Reserved]),
        "an event of an order that was never placed",
    );
    check(&Life::default(), &record(0, smallvec![]), "the record has no event");
    let settled = smallvec![OrderEvent::SettlementStarted, OrderEvent::Settled];
    check(&life, &record(5, settled), "version 4 follows on the events, the record says 5");
    check(&life, &record(3, smallvec![OrderEvent::Settled]), "the end of a settlement that never began");
    check(&life, &record(3, smallvec![delivered(1)]), "an order that is RESERVED cannot be delivered");
    let paid = Life::after(&[pay(151)]);
    let text = "line 1: its counters contradict each other: LineCounters { ordered: 2, reserved: 0, committed: 2, backordered: 0, shipped: 0, delivered: 1, cancelled: 0, returned: 0 }";
    check(&paid, &record(6, smallvec![delivered(1)]), text);
    let twice = smallvec![OrderEvent::SettlementStarted, OrderEvent::SettlementStarted];
    check(&life, &record(4, twice), "a saga begins while another is under way");
}

#[test]
fn an_order_that_owes_more_than_was_paid_is_broken() {
    let life = Life::after(&[pay(51)]);
    let cancelled = smallvec![
        OrderEvent::CancellationStarted { lines: parts(&[(1, 1)]), reason: "r".into(), expired: false },
        OrderEvent::Cancelled { refund_due: 52 }
    ];
    check(&life, &record(5, cancelled), "52 is due back where 51 was paid");
}

#[test]
fn replaying_the_records_gives_the_same_order() {
    let life = Life::after(&[pay(151), ship(&[(1, 1)]), deliver(&[]), cancel(&[])]);
    assert_eq!(life.replayed(), life.order);
}
