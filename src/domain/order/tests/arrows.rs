//! Every arrow of the lifecycle is taken, and every pair that is no arrow is refused.

use std::collections::BTreeSet;

use super::*;

/// The way to each arrow: commands that are accepted, the last of which takes the arrow.
fn ways() -> Vec<(State, Action, State, Vec<OrderCommand>)> {
    use Action as A;
    use State as S;
    let paid = || pay(151);
    let ship_one = || ship(&[(1, 1)]);
    vec![
        (S::Accepted, A::PayPart, S::Accepted, vec![pay(1)]),
        (S::Accepted, A::Settle, S::Paid, vec![paid()]),
        (S::Accepted, A::CancelPart, S::Accepted, vec![cancel(&[(1, 1)])]),
        (S::Accepted, A::Cancel, S::Cancelled, vec![cancel(&[])]),
        (S::Accepted, A::Edit, S::Accepted, vec![stage(), accept(3)]),
        (S::Reserved, A::Edit, S::Reserved, vec![stage(), accept(3)]),
        (S::Paid, A::Edit, S::Paid, vec![paid(), stage(), accept(6)]),
        (S::Paid, A::Split, S::Paid, vec![paid(), split()]),
        (S::Reserved, A::PayPart, S::Reserved, vec![pay(1)]),
        (S::Reserved, A::Settle, S::Paid, vec![paid()]),
        (S::Reserved, A::CancelPart, S::Reserved, vec![cancel(&[(1, 1)])]),
        (S::Reserved, A::Cancel, S::Cancelled, vec![cancel(&[])]),
        (S::Paid, A::PayPart, S::Paid, vec![paid(), pay(5)]),
        (S::Paid, A::ShipPart, S::Paid, vec![paid(), ship_one()]),
        (S::Paid, A::ShipAll, S::Shipped, vec![paid(), ship(&[])]),
        (S::Paid, A::DeliverPart, S::Paid, vec![paid(), ship_one(), deliver(&[(1, 1)])]),
        (S::Paid, A::CancelPart, S::Paid, vec![paid(), cancel(&[(2, 1)])]),
        (S::Paid, A::CancelRest, S::Shipped, vec![paid(), ship_one(), cancel(&[])]),
        (S::Paid, A::CancelLast, S::Fulfilled, vec![paid(), ship_one(), deliver(&[]), cancel(&[])]),
        (S::Paid, A::Cancel, S::Cancelled, vec![paid(), cancel(&[])]),
        (S::Shipped, A::DeliverPart, S::Shipped, vec![paid(), ship(&[]), deliver(&[(2, 1)])]),
        (S::Shipped, A::DeliverAll, S::Fulfilled, vec![paid(), ship(&[]), deliver(&[])]),
    ]
}

#[test]
fn every_arrow_of_the_simple_lifecycle_is_taken_by_a_way_of_its_own() {
    let mut taken = BTreeSet::new();
    for (refusing, action, to) in
        [(false, Action::Reserve, State::Reserved), (true, Action::Refuse, State::Cancelled)]
    {
        let mut life = Life { refusing, ..Life::default() };
        life.place(&place(vec![line("a", 2, 100)])).unwrap();
        assert_eq!(life.state(), to);
        taken.insert((State::Created, action, to));
    }
    let at_payment = Life::accepted();
    taken.insert((State::Created, Action::Accept, at_payment.state()));
    let mut refused = Life { refusing: true, ..at_payment };
    refused.run(&pay(151)).unwrap();
    taken.insert((State::Accepted, Action::Refuse, refused.state()));
    for (from, action, to, way) in ways() {
        let (last, before) = way.split_last().unwrap();
        let mut life = if from == State::Accepted { Life::accepted() } else { Life::after(&[]) };
        before.iter().for_each(|command| drop(life.run(command).unwrap()));
        assert_eq!(life.state(), from, "{action:?}");
        life.run(last).unwrap();
        assert_eq!(life.state(), to, "{from} {action:?}");
        taken.insert((from, action, to));
    }
    let all: BTreeSet<_> = Lifecycle::of(LifecycleId::SIMPLE).unwrap().rows.iter().copied().collect();
    assert_eq!(taken, all, "an arrow that no test takes, or one that is gone");
}

#[test]
fn every_command_is_refused_in_every_state_that_has_no_arrow_for_it() {
    let shipped = || Life::after(&[pay(151), ship(&[])]);
    let fulfilled = Life::after(&[pay(151), ship(&[]), deliver(&[])]);
    let cancelled = Life::after(&[cancel(&[])]);
    let refusals = [
        (Life::after(&[]), ship(&[]), Action::ShipPart),
        (Life::after(&[]), deliver(&[]), Action::DeliverPart),
        (shipped(), pay(1), Action::PayPart),
        (shipped(), ship(&[]), Action::ShipPart),
        (shipped(), cancel(&[]), Action::CancelPart),
        (fulfilled.clone(), pay(1), Action::PayPart),
        (fulfilled.clone(), ship(&[]), Action::ShipPart),
        (fulfilled.clone(), deliver(&[]), Action::DeliverPart),
        (fulfilled, cancel(&[]), Action::CancelPart),
        (cancelled.clone(), pay(1), Action::PayPart),
        (cancelled.clone(), ship(&[]), Action::ShipPart),
        (cancelled.clone(), deliver(&[]), Action::DeliverPart),
        (cancelled, cancel(&[]), Action::CancelPart),
    ];
    for (life, command, action) in refusals {
        let state = life.state();
        assert_eq!(decide(life.order(), &command), Err(Refusal::WrongState { state, action }), "{command:?}");
    }
}
