//! The terms an order is placed under. They are fixed in the journal with its placement, so that a changed
//! policy never touches an order that exists.

use std::fmt;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::lifecycle::LifecycleId;
use crate::domain::ids::RulesId;
use crate::domain::time::Timestamp;

/// One minute in milliseconds.
const MINUTE_MS: u64 = 60 * 1_000;
/// One day in milliseconds.
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;

/// What kind of order it is: decides its lifecycle and, through the engine's configuration, its terms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderType {
    /// Placed, paid, shipped, delivered; nothing happens by itself.
    #[default]
    Simple,
    /// Goods that are picked, packed, shipped, received and can be complained about for a while.
    Physical,
}

impl OrderType {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Simple, Self::Physical];

    /// The lifecycle that new orders of this type get.
    #[must_use]
    pub const fn lifecycle(self) -> LifecycleId {
        match self {
            Self::Simple => LifecycleId::SIMPLE,
            Self::Physical => LifecycleId::PHYSICAL,
        }
    }
}

/// When an order's stock falls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deduction {
    /// At placement: reserved until it is paid or given up.
    #[default]
    AtPlacement,
    /// At the settling payment, where it is checked and taken at once; if it is gone, the payment is due back.
    AtPayment,
}

/// What an order is content with where its stock is short. By default with nothing: it is all or nothing, now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhenShort {
    /// With units that come later, where the SKU's policy sells such: the order waits for them.
    pub wait: bool,
    /// With what there is of each SKU, at least one unit in all: what is missing is called off at once.
    pub partial: bool,
}

/// What becomes of money that comes after an order's payment deadline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LatePayment {
    /// It is due back.
    #[default]
    Refund,
    /// The order lives again if its stock is still there; else the money is due back.
    Revive,
}

/// The terms of an order. Times are in milliseconds; `None` means never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// When its stock falls; `None` leaves it to the rule of each SKU, and to the placement where there is none.
    pub deduction: Option<Deduction>,
    /// How long after its stock was reserved it may wait for payment before it is cancelled.
    pub pay_within_ms: Option<u64>,
    /// How long after delivery it counts as confirmed by the buyer without a word from him.
    pub confirm_after_ms: Option<u64>,
    /// How long after receipt it is completed, which ends the after-sales window.
    pub complete_after_ms: Option<u64>,
    /// What becomes of late money.
    pub late_payment: LatePayment,
    /// Whether money beyond what is due is due back; else it is only recorded.
    pub refund_excess: bool,
    /// The rules of its business line that its flows go by.
    pub rules: Option<RulesId>,
}

impl Terms {
    /// Terms under which nothing happens by itself.
    #[must_use]
    pub const fn simple() -> Self {
        Self {
            deduction: None,
            pay_within_ms: None,
            confirm_after_ms: None,
            complete_after_ms: None,
            late_payment: LatePayment::Refund,
            refund_excess: false,
            rules: None,
        }
    }

    /// Usual terms for goods: 30 minutes to pay, confirmed 10 days after delivery, completed 15 days after it.
    #[must_use]
    pub const fn physical() -> Self {
        Self {
            deduction: Some(Deduction::AtPlacement),
            pay_within_ms: Some(30 * MINUTE_MS),
            confirm_after_ms: Some(10 * DAY_MS),
            complete_after_ms: Some(15 * DAY_MS),
            late_payment: LatePayment::Refund,
            refund_excess: true,
            rules: None,
        }
    }
}

/// The terms that new orders of each type are placed under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TermsByType {
    /// For [`OrderType::Physical`]; simple orders have [`Terms::simple`] always.
    pub physical: Terms,
}

impl TermsByType {
    /// The terms of a type.
    #[must_use]
    pub const fn of(&self, order_type: OrderType) -> Terms {
        match order_type {
            OrderType::Simple => Terms::simple(),
            OrderType::Physical => self.physical,
        }
    }
}

/// What happens to an order when its deadline has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadlineKind {
    /// It is cancelled for want of payment.
    Payment,
    /// It counts as confirmed.
    Confirmation,
    /// It is completed.
    Completion,
}

/// The one moment that an order waits for. It lives in the order's state, so it survives a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadline {
    /// What happens then.
    pub kind: DeadlineKind,
    /// The first tick at which it has passed.
    pub at: Timestamp,
}

/// Where an order goes and whom to call about it, in the caller's words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The address.
    pub address: SmolStr,
    /// Telephone number, e-mail address …
    pub contact: SmolStr,
}

/// Something the customer is to be told; whoever sends messages reads it from the published records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// The order was cancelled because it was not paid in time.
    PaymentTimedOut,
}

/// Why money is due back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundCause {
    /// It came after the payment deadline.
    Late,
    /// The order was paid in full already.
    Duplicate,
    /// It was more than was due.
    Excess,
}

impl fmt::Display for OrderType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Simple => "simple",
            Self::Physical => "physical",
        })
    }
}
