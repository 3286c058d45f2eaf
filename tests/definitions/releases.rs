//! Gradual releases: who is in a switch.

use std::collections::BTreeSet;

use earmark::CustomerId;
use earmark::domain::flow::Switch;

const CUSTOMERS: usize = 10_000;

fn customer(name: &str) -> CustomerId {
    name.parse().unwrap()
}

fn customers() -> Vec<CustomerId> {
    (0..CUSTOMERS).map(|number| customer(&format!("customer-{number}"))).collect()
}

fn members(name: &str, percent: u8) -> BTreeSet<CustomerId> {
    let switch = Switch { percent, ..Switch::default() };
    customers().into_iter().filter(|customer| switch.is_on(name, Some(customer))).collect()
}

#[test]
fn the_share_of_a_switch_is_about_right_over_ten_thousand_customers() {
    for percent in [1, 5, 10, 25, 50, 75, 99] {
        let (found, wanted) = (members("new-price", percent).len() as f64, f64::from(percent) / 100.0);
        let mean = CUSTOMERS as f64 * wanted;
        // Five standard deviations of a fair draw.
        let off = 5.0 * (mean * (1.0 - wanted)).sqrt();
        assert!((found - mean).abs() < off, "{percent} %: {found} of {CUSTOMERS}");
    }
}

#[test]
fn nobody_is_in_at_zero_percent_and_everybody_at_a_hundred() {
    assert_eq!(members("new-price", 0).len(), 0);
    assert_eq!(members("new-price", 100).len(), CUSTOMERS);
}

#[test]
fn a_customer_who_is_in_stays_in_when_the_share_grows() {
    let mut before = BTreeSet::new();
    for percent in 0..=100 {
        let now = members("new-price", percent);
        assert!(before.is_subset(&now), "somebody fell out at {percent} %");
        before = now;
    }
}

#[test]
fn who_is_in_does_not_depend_on_the_build_or_the_machine() {
    let switch = Switch { percent: 10, ..Switch::default() };
    let are_in = customers().into_iter().take(100).filter(|it| switch.is_on("new-price", Some(it)));
    let names: Vec<_> = are_in.map(|customer| customer.as_str().to_owned()).collect();
    assert_eq!(names, PINNED);
}

#[test]
fn two_switches_have_other_customers_in_their_shares() {
    let (one, two) = (members("new-price", 50), members("new-checkout", 50));
    let both = one.intersection(&two).count();
    // Independent halves share a quarter.
    assert!((2_250..2_750).contains(&both), "{both} customers are in both");
}

#[test]
fn customers_on_the_list_are_in_whatever_the_share() {
    let text = "business = \"b\"\n[switches.s]\nallow = [\"alice\", \"bob\"]\n\
                [chains.default]\npay = [\"n\"]\n[nodes.n]\nwhen = \"s\"\n";
    let definition = earmark::flow::Definition::parse("b.toml", text).unwrap();
    let switch = &definition.rulebook().switches["s"];
    let is_in = |name: &str| switch.is_on("s", Some(&customer(name)));
    assert_eq!((switch.percent, is_in("alice"), is_in("bob"), is_in("carol")), (0, true, true, false));
}

#[test]
fn without_a_customer_only_a_full_share_is_in() {
    let switch = |percent| Switch { percent, allow: [customer("alice")].into() };
    assert!(!switch(99).is_on("s", None));
    assert!(switch(100).is_on("s", None));
}

/// The customers among the first hundred who are in `new-price` at 10 percent.
const PINNED: [&str; 7] =
    ["customer-7", "customer-21", "customer-35", "customer-66", "customer-69", "customer-72", "customer-78"];
