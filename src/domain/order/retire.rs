//! The end of an order: when it is closed for good, and when it leaves memory. Pure.
//!
//! An order is closed for good when nothing is left to do about it: no saga is under way, it waits for no
//! moment, its lifecycle lets it stay where it is (and so it holds nothing), and no money is due back. That money
//! was paid back is in no event; an order that somebody closed by hand counts as seen to.
//!
//! The order keeps the moment from which on it is (`closed_at`), which is a fact. How long it stays after that is
//! a setting of the engine, and so no part of the state: another setting moves the moment of every order.

use serde::{Deserialize, Serialize};
use smallvec::smallvec;

use super::decide::Events;
use super::event::OrderEvent;
use super::lifecycle::State;
use super::state::{Order, OrderBroken};
use crate::domain::command::RetireOrder;
use crate::domain::ids::OrderId;
use crate::domain::record::OrderRecord;
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;

/// What remains of an order that was retired: its id cannot be used again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tombstone {
    /// The order's id.
    pub id: OrderId,
    /// Its last version, that of the retirement included.
    pub version: u64,
    /// Engine time of the retirement.
    pub at: Timestamp,
}

impl Tombstone {
    /// What remains of an order whose record was applied, if that retires it.
    #[must_use]
    pub fn of(record: &OrderRecord) -> Option<Self> {
        let retires = matches!(record.events.last(), Some(OrderEvent::Retired));
        retires.then(|| Self { id: record.order.clone(), version: record.version, at: record.at })
    }

    /// What every command to the order, and every look at it, is answered with.
    #[must_use]
    pub const fn refusal(&self) -> Refusal {
        Refusal::OrderRetired { at: self.at }
    }
}

/// Whether the order's time in memory is over: it has been closed for good for `after_ms` milliseconds.
#[must_use]
pub fn decide_retirement(order: &Order, after_ms: u64, now: Timestamp) -> Events {
    let over = order.retires_at(after_ms).is_some_and(|at| at <= now);
    if over && order.pending.is_none() && order.parked.is_none() {
        smallvec![OrderEvent::Retired]
    } else {
        Events::new()
    }
}

pub(super) fn decide_retire(order: &Order, retire: &RetireOrder) -> Result<Events, Refusal> {
    if order.is_closed() || (retire.refunded && order.is_over()) {
        return Ok(smallvec![OrderEvent::Retired]);
    }
    Err(Refusal::OrderNotClosed { state: order.state, refund_due: order.refund_due })
}

impl Order {
    /// Whether the order is closed for good: nothing is left to do about it.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.is_over() && (self.refund_due == 0 || self.state == State::Closed)
    }

    /// Whether it is, but for money that is due back.
    fn is_over(&self) -> bool {
        self.is_terminal() && self.deadline.is_none()
    }

    /// The first moment at which it is retired where that comes `after_ms` milliseconds after it was closed for
    /// good; `None` while it is not.
    #[must_use]
    pub fn retires_at(&self, after_ms: u64) -> Option<Timestamp> {
        Some(self.closed_at?.plus_millis(after_ms))
    }

    /// Notes since when the order is closed for good; whatever happens to it begins that time anew.
    pub(super) fn note_closed(&mut self, at: Timestamp) {
        self.closed_at = self.is_closed().then_some(at);
    }

    pub(super) fn check_over(&self) -> Result<(), OrderBroken> {
        if self.is_over() {
            return Ok(());
        }
        Err(OrderBroken(smol_str::format_smolstr!("retired while it is {} and not at its end", self.state)))
    }
}
