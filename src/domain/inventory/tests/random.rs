//! Random commands and steps. A failure prints its seed and the shortest input; `PROPTEST_RNG_SEED` runs
//! a seed again, `PROPTEST_CASES` sets how many inputs are tried.

use proptest::prelude::*;

use super::*;
use crate::domain::command::Heir;

#[derive(Clone, Debug)]
pub(super) enum Asked {
    Command(SkuCommand, u64),
    Step(StockStep, bool),
}

/// One of two buyers, or nobody.
fn buyer(number: i64) -> Option<CustomerId> {
    (number >= 0).then(|| CustomerId::new(format!("b{}", number % 2)).unwrap())
}

fn place(number: u8) -> Place {
    match number % 3 {
        0 => Place::Available,
        1 => Place::SafetyStock,
        _ => Place::QualityHold,
    }
}

fn location(number: u8) -> LocationId {
    match number % 4 {
        0 | 1 => LocationId::MAIN,
        2 => LocationId::new("a").unwrap(),
        _ => LocationId::new("b").unwrap(),
    }
}

fn strategy(number: u8) -> Allocation {
    match number % 3 {
        0 => Allocation::Preferred(vec![location(3), location(0)]),
        1 => Allocation::FewestSplits,
        _ => Allocation::HighestStock,
    }
}

fn delivery(number: u8) -> DeliveryId {
    DeliveryId::new(format!("d{number}")).unwrap()
}

const OPS: [StepOp; 10] = [
    StepOp::Reserve,
    StepOp::Commit,
    StepOp::Uncommit,
    StepOp::Release,
    StepOp::Ship,
    StepOp::Unship,
    StepOp::Add,
    StepOp::TakeBack,
    StepOp::PassOn,
    StepOp::PassBack,
];

