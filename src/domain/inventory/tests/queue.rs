//! Backorders and preorders: who waits, in which order they are filled, and what becomes of those who stop waiting.

use super::*;
use crate::domain::command::Grant;
use StepOp::{Commit, Release, Reserve, Ship, Take, Uncommit};

fn of(name: &str) -> HoldOwner {
    HoldOwner::Order(OrderId::new(name).unwrap())
}

/// A step of an order that may wait.
fn waits(name: &str, number: u32, op: StepOp, quantity: u64) -> StockStep {
    let order = OrderId::new(name).unwrap();
    StockStep { order, may_wait: true, ..step(number, op, quantity) }
}

fn backorders(units_max: u64) -> StockPolicy {
    StockPolicy { backorder: Some(Backorder { units_max }), ..StockPolicy::default() }
}

fn set(policy: StockPolicy) -> SkuCommand {
    SkuCommand::SetPolicy(Box::new(policy))
}

/// Ten units, and up to twenty more on backorder.
fn promising() -> Inventory {
    stocked(&[set(backorders(20))])
}

fn grant(inventory: &mut Inventory, step: &StockStep) -> Grant {
    let decision = decide_step(inventory, step, false, NOW).unwrap();
    apply_all(inventory, &decision.events);
    decision.grant
}

fn filled(name: &str, reserved: u64, committed: u64) -> StockEvent {
    StockEvent::Filled { owner: of(name), reserved, committed, at: LocationId::MAIN }
}

/// What an order has: reserved, committed, waited for.
fn has(inventory: &Inventory, name: &str) -> [u64; 3] {
    let hold = inventory.hold(&of(name)).unwrap_or_default();
    [hold.reserved, hold.committed, hold.awaiting()]
}

fn refused(inventory: &Inventory, step: &StockStep) -> Refusal {
    decide_step(inventory, step, false, NOW).unwrap_err()
}

/// Ten units held by `a`, who waits for two more; `b` waits for three and `c` for one.
fn queued() -> Inventory {
    let mut inventory = promising();
    for (name, quantity) in [("a", 12), ("b", 3), ("c", 1)] {
        run_step(&mut inventory, &waits(name, 1, Reserve, quantity));
    }
    inventory
}

#[test]
fn what_is_not_there_is_promised_and_counts_as_no_stock() {
    let mut inventory = promising();
    let (owner, step) = (of("a"), 1);
    let events = run_step(&mut inventory, &waits("a", 1, Reserve, 12));
    let reserved = StockEvent::Reserved {
        owner: owner.clone(),
        quantity: 10,
        step,
        deadline: None,
        purchase: None,
        at: LocationId::MAIN,
    };
    let promised =
        StockEvent::Queued { owner, quantity: 2, promise: Promise::Backorder, step, purchase: None };
    assert_eq!(events, [reserved, promised]);
    let counters = inventory.counters;
    assert_eq!((counters.reserved, counters.backordered, counters.on_hand()), (10, 2, Some(10)));
    assert_eq!(has(&inventory, "a"), [10, 0, 2]);
    let again = decide_step(&inventory, &waits("a", 1, Reserve, 12), true, NOW).unwrap();
    assert_eq!((again.events.len(), again.grant), (0, Grant { held: 10, awaiting: 2, filled: 0 }));
}

#[test]
fn whoever_may_not_wait_is_refused_as_ever() {
    let inventory = promising();
    let step = StockStep { may_wait: false, ..waits("a", 1, Reserve, 12) };
    let short = Refusal::InsufficientStock { sku: sku(), requested: 12, available: 10 };
    assert_eq!(refused(&inventory, &step), short.clone());
    assert_eq!(refused(&stocked(&[]), &waits("a", 1, Reserve, 12)), short, "no policy promises anything");
}

