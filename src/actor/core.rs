//! What every actor shares: clock, registries, key table and the way to the journal.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use smallvec::smallvec;
use smol_str::SmolStr;
use tokio::sync::oneshot;

use super::commit::{CommitQueue, Gate, Item, Release};
use super::flow::Flows;
use super::keys::{Claimed, KeyTable};
use super::lock::LockEntity;
use super::memory::Memory;
use super::message::Envelope;
use super::order::OrderEntity;
use super::registry::Registry;
use super::reply::ReplyTo;
use super::sales::Sales;
use super::sku::SkuEntity;
use super::timers::Timers;
use crate::config::RecordCommands;
use crate::domain::command::{Command, Outcome, Request, ScopedKey};
use crate::domain::ids::{EntityId, Principal};
use crate::domain::inventory::{Inventory, StockPolicy};
use crate::domain::order::{Deadline, KeyClaim, Limits, Order, State, TermsByType};
use crate::domain::record::{
    CommandRecord, KeyMark, KeysForgotten, ParkRecord, Record, RefusalRecord, RulesRecord,
};
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;
use crate::error::Error;
use crate::journal::LogMark;
use crate::journal::codec::CodecError;
#[cfg(any(test, feature = "simulation"))]
use crate::port::chaos::{self, Sabotage};
use crate::port::{EngineClock, OrderIds};
use crate::query::OrderIndex;
use crate::replay::tagged;

/// What every actor shares.
pub(crate) struct Core {
    pub(crate) clock: Arc<EngineClock>,
    pub(crate) queue: Arc<CommitQueue>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) keys: KeyTable,
    pub(crate) orders: Registry<OrderEntity>,
    pub(crate) skus: Registry<SkuEntity>,
    pub(crate) flows: Flows,
    pub(crate) locks: Registry<LockEntity>,
    pub(crate) ids: Box<dyn OrderIds>,
    pub(crate) index: Mutex<OrderIndex>,
    pub(crate) sales: Sales,
    pub(crate) limits: Limits,
    pub(crate) terms: TermsByType,
    pub(crate) timers: Timers,
    /// How long after it was closed for good an order is retired.
    pub(crate) retire_after_ms: Option<u64>,
    pub(crate) memory: Memory,
    pub(crate) contended_retries_max: u32,
    pub(crate) record_commands: RecordCommands,
}

/// Room for the records of most decisions, so that encoding them does not grow its buffer step by step.
const RECORD_BYTES_USUAL: usize = 192;

/// An order as the index of orders has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) number: u32,
    /// `None` once it was retired: it is in no list.
    pub(crate) state: Option<State>,
}

/// An item in the making.
#[derive(Default)]
pub(crate) struct Draft {
    item: Item,
    /// Why a record could not be encoded; its effect must then not leave the engine.
    failed: Option<CodecError>,
    /// The key that the item answers.
    answers: Option<Box<(KeyClaim, Outcome, Timestamp)>>,
}

impl Draft {
    /// Whether there is nothing in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.item.count == 0 && self.item.releases.is_empty()
    }

    /// Bytes of its records.
    pub(crate) fn bytes(&self) -> usize {
        self.item.records.len()
    }

    /// Adds a record.
    pub(crate) fn record(&mut self, record: &Record) {
        if self.item.records.capacity() == 0 {
            self.item.records.reserve(RECORD_BYTES_USUAL);
        }
        match tagged::push(&mut self.item.records, record) {
            Ok(()) => self.item.count += 1,
            Err(error) => self.failed = Some(error),
        }
    }

    /// Ends a keyed command with an answer: the mark for its record. `at` is the time of that record.
    /// Duplicates are answered behind it.
    pub(crate) fn answer_key(&mut self, claim: Claimed, outcome: &Outcome, at: Timestamp) -> Box<KeyMark> {
        self.answers = Some(Box::new((claim.0.clone(), outcome.clone(), at)));
        Box::new(KeyMark::Answered(claim.0, outcome.clone()))
    }

    /// Adds an answer that leaves when the records are durable.
    pub(crate) fn answer(&mut self, reply: ReplyTo, outcome: Outcome) {
        self.item.releases.push(Release::Answer(reply, outcome));
    }
}

