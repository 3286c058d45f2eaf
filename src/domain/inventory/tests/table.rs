//! The table of holds: same content, same bytes, whatever its history.

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
    assert!(up.sorted().is_sorted_by_key(|(owner, _)| *owner));
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
