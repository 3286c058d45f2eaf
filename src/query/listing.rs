//! What lists of orders are asked with and made of.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::ids::{BusinessId, CustomerId, OrderId, SellerId};
use crate::domain::order::{Lifecycle, LifecycleId, OrderType, State, View};
use crate::domain::time::Timestamp;

/// Which orders a list is of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderFilter {
    /// All of them.
    #[default]
    All,
    /// Those of one buyer.
    Customer(CustomerId),
    /// Those of one business.
    Business(BusinessId),
    /// Those that are in one state now.
    State(State),
    /// Those of which one merchant sells a line.
    Seller(SellerId),
    /// Those of one type.
    Type(OrderType),
}

impl From<CustomerId> for OrderFilter {
    fn from(customer: CustomerId) -> Self {
        Self::Customer(customer)
    }
}

impl From<BusinessId> for OrderFilter {
    fn from(business: BusinessId) -> Self {
        Self::Business(business)
    }
}

impl From<State> for OrderFilter {
    fn from(state: State) -> Self {
        Self::State(state)
    }
}

impl From<SellerId> for OrderFilter {
    fn from(seller: SellerId) -> Self {
        Self::Seller(seller)
    }
}

impl From<OrderType> for OrderFilter {
    fn from(order_type: OrderType) -> Self {
        Self::Type(order_type)
    }
}

/// A list of orders of all types, the newest first: in the order in which their placements stand in the journal,
/// from its end. What is named must all hold. Times of placement follow that order, except that of commands that
/// race the one that was a moment earlier can be recorded later; a window of time goes by the journal's order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OrderQuery {
    /// Only those of this buyer.
    pub customer: Option<CustomerId>,
    /// Only those of which this merchant sells a line.
    pub seller: Option<SellerId>,
    /// Only those of this business line or shop.
    pub business: Option<BusinessId>,
    /// Only those of this type.
    pub order_type: Option<OrderType>,
    /// Only those that are in this state now.
    pub state: Option<State>,
    /// Only those placed at this time or later.
    pub placed_from: Option<Timestamp>,
    /// Only those placed before this time.
    pub placed_before: Option<Timestamp>,
}

impl OrderQuery {
    /// All orders.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// The orders of a customer, of a seller, of a business, of a type, or in a state.
    #[must_use]
    pub fn of(filter: impl Into<OrderFilter>) -> Self {
        Self::all().and(filter)
    }

    /// Only those of them that are also of another customer, seller, business, type or state. Of each kind the last
    /// one counts.
    #[must_use]
    pub fn and(mut self, filter: impl Into<OrderFilter>) -> Self {
        match filter.into() {
            OrderFilter::All => {}
            OrderFilter::Customer(customer) => self.customer = Some(customer),
            OrderFilter::Business(business) => self.business = Some(business),
            OrderFilter::State(state) => self.state = Some(state),
            OrderFilter::Seller(seller) => self.seller = Some(seller),
            OrderFilter::Type(order_type) => self.order_type = Some(order_type),
        }
        self
    }

    /// Only those placed at `time` or later.
    #[must_use]
    pub fn placed_from(mut self, time: Timestamp) -> Self {
        self.placed_from = Some(time);
        self
    }

    /// Only those placed before `time`.
    #[must_use]
    pub fn placed_before(mut self, time: Timestamp) -> Self {
        self.placed_before = Some(time);
        self
    }
}

/// Where a list of orders goes on. Stays good when orders are added and when the engine is opened again,
/// for any list of the same folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PageCursor(pub(super) u32);

impl std::fmt::Display for PageCursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for PageCursor {
    type Err = std::num::ParseIntError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// An order as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderSummary {
    /// The order.
    pub order: OrderId,
    /// When it was placed.
    pub placed_at: Timestamp,
    /// The business line or shop that sells.
    pub business: BusinessId,
    /// The buyer.
    pub customer: Option<CustomerId>,
    /// The rules it lives by.
    pub lifecycle: LifecycleId,
    /// Where it stands.
    pub state: State,
}

impl OrderSummary {
    /// What kind of order it is; `None` for a lifecycle that this build does not know.
    #[must_use]
    pub fn order_type(&self) -> Option<OrderType> {
        OrderType::ALL.into_iter().find(|order_type| order_type.lifecycle() == self.lifecycle)
    }

    /// What system, merchant and buyer see of the order; `None` for a state that its lifecycle does not have.
    #[must_use]
    pub fn view(&self) -> Option<View> {
        Lifecycle::of(self.lifecycle)?.view(self.state)
    }
}

/// How many orders there are in each state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderCounts {
    by_state: BTreeMap<State, u64>,
}

impl OrderCounts {
    pub(super) fn of(counts: impl Iterator<Item = (State, u64)>) -> Self {
        Self { by_state: counts.filter(|(_, count)| *count > 0).collect() }
    }

    pub(super) fn add(&mut self, state: State) {
        *self.by_state.entry(state).or_default() += 1;
    }

    pub(super) fn remove(&mut self, state: State) {
        if let Some(count) = self.by_state.get_mut(&state) {
            *count -= 1;
            if *count == 0 {
                self.by_state.remove(&state);
            }
        }
    }

    /// Orders in one state.
    #[must_use]
    pub fn in_state(&self, state: State) -> u64 {
        self.by_state.get(&state).copied().unwrap_or(0)
    }

    /// Orders in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.by_state.values().sum()
    }

    /// The states that orders are in, with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (State, u64)> {
        self.by_state.iter().map(|(state, count)| (*state, *count))
    }
}

/// A business with its orders counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusinessCounts {
    /// The business.
    pub business: BusinessId,
    /// Its orders by state.
    pub counts: OrderCounts,
}
