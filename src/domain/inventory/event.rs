//! The movements of stock, as recorded facts.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::counters::Place;
use super::holds::{HoldOwner, Purchase};
use super::location::LocationId;
use super::policy::StockPolicy;
use super::queue::Promise;
use super::takeover::TakeOver;
use crate::domain::ids::DeliveryId;
use crate::domain::time::Timestamp;

/// Why stock was received, adjusted, returned or written off, in the caller's words.
pub type Reason = SmolStr;

/// A movement of units of one SKU at one location. Quantities are positive unless said otherwise; what
/// happens at several locations is several events of one record.
///
/// `step` is the number of the order's saga step that asked for the movement, 0 where a caller asked
/// for it directly; it makes a redelivered step recognisable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StockEvent {
    /// Units came in from outside.
    Received {
        /// Units received.
        quantity: u64,
        /// Purchase order, delivery note … in the caller's words.
        reason: Reason,
        /// Where they were put.
        at: LocationId,
    },
    /// A count was corrected.
    Adjusted {
        /// Units added (positive) or taken off (negative); never zero.
        delta: i64,
        /// What the count found.
        reason: Reason,
        /// Where it was counted.
        at: LocationId,
    },
    /// Available units became held by `owner`.
    Reserved {
        /// Who holds them.
        owner: HoldOwner,
        /// Units added to the hold.
        quantity: u64,
        /// The saga step that asked.
        step: u32,
        /// When a cart's hold lapses; an order's hold has no deadline of its own.
        deadline: Option<Timestamp>,
        /// Whom the units count for, where the buyer is known.
        purchase: Option<Box<Purchase>>,
        /// Where they lie.
        at: LocationId,
    },
    /// Reserved units of `owner` became committed: they are paid for.
    Committed {
        /// Who holds them.
        owner: HoldOwner,
        /// Units that moved.
        quantity: u64,
        /// The saga step that asked.
        step: u32,
        /// Where they lie.
        at: LocationId,
    },
    /// Committed units of `owner` became reserved again: the commit was compensated.
    Uncommitted {
        /// Who holds them.
        owner: HoldOwner,
        /// Units that moved.
        quantity: u64,
        /// The saga step that asked.
        step: u32,
        /// Where they lie.
        at: LocationId,
    },
    /// Held units became available again.
    Released {
        /// Who held them.
        owner: HoldOwner,
        /// Reserved units given back.
        reserved: u64,
        /// Committed units given back.
        committed: u64,
        /// The saga step that asked.
        step: u32,
        /// What ended the hold.
        cause: ReleaseCause,
        /// Where they lie.
        at: LocationId,
    },
    /// Committed units left the house.
    Shipped {
        /// Who held them.
        owner: HoldOwner,
        /// Units shipped.
        quantity: u64,
        /// The saga step that asked.
        step: u32,
        /// Where they left.
        at: LocationId,
    },
    /// Units said to be shipped had not left: they are committed to `owner` again.
    Unshipped {
        /// Who holds them again.
        owner: HoldOwner,
        /// Units that moved.
        quantity: u64,
        /// The saga step that asked.
        step: u32,
        /// The buyer, where known. The day on which the units counted went with them.
        purchase: Option<Box<Purchase>>,
        /// Where they lie.
        at: LocationId,
    },
    /// Shipped units came back into stock.
    Returned {
        /// Units that came back.
        quantity: u64,
        /// Where they were put.
        to: Place,
        /// Return number, condition … in the caller's words.
        reason: Reason,
        /// The location they were brought to.
        at: LocationId,
    },
    /// Units that nobody holds were lost, broken or expired.
    WrittenOff {
        /// Units written off.
        quantity: u64,
        /// Where they were.
        from: Place,
        /// What happened to them.
        reason: Reason,
        /// The location they were at.
        at: LocationId,
    },
    /// The reserved units of a cart lapse later.
    Extended {
        /// Who holds them.
        owner: HoldOwner,
        /// When they lapse now.
        deadline: Timestamp,
    },
    /// The rules of the SKU changed. From here on units are counted by buyer, or no longer.
    PolicySet {
        /// The rules.
        policy: Box<StockPolicy>,
    },
    /// Units that nobody holds were put elsewhere.
    Moved {
        /// Units that moved.
        quantity: u64,
        /// Where they were.
        from: Place,
        /// Where they are.
        to: Place,
        /// What for, in the caller's words.
        reason: Reason,
        /// Where they lie.
        at: LocationId,
    },
    /// A delivery was announced, announced anew, or called off. No units move.
    Announced {
        /// The delivery.
        delivery: DeliveryId,
        /// Units to come; 0 when it was called off.
        quantity: u64,
        /// When they are expected.
        expected: Timestamp,
        /// Where they will arrive.
        at: LocationId,
    },
    /// Announced units are no longer to come: they are received by the next event of the same record.
    Arrived {
        /// The delivery.
        delivery: DeliveryId,
        /// Announced units that came.
        quantity: u64,
    },
    /// So few units are available that the policy wants it told. Said once on the way down; said again
    /// only after more were available in between.
    StockLow {
        /// The policy's threshold.
        threshold: u64,
        /// Units available, at most the threshold.
        available: u64,
    },
    /// The reserved units of an order's hold were a cart's before. No units move; should the step be undone,
    /// the cart gets them back.
    TookOver {
        /// The order.
        owner: HoldOwner,
        /// The saga step that asked.
        step: u32,
        /// What the cart held.
        from: Box<TakeOver>,
    },
    /// Available units were brought from one location to another.
    Transferred {
        /// Units that moved.
        quantity: u64,
        /// The location they left.
        from: LocationId,
        /// The location they are at.
        to: LocationId,
        /// What for, in the caller's words.
        reason: Reason,
    },
    /// Units that are not there were promised: `owner` waits for them.
    Queued {
        /// Who waits.
        owner: HoldOwner,
        /// Units added to the queue.
        quantity: u64,
        /// What they were promised on.
        promise: Promise,
        /// The saga step that asked.
        step: u32,
        /// Whom the units count for, where the buyer is known.
        purchase: Option<Box<Purchase>>,
    },
    /// Units that became available went to `owner`, who was the first to wait for them.
    Filled {
        /// Who waited.
        owner: HoldOwner,
        /// Units that became reserved.
        reserved: u64,
        /// Units that became committed: they had been paid for while they were waited for.
        committed: u64,
        /// Where they lie.
        at: LocationId,
    },
    /// Units are no longer waited for; those that came last are the first to go, and those not paid for.
    Unqueued {
        /// Who waited.
        owner: HoldOwner,
        /// Units taken out of the queue.
        quantity: u64,
        /// The saga step that asked.
        step: u32,
    },
    /// Units that are waited for were paid for.
    QueuePaid {
        /// Who waits.
        owner: HoldOwner,
        /// Units that were paid for.
        quantity: u64,
        /// The saga step that asked.
        step: u32,
    },
    /// Units that are waited for are not paid for after all.
    QueueUnpaid {
        /// Who waits.
        owner: HoldOwner,
        /// Units that are no longer paid for.
        quantity: u64,
        /// The saga step that asked.
        step: u32,
    },
    /// Units are counted by buyer from here on, for orders that limit their buyers.
    CountingBegan,
}

