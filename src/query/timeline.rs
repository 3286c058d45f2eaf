//! What happened to one order or one SKU, as the journal has it.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::domain::command::Command;
use crate::domain::flow::FlowEvent;
use crate::domain::ids::{EntityId, Principal};
use crate::domain::inventory::StockEvent;
use crate::domain::lock::LockEvent;
use crate::domain::order::OrderEvent;
use crate::domain::record::Record;
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;

/// What happened to an entity, in the order in which it happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeline {
    /// The first sequence number that the journal can still be asked for. What happened before it is gone.
    pub first_sequence: u64,
    /// What happened.
    pub entries: Vec<TimelineEntry>,
    /// The sequence number from which to go on; `None` at the end of what is durable.
    pub next: Option<u64>,
    /// When the order was retired, if it was.
    pub retired_at: Option<Timestamp>,
}

impl Timeline {
    /// What an order's timeline cannot tell, as a plain sentence; `None` where it begins with the placement. The
    /// words may change.
    #[must_use]
    pub fn gap(&self) -> Option<String> {
        let placed =
            |entry: &TimelineEntry| matches!(entry.what, Happening::Order(OrderEvent::Placed { .. }));
        if self.first_sequence <= 1 || self.entries.iter().any(placed) {
            return None;
        }
        let first = self.first_sequence;
        let retired = self.retired_at.map(|at| format!("It was retired at {at}. ")).unwrap_or_default();
        Some(format!(
            "{retired}The journal begins with record {first}, the first that can be asked for: what happened before is gone."
        ))
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// Sequence number of the record; events of one decision share it.
    pub sequence: u64,
    /// Engine time of the decision.
    pub at: Timestamp,
    /// Who asked for it: [`Principal::SYSTEM`] where the engine did it by itself; `None` where nobody was named, and for
    /// the steps that an order takes at its SKUs.
    pub by: Option<Principal>,
    /// What happened.
    pub what: Happening,
}

/// What can happen to an entity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Happening {
    /// A command came in; recorded as far as `Config::record_commands` says.
    Asked(Box<Command>),
    /// The order changed.
    Order(OrderEvent),
    /// Stock moved.
    Stock(StockEvent),
    /// The flow went on.
    Flow(FlowEvent),
    /// A command was granted and had nothing to change.
    Unchanged,
    /// A command was refused; recorded for commands with a key, or for all, as configured.
    Refused(Refusal),
    /// An invariant was found broken.
    Parked(SmolStr),
    /// An operator let it go on.
    Unparked,
    /// The lock went from hand to hand.
    Lock(LockEvent),
}

impl Happening {
    /// What happened, as a plain sentence. The words may change.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Asked(command) => command.describe(),
            Self::Order(event) => event.describe(),
            Self::Stock(event) => event.describe(),
            Self::Flow(event) => event.describe(),
            Self::Lock(event) => event.describe(),
            Self::Unchanged => "Granted; there was nothing to change.".to_owned(),
            Self::Refused(refusal) => format!("Refused: {refusal}."),
            Self::Parked(reason) => format!("Parked: {reason}."),
            Self::Unparked => "Taken out of the park.".to_owned(),
        }
    }
}

impl std::fmt::Display for TimelineEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:>6}  {}  {}", self.sequence, self.at, self.what.describe())?;
        self.by.as_ref().map_or(Ok(()), |by| write!(f, " (by {by})"))
    }
}

/// What a record says of an entity; nothing if it is about another one.
pub(crate) fn entries_of(entity: &EntityId, sequence: u64, record: Record) -> Vec<TimelineEntry> {
    let made = |at, by: Option<Principal>, what| TimelineEntry { sequence, at, by, what };
    match (record, entity) {
        (Record::Order(record), EntityId::Order(id)) if record.order == *id => {
            let of = |event| made(record.at, record.by.clone(), Happening::Order(event));
            record.events.into_iter().map(of).collect()
        }
        (Record::Sku(record), EntityId::Sku(id)) if record.sku == *id => {
            if record.events.is_empty() {
                return vec![made(record.at, record.by, Happening::Unchanged)];
            }
            let of = |event| made(record.at, record.by.clone(), Happening::Stock(event));
            record.events.into_iter().map(of).collect()
        }
        (Record::Flow(record), EntityId::Flow(id)) if record.flow == *id => {
            let of = |event| made(record.at, record.by.clone(), Happening::Flow(event));
            record.events.into_iter().map(of).collect()
        }
        (Record::Lock(record), EntityId::Lock(name)) if record.lock == *name => {
            let of = |event| made(record.at, record.by.clone(), Happening::Lock(event));
            record.events.into_iter().map(of).collect()
        }
        (Record::Command(record), entity) if is_to(&record.request.command, entity) => {
            let what = Happening::Asked(Box::new(record.request.command));
            vec![made(record.at, record.request.by, what)]
        }
        (Record::Refusal(record), entity) if record.entity == *entity => {
            vec![made(record.at, record.by, Happening::Refused(record.refusal))]
        }
        (Record::Park(record), entity) if record.entity == *entity => {
            vec![made(record.at, record.by, record.reason.map_or(Happening::Unparked, Happening::Parked))]
        }
        _ => Vec::new(),
    }
}

fn is_to(command: &Command, entity: &EntityId) -> bool {
    match (command, entity) {
        (Command::Order(Some(order), _), EntityId::Order(id)) => order == id,
        (Command::Sku(sku, _), EntityId::Sku(id)) => sku == id,
        (Command::Flow(Some(flow), _), EntityId::Flow(id)) => flow == id,
        (Command::Lock(command), EntityId::Lock(name)) => command.lock() == name,
        _ => false,
    }
}
