//! Budgets and purchase limits: counted once, given back once, on the day on which they were counted.

use proptest::prelude::*;

use super::*;
use StepOp::{Commit, Release, Reserve, Ship, Unship};

const DAY: u64 = 86_400_000;

fn budget(units: u64) -> SkuCommand {
    let policy = StockPolicy { hold_budget_per_buyer: Some(units), ..StockPolicy::default() };
    SkuCommand::SetPolicy(Box::new(policy))
}

fn limits(purchase_limits: PurchaseLimits) -> SkuCommand {
    SkuCommand::SetPolicy(Box::new(StockPolicy { purchase_limits, ..StockPolicy::default() }))
}

fn per_day(units: u64) -> SkuCommand {
    limits(PurchaseLimits { day: Some(units), ..PurchaseLimits::default() })
}

fn alice() -> CustomerId {
    CustomerId::new("alice").unwrap()
}

fn ask(name: &str, quantity: u64) -> SkuCommand {
    SkuCommand::Reserve(ReserveStock::new(cart(name), quantity).by(alice()))
}

fn order_of_alice(name: &str, quantity: u64) -> StockStep {
    let order = OrderId::new(name).unwrap();
    StockStep { order, buyer: Some(alice()), ..step(1, Reserve, quantity) }
}

fn over(limit: u64, used: u64, requested: u64) -> Refusal {
    Refusal::HoldBudgetExceeded { sku: sku(), limit, used, requested }
}

fn beyond(window: LimitWindow, limit: u64, used: u64, requested: u64) -> Refusal {
    Refusal::PurchaseLimitExceeded { sku: sku(), window, limit, used, requested }
}

/// Decides and applies at a moment; answers the refusal, if that is what came of it.
fn run_at(inventory: &mut Inventory, command: &SkuCommand, now: u64) -> Option<Refusal> {
    match decide(inventory, command, at(now)) {
        Ok(decision) => apply_all(inventory, &decision.events),
        Err(refusal) => return Some(refusal),
    }
    None
}

#[test]
fn a_buyer_cannot_deny_others_the_stock_by_holding_more_than_the_budget() {
    let mut inventory = stocked(&[budget(4), ask("c", 3)]);
    assert_eq!(decide(&inventory, &ask("d", 2), NOW), Err(over(4, 3, 2)));
    assert_eq!(decide_step(&inventory, &order_of_alice("o", 2), false, NOW), Err(over(4, 3, 2)));
    run_step(&mut inventory, &order_of_alice("o", 1));
    assert_eq!(inventory.held_by(&alice()), Some(4), "carts and orders together");
    let other = ReserveStock::new(cart("e"), 4).by(CustomerId::new("bob").unwrap());
    run(&mut inventory, &SkuCommand::Reserve(other));
    run(&mut inventory, &SkuCommand::Reserve(ReserveStock::new(cart("f"), 2)));
}

#[test]
fn a_cart_that_asks_again_or_becomes_an_order_is_not_counted_twice() {
    let mut inventory = stocked(&[budget(4), ask("c", 3), ask("c", 4)]);
    assert_eq!(decide(&inventory, &ask("c", 5), NOW), Err(over(4, 0, 5)));
    let converts = StockStep { cart: Some(cart("c")), ..order_of_alice("o", 4) };
    run_step(&mut inventory, &converts);
    assert_eq!(inventory.held_by(&alice()), Some(4));
}

#[test]
fn units_that_are_given_back_or_shipped_leave_the_budget() {
    let mut inventory = stocked(&[budget(4), ask("c", 4)]);
    run(&mut inventory, &SkuCommand::Commit { cart: cart("c") });
    assert_eq!(decide(&inventory, &ask("d", 1), NOW), Err(over(4, 4, 1)));
    run(&mut inventory, &SkuCommand::ship(cart("c"), 1));
    run(&mut inventory, &ask("d", 1));
    run(&mut inventory, &SkuCommand::Release { cart: cart("c") });
    assert_eq!(inventory.held_by(&alice()), Some(1));
}