impl Core {
    /// Hands a draft to the writer. A record that cannot be encoded halts the engine: the entity's state is
    /// ahead of the journal then.
    pub(crate) fn commit(&self, draft: Draft) {
        if let Some(error) = draft.failed {
            self.gate.halt(Error::Halted { reason: error.to_string() });
        }
        let Draft { item, answers, .. } = draft;
        let Some(answers) = answers else { return self.queue.push(item) };
        let (claim, outcome, at) = *answers;
        // The push comes first: a duplicate that finds the answer in the table is queued behind what it
        // rests on. Both under one guard: a snapshot whose mark comes behind the push finds the answer.
        let waiting = self.keys.answer(&claim, &outcome, at, || self.queue.push(item));
        if !waiting.is_empty() {
            let again = |reply| Release::Answer(reply, outcome.clone());
            let releases = waiting.into_iter().map(again).collect();
            self.queue.push(Item { releases, ..Item::default() });
        }
    }

    /// Hands an order's draft to the writer and brings the index of orders up to date with it.
    ///
    /// Both happen under the index's lock. So orders are numbered as their placements are journaled, whoever
    /// sees a change in the index is queued behind its record, and whoever has its answer finds it there.
    pub(crate) fn commit_order(&self, draft: Draft, order: Option<&Order>, listed: &mut Option<Listed>) {
        let state = order.map(|order| order.state);
        if listed.and_then(|listed| listed.state) == state {
            return self.commit(draft);
        }
        let mut index = self.index();
        let since = self.gate.sequence();
        self.commit(draft);
        let number = match (*listed, order) {
            (None, None) => return,
            (None, Some(order)) => {
                let number = index.add(order, since);
                self.memory.set_customers(index.customers());
                number
            }
            (Some(Listed { number, .. }), Some(order)) => {
                index.change(number, order.state);
                number
            }
            (Some(Listed { number, .. }), None) => {
                index.remove(number);
                number
            }
        };
        *listed = Some(Listed { number, state });
    }

    /// The moment that an order waits for: its deadline, or the end of its time in memory.
    pub(crate) fn wakes_at(
        &self,
        deadline: Option<Deadline>,
        closed_at: Option<Timestamp>,
    ) -> Option<Timestamp> {
        match deadline {
            Some(deadline) => Some(deadline.at),
            None => Some(closed_at?.plus_millis(self.retire_after_ms?)),
        }
    }

    /// Hands the draft of a SKU over that got another policy, and lets those know who sell it.
    pub(crate) fn commit_policy(&self, draft: Draft, inventory: &Inventory) {
        let rule = inventory.policy().and_then(StockPolicy::sale_rule);
        self.sales.set(&inventory.sku, rule, || self.commit(draft));
    }

    /// The index of orders; to be held for a bounded step only.
    pub(crate) fn index(&self) -> MutexGuard<'_, OrderIndex> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a mark: what `show` shows of the index, and, when the mark has passed the queue, where the
    /// journal stands. Whatever was handed over before it has been applied by its actor, is in the journal
    /// before that position, and nothing else is.
    ///
    /// It is pushed under the index's lock, so `show` sees exactly the orders placed before it.
    pub(crate) fn mark<T>(
        &self,
        show: impl FnOnce(&OrderIndex) -> T,
    ) -> (T, oneshot::Receiver<Result<LogMark, Error>>) {
        let (to, from) = oneshot::channel();
        let index = self.index();
        let releases = smallvec![Release::Mark(to)];
        self.queue.push(Item { releases, ends_batch: true, ..Item::default() });
        (show(&index), from)
    }

    /// Forgets answers of keys that were given before the cut-off: journaled, and then done.
    pub(crate) fn forget_keys(&self, before: Timestamp) {
        let mut draft = Draft::default();
        let index = self.index();
        draft.record(&Record::KeysForgotten(KeysForgotten { at: self.clock.now(), before }));
        self.commit(draft);
        // Under the index's lock, like a mark: a snapshot that begins behind the record finds them gone.
        self.keys.forget_before(before);
        drop(index);
    }

