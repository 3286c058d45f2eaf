//! What is asked for and is not there.

use super::*;

fn check_place(lines: Vec<LineRequest>, expected: Refusal) {
    let rules = SaleRules::default();
    let decided = decide_place(&place(lines), IdOrigin::Caller, LIMITS, Terms::simple(), &rules);
    assert_eq!(decided, Err(expected));
}

fn check(life: &Life, command: &OrderCommand, expected: Refusal) {
    assert_eq!(decide(life.order(), command), Err(expected), "{command:?}");
}

#[test]
fn a_placement_that_makes_no_sense_is_refused() {
    check_place(vec![], Refusal::NoLines);
    check_place(vec![line("a", 1, 1); 4], Refusal::TooManyLines { lines: 4, max: 3 });
    check_place(vec![line("a", 1, 1), line("b", 0, 1)], Refusal::QuantityNotPositive { line: 2 });
    for spoil in [
        |line: &mut LineRequest| line.gross = -1,
        |line: &mut LineRequest| line.discount = -1,
        |line: &mut LineRequest| line.shipping = -1,
        |line: &mut LineRequest| line.discount = 2,
    ] {
        let mut bad = line("a", 1, 1);
        spoil(&mut bad);
        check_place(vec![bad], Refusal::InvalidAmount { line: 1 });
    }
    let mut shipped = line("a", 1, i64::MAX);
    shipped.shipping = 1;
    check_place(vec![shipped], Refusal::Overflow);
    check_place(vec![line("a", 1, i64::MAX), line("b", 1, 1)], Refusal::Overflow);
}

#[test]
fn a_payment_that_makes_no_sense_is_refused() {
    let life = Life::after(&[pay(1)]);
    check(&life, &pay(-1), Refusal::InvalidAmount { line: 0 });
    check(&life, &pay(i64::MAX), Refusal::Overflow);
    check(&life, &pay_as(1, Some("1"), Settlement::WhenCovered), Refusal::DuplicatePayment);
    let dollars = PayOrder::new(id(), "card".parse().unwrap(), Money::new(1, Currency::USD));
    let mismatch = Refusal::CurrencyMismatch { expected: Currency::EUR, got: Currency::USD };
    check(&life, &OrderCommand::Pay(dollars), mismatch);
}

#[test]
fn units_that_are_not_there_are_neither_shipped_nor_delivered_nor_cancelled() {
    let exceeded = |action, requested, left| Refusal::QuantityExceeded { line: 1, action, requested, left };
    let life = Life::after(&[pay(151), ship(&[(1, 1)])]);
    check(&life, &ship(&[(1, 2)]), exceeded(Action::ShipPart, 2, 1));
    check(&life, &ship(&[(1, 1), (1, u32::MAX)]), exceeded(Action::ShipPart, 1 << 32, 1));
    check(&life, &deliver(&[(1, 2)]), exceeded(Action::DeliverPart, 2, 1));
    check(&life, &cancel(&[(1, 2)]), exceeded(Action::CancelPart, 2, 1));
    check(&life, &ship(&[(3, 1)]), Refusal::UnknownLine { line: 3 });
    check(&life, &ship(&[(0, 1)]), Refusal::UnknownLine { line: 0 });
    check(&life, &ship(&[(1, 0)]), Refusal::QuantityNotPositive { line: 1 });
    let nothing = Life::after(&[pay(151)]);
    check(&nothing, &deliver(&[]), Refusal::NothingLeft { action: Action::DeliverPart });
}

#[test]
fn an_order_is_placed_once_and_takes_nothing_while_it_is_parked() {
    let mut life = Life::after(&[]);
    let again = OrderCommand::Place(place(vec![line("a", 1, 1)]));
    check(&life, &again, Refusal::OrderExists);
    life.order.as_mut().unwrap().parked = Some("why".into());
    for command in [again, pay(1), ship(&[]), deliver(&[]), cancel(&[])] {
        check(&life, &command, Refusal::Parked { reason: "why".into() });
    }
}
