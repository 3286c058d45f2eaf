//! What the chains of the default line work on.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::domain::command::{CancelOrder, DeliverOrder, OrderAnswer, PayOrder, PlaceOrder, ShipOrder};
use crate::domain::ids::OrderId;

/// What is to be done with an order, and what the engine answered last. A node does its own part of it, and leaves the
/// rest alone. A context of another line that holds one, and says so by `AsMut`, can have the nodes of the default
/// line in its chains.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OrderContext {
    /// The order; a placement sets it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderId>,
    /// The order that is placed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<PlaceOrder>,
    /// The payment that came in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pay: Option<PayOrder>,
    /// What leaves the house; everything that is left, where this is `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ship: Option<ShipOrder>,
    /// What has arrived; everything that is under way, where this is `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deliver: Option<DeliverOrder>,
    /// What is called off; everything that has not left the house, where this is `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel: Option<CancelOrder>,
    /// Why, in the caller's words, where an order is called off as a whole or closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<SmolStr>,
    /// What the engine answered last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<OrderAnswer>,
}

impl OrderContext {
    /// For a flow that places an order.
    #[must_use]
    pub fn placing(place: PlaceOrder) -> Self {
        Self { place: Some(place), ..Self::default() }
    }

    /// For a flow about an order that there is.
    #[must_use]
    pub fn about(order: OrderId) -> Self {
        Self { order: Some(order), ..Self::default() }
    }

    /// For a flow that records a payment.
    #[must_use]
    pub fn paying(pay: PayOrder) -> Self {
        Self { pay: Some(pay), ..Self::default() }
    }

    /// For a flow that records that units left the house.
    #[must_use]
    pub fn shipping(ship: ShipOrder) -> Self {
        Self { ship: Some(ship), ..Self::default() }
    }

    /// For a flow that records that units reached the buyer.
    #[must_use]
    pub fn delivering(deliver: DeliverOrder) -> Self {
        Self { deliver: Some(deliver), ..Self::default() }
    }

    /// For a flow that calls off units, or the whole order.
    #[must_use]
    pub fn cancelling(cancel: CancelOrder) -> Self {
        Self { cancel: Some(cancel), ..Self::default() }
    }
}

impl AsMut<Self> for OrderContext {
    fn as_mut(&mut self) -> &mut Self {
        self
    }
}
