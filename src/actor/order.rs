//! An order's actor: decides on commands, and coordinates the sagas that they begin (`saga`).
//!
//! While a saga is under way, further commands to the order wait in `stash`; what the SKUs answer comes
//! as ordinary messages. Between commands the order rests as a compact value.

mod decide;
mod family;
mod retire;
mod saga;

use std::collections::VecDeque;
use std::sync::Arc;

use smallvec::SmallVec;
use smol_str::{SmolStr, format_smolstr};
use tokio::sync::oneshot;

use super::core::{Core, Draft, Listed};
use super::mailbox::Address;
use super::message::{Envelope, FlowMessage, OrderMessage, Resumed, SkuMessage};
use super::registry::{Absent, Entity, Registry};
use super::reply::{Caller, ReplyTo};
use crate::domain::command::{Answer, Command, OrderAnswer, OrderCommand, Outcome};
use crate::domain::ids::{EntityId, FlowId, IdOrigin, OrderId, Principal};
use crate::domain::order::{self, Filled, Order, OrderEvent, Tombstone};
use crate::domain::record::{KeyMark, OrderRecord, Record};
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;
use crate::guard;
use crate::journal::codec::CodecError;
use crate::replay::compact::{self, Unpacked};
use saga::Run;

/// Orders as a kind of entity.
pub(crate) struct OrderEntity;

impl Entity for OrderEntity {
    type Id = OrderId;
    type Message = OrderMessage;
    /// The order in the journal's encoding: a few hundred bytes instead of a task and a tree of vectors.
    type Rest = Box<[u8]>;

    type Live = OrderState;

    fn registry(core: &Core) -> &Registry<Self> {
        &core.orders
    }

    fn wake(core: &Arc<Core>, id: OrderId, rest: Option<Box<[u8]>>) -> Result<OrderState, CodecError> {
        let mut state = OrderState {
            core: core.clone(),
            id,
            order: None,
            tombstone: None,
            listed: None,
            run: None,
            stash: VecDeque::new(),
        };
        if let Some(bytes) = rest {
            let number = compact::number_of(&bytes);
            match compact::unpack(&bytes)? {
                Unpacked::Order(order) => state.order = Some(order),
                Unpacked::Retired(tombstone) => state.tombstone = Some(Box::new(tombstone)),
            }
            let listed = state.order.as_ref().map(|order| order.state);
            state.listed = number.map(|number| Listed { number, state: listed });
        }
        Ok(state)
    }

    fn handle(state: &mut OrderState, me: &Address<Self>, message: OrderMessage) {
        match message {
            OrderMessage::Stepped { sku, number, outcome } => state.stepped(me, &sku, number, outcome),
            OrderMessage::Born => state.born(me),
            OrderMessage::Look(look) => look(state.listed.and(state.packed().transpose())),
            message if state.run.is_some() => state.stash.push_back(message),
            message => state.take_up(me, message),
        }
        while state.run.is_none()
            && let Some(message) = state.stash.pop_front()
        {
            state.take_up(me, message);
        }
    }

    fn done(state: &mut OrderState) -> bool {
        state.run.is_none()
    }

    fn id(state: &OrderState) -> OrderId {
        state.id.clone()
    }

    fn rest(state: &mut OrderState) -> Result<Option<Box<[u8]>>, CodecError> {
        state.packed()
    }

    fn rest_bytes(rest: &Box<[u8]>) -> usize {
        rest.len() + ALLOCATION_BYTES
    }
}

/// What the allocator keeps beside the bytes of an order at rest.
const ALLOCATION_BYTES: usize = 16;

/// How the reason begins for which a flow has its order parked.
fn parked_by(flow: FlowId) -> SmolStr {
    format_smolstr!("flow {flow}: ")
}

/// What the actor owns while it is active.
pub(crate) struct OrderState {
    core: Arc<Core>,
    id: OrderId,
    order: Option<Order>,
    /// What remains of the order, once it was retired.
    tombstone: Option<Box<Tombstone>>,
    /// How the index of orders has it.
    listed: Option<Listed>,
    /// The saga under way.
    run: Option<Run>,
    /// Commands that wait for it to end.
    stash: VecDeque<OrderMessage>,
}

impl OrderState {
    /// Hands a draft over: the one way from an order to the journal, so that the index follows.
    fn commit(&mut self, draft: Draft) {
        self.core.commit_order(draft, self.order.as_ref(), &mut self.listed);
        self.tell_parent();
    }

    fn entity(&self) -> EntityId {
        EntityId::Order(self.id.clone())
    }

