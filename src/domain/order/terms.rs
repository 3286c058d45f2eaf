//! The terms an order is placed under. They are fixed in the journal with its placement, so that a changed
//! policy never touches an order that exists.

use std::fmt;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::lifecycle::{Action, Lifecycle, LifecycleId, State};
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
    /// Goods that need no shipping: handed over as soon as they are paid for.
    Virtual,
    /// Physical goods that many want at the same time: a named buyer, a limit for each, little time to pay.
    FlashSale,
    /// Goods that may be paid for before they are there, and ship as they come.
    Preorder,
    /// Something that is active for a period from the payment on.
    Membership,
}

impl OrderType {
    /// Every type.
    pub const ALL: [Self; 6] =
        [Self::Simple, Self::Physical, Self::Virtual, Self::FlashSale, Self::Preorder, Self::Membership];

    /// The lifecycle that new orders of this type get.
    #[must_use]
    pub const fn lifecycle(self) -> LifecycleId {
        match self {
            Self::Simple => LifecycleId::SIMPLE,
            Self::Physical => LifecycleId::PHYSICAL,
            Self::Virtual => LifecycleId::VIRTUAL,
            Self::FlashSale => LifecycleId::FLASH_SALE,
            Self::Preorder => LifecycleId::PREORDER,
            Self::Membership => LifecycleId::MEMBERSHIP,
        }
    }

    /// Whether an order of this type waits for units that come later, where the policy of a SKU promises such:
    /// simple orders and physical goods as `asked` at the placement, preorders always, the others never.
    #[must_use]
    pub const fn waits(self, asked: bool) -> bool {
        match self {
            Self::Simple | Self::Physical => asked,
            Self::Preorder => true,
            Self::Virtual | Self::FlashSale | Self::Membership => false,
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
    /// Units of one SKU that one buyer may have in all: held in carts and orders, and taken, since the SKU counts
    /// them. Decided by the SKU together with the rest, so that orders that race cannot exceed it. The placement
    /// needs a named buyer then.
    pub units_per_buyer_max: Option<u64>,
    /// How long it is active once it is paid for.
    pub active_for_ms: Option<u64>,
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
            units_per_buyer_max: None,
            active_for_ms: None,
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
            refund_excess: true,
            ..Self::simple()
        }
    }

    /// Usual terms for virtual goods: 30 minutes to pay, confirmed a day after they were handed over, completed
    /// seven days after that.
    #[must_use]
    pub const fn virtual_goods() -> Self {
        Self { confirm_after_ms: Some(DAY_MS), complete_after_ms: Some(7 * DAY_MS), ..Self::physical() }
    }

    /// Usual terms for flash sales: 5 minutes to pay, 2 units for each buyer, the rest as for goods.
    #[must_use]
    pub const fn flash_sale() -> Self {
        Self { pay_within_ms: Some(5 * MINUTE_MS), units_per_buyer_max: Some(2), ..Self::physical() }
    }

    /// Usual terms for preorders: a place in the queue at placement, 14 days to pay, the rest as for goods.
    #[must_use]
    pub const fn preorder() -> Self {
        Self { pay_within_ms: Some(14 * DAY_MS), ..Self::physical() }
    }

    /// Usual terms for memberships: deduction at payment, a day to pay, active for 365 days.
    #[must_use]
    pub const fn membership() -> Self {
        Self {
            deduction: Some(Deduction::AtPayment),
            pay_within_ms: Some(DAY_MS),
            active_for_ms: Some(365 * DAY_MS),
            refund_excess: true,
            ..Self::simple()
        }
    }

    /// Checks that orders of a lifecycle can live under these terms.
    ///
    /// # Errors
    /// What they ask for and the lifecycle has no arrow for, in words.
    pub fn check(&self, lifecycle: &Lifecycle) -> Result<(), &'static str> {
        let knows = |action| lifecycle.rows.iter().any(|(_, by, _)| *by == action);
        if !knows(Action::Accept) && self.deduction != Some(Deduction::AtPlacement) {
            return Err("the stock of such orders falls at placement");
        }
        if self.late_payment == LatePayment::Revive && !knows(Action::Revive) {
            return Err("such orders are not revived by late money");
        }
        if self.active_for_ms.is_some() && !lifecycle.states().contains(&State::Active) {
            return Err("such orders have no period in which they are active");
        }
        if self.units_per_buyer_max == Some(0) {
            return Err("units_per_buyer_max must be positive; None sets no limit");
        }
        Ok(())
    }
}

/// The terms that new orders of each type are placed under; simple orders have [`Terms::simple`] always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TermsByType {
    /// For [`OrderType::Physical`].
    pub physical: Terms,
    /// For [`OrderType::Virtual`].
    pub virtual_goods: Terms,
    /// For [`OrderType::FlashSale`].
    pub flash_sale: Terms,
    /// For [`OrderType::Preorder`].
    pub preorder: Terms,
    /// For [`OrderType::Membership`].
    pub membership: Terms,
}

impl Default for TermsByType {
    fn default() -> Self {
        Self {
            physical: Terms::physical(),
            virtual_goods: Terms::virtual_goods(),
            flash_sale: Terms::flash_sale(),
            preorder: Terms::preorder(),
            membership: Terms::membership(),
        }
    }
}

impl TermsByType {
    /// The terms of a type.
    #[must_use]
    pub const fn of(&self, order_type: OrderType) -> Terms {
        match order_type {
            OrderType::Simple => Terms::simple(),
            OrderType::Physical => self.physical,
            OrderType::Virtual => self.virtual_goods,
            OrderType::FlashSale => self.flash_sale,
            OrderType::Preorder => self.preorder,
            OrderType::Membership => self.membership,
        }
    }

    /// Checks the terms of every type against its lifecycle.
    ///
    /// # Errors
    /// The first type whose terms its lifecycle does not allow, and why.
    pub fn check(&self) -> Result<(), String> {
        for order_type in OrderType::ALL {
            let lifecycle = Lifecycle::of(order_type.lifecycle())
                .ok_or_else(|| format!("{order_type} orders have no lifecycle"))?;
            self.of(order_type)
                .check(lifecycle)
                .map_err(|problem| format!("of {order_type} orders: {problem}"))?;
        }
        Ok(())
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
    /// The period for which it was paid is over.
    PeriodEnd,
    /// Its units are handed over, which a SKU could not do when it was asked last.
    HandOver,
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
            Self::Virtual => "virtual",
            Self::FlashSale => "flash sale",
            Self::Preorder => "preorder",
            Self::Membership => "membership",
        })
    }
}
