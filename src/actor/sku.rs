//! A SKU's actor: the one place where its stock is checked and taken, in one message.
//!
//! Some of what it knows is not state: which holds are *provisional*, because their order is still asking
//! other SKUs. A request that fails only because of provisional holds is neither granted nor refused yet:
//! it waits here until they are settled, at most a configured number of times, and is then refused as
//! contended (`waiting`). After a crash nothing is provisional: the reconciler decides every open order
//! before the engine takes commands.

pub(crate) mod carts;
mod filling;
mod waiting;

use std::sync::Arc;

use smallvec::SmallVec;

use super::core::{Core, Draft};
use super::mailbox::Address;
use super::message::{Envelope, SkuMessage, Step};
use super::registry::{Entity, Registry};
use crate::domain::command::{Answer, Command, SkuCommand};
use crate::domain::ids::{EntityId, OrderId, Principal, SkuId};
use crate::domain::inventory::{self, Inventory, StepDecision, StockEvent};
use crate::domain::record::{Record, SkuRecord};
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;
use crate::guard;
use crate::journal::codec::CodecError;
#[cfg(any(test, feature = "simulation"))]
use crate::port::chaos::{self, Sabotage};
use carts::Carts;
use waiting::{Provisional, Waiting};

/// SKUs as a kind of entity.
pub(crate) struct SkuEntity;

/// A SKU at rest: the inventory as it is, because packing the holds of a hot SKU would stall it.
pub(crate) struct RestingSku {
    pub(crate) inventory: Box<Inventory>,
    pub(crate) carts: Carts,
}

impl RestingSku {
    fn new(id: &SkuId) -> Self {
        Self { inventory: Box::new(Inventory::new(id.clone())), carts: Carts::default() }
    }
}

impl Entity for SkuEntity {
    type Id = SkuId;
    type Message = SkuMessage;
    type Rest = Box<RestingSku>;

    type Live = SkuState;

    fn registry(core: &Core) -> &Registry<Self> {
        &core.skus
    }

    fn wake(core: &Arc<Core>, id: SkuId, rest: Option<Box<RestingSku>>) -> Result<SkuState, CodecError> {
        let RestingSku { inventory, carts } = rest.map_or_else(|| RestingSku::new(&id), |rest| *rest);
        Ok(SkuState {
            core: core.clone(),
            inventory,
            carts,
            provisional: Provisional::default(),
            waiting: Waiting::default(),
            filling: false,
            asked_to_rest: false,
            draft: Draft::default(),
        })
    }

    fn handle(state: &mut SkuState, _: &Address<Self>, message: SkuMessage) {
        if !matches!(message, SkuMessage::Command(_)) {
            state.hand_over();
        }
        state.asked_to_rest = matches!(message, SkuMessage::Rest);
        match message {
            SkuMessage::Command(envelope) => state.command(envelope, 0),
            SkuMessage::Step(step) => state.step(step, 0),
            SkuMessage::Settle(order) => state.settle(&order),
            SkuMessage::Expire(cart) => state.expire(&cart),
            SkuMessage::Due { carts_max } => state.due(carts_max),
            SkuMessage::Fill => state.fill(),
            SkuMessage::TellFilled(order) => state.tell_filled(&order),
            SkuMessage::Look(look) => {
                look(Some(&*state.inventory).filter(|inventory| inventory.version > 0));
            }
            SkuMessage::Unpark(by, reply) => state.unpark(by, reply),
            #[cfg(any(test, feature = "simulation"))]
            SkuMessage::Checked(step, decision) => state.granted(step, decision, state.core.clock.now()),
            SkuMessage::Rest => {}
        }
    }

    fn done(state: &mut SkuState) -> bool {
        state.hand_over();
        // A SKU that was never received is no entity: nothing remains of having been asked for it.
        let nothing = state.inventory.version == 0;
        (nothing || state.asked_to_rest) && state.provisional.is_empty() && state.waiting.is_empty()
    }

    fn id(state: &SkuState) -> SkuId {
        state.inventory.sku.clone()
    }

    fn rest(state: &mut SkuState) -> Result<Option<Box<RestingSku>>, CodecError> {
        let empty = Box::new(Inventory::new(state.inventory.sku.clone()));
        let inventory = std::mem::replace(&mut state.inventory, empty);
        let carts = std::mem::take(&mut state.carts);
        Ok((inventory.version > 0).then(|| Box::new(RestingSku { inventory, carts })))
    }

