//! Why something happened, where the record says it.

use smol_str::{SmolStr, ToSmolStr};

use crate::domain::inventory::StockEvent;
use crate::domain::order::{OrderEvent, RefundCause};
use crate::query::Happening;

impl Happening {
    /// Why it happened, in the words of whoever did it or of the refusal that led to it; `None` where nobody said.
    #[must_use]
    pub fn reason(&self) -> Option<SmolStr> {
        match self {
            Self::Order(event) => event.reason(),
            Self::Stock(event) => event.reason(),
            Self::Refused(refusal) => Some(refusal.to_smolstr()),
            Self::Parked(reason) => Some(reason.clone()),
            Self::Asked(_) | Self::Flow(_) | Self::Unchanged | Self::Unparked | Self::Lock(_) => None,
        }
    }
}

impl OrderEvent {
    fn reason(&self) -> Option<SmolStr> {
        match self {
            Self::CancellationStarted { reason, .. } | Self::Closed { reason } => Some(reason.to_smolstr()),
            Self::Refused { refusal }
            | Self::SettlementUndone { refusal, .. }
            | Self::ShipmentUndone { refusal }
            | Self::RevivalUndone { refusal, .. }
            | Self::HandOverUndone { refusal } => Some(refusal.to_smolstr()),
            Self::RefundDue { cause, .. } => Some(SmolStr::new_static(match cause {
                RefundCause::Late => "the money came after the order was cancelled",
                RefundCause::Duplicate => "the money came when all was paid already",
                RefundCause::Excess => "the money is more than was due",
            })),
            Self::Confirmed { automatic: true } | Self::Completed { automatic: true } => {
                Some(SmolStr::new_static("the time for it was over"))
            }
            _ => None,
        }
    }
}

impl StockEvent {
    fn reason(&self) -> Option<SmolStr> {
        match self {
            Self::Received { reason, .. }
            | Self::Adjusted { reason, .. }
            | Self::Returned { reason, .. }
            | Self::WrittenOff { reason, .. }
            | Self::Moved { reason, .. }
            | Self::Transferred { reason, .. } => Some(reason.to_smolstr()),
            _ => None,
        }
    }
}
