//! What happened to an order, in words.

use super::units;
use crate::domain::money::Money;
use crate::domain::order::{LineEdit, Notice, OrderEvent, PlacedLine, RefundCause};

impl OrderEvent {
    /// The event as a plain sentence. Amounts of events that do not carry their currency are in minor
    /// units.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Placed { business, customer, currency, lines, .. } => {
                let buyer = customer.as_ref().map(|id| format!(" by customer {id}")).unwrap_or_default();
                let total = lines.iter().map(PlacedLine::total).fold(0, i64::saturating_add);
                let bought: Vec<_> = lines.iter().map(|l| format!("{} × {}", l.quantity, l.sku)).collect();
                let (bought, total) = (bought.join(", "), Money::new(total, *currency));
                format!("Placed at {business}{buyer}: {bought}, for {total}.")
            }
            Self::Reserved => "Its stock is reserved.".to_owned(),
            Self::FellShort { missing, refund_due: 0 } => {
                format!("Not there, and called off: {}.", units(missing, "nothing"))
            }
            Self::FellShort { missing, refund_due } => format!(
                "Not there, and called off: {}; {refund_due} minor units are due back.",
                units(missing, "nothing")
            ),
            Self::Refused { refusal } => format!("Refused: {refusal}. Nothing is held for it."),
            Self::Backordered { lines, .. } => {
                format!("Not there yet, and waited for: {}.", units(lines, "nothing"))
            }
            Self::Filled { filled, lines } => {
                format!("Units of {} came that it waited for: {}.", filled.sku, units(lines, "nothing"))
            }
            Self::PaymentRecorded { payment, method, amount } => {
                format!("Payment {payment} of {amount} minor units came in by {method}.")
            }
            Self::SettlementStarted => "The payments settle it; its stock is being committed.".to_owned(),
            Self::Settled => "Paid; its stock is committed.".to_owned(),
            Self::SettlementUndone { refusal, refund_due } => {
                format!("Its stock could not be committed: {refusal}. {refund_due} minor units are due back.")
            }
            Self::ShipmentStarted { lines } => {
                format!("A shipment is being taken out of stock: {}.", units(lines, "nothing"))
            }
            Self::Shipped => "The shipment left the house.".to_owned(),
            Self::ShipmentUndone { refusal } => {
                format!("The shipment could not be taken out of stock: {refusal}. Nothing left the house.")
            }
            Self::Delivered { lines } => format!("Reached the buyer: {}.", units(lines, "nothing")),
            Self::CancellationStarted { lines, reason, .. } => {
                format!("Called off ({reason}): {}; the units are being given back.", units(lines, "nothing"))
            }
            Self::Cancelled { refund_due: 0 } => "What was called off is available again.".to_owned(),
            Self::Cancelled { refund_due } => {
                format!("What was called off is available again; {refund_due} minor units are due back.")
            }
            other => other.describe_later_life(),
        }
    }

    /// What simple orders never see.
    fn describe_later_life(&self) -> String {
        match self {
            Self::Accepted => "Accepted; its stock is taken when it is paid.".to_owned(),
            Self::NoticeRaised(Notice::PaymentTimedOut) => {
                "Not paid in time; the customer is to be told.".to_owned()
            }
            Self::RefundDue { amount, cause } => {
                let cause = match cause {
                    RefundCause::Late => "came after the order was cancelled",
                    RefundCause::Duplicate => "came when all was paid already",
                    RefundCause::Excess => "is more than was due",
                };
                format!("{amount} minor units are due back: the money {cause}.")
            }
            Self::RevivalStarted => "Late money covers it; its stock is being reserved again.".to_owned(),
            Self::Revived => "Its stock was still there: it lives again.".to_owned(),
            Self::RevivalUndone { refusal, refund_due } => {
                format!("Its stock was gone: {refusal}. {refund_due} minor units are due back.")
            }
            Self::Picked => "Its goods are being fetched.".to_owned(),
            Self::Packed => "Its goods are packed.".to_owned(),
            Self::Confirmed { automatic: true } => "Time has confirmed the receipt.".to_owned(),
            Self::Confirmed { automatic: false } => "The receipt is confirmed.".to_owned(),
            Self::Completed { automatic: true } => "The after-sales window has passed.".to_owned(),
            Self::Completed { automatic: false } => "Completed by hand.".to_owned(),
            Self::Closed { reason } => format!("Closed by hand: {reason}."),
            Self::DeliveryChanged(delivery) => {
                format!("It now goes to {}; contact: {}.", delivery.address, delivery.contact)
            }
            Self::DeadlineExtended { until } => {
                format!("It has more time, until {until}.")
            }
            Self::HandOverStarted { lines } => {
                format!("Being taken out of stock for the buyer: {}.", units(lines, "nothing"))
            }
            Self::HandedOver => "Handed over: it left stock without a shipment.".to_owned(),
            Self::HandOverUndone { refusal } => {
                format!("It could not be taken out of stock: {refusal}. That is tried again later.")
            }
            Self::Retired => "Retired: it left memory, and its id stays taken.".to_owned(),
            other => other.describe_change(),
        }
    }

    /// What makes another order of it than the one that was placed.
    fn describe_change(&self) -> String {
        match self {
            Self::ShortShipmentStarted { lines, missing, reason } => format!(
                "A shipment is being taken out of stock: {}; the rest is called off ({reason}): {}.",
                units(lines, "nothing"),
                units(missing, "nothing")
            ),
            Self::EditStaged(edit) => {
                let changes: Vec<_> = edit.changes.iter().map(LineEdit::describe).collect();
                format!("A change is prepared: {}.", changes.join(", "))
            }
            Self::EditDeclined => "The prepared change was dropped.".to_owned(),
            Self::EditStarted => {
                "The prepared change is accepted; what it adds is being reserved.".to_owned()
            }
            Self::EditReleasing => "What the change takes away is being given back.".to_owned(),
            Self::EditAccepted { refund_due: 0 } => "The order is changed.".to_owned(),
            Self::EditAccepted { refund_due } => {
                format!("The order is changed; {refund_due} minor units are due back.")
            }
            Self::EditUndone { refusal } => {
                format!("What the change adds is not there: {refusal}. The order is as it was.")
            }
            Self::SupplementStarted => "What was added is paid for; it is being committed.".to_owned(),
            Self::Supplemented => "What was added is committed.".to_owned(),
            Self::SupplementUndone { refusal, refund_due } => format!(
                "What was added could not be committed: {refusal}. {refund_due} minor units are due back."
            ),
            Self::SplitStarted { portions } => {
                let children: Vec<_> = portions.iter().map(|part| part.child.as_str()).collect();
                format!("It is being split into {}; its units are being passed on.", children.join(", "))
            }
            Self::PassedOn => "Its units are its children's; those are coming into being.".to_owned(),
            Self::Split => "It is split: its children go on for it.".to_owned(),
            Self::SplitUndone { refusal } => {
                format!("Its units could not be passed on: {refusal}. The order is as it was.")
            }
            Self::SplitOff(born) => {
                format!("Split off {}, with {} minor units of what was paid.", born.parent, born.paid)
            }
            Self::ChildChanged(news) => {
                format!("{} is {} at version {}.", news.child, news.state, news.version)
            }
            other => format!("{other:?}."),
        }
    }
}

impl LineEdit {
    fn describe(&self) -> String {
        match self {
            Self::Add { line, quantity, .. } => format!("{quantity} more of line {line}"),
            Self::Take { line, quantity: Some(quantity) } => format!("{quantity} fewer of line {line}"),
            Self::Take { line, quantity: None } => format!("nothing more of line {line}"),
            Self::Reprice { line, .. } => format!("other amounts for line {line}"),
            Self::New(placed) => format!("{} × {} besides", placed.quantity, placed.sku),
        }
    }
}

impl PlacedLine {
    /// What the line costs, in minor units.
    fn total(&self) -> i64 {
        self.gross.saturating_sub(self.discount).saturating_add(self.shipping)
    }
}