#[test]
fn a_tighter_policy_counts_what_is_held_and_takes_nothing_away() {
    let mut inventory = stocked(&[ask("c", 5)]);
    assert_eq!(inventory.held_by(&alice()), None, "nobody asked to count");
    run(&mut inventory, &budget(4));
    assert_eq!(inventory.held_by(&alice()), Some(5));
    run(&mut inventory, &ask("c", 4));
    assert_eq!(run(&mut inventory, &budget(4)), [], "the same policy again");
    run(&mut inventory, &SkuCommand::SetPolicy(Box::default()));
    assert_eq!((inventory.policy(), inventory.held_by(&alice())), (None, None));
}

#[test]
fn limits_count_by_window_and_the_next_window_begins_anew() {
    // Day 27 is Wednesday 28 January 1970; 30 is Saturday the 31st, 31 Sunday 1 February, 32 Monday.
    let all = PurchaseLimits { total: Some(9), month: Some(7), week: Some(5), day: Some(3) };
    let mut inventory = stocked(&[limits(all)]);
    let mut ask_on = |name, quantity, day| run_at(&mut inventory, &ask(name, quantity), day * DAY + 5);
    assert_eq!(ask_on("a", 3, 27), None);
    assert_eq!(ask_on("b", 1, 27), Some(beyond(LimitWindow::Day, 3, 3, 1)));
    assert_eq!(ask_on("b", 2, 30), None);
    assert_eq!(ask_on("c", 1, 31), Some(beyond(LimitWindow::Week, 5, 5, 1)), "a month began, not a week");
    assert_eq!(ask_on("c", 3, 32), None);
    assert_eq!(ask_on("d", 2, 33), Some(beyond(LimitWindow::Total, 9, 8, 2)));
    assert_eq!(ask_on("d", 1, 33), None);
    let month = PurchaseLimits { month: Some(4), ..PurchaseLimits::default() };
    let mut inventory = stocked(&[limits(month)]);
    assert_eq!(run_at(&mut inventory, &ask("a", 4), 32 * DAY), None);
    assert_eq!(run_at(&mut inventory, &ask("b", 1), 58 * DAY), Some(beyond(LimitWindow::Month, 4, 4, 1)));
    assert_eq!(run_at(&mut inventory, &ask("b", 4), 59 * DAY), None, "1 March");
}

#[test]
fn units_given_back_on_a_later_day_do_not_make_room_on_that_day() {
    let mut inventory = stocked(&[per_day(3)]);
    assert_eq!(run_at(&mut inventory, &ask("a", 3), DAY), None);
    assert_eq!(run_at(&mut inventory, &ask("b", 3), 2 * DAY), None);
    assert_eq!(run_at(&mut inventory, &SkuCommand::Release { cart: cart("a") }, 2 * DAY), None);
    let full = Some(beyond(LimitWindow::Day, 3, 3, 1));
    assert_eq!(run_at(&mut inventory, &ask("c", 1), 2 * DAY), full);
    assert_eq!(run_at(&mut inventory, &SkuCommand::Release { cart: cart("b") }, 3 * DAY), None);
    assert_eq!(run_at(&mut inventory, &ask("c", 3), 2 * DAY), None, "given back once, and only once");
}

#[test]
fn expiry_and_cancellation_roll_the_limit_back_and_shipping_does_not() {
    let total = PurchaseLimits { total: Some(2), ..PurchaseLimits::default() };
    let mut inventory = stocked(&[limits(total)]);
    let hold = ReserveStock::new(cart("a"), 2).by(alice()).until(at(2_000));
    run(&mut inventory, &SkuCommand::Reserve(hold));
    let full = Err(beyond(LimitWindow::Total, 2, 2, 1));
    assert_eq!(decide_step(&inventory, &order_of_alice("o", 1), false, NOW), full);
    let lapsed = decide_expiry(&inventory, &cart("a"), at(2_000)).unwrap();
    apply_all(&mut inventory, &lapsed.events);
    for (number, op) in
        [(1, Reserve), (2, Release), (3, Reserve), (4, Commit), (5, Ship), (6, Unship), (7, Ship)]
    {
        run_step(&mut inventory, &StockStep { number, op, ..order_of_alice("o", 2) });
    }
    assert_eq!(decide_step(&inventory, &order_of_alice("p", 1), false, NOW), full, "what is bought counts");
    run(&mut inventory, &SkuCommand::return_to_stock(2, Place::Available, "r"));
    assert_eq!(decide_step(&inventory, &order_of_alice("p", 1), false, NOW), full, "even when it came back");
}

