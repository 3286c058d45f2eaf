//! Every refusal, and that apply leaves alone what it cannot apply.

use super::*;

fn check(inventory: &Inventory, command: &SkuCommand, expected: Refusal) {
    assert_eq!(decide(inventory, command, NOW), Err(expected), "{command:?}");
}

fn reason() -> Reason {
    "r".into()
}

#[test]
fn a_quantity_of_zero_is_refused() {
    let inventory = stocked(&[reserve(1, None)]);
    for command in [
        SkuCommand::adjust(0, reason()),
        reserve(0, None),
        SkuCommand::ship(cart("c"), 0),
        SkuCommand::return_to_stock(0, Place::Available, reason()),
        SkuCommand::write_off(0, Place::Available, reason()),
    ] {
        check(&inventory, &command, Refusal::QuantityNotPositive { line: 0 });
    }
}

#[test]
fn an_unknown_sku_takes_nothing_but_a_receipt() {
    let inventory = Inventory::new(sku());
    for command in [
        SkuCommand::adjust(1, reason()),
        reserve(1, None),
        SkuCommand::Commit { cart: cart("c") },
        SkuCommand::Release { cart: cart("c") },
        SkuCommand::ship(cart("c"), 1),
        SkuCommand::return_to_stock(1, Place::Available, reason()),
        SkuCommand::write_off(1, Place::Available, reason()),
    ] {
        check(&inventory, &command, Refusal::UnknownSku { sku: sku() });
    }
}

#[test]
fn what_is_not_there_is_neither_promised_nor_taken_off() {
    let other = SkuCommand::Reserve(ReserveStock::new(cart("other"), 3));
    let inventory = stocked(&[other, reserve(2, None)]);
    let short = Refusal::InsufficientStock { sku: sku(), requested: 8, available: 7 };
    check(&inventory, &reserve(8, None), short);
    let below = |requested| Refusal::BelowZero {
        sku: sku(),
        place: Place::Available,
        at: LocationId::MAIN,
        requested,
        available: 5,
    };
    check(&inventory, &SkuCommand::adjust(-6, reason()), below(6));
    check(&inventory, &SkuCommand::adjust(i64::MIN, reason()), below(1 << 63));
    check(&inventory, &SkuCommand::write_off(6, Place::Available, reason()), below(6));
}

#[test]
fn nobody_ships_or_returns_more_than_there_is() {
    let commit = SkuCommand::Commit { cart: cart("c") };
    let ship = |quantity| SkuCommand::ship(cart("c"), quantity);
    check(&stocked(&[]), &commit, Refusal::UnknownHold { sku: sku() });
    check(&stocked(&[]), &ship(1), Refusal::UnknownHold { sku: sku() });
    let inventory = stocked(&[reserve(3, None), commit, reserve(4, None), ship(1)]);
    check(&inventory, &ship(3), Refusal::HoldExceeded { sku: sku(), requested: 3, held: 2 });
    let back = SkuCommand::return_to_stock(2, Place::Available, reason());
    check(&inventory, &back, Refusal::ReturnExceedsShipped { sku: sku(), requested: 2, shipped: 1 });
}

#[test]
fn sums_that_do_not_fit_are_refused() {
    let inventory = stocked(&[]);
    check(&inventory, &receive(u64::MAX - 9), Refusal::Overflow);
    let inventory = stocked(&[receive(1 << 62), SkuCommand::adjust(i64::MAX, reason())]);
    check(&inventory, &SkuCommand::adjust(1, reason()), Refusal::Overflow);
}

#[test]
fn a_parked_inventory_takes_neither_commands_nor_steps() {
    let mut inventory = stocked(&[]);
    inventory.parked = Some("why".into());
    let parked = Refusal::Parked { reason: "why".into() };
    check(&inventory, &receive(1), parked.clone());
    assert_eq!(decide_step(&inventory, &step(1, StepOp::Reserve, 1), false, NOW), Err(parked.clone()));
    assert_eq!(decide_expiry(&inventory, &cart("c"), NOW), Err(parked));
}

#[test]
fn a_parked_inventory_says_what_was_done_before_and_gives_back_no_more() {
    let mut inventory = stocked(&[]);
    run_step(&mut inventory, &step(1, StepOp::Reserve, 3));
    inventory.parked = Some("why".into());
    let again =
        |op| decide_step(&inventory, &step(1, op, 3), true, NOW).map(|decision| decision.events.len());
    assert_eq!(again(StepOp::Reserve), Ok(0));
    let back = decide_step(&inventory, &step(2, StepOp::Release, 3), true, NOW);
    assert_eq!(back, Err(Refusal::Parked { reason: "why".into() }));
    let other = StockStep { order: OrderId::new("other").unwrap(), ..step(2, StepOp::Release, 3) };
    assert_eq!(decide_step(&inventory, &other, true, NOW).map(|decision| decision.events.len()), Ok(0));
}

#[test]
fn a_forward_step_that_comes_after_its_own_undoing_is_refused() {
    let mut inventory = stocked(&[]);
    let steps = [(1, StepOp::Reserve), (3, StepOp::Commit), (4, StepOp::Uncommit)];
    for (number, op) in steps {
        run_step(&mut inventory, &step(number, op, 3));
    }
    let late = decide_step(&inventory, &step(3, StepOp::Commit, 3), true, NOW);
    assert_eq!(late, Err(Refusal::HoldExceeded { sku: sku(), requested: 3, held: 0 }));
    let undone = decide_step(&inventory, &step(4, StepOp::Uncommit, 3), true, NOW);
    assert!(undone.unwrap().events.is_empty());
    assert_eq!(run_step(&mut inventory, &step(5, StepOp::Commit, 3)).len(), 1);
}

#[test]
fn a_decision_on_a_broken_state_emits_nothing_and_says_what_is_broken() {
    let mut inventory = stocked(&[reserve(2, None)]);
    inventory.counters.reserved = 3;
    inventory.counters.available = 7;
    let reason = "reserved is 3; the holds sum to 2";
    assert_eq!(inventory.check().unwrap_err().to_string(), reason);
    check(
        &inventory,
        &SkuCommand::write_off(1, Place::Available, "r"),
        Refusal::Parked { reason: reason.into() },
    );
    inventory.counters.available = 6;
    assert_eq!(inventory.check(), Err(InvariantBroken::NotConserved { moved: 10, placed: 9 }));
}

#[test]
fn an_event_that_does_not_fit_changes_nothing_and_names_the_counter() {
    let mut inventory = stocked(&[reserve(2, None)]);
    let before = inventory.clone();
    let cases = [
        (reserved(9, None), "Reserved: available is 8; 9 cannot be taken off"),
        (
            released(3, 0, ReleaseCause::Asked),
            "Released: reserved units of the hold is 2; 3 cannot be taken off",
        ),
        (
            StockEvent::Unshipped {
                owner: owner(),
                quantity: 1,
                step: 1,
                purchase: None,
                at: LocationId::MAIN,
            },
            "Unshipped: shipped is 0; 1 cannot be taken off",
        ),
        (
            StockEvent::Returned {
                quantity: 1,
                to: Place::Available,
                reason: reason(),
                at: LocationId::MAIN,
            },
            "1 units were returned; only 0 were shipped",
        ),
        (
            StockEvent::Received { quantity: u64::MAX, reason: reason(), at: LocationId::MAIN },
            "Received: received is 10; 18446744073709551615 cannot be added",
        ),
    ];
    for (event, text) in cases {
        assert_eq!(apply(&mut inventory, &event).unwrap_err().to_string(), text);
        assert_eq!(inventory, before);
    }
}