    /// What a SKU takes is the same at rest and not, and changes with its records.
    fn rest_bytes(_: &Box<RestingSku>) -> usize {
        0
    }
}

/// What the actor owns while it is active.
pub(crate) struct SkuState {
    core: Arc<Core>,
    inventory: Box<Inventory>,
    carts: Carts,
    provisional: Provisional,
    waiting: Waiting,
    /// Whether a message to go on filling is under way.
    filling: bool,
    /// Whether it was asked to go to rest, and nothing has come since.
    asked_to_rest: bool,
    /// Records and answers of commands that came together, not handed over yet. Nothing else may leave the actor, nor
    /// another record be handed over, before it is.
    draft: Draft,
}

impl SkuState {
    fn entity(&self) -> EntityId {
        EntityId::Sku(self.inventory.sku.clone())
    }

    /// decide → journal → apply → answer when durable.
    fn command(&mut self, envelope: Envelope<SkuCommand>, tries: u32) {
        let now = self.core.clock.now();
        let command = &envelope.request.command;
        let decided = self.decide_on(now, |inventory| inventory::decide(inventory, command, now));
        let decision = match decided {
            Ok(decision) => decision,
            Err(refusal) => {
                let buyer = match &envelope.request.command {
                    SkuCommand::Reserve(asked) => asked.buyer.as_ref(),
                    _ => None,
                };
                return match self.verdict(refusal, tries, buyer, false) {
                    Verdict::Wait => self.waiting.push_command(envelope, tries + 1),
                    Verdict::Refuse(refusal) => self.refuse(envelope, refusal, now),
                };
            }
        };
        let Envelope { request, claim, reply } = envelope;
        let available = self.inventory.counters.available;
        let sets_policy = matches!(request.command, SkuCommand::SetPolicy(_));
        let is_alone = claim.is_some() || sets_policy;
        if is_alone {
            self.hand_over();
        }
        let mut draft = std::mem::take(&mut self.draft);
        let sku = self.inventory.sku.clone();
        self.core.record_command(&mut draft, &request, now, |command| Command::Sku(sku, command));
        let outcome = Ok(Answer::Stock(decision.answer));
        let mut filled = Vec::new();
        let mark = claim.map(|c| draft.answer_key(c, &outcome, now));
        if !decision.events.is_empty() || mark.is_some() {
            let record = SkuRecord { mark, ..self.record(decision.events, request.by, now) };
            filled = self.journal_and_apply(&mut draft, record);
        }
        draft.answer(reply, outcome);
        if sets_policy {
            self.core.commit_policy(draft, &self.inventory);
        } else {
            self.draft = draft;
            if is_alone || self.draft.bytes() >= HANDED_OVER_BYTES {
                self.hand_over();
            }
        }
        self.tell_all(&filled);
        if self.inventory.counters.available > available {
            self.retry_waiting();
        }
    }

    /// Hands over what commands that came together have left.
    fn hand_over(&mut self) {
        if !self.draft.is_empty() {
            self.core.commit(std::mem::take(&mut self.draft));
        }
    }

    /// Hands a draft over, behind what came before it: the one way from a SKU to the journal, so that its records
    /// stand there in their order.
    fn commit(&mut self, draft: Draft) {
        self.hand_over();
        self.core.commit(draft);
    }

    fn refuse(&mut self, envelope: Envelope<SkuCommand>, refusal: Refusal, now: Timestamp) {
        let sku = self.inventory.sku.clone();
        self.hand_over();
        self.core.refuse(self.entity(), envelope, refusal, now, |command| Command::Sku(sku, command));
    }

    /// A step of an order's saga: the same path, but the answer is an ordinary message to the order. It
    /// need not wait for the journal, because whatever the order makes of it comes later in the journal.
    fn step(&mut self, step: Step, tries: u32) {
        self.hand_over();
        let now = self.core.clock.now();
        let decided = self
            .decide_on(now, |inventory| inventory::decide_step(inventory, &step.step, step.redelivered, now));
        match decided {
            #[cfg(any(test, feature = "simulation"))]
            Ok(decision) if step.step.op.takes() && chaos::is_broken(Sabotage::CheckedThenTaken) => {
                let sku = self.inventory.sku.clone();
                let later = SkuMessage::Checked(step, decision);
                let _ = self.core.skus.send(&self.core, &sku, later, super::registry::Absent::HandBack);
            }
            Ok(decision) => self.granted(step, decision, now),
            Err(refusal) => match self.verdict(refusal, tries, step.step.buyer.as_ref(), step.step.partial) {
                Verdict::Wait => self.waiting.push_step(step, tries + 1),
                Verdict::Refuse(refusal) => {
                    let sku = self.inventory.sku.clone();
                    step.answer(&sku, Err(refusal));
                }
            },
        }
    }

