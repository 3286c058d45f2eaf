//! What happened to an order, as recorded facts.

use serde::{Deserialize, Serialize};

use super::edit::StagedEdit;
use super::lifecycle::LifecycleId;
use super::split::{ChildNews, Portion, SplitOff};
use super::terms::{Delivery, Notice, RefundCause, Terms, WhenShort};
use crate::domain::command::{LineQuantity, LineTags};
use crate::domain::ids::{
    BusinessId, CartId, CustomerId, IdOrigin, PaymentId, PaymentMethod, SellerId, SkuId,
};
use crate::domain::inventory::{KitPart, Reason};
use crate::domain::money::Currency;
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;

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
    /// What it consisted of at placement, if it is a kit.
    pub kit: Option<Box<[KitPart]>>,
    /// Whether its stock is taken at the settling payment; else it is reserved at placement.
    pub at_payment: bool,
    /// What else is known of it, in the caller's words.
    pub tags: Option<Box<LineTags>>,
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
        /// The terms it was placed under.
        terms: Terms,
        /// What it is content with where stock is short.
        when_short: WhenShort,
        /// How its id was made.
        origin: IdOrigin,
        /// Where it goes.
        delivery: Option<Delivery>,
        /// What was bought.
        lines: Vec<PlacedLine>,
        /// The cart that became the order.
        cart: Option<CartId>,
    },
    /// Nothing was reserved: the stock is taken at payment.
    Accepted,
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
        /// Whether time ran out; else somebody called it off.
        expired: bool,
    },
    /// The units of the last started cancellation are available again.
    Cancelled {
        /// Minor units due back to the buyer because of it.
        refund_due: i64,
    },
    /// The customer is to be told something.
    NoticeRaised(Notice),
    /// Money is due back.
    RefundDue {
        /// Minor units due back.
        amount: i64,
        /// Why.
        cause: RefundCause,
    },
    /// Late money came; the stock of the order that timed out is being reserved again.
    RevivalStarted,
    /// It was still there: the order lives again.
    Revived,
    /// It was gone: the late money is due back.
    RevivalUndone {
        /// The SKU's reason.
        refusal: Refusal,
        /// Minor units due back.
        refund_due: i64,
    },
    /// The goods were fetched.
    Picked,
    /// The goods were packed.
    Packed,
    /// The receipt is confirmed; after-sales begins.
    Confirmed {
        /// Whether time confirmed it; else the buyer did.
        automatic: bool,
    },
    /// The after-sales window is over.
    Completed {
        /// Whether time completed it; else somebody did.
        automatic: bool,
    },
    /// Closed by hand.
    Closed {
        /// Why, in the caller's words.
        reason: Reason,
    },
    /// Address or contact changed.
    DeliveryChanged(Delivery),
    /// The moment that the order waits for was put off.
    DeadlineExtended {
        /// The new deadline.
        until: Timestamp,
    },
    /// Some units were not there, and the order is content with the rest: they are called off. Stands in
    /// front of `Reserved` or `Settled`.
    FellShort {
        /// Units by line; never empty.
        missing: Vec<LineQuantity>,
        /// Minor units due back because of it.
        refund_due: i64,
    },
    /// Some units are not there yet, and the order waits for them. Stands in front of `Reserved` or `Settled`.
    Backordered {
        /// Units by line; never empty.
        lines: Vec<LineQuantity>,
        /// What its SKUs had filled for it until then, where that is anything.
        filled: Vec<Filled>,
    },
    /// Units came for which the order waited: they are held for it now.
    Filled {
        /// What the SKU has filled for the order in all.
        filled: Filled,
        /// Units by line; never empty.
        lines: Vec<LineQuantity>,
    },
    /// It leaves memory; of its state only id, version and this moment remain. The last of all events.
    Retired,
    /// Units are being taken out of stock, to be the buyer's without a shipment.
    HandOverStarted {
        /// Units by line; never empty.
        lines: Vec<LineQuantity>,
    },
    /// The units of the last started hand-over are the buyer's.
    HandedOver,
    /// The units of the last started hand-over could not be taken out of stock. It is tried again later.
    HandOverUndone {
        /// What stood in the way.
        refusal: Refusal,
    },
    /// Units are being taken out of stock, and others called off once they are.
    ShortShipmentStarted {
        /// Units that leave, by line; never empty.
        lines: Vec<LineQuantity>,
        /// Units that are called off, by line; never empty.
        missing: Vec<LineQuantity>,
        /// Why, in the caller's words.
        reason: Reason,
    },
    /// A change was prepared; nothing has changed yet.
    EditStaged(Box<StagedEdit>),
    /// The prepared change was dropped.
    EditDeclined,
    /// The prepared change was accepted; what it adds is being reserved.
    EditStarted,
    /// What the accepted change takes away is being given back to stock.
    EditReleasing,
    /// The prepared change was carried out.
    EditAccepted {
        /// Minor units due back because of it.
        refund_due: i64,
    },
    /// A SKU refused what the change adds, and what others had granted was given back. It stays prepared.
    EditUndone {
        /// The SKU's reason.
        refusal: Refusal,
    },
    /// What was added to the paid order is paid for; it is being committed.
    SupplementStarted,
    /// What was added is committed.
    Supplemented,
    /// What was added could not be committed: it stays reserved.
    SupplementUndone {
        /// What stood in the way.
        refusal: Refusal,
        /// Minor units due back.
        refund_due: i64,
    },
    /// The order becomes several; its units are being passed on.
    SplitStarted {
        /// What each child gets.
        portions: Vec<Portion>,
    },
    /// The units are the children's; those are coming into being.
    PassedOn,
    /// The children are there.
    Split,
    /// A SKU refused to pass units on, and what others had passed on came back.
    SplitUndone {
        /// The SKU's reason.
        refusal: Refusal,
    },
    /// The order exists: it was split off another one. The first of all events.
    SplitOff(Box<SplitOff>),
    /// A child told what became of it.
    ChildChanged(Box<ChildNews>),
}

/// What a SKU has filled for an order that waits: a number that only grows, so that news of it may come late
/// or twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filled {
    /// The SKU.
    pub sku: SkuId,
    /// Units in all.
    pub units: u64,
}

impl OrderEvent {
    /// Whether a saga is under way from this event on.
    #[must_use]
    pub fn begins_saga(&self) -> bool {
        match self {
            Self::Placed { lines, .. } => lines.iter().any(|line| !line.at_payment),
            Self::SettlementStarted
            | Self::RevivalStarted
            | Self::ShipmentStarted { .. }
            | Self::ShortShipmentStarted { .. }
            | Self::EditStarted
            | Self::EditReleasing
            | Self::SupplementStarted
            | Self::SplitStarted { .. }
            | Self::PassedOn
            | Self::CancellationStarted { .. }
            | Self::HandOverStarted { .. } => true,
            _ => false,
        }
    }
}
