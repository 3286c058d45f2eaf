//! The movements of stock, in words.

use super::count;
use crate::domain::inventory::{Place, StockEvent};

impl StockEvent {
    /// The movement as a plain sentence. Units that are nowhere in particular are at the default location.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Reserved { owner, quantity, deadline, at, .. } => {
                let until = deadline.map(|at| format!(", until {at}")).unwrap_or_default();
                format!("{}{} reserved for {owner}{until}.", count(*quantity), at.words())
            }
            Self::Committed { owner, quantity, at, .. } => {
                format!("{} of {owner}{} paid for and committed.", count(*quantity), at.words())
            }
            Self::Uncommitted { owner, quantity, at, .. } => {
                let (units, at) = (count(*quantity), at.words());
                format!("{units} of {owner}{at} only reserved again: the commit was undone.")
            }
            Self::Released { owner, reserved, committed, at, .. } => format!(
                "{owner} gave back {} reserved and {} committed{}, to be available again.",
                count(*reserved),
                count(*committed),
                at.words()
            ),
            Self::Shipped { owner, quantity, at, .. } => {
                format!("{} of {owner}{} left the house.", count(*quantity), at.words())
            }
            Self::Unshipped { owner, quantity, at, .. } => {
                let (units, at) = (count(*quantity), at.words());
                format!("{units} of {owner}{at} had not left: the shipment was undone.")
            }
            Self::Queued { owner, quantity, promise, .. } => {
                format!("{} promised to {owner} on {promise}.", count(*quantity))
            }
            Self::Filled { owner, reserved, committed, at } => {
                let (unpaid, paid) = (count(*reserved), count(*committed));
                format!("What {owner} waited for came{}: {unpaid} reserved and {paid} committed.", at.words())
            }
            Self::Unqueued { owner, quantity, .. } => {
                format!("{owner} no longer waits for {}.", count(*quantity))
            }
            Self::QueuePaid { owner, quantity, .. } => {
                format!("{} that {owner} waits for paid for.", count(*quantity))
            }
            Self::QueueUnpaid { owner, quantity, .. } => {
                format!("{} that {owner} waits for not paid for after all.", count(*quantity))
            }
            Self::Extended { owner, deadline } => {
                format!("The hold of {owner} is kept until {deadline}.")
            }
            other => other.describe_unheld(),
        }
    }

    /// Movements of units that nobody holds.
    fn describe_unheld(&self) -> String {
        match self {
            Self::Received { quantity, reason, at } => {
                format!("{} came in{}: {reason}.", count(*quantity), at.words())
            }
            Self::Adjusted { delta, reason, at } => {
                let (way, units) = (if *delta < 0 { "down" } else { "up" }, count(delta.unsigned_abs()));
                format!("The count{} was corrected {way} by {units}: {reason}.", at.words())
            }
            Self::Returned { quantity, to: Place::Available, reason, at } => {
                format!("{} came back into stock{}: {reason}.", count(*quantity), at.words())
            }
            Self::Returned { quantity, to, reason, at } => {
                format!("{} came back and are {to}{}: {reason}.", count(*quantity), at.words())
            }
            Self::WrittenOff { quantity, from: Place::Available, reason, at } => {
                format!("{}{} written off: {reason}.", count(*quantity), at.words())
            }
            Self::WrittenOff { quantity, from, reason, at } => {
                format!("{} that were {from}{} written off: {reason}.", count(*quantity), at.words())
            }
            Self::Moved { quantity, from, to, reason, at } => {
                format!("{} that were {from}{} are {to}: {reason}.", count(*quantity), at.words())
            }
            Self::Transferred { quantity, from, to, reason } => {
                format!("{} brought from {from} to {to}: {reason}.", count(*quantity))
            }
            other => other.describe_rest(),
        }
    }

    /// What moves no units.
    fn describe_rest(&self) -> String {
        match self {
            Self::PolicySet { policy } => match &policy.kit {
                Some(parts) => {
                    let parts: Vec<_> = parts.iter().map(|p| format!("{} × {}", p.quantity, p.sku)).collect();
                    format!("The SKU has another policy: it is a kit of {}.", parts.join(", "))
                }
                None => "The SKU has another policy.".to_owned(),
            },
            Self::Announced { delivery, quantity, expected, at } => {
                let (units, at) = (count(*quantity), at.words());
                format!("Delivery {delivery} of {units} is expected{at} on {expected}.")
            }
            Self::Arrived { delivery, quantity } => {
                format!("{} of delivery {delivery} arrived.", count(*quantity))
            }
            Self::StockLow { threshold, available } => {
                format!("Stock is low: {} available, where {threshold} is the mark.", count(*available))
            }
            Self::TookOver { owner, from, .. } => {
                format!("{owner} took over {} of cart {}.", count(from.reserved), from.cart)
            }
            Self::CountingBegan => {
                "Units are counted by buyer from here on: an order limits its buyers.".to_owned()
            }
            other => format!("{other:?}."),
        }
    }
}