#[test]
fn a_redelivered_step_is_counted_once() {
    let mut inventory = stocked(&[per_day(5)]);
    run_step(&mut inventory, &order_of_alice("o", 3));
    let again = decide_step(&inventory, &order_of_alice("o", 3), true, at(2 * DAY)).unwrap();
    assert!(again.events.is_empty());
    run_step(&mut inventory, &order_of_alice("p", 2));
    assert_eq!(inventory.held_by(&alice()), Some(5));
}

#[test]
fn counts_that_do_not_fit_are_refused() {
    let mut inventory =
        stocked(&[limits(PurchaseLimits { month: Some(u64::MAX), ..PurchaseLimits::default() })]);
    run(&mut inventory, &receive(u64::MAX - 20));
    let all = u64::MAX - 10;
    for (number, op) in [(1, Reserve), (2, Commit), (3, Ship)] {
        run_step(&mut inventory, &StockStep { number, op, ..order_of_alice("o", all) });
    }
    run(&mut inventory, &SkuCommand::return_to_stock(all, Place::Available, "r"));
    assert_eq!(decide(&inventory, &ask("c", 11), NOW), Err(Refusal::Overflow));
}

/// Buyer `number` takes a unit for good on a day, at a SKU that has enough.
fn buy(inventory: &mut Inventory, number: u64, day: u64) {
    let name = format!("c-{number}-{day}");
    let asked = ReserveStock::new(cart(&name), 1).by(CustomerId::new(format!("b-{number}")).unwrap());
    assert_eq!(run_at(inventory, &receive(1), day * DAY), None);
    assert_eq!(run_at(inventory, &SkuCommand::Reserve(asked), day * DAY), None);
    assert_eq!(run_at(inventory, &SkuCommand::Commit { cart: cart(&name) }, day * DAY), None);
    assert_eq!(run_at(inventory, &SkuCommand::ship(cart(&name), 1), day * DAY), None);
}

#[test]
fn accounts_that_no_limit_looks_at_any_more_are_closed_in_passing() {
    let mut inventory = stocked(&[per_day(5)]);
    (0..300).for_each(|number| buy(&mut inventory, number, 1));
    assert_eq!(inventory.buyers.as_ref().unwrap().len(), 300);
    // A limit by month can still be set, so that day 1 counts until the month is over.
    (0..200).for_each(|number| buy(&mut inventory, number, 20));
    assert_eq!(inventory.buyers.as_ref().unwrap().len(), 300);
    (300..600).for_each(|number| buy(&mut inventory, number, 70));
    assert_eq!(inventory.buyers.as_ref().unwrap().len(), 300, "those of the month, and no others");
    let total = PurchaseLimits { total: Some(9), ..PurchaseLimits::default() };
    run(&mut inventory, &limits(total));
    (600..900).for_each(|number| buy(&mut inventory, number, 140));
    assert_eq!(inventory.buyers.as_ref().unwrap().len(), 600, "a limit over all time forgets nobody");
}