/// What ended a hold, or a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReleaseCause {
    /// Its owner, or the saga of its order, gave the units back.
    Asked,
    /// The deadline of the cart came.
    Expired,
    /// The same cart asked again; its new hold stands behind this in the same record.
    Replaced,
    /// The cart became an order; the order's hold stands behind this in the same record.
    Converted,
    /// The units went to other orders, whose holds stand behind this in the same record.
    PassedOn,
}

impl StockEvent {
    /// The name of the event, as logs and error texts print it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Received { .. } => "Received",
            Self::Adjusted { .. } => "Adjusted",
            Self::Reserved { .. } => "Reserved",
            Self::Committed { .. } => "Committed",
            Self::Uncommitted { .. } => "Uncommitted",
            Self::Released { .. } => "Released",
            Self::Shipped { .. } => "Shipped",
            Self::Unshipped { .. } => "Unshipped",
            Self::Returned { .. } => "Returned",
            Self::WrittenOff { .. } => "WrittenOff",
            Self::Extended { .. } => "Extended",
            Self::PolicySet { .. } => "PolicySet",
            Self::Moved { .. } => "Moved",
            Self::Announced { .. } => "Announced",
            Self::Arrived { .. } => "Arrived",
            Self::StockLow { .. } => "StockLow",
            Self::TookOver { .. } => "TookOver",
            Self::Transferred { .. } => "Transferred",
            Self::Queued { .. } => "Queued",
            Self::Filled { .. } => "Filled",
            Self::Unqueued { .. } => "Unqueued",
            Self::QueuePaid { .. } => "QueuePaid",
            Self::QueueUnpaid { .. } => "QueueUnpaid",
            Self::CountingBegan => "CountingBegan",
        }
    }

    /// The owner whose hold the event changes, and the saga step that asked (0 without one); `None` for
    /// movements that touch no hold.
    #[must_use]
    pub const fn hold(&self) -> Option<(&HoldOwner, u32)> {
        match self {
            Self::Reserved { owner, step, .. }
            | Self::Committed { owner, step, .. }
            | Self::Uncommitted { owner, step, .. }
            | Self::Released { owner, step, .. }
            | Self::Shipped { owner, step, .. }
            | Self::Unshipped { owner, step, .. }
            | Self::TookOver { owner, step, .. }
            | Self::Queued { owner, step, .. }
            | Self::Unqueued { owner, step, .. }
            | Self::QueuePaid { owner, step, .. }
            | Self::QueueUnpaid { owner, step, .. } => Some((owner, *step)),
            Self::Extended { owner, .. } | Self::Filled { owner, .. } => Some((owner, 0)),
            Self::Received { .. }
            | Self::Adjusted { .. }
            | Self::Returned { .. }
            | Self::WrittenOff { .. }
            | Self::PolicySet { .. }
            | Self::Moved { .. }
            | Self::Announced { .. }
            | Self::Arrived { .. }
            | Self::StockLow { .. }
            | Self::Transferred { .. }
            | Self::CountingBegan => None,
        }
    }

    /// The location at which units came, went or changed hands; `None` for events that move none, and for
    /// a transfer, which has two.
    #[must_use]
    pub const fn at(&self) -> Option<&LocationId> {
        match self {
            Self::Received { at, .. }
            | Self::Adjusted { at, .. }
            | Self::Reserved { at, .. }
            | Self::Committed { at, .. }
            | Self::Uncommitted { at, .. }
            | Self::Released { at, .. }
            | Self::Shipped { at, .. }
            | Self::Unshipped { at, .. }
            | Self::Returned { at, .. }
            | Self::WrittenOff { at, .. }
            | Self::Moved { at, .. }
            | Self::Filled { at, .. } => Some(at),
            Self::Extended { .. }
            | Self::PolicySet { .. }
            | Self::Announced { .. }
            | Self::Arrived { .. }
            | Self::StockLow { .. }
            | Self::TookOver { .. }
            | Self::Transferred { .. }
            | Self::Queued { .. }
            | Self::Unqueued { .. }
            | Self::QueuePaid { .. }
            | Self::QueueUnpaid { .. }
            | Self::CountingBegan => None,
        }
    }

    /// Whether it changes who waits, or for what.
    pub(super) const fn is_of_the_queue(&self) -> bool {
        matches!(
            self,
            Self::Queued { .. }
                | Self::Filled { .. }
                | Self::Unqueued { .. }
                | Self::QueuePaid { .. }
                | Self::QueueUnpaid { .. }
        )
    }

    /// Whether it concerns another location than the default one.
    pub(super) fn is_elsewhere(&self) -> bool {
        self.at().map_or(matches!(self, Self::Transferred { .. }), |at| !at.is_main())
    }
}