    /// Does what is due by now, before anything else is decided: what is due counts as done, whether or not a
    /// timer has fired. `true` when a saga is under way because of it.
    fn overdue(&mut self, me: &Address<OrderEntity>) -> bool {
        loop {
            let now = self.core.clock.now();
            let Some(order) = &self.order else { return false };
            let before = self.wakes_at();
            let events = order::decide_due(order, now);
            if events.is_empty() {
                return false;
            }
            let begins_saga = events.iter().any(OrderEvent::begins_saga);
            let record = self.record(events, Some(Principal::SYSTEM), now);
            if let Err(reason) = guard::apply(|| Order::apply(&mut self.order, &record)) {
                self.park(reason);
                return false;
            }
            self.rearm(before);
            let mut draft = Draft::default();
            draft.record(&Record::Order(record));
            self.commit(draft);
            if begins_saga {
                self.begin(me, None, false);
                return self.run.is_some();
            }
        }
    }

    /// The moment that the order waits for.
    fn wakes_at(&self) -> Option<Timestamp> {
        self.order.as_ref().and_then(|order| self.core.wakes_at(order.deadline, order.closed_at))
    }

    /// Tells the timers that the order waits for another moment than before.
    fn rearm(&self, before: Option<Timestamp>) {
        self.core.timers.rearm(&self.id, before, self.wakes_at());
    }

    /// Handles a message that found no saga under way.
    fn take_up(&mut self, me: &Address<OrderEntity>, message: OrderMessage) {
        let Some(message) = self.take_up_retired(message) else { return };
        match message {
            OrderMessage::Command(envelope, origin) => {
                if self.overdue(me) {
                    self.stash.push_front(OrderMessage::Command(envelope, origin));
                } else {
                    self.command(me, envelope, origin);
                }
            }
            OrderMessage::Due => {
                if !self.overdue(me) {
                    self.retire_if_due();
                }
            }
            OrderMessage::Filled { sku, filled } => {
                if self.overdue(me) {
                    self.stash.push_front(OrderMessage::Filled { sku, filled });
                } else {
                    self.filled(Filled { sku, units: filled });
                }
            }
            OrderMessage::Read(to) => self.core.hand_out(to, self.stored()),
            OrderMessage::Resume(done) => self.resume(me, done),
            OrderMessage::Unpark(by, reply) => self.unpark(me, by, reply),
            OrderMessage::BeginFlow(envelope) => {
                let kept = self.order.as_ref().and_then(|order| order.terms.rules);
                self.core.begin_flow(envelope, kept);
            }
            OrderMessage::Park { flow, reason } => {
                if self.order.as_ref().is_some_and(|order| order.parked.is_none()) {
                    self.park(format_smolstr!("{}{reason}", parked_by(flow)));
                }
            }
            OrderMessage::LiftPark { flow, to } => {
                let parked = self.order.as_ref().and_then(|order| order.parked.as_ref());
                if parked.is_some_and(|reason| reason.starts_with(parked_by(flow).as_str())) {
                    self.unpark(me, None, ReplyTo::default());
                }
                // A flow that is gone was stopped with its engine.
                let _ = to.send(FlowMessage::Lifted);
            }
            OrderMessage::Bear(split_off, parent) => self.be_born(split_off, &parent),
            OrderMessage::ChildNews(news) => self.child_news(&news),
            OrderMessage::TellParent => self.tell_parent(),
            OrderMessage::Stepped { .. } | OrderMessage::Born | OrderMessage::Look(_) => {}
        }
    }

    /// Units came that the order waits for. News that it has, or that comes too late, changes nothing. A parked
    /// order is told again when it is unparked.
    fn filled(&mut self, filled: Filled) {
        let order = self.order.as_ref().filter(|order| order.parked.is_none());
        let events = order.map(|order| order::decide_filled(order, &filled)).unwrap_or_default();
        if events.is_empty() {
            return;
        }
        let record = self.record(events, Some(Principal::SYSTEM), self.core.clock.now());
        if let Err(reason) = guard::apply(|| Order::apply(&mut self.order, &record)) {
            return self.park(reason);
        }
        let mut draft = Draft::default();
        draft.record(&Record::Order(record));
        self.commit(draft);
    }

    /// Has the SKUs of units that the order waits for tell it what they have filled.
    fn ask_filled(&self) {
        let Some(order) = &self.order else { return };
        for line in order.lines.iter().filter(|line| line.counters.backordered > 0) {
            let ask = SkuMessage::TellFilled(self.id.clone());
            // A SKU that is gone has filled nothing.
            let _ = self.core.skus.send(&self.core, &line.sku, ask, Absent::HandBack);
        }
    }