#[test]
fn the_cap_of_backorders_holds_over_all_who_wait() {
    let mut inventory = promising();
    run_step(&mut inventory, &waits("a", 1, Reserve, 25));
    let limit = |used, requested| Refusal::BackorderLimitExceeded {
        sku: sku(),
        promise: Promise::Backorder,
        limit: 20,
        used,
        requested,
    };
    assert_eq!(refused(&inventory, &waits("b", 1, Reserve, 6)), limit(15, 6));
    assert_eq!(grant(&mut inventory, &waits("b", 1, Reserve, 5)).awaiting, 5);
    assert_eq!(refused(&inventory, &waits("c", 1, Reserve, 1)), limit(20, 1));
    let partial = StockStep { partial: true, ..waits("c", 1, Reserve, 60) };
    let mut fresh = promising();
    assert_eq!(grant(&mut fresh, &partial), Grant { held: 10, awaiting: 0, filled: 0 }, "content with less");
}

#[test]
fn who_came_first_is_filled_first_and_in_part_where_there_is_not_enough() {
    let mut inventory = queued();
    let events = run(&mut inventory, &receive(4));
    assert_eq!(events.get(1..), Some([filled("a", 2, 0), filled("b", 2, 0)].as_slice()));
    assert_eq!(
        [has(&inventory, "a"), has(&inventory, "b"), has(&inventory, "c")],
        [[12, 0, 0], [2, 0, 1], [0, 0, 1]]
    );
    let events = run(&mut inventory, &receive(9));
    assert_eq!(events.get(1..), Some([filled("b", 1, 0), filled("c", 1, 0)].as_slice()));
    assert_eq!(
        (inventory.queue_len(), inventory.counters.available, inventory.counters.backordered),
        (0, 7, 0)
    );
    assert!(inventory.queue.is_none());
    assert_eq!(inventory.hold(&of("b")).map(|hold| hold.filled()), Some(3));
}

#[test]
fn every_movement_that_makes_units_available_fills() {
    let hold = || stocked(&[set(backorders(20)), reserve(4, Some(2_000)), receive(3)]);
    let aside = |inventory: &mut Inventory, place| {
        run(inventory, &SkuCommand::put(1, Place::Available, place, "r"));
    };
    let delivery = || DeliveryId::new("d").unwrap();
    for (index, command) in [
        receive(1),
        SkuCommand::adjust(1, "r"),
        SkuCommand::Release { cart: cart("c") },
        reserve(3, Some(2_000)),
        SkuCommand::put(1, Place::SafetyStock, Place::Available, "r"),
        SkuCommand::put(1, Place::QualityHold, Place::Available, "r"),
        SkuCommand::return_to_stock(1, Place::Available, "r"),
        SkuCommand::receive_delivery(delivery(), 1, "r"),
        receive(1).at(LocationId::new("elsewhere").unwrap()),
    ]
    .into_iter()
    .enumerate()
    {
        let mut inventory = hold();
        aside(&mut inventory, Place::SafetyStock);
        aside(&mut inventory, Place::QualityHold);
        run(&mut inventory, &SkuCommand::announce(delivery(), 1, at(9)));
        for (number, op) in [(1, Reserve), (2, Commit), (3, Ship)] {
            run_step(&mut inventory, &step(number, op, 1));
        }
        run_step(&mut inventory, &waits("a", 1, Reserve, 12));
        let before = has(&inventory, "a");
        run(&mut inventory, &command);
        let now = has(&inventory, "a");
        assert!(now[0] > before[0] && now[2] < before[2], "{index}: {command:?}");
    }
    let mut inventory = hold();
    run_step(&mut inventory, &waits("a", 1, Reserve, 12));
    let lapsed = decide_expiry(&inventory, &cart("c"), at(2_000)).unwrap();
    apply_all(&mut inventory, &lapsed.events);
    assert_eq!(has(&inventory, "a"), [12, 0, 0]);
    assert_eq!(inventory.counters.available, 1);
}

