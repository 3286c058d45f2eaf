//! From which locations units are taken that are asked for from anywhere.
//!
//! A strategy proposes, `decide` checks: whatever is proposed, no more is taken at a location than is
//! available there, and all parts sum to what was asked for. What was taken where is recorded in the
//! events, so that replay asks no strategy.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};

use super::location::LocationId;

/// What can be taken at a location.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shelf {
    /// The location.
    pub at: LocationId,
    /// Units available there.
    pub available: u64,
}

/// What is taken at a location.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Take {
    /// The location.
    pub at: LocationId,
    /// Units taken there.
    pub quantity: u64,
}

/// A strategy that says from which locations units are taken.
pub trait Allocate {
    /// Parts of `quantity` units, in the order in which they are to be used. `shelves` are the locations of
    /// the SKU, sorted by id and each once; they have enough together.
    fn allocate(&self, quantity: u64, shelves: &[Shelf]) -> Vec<Take>;
}

/// The strategies that a SKU can be given. Where two locations are equally good, the one with the smaller id
/// goes first; `main` is the smallest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Allocation {
    /// From these locations in this order, then from all others by their ids. With an empty list, which is
    /// the default, that is `main` first.
    Preferred(Vec<LocationId>),
    /// From as few locations as possible: from the fullest ones until one location can give the rest, and
    /// the rest from the one that has the least of those that can. No choice has fewer parts, because no
    /// other locations have more together than as many of the fullest ones.
    FewestSplits,
    /// From the location that has most, then from the one that has most after it.
    HighestStock,
}

impl Default for Allocation {
    fn default() -> Self {
        Self::Preferred(Vec::new())
    }
}

impl Allocate for Allocation {
    fn allocate(&self, quantity: u64, shelves: &[Shelf]) -> Vec<Take> {
        match self {
            Self::Preferred(locations) => preferred(locations, quantity, shelves),
            Self::FewestSplits => fewest_splits(quantity, shelves),
            Self::HighestStock => in_order(quantity, by_stock(shelves)),
        }
    }
}

/// Takes what there is, one location after another.
fn in_order<'a>(quantity: u64, shelves: impl IntoIterator<Item = &'a Shelf>) -> Vec<Take> {
    let mut left = quantity;
    let mut parts = Vec::new();
    for shelf in shelves {
        let quantity = left.min(shelf.available);
        if quantity > 0 {
            parts.push(Take { at: shelf.at.clone(), quantity });
            left -= quantity;
        }
    }
    parts
}

/// The fullest first.
fn by_stock(shelves: &[Shelf]) -> Vec<&Shelf> {
    let mut sorted: Vec<_> = shelves.iter().collect();
    sorted.sort_by_key(|shelf| (Reverse(shelf.available), &shelf.at));
    sorted
}

fn preferred(locations: &[LocationId], quantity: u64, shelves: &[Shelf]) -> Vec<Take> {
    let rank = |shelf: &Shelf| locations.iter().position(|at| *at == shelf.at).unwrap_or(usize::MAX);
    let mut sorted: Vec<_> = shelves.iter().collect();
    sorted.sort_by_cached_key(|shelf| (rank(shelf), shelf.at.clone()));
    in_order(quantity, sorted)
}

fn fewest_splits(quantity: u64, shelves: &[Shelf]) -> Vec<Take> {
    let sorted = by_stock(shelves);
    let mut left = quantity;
    let mut parts = Vec::new();
    for (index, fullest) in sorted.iter().enumerate() {
        let mut enough = sorted.iter().skip(index).take_while(|shelf| shelf.available >= left);
        let last = enough.next().map(|first| {
            // Of those that have equally little, the first has the smallest id.
            enough.fold(first, |best, shelf| if shelf.available < best.available { shelf } else { best })
        });
        let shelf = last.unwrap_or(fullest);
        let quantity = left.min(shelf.available);
        if quantity == 0 {
            break;
        }
        parts.push(Take { at: shelf.at.clone(), quantity });
        left -= quantity;
    }
    parts
}

