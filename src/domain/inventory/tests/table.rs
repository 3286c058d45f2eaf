//! The table of holds: same content, same bytes, whatever its history.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::hold_table::HoldTable;
use super::*;

fn filled(numbers: impl Iterator<Item = u32>) -> HoldTable {
    let mut table = HoldTable::default();
    for number in numbers {
        let owner = HoldOwner::Order(OrderId::new(format!("order-{number:07}")).unwrap());
        table.put(&owner, Hold { reserved: u64::from(number), ..Hold::default() });
    }
    table
}

#[test]
fn tables_of_the_same_holds_are_equal_and_have_the_same_bytes() {
    let (up, down) = (filled(1..=5_000), filled((1..=5_000).rev()));
    assert_eq!(up, down);
    let bytes = serde_json::to_string(&up).unwrap();
    assert_eq!(bytes, serde_json::to_string(&down).unwrap());
    assert_eq!(serde_json::from_str::<HoldTable>(&bytes).unwrap(), up);
    let owners: Vec<_> = up.sorted().map(|(owner, _)| owner).collect();
    assert!(owners.is_sorted());
    assert_eq!((up.len(), up.tally().reserved), (5_000, 5_000 * 5_001 / 2));
}

#[test]
fn every_hold_is_found_while_the_table_grows_and_empties() {
    let mut table = filled(1..=3_000);
    for number in 1..=3_000u32 {
        let owner = HoldOwner::Order(OrderId::new(format!("order-{number:07}")).unwrap());
        assert_eq!(table.get(&owner).unwrap().reserved, u64::from(number));
        table.put(&owner, Hold::default());
        assert_eq!(table.get(&owner), None);
    }
    assert_eq!((table.len(), table.tally().reserved), (0, 0));
    assert_eq!(table, HoldTable::default());
}

#[test]
fn a_hold_of_three_units_costs_less_than_sixty_bytes() {
    let table = filled(1..=20_000);
    let each = table.bytes() as f64 / table.len() as f64;
    assert!((20.0..45.0).contains(&each), "{each}");
    let mut named = HoldTable::default();
    for number in 0..20_000 {
        let owner = HoldOwner::Order(OrderId::new(format!("order-{number:09}")).unwrap());
        let buyer = format!("buyer-{number:07}").parse().unwrap();
        let purchase = Some(Box::new(Purchase { buyer, day: Some(20_000) }));
        named.put(&owner, Hold { reserved: 3, step: 1, purchase, ..Hold::default() });
    }
    let each = named.bytes() as f64 / named.len() as f64;
    assert!((30.0..60.0).contains(&each), "{each}");
}

#[test]
fn what_the_table_says_it_takes_is_what_its_holds_take() {
    let mut table = filled(1..=10_000);
    let full = table.bytes();
    for number in 1..=10_000_u32 {
        let owner = HoldOwner::Order(OrderId::new(format!("order-{number:07}")).unwrap());
        table.put(&owner, Hold { reserved: 1, committed: u64::from(number), ..Hold::default() });
        table.put(&owner, Hold { reserved: 1, awaiting: Some(Box::new(waits(number))), ..Hold::default() });
    }
    assert!(table.bytes() > 2 * full, "holds that wait take more: {} after {full}", table.bytes());
    for number in 1..=10_000_u32 {
        let owner = HoldOwner::Order(OrderId::new(format!("order-{number:07}")).unwrap());
        table.put(&owner, Hold::default());
    }
    assert!(table.bytes() < full, "{} after {full}", table.bytes());
}

fn waits(number: u32) -> Awaiting {
    Awaiting { unpaid: u64::from(number), ..Awaiting::default() }
}

#[test]
fn a_clone_keeps_what_it_was_cloned_with() {
    let mut table = filled(1..=5_000);
    let clone = table.clone();
    let bytes = serde_json::to_string(&table).unwrap();
    for number in 1..=10_000_u32 {
        let owner = HoldOwner::Order(OrderId::new(format!("order-{number:07}")).unwrap());
        let reserved = if number % 3 == 0 { 0 } else { u64::from(number) + 1 };
        table.put(&owner, Hold { reserved, ..Hold::default() });
    }
    assert_eq!(serde_json::to_string(&clone).unwrap(), bytes);
    assert_eq!((clone.len(), clone.tally().reserved), (5_000, 5_000 * 5_001 / 2));
    assert_eq!(clone, filled(1..=5_000));
}

proptest! {
    #[test]
    fn whatever_is_held_is_found_again_as_it_was(
        puts in prop::collection::vec(put(), 1..400),
    ) {
        let (mut table, mut model) = (HoldTable::default(), BTreeMap::new());
        for (owner, hold) in puts {
            table.put(&owner, hold.clone());
            if hold.is_empty() {
                model.remove(&owner);
            } else {
                model.insert(owner.clone(), hold);
            }
            prop_assert_eq!(table.get(&owner), model.get(&owner).cloned());
        }
        let held = |of: fn(&Hold) -> u64| model.values().map(of).fold(0, u64::wrapping_add);
        prop_assert_eq!(table.tally().reserved, held(|hold| hold.reserved));
        prop_assert_eq!(table.tally().committed, held(|hold| hold.committed));
        prop_assert_eq!(table.tally().awaiting, held(|hold| hold.awaiting()));
        prop_assert!(table.sorted().eq(model));
    }
}

/// One of a few dozen owners with names of every length, and something that it may hold.
fn put() -> impl Strategy<Value = (HoldOwner, Hold)> {
    let owner = (any::<bool>(), 0..40_usize).prop_map(|(cart, number)| {
        let name = format!("{number}-{}", "é".repeat(number * 31 % 61));
        if cart { HoldOwner::Cart(name.parse().unwrap()) } else { HoldOwner::Order(name.parse().unwrap()) }
    });
    let units = prop_oneof![Just(0_u64), 0..300_u64, any::<u64>().prop_map(|units| units >> 1)];
    let purchase = (0..128_usize, prop::option::of(any::<u32>()))
        .prop_map(|(length, day)| Box::new(Purchase { buyer: "b".repeat(length + 1).parse().unwrap(), day }));
    let deadline = prop::option::of(any::<u64>().prop_map(Timestamp::from_millis));
    let waits = prop::option::weighted(0.2, any::<u32>().prop_map(|number| Box::new(waits(number))));
    let hold = (units.clone(), units, any::<u32>(), deadline, prop::option::of(purchase), waits).prop_map(
        |(reserved, committed, step, deadline, purchase, awaiting)| Hold {
            reserved,
            committed,
            step,
            deadline,
            purchase,
            awaiting,
            ..Hold::default()
        },
    );
    (owner, hold)
}