    /// Journals the rules of business lines that are new.
    pub(crate) fn journal_rules(&self, rules: Vec<RulesRecord>) {
        for record in rules {
            let mut draft = Draft::default();
            draft.record(&Record::Rules(record));
            self.commit(draft);
        }
    }

    /// Lets `call` run when everything handed over so far is durable.
    pub(crate) fn after_durable(&self, call: impl FnOnce(Result<(), Error>) + Send + 'static) {
        let releases = smallvec![Release::Call(Box::new(call))];
        self.queue.push(Item { releases, ..Item::default() });
    }

    /// Sends a value through the same queue as everything else, so that it does not overtake what it rests on.
    pub(crate) fn hand_out<T: Send + 'static>(&self, to: oneshot::Sender<Result<T, Error>>, value: T) {
        self.after_durable(move |verdict| {
            // A reader that has gone away needs no value.
            let _ = to.send(verdict.map(|()| value));
        });
    }

    /// Adds the command itself to the draft, where the configuration wants it recorded.
    pub(crate) fn record_command<C: Clone>(
        &self,
        draft: &mut Draft,
        request: &Request<C>,
        at: Timestamp,
        wrap: impl FnOnce(C) -> Command,
    ) {
        let wanted = match self.record_commands {
            RecordCommands::None => false,
            RecordCommands::Keyed => request.key.is_some(),
            RecordCommands::All => true,
        };
        if wanted {
            let request = request.clone().map(wrap);
            draft.record(&Record::Command(CommandRecord { at, request }));
        }
    }

    /// Refuses a command: recorded with its key, if it has one and the refusal is final, and answered
    /// when everything it rests on is durable.
    pub(crate) fn refuse<C: Clone>(
        &self,
        entity: EntityId,
        envelope: Envelope<C>,
        refusal: Refusal,
        at: Timestamp,
        wrap: impl FnOnce(C) -> Command,
    ) {
        let mut draft = Draft::default();
        let Envelope { request, claim, reply } = envelope;
        let outcome = Err(refusal.clone());
        #[cfg(any(test, feature = "simulation"))]
        let reply = if chaos::is_broken(Sabotage::RefusedEarly) {
            reply.send(Ok(outcome.clone()));
            ReplyTo::default()
        } else {
            reply
        };
        let mut mark = None;
        match claim {
            Some(claim) if refusal.is_final() => {
                mark = Some(draft.answer_key(claim, &outcome, at));
            }
            Some(claim) => {
                for waiting in self.keys.release(&claim.0) {
                    draft.answer(waiting, outcome.clone());
                }
            }
            None => {}
        }
        if mark.is_some() || self.record_commands == RecordCommands::All {
            self.record_command(&mut draft, &request, at, wrap);
            let by = request.by;
            draft.record(&Record::Refusal(RefusalRecord { entity, at, by, refusal, mark }));
        }
        draft.answer(reply, outcome);
        self.commit(draft);
    }

    /// Journals that an entity is parked (with a reason) or unparked (without).
    pub(crate) fn record_park(
        &self,
        draft: &mut Draft,
        entity: EntityId,
        by: Option<Principal>,
        reason: Option<SmolStr>,
    ) {
        match &reason {
            Some(reason) => tracing::error!(%entity, %reason, "parked"),
            None => tracing::info!(%entity, "unparked"),
        }
        draft.record(&Record::Park(ParkRecord { entity, at: self.clock.now(), by, reason }));
    }

    /// Answers a command that was answered before.
    pub(crate) fn repeat(&self, reply: ReplyTo, outcome: Outcome) {
        let mut draft = Draft::default();
        draft.answer(reply, outcome);
        self.commit(draft);
    }
}

/// The bytes over which a key's fingerprint is made: the command without key and giver.
fn fingerprint(command: &Command) -> Result<[u8; 16], CodecError> {
    let mut short = [0; 16];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&tagged::encode_command(command)?);
    hasher.finalize_xof().fill(&mut short);
    Ok(short)
}

/// The claim that a request's key makes on its command.
pub(crate) fn claim_of(key: &ScopedKey, command: &Command) -> Result<KeyClaim, CodecError> {
    Ok(KeyClaim { key: key.clone(), fingerprint: fingerprint(command)? })
}