#[test]
fn nobody_overtakes_while_somebody_waits() {
    let mut inventory = queued();
    run(&mut inventory, &set(backorders(6)));
    let nothing = |requested| Refusal::InsufficientStock { sku: sku(), requested, available: 0 };
    assert_eq!(refused(&inventory, &step(1, Reserve, 1)), nothing(1));
    assert_eq!(decide(&inventory, &reserve(1, None), NOW), Err(nothing(1)), "nor does a cart");
    // Units that a record could not give out any more are not for newcomers either.
    let received = StockEvent::Received { quantity: 50, reason: "po".into(), at: LocationId::MAIN };
    apply(&mut inventory, &received).unwrap();
    assert!(inventory.can_fill());
    assert_eq!(refused(&inventory, &step(1, Reserve, 1)), nothing(1));
    assert_eq!(decide(&inventory, &reserve(1, None), NOW), Err(nothing(1)));
    let jumped = filled("b", 1, 0);
    let first = InvariantBroken::Overtaken { first: of("a"), owner: of("b") };
    assert_eq!(apply(&mut inventory, &jumped), Err(first));
    let rest = decide_fill(&inventory).unwrap();
    assert_eq!(rest.events.as_slice(), [filled("a", 2, 0), filled("b", 3, 0), filled("c", 1, 0)]);
    apply_all(&mut inventory, &rest.events);
    assert!(decide_fill(&inventory).unwrap().events.is_empty());
    run(&mut inventory, &reserve(44, None));
}

#[test]
fn what_a_cart_holds_stays_its_own_while_others_wait() {
    let mut inventory = stocked(&[set(backorders(20)), reserve(4, Some(2_000))]);
    run_step(&mut inventory, &waits("a", 1, Reserve, 9));
    let more = Refusal::InsufficientStock { sku: sku(), requested: 5, available: 4 };
    assert_eq!(decide(&inventory, &reserve(5, Some(2_000)), NOW), Err(more));
    let lapsed = decide(&inventory, &reserve(4, Some(3_000)), at(2_000));
    let gone = Refusal::InsufficientStock { sku: sku(), requested: 4, available: 0 };
    assert_eq!(lapsed, Err(gone), "what has lapsed is the first one's who waits");
    let order = StockStep { cart: Some(cart("c")), ..waits("b", 1, Reserve, 5) };
    assert_eq!(grant(&mut inventory, &order), Grant { held: 4, awaiting: 1, filled: 0 });
    assert_eq!(has(&inventory, "a"), [6, 0, 3]);
    let less = stocked(&[set(backorders(20)), reserve(4, None)]);
    let mut inventory = less;
    run_step(&mut inventory, &waits("a", 1, Reserve, 9));
    let order = StockStep { cart: Some(cart("c")), ..waits("b", 1, Reserve, 1) };
    run_step(&mut inventory, &order);
    assert_eq!(
        [has(&inventory, "a"), has(&inventory, "b")],
        [[9, 0, 0], [1, 0, 0]],
        "the rest goes to who waits"
    );
}

#[test]
fn units_that_were_paid_for_while_waiting_come_as_committed() {
    let mut inventory = queued();
    assert_eq!(grant(&mut inventory, &waits("b", 2, Commit, 2)), Grant { held: 0, awaiting: 3, filled: 0 });
    run(&mut inventory, &receive(3));
    assert_eq!(has(&inventory, "a"), [12, 0, 0]);
    assert_eq!(has(&inventory, "b"), [0, 1, 2], "what is paid for comes first");
    run(&mut inventory, &receive(2));
    assert_eq!(has(&inventory, "b"), [1, 2, 0]);
    let exceeded = Refusal::HoldExceeded { sku: sku(), requested: 3, held: 2 };
    assert_eq!(refused(&inventory, &waits("b", 3, Ship, 3)), exceeded);
    let events = run_step(&mut inventory, &waits("b", 3, Uncommit, 2));
    assert_eq!(events.len(), 1);
    assert_eq!(has(&inventory, "b"), [3, 0, 0]);
}

