//! How an order leaves memory: its last event is journaled, and from then on its actor has, and answers with, no
//! more than what remains of it. A few dozen bytes rest under its id, so that the id stays taken.

use super::OrderState;
use crate::actor::core::Draft;
use crate::actor::message::{Envelope, OrderMessage, Stored};
use crate::domain::command::{Answer, OrderAnswer, OrderCommand, Outcome};
use crate::domain::ids::Principal;
use crate::domain::order::{self, Order, Tombstone};
use crate::domain::record::{OrderRecord, Record};
use crate::guard;
use crate::journal::codec::CodecError;
use crate::replay::compact::{self, Packed, Unpacked};

impl OrderState {
    /// Retires the order where its time in memory is over.
    pub(super) fn retire_if_due(&mut self) {
        let (Some(order), Some(after_ms)) = (&self.order, self.core.retire_after_ms) else { return };
        let now = self.core.clock.now();
        let events = order::decide_retirement(order, after_ms, now);
        if events.is_empty() {
            return;
        }
        let before = self.wakes_at();
        let record = self.record(events, Some(Principal::SYSTEM), now);
        if let Err(reason) = guard::apply(|| Order::apply(&mut self.order, &record)) {
            return self.park(reason);
        }
        self.bury(&record);
        self.rearm(before);
        let mut draft = Draft::default();
        draft.record(&Record::Order(record));
        self.commit(draft);
    }

    /// The same before a command is decided, so that it does not depend on whether a timer has fired. While the
    /// timers are halted the clock is in doubt, and no order leaves by it.
    pub(super) fn retire_if_overdue(&mut self) {
        let Some(at) = self.core.retire_after_ms.and_then(|ms| self.order.as_ref()?.retires_at(ms)) else {
            return;
        };
        let now = self.core.clock.now();
        if at <= now && self.core.timers.may_lapse(now) {
            self.retire_if_due();
        }
    }

    /// Keeps what remains of the order, if the record that was just applied retired it.
    pub(super) fn bury(&mut self, record: &OrderRecord) {
        self.tombstone = Tombstone::of(record).map(Box::new);
    }

    /// What a command is answered with that led to a record: the order as it stands, or as it stood `before` if
    /// the record retired it.
    pub(super) fn outcome_of(&self, record: &OrderRecord, before: Option<OrderAnswer>) -> Outcome {
        match before {
            Some(before) if self.order.is_none() => {
                Ok(Answer::Order(OrderAnswer { version: record.version, ..before }))
            }
            _ => self.outcome(),
        }
    }

    /// Refuses a command to an order that is no more.
    pub(super) fn refuse_retired(&self, envelope: Envelope<OrderCommand>, tombstone: &Tombstone) {
        self.refuse(envelope, tombstone.refusal());
    }

    /// The order, or what remains of it, as it is handed out.
    pub(super) fn stored(&self) -> Option<Box<Stored>> {
        let number = self.listed.map_or(u32::MAX, |listed| listed.number);
        let unpacked = match (&self.tombstone, &self.order) {
            (Some(tombstone), _) => Unpacked::Retired((**tombstone).clone()),
            (None, Some(order)) => Unpacked::Order(order.clone()),
            (None, None) => return None,
        };
        Some(Box::new(Stored { number, unpacked }))
    }

    /// The order, or what remains of it, as it rests.
    pub(super) fn packed(&self) -> Result<Option<Packed>, CodecError> {
        let number = self.listed.map_or(u32::MAX, |listed| listed.number);
        match (&self.tombstone, &self.order) {
            (Some(tombstone), _) => compact::pack_tombstone(number, tombstone).map(Some),
            (None, order) => order.as_ref().map(|order| compact::pack_order(number, order)).transpose(),
        }
    }

    /// Handles a message that found the order gone; gives it back if it is not.
    pub(super) fn take_up_retired(&self, message: OrderMessage) -> Option<OrderMessage> {
        let Some(tombstone) = &self.tombstone else { return Some(message) };
        match message {
            OrderMessage::Command(envelope, _) => self.refuse_retired(envelope, tombstone),
            OrderMessage::Unpark(_, reply) => {
                let mut draft = Draft::default();
                draft.answer(reply, Err(tombstone.refusal()));
                self.core.commit(draft);
            }
            other @ (OrderMessage::Read(_) | OrderMessage::Resume(_) | OrderMessage::Bear(..)) => {
                return Some(other);
            }
            _ => {}
        }
        None
    }
}
