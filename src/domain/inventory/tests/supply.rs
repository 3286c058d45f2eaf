//! Units beside the sale: safety stock, quality hold, deliveries on their way, and the warning of low stock.

use super::*;

fn shift(quantity: u64, from: Place, to: Place) -> SkuCommand {
    SkuCommand::put(quantity, from, to, "r")
}

fn moved(quantity: u64, from: Place, to: Place) -> StockEvent {
    StockEvent::Moved { quantity, from, to, reason: "r".into(), at: LocationId::MAIN }
}

fn delivery() -> DeliveryId {
    DeliveryId::new("d").unwrap()
}

fn announce(quantity: u64, expected: u64) -> SkuCommand {
    SkuCommand::announce(delivery(), quantity, at(expected))
}

fn announced(quantity: u64, expected: u64) -> StockEvent {
    StockEvent::Announced { delivery: delivery(), quantity, expected: at(expected), at: LocationId::MAIN }
}

fn arrives(quantity: u64) -> SkuCommand {
    SkuCommand::receive_delivery(delivery(), quantity, "po")
}

fn received_of(announced: u64, quantity: u64) -> [StockEvent; 2] {
    let arrived = StockEvent::Arrived { delivery: delivery(), quantity: announced };
    [arrived, StockEvent::Received { quantity, reason: "po".into(), at: LocationId::MAIN }]
}

fn warn_at(low_stock: &[u64]) -> SkuCommand {
    let low_stock = low_stock.iter().copied().collect();
    SkuCommand::SetPolicy(Box::new(StockPolicy { low_stock, ..StockPolicy::default() }))
}

fn low(threshold: u64, available: u64) -> StockEvent {
    StockEvent::StockLow { threshold, available }
}

/// The warnings of a command.
fn warnings(inventory: &mut Inventory, command: &SkuCommand) -> Vec<StockEvent> {
    let mut events = run(inventory, command);
    events.retain(|event| matches!(event, StockEvent::StockLow { .. }));
    events
}

#[test]
fn units_that_are_kept_back_are_not_sold_until_they_are_put_back() {
    use Place::{Available, QualityHold, SafetyStock};
    let mut inventory = stocked(&[]);
    for (quantity, from, to) in
        [(4, Available, SafetyStock), (3, Available, QualityHold), (1, SafetyStock, QualityHold)]
    {
        assert_eq!(run(&mut inventory, &shift(quantity, from, to)), [moved(quantity, from, to)]);
    }
    let counters = inventory.counters;
    assert_eq!((counters.available, counters.safety_stock, counters.quality_hold), (3, 3, 4));
    assert_eq!(counters.on_hand(), Some(10), "nothing came or went");
    let short = Refusal::InsufficientStock { sku: sku(), requested: 4, available: 3 };
    assert_eq!(decide(&inventory, &reserve(4, None), NOW), Err(short));
    run(&mut inventory, &shift(1, QualityHold, Available));
    run(&mut inventory, &reserve(4, None));
    assert_eq!(run(&mut inventory, &shift(1, SafetyStock, SafetyStock)), []);
}

#[test]
fn a_place_gives_no_more_than_is_in_it() {
    let mut inventory = stocked(&[shift(2, Place::Available, Place::QualityHold)]);
    let below = |place, requested, available| {
        Err(Refusal::BelowZero { sku: sku(), place, at: LocationId::MAIN, requested, available })
    };
    let back = shift(3, Place::QualityHold, Place::Available);
    assert_eq!(decide(&inventory, &back, NOW), below(Place::QualityHold, 3, 2));
    let off = |quantity| SkuCommand::write_off(quantity, Place::QualityHold, "r");
    assert_eq!(decide(&inventory, &off(3), NOW), below(Place::QualityHold, 3, 2));
    let zero = Err(Refusal::QuantityNotPositive { line: 0 });
    assert_eq!(decide(&inventory, &shift(0, Place::Available, Place::SafetyStock), NOW), zero);
    run(&mut inventory, &off(2));
    let counters = inventory.counters;
    assert_eq!((counters.quality_hold, counters.written_off, counters.on_hand()), (0, 2, Some(8)));
}