#[test]
fn paying_and_its_undoing_take_what_is_there_before_and_after_what_is_not() {
    let mut inventory = promising();
    run_step(&mut inventory, &waits("a", 1, Reserve, 12));
    run_step(&mut inventory, &waits("a", 2, Commit, 11));
    assert_eq!(has(&inventory, "a"), [0, 10, 2]);
    assert_eq!(
        inventory.hold(&of("a")).and_then(|hold| hold.awaiting).map(|a| (a.unpaid, a.paid)),
        Some((1, 1))
    );
    run_step(&mut inventory, &waits("a", 3, Uncommit, 11));
    assert_eq!(has(&inventory, "a"), [10, 0, 2]);
    assert_eq!(
        inventory.hold(&of("a")).and_then(|hold| hold.awaiting).map(|a| (a.unpaid, a.paid)),
        Some((2, 0))
    );
    let exceeded = Refusal::HoldExceeded { sku: sku(), requested: 13, held: 12 };
    assert_eq!(refused(&inventory, &waits("a", 4, Commit, 13)), exceeded);
    let mut inventory = promising();
    run_step(&mut inventory, &waits("b", 1, Take, 12));
    assert_eq!(has(&inventory, "b"), [0, 10, 2]);
    assert_eq!(
        inventory.hold(&of("b")).and_then(|hold| hold.awaiting).map(|a| (a.unpaid, a.paid)),
        Some((0, 2))
    );
}

#[test]
fn who_gives_up_gives_up_first_what_is_not_there() {
    let mut inventory = queued();
    assert_eq!(grant(&mut inventory, &waits("a", 2, Release, 1)), Grant { held: 10, awaiting: 1, filled: 0 });
    assert_eq!(inventory.counters.available, 0);
    run_step(&mut inventory, &waits("b", 2, Release, 3));
    assert_eq!((inventory.hold(&of("b")), inventory.counters.backordered), (None, 2));
    let events = run_step(&mut inventory, &waits("a", 3, Release, 4));
    assert_eq!(events.last(), Some(&filled("c", 1, 0)), "what `a` held goes to who waits");
    assert_eq!([has(&inventory, "a"), has(&inventory, "c")], [[7, 0, 0], [1, 0, 0]]);
    assert_eq!(inventory.counters.available, 2);
}

#[test]
fn what_was_filled_while_a_release_was_under_way_is_released_with_the_rest() {
    let mut inventory = queued();
    run(&mut inventory, &receive(2));
    assert_eq!(has(&inventory, "a"), [12, 0, 0]);
    let all = grant(&mut inventory, &waits("a", 2, Release, 12));
    assert_eq!(all, Grant { held: 0, awaiting: 0, filled: 2 }, "the end of a hold tells what was filled");
    assert_eq!([has(&inventory, "b"), has(&inventory, "c")], [[3, 0, 0], [1, 0, 0]]);
    let last = grant(&mut inventory, &waits("b", 2, Release, 3));
    assert_eq!(last, Grant { filled: 3, ..Grant::default() }, "also when nobody waits any more");
    assert_eq!(
        decide_step(&inventory, &waits("a", 2, Release, 12), true, NOW).unwrap().grant,
        Grant::default()
    );
}

#[test]
fn a_later_reservation_of_the_same_order_waits_behind_the_others() {
    let mut inventory = queued();
    run_step(&mut inventory, &waits("a", 2, Reserve, 2));
    let order: Vec<_> = inventory.queue().map(|waiter| (waiter.owner.clone(), waiter.quantity)).collect();
    assert_eq!(order, [(of("a"), 2), (of("b"), 3), (of("c"), 1), (of("a"), 2)]);
    run_step(&mut inventory, &waits("a", 3, Release, 3));
    let order: Vec<_> = inventory.queue().map(|waiter| (waiter.owner.clone(), waiter.quantity)).collect();
    assert_eq!(order, [(of("a"), 1), (of("b"), 3), (of("c"), 1)], "what came last goes first");
}

