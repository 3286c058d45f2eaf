//! `earmark inspect`: an entity as it stands, and what happened to it.

use std::path::Path;

use serde::Serialize;

use super::args::Entity;
use super::entity::{self, EntryJson, Followed, HolderJson, RetiredJson};
use super::out::{Exit, Failure, Out};
use super::source::Source;
use super::words::{count, grouped};
use super::works::{self, Names};
use crate::domain::flow::Flow;
use crate::domain::ids::EntityId;
use crate::domain::lock::Lock;
use crate::domain::order::Order;
use crate::query::SkuView;

#[derive(Serialize)]
struct InspectJson<'a> {
    folder: &'a str,
    kind: &'static str,
    id: &'a str,
    found: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<&'a Order>,
    retired: Option<RetiredJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flow: Option<&'a Flow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sku: Option<SkuView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    holders: Option<Vec<HolderJson>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lock: Option<&'a Lock>,
    first_sequence: u64,
    history_total: u64,
    history: Vec<EntryJson<'a>>,
    in_use: bool,
    snapshot: Option<String>,
    unusable: Vec<String>,
}

pub(super) fn run(path: &Path, kind: Entity, id: &str, last: usize, out: &mut Out) -> Result<Exit, Failure> {
    let entity = entity::parse(kind, id)?;
    let last = if last == 0 { usize::MAX } else { last };
    let mut source = Source::open(path)?;
    let followed = entity::follow(&mut source, &entity, last)?;
    if !followed.history.is_known() {
        return entity::unknown(&mut source, &entity, out);
    }
    if out.is_json() {
        json(&source.name(), &followed, last, out);
    } else {
        text(&followed, last, out);
    }
    Ok(Exit::Fine)
}

fn json(name: &str, followed: &Followed, last: usize, out: &mut Out) {
    let Followed { reading, history, base, .. } = followed;
    let (kind, id) = entity::name_of(history.entity());
    let sku = history.sku().filter(|_| followed.has_state());
    let names = Names::of(history);
    out.json(&InspectJson {
        folder: name,
        kind,
        id: &id,
        found: true,
        order: history.order().filter(|_| followed.has_state()),
        retired: followed.retired(),
        flow: history.flow().filter(|_| followed.has_state()),
        sku: sku.map(SkuView::of),
        holders: sku.map(|sku| entity::largest_holds(sku, last).into_iter().map(HolderJson::of).collect()),
        lock: history.lock().filter(|_| followed.has_state()),
        first_sequence: reading.first_sequence,
        history_total: history.total,
        history: history
            .entries
            .iter()
            .map(|entry| EntryJson::told(entry, names.words(&entry.what)))
            .collect(),
        in_use: reading.in_use,
        snapshot: base.as_ref().map(|path| path.display().to_string()),
        unusable: followed.unusable(),
    });
}

fn text(followed: &Followed, last: usize, out: &mut Out) {
    let Followed { reading, history, .. } = followed;
    let entity = history.entity();
    followed.say_base(out);
    if let Some(retired) = history.retired() {
        entity::retired_text(retired, out);
        match history.order() {
            Some(order) => {
                out.line("Until then it stood like this:");
                entity::order_text(order, out);
            }
            None => out.line("How it stood until then is told by no record that is left."),
        }
    } else if !followed.has_state() {
        let first = grouped(reading.first_sequence);
        out.line(format_args!(
            "The journal begins with record {first}: how {entity} stands cannot be told, only what happened since."
        ));
    } else if let Some(order) = history.order() {
        entity::order_text(order, out);
    } else if let Some(sku) = history.sku() {
        entity::sku_text(sku, out);
        entity::holders_text(sku, last, out);
    } else if let Some(flow) = history.flow() {
        works::flow_text(flow, out);
    } else if matches!(entity, EntityId::Flow(_)) {
        out.line(format_args!("{entity} has ended."));
    } else if let Some(lock) = history.lock() {
        works::lock_text(lock, out);
    } else {
        out.line(format_args!("There is no {entity}, but commands to it were refused."));
    }
    let shown = history.entries.len() as u64;
    if shown < history.total {
        out.line(format_args!(
            "History: the last {} of {} (--last 0 for all):",
            grouped(shown),
            count_entries(history.total)
        ));
    } else {
        out.line(format_args!("History: {}:", count_entries(history.total)));
    }
    let names = Names::of(history);
    for entry in &history.entries {
        entity::entry_text(entry, &names.words(&entry.what), out);
    }
}

fn count_entries(entries: u64) -> String {
    if entries == 1 { count(1, "entry") } else { format!("{} entries", grouped(entries)) }
}
