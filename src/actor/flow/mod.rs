//! A flow's actor: runs the nodes of a chain by the rules of `domain::flow`, and journals how far it is.
//!
//! What follows from the state alone, and what a node came to, are events; they are applied at once and journaled
//! together before anything is done that acts on the world outside of the flow (`journal`). What acts on the world
//! outside of the engine waits until they are durable. A node is polled where the actor is (`work`); one that has to
//! wait goes on in a task of its own, and its return comes as a message. After a crash the same loop (`drive`) finds
//! nodes that have begun and not ended, and does with them what their chain says.

mod catalog;
mod context;
mod desk;
mod drive;
mod journal;
mod stats;
mod work;

use std::sync::Arc;

use tokio::sync::oneshot;

use super::core::{Core, Draft};
use super::keys::Claimed;
use super::mailbox::Address;
use super::message::{Envelope, FlowMessage};
use super::registry::{Entity, Registry};
use super::reply::ReplyTo;
use crate::domain::command::{BeginFlow, Command, FlowCommand, RemedyStep, ScopedKey};
use crate::domain::flow::{self, Entry, Flow, FlowEvent, NodeRef, Rulebook};
use crate::domain::ids::{EntityId, FlowId, Principal, RulesId};
use crate::domain::record::FlowRecord;
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;
use crate::error::Error;
use crate::flow::{Bound, Frame};
use crate::guard;
use crate::journal::codec::CodecError;

pub(crate) use catalog::Flows;
use context::Slot;
pub use stats::{ChainView, NodeView};
pub(crate) use work::Back;
use work::{Queued, Running};

/// Flows as a kind of entity.
pub(crate) struct FlowEntity;

/// A flow that waits for a moment, or for an operator.
pub(crate) struct RestingFlow {
    pub(crate) flow: Flow,
    /// Keys of effects that it has used.
    pub(crate) keys: Vec<ScopedKey>,
}

impl Entity for FlowEntity {
    type Id = FlowId;
    type Message = FlowMessage;
    type Rest = Box<RestingFlow>;

    type Live = FlowState;

    fn registry(core: &Core) -> &Registry<Self> {
        &core.flows.registry
    }

    fn wake(core: &Arc<Core>, id: FlowId, rest: Option<Box<RestingFlow>>) -> Result<FlowState, CodecError> {
        Ok(FlowState::new(core.clone(), id, rest))
    }

    fn handle(state: &mut FlowState, me: &Address<Self>, message: FlowMessage) {
        match message {
            FlowMessage::Durable(until) => state.is_durable(me, until),
            FlowMessage::Returned(back) => state.came_back(me, *back),
            FlowMessage::Halted => state.close(),
            FlowMessage::Lifted => {
                state.lifting = false;
                state.drive(me);
            }
            message => state.take_up(me, message),
        }
    }

    fn done(state: &mut FlowState) -> bool {
        state.may_rest()
    }

    fn id(state: &FlowState) -> FlowId {
        state.id
    }

    fn rest(state: &mut FlowState) -> Result<Option<Box<RestingFlow>>, CodecError> {
        let rest = |flow: &Flow| Box::new(RestingFlow { flow: flow.clone(), keys: state.keys.clone() });
        Ok(state.flow.as_ref().map(rest))
    }

    fn rest_bytes(rest: &Box<RestingFlow>) -> usize {
        let contexts: usize =
            rest.flow.runs.iter().map(|run| run.context.len() + run.nodes.len() * 128).sum();
        size_of::<RestingFlow>() + contexts
    }
}

/// What the actor owns while it is active.
pub(crate) struct FlowState {
    core: Arc<Core>,
    id: FlowId,
    flow: Option<Flow>,
    /// What it goes by; `None` where this engine does not have it, and the flow stands still.
    rules: Option<(Arc<Rulebook>, Arc<Bound>)>,
    frame: Option<Arc<Frame>>,
    /// Events that are applied and not journaled yet.
    events: Vec<FlowEvent>,
    /// Contexts by run, as far as they are known beyond the JSON in the state.
    contexts: Vec<Slot>,
    running: Vec<Running>,
    /// Steps that wait for the journal.
    queued: Vec<Queued>,
    /// Number of records handed over, of those that are durable, and of the one after which the phase stands.
    handed_over: u64,
    durable: u64,
    phase_at: u64,
    reply: Option<ReplyTo>,
    keys: Vec<ScopedKey>,
    armed: Option<Timestamp>,
    /// Whether it is to be told how it came out with the next record.
    answers: bool,
    ended: bool,
    closing: bool,
    /// Whether its order is on the way out of the park.
    lifting: bool,
}

