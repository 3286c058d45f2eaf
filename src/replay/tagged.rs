//! Records as tagged bytes. A tag and its version never change their meaning; docs/format.md lists them.

use crate::domain::command::Command;
use crate::domain::ids::{EntityId, FlowId, LockName, OrderId, SkuId};
use crate::domain::record::{
    CommandRecord, FlowRecord, KeysForgotten, LockRecord, OrderRecord, ParkRecord, Record, RefusalRecord,
    RulesRecord, SkuRecord,
};
use crate::journal::{codec, record};

const ORDER: u8 = 1;
const SKU: u8 = 2;
const COMMAND: u8 = 3;
const REFUSAL: u8 = 4;
const PARK: u8 = 5;
const KEYS_FORGOTTEN: u8 = 6;
const FLOW: u8 = 7;
const RULES: u8 = 8;
const LOCK: u8 = 9;

/// The version of every record body that this build writes.
const VERSION: u8 = 1;

/// The kinds of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecordKind {
    /// Events of an order.
    Order,
    /// Movements of a SKU.
    Sku,
    /// A command as it came in.
    Command,
    /// A refused command.
    Refusal,
    /// An entity was parked or unparked.
    Park,
    /// Idempotency keys were forgotten.
    KeysForgotten,
    /// Events of a flow.
    Flow,
    /// The rules of a business line.
    Rules,
    /// Events of a named lock.
    Lock,
}

impl RecordKind {
    /// Every kind, in the order of the tags.
    pub const ALL: [Self; 9] = [
        Self::Order,
        Self::Sku,
        Self::Command,
        Self::Refusal,
        Self::Park,
        Self::KeysForgotten,
        Self::Flow,
        Self::Rules,
        Self::Lock,
    ];

    /// The kind's name, as it is shown and written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Sku => "sku",
            Self::Command => "command",
            Self::Refusal => "refusal",
            Self::Park => "park",
            Self::KeysForgotten => "keys_forgotten",
            Self::Flow => "flow",
            Self::Rules => "rules",
            Self::Lock => "lock",
        }
    }

    /// The kind of a record.
    #[must_use]
    pub const fn of(record: &Record) -> Self {
        match record {
            Record::Order(_) => Self::Order,
            Record::Sku(_) => Self::Sku,
            Record::Command(_) => Self::Command,
            Record::Refusal(_) => Self::Refusal,
            Record::Park(_) => Self::Park,
            Record::KeysForgotten(_) => Self::KeysForgotten,
            Record::Flow(_) => Self::Flow,
            Record::Rules(_) => Self::Rules,
            Record::Lock(_) => Self::Lock,
        }
    }
}

/// Why the bytes of a record cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RecordError {
    /// This build does not know such records.
    #[error("tag {tag}, version {version} is unknown to this build")]
    Unknown { tag: u8, version: u8 },
    /// The body does not decode.
    #[error("tag {tag}, version {version}: {detail}")]
    Body { tag: u8, version: u8, detail: String },
}

/// Appends the record to a payload.
///
/// # Errors
/// When the codec refuses the record; the payload is then as it was.
pub(crate) fn push(payload: &mut Vec<u8>, record: &Record) -> Result<(), codec::CodecError> {
    match record {
        Record::Order(body) => put(payload, ORDER, body),
        Record::Sku(body) => put(payload, SKU, body),
        Record::Command(body) => put(payload, COMMAND, body),
        Record::Refusal(body) => put(payload, REFUSAL, body),
        Record::Park(body) => put(payload, PARK, body),
        Record::KeysForgotten(body) => put(payload, KEYS_FORGOTTEN, body),
        Record::Flow(body) => put(payload, FLOW, body),
        Record::Rules(body) => put(payload, RULES, body),
        Record::Lock(body) => put(payload, LOCK, body),
    }
}

fn put(payload: &mut Vec<u8>, tag: u8, body: &impl serde::Serialize) -> Result<(), codec::CodecError> {
    record::push(payload, tag, VERSION, |bytes| codec::encode_into(bytes, body))
}

/// The record that the bytes hold.
pub(crate) fn decode(raw: record::RawRecord<'_>) -> Result<Record, RecordError> {
    if raw.version != VERSION {
        return Err(RecordError::Unknown { tag: raw.tag, version: raw.version });
    }
    match raw.tag {
        ORDER => get::<OrderRecord>(raw).map(Record::Order),
        SKU => get::<SkuRecord>(raw).map(Record::Sku),
        COMMAND => get::<CommandRecord>(raw).map(Record::Command),
        REFUSAL => get::<RefusalRecord>(raw).map(Record::Refusal),
        PARK => get::<ParkRecord>(raw).map(Record::Park),
        KEYS_FORGOTTEN => get::<KeysForgotten>(raw).map(Record::KeysForgotten),
        FLOW => get::<FlowRecord>(raw).map(Record::Flow),
        RULES => get::<RulesRecord>(raw).map(Record::Rules),
        LOCK => get::<LockRecord>(raw).map(Record::Lock),
        tag => Err(RecordError::Unknown { tag, version: raw.version }),
    }
}

/// The record of a SKU, without the way through [`Record`], which is as large as the largest of them; `None` for
/// another kind.
pub(crate) fn decode_sku(raw: record::RawRecord<'_>) -> Option<Result<SkuRecord, RecordError>> {
    (raw.tag == SKU && raw.version == VERSION).then(|| get(raw))
}

/// The same of an order.
pub(crate) fn decode_order(raw: record::RawRecord<'_>) -> Option<Result<OrderRecord, RecordError>> {
    (raw.tag == ORDER && raw.version == VERSION).then(|| get(raw))
}

/// Whether it is the record of a SKU in a version that this build knows.
pub(crate) const fn is_of_sku(raw: record::RawRecord<'_>) -> bool {
    raw.tag == SKU && raw.version == VERSION
}

/// What kind of record it is, by its tag alone.
pub(crate) fn kind(raw: record::RawRecord<'_>) -> Option<RecordKind> {
    Some(match raw.tag {
        ORDER => RecordKind::Order,
        SKU => RecordKind::Sku,
        COMMAND => RecordKind::Command,
        REFUSAL => RecordKind::Refusal,
        PARK => RecordKind::Park,
        KEYS_FORGOTTEN => RecordKind::KeysForgotten,
        FLOW => RecordKind::Flow,
        RULES => RecordKind::Rules,
        LOCK => RecordKind::Lock,
        _ => return None,
    })
}

/// The entity whose events the record holds, without decoding the events.
pub(crate) fn changed(raw: record::RawRecord<'_>) -> Option<EntityId> {
    // A record of events begins with the id of its entity.
    match raw.tag {
        ORDER => codec::decode_front::<OrderId>(raw.body).ok().map(EntityId::Order),
        SKU => codec::decode_front::<SkuId>(raw.body).ok().map(EntityId::Sku),
        FLOW => codec::decode_front::<FlowId>(raw.body).ok().map(EntityId::Flow),
        LOCK => codec::decode_front::<LockName>(raw.body).ok().map(EntityId::Lock),
        _ => None,
    }
}

fn get<T: serde::de::DeserializeOwned>(raw: record::RawRecord<'_>) -> Result<T, RecordError> {
    codec::decode(raw.body).map_err(|error| RecordError::Body {
        tag: raw.tag,
        version: raw.version,
        detail: error.to_string(),
    })
}

/// The canonical bytes of a command, over which its fingerprint is made.
pub(crate) fn encode_command(command: &Command) -> Result<Vec<u8>, codec::CodecError> {
    let mut bytes = Vec::new();
    codec::encode_into(&mut bytes, command)?;
    Ok(bytes)
}
