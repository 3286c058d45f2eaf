//! How a command finds its way to the actor that decides on it: past the key table, to its entity.

use std::sync::Arc;

use super::core::{Core, claim_of};
use super::keys::{Claimed, Entrance};
use super::message::{self, Envelope, FlowMessage, LockMessage, OrderMessage, SkuMessage};
use super::registry::{Absent, Undelivered};
use super::reply::ReplyTo;
use crate::domain::command::{
    BeginFlow, Command, FlowCommand, LockCommand, OrderCommand, RemedyStep, Request, SkuCommand,
};
use crate::domain::ids::{EntityId, FlowId, IdOrigin, OrderId, RulesId, SkuId};
use crate::domain::refusal::Refusal;
use crate::error::Error;
use crate::port::ids::IdError;

impl Core {
    /// Whether the command's records have a bounded size. What is too long is refused without a record: the refusal
    /// would hold the command, and is the same every time.
    pub(crate) fn check_bounds(&self, command: &Command) -> Result<(), Error> {
        command.check_bounds(self.limits.lines_max).map_err(Error::Refused)
    }

    /// Sends a command on its way. One that comes from outside has a permit, which it keeps until it has ended; what
    /// is under way has none, and waits for none.
    pub(crate) fn submit(self: &Arc<Self>, request: Request<Command>, reply: ReplyTo) {
        let Some(key) = &request.key else {
            return self.route(request, None, reply);
        };
        let claim = match claim_of(key, &request.command) {
            Ok(claim) => claim,
            Err(error) => return reply.send(Err(error.into())),
        };
        match self.keys.enter(claim, reply) {
            Entrance::Execute(claim, reply) => self.route(request, Some(claim), reply),
            Entrance::Again(outcome, reply) => self.repeat(reply, outcome),
            Entrance::Waits => {}
            Entrance::Reused(reply) => {
                // It rests on a claim that may not be durable yet, so it waits like every other answer.
                let error = Error::KeyReused { key: key.key.to_string() };
                self.after_durable(move |verdict| reply.send(Err(verdict.err().unwrap_or(error))));
            }
        }
    }

    fn route(self: &Arc<Self>, request: Request<Command>, claim: Option<Claimed>, reply: ReplyTo) {
        let Request { command, key, by } = request;
        match command {
            Command::Sku(sku, command) => {
                let request = Request { command, key, by };
                self.route_sku(&sku, Envelope { request, claim, reply });
            }
            Command::Order(id, command) => {
                let request = Request { command, key, by };
                self.route_order(id, Envelope { request, claim, reply });
            }
            Command::Flow(_, FlowCommand::Begin(command)) => {
                let request = Request { command, key, by };
                self.route_flow(Envelope { request, claim, reply });
            }
            Command::Flow(_, FlowCommand::Remedy(command)) => {
                let request = Request { command, key, by };
                self.route_remedy(Envelope { request, claim, reply });
            }
            Command::Lock(command) => {
                let request = Request { command, key, by };
                self.route_lock(Envelope { request, claim, reply });
            }
        }
    }

    fn route_sku(self: &Arc<Self>, sku: &SkuId, envelope: Envelope<SkuCommand>) {
        let core = self;
        let absent = match &envelope.request.command {
            SkuCommand::Receive { .. } => Absent::Create,
            _ => Absent::HandBack,
        };
        let sent = core.skus.send(core, sku, SkuMessage::Command(envelope), absent);
        // A stopped actor drops the message, and with it the caller's reply: the caller is told by that.
        if let Err(Undelivered::Unknown(SkuMessage::Command(envelope))) = sent {
            let refusal = Refusal::UnknownSku { sku: sku.clone() };
            let (entity, now) = (EntityId::Sku(sku.clone()), core.clock.now());
            core.refuse(entity, envelope, refusal, now, |command| Command::Sku(sku.clone(), command));
        }
    }