impl FlowState {
    fn new(core: Arc<Core>, id: FlowId, rest: Option<Box<RestingFlow>>) -> Self {
        let (flow, keys) = rest.map_or((None, Vec::new()), |rest| (Some(rest.flow), rest.keys));
        let mut state = Self {
            core,
            id,
            armed: flow.as_ref().and_then(Flow::again_at),
            contexts: Vec::new(),
            flow,
            rules: None,
            frame: None,
            events: Vec::new(),
            running: Vec::new(),
            queued: Vec::new(),
            handed_over: 0,
            durable: 0,
            phase_at: 0,
            reply: None,
            keys,
            answers: false,
            ended: false,
            closing: false,
            lifting: false,
        };
        state.bind();
        state
    }

    /// Finds what the flow goes by.
    fn bind(&mut self) {
        let Some(flow) = &self.flow else { return };
        self.rules = self.core.flows.bound(flow.rules, &flow.business, &flow.scene);
        let Some((rules, _)) = &self.rules else { return };
        self.frame = Some(Arc::new(Frame {
            flow: self.id,
            business: flow.business.clone(),
            scene: flow.scene.clone(),
            chain: flow.chain.clone(),
            customer: flow.customer.clone(),
            rules: rules.clone(),
            extensions: self.core.flows.extensions(),
            desk: desk::of(&self.core),
        }));
    }

    fn entity(&self) -> EntityId {
        EntityId::Flow(self.id)
    }

    /// Whether nothing of it is at work at this moment.
    fn is_idle(&self) -> bool {
        self.running.is_empty() && self.queued.is_empty()
    }

    /// Whether the engine is at work for it: a node that waits for the world outside of the engine is not.
    fn is_busy(&self) -> bool {
        self.lifting || !self.queued.is_empty() || self.running.iter().any(|it| !it.is_outside)
    }

    fn may_rest(&self) -> bool {
        self.is_idle() && !self.lifting && self.reply.is_none() && self.events.is_empty()
    }

    fn take_up(&mut self, me: &Address<FlowEntity>, message: FlowMessage) {
        match message {
            FlowMessage::Begin(envelope, rules) => self.begin(me, envelope, rules),
            FlowMessage::Remedy(envelope) => self.remedy(me, envelope),
            FlowMessage::Drive => self.drive(me),
            FlowMessage::Recover => {
                self.match_order(me);
                self.drive(me);
            }
            FlowMessage::Look(to) => self.look(to),
            FlowMessage::Unpark(by, reply) => self.unpark(me, by, reply),
            FlowMessage::Close => self.close(),
            FlowMessage::Durable(_)
            | FlowMessage::Returned(_)
            | FlowMessage::Halted
            | FlowMessage::Lifted => {}
        }
    }

    /// Begins the flow, or refuses it.
    fn begin(&mut self, me: &Address<FlowEntity>, envelope: Envelope<BeginFlow>, rules: RulesId) {
        let Envelope { request, claim, reply } = envelope;
        let first = match self.first_event(&request.command, rules) {
            Ok(first) => first,
            Err(refusal) => {
                let envelope = Envelope { request, claim, reply };
                return self.refuse(envelope, refusal, FlowCommand::Begin);
            }
        };
        let now = self.core.clock.now();
        let mut draft = Draft::default();
        let id = Some(self.id);
        let wrap = |begin| Command::Flow(id, FlowCommand::Begin(begin));
        self.core.record_command(&mut draft, &request, now, wrap);
        if !draft.is_empty() {
            self.core.commit(draft);
        }
        let claim = claim.map(|claim| claim.0);
        let record = FlowRecord {
            flow: self.id,
            version: 1,
            at: now,
            by: request.by,
            events: vec![first],
            mark: claim.map(|claim| Box::new(crate::domain::record::KeyMark::Started(claim))),
        };
        let mut flow = None;
        if let Err(reason) = guard::apply(|| Flow::apply(&mut flow, &record)) {
            tracing::error!(flow = %self.id, %reason, "a flow that cannot begin");
            return reply.send(Err(Error::Halted { reason: reason.to_string() }));
        }
        self.events = record.events;
        self.flow = flow;
        self.reply = Some(reply);
        self.bind();
        self.drive(me);
    }

