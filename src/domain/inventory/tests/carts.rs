//! Carts: their holds live on activity, lapse at their tick, and become the hold of an order.

use super::*;
use ReleaseCause::{Asked, Converted, Expired};
use StepOp::{Release, Reserve};

fn extend(deadline: u64) -> SkuCommand {
    SkuCommand::Extend { cart: cart("c"), deadline: at(deadline) }
}

fn from_cart(quantity: u64) -> StockStep {
    StockStep { cart: Some(cart("c")), ..step(1, Reserve, quantity) }
}

fn to_order(quantity: u64) -> StockEvent {
    StockEvent::Reserved {
        owner: order(),
        quantity,
        step: 1,
        deadline: None,
        purchase: None,
        at: LocationId::MAIN,
    }
}

fn took_over(reserved: u64, deadline: Option<u64>) -> StockEvent {
    let deadline = deadline.map(at);
    let from = Box::new(TakeOver { cart: cart("c"), reserved, deadline, purchase: None });
    StockEvent::TookOver { owner: order(), step: 1, from }
}

fn undo(quantity: u64) -> StockStep {
    StockStep { cart: Some(cart("c")), ..step(2, Release, quantity) }
}

fn given_back(quantity: u64) -> StockEvent {
    StockEvent::Released {
        owner: order(),
        reserved: quantity,
        committed: 0,
        step: 2,
        cause: Asked,
        at: LocationId::MAIN,
    }
}

#[test]
fn activity_moves_the_deadline_on_and_never_back() {
    let mut inventory = stocked(&[reserve(4, Some(2_000))]);
    let extended = StockEvent::Extended { owner: owner(), deadline: at(3_000) };
    assert_eq!(extended.deadline(), Some((&cart("c"), at(3_000))));
    assert_eq!(run(&mut inventory, &extend(3_000)), [extended]);
    assert_eq!(run(&mut inventory, &extend(2_500)), [], "late news of activity");
    assert!(decide_expiry(&inventory, &cart("c"), at(2_999)).unwrap().events.is_empty());
    let lapsed = decide_expiry(&inventory, &cart("c"), at(3_000)).unwrap();
    assert_eq!(lapsed.events.as_slice(), [released(4, 0, Expired)]);
    let mut endless = stocked(&[reserve(4, None)]);
    assert_eq!(run(&mut endless, &extend(3_000)), [], "what never lapses is not made to");
}

#[test]
fn what_has_lapsed_or_was_never_held_cannot_be_extended() {
    let unknown = Err(Refusal::UnknownHold { sku: sku() });
    assert_eq!(decide(&stocked(&[]), &extend(3_000), NOW), unknown);
    let inventory = stocked(&[reserve(4, Some(2_000))]);
    assert_eq!(decide(&inventory, &extend(3_000), at(2_000)), unknown);
}

#[test]
fn a_cart_becomes_an_order_without_standing_in_its_own_way() {
    for (held, wanted) in [(10, 10), (6, 10), (10, 4), (3, 3)] {
        let mut inventory = stocked(&[reserve(held, Some(2_000))]);
        let events = run_step(&mut inventory, &from_cart(wanted));
        assert_eq!(events, [released(held, 0, Converted), to_order(wanted), took_over(held, Some(2_000))]);
        assert_eq!(inventory.hold(&owner()), None);
        assert_eq!(inventory.hold(&order()).unwrap().deadline, None, "the order's own timer decides");
        assert_eq!((inventory.counters.available, inventory.counters.reserved), (10 - wanted, wanted));
        let again = decide_step(&inventory, &from_cart(wanted), true, NOW).unwrap();
        assert!(again.events.is_empty(), "a redelivered conversion moves nothing");
    }
}

#[test]
fn a_cart_that_cannot_become_the_order_keeps_its_hold() {
    let mut inventory = stocked(&[reserve(4, Some(2_000))]);
    run(&mut inventory, &SkuCommand::Reserve(ReserveStock::new(cart("other"), 5)));
    let short = Refusal::InsufficientStock { sku: sku(), requested: 6, available: 5 };
    assert_eq!(decide_step(&inventory, &from_cart(6), false, NOW), Err(short));
    assert_eq!(inventory.hold(&owner()).unwrap().reserved, 4);
}

#[test]
fn a_lapsed_cart_becomes_the_order_only_out_of_what_is_available() {
    let inventory = stocked(&[reserve(10, Some(500))]);
    let events = decide_step(&inventory, &from_cart(10), false, at(600)).unwrap().events;
    assert_eq!(events.as_slice(), [released(10, 0, Expired), to_order(10)]);
}

#[test]
fn an_order_of_a_cart_that_holds_nothing_reserves_as_any_other() {
    let mut inventory = stocked(&[]);
    assert_eq!(run_step(&mut inventory, &from_cart(2)), [to_order(2)]);
    let release = StockStep { cart: Some(cart("c")), ..step(2, Release, 2) };
    let released = StockEvent::Released {
        owner: order(),
        reserved: 2,
        committed: 0,
        step: 2,
        cause: Asked,
        at: LocationId::MAIN,
    };
    assert_eq!(run_step(&mut inventory, &release), [released]);
}

