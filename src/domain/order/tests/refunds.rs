//! What is due back: by the shares fixed at placement, and never a cent more or less than the whole.

use super::*;

fn refund(life: &mut Life, lines: &[(u32, u32)]) -> i64 {
    match life.run(&cancel(lines)).unwrap().as_slice() {
        [OrderEvent::CancellationStarted { .. }, OrderEvent::Cancelled { refund_due }] => *refund_due,
        other => panic!("{other:?}"),
    }
}

#[test]
fn shares_are_rounded_down_and_the_last_unit_takes_the_remainder() {
    let mut asked = line("a", 3, 110);
    (asked.discount, asked.shipping) = (20, 10);
    let mut life = Life::of(vec![asked, line("b", 1, 1)]);
    life.run(&pay(101)).unwrap();
    assert_eq!([1, 2, 3].map(|units| life.order().lines[0].share_of_first(units)), [33, 66, 100]);
    let refunds = [refund(&mut life, &[(1, 1)]), refund(&mut life, &[(1, 1)]), refund(&mut life, &[(1, 1)])];
    assert_eq!((refunds, life.order().due), ([33, 33, 34], 1));
    assert_eq!((refund(&mut life, &[]), life.state()), (1, State::Cancelled));
    assert_eq!((life.order().due, life.order().refund_due), (0, 101));
}

#[test]
fn an_overpayment_comes_back_with_the_last_unit_and_an_underpayment_is_netted_first() {
    let mut over = Life::after(&[pay(200)]);
    assert_eq!((refund(&mut over, &[(2, 1)]), refund(&mut over, &[])), (50, 150));
    let mut under = Life::after(&[pay_as(60, None, Settlement::Declared)]);
    assert_eq!((refund(&mut under, &[(2, 1)]), under.order().due), (0, 101));
    assert_eq!((refund(&mut under, &[(1, 1)]), under.order().due), (9, 51));
    assert_eq!(refund(&mut under, &[]), 51);
    let mut unpaid = Life::after(&[]);
    assert_eq!(refund(&mut unpaid, &[]), 0);
}

#[test]
fn what_was_shipped_stays_paid_when_the_rest_is_cancelled() {
    let mut life = Life::after(&[pay(151), ship(&[(1, 1)])]);
    assert_eq!(refund(&mut life, &[]), 100);
    assert_eq!((life.state(), life.order().due, life.order().paid), (State::Shipped, 51, 151));
}

#[test]
fn what_was_due_back_for_an_undone_settlement_is_not_due_back_twice() {
    let mut life = Life::after(&[]);
    life.refusing = true;
    life.run(&pay(151)).unwrap();
    life.refusing = false;
    assert_eq!((refund(&mut life, &[]), life.order().refund_due), (0, 151));
}

#[test]
fn an_order_settles_when_a_cancellation_brings_what_is_due_down_to_what_was_paid() {
    for (paid, cancelled, state, refund) in [
        (100, (2, 1), State::Reserved, 0),
        (101, (2, 1), State::Paid, 0),
        (120, (2, 1), State::Paid, 19),
        (100, (1, 1), State::Reserved, 0),
        (101, (1, 1), State::Paid, 0),
    ] {
        let mut life = Life::after(&[pay(paid)]);
        life.run(&cancel(&[cancelled])).unwrap();
        assert_eq!((life.state(), life.order().refund_due), (state, refund), "{paid} paid");
        assert_eq!(life.replayed(), life.order);
    }
    // A SKU that refuses the settlement leaves the money due back, and none of it twice.
    let mut refused = Life::after(&[pay(120)]);
    refused.refusing = true;
    refused.run(&cancel(&[(2, 1)])).unwrap();
    assert_eq!(
        (refused.state(), refused.order().due, refused.order().refund_due),
        (State::Reserved, 101, 120)
    );
    // Nothing was paid: nothing is settled, be it that nothing is due any more.
    let mut free = Life::of(vec![line("a", 1, 0), line("b", 1, 50)]);
    free.run(&cancel(&[(2, 1)])).unwrap();
    assert_eq!((free.state(), free.order().due), (State::Reserved, 0));
    // Whoever said of a payment that covers everything that it does not settle is not overruled.
    let mut withheld = Life::after(&[pay_as(151, None, Settlement::PartOnly)]);
    withheld.run(&cancel(&[(2, 1)])).unwrap();
    assert_eq!((withheld.state(), withheld.order().refund_due), (State::Reserved, 50));
}
