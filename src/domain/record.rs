//! What is journaled: one record for each decision, with its cause and what it answers.
//!
//! Each kind of record has a tag and a version of its own that never change their meaning; the bytes are
//! made by `journal::codec`. A record holds all events of one decision, so that a decision is in the
//! journal wholly or not at all, and the answer of a keyed command stands in the same record as its effect.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use smol_str::SmolStr;

use super::command::{Command, Outcome, Request};
use super::flow::FlowEvent;
use super::ids::{BusinessId, EntityId, FlowId, LockName, OrderId, Principal, RulesId, SkuId};
use super::inventory::StockEvent;
use super::lock::LockEvent;
use super::order::{KeyClaim, OrderEvent};
use super::refusal::Refusal;
use super::time::Timestamp;

/// Any record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// Events of one order.
    Order(OrderRecord),
    /// Movements of one SKU.
    Sku(SkuRecord),
    /// A command as it came in; stands before the record of its effect.
    Command(CommandRecord),
    /// A command was refused.
    Refusal(RefusalRecord),
    /// An entity was parked or unparked.
    Park(ParkRecord),
    /// Idempotency keys were forgotten.
    KeysForgotten(KeysForgotten),
    /// Events of one flow.
    Flow(FlowRecord),
    /// The rules of a business line, as they are from here on.
    Rules(RulesRecord),
    /// Events of one named lock.
    Lock(LockRecord),
}

/// Events that one decision made of one order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderRecord {
    /// The order.
    pub order: OrderId,
    /// The order's version after the last of the events; versions have no gaps.
    pub version: u64,
    /// Engine time of the decision.
    pub at: Timestamp,
    /// Who gave the command; `None` where nobody was named, and for what the engine does by itself.
    pub by: Option<Principal>,
    /// What happened; never empty.
    pub events: SmallVec<[OrderEvent; 2]>,
    /// What it means for an idempotency key.
    pub mark: Option<Box<KeyMark>>,
}

/// Movements that one decision made of one SKU.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkuRecord {
    /// The SKU.
    pub sku: SkuId,
    /// The SKU's version after the last of the events; versions have no gaps.
    pub version: u64,
    /// Engine time of the decision.
    pub at: Timestamp,
    /// Who gave the command; `None` where nobody was named, and for what the engine does by itself.
    pub by: Option<Principal>,
    /// What moved. Empty only where a keyed command changed nothing and its answer is recorded.
    pub events: SmallVec<[StockEvent; 1]>,
    /// What it means for an idempotency key.
    pub mark: Option<Box<KeyMark>>,
}

/// Events that one decision made of one flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowRecord {
    /// The flow.
    pub flow: FlowId,
    /// The flow's version after the last of the events; versions have no gaps.
    pub version: u64,
    /// Engine time of the decision.
    pub at: Timestamp,
    /// Who began it, or decided about a step; `None` for what the engine does by itself.
    pub by: Option<Principal>,
    /// What happened; never empty.
    pub events: Vec<FlowEvent>,
    /// What it means for an idempotency key.
    pub mark: Option<Box<KeyMark>>,
}

/// The rules of a business line, as they are from here on. What began under older ones keeps those.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RulesRecord {
    /// The number of this version.
    pub rules: RulesId,
    /// Engine time.
    pub at: Timestamp,
    /// The business line.
    pub business: BusinessId,
    /// The file that they came from, as it was named.
    pub file: SmolStr,
    /// The file's text.
    pub text: SmolStr,
}

/// Events that one decision made of one named lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockRecord {
    /// The lock.
    pub lock: LockName,
    /// The lock's version after the last of the events; versions have no gaps.
    pub version: u64,
    /// Engine time of the decision.
    pub at: Timestamp,
    /// Who gave the command; `None` where nobody was named, and for what the engine does by itself.
    pub by: Option<Principal>,
    /// What happened; never empty.
    pub events: SmallVec<[LockEvent; 2]>,
    /// What it means for an idempotency key.
    pub mark: Option<Box<KeyMark>>,
}

/// A command as it came in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandRecord {
    /// Engine time of the decision on it.
    pub at: Timestamp,
    /// The command with its key and its giver.
    pub request: Request<Command>,
}

/// A refused command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusalRecord {
    /// The entity that refused.
    pub entity: EntityId,
    /// Engine time of the decision.
    pub at: Timestamp,
    /// Who gave the command.
    pub by: Option<Principal>,
    /// Why it was refused.
    pub refusal: Refusal,
    /// The key whose answer this is.
    pub mark: Option<Box<KeyMark>>,
}

/// An entity was parked (with a reason) or unparked (without).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkRecord {
    /// The entity.
    pub entity: EntityId,
    /// Engine time.
    pub at: Timestamp,
    /// Who unparked it.
    pub by: Option<Principal>,
    /// Why it was parked; `None` when it was unparked.
    pub reason: Option<SmolStr>,
}

/// Answers of keys that were given before `before` are forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeysForgotten {
    /// Engine time of the forgetting.
    pub at: Timestamp,
    /// The cut-off.
    pub before: Timestamp,
}

/// What a record means for an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyMark {
    /// A command under this key has begun a saga; its end will answer the key.
    Started(KeyClaim),
    /// The key is answered, for good.
    Answered(KeyClaim, Outcome),
}
