//! What happened to an order, in words.

use super::units;
use crate::domain::money::Money;
use crate::domain::order::{OrderEvent, PlacedLine};

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
                format!("Placed at {business}{buyer}: {bought}, for {total}; its stock is being reserved.")
            }
            Self::Reserved => "All of its stock is reserved.".to_owned(),
            Self::Refused { refusal } => format!("Refused: {refusal}. Nothing is held for it."),
            Self::PaymentRecorded { payment, method, amount } => {
                format!("Payment {payment} of {amount} minor units came in by {method}.")
            }
            Self::SettlementStarted => "The payments settle it; its stock is being committed.".to_owned(),
            Self::Settled => "Paid; its stock is committed.".to_owned(),
            Self::SettlementUndone { refusal, refund_due } => format!(
                "Its stock could not be committed: {refusal}. {refund_due} minor units are due back, and it waits for another payment."
            ),
            Self::ShipmentStarted { lines } => {
                format!("A shipment is being taken out of stock: {}.", units(lines, "nothing"))
            }
            Self::Shipped => "The shipment left the house.".to_owned(),
            Self::ShipmentUndone { refusal } => {
                format!("The shipment could not be taken out of stock: {refusal}. Nothing left the house.")
            }
            Self::Delivered { lines } => format!("Reached the buyer: {}.", units(lines, "nothing")),
            Self::CancellationStarted { lines, reason } => {
                format!("Called off ({reason}): {}; the units are being given back.", units(lines, "nothing"))
            }
            Self::Cancelled { refund_due: 0 } => "What was called off is available again.".to_owned(),
            Self::Cancelled { refund_due } => {
                format!("What was called off is available again; {refund_due} minor units are due back.")
            }
        }
    }
}

impl PlacedLine {
    /// What the line costs, in minor units.
    fn total(&self) -> i64 {
        self.gross.saturating_sub(self.discount).saturating_add(self.shipping)
    }
}
