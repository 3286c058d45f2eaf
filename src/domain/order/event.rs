//! What happened to an order, as recorded facts.

use serde::{Deserialize, Serialize};

use super::lifecycle::LifecycleId;
use crate::domain::command::LineQuantity;
use crate::domain::ids::{
    BusinessId, CartId, CustomerId, IdOrigin, PaymentId, PaymentMethod, SellerId, SkuId,
};
use crate::domain::inventory::Reason;
use crate::domain::money::Currency;
use crate::domain::refusal::Refusal;

/// A line as it was placed. Amounts are totals of the line in minor units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacedLine {
    /// What was bought.
    pub sku: SkuId,
    /// How many.
    pub quantity: u32,
    /// Total before discount.
    pub gross: i64,
    /// Discount.
    pub discount: i64,
    /// Share of the shipping cost.
    pub shipping: i64,
    /// Who sells it.
    pub seller: Option<SellerId>,
}

/// Something that happened to an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderEvent {
    /// The order exists; its stock is being reserved.
    Placed {
        /// The business line or shop that sells.
        business: BusinessId,
        /// The buyer.
        customer: Option<CustomerId>,
        /// The currency of all amounts.
        currency: Currency,
        /// The rules it lives by.
        lifecycle: LifecycleId,
        /// How its id was made.
        origin: IdOrigin,
        /// What was bought.
        lines: Vec<PlacedLine>,
        /// The cart that became the order.
        cart: Option<CartId>,
    },
    /// Every SKU granted its part.
    Reserved,
    /// A SKU refused its part, and what others had granted was given back.
    Refused {
        /// The SKU's reason.
        refusal: Refusal,
    },
    /// A payment came in.
    PaymentRecorded {
        /// The payment's id within the order.
        payment: PaymentId,
        /// How it was paid.
        method: PaymentMethod,
        /// The amount in minor units of the order's currency.
        amount: i64,
    },
    /// The last payment settles the order; its stock is being committed.
    SettlementStarted,
    /// The order is paid and its stock committed.
    Settled,
    /// Stock could not be committed: the settling payment is due back and the order waits for another.
    SettlementUndone {
        /// What stood in the way.
        refusal: Refusal,
        /// Minor units due back.
        refund_due: i64,
    },
    /// Units are being taken out of stock.
    ShipmentStarted {
        /// Units by line; never empty.
        lines: Vec<LineQuantity>,
    },
    /// The units of the last started shipment left the house.
    Shipped,
    /// The last started shipment could not be taken out of stock.
    ShipmentUndone {
        /// What stood in the way.
        refusal: Refusal,
    },
    /// Units reached the buyer.
    Delivered {
        /// Units by line; never empty.
        lines: Vec<LineQuantity>,
    },
    /// Units are being given back to stock.
    CancellationStarted {
        /// Units by line; never empty.
        lines: Vec<LineQuantity>,
        /// Why, in the caller's words.
        reason: Reason,
    },
    /// The units of the last started cancellation are available again.
    Cancelled {
        /// Minor units due back to the buyer because of it.
        refund_due: i64,
    },
}

impl OrderEvent {
    /// Whether a saga is under way from this event on.
    #[must_use]
    pub fn begins_saga(&self) -> bool {
        matches!(
            self,
            Self::Placed { .. }
                | Self::SettlementStarted
                | Self::ShipmentStarted { .. }
                | Self::CancellationStarted { .. }
        )
    }
}
