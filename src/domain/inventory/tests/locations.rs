//! Units at locations: where they are put, from where they are taken, and that nothing else changes by it.

use proptest::prelude::*;

use super::random::{Asked, asked};
use super::*;
use StepOp::{Commit, Release, Reserve, Ship, Uncommit, Unship};

fn at(name: &str) -> LocationId {
    LocationId::new(name).unwrap()
}

/// Two units at `main`, five at `a`, nine at `b`.
fn spread() -> Inventory {
    let mut inventory = Inventory::new(sku());
    for (name, quantity) in [("main", 2), ("a", 5), ("b", 9)] {
        run(&mut inventory, &receive(quantity).at(at(name)));
    }
    inventory
}

/// What the order holds where: location, reserved, committed.
fn parts(inventory: &Inventory) -> Vec<(String, u64, u64)> {
    let parts = inventory.hold(&order()).map(|hold| hold.parts()).unwrap_or_default();
    parts.into_iter().map(|part| (part.at.to_string(), part.reserved, part.committed)).collect()
}

#[track_caller]
fn check(inventory: &Inventory, expected: &[(&str, u64, u64)]) {
    let expected: Vec<_> = expected
        .iter()
        .map(|(name, reserved, committed)| ((*name).to_owned(), *reserved, *committed))
        .collect();
    assert_eq!(parts(inventory), expected);
}

fn available(inventory: &Inventory) -> [u64; 3] {
    ["main", "a", "b"].map(|name| inventory.counters_at(&at(name)).available)
}

#[test]
fn a_sku_without_named_locations_keeps_no_counters_by_location() {
    let mut inventory = stocked(&[reserve(3, None)]);
    run_step(&mut inventory, &step(1, Reserve, 2));
    assert!(inventory.locations.is_none());
    assert!(inventory.holds().all(|(_, hold)| hold.located.is_none()));
    assert_eq!(inventory.counters_at(&LocationId::MAIN), inventory.counters);
    assert_eq!(inventory.counters_at(&at("a")), Counters::default());
    run(&mut inventory, &receive(1).at(at("a")));
    let main = inventory.counters_at(&LocationId::MAIN);
    assert_eq!((main.available, main.reserved, main.received), (5, 5, 10));
    assert_eq!(
        inventory.counters_at(&at("a")),
        Counters { available: 1, received: 1, ..Counters::default() }
    );
}

#[test]
fn a_reservation_is_split_over_locations_in_one_record() {
    let mut inventory = spread();
    let events = run_step(&mut inventory, &step(1, Reserve, 10));
    let split: Vec<_> = events
        .iter()
        .map(|event| match event {
            StockEvent::Reserved { quantity, at, step: 1, .. } => (at.to_string(), *quantity),
            other => unreachable!("{other:?}"),
        })
        .collect();
    assert_eq!(split, [("main".to_owned(), 2), ("a".to_owned(), 5), ("b".to_owned(), 3)]);
    assert_eq!(available(&inventory), [0, 0, 6]);
    let short = Refusal::InsufficientStock { sku: sku(), requested: 7, available: 6 };
    assert_eq!(decide_step(&inventory, &step(2, Reserve, 7), false, NOW), Err(short));
}

#[test]
fn the_strategy_of_the_sku_says_where_units_are_taken() {
    for (allocation, expected) in [
        (Allocation::Preferred(vec![at("b"), at("main")]), vec![("b", 9, 0), ("main", 1, 0)]),
        (Allocation::FewestSplits, vec![("b", 9, 0), ("main", 1, 0)]),
        (Allocation::HighestStock, vec![("b", 9, 0), ("a", 1, 0)]),
    ] {
        let mut inventory = spread();
        let policy = StockPolicy { allocation, ..StockPolicy::default() };
        run(&mut inventory, &SkuCommand::SetPolicy(Box::new(policy)));
        run_step(&mut inventory, &step(1, Reserve, 10));
        check(&inventory, &expected);
    }
}

#[test]
fn what_leads_on_goes_through_the_parts_in_order_and_what_leads_back_in_the_opposite_one() {
    let mut inventory = spread();
    run_step(&mut inventory, &step(1, Reserve, 10));
    run_step(&mut inventory, &step(2, Commit, 6));
    check(&inventory, &[("main", 0, 2), ("a", 1, 4), ("b", 3, 0)]);
    run_step(&mut inventory, &step(3, Uncommit, 3));
    check(&inventory, &[("main", 0, 2), ("a", 4, 1), ("b", 3, 0)]);
    run_step(&mut inventory, &step(4, Release, 4));
    check(&inventory, &[("main", 0, 2), ("a", 3, 1)]);
    run_step(&mut inventory, &step(5, Release, 4));
    check(&inventory, &[("main", 0, 2)]);
    assert_eq!(available(&inventory), [0, 5, 9], "reserved units first, then the committed one of `a`");
    run_step(&mut inventory, &step(6, Ship, 1));
    assert_eq!(inventory.counters_at(&LocationId::MAIN).shipped, 1);
    assert!(
        inventory.hold(&order()).unwrap().located.is_none(),
        "all that is left is at the default location"
    );
}