#[test]
fn a_cart_that_is_paid_for_keeps_its_units_when_an_order_is_made_of_the_rest() {
    let mut inventory =
        stocked(&[reserve(2, None), SkuCommand::Commit { cart: cart("c") }, reserve(3, None)]);
    let events = [released(3, 0, Converted), to_order(3), took_over(3, None)];
    assert_eq!(run_step(&mut inventory, &from_cart(3)), events);
    assert_eq!(inventory.hold(&owner()).unwrap().committed, 2);
}

#[test]
fn the_buyer_of_a_cart_stays_with_its_units_when_the_order_names_none() {
    let buyer = CustomerId::new("b").unwrap();
    let named = SkuCommand::Reserve(ReserveStock::new(cart("c"), 2).by(buyer.clone()));
    let mut inventory = stocked(&[named]);
    let purchase = Some(Box::new(Purchase { buyer, day: Some(0) }));
    assert_eq!(inventory.hold(&owner()).unwrap().purchase, purchase);
    run(&mut inventory, &reserve(3, None));
    assert_eq!(inventory.hold(&owner()).unwrap().purchase, purchase, "asking again without a name");
    run_step(&mut inventory, &from_cart(3));
    assert_eq!(inventory.hold(&order()).unwrap().purchase, purchase);
}

#[test]
fn a_cart_gets_back_what_its_refused_order_took_over() {
    for (held, wanted) in [(10, 10), (6, 10), (10, 4), (3, 3)] {
        let before = stocked(&[reserve(held, Some(2_000))]);
        let mut inventory = before.clone();
        run_step(&mut inventory, &from_cart(wanted));
        let events = run_step(&mut inventory, &undo(wanted));
        assert_eq!(events, [given_back(wanted), reserved(held, Some(2_000))]);
        assert_eq!(inventory.hold(&owner()), before.hold(&owner()));
        assert_eq!((inventory.counters, inventory.hold_count()), (before.counters, 1));
        let again = decide_step(&inventory, &undo(wanted), true, NOW).unwrap();
        assert!(again.events.is_empty(), "a redelivered undoing moves nothing");
    }
}

#[test]
fn a_cart_gets_back_no_more_than_is_still_there() {
    let mut inventory = stocked(&[reserve(10, Some(2_000))]);
    run_step(&mut inventory, &from_cart(4));
    run(&mut inventory, &SkuCommand::Reserve(ReserveStock::new(cart("other"), 5)));
    assert_eq!(run_step(&mut inventory, &undo(4)), [given_back(4), reserved(5, Some(2_000))]);
}

#[test]
fn a_cart_that_lapsed_or_asked_anew_meanwhile_gets_nothing_back() {
    let mut inventory = stocked(&[reserve(6, Some(2_000))]);
    run_step(&mut inventory, &from_cart(6));
    let late = decide_step(&inventory, &undo(6), false, at(2_000)).unwrap();
    assert_eq!(late.events.as_slice(), [given_back(6)]);
    run(&mut inventory, &reserve(1, None));
    assert_eq!(run_step(&mut inventory, &undo(6)), [given_back(6)]);
    assert_eq!(inventory.hold(&owner()).unwrap().reserved, 1, "re-submission replaces, and does not stack");
}

#[test]
fn an_order_that_is_called_off_later_gives_nothing_to_its_cart() {
    let mut inventory = stocked(&[reserve(6, Some(2_000))]);
    run_step(&mut inventory, &from_cart(6));
    let cancel = StockStep { number: 3, ..undo(6) };
    let released = StockEvent::Released {
        owner: order(),
        reserved: 6,
        committed: 0,
        step: 3,
        cause: Asked,
        at: LocationId::MAIN,
    };
    assert_eq!(run_step(&mut inventory, &cancel), [released]);
    let mut paid = stocked(&[reserve(6, Some(2_000))]);
    run_step(&mut paid, &from_cart(6));
    run_step(&mut paid, &step(3, StepOp::Commit, 6));
    assert_eq!(paid.hold(&order()).unwrap().from_cart, None, "nor does the hold remember it for ever");
}

#[test]
fn what_a_cart_gets_back_counts_for_its_buyer_as_before() {
    let alice: CustomerId = "alice".parse().unwrap();
    let policy = StockPolicy { hold_budget_per_buyer: Some(4), ..StockPolicy::default() };
    let by_alice = ReserveStock { buyer: Some(alice.clone()), ..ReserveStock::new(cart("c"), 4) };
    let before = stocked(&[SkuCommand::SetPolicy(Box::new(policy)), SkuCommand::Reserve(by_alice)]);
    let mut inventory = before.clone();
    run_step(&mut inventory, &StockStep { buyer: Some(alice.clone()), ..from_cart(3) });
    assert_eq!(inventory.held_by(&alice), Some(3));
    run_step(&mut inventory, &undo(3));
    assert_eq!((inventory.held_by(&alice), &inventory.buyers), (Some(4), &before.buyers));
}
