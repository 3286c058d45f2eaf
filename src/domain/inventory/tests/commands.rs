//! What accepted commands lead to, event by event.

use super::*;
use ReleaseCause::{Asked, Expired, Replaced};

fn commit() -> SkuCommand {
    SkuCommand::Commit { cart: cart("c") }
}

fn release() -> SkuCommand {
    SkuCommand::Release { cart: cart("c") }
}

#[test]
fn stock_movements_without_an_owner_record_what_was_asked() {
    let mut inventory = Inventory::new(sku());
    let reason: Reason = "r".into();
    assert_eq!(
        run(&mut inventory, &SkuCommand::receive(0, reason.clone())),
        [StockEvent::Received { quantity: 0, reason: reason.clone(), at: LocationId::MAIN }]
    );
    assert!(inventory.is_known());
    run(&mut inventory, &receive(10));
    for delta in [5, -3] {
        assert_eq!(
            run(&mut inventory, &SkuCommand::adjust(delta, reason.clone())),
            [StockEvent::Adjusted { delta, reason: reason.clone(), at: LocationId::MAIN }]
        );
    }
    assert_eq!(
        run(&mut inventory, &SkuCommand::write_off(2, Place::Available, reason.clone())),
        [StockEvent::WrittenOff { quantity: 2, from: Place::Available, reason, at: LocationId::MAIN }]
    );
    let expected =
        Counters { available: 10, received: 10, adjusted: 2, written_off: 2, ..Counters::default() };
    assert_eq!(inventory.counters, expected);
    assert_eq!((inventory.counters.on_hand(), inventory.version), (Some(10), 5));
}

#[test]
fn a_cart_reserves_commits_ships_and_returns() {
    let mut inventory = stocked(&[]);
    assert_eq!(run(&mut inventory, &reserve(4, Some(2_000))), [reserved(4, Some(2_000))]);
    let committed = StockEvent::Committed { owner: owner(), quantity: 4, step: 0, at: LocationId::MAIN };
    assert_eq!(run(&mut inventory, &commit()), [committed]);
    assert_eq!(inventory.hold(&owner()).unwrap().deadline, None, "paid units do not lapse");
    assert_eq!(run(&mut inventory, &commit()), [], "committing twice moves nothing");
    let shipped = StockEvent::Shipped { owner: owner(), quantity: 4, step: 0, at: LocationId::MAIN };
    assert_eq!(run(&mut inventory, &SkuCommand::ship(cart("c"), 4)), [shipped]);
    assert_eq!(inventory.hold(&owner()), None);
    let back = SkuCommand::return_to_stock(3, Place::Available, "r");
    assert_eq!(
        run(&mut inventory, &back),
        [StockEvent::Returned {
            quantity: 3,
            to: Place::Available,
            reason: "r".into(),
            at: LocationId::MAIN
        }]
    );
    let expected = Counters { available: 9, received: 10, shipped: 4, returned: 3, ..Counters::default() };
    assert_eq!(inventory.counters, expected);
}

#[test]
fn a_cart_that_asks_again_replaces_its_reserved_units() {
    let mut inventory = stocked(&[reserve(6, Some(2_000))]);
    assert_eq!(
        run(&mut inventory, &reserve(10, Some(3_000))),
        [released(6, 0, Replaced), reserved(10, Some(3_000))],
        "its own units are not in its way"
    );
    assert_eq!(run(&mut inventory, &reserve(10, None)), [released(10, 0, Replaced), reserved(10, None)]);
    assert_eq!(run(&mut inventory, &reserve(10, None)), [], "the same again moves nothing");
    assert_eq!((inventory.counters.reserved, inventory.hold_count()), (10, 1));
}

#[test]
fn replacing_leaves_committed_units_alone() {
    let mut inventory = stocked(&[reserve(3, None), commit(), reserve(2, None)]);
    assert_eq!(run(&mut inventory, &reserve(7, None)), [released(2, 0, Replaced), reserved(7, None)]);
    let hold = Hold { reserved: 7, committed: 3, ..Hold::default() };
    assert_eq!(inventory.hold(&owner()), Some(hold));
}

#[test]
fn release_gives_back_everything_once() {
    let mut inventory = stocked(&[reserve(3, None), commit(), reserve(2, None)]);
    assert_eq!(run(&mut inventory, &release()), [released(2, 3, Asked)]);
    assert_eq!(run(&mut inventory, &release()), []);
    assert_eq!((inventory.counters.available, inventory.hold_count()), (10, 0));
}

#[test]
fn a_hold_counts_as_lapsed_from_its_deadline_on_whether_or_not_the_timer_fired() {
    let inventory = stocked(&[reserve(4, Some(2_000))]);
    assert!(decide(&inventory, &commit(), at(1_999)).is_ok());
    assert_eq!(decide(&inventory, &commit(), at(2_000)), Err(Refusal::UnknownHold { sku: sku() }));
    let again = decide(&inventory, &reserve(4, Some(2_000)), at(2_000)).unwrap();
    assert_eq!(again.events.as_slice(), [released(4, 0, Expired), reserved(4, Some(2_000))]);
}

#[test]
fn a_timer_gives_back_only_what_has_lapsed() {
    let mut inventory = stocked(&[reserve(3, None), commit(), reserve(4, Some(2_000))]);
    let expiry = |inventory: &Inventory, now| decide_expiry(inventory, &cart("c"), at(now)).unwrap();
    assert!(expiry(&inventory, 1_999).events.is_empty());
    let lapsed = expiry(&inventory, 2_000);
    assert_eq!(lapsed.events.as_slice(), [released(4, 0, Expired)]);
    assert_eq!((lapsed.answer.available, lapsed.answer.held), (7, 3));
    apply_all(&mut inventory, &lapsed.events);
    assert!(expiry(&inventory, 2_000).events.is_empty());
}
