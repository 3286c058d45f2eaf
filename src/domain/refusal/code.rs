//! Stable codes of refusals, and what kinds of them there are.

use super::Refusal;

impl Refusal {
    /// The stable code of the refusal, as it appears in logs, in answers on the wire and in the docs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::InsufficientStock { .. } => "INSUFFICIENT_STOCK",
            Self::Contended { .. } => "CONTENDED",
            Self::UnknownSku { .. } => "UNKNOWN_SKU",
            Self::UnknownOrder => "UNKNOWN_ORDER",
            Self::OrderExists => "ORDER_EXISTS",
            Self::NoLines => "NO_LINES",
            Self::TooManyLines { .. } => "TOO_MANY_LINES",
            Self::QuantityNotPositive { .. } => "QUANTITY_NOT_POSITIVE",
            Self::InvalidAmount { .. } => "INVALID_AMOUNT",
            Self::ReasonTooLong { .. } => "REASON_TOO_LONG",
            Self::Overflow => "OVERFLOW",
            Self::CurrencyMismatch { .. } => "CURRENCY_MISMATCH",
            Self::WrongState { .. } => "WRONG_STATE",
            Self::UnknownLine { .. } => "UNKNOWN_LINE",
            Self::QuantityExceeded { .. } => "QUANTITY_EXCEEDED",
            Self::DeadlineNotLater => "DEADLINE_NOT_LATER",
            Self::NothingLeft { .. } => "NOTHING_LEFT",
            Self::DuplicatePayment => "DUPLICATE_PAYMENT",
            Self::UnknownHold { .. } => "UNKNOWN_HOLD",
            Self::HoldExceeded { .. } => "HOLD_EXCEEDED",
            Self::BelowZero { .. } => "BELOW_ZERO",
            Self::UnknownDelivery { .. } => "UNKNOWN_DELIVERY",
            Self::ReturnExceedsShipped { .. } => "RETURN_EXCEEDS_SHIPPED",
            Self::Parked { .. } => "PARKED",
            Self::NotParked => "NOT_PARKED",
            Self::DecisionPanicked { .. } => "DECISION_PANICKED",
            Self::HoldBudgetExceeded { .. } => "HOLD_BUDGET_EXCEEDED",
            Self::PurchaseLimitExceeded { .. } => "PURCHASE_LIMIT_EXCEEDED",
            Self::IsKit { .. } => "IS_KIT",
            Self::InvalidKit { .. } => "INVALID_KIT",
            Self::BackorderLimitExceeded { .. } => "BACKORDER_LIMIT_EXCEEDED",
            Self::PreorderEnded { .. } => "PREORDER_ENDED",
            Self::OrderRetired { .. } => "ORDER_RETIRED",
            Self::OrderNotClosed { .. } => "ORDER_NOT_CLOSED",
            Self::CustomerRequired => "CUSTOMER_REQUIRED",
            Self::UnknownChain { .. } => "UNKNOWN_CHAIN",
            Self::UnknownFlow => "UNKNOWN_FLOW",
            Self::FlowFailed { .. } => "FLOW_FAILED",
            Self::InvalidContext { .. } => "INVALID_CONTEXT",
            Self::ContextTooLong { .. } => "CONTEXT_TOO_LONG",
            Self::NothingStandsStill => "NOTHING_STANDS_STILL",
            Self::StepNotNamed => "STEP_NOT_NAMED",
            Self::Annulled => "ANNULLED",
            Self::NoEdit => "NO_EDIT",
            Self::EditOutdated { .. } => "EDIT_OUTDATED",
            Self::InvalidEdit { .. } => "INVALID_EDIT",
            Self::CannotSplit { .. } => "CANNOT_SPLIT",
            Self::OrderSplit { .. } => "ORDER_SPLIT",
            Self::OrderIdReserved => "ORDER_ID_RESERVED",
            Self::LockHeld { .. } => "LOCK_HELD",
            Self::LockLost { .. } => "LOCK_LOST",
            Self::InvalidLease { .. } => "INVALID_LEASE",
            Self::LockCrowded { .. } => "LOCK_CROWDED",
        }
    }

    /// Whether units are not there and cannot be waited for, and nothing else is wrong.
    #[must_use]
    pub(crate) const fn is_shortage(&self) -> bool {
        matches!(
            self,
            Self::InsufficientStock { .. } | Self::BackorderLimitExceeded { .. } | Self::PreorderEnded { .. }
        )
    }

    /// Whether the refusal is the final word on a keyed command. One that tells of the entity's health
    /// is not: the same command may well be accepted once an operator has looked at it.
    #[must_use]
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::Parked { .. } | Self::DecisionPanicked { .. })
    }
}
