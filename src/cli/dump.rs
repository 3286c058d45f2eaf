//! `earmark dump`: records, or the entities that they make, as lines of JSON.

use std::io::{IsTerminal, stdout};
use std::ops::ControlFlow;

use serde::Serialize;

use super::args::{At, Dump, Kind};
use super::out::{Exit, Failure, Out};
use super::source::Source;
use super::state::rebuild;
use crate::domain::inventory::Inventory;
use crate::domain::order::{Order, Tombstone};
use crate::domain::record::Record;
use crate::journal::{StoredBatch, record};
use crate::replay::{Machine, Place, ReadError, Rebuilt, RecordKind, Until, tagged};

#[derive(Serialize)]
struct RecordJson<'a, B: Serialize> {
    sequence: u64,
    batch: u64,
    epoch: u64,
    committed_at: &'a str,
    kind: &'static str,
    record: &'a B,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum EntityJson<'a> {
    Sku { sku: &'a Inventory },
    Order { order: &'a Order },
    RetiredOrder { order: &'a Tombstone },
}

pub(super) fn run(arguments: &Dump, out: &mut Out) -> Result<Exit, Failure> {
    let mut source = Source::open(&arguments.folder)?;
    if stdout().is_terminal() {
        source = source.without_bar();
    }
    if arguments.entities {
        return entities(source, arguments, out);
    }
    let (from, to) = (arguments.from.unwrap_or(0), arguments.to);
    if to.is_some_and(|to| to < from) {
        return Err(Failure::Usage("--to lies before --from".to_owned()));
    }
    let first = source.folder().first_sequence()?;
    if arguments.from.is_some_and(|from| from < first && from > 0) {
        return Err(Failure::Unreadable(format!(
            "record {from} is not in {} any more: it begins with record {first}",
            source.name()
        )));
    }
    let mut machine = Lines { out, from, kind: arguments.kind.map(Kind::of_record) };
    source.replay(from, to.map_or(Until::End, Until::Sequence), &mut machine)?;
    Ok(Exit::Fine)
}

fn entities(mut source: Source, arguments: &Dump, out: &mut Out) -> Result<Exit, Failure> {
    let wants = |kind| arguments.kind.is_none_or(|wanted| wanted == kind);
    if !wants(Kind::Order) && !wants(Kind::Sku) {
        return Err(Failure::Usage("--entities has the kinds order and sku".to_owned()));
    }
    let (_, world, from) = rebuild(&mut source, arguments.to.map(At::Sequence))?;
    let parts = Rebuilt::of(world).map_err(ReadError::from)?;
    // Standard output has the entities alone.
    from.say().for_each(|line| out.note_to_stderr(&line));
    let skus = parts.skus.iter().filter(|_| wants(Kind::Sku)).map(|sku| EntityJson::Sku { sku });
    let orders = parts.orders.iter().filter(|_| wants(Kind::Order)).map(|order| EntityJson::Order { order });
    let retired = parts.retired.iter().filter(|_| wants(Kind::Order));
    let retired = retired.map(|order| EntityJson::RetiredOrder { order });
    for entity in skus.chain(orders).chain(retired) {
        out.json(&entity);
        if out.is_gone() {
            break;
        }
    }
    Ok(Exit::Fine)
}

/// The machine that writes records.
struct Lines<'a> {
    out: &'a mut Out,
    from: u64,
    kind: Option<RecordKind>,
}

impl Lines<'_> {
    fn write(&mut self, batch: &StoredBatch, committed_at: &str, sequence: u64, record: &Record) {
        let kind = RecordKind::of(record).name();
        let (batch, epoch) = (batch.number, batch.epoch);
        macro_rules! line {
            ($record:expr) => {
                self.out.json(&RecordJson { sequence, batch, epoch, committed_at, kind, record: $record })
            };
        }
        match record {
            Record::Order(record) => line!(record),
            Record::Sku(record) => line!(record),
            Record::Command(record) => line!(record),
            Record::Refusal(record) => line!(record),
            Record::Park(record) => line!(record),
            Record::KeysForgotten(record) => line!(record),
            Record::Flow(record) => line!(record),
            Record::Lock(record) => line!(record),
            Record::Rules(record) => line!(record),
        }
    }
}

impl Machine for Lines<'_> {
    fn take(&mut self, batch: &StoredBatch, place: Place<'_>) -> Result<ControlFlow<()>, ReadError> {
        let committed_at = batch.at.to_string();
        for (raw, sequence) in record::records(&batch.payload).zip(batch.first_sequence..) {
            let raw = raw.map_err(|error| place.unreadable(sequence, error.to_string()))?;
            let is_other = |kind| tagged::kind(raw).is_some_and(|found| found != kind);
            if sequence < self.from || self.kind.is_some_and(is_other) {
                continue;
            }
            let record =
                tagged::decode(raw).map_err(|error| place.unreadable(sequence, error.to_string()))?;
            self.write(batch, &committed_at, sequence, &record);
            if self.out.is_gone() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}