    fn route_order(self: &Arc<Self>, id: Option<OrderId>, envelope: Envelope<OrderCommand>) {
        let core = self;
        let places = matches!(envelope.request.command, OrderCommand::Place(_));
        let (id, origin) = match id {
            Some(id) => (id, IdOrigin::Caller),
            None => match self.fresh_id() {
                Ok(made) => made,
                Err(error) => return message::fail(core, envelope, &Error::Id(error)),
            },
        };
        let absent = if places { Absent::Create } else { Absent::HandBack };
        let sent = core.orders.send(core, &id, OrderMessage::Command(envelope, origin), absent);
        if let Err(Undelivered::Unknown(OrderMessage::Command(envelope, _))) = sent {
            let (entity, now) = (EntityId::Order(id.clone()), core.clock.now());
            let wrap = |command| Command::Order(Some(id), command);
            core.refuse(entity, envelope, Refusal::UnknownOrder, now, wrap);
        }
    }

    /// A made id that no caller has chosen before.
    fn fresh_id(&self) -> Result<(OrderId, IdOrigin), IdError> {
        loop {
            let made = self.ids.next(self.clock.now())?;
            if self.orders.look(&made.0, |_| ()).is_none() {
                return Ok(made);
            }
        }
    }

    /// A flow about an order goes by the rules that the order was placed under, where there is more than one version:
    /// the order knows.
    fn route_flow(self: &Arc<Self>, envelope: Envelope<BeginFlow>) {
        let begin = &envelope.request.command;
        let Some(order) = begin.order.clone().filter(|_| self.flows.has_older(&begin.business)) else {
            return self.begin_flow(envelope, None);
        };
        let sent = self.orders.send(self, &order, OrderMessage::BeginFlow(envelope), Absent::HandBack);
        if let Err(Undelivered::Unknown(OrderMessage::BeginFlow(envelope))) = sent {
            self.refuse_flow(envelope, Refusal::UnknownOrder);
        }
    }

    /// Begins a flow by these rules of its business line; by those of now where there are none.
    pub(crate) fn begin_flow(self: &Arc<Self>, envelope: Envelope<BeginFlow>, kept: Option<RulesId>) {
        let BeginFlow { business, scene, chain, .. } = &envelope.request.command;
        let Some(rules) = self.flows.find(business, scene, chain, kept) else {
            let (business, scene, chain) = (business.clone(), scene.clone(), chain.clone());
            return self.refuse_flow(envelope, Refusal::UnknownChain { business, scene, chain });
        };
        let message = FlowMessage::Begin(envelope, rules);
        // An engine that is going down drops the message, and with it the caller's reply.
        let _ = self.flows.registry.send(self, &self.flows.number(), message, Absent::Create);
    }

    /// Refuses to begin a flow: it gets no number.
    fn refuse_flow(&self, envelope: Envelope<BeginFlow>, refusal: Refusal) {
        let wrap = |begin| Command::Flow(None, FlowCommand::Begin(begin));
        self.refuse(EntityId::Flow(FlowId(0)), envelope, refusal, self.clock.now(), wrap);
    }

    fn route_lock(self: &Arc<Self>, envelope: Envelope<LockCommand>) {
        let lock = envelope.request.command.lock().clone();
        let absent = match &envelope.request.command {
            LockCommand::Acquire(_) => Absent::Create,
            LockCommand::Extend(_) | LockCommand::Release(_) => Absent::HandBack,
        };
        let sent = self.locks.send(self, &lock, LockMessage::Command(envelope), absent);
        if let Err(Undelivered::Unknown(LockMessage::Command(envelope))) = sent {
            let fencing = match &envelope.request.command {
                LockCommand::Extend(extend) => extend.fencing,
                LockCommand::Release(release) => release.fencing,
                LockCommand::Acquire(_) => 0,
            };
            let refusal = Refusal::LockLost { fencing, last: 0 };
            self.refuse(EntityId::Lock(lock), envelope, refusal, self.clock.now(), Command::Lock);
        }
    }

    fn route_remedy(self: &Arc<Self>, envelope: Envelope<RemedyStep>) {
        let id = envelope.request.command.flow;
        let sent = self.flows.registry.send(self, &id, FlowMessage::Remedy(envelope), Absent::HandBack);
        if let Err(Undelivered::Unknown(FlowMessage::Remedy(envelope))) = sent {
            let (entity, now) = (EntityId::Flow(id), self.clock.now());
            let wrap = |remedy| Command::Flow(Some(id), FlowCommand::Remedy(remedy));
            self.refuse(entity, envelope, Refusal::UnknownFlow, now, wrap);
        }
    }
}
