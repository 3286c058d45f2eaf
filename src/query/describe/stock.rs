//! The movements of stock, in words.

use super::count;
use crate::domain::inventory::{Place, StockEvent};

impl StockEvent {
    /// The movement as a plain sentence.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Received { quantity, reason } => format!("{} came in: {reason}.", count(*quantity)),
            Self::Adjusted { delta, reason } if *delta < 0 => {
                format!("The count was corrected down by {}: {reason}.", count(delta.unsigned_abs()))
            }
            Self::Adjusted { delta, reason } => {
                format!("The count was corrected up by {}: {reason}.", count(delta.unsigned_abs()))
            }
            Self::Reserved { owner, quantity, deadline, .. } => {
                let until = deadline.map(|at| format!(", until {} ms", at.as_millis())).unwrap_or_default();
                format!("{} reserved for {owner}{until}.", count(*quantity))
            }
            Self::Committed { owner, quantity, .. } => {
                format!("{} of {owner} paid for and committed.", count(*quantity))
            }
            Self::Uncommitted { owner, quantity, .. } => {
                format!("{} of {owner} only reserved again: the commit was undone.", count(*quantity))
            }
            Self::Released { owner, reserved, committed, .. } => format!(
                "{owner} gave back {} reserved and {} committed, to be available again.",
                count(*reserved),
                count(*committed)
            ),
            Self::Shipped { owner, quantity, .. } => {
                format!("{} of {owner} left the house.", count(*quantity))
            }
            Self::Unshipped { owner, quantity, .. } => {
                format!("{} of {owner} had not left: the shipment was undone.", count(*quantity))
            }
            Self::Returned { quantity, to: Place::Available, reason } => {
                format!("{} came back into stock: {reason}.", count(*quantity))
            }
            Self::Returned { quantity, to, reason } => {
                format!("{} came back and are {to}: {reason}.", count(*quantity))
            }
            Self::WrittenOff { quantity, from: Place::Available, reason } => {
                format!("{} written off: {reason}.", count(*quantity))
            }
            Self::WrittenOff { quantity, from, reason } => {
                format!("{} that were {from} written off: {reason}.", count(*quantity))
            }
            other => other.describe_rest(),
        }
    }

    /// What says something of the SKU and of no holder.
    fn describe_rest(&self) -> String {
        match self {
            Self::Extended { owner, deadline } => {
                format!("The hold of {owner} is kept until {} ms.", deadline.as_millis())
            }
            Self::PolicySet { policy } => match &policy.kit {
                Some(parts) => {
                    let parts: Vec<_> = parts.iter().map(|p| format!("{} × {}", p.quantity, p.sku)).collect();
                    format!("The SKU has another policy: it is a kit of {}.", parts.join(", "))
                }
                None => "The SKU has another policy.".to_owned(),
            },
            Self::Moved { quantity, from, to, reason } => {
                format!("{} that were {from} are {to}: {reason}.", count(*quantity))
            }
            Self::Announced { delivery, quantity, expected } => {
                format!(
                    "Delivery {delivery} of {} is expected at {} ms.",
                    count(*quantity),
                    expected.as_millis()
                )
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
            other => format!("{other:?}."),
        }
    }
}
