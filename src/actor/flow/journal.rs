//! What a flow hands to the journal, and how it comes out.

use smol_str::SmolStr;

use super::{FlowEntity, FlowState};
use crate::actor::core::Draft;
use crate::actor::keys::Claimed;
use crate::actor::mailbox::Address;
use crate::actor::message::{Envelope, OrderMessage};
use crate::actor::registry::Absent;
use crate::actor::reply::ReplyTo;
use crate::domain::command::{Answer, Command, FlowAnswer, FlowCommand, Outcome, RemedyStep, ScopedKey};
use crate::domain::flow::{FlowEvent, Verdict};
use crate::domain::ids::{OrderId, Principal};
use crate::domain::order::KeyClaim;
use crate::domain::record::{FlowRecord, KeyMark, Record};
use crate::domain::refusal::Refusal;

impl FlowState {
    /// Hands what has happened since the last record to the journal. With the record that answers it goes the answer.
    pub(super) fn flush(&mut self, by: Option<Principal>) {
        if self.events.is_empty() {
            return;
        }
        let mut draft = Draft::default();
        let forgotten = self.forgotten();
        let answer = self.write(&mut draft, by);
        if let Some((reply, outcome)) = answer {
            draft.answer(reply, outcome);
        }
        self.hand_over(draft, &forgotten);
    }

    /// The same for what an operator decided, who is answered by it.
    pub(super) fn flush_remedy(&mut self, envelope: Envelope<RemedyStep>) {
        let Envelope { request, claim, reply } = envelope;
        let mut draft = Draft::default();
        let (id, now) = (Some(self.id), self.core.clock.now());
        let wrap = |remedy| Command::Flow(id, FlowCommand::Remedy(remedy));
        self.core.record_command(&mut draft, &request, now, wrap);
        let outcome = self.answer();
        let Some(mut record) = self.record(request.by) else { return };
        record.mark = claim.map(|claim| draft.answer_key(claim, &outcome, record.at));
        draft.record(&Record::Flow(record));
        draft.answer(reply, outcome);
        self.hand_over(draft, &[]);
    }

    fn hand_over(&mut self, draft: Draft, forgotten: &[ScopedKey]) {
        self.handed_over += 1;
        self.core.flows.note_begun(self.id);
        if !self.ended {
            return self.core.commit(draft);
        }
        self.flow = None;
        // Under the index's lock, like a mark: a snapshot that begins behind the record finds the keys gone.
        let index = self.core.index();
        self.core.commit(draft);
        self.core.keys.forget(forgotten);
        drop(index);
    }

    /// Keys of effects that nobody can ask for any more once the record is journaled.
    fn forgotten(&self) -> Vec<ScopedKey> {
        match self.events.last() {
            Some(FlowEvent::Ended { keys }) => keys.clone(),
            _ => Vec::new(),
        }
    }

    /// Writes the record of what has happened; answers whom to tell what, if the flow is to be answered with it.
    fn write(&mut self, draft: &mut Draft, by: Option<Principal>) -> Option<(ReplyTo, Outcome)> {
        if self.ended {
            // What it ends with is in its answer, and nobody else will ask.
            self.encode(0);
        } else {
            self.push_contexts();
        }
        let begins = matches!(self.events.first(), Some(FlowEvent::Began { .. }));
        let flow = self.flow.as_ref()?;
        let (claim, began_by) = (flow.claim.clone(), flow.by.clone());
        let answers = std::mem::take(&mut self.answers);
        let outcome = answers.then(|| self.outcome());
        let mut record = self.record(by.or(began_by.filter(|_| begins)))?;
        record.mark = match (&outcome, claim) {
            (Some(outcome), Some(claim)) => Some(draft.answer_key(Claimed(claim), outcome, record.at)),
            (None, Some(claim)) if begins => Some(Box::new(KeyMark::Started(claim))),
            _ => None,
        };
        draft.record(&Record::Flow(record));
        Some((self.reply.take_if(|_| answers)?, outcome?))
    }

