//! The steps of an order's saga, and what becomes of them when they are delivered again.

use super::*;
use crate::domain::command::Grant;

use StepOp::{Commit, Release, Reserve, Ship, Uncommit, Unship};

#[test]
fn a_saga_moves_units_there_and_back() {
    let mut inventory = stocked(&[]);
    let o = order;
    let reserved = StockEvent::Reserved {
        owner: o(),
        quantity: 5,
        step: 1,
        deadline: None,
        purchase: None,
        at: LocationId::MAIN,
    };
    assert_eq!(run_step(&mut inventory, &step(1, Reserve, 5)), [reserved]);
    let committed = StockEvent::Committed { owner: o(), quantity: 5, step: 2, at: LocationId::MAIN };
    assert_eq!(run_step(&mut inventory, &step(2, Commit, 5)), [committed]);
    let uncommitted = StockEvent::Uncommitted { owner: o(), quantity: 1, step: 3, at: LocationId::MAIN };
    assert_eq!(run_step(&mut inventory, &step(3, Uncommit, 1)), [uncommitted]);
    let shipped = StockEvent::Shipped { owner: o(), quantity: 2, step: 4, at: LocationId::MAIN };
    assert_eq!(run_step(&mut inventory, &step(4, Ship, 2)), [shipped]);
    let unshipped =
        StockEvent::Unshipped { owner: o(), quantity: 1, step: 5, purchase: None, at: LocationId::MAIN };
    assert_eq!(run_step(&mut inventory, &step(5, Unship, 1)), [unshipped]);
    let hold = Hold { reserved: 1, committed: 3, step: 5, ..Hold::default() };
    assert_eq!(inventory.hold(&order()), Some(hold));
    let released = StockEvent::Released {
        owner: o(),
        reserved: 1,
        committed: 1,
        step: 6,
        cause: ReleaseCause::Asked,
        at: LocationId::MAIN,
    };
    assert_eq!(run_step(&mut inventory, &step(6, Release, 2)), [released], "reserved units go first");
    let counters = &inventory.counters;
    assert_eq!((counters.available, counters.committed, counters.shipped), (7, 2, 1));
}

#[test]
fn a_step_that_the_hold_has_seen_moves_nothing() {
    let mut inventory = stocked(&[]);
    run_step(&mut inventory, &step(1, Reserve, 5));
    run_step(&mut inventory, &step(2, Commit, 2));
    for op in [Reserve, Commit, Uncommit, Release, Ship, Unship] {
        for redelivered in [false, true] {
            let decision = decide_step(&inventory, &step(2, op, 1), redelivered, NOW).unwrap();
            assert_eq!(decision.events.as_slice(), [], "{op:?}");
        }
    }
}

#[test]
fn a_redelivered_step_that_was_not_done_is_done() {
    let mut inventory = stocked(&[]);
    let decision = decide_step(&inventory, &step(1, Reserve, 5), true, NOW).unwrap();
    assert_eq!(decision.events.len(), 1);
    apply_all(&mut inventory, &decision.events);
    assert_eq!(decide_step(&inventory, &step(2, Commit, 5), true, NOW).unwrap().events.len(), 1);
}

#[test]
fn a_later_reservation_adds_to_the_hold() {
    let mut inventory = stocked(&[]);
    run_step(&mut inventory, &step(1, Reserve, 5));
    run_step(&mut inventory, &step(2, Reserve, 2));
    assert_eq!(inventory.hold(&order()).unwrap().reserved, 7);
    let short = Refusal::InsufficientStock { sku: sku(), requested: 4, available: 3 };
    assert_eq!(decide_step(&inventory, &step(3, Reserve, 4), false, NOW), Err(short));
}

#[test]
fn where_the_hold_is_gone_only_release_and_a_redelivered_ship_count_as_done() {
    let inventory = stocked(&[]);
    let unknown = Err(Refusal::UnknownHold { sku: sku() });
    let done = Ok(StepDecision { events: smallvec::SmallVec::new(), grant: Grant::default() });
    for redelivered in [false, true] {
        assert_eq!(decide_step(&inventory, &step(3, Release, 1), redelivered, NOW), done);
        assert_eq!(decide_step(&inventory, &step(3, Commit, 1), redelivered, NOW), unknown);
        assert_eq!(decide_step(&inventory, &step(3, Uncommit, 1), redelivered, NOW), unknown);
    }
    assert_eq!(decide_step(&inventory, &step(3, Ship, 1), true, NOW), done);
    assert_eq!(decide_step(&inventory, &step(3, Ship, 1), false, NOW), unknown);
    let fresh = Inventory::new(sku());
    assert_eq!(decide_step(&fresh, &step(1, Release, 1), true, NOW), done);
    assert_eq!(
        decide_step(&fresh, &step(1, Reserve, 1), false, NOW),
        Err(Refusal::UnknownSku { sku: sku() })
    );
}

#[test]
fn unship_brings_back_the_hold_of_units_that_are_still_away() {
    let mut inventory = stocked(&[]);
    for (number, op) in [(1, Reserve), (2, Commit), (3, Ship)] {
        run_step(&mut inventory, &step(number, op, 3));
    }
    assert_eq!(inventory.hold(&order()), None);
    run(&mut inventory, &SkuCommand::return_to_stock(1, Place::Available, "r"));
    let exceeded = Refusal::HoldExceeded { sku: sku(), requested: 3, held: 2 };
    assert_eq!(decide_step(&inventory, &step(4, Unship, 3), false, NOW), Err(exceeded));
    run_step(&mut inventory, &step(4, Unship, 2));
    let hold = Hold { reserved: 0, committed: 2, step: 4, ..Hold::default() };
    assert_eq!(inventory.hold(&order()), Some(hold));
    assert_eq!(inventory.counters.shipped, 1);
}

#[test]
fn a_step_for_more_units_than_are_in_the_condition_is_refused() {
    let mut inventory = stocked(&[]);
    run_step(&mut inventory, &step(1, Reserve, 3));
    run_step(&mut inventory, &step(2, Commit, 1));
    for (op, held) in [(Commit, 2), (Uncommit, 1), (Ship, 1), (Release, 3), (Unship, 0)] {
        let exceeded = Refusal::HoldExceeded { sku: sku(), requested: 4, held };
        assert_eq!(decide_step(&inventory, &step(3, op, 4), true, NOW), Err(exceeded), "{op:?}");
    }
    let zero = Err(Refusal::QuantityNotPositive { line: 0 });
    assert_eq!(decide_step(&inventory, &step(3, Ship, 0), false, NOW), zero);
    assert!(decide_step(&inventory, &step(3, Release, 0), false, NOW).unwrap().events.is_empty());
}

#[test]
fn a_partial_step_takes_what_there_is_but_not_nothing() {
    let mut inventory = stocked(&[]);
    let all = inventory.counters.available;
    let partial = StockStep { partial: true, ..step(1, Reserve, all + 3) };
    let decision = decide_step(&inventory, &partial, false, NOW).unwrap();
    assert_eq!(decision.grant, Grant { held: all, ..Grant::default() });
    run_step(&mut inventory, &partial);
    assert_eq!(
        decide_step(&inventory, &partial, true, NOW).unwrap().grant,
        Grant { held: all, ..Grant::default() }
    );
    let order = OrderId::new("other").unwrap();
    let late = StockStep { order, ..partial };
    let nothing = Refusal::InsufficientStock { sku: sku(), requested: all + 3, available: 0 };
    assert_eq!(decide_step(&inventory, &late, false, NOW), Err(nothing));
}