    /// decide → apply → journal → answer when durable. (The journal's order is the queue's, and nothing
    /// else runs between apply and append; applying first proves the events before they are written.)
    fn command(&mut self, me: &Address<OrderEntity>, envelope: Envelope<OrderCommand>, origin: IdOrigin) {
        self.retire_if_overdue();
        if let Some(tombstone) = &self.tombstone {
            return self.refuse_retired(envelope, tombstone);
        }
        let now = self.core.clock.now();
        let before = self.wakes_at();
        let events = match self.decided(&envelope.request.command, origin) {
            Ok(events) => events,
            Err(refusal) => return self.refuse(envelope, refusal),
        };
        let begins_saga = events.iter().any(OrderEvent::begins_saga);
        let Envelope { request, claim, reply } = envelope;
        let mut draft = Draft::default();
        let id = Some(self.id.clone());
        self.core.record_command(&mut draft, &request, now, |command| Command::Order(id, command));
        let mut record = self.record(events, request.by.clone(), now);
        if begins_saga {
            record.mark = claim.as_ref().map(|c| Box::new(KeyMark::Started(c.0.clone())));
        }
        let last = matches!(request.command, OrderCommand::Retire(_)).then(|| self.answer()).flatten();
        if let Err(reason) = guard::apply(|| Order::apply(&mut self.order, &record)) {
            self.park(reason.clone());
            return self.refuse(Envelope { request, claim, reply }, Refusal::Parked { reason });
        }
        self.bury(&record);
        self.rearm(before);
        if begins_saga {
            draft.record(&Record::Order(record));
            self.commit(draft);
            self.begin(me, Some(reply), false);
        } else {
            let outcome = self.outcome_of(&record, last);
            record.mark = claim.map(|c| draft.answer_key(c, &outcome, record.at));
            draft.record(&Record::Order(record));
            draft.answer(reply, outcome);
            self.commit(draft);
        }
    }

    fn refuse(&self, envelope: Envelope<OrderCommand>, refusal: Refusal) {
        let id = Some(self.id.clone());
        let now = self.core.clock.now();
        self.core.refuse(self.entity(), envelope, refusal, now, |command| Command::Order(id, command));
    }

    fn record(&self, events: SmallVec<[OrderEvent; 2]>, by: Option<Principal>, at: Timestamp) -> OrderRecord {
        let version = self.order.as_ref().map_or(0, |order| order.version) + events.len() as u64;
        OrderRecord { order: self.id.clone(), version, at, by, events, mark: None }
    }

    fn answer(&self) -> Option<OrderAnswer> {
        self.order.as_ref().map(Order::answer)
    }

    fn outcome(&self) -> Outcome {
        self.answer().map(Answer::Order).ok_or(Refusal::UnknownOrder)
    }

    fn park(&mut self, reason: SmolStr) {
        let mut draft = Draft::default();
        self.core.record_park(&mut draft, self.entity(), None, Some(reason.clone()));
        if let Some(order) = &mut self.order {
            order.parked = Some(reason);
        }
        self.commit(draft);
    }

    /// Takes an order out of the park; a saga that was left open is driven on from where it stands.
    fn unpark(&mut self, me: &Address<OrderEntity>, by: Option<Principal>, reply: ReplyTo) {
        let mut draft = Draft::default();
        let ReplyTo { caller, permit } = reply;
        let reply = ReplyTo { caller, permit: None };
        match self.order.as_mut().map(|order| order.parked.take()) {
            None => draft.answer(reply, Err(Refusal::UnknownOrder)),
            Some(None) => draft.answer(reply, Err(Refusal::NotParked)),
            Some(Some(_)) => {
                self.core.record_park(&mut draft, self.entity(), by, None);
                draft.answer(reply, self.outcome());
                // Its timer may have fired while it was parked.
                self.rearm(None);
            }
        }
        self.commit(draft);
        // The permit stays with the saga, so that whoever waits for quiet waits for its end.
        self.begin(me, Some(ReplyTo { caller: Caller::Nobody, permit }), true);
        self.ask_filled();
        self.ask_children();
    }

    fn resume(&mut self, me: &Address<OrderEntity>, done: oneshot::Sender<Resumed>) {
        let open = self.order.as_ref().filter(|order| order.pending.is_some());
        if open.is_some_and(|order| order.parked.is_some()) {
            // It waits for an operator, as it did before.
            let _ = done.send(Resumed::Parked);
        } else if open.is_some() {
            self.begin(me, None, true);
            if let Some(run) = &mut self.run {
                run.tell = Some(done);
            }
        } else {
            // The reconciler that asked has an open ear; if it has not, nobody needs to know.
            let _ = done.send(Resumed::Nothing);
        }
    }
}
