//! The order's state.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::edit::StagedEdit;
use super::event::Filled;
use super::lifecycle::{Lifecycle, LifecycleId, State, View};
use super::line::Line;
use super::split::{Family, Portion};
use super::terms::{Deadline, Delivery, Terms, WhenShort};
use crate::domain::command::{LineQuantity, OrderAnswer, ScopedKey};
use crate::domain::ids::{
    BusinessId, CartId, CustomerId, IdOrigin, OrderId, PaymentId, PaymentMethod, Principal,
};
use crate::domain::inventory::Reason;
use crate::domain::money::Currency;
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;

/// Everything the engine knows of one order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The order's id.
    pub id: OrderId,
    /// Number of events that made this state.
    pub version: u64,
    /// The rules it lives by.
    pub lifecycle: LifecycleId,
    /// The terms it was placed under.
    pub terms: Terms,
    /// What it is content with where stock is short.
    pub when_short: WhenShort,
    /// Where it stands.
    pub state: State,
    /// The business line or shop that sells.
    pub business: BusinessId,
    /// The buyer.
    pub customer: Option<CustomerId>,
    /// The cart that became the order.
    pub cart: Option<CartId>,
    /// The currency of all amounts.
    pub currency: Currency,
    /// How its id was made.
    pub origin: IdOrigin,
    /// When it was placed.
    pub placed_at: Timestamp,
    /// When the last of it reached the buyer.
    pub received_at: Option<Timestamp>,
    /// The moment that it waits for.
    pub deadline: Option<Deadline>,
    /// Since when it is closed for good: when the last thing happened to it while nothing is left to do.
    pub closed_at: Option<Timestamp>,
    /// Where it goes.
    pub delivery: Option<Delivery>,
    /// What was bought; line numbers count from 1.
    pub lines: Vec<Line>,
    /// Payments in the order in which they came.
    pub payments: Vec<Payment>,
    /// Shipments in the order in which they left.
    pub shipments: Vec<Shipment>,
    /// What is to be paid for the units not called off, in minor units.
    pub due: i64,
    /// What was paid in all, in minor units.
    pub paid: i64,
    /// What is to be paid back in all, in minor units.
    pub refund_due: i64,
    /// Number of the last saga step that a SKU may have been asked for.
    pub steps: u32,
    /// The saga that is under way.
    pub pending: Option<Pending>,
    /// Units that were called off because time ran out, and that late money can bring back.
    pub expired: Vec<LineQuantity>,
    /// Units that were not there when they were asked for, and were called off at once.
    pub missing: Vec<LineQuantity>,
    /// What SKUs have filled for it, where it waited.
    pub filled: Vec<Filled>,
    /// Why the placement was refused.
    pub refusal: Option<Refusal>,
    /// Why the order, or its last cancelled part, was called off.
    pub cancel_reason: Option<Reason>,
    /// A change that waits to be accepted or declined.
    pub edit: Option<Box<StagedEdit>>,
    /// The orders that it was split into, and the one that it was split off.
    pub family: Option<Box<Family>>,
    /// Why the order is parked.
    pub parked: Option<SmolStr>,
}

/// A payment as it was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Its id, unique within the order.
    pub id: PaymentId,
    /// How it was paid.
    pub method: PaymentMethod,
    /// The amount in minor units of the order's currency.
    pub amount: i64,
    /// When it was recorded.
    pub at: Timestamp,
}

/// Units that left the house together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shipment {
    /// Units by line.
    pub lines: Vec<LineQuantity>,
    /// When they left.
    pub at: Timestamp,
}

/// A saga that has begun and not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// What it does.
    pub kind: PendingKind,
    /// Number of its forward step; undoing has the number after it.
    pub step: u32,
    /// The idempotency key whose answer its end will be.
    pub claim: Option<KeyClaim>,
    /// Who gave the command.
    pub by: Option<Principal>,
    /// Whether the command is granted however the saga ends: a cancellation or a settlement, which is done, led
    /// to it.
    pub granted: bool,
}

/// What a saga does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PendingKind {
    /// Reserve every line.
    Placement,
    /// Commit what is reserved.
    Settlement,
    /// Take and commit what was not reserved at placement.
    Taking,
    /// Ship units.
    Shipment(Vec<LineQuantity>),
    /// Give units back.
    Cancellation {
        /// Units by line.
        lines: Vec<LineQuantity>,
        /// Whether time ran out.
        expired: bool,
    },
    /// Reserve again what was given back when time ran out.
    Revival,
    /// Take units out of stock that are the buyer's without a shipment.
    HandOver(Vec<LineQuantity>),
    /// Ship units, and then call others off.
    ShortShipment {
        /// Units that leave, by line.
        lines: Vec<LineQuantity>,
        /// Units that are called off, by line.
        missing: Vec<LineQuantity>,
        /// Why, in the caller's words.
        reason: Reason,
    },
    /// Reserve what an edit adds.
    EditReserve,
    /// Give back what an edit takes away.
    EditRelease,
    /// Commit what was added to the paid order.
    Supplement,
    /// Pass the units on to the children.
    Split(Vec<Portion>),
    /// Make the children.
    Birth(Vec<Portion>),
}

/// An idempotency key bound to the body it was first used with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyClaim {
    /// The key.
    pub key: ScopedKey,
    /// The first 16 bytes of a BLAKE3 hash over the command.
    pub fingerprint: [u8; 16],
}

/// An invariant of the order was found broken; the order is parked with this reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OrderBroken(pub SmolStr);

impl Order {
    /// The order as commands are answered with it.
    #[must_use]
    pub fn answer(&self) -> OrderAnswer {
        OrderAnswer {
            order: self.id.clone(),
            state: self.state,
            due: self.due,
            paid: self.paid,
            refund_due: self.refund_due,
            missing: self.missing.clone(),
            backordered: self.backordered(),
            version: self.version,
        }
    }

    /// What system, merchant and buyer see of the order; `None` for a state that its lifecycle does not have.
    #[must_use]
    pub fn view(&self) -> Option<View> {
        Lifecycle::of(self.lifecycle)?.view(self.state)
    }

    /// Whether nothing more can happen to the order by its lifecycle.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        self.pending.is_none() && Lifecycle::of(self.lifecycle).is_some_and(|l| l.is_terminal(self.state))
    }

    /// Checks what must hold of every order between two events.
    ///
    /// # Errors
    /// The first invariant that does not hold, in words.
    pub fn check(&self) -> Result<(), OrderBroken> {
        let fail = |text: String| Err(OrderBroken(text.into()));
        for (index, line) in self.lines.iter().enumerate() {
            let number = index + 1;
            if !line.counters.consistent() {
                return fail(format!(
                    "line {number}: its counters contradict each other: {:?}",
                    line.counters
                ));
            }
            if line.discount < 0 || line.discount > line.gross || line.shipping < 0 {
                return fail(format!(
                    "line {number}: its amounts are negative or its discount exceeds its gross"
                ));
            }
        }
        if self.refund_due > self.paid || self.refund_due < 0 {
            return fail(format!("{} is due back where {} was paid", self.refund_due, self.paid));
        }
        let held: u64 = self.lines.iter().map(|l| u64::from(l.counters.claimed())).sum();
        let finished = Lifecycle::of(self.lifecycle).is_some_and(|l| l.is_terminal(self.state));
        if finished && held > 0 {
            return fail(format!("{} but {held} units are still held or waited for", self.state));
        }
        Ok(())
    }
}
