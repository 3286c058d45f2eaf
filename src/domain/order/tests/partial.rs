//! Orders that are content with what there is.

use super::*;

/// Three units of `a` at 1.00 in line 1, one of `b` at 0.50 in line 2, four of `a` at 1.00 in line 3.
fn asked() -> PlaceOrder {
    place(vec![line("a", 3, 300), line("b", 1, 50), line("a", 4, 400)]).in_part()
}

fn short(sku: &str, granted: u64) -> Short {
    Short { sku: SkuId::new(sku).unwrap(), granted }
}

/// The placement with `terms`, ended with these SKUs short.
fn placed(terms: Terms, command: &PlaceOrder, short: &[Short]) -> (Life, Events) {
    let mut life = Life::default();
    life.record(decide_place(command, IdOrigin::Caller, LIMITS, terms, &SaleRules::default()).unwrap());
    let events = finish(life.order(), &SagaEnd::DoneInPart(short.to_vec()));
    life.record(events.clone());
    (life, events)
}

fn counters(life: &Life) -> Vec<(u32, u32, u32, u32)> {
    let of = |line: &Line| {
        let c = line.counters;
        (c.ordered, c.reserved, c.committed, c.cancelled)
    };
    life.order().lines.iter().map(of).collect()
}

#[test]
fn what_is_missing_is_called_off_line_by_line_and_not_due() {
    let cases = [
        (vec![short("a", 5)], vec![(3, 2)], vec![(3, 3, 0, 0), (1, 1, 0, 0), (4, 2, 0, 2)], 550),
        (vec![short("a", 2)], vec![(1, 1), (3, 4)], vec![(3, 2, 0, 1), (1, 1, 0, 0), (4, 0, 0, 4)], 250),
        (vec![short("b", 0)], vec![(2, 1)], vec![(3, 3, 0, 0), (1, 0, 0, 1), (4, 4, 0, 0)], 700),
        (
            vec![short("a", 1), short("b", 0)],
            vec![(1, 2), (2, 1), (3, 4)],
            vec![(3, 1, 0, 2), (1, 0, 0, 1), (4, 0, 0, 4)],
            100,
        ),
    ];
    for (short, missing, lines, due) in cases {
        let (life, events) = placed(Terms::simple(), &asked(), &short);
        let missing = parts(&missing);
        let expected =
            [OrderEvent::FellShort { missing: missing.clone(), refund_due: 0 }, OrderEvent::Reserved];
        assert_eq!(events.as_slice(), expected);
        assert_eq!((counters(&life), life.order().due, life.state()), (lines, due, State::Reserved));
        assert_eq!(life.order().answer().missing, missing);
        assert_eq!(life.replayed(), life.order);
    }
}

#[test]
fn the_shares_of_what_is_missing_and_of_the_rest_sum_to_the_whole() {
    let mut command = place(vec![LineRequest { discount: 1, shipping: 5, ..line("a", 3, 101) }]).in_part();
    command.lines[0].gross = 102;
    let (mut life, _) = placed(Terms::simple(), &command, &[short("a", 2)]);
    let due = life.order().due;
    life.run(&cancel(&[(1, 1)])).unwrap();
    let last = life.order().due;
    assert_eq!((due, last), (106 - 35, 106 - 70));
    life.run(&cancel(&[])).unwrap();
    assert_eq!((life.state(), life.order().due), (State::Cancelled, 0));
}

#[test]
fn the_rest_of_an_order_in_part_is_paid_shipped_and_delivered_as_usual() {
    let (mut life, _) = placed(Terms::simple(), &asked(), &[short("a", 2), short("b", 0)]);
    for (command, state) in
        [(pay(200), State::Paid), (ship(&[]), State::Shipped), (deliver(&[]), State::Fulfilled)]
    {
        life.run(&command).unwrap();
        assert_eq!(life.state(), state);
    }
}

#[test]
fn what_is_missing_at_the_payment_is_due_back() {
    let terms = Terms { deduction: Some(Deduction::AtPayment), ..Terms::physical() };
    for (paid, refunds) in [(750, vec![350]), (800, vec![350, 50]), (500, vec![100]), (300, vec![0])] {
        let mut life = Life::default();
        let command = asked().of_type(OrderType::Physical);
        life.record(decide_place(&command, IdOrigin::Caller, LIMITS, terms, &SaleRules::default()).unwrap());
        let events = decide(life.order(), &pay_as(paid, None, Settlement::Declared)).unwrap();
        life.record(events);
        assert!(life.order().plan().unwrap().demand.iter().any(|d| d.partial));
        let events = finish(life.order(), &SagaEnd::DoneInPart(vec![short("a", 4), short("b", 0)]));
        let missing = parts(&[(2, 1), (3, 3)]);
        let mut expected =
            vec![OrderEvent::FellShort { missing, refund_due: refunds[0] }, OrderEvent::Settled];
        let excess = refunds.get(1);
        expected.extend(excess.map(|&amount| OrderEvent::RefundDue { amount, cause: RefundCause::Excess }));
        assert_eq!(events.as_slice(), expected, "{paid}");
        life.record(events);
        assert_eq!(counters(&life), [(3, 0, 3, 0), (1, 0, 0, 1), (4, 0, 1, 3)]);
        assert_eq!((life.state(), life.order().due), (State::Paid, 400));
    }
}

#[test]
fn only_the_steps_that_first_ask_for_stock_are_content_with_a_part() {
    let (mut life, _) = placed(Terms::simple(), &asked(), &[short("a", 2)]);
    for command in [pay(250), ship(&[(1, 1)]), cancel(&[])] {
        let events = decide(life.order(), &command).unwrap();
        life.record(events);
        assert!(!life.order().plan().unwrap().demand.iter().any(|d| d.partial), "{command:?}");
        let events = finish(life.order(), &SagaEnd::Done);
        life.record(events);
    }
}