/// What a strategy proposes, if it can be done as it stands.
///
/// # Errors
/// In words, when the parts do not sum to `quantity`, one is empty or more than the location has, or a
/// location is named twice or is none of the SKU's.
pub(super) fn allocated(
    strategy: &impl Allocate,
    quantity: u64,
    shelves: &[Shelf],
) -> Result<Vec<Take>, SmolStr> {
    let parts = strategy.allocate(quantity, shelves);
    let mut sum = Some(0_u64);
    for (index, part) in parts.iter().enumerate() {
        let available = shelves.iter().find(|shelf| shelf.at == part.at).map_or(0, |shelf| shelf.available);
        let again = parts.iter().take(index).any(|earlier| earlier.at == part.at);
        if part.quantity == 0 || part.quantity > available || again {
            let Take { at, quantity } = part;
            return Err(format_smolstr!(
                "an allocation takes {quantity} units at {at}, which has {available}"
            ));
        }
        sum = sum.and_then(|sum| sum.checked_add(part.quantity));
    }
    if sum == Some(quantity) {
        Ok(parts)
    } else {
        Err(format_smolstr!("an allocation of {quantity} units does not sum to them"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(name: &str) -> LocationId {
        LocationId::new(name).unwrap()
    }

    fn shelves(stock: &[(&str, u64)]) -> Vec<Shelf> {
        stock.iter().map(|(name, available)| Shelf { at: at(name), available: *available }).collect()
    }

    #[track_caller]
    fn check(strategy: &Allocation, stock: &[(&str, u64)], quantity: u64, expected: &[(&str, u64)]) {
        let parts = allocated(strategy, quantity, &shelves(stock)).unwrap();
        let expected: Vec<_> =
            expected.iter().map(|(name, quantity)| Take { at: at(name), quantity: *quantity }).collect();
        assert_eq!(parts, expected, "{strategy:?}");
    }

    #[test]
    fn each_strategy_takes_where_it_says() {
        let stock = [("main", 2), ("a", 5), ("b", 9), ("c", 5)];
        check(&Allocation::default(), &stock, 8, &[("main", 2), ("a", 5), ("b", 1)]);
        let preferred = Allocation::Preferred(vec![at("c"), at("elsewhere"), at("main")]);
        check(&preferred, &stock, 8, &[("c", 5), ("main", 2), ("a", 1)]);
        check(&Allocation::HighestStock, &stock, 2, &[("b", 2)]);
        check(&Allocation::HighestStock, &stock, 15, &[("b", 9), ("a", 5), ("c", 1)]);
        check(&Allocation::FewestSplits, &stock, 2, &[("main", 2)]);
        check(&Allocation::FewestSplits, &stock, 5, &[("a", 5)]);
        check(&Allocation::FewestSplits, &stock, 11, &[("b", 9), ("main", 2)]);
        check(&Allocation::FewestSplits, &stock, 21, &[("b", 9), ("a", 5), ("c", 5), ("main", 2)]);
    }

    /// A strategy that answers what it was told to.
    struct Wrong(Vec<(&'static str, u64)>);

    impl Allocate for Wrong {
        fn allocate(&self, _quantity: u64, _shelves: &[Shelf]) -> Vec<Take> {
            self.0.iter().map(|(name, quantity)| Take { at: at(name), quantity: *quantity }).collect()
        }
    }

    #[test]
    fn a_strategy_that_is_wrong_takes_nothing() {
        let stock = shelves(&[("a", 5), ("b", 9)]);
        for wrong in [
            vec![("a", 5)],
            vec![("a", 6)],
            vec![("a", 5), ("b", 2)],
            vec![("a", 3), ("a", 3)],
            vec![("a", 5), ("b", 1), ("c", 0)],
            vec![("c", 6)],
            vec![("a", u64::MAX), ("b", 7)],
            vec![],
        ] {
            assert!(allocated(&Wrong(wrong.clone()), 6, &stock).is_err(), "{wrong:?}");
        }
        assert!(allocated(&Wrong(vec![("b", 6)]), 6, &stock).is_ok());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn parts_sum_to_the_request_and_none_exceeds_what_is_there(
            available in prop::collection::vec(0..20_u64, 1..9),
            share in 0..=100_u64,
            list in prop::collection::vec(0..9_usize, 0..5),
        ) {
            let stock: Vec<_> = available.iter().enumerate().map(|(index, available)| {
                Shelf { at: at(&format!("l{index}")), available: *available }
            }).collect();
            let quantity = available.iter().sum::<u64>() * share / 100;
            let list = list.iter().map(|index| at(&format!("l{index}"))).collect();
            let mut fullest = available.clone();
            fullest.sort_unstable_by_key(|available| Reverse(*available));
            let mut left = quantity;
            let fewest = fullest.iter().take_while(|available| {
                let needed = left > 0;
                left = left.saturating_sub(**available);
                needed
            }).count();
            for strategy in [Allocation::Preferred(list), Allocation::FewestSplits, Allocation::HighestStock] {
                let parts = allocated(&strategy, quantity, &stock);
                prop_assert!(parts.is_ok(), "{:?}: {:?}", strategy, parts);
                if strategy == Allocation::FewestSplits {
                    prop_assert_eq!(parts.unwrap().len(), fewest);
                }
            }
        }
    }
}