    /// The record of what has happened.
    fn record(&mut self, by: Option<Principal>) -> Option<FlowRecord> {
        let version = self.flow.as_ref()?.version;
        let (flow, at, events) = (self.id, self.core.clock.now(), std::mem::take(&mut self.events));
        Some(FlowRecord { flow, version, at, by, events, mark: None })
    }

    /// The flow as commands are answered with it.
    pub(super) fn answer(&self) -> Outcome {
        let flow = self.flow.as_ref().ok_or(Refusal::UnknownFlow)?;
        let skipped = match flow.verdict(0) {
            Verdict::Skipped { node, reason } => Some((self.name_of(node), reason.clone())),
            _ => None,
        };
        let context = self.context_json(0);
        Ok(Answer::Flow(FlowAnswer { flow: self.id, order: flow.order.clone(), skipped, context }))
    }

    /// How the flow came out: the failure that ended its way forward, last of all.
    fn outcome(&self) -> Outcome {
        let flow = self.flow.as_ref().ok_or(Refusal::UnknownFlow)?;
        if let Verdict::Failed { node, failure } = flow.verdict(0) {
            return Err(Refusal::FlowFailed {
                flow: self.id,
                node: self.name_of(node),
                message: failure.message.clone(),
                refusal: failure.refusal.clone(),
            });
        }
        self.answer()
    }

    /// Parks the flow, and its order with it, until an operator has looked at it.
    pub(super) fn park(&mut self, reason: SmolStr) {
        let Some(flow) = self.flow.as_mut().filter(|flow| flow.parked.is_none()) else { return };
        flow.parked = Some(reason.clone());
        let (order, claim) = (flow.order.clone(), flow.claim.clone().filter(|_| !flow.answered));
        self.flush(None);
        self.queued.clear();
        let mut draft = Draft::default();
        self.core.record_park(&mut draft, self.entity(), None, Some(reason.clone()));
        self.refuse_parked(&mut draft, claim, &reason);
        self.core.commit(draft);
        self.park_order(order, reason);
    }

    fn park_order(&self, order: Option<OrderId>, reason: SmolStr) {
        if let Some(order) = order {
            let message = OrderMessage::Park { flow: self.id, reason };
            // An order that is gone needs no parking.
            let _ = self.core.orders.send(&self.core, &order, message, Absent::HandBack);
        }
    }

    /// After a crash the order may be in the park for a flow that is not, or the other way round.
    pub(super) fn match_order(&mut self, me: &Address<FlowEntity>) {
        let Some(flow) = &self.flow else { return };
        match flow.parked.clone() {
            Some(reason) => self.park_order(flow.order.clone(), reason),
            None => self.lift_park(me),
        }
    }

    /// Whoever waits for the end of a flow that is parked is told so.
    fn refuse_parked(&mut self, draft: &mut Draft, claim: Option<KeyClaim>, reason: &SmolStr) {
        let refusal = Refusal::Parked { reason: reason.clone() };
        if let Some(claim) = claim {
            for waiting in self.core.keys.suspend(&claim, refusal.clone()) {
                draft.answer(waiting, Err(refusal.clone()));
            }
        }
        if let Some(reply) = self.reply.take() {
            draft.answer(reply, Err(refusal));
        }
    }

    /// The flow goes on: so may its order. The flow waits for it, so that no record of its own comes before the
    /// order's: a flow that has ended could not take its order out of the park again.
    pub(super) fn lift_park(&mut self, me: &Address<FlowEntity>) {
        let Some(flow) = &self.flow else { return };
        if let Some(claim) = flow.claim.as_ref().filter(|_| !flow.answered) {
            self.core.keys.resume(claim);
        }
        if let Some(order) = &flow.order {
            let message = OrderMessage::LiftPark { flow: self.id, to: me.clone() };
            // An order that is gone needs none.
            self.lifting = self.core.orders.send(&self.core, order, message, Absent::HandBack).is_ok();
        }
    }
}