/// What a buyer, a cart and the rules do: of three buyers and nine carts, over the days.
fn act() -> impl Strategy<Value = (u8, u8, u8, u64, u64)> {
    (0..8u8, 0..3u8, 0..3u8, 1..4u64, prop_oneof![4 => Just(0u64), 1 => 1..9u64, 1 => 20..60u64])
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_sku_that_closes_accounts_decides_as_one_that_keeps_them_all(acts in prop::collection::vec(act(), 1..120)) {
        let mut pruned = stocked(&[per_day(3), receive(1_000)]);
        let mut kept = pruned.clone();
        let mut day = 3;
        for (kind, buyer, number, units, later) in acts {
            day += later;
            let buyer = CustomerId::new(format!("b{buyer}")).unwrap();
            let cart = cart(&format!("{buyer}-{number}"));
            let command = match kind {
                0..=3 => SkuCommand::Reserve(ReserveStock::new(cart, units).by(buyer.clone())),
                4 => SkuCommand::Commit { cart },
                5 => SkuCommand::ship(cart, units),
                6 => SkuCommand::Release { cart },
                _ => {
                    let limit = |is: bool| is.then_some(units + 2);
                    let day = limit(number != 1 || buyer.as_str() == "b1");
                    let [total, week, month] = [limit(number == 1), limit(number == 2), limit(units == 3)];
                    limits(PurchaseLimits { total, day, week, month })
                }
            };
            let decided = decide(&pruned, &command, at(day * DAY));
            prop_assert_eq!(&decide(&kept, &command, at(day * DAY)), &decided, "on day {}", day);
            let Ok(decision) = decided else { continue };
            for event in &decision.events {
                apply(&mut pruned, event).unwrap();
                let before = kept.buyers.clone();
                apply(&mut kept, event).unwrap();
                if let (Some(accounts), Some(before)) = (&mut kept.buyers, before)
                    && !matches!(event, StockEvent::PolicySet { .. })
                {
                    accounts.reopen(&before, &buyer);
                }
                pruned.check_fully().unwrap();
            }
        }
    }
}

/// An order of a buyer, who may have no more than two units in all.
fn limited(name: &str, buyer: &str, quantity: u64) -> StockStep {
    let order = OrderId::new(name).unwrap();
    let buyer = Some(CustomerId::new(buyer).unwrap());
    StockStep { order, buyer, buyer_max: Some(2), ..step(1, Reserve, quantity) }
}

#[test]
fn the_first_order_that_limits_its_buyers_makes_the_sku_count_what_is_held_already() {
    let mut inventory = stocked(&[ask("c", 1)]);
    assert_eq!(inventory.held_by(&alice()), None, "nobody counted");
    let over = decide_step(&inventory, &limited("o", "alice", 2), false, NOW);
    assert_eq!(over, Err(beyond(LimitWindow::Total, 2, 1, 2)));
    let granted = decide_step(&inventory, &limited("o", "alice", 1), false, NOW).unwrap();
    assert_eq!(granted.events.first(), Some(&StockEvent::CountingBegan));
    apply_all(&mut inventory, &granted.events);
    assert_eq!(inventory.held_by(&alice()), Some(2));
    let second = decide_step(&inventory, &limited("p", "bob", 2), false, NOW).unwrap();
    assert!(!second.events.contains(&StockEvent::CountingBegan), "it counts already");
    let third = decide_step(&inventory, &limited("q", "alice", 1), false, NOW);
    assert_eq!(third, Err(beyond(LimitWindow::Total, 2, 2, 1)));
    assert_eq!(inventory.check(), Ok(()));
}

#[test]
fn what_was_shipped_still_counts_what_was_given_back_does_not_and_no_policy_ends_the_counting() {
    let mut inventory = stocked(&[]);
    run_step(&mut inventory, &limited("o", "alice", 2));
    for (number, op) in [(2, StepOp::Commit), (3, StepOp::Ship)] {
        run_step(&mut inventory, &StockStep { number, op, ..limited("o", "alice", 2) });
    }
    run_step(&mut inventory, &limited("p", "bob", 2));
    run_step(&mut inventory, &StockStep { number: 2, op: StepOp::Release, ..limited("p", "bob", 1) });
    for policy in [
        per_day(50),
        limits(PurchaseLimits { total: Some(9), ..PurchaseLimits::default() }),
        limits(PurchaseLimits::default()),
    ] {
        assert_eq!(run_at(&mut inventory, &policy, 5), None);
        let again = decide_step(&inventory, &limited("r", "alice", 1), false, NOW);
        assert_eq!(again, Err(beyond(LimitWindow::Total, 2, 2, 1)));
        let other = decide_step(&inventory, &limited("s", "bob", 2), false, NOW);
        assert_eq!(other, Err(beyond(LimitWindow::Total, 2, 1, 2)));
        decide_step(&inventory, &limited("s", "bob", 1), false, NOW).unwrap();
        assert_eq!(inventory.check(), Ok(()));
    }
}