#[test]
fn a_preorder_is_taken_until_its_end_to_the_tick() {
    let preorder = Some(Preorder { units_max: 5, until: at(2_000) });
    let both = StockPolicy { preorder, ..backorders(3) };
    let alone = StockPolicy { preorder, ..StockPolicy::default() };
    let mut inventory = Inventory::new(sku());
    run(&mut inventory, &receive(0));
    run(&mut inventory, &set(alone));
    let decided = |inventory: &Inventory, quantity, now| {
        decide_step(inventory, &waits("a", 1, Reserve, quantity), false, at(now))
            .map(|decision| decision.grant.awaiting)
    };
    assert_eq!(decided(&inventory, 5, 1_999), Ok(5));
    let ended = Refusal::PreorderEnded { sku: sku(), until: at(2_000) };
    assert_eq!(decided(&inventory, 5, 2_000), Err(ended.clone()));
    assert_eq!(ended.to_string(), "preorders of SKU sku were taken until 2000 ms of engine time");
    let full = Refusal::BackorderLimitExceeded {
        sku: sku(),
        promise: Promise::Preorder,
        limit: 5,
        used: 0,
        requested: 6,
    };
    assert_eq!(decided(&inventory, 6, 1_999), Err(full));
    run(&mut inventory, &set(both));
    let kinds = |now, quantity| {
        let step = waits("a", 1, Reserve, quantity);
        decide_step(&inventory, &step, false, at(now)).map(|decision| match decision.events.as_slice() {
            [StockEvent::Queued { promise, .. }] => Some(*promise),
            _ => None,
        })
    };
    assert_eq!(kinds(1_999, 3), Ok(Some(Promise::Preorder)));
    assert_eq!(kinds(2_000, 3), Ok(Some(Promise::Backorder)));
    assert!(kinds(1_999, 6).is_err() && kinds(2_000, 4).is_err());
    run_step(&mut inventory, &waits("a", 1, Reserve, 2));
    assert_eq!((inventory.counters.preordered, inventory.counters.backordered), (2, 0));
    run(&mut inventory, &receive(2));
    assert_eq!((inventory.counters.preordered, inventory.counters.reserved), (0, 2));
}

#[test]
fn units_that_are_waited_for_count_in_budgets_and_limits() {
    let buyer = || Some(CustomerId::new("ada").unwrap());
    let mut inventory = stocked(&[set(StockPolicy { hold_budget_per_buyer: Some(12), ..backorders(20) })]);
    run_step(&mut inventory, &StockStep { buyer: buyer(), ..waits("a", 1, Reserve, 12) });
    assert_eq!(inventory.held_by(&buyer().unwrap()), Some(12));
    let budget = Refusal::HoldBudgetExceeded { sku: sku(), limit: 12, used: 12, requested: 1 };
    let step = StockStep { buyer: buyer(), ..waits("b", 1, Reserve, 1) };
    assert_eq!(refused(&inventory, &step), budget);
    run(&mut inventory, &receive(1));
    assert_eq!(inventory.held_by(&buyer().unwrap()), Some(12), "coming changes nothing");
    run_step(&mut inventory, &waits("a", 2, Release, 2));
    assert_eq!(inventory.held_by(&buyer().unwrap()), Some(10));
}

#[test]
fn a_thousand_who_wait_are_filled_in_bounded_records() {
    let mut inventory = stocked(&[set(backorders(2_000))]);
    run_step(&mut inventory, &step(1, Reserve, 10));
    for number in 0..1_000 {
        run_step(&mut inventory, &waits(&format!("o{number}"), 1, Reserve, 1));
    }
    let mut decision = decide(&inventory, &receive(1_005), NOW).unwrap();
    let mut records = Vec::new();
    while !decision.events.is_empty() {
        records.push(decision.events.len());
        decision.events.iter().for_each(|event| apply(&mut inventory, event).unwrap());
        decision = decide_fill(&inventory).unwrap();
    }
    assert_eq!(records, [FILLS_MAX + 1, FILLS_MAX, FILLS_MAX, 1_000 - 3 * FILLS_MAX]);
    inventory.check_fully().unwrap();
    assert_eq!((inventory.queue_len(), inventory.counters.available), (0, 5));
}