#[test]
fn a_return_that_waits_to_be_inspected_is_not_for_sale() {
    let mut inventory = stocked(&[reserve(4, None), SkuCommand::Commit { cart: cart("c") }]);
    run(&mut inventory, &SkuCommand::ship(cart("c"), 4));
    let back = SkuCommand::return_to_stock(3, Place::QualityHold, "r");
    run(&mut inventory, &back);
    assert_eq!((inventory.counters.available, inventory.counters.quality_hold), (6, 3));
}

#[test]
fn a_delivery_that_is_announced_is_a_promise_and_not_stock() {
    let mut inventory = stocked(&[]);
    assert_eq!(run(&mut inventory, &announce(5, 9_000)), [announced(5, 9_000)]);
    assert_eq!(run(&mut inventory, &announce(5, 9_000)), [], "the same again");
    assert_eq!(run(&mut inventory, &announce(6, 9_500)), [announced(6, 9_500)], "late, and one more");
    let short = Refusal::InsufficientStock { sku: sku(), requested: 11, available: 10 };
    assert_eq!(decide(&inventory, &reserve(11, None), NOW), Err(short));
    assert_eq!(inventory.counters.on_hand(), Some(10));
    assert_eq!(run(&mut inventory, &announce(0, 0)), [announced(0, 0)]);
    assert!(inventory.incoming().is_empty(), "called off");
    assert_eq!(run(&mut inventory, &announce(0, 0)), []);
}

#[test]
fn a_delivery_is_received_against_its_announcement() {
    let mut inventory = stocked(&[announce(5, 9_000)]);
    assert_eq!(run(&mut inventory, &arrives(2)), received_of(2, 2));
    let rest = Incoming { quantity: 3, expected: at(9_000), at: LocationId::MAIN };
    assert_eq!(inventory.incoming().get(&delivery()), Some(&rest));
    assert_eq!(run(&mut inventory, &arrives(4)), received_of(3, 4), "one more than was announced");
    assert_eq!((inventory.counters.received, inventory.incoming().len()), (16, 0));
    let unknown = Err(Refusal::UnknownDelivery { sku: sku() });
    assert_eq!(decide(&inventory, &arrives(1), NOW), unknown);
    let mut damaged = inventory.clone();
    let arrived = StockEvent::Arrived { delivery: delivery(), quantity: 1 };
    assert!(apply(&mut damaged, &arrived).is_err());
    assert_eq!(damaged, inventory, "what cannot be applied changes nothing");
}

#[test]
fn low_stock_is_told_once_on_the_way_down_and_again_after_it_was_up() {
    let mut inventory = stocked(&[warn_at(&[2, 5])]);
    assert_eq!(warnings(&mut inventory, &reserve(4, None)), []);
    assert_eq!(warnings(&mut inventory, &reserve(5, None)), [low(5, 5)]);
    assert_eq!(warnings(&mut inventory, &reserve(6, None)), [], "told already");
    assert_eq!(warnings(&mut inventory, &reserve(7, None)), [], "a replaced hold goes up and down unseen");
    assert_eq!(warnings(&mut inventory, &reserve(9, None)), [low(2, 1)]);
    assert_eq!(warnings(&mut inventory, &SkuCommand::Release { cart: cart("c") }), []);
    assert_eq!(warnings(&mut inventory, &reserve(10, None)), [low(5, 0), low(2, 0)]);
}

#[test]
fn a_new_threshold_above_what_is_there_is_told_of_at_once() {
    let mut inventory = stocked(&[warn_at(&[5])]);
    assert_eq!(warnings(&mut inventory, &warn_at(&[5, 10, 20])), [low(20, 10), low(10, 10)]);
    assert_eq!(warnings(&mut inventory, &warn_at(&[20])), [], "told already");
    assert_eq!(run(&mut inventory, &warn_at(&[20])), []);
}
