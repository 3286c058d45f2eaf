//! Cuts made by hand, for tests of what is read from them.

use earmark::replay::{StateHash, Works};
use earmark::{Counters, Currency, Cut, Inventory, Order, OrderId, SkuId, State};

/// A cut with these SKUs and orders and nothing to object to.
pub(crate) fn cut(skus: Vec<Inventory>, orders: Vec<Order>) -> Cut {
    let (retired, violations) = (Vec::new(), Vec::new());
    Cut { sequence: 9, hash: StateHash([7; 32]), skus, orders, retired, works: Works::default(), violations }
}

/// A SKU with these counters, whether they make sense or not.
pub(crate) fn sku(name: &str, counters: Counters) -> Inventory {
    let mut inventory = Inventory::new(SkuId::new(name).expect("a valid SKU"));
    inventory.counters = counters;
    inventory
}

/// An order without lines in this state.
pub(crate) fn order(id: OrderId, state: State) -> Order {
    Order {
        id,
        version: 1,
        lifecycle: earmark::domain::order::LifecycleId::SIMPLE,
        terms: earmark::Terms::simple(),
        when_short: earmark::WhenShort::default(),
        state,
        business: "shop".parse().expect("a valid business"),
        customer: None,
        cart: None,
        currency: Currency::EUR,
        origin: earmark::domain::ids::IdOrigin::Caller,
        placed_at: earmark::Timestamp::ZERO,
        received_at: None,
        deadline: None,
        closed_at: None,
        delivery: None,
        expired: Vec::new(),
        missing: Vec::new(),
        filled: Vec::new(),
        lines: Vec::new(),
        payments: Vec::new(),
        shipments: Vec::new(),
        due: 0,
        paid: 0,
        refund_due: 0,
        steps: 0,
        pending: None,
        refusal: None,
        cancel_reason: None,
        edit: None,
        family: None,
        parked: None,
    }
}
