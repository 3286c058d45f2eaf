//! The exact events of each command.

use super::*;
use crate::domain::ids::PaymentMethod;

fn recorded(payment: &str, amount: i64) -> OrderEvent {
    let (payment, method) = (PaymentId::new(payment).unwrap(), PaymentMethod::new("card").unwrap());
    OrderEvent::PaymentRecorded { payment, method, amount }
}

#[test]
fn a_placement_keeps_its_lines_as_they_were_asked_for() {
    let mut asked = line("a", 2, 100);
    (asked.discount, asked.shipping) = (10, 7);
    let events = Life::default().place(&place(vec![asked])).unwrap();
    let expected = PlacedLine {
        sku: SkuId::new("a").unwrap(),
        quantity: 2,
        gross: 100,
        discount: 10,
        shipping: 7,
        seller: None,
        kit: None,
        at_payment: false,
        tags: None,
    };
    let [OrderEvent::Placed { lines, lifecycle, .. }, OrderEvent::Reserved] = events.as_slice() else {
        panic!("{events:?}");
    };
    assert_eq!((lines, *lifecycle), (&vec![expected], LifecycleId::SIMPLE));
}

#[test]
fn a_refused_placement_owes_nothing_and_holds_nothing() {
    let mut life = Life { refusing: true, ..Life::default() };
    let events = life.place(&place(vec![line("a", 2, 100)])).unwrap();
    assert_eq!(events[1..], [OrderEvent::Refused { refusal: short() }]);
    let order = life.order();
    assert_eq!((order.state, order.due, order.lines[0].counters.cancelled), (State::Cancelled, 0, 2));
}

#[test]
fn payments_settle_when_they_cover_or_are_declared_to_and_never_when_they_are_parts() {
    let settled = [OrderEvent::SettlementStarted, OrderEvent::Settled];
    let check = |command: OrderCommand, payment: OrderEvent, settles: bool| {
        let events = Life::after(&[]).run(&command).unwrap();
        let expected = if settles { [&[payment][..], &settled[..]].concat() } else { vec![payment] };
        assert_eq!(events, expected, "{command:?}");
    };
    check(pay(150), recorded("1", 150), false);
    check(pay(151), recorded("1", 151), true);
    check(pay(999), recorded("1", 999), true);
    check(pay_as(0, Some("p"), Settlement::Declared), recorded("p", 0), true);
    check(pay_as(151, None, Settlement::PartOnly), recorded("1", 151), false);
    let mut paid = Life::after(&[pay(151)]);
    assert_eq!(paid.run(&pay_as(5, None, Settlement::Declared)).unwrap(), [recorded("2", 5)]);
}

#[test]
fn a_payment_without_an_id_takes_the_first_free_number() {
    let part = |id| pay_as(1, id, Settlement::PartOnly);
    let mut life = Life::after(&[part(Some("2"))]);
    assert_eq!(life.run(&part(None)).unwrap(), [recorded("3", 1)]);
    assert_eq!(life.run(&part(Some("2"))), Err(Refusal::DuplicatePayment));
}

#[test]
fn a_settlement_that_a_sku_refuses_is_undone_and_its_payment_is_due_back() {
    let mut life = Life::after(&[pay(51)]);
    life.refusing = true;
    let undone = OrderEvent::SettlementUndone { refusal: short(), refund_due: 100 };
    assert_eq!(life.run(&pay(100)).unwrap()[1..], [OrderEvent::SettlementStarted, undone]);
    assert_eq!((life.state(), life.order().paid, life.order().refund_due), (State::Reserved, 151, 100));
    life.refusing = false;
    assert_eq!(life.run(&pay(99)).unwrap(), [recorded("3", 99)]);
    assert_eq!(life.run(&pay(1)).unwrap().len(), 3);
}

#[test]
fn shipments_and_deliveries_name_their_units_line_by_line_and_each_line_once() {
    let mut life = Life::after(&[pay(151)]);
    let started = |lines| OrderEvent::ShipmentStarted { lines: parts(lines) };
    let first = life.run(&ship(&[(2, 1), (1, 1)])).unwrap();
    assert_eq!(first, [started(&[(1, 1), (2, 1)]), OrderEvent::Shipped]);
    assert_eq!(life.run(&ship(&[])).unwrap(), [started(&[(1, 1)]), OrderEvent::Shipped]);
    let delivered = |lines| OrderEvent::Delivered { lines: parts(lines) };
    assert_eq!(life.run(&deliver(&[(1, 1), (1, 1)])).unwrap(), [delivered(&[(1, 2)])]);
    assert_eq!(life.run(&deliver(&[])).unwrap(), [delivered(&[(2, 1)])]);
    let shipments: Vec<_> = life.order().shipments.iter().map(|shipment| shipment.lines.clone()).collect();
    assert_eq!(shipments, [parts(&[(1, 1), (2, 1)]), parts(&[(1, 1)])]);
}

#[test]
fn a_shipment_that_a_sku_refuses_leaves_the_order_as_it_was() {
    let mut life = Life::after(&[pay(151)]);
    let before = life.order().lines.clone();
    life.refusing = true;
    let undone = OrderEvent::ShipmentUndone { refusal: short() };
    assert_eq!(life.run(&ship(&[])).unwrap()[1..], [undone]);
    assert_eq!((life.state(), &life.order().lines), (State::Paid, &before));
}

#[test]
fn a_plan_sums_demand_by_sku_in_the_order_of_skus_and_numbers_its_steps_in_twos() {
    let mut life = Life::default();
    let events = decide_place(
        &place(vec![line("b", 1, 1), line("a", 2, 1), line("b", 3, 1)]),
        IdOrigin::Caller,
        LIMITS,
        Terms::simple(),
        &SaleRules::default(),
    );
    life.record(events.unwrap());
    let plan = life.order().plan().unwrap();
    let demand: Vec<_> = plan.demand.iter().map(|d| (d.sku.as_str(), d.op, d.units)).collect();
    assert_eq!((plan.number, demand), (1, vec![("a", StepOp::Reserve, 2), ("b", StepOp::Reserve, 4)]));
    life.record(finish(life.order(), &SagaEnd::Done));
    assert_eq!((life.order().plan(), life.order().steps), (None, 2));
    life.record(decide(life.order(), &pay(3)).unwrap());
    assert_eq!(life.order().plan().unwrap().number, 3);
}