#[test]
fn a_shipment_leaves_from_the_location_that_is_named() {
    let mut inventory = spread();
    run_step(&mut inventory, &step(1, Reserve, 10));
    run_step(&mut inventory, &step(2, Commit, 10));
    let from = |number, op, quantity, name| StockStep { from: Some(at(name)), ..step(number, op, quantity) };
    let exceeded = Refusal::HoldExceeded { sku: sku(), requested: 4, held: 3 };
    assert_eq!(decide_step(&inventory, &from(3, Ship, 4, "b"), false, NOW), Err(exceeded));
    run_step(&mut inventory, &from(3, Ship, 3, "b"));
    check(&inventory, &[("main", 0, 2), ("a", 0, 5)]);
    let exceeded = Refusal::HoldExceeded { sku: sku(), requested: 1, held: 0 };
    assert_eq!(decide_step(&inventory, &from(4, Unship, 1, "a"), false, NOW), Err(exceeded));
    run_step(&mut inventory, &from(4, Unship, 1, "b"));
    check(&inventory, &[("main", 0, 2), ("a", 0, 5), ("b", 0, 1)]);
}

#[test]
fn units_that_did_not_leave_after_all_lie_where_they_were() {
    let mut inventory = spread();
    run_step(&mut inventory, &step(1, Reserve, 10));
    run_step(&mut inventory, &step(2, Commit, 10));
    let before = inventory.clone();
    run_step(&mut inventory, &step(3, Ship, 10));
    assert_eq!(inventory.hold(&order()), None);
    run_step(&mut inventory, &step(4, Unship, 10));
    assert_eq!(parts(&inventory), parts(&before));
    assert_eq!(inventory.locations(), before.locations());
}

#[test]
fn where_it_is_forgotten_what_left_lies_at_the_first_locations_that_shipped_as_much() {
    let mut inventory = spread();
    run_step(&mut inventory, &step(1, Reserve, 10));
    run_step(&mut inventory, &step(2, Commit, 10));
    run_step(&mut inventory, &step(3, Ship, 4));
    run_step(&mut inventory, &step(5, Ship, 4));
    check(&inventory, &[("b", 0, 2)]);
    run_step(&mut inventory, &step(9, Unship, 6));
    check(&inventory, &[("b", 0, 2), ("main", 0, 2), ("a", 0, 4)]);
}

#[test]
fn a_transfer_moves_available_units_and_no_totals() {
    let mut inventory = spread();
    let transfer = |quantity, from, to| SkuCommand::transfer(quantity, at(from), at(to), "r");
    let totals = inventory.counters;
    let transferred = StockEvent::Transferred { quantity: 4, from: at("b"), to: at("c"), reason: "r".into() };
    assert_eq!(run(&mut inventory, &transfer(4, "b", "c")), [transferred]);
    assert_eq!(inventory.counters, totals);
    assert_eq!(
        (inventory.counters_at(&at("b")).transferred, inventory.counters_at(&at("c")).transferred),
        (-4, 4)
    );
    assert_eq!(inventory.counters_at(&at("c")).on_hand(), Some(4));
    assert_eq!(run(&mut inventory, &transfer(1, "a", "a")), []);
    run_step(&mut inventory, &step(1, Reserve, 4));
    let below =
        Refusal::BelowZero { sku: sku(), place: Place::Available, at: at("a"), requested: 4, available: 3 };
    assert_eq!(below.to_string(), "SKU sku has 3 available at a; 4 cannot be taken off");
    assert_eq!(decide(&inventory, &transfer(4, "a", "b"), NOW), Err(below), "what is held stays");
    let zero = Err(Refusal::QuantityNotPositive { line: 0 });
    assert_eq!(decide(&inventory, &transfer(0, "a", "b"), NOW), zero);
}

#[test]
fn what_one_location_lacks_another_does_not_make_up_for() {
    let mut inventory = spread();
    let below = |requested, available, name: &str| {
        Err(Refusal::BelowZero { sku: sku(), place: Place::Available, at: at(name), requested, available })
    };
    assert_eq!(decide(&inventory, &SkuCommand::adjust(-3, "r"), NOW), below(3, 2, "main"));
    let off = SkuCommand::write_off(6, Place::Available, "r").at(at("a"));
    assert_eq!(decide(&inventory, &off, NOW), below(6, 5, "a"));
    let aside = SkuCommand::put(1, Place::Available, Place::SafetyStock, "r").at(at("nowhere"));
    assert_eq!(decide(&inventory, &aside, NOW), below(1, 0, "nowhere"));
    run(&mut inventory, &SkuCommand::put(5, Place::Available, Place::QualityHold, "r").at(at("a")));
    run_step(&mut inventory, &step(1, Reserve, 3));
    check(&inventory, &[("main", 2, 0), ("b", 1, 0)]);
}