pub(super) fn asked() -> impl Strategy<Value = Asked> {
    let reason: Reason = "r".into();
    let command = (0..14u8, 0..3u8, 0..12u64, 0..40u64, prop::option::of(0..40u64), -8..8i64, 0..8u8)
        .prop_map(move |(kind, who, quantity, now, deadline, delta, place_number)| {
            let (cart, reason) = (cart(&format!("c{who}")), reason.clone());
            let command = match kind {
                0 => SkuCommand::receive(quantity, reason),
                1 => SkuCommand::adjust(delta, reason),
                2 | 3 => {
                    let buyer = buyer(delta);
                    SkuCommand::Reserve(ReserveStock { cart, quantity, deadline: deadline.map(at), buyer })
                }
                9 => {
                    let limits =
                        PurchaseLimits { day: (delta > 2).then_some(quantity), ..PurchaseLimits::default() };
                    let hold_budget_per_buyer = deadline.filter(|_| delta > -4);
                    let low_stock = [quantity, now].into();
                    let backorder = (delta % 3 == 0).then_some(Backorder { units_max: quantity });
                    let preorder =
                        (delta % 4 == 0).then_some(Preorder { units_max: now, until: at(now * 50) });
                    let policy = StockPolicy {
                        hold_budget_per_buyer,
                        purchase_limits: limits,
                        low_stock,
                        allocation: strategy(who),
                        backorder,
                        preorder,
                        ..StockPolicy::default()
                    };
                    SkuCommand::SetPolicy(Box::new(policy))
                }
                10 => SkuCommand::put(quantity / 2, place(who), place(who + 1), reason),
                11 => SkuCommand::announce(delivery(who), quantity, at(now)),
                12 => SkuCommand::receive_delivery(delivery(who), quantity, reason),
                8 => SkuCommand::Extend { cart, deadline: at(now.saturating_add(quantity)) },
                4 => SkuCommand::Commit { cart },
                13 => SkuCommand::transfer(quantity / 2, location(who), location(place_number), reason),
                5 => SkuCommand::Release { cart },
                6 => SkuCommand::ship(cart, quantity / 3),
                _ if delta < 0 => SkuCommand::return_to_stock(quantity / 4, Place::Available, reason),
                _ => SkuCommand::write_off(quantity / 4, Place::Available, reason),
            };
            let located = kind != 6 || place_number > 3;
            let command = if located { command.at(location(place_number)) } else { command };
            Asked::Command(command, now)
        });
    let ops = prop::sample::select(OPS.to_vec());
    let steps = (0..3u8, 1..40u32, ops, 0..6u64, any::<bool>(), -8..8i64).prop_map(
        |(who, number, op, quantity, redelivered, other)| {
            let order = OrderId::new(format!("o{who}")).unwrap();
            let cart = (other % 3 == 0).then(|| cart(&format!("c{who}")));
            let buyer = buyer(other);
            let (partial, may_wait) = (other % 5 == 0, other % 2 == 0);
            let from = (other % 7 == 0).then(|| location(who + 1));
            let buyer_max = (other == 3).then_some(u64::from(number) % 9);
            let hands = matches!(op, StepOp::PassOn | StepOp::PassBack);
            let heir = Heir { order: OrderId::new(format!("h{who}")).unwrap(), units: quantity, from: None };
            let heirs = if hands { vec![heir] } else { Vec::new() };
            let base = super::step(number, op, quantity);
            Asked::Step(
                StockStep { order, buyer, cart, partial, from, may_wait, heirs, buyer_max, ..base },
                redelivered,
            )
        },
    );
    prop_oneof![command, steps]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_asked_units_are_conserved_and_replay_ends_in_the_same_state(
        all in prop::collection::vec(asked(), 1..120),
    ) {
        let mut live = Inventory::new(sku());
        let mut journal = Vec::new();
        for asked in &all {
            let before = live.clone();
            let events = match asked {
                Asked::Command(command, now) => decide(&live, command, at(*now)).map(|d| d.events),
                Asked::Step(step, redelivered) => decide_step(&live, step, *redelivered, NOW).map(|d| d.events),
            };
            prop_assert!(!matches!(events, Err(Refusal::Parked { .. })), "{:?} broke off: {:?}", asked, events);
            for event in events.unwrap_or_default() {
                let held = event.hold().and_then(|(owner, _)| live.hold(owner)).unwrap_or_default();
                if let StockEvent::Released { reserved, committed, .. } = &event {
                    prop_assert!(*reserved <= held.reserved && *committed <= held.committed);
                }
                if let StockEvent::Filled { reserved, committed, at, .. } = &event {
                    prop_assert!(reserved + committed <= live.counters_at(at).available, "oversold");
                }
                if let StockEvent::Reserved { quantity, at, .. } = &event {
                    prop_assert!(*quantity <= live.counters_at(at).available, "oversold");
                }
                prop_assert_eq!(apply(&mut live, &event), Ok(()));
                prop_assert_eq!(live.check_fully(), Ok(()));
                if let StockEvent::Reserved { purchase: Some(purchase), .. } = &event {
                    let held = |sku: &Inventory| sku.held_by(&purchase.buyer);
                    let budget = live.policy().and_then(|policy| policy.hold_budget_per_buyer);
                    let within = budget.is_none() || held(&live) <= budget.max(held(&before));
                    prop_assert!(within, "beyond the budget");
                }
                journal.push(event);
            }
            prop_assert!(live.queue_len() == 0 || live.counters.available == 0, "somebody waits for units that are there");
            if let Asked::Step(step, _) = asked {
                let again = decide_step(&live, step, true, NOW).map(|d| d.events.len());
                let is_done = again == Ok(0) || live == before || live.hold(&step.owner()).is_none();
                prop_assert!(is_done, "{:?} was done twice", step);
            }
        }
        let on_hand = live.counters.on_hand().unwrap();
        let held: u64 = live.holds().map(|(_, hold)| hold.held().unwrap()).sum();
        let aside = live.counters.safety_stock + live.counters.quality_hold;
        prop_assert_eq!(live.counters.available + aside + held, on_hand);

        let mut replayed = Inventory::new(sku());
        for event in &journal {
            prop_assert_eq!(apply(&mut replayed, event), Ok(()));
        }
        prop_assert_eq!(&replayed, &live);
        let bytes = bincode::serde::encode_to_vec(&live, bincode::config::standard()).unwrap();
        let (read, _): (Inventory, usize) =
            bincode::serde::decode_from_slice(&bytes, bincode::config::standard()).unwrap();
        prop_assert_eq!(read, live);
    }
}