    fn first_event(&self, begin: &BeginFlow, rules: RulesId) -> Result<FlowEvent, Refusal> {
        let BeginFlow { business, scene, chain, order, customer, context } = begin;
        let unknown = || Refusal::UnknownChain {
            business: business.clone(),
            scene: scene.clone(),
            chain: chain.clone(),
        };
        let (book, bound) = self.core.flows.bound(rules, business, scene).ok_or_else(unknown)?;
        let number = book.place(chain, scene).ok_or_else(unknown)?;
        let found = bound.chain(number).ok_or_else(unknown)?;
        (found.context.decode)(context)
            .map_err(|problem| Refusal::InvalidContext { chain: chain.clone(), problem: problem.into() })?;
        let entry = entry_of(&book, number, customer.as_ref(), context.clone()).ok_or_else(unknown)?;
        Ok(FlowEvent::Began {
            rules,
            business: business.clone(),
            scene: scene.clone(),
            chain: chain.clone(),
            order: order.clone(),
            customer: customer.clone(),
            entry,
        })
    }

    fn refuse<C: Clone>(&self, envelope: Envelope<C>, refusal: Refusal, wrap: impl FnOnce(C) -> FlowCommand) {
        let (id, now) = (Some(self.id), self.core.clock.now());
        let wrap = |command| Command::Flow(id, wrap(command));
        self.core.refuse(self.entity(), envelope, refusal, now, wrap);
    }

    /// An operator decides about a step.
    fn remedy(&mut self, me: &Address<FlowEntity>, envelope: Envelope<RemedyStep>) {
        let decided = match &self.flow {
            None => Err(Refusal::UnknownFlow),
            Some(flow) => {
                let RemedyStep { node, remedy, reason, .. } = &envelope.request.command;
                let rules = self.core.flows.rulebook(flow.rules);
                let running = |node: NodeRef| self.is_at_work(node);
                flow::decide_remedy(flow, rules.as_deref(), node.as_deref(), *remedy, reason, running)
            }
        };
        match decided {
            Err(refusal) => self.refuse(envelope, refusal, FlowCommand::Remedy),
            Ok(event) => {
                // What was not journaled yet is nobody's word but the engine's.
                self.flush(None);
                self.push(event);
                self.lift_park(me);
                self.flush_remedy(envelope);
                self.drive(me);
            }
        }
    }

    /// Shows the state, as the journal has it, and whether it is at work.
    fn look(&mut self, to: oneshot::Sender<(Option<Flow>, bool)>) {
        self.flush(None);
        // Whoever asked and went away needs no answer.
        let _ = to.send((self.flow.clone(), self.is_busy()));
    }

    fn unpark(&mut self, me: &Address<FlowEntity>, by: Option<Principal>, reply: ReplyTo) {
        let parked = self.flow.as_mut().map(|flow| flow.parked.take());
        let mut draft = Draft::default();
        match parked {
            None => draft.answer(reply, Err(Refusal::UnknownFlow)),
            Some(None) => draft.answer(reply, Err(Refusal::NotParked)),
            Some(Some(_)) => {
                self.core.record_park(&mut draft, self.entity(), by, None);
                draft.answer(reply, self.answer());
                self.lift_park(me);
            }
        }
        self.core.commit(draft);
        self.drive(me);
    }

    /// The engine is being closed, or halted: nodes at work are let go as if it had crashed, and the flow goes on when it is
    /// opened again.
    fn close(&mut self) {
        self.flush(None);
        self.closing = true;
        self.running.clear();
        self.queued.clear();
        if let Some(reply) = self.reply.take() {
            reply.send(Err(Error::OutcomeUnknown));
        }
        // Whoever waits for it under its key, likewise.
        if let Some(claim) =
            self.flow.as_ref().filter(|flow| !flow.answered).and_then(|flow| flow.claim.clone())
        {
            self.core.keys.abandon(Claimed(claim), &Error::OutcomeUnknown);
        }
    }
}

/// A chain as it begins for a customer.
fn entry_of(
    rules: &Rulebook,
    number: u16,
    customer: Option<&crate::domain::ids::CustomerId>,
    context: smol_str::SmolStr,
) -> Option<Entry> {
    let chain = rules.chains.get(usize::from(number))?;
    let left_out = chain.nodes.iter().zip(0..).filter(|(spec, _)| {
        let switch = spec.when.as_deref();
        switch.is_some_and(|name| !rules.switches.get(name).is_some_and(|it| it.is_on(name, customer)))
    });
    let left_out = left_out.map(|(_, node)| node).collect();
    Some(Entry { chain: number, nodes: u16::try_from(chain.nodes.len()).ok()?, left_out, context })
}