    fn granted(&mut self, step: Step, decision: StepDecision, now: Timestamp) {
        #[cfg(any(test, feature = "simulation"))]
        let decision = twice_if_broken(decision);
        self.provisional.note(&step, &decision);
        let mut filled = Vec::new();
        if !decision.events.is_empty() {
            let mut draft = Draft::default();
            let record = self.record(decision.events, None, now);
            filled = self.journal_and_apply(&mut draft, record);
            self.commit(draft);
        }
        let frees = !step.step.op.takes();
        let sku = self.inventory.sku.clone();
        step.answer(&sku, Ok(decision.grant));
        self.tell_all(&filled);
        if frees {
            self.retry_waiting();
        }
    }

    fn record(&self, events: SmallVec<[StockEvent; 1]>, by: Option<Principal>, at: Timestamp) -> SkuRecord {
        let version = self.inventory.version + events.len() as u64;
        SkuRecord { sku: self.inventory.sku.clone(), version, at, by, events, mark: None }
    }

    /// Appends the record and applies its events; answers the orders for which units were filled, who are to
    /// be told once the record is on its way. Events that break an invariant, which `decide` should
    /// have refused, park the SKU; replay comes to the same verdict by the same way.
    fn journal_and_apply(&mut self, draft: &mut Draft, record: SkuRecord) -> Vec<OrderId> {
        let record = Record::Sku(record);
        draft.record(&record);
        let Record::Sku(record) = record else { return Vec::new() };
        let touched = self.carts.touched(&self.inventory, &record.events);
        let somebody_waits = self.inventory.queue_len() > 0;
        let before = if self.inventory.version == 0 { 0 } else { self.inventory.memory_bytes() };
        let applied = guard::apply(|| self.inventory.apply_record(&record));
        self.core.memory.stock_changed(before, self.inventory.memory_bytes());
        if let Err(reason) = applied {
            self.core.record_park(draft, self.entity(), None, Some(reason.clone()));
            self.inventory.parked = Some(reason);
            return Vec::new();
        }
        self.carts.follow(touched, &self.inventory, &self.core.timers);
        if somebody_waits { filling::filled(&record) } else { Vec::new() }
    }

    fn unpark(&mut self, by: Option<Principal>, reply: super::reply::ReplyTo) {
        let mut draft = Draft::default();
        if self.inventory.parked.take().is_some() {
            self.core.record_park(&mut draft, self.entity(), by, None);
            let available = self.inventory.counters.available;
            let version = self.inventory.version;
            let answer = crate::domain::command::StockAnswer { available, held: 0, version };
            draft.answer(reply, Ok(Answer::Stock(answer)));
            self.arm_carts();
        } else {
            draft.answer(reply, Err(Refusal::NotParked));
        }
        self.commit(draft);
        self.go_on_filling();
    }
}

/// Records of commands that came together are handed over in pieces of about this length, so that the writer has
/// something to do meanwhile.
const HANDED_OVER_BYTES: usize = 8 << 10;

/// What becomes of a request that cannot be granted now.
enum Verdict {
    Wait,
    Refuse(Refusal),
}

/// Sabotage: what a step gives back is put into stock twice.
#[cfg(any(test, feature = "simulation"))]
fn twice_if_broken(mut decision: StepDecision) -> StepDecision {
    let given_back = decision.events.iter().find_map(|event| match event {
        StockEvent::Released { reserved, committed, .. } => Some(reserved + committed),
        _ => None,
    });
    if let Some(quantity) = given_back.filter(|_| chaos::is_broken(Sabotage::ReleasedTwice)) {
        let at = inventory::LocationId::MAIN;
        decision.events.push(StockEvent::Received { quantity, reason: "given back twice".into(), at });
    }
    decision
}