#[test]
fn a_delivery_arrives_where_it_was_announced_unless_it_is_said_otherwise() {
    let delivery = || DeliveryId::new("d").unwrap();
    let mut inventory = spread();
    run(&mut inventory, &SkuCommand::announce(delivery(), 6, super::at(9)).at(at("a")));
    run(&mut inventory, &SkuCommand::receive_delivery(delivery(), 2, "r"));
    run(&mut inventory, &SkuCommand::receive_delivery(delivery(), 3, "r").at(at("b")));
    assert_eq!(available(&inventory), [2, 7, 12]);
    assert_eq!(inventory.incoming().get(&delivery()).map(|incoming| incoming.quantity), Some(1));
}

#[test]
fn units_may_come_back_to_another_location_than_they_left_from() {
    let mut inventory = spread();
    for (number, op) in [(1, Reserve), (2, Commit), (3, Ship)] {
        run_step(&mut inventory, &step(number, op, 2));
    }
    run(&mut inventory, &SkuCommand::return_to_stock(2, Place::QualityHold, "r").at(at("b")));
    let (main, b) = (inventory.counters_at(&LocationId::MAIN), inventory.counters_at(&at("b")));
    assert_eq!((main.on_hand(), b.on_hand(), b.quality_hold, b.returned), (Some(0), Some(11), 2, 2));
}

#[test]
fn an_event_that_takes_more_than_a_location_has_changes_nothing() {
    let inventory = spread();
    let mut damaged = inventory.clone();
    let (owner, at) = (order(), at("a"));
    let reserved = StockEvent::Reserved { owner, quantity: 6, step: 1, deadline: None, purchase: None, at };
    assert!(apply(&mut damaged, &reserved).is_err(), "of 16 in all");
    assert_eq!(damaged, inventory);
}

/// The same without locations; `None` for what then is nothing to do.
fn without_locations(asked: &Asked) -> Option<Asked> {
    match asked {
        Asked::Command(SkuCommand::Transfer { .. }, _) => None,
        Asked::Command(SkuCommand::Ship { cart, quantity, .. }, now) => {
            Some(Asked::Command(SkuCommand::ship(cart.clone(), *quantity), *now))
        }
        Asked::Command(command, now) => Some(Asked::Command(command.clone().at(LocationId::MAIN), *now)),
        Asked::Step(step, redelivered) => {
            Some(Asked::Step(StockStep { from: None, ..step.clone() }, *redelivered))
        }
    }
}

/// Whether a location alone can be the reason for a refusal.
fn asks_a_location(asked: &Asked) -> bool {
    match asked {
        Asked::Command(SkuCommand::Ship { from, .. }, _) | Asked::Step(StockStep { from, .. }, _) => {
            from.is_some()
        }
        Asked::Command(command, _) => matches!(
            command,
            SkuCommand::Adjust { .. } | SkuCommand::Move { .. } | SkuCommand::WriteOff { .. }
        ),
    }
}

fn events(inventory: &Inventory, asked: &Asked) -> Result<Vec<StockEvent>, Refusal> {
    match asked {
        Asked::Command(command, now) => {
            decide(inventory, command, super::at(*now)).map(|d| d.events.into_vec())
        }
        Asked::Step(step, redelivered) => {
            decide_step(inventory, step, *redelivered, NOW).map(|d| d.events.into_vec())
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// The model is a SKU that has never heard of locations.
    #[test]
    fn in_total_a_sku_with_locations_is_like_one_without(
        all in prop::collection::vec(asked(), 1..120),
    ) {
        let (mut located, mut model) = (Inventory::new(sku()), Inventory::new(sku()));
        for asked in &all {
            let Some(plain) = without_locations(asked) else {
                let moved = events(&located, asked).unwrap_or_default();
                apply_all(&mut located, &moved);
                continue;
            };
            let (moved, expected) = (events(&located, asked), events(&model, &plain));
            if asks_a_location(asked) && moved.is_err() {
                continue;
            }
            prop_assert_eq!(moved.as_ref().err(), expected.as_ref().err());
            apply_all(&mut located, &moved.unwrap_or_default());
            apply_all(&mut model, &expected.unwrap_or_default());
            prop_assert_eq!(located.counters, model.counters);
            let whole = |(owner, hold): (HoldOwner, Hold)| (owner, Hold { located: None, ..hold });
            let (held, expected): (Vec<_>, Vec<_>) =
                (located.holds().map(whole).collect(), model.holds().map(whole).collect());
            prop_assert_eq!(held, expected);
        }
        prop_assert!(model.locations.is_none());
        // A split reservation is several events, each of which looks for accounts to close.
        let held = |inventory: &Inventory| -> Option<Vec<(CustomerId, u64)>> {
            let buyers = inventory.buyers.as_deref()?;
            Some(buyers.held().map(|(buyer, units)| (buyer.clone(), units)).collect())
        };
        prop_assert_eq!(held(&located), held(&model));
    }
}
