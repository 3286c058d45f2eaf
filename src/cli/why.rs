//! `earmark why`: why an order was refused, or stands where it stands.
//!
//! The order's history has the refusal. Where it was for want of stock, the SKU is followed too, and shown as it
//! stood at the refusal and as it stands at the end.

use std::ops::ControlFlow;
use std::path::Path;

use serde::Serialize;

use super::args::Entity;
use super::entity::{self, EntryJson, Followed, HolderJson, RetiredJson};
use super::out::{Exit, Failure, Out};
use super::source::Source;
use super::words::{count, grouped};
use crate::domain::ids::{EntityId, SkuId};
use crate::domain::inventory::Inventory;
use crate::domain::order::Order;
use crate::domain::refusal::Refusal;
use crate::journal::StoredBatch;
use crate::query::{Held, SkuView, TimelineEntry, refusal_of};
use crate::replay::{Base, History, Machine, Place, ReadError, Until};

/// Holders of a SKU that are named.
const HOLDERS_SHOWN: usize = 5;

#[derive(Serialize)]
struct WhyJson<'a> {
    folder: &'a str,
    order: &'a str,
    found: bool,
    state: Option<&'static str>,
    retired: Option<RetiredJson>,
    refused: bool,
    code: Option<&'static str>,
    message: Option<String>,
    parked: Option<&'a str>,
    refusals: Vec<EntryJson<'a>>,
    last: Option<EntryJson<'a>>,
    holds: Vec<Held>,
    shortage: Option<ShortageJson<'a>>,
    snapshot: Option<String>,
    unusable: Vec<String>,
}

#[derive(Serialize)]
struct ShortageJson<'a> {
    sku: &'a str,
    requested: u64,
    then: SkuView,
    holders_then: Vec<HolderJson>,
    now: SkuView,
    holders_now: Vec<HolderJson>,
}

/// A SKU at a refusal, and at the end.
struct Shortage {
    sku: SkuId,
    requested: u64,
    then: Inventory,
    now: Inventory,
}

pub(super) fn run(path: &Path, order: &str, out: &mut Out) -> Result<Exit, Failure> {
    let id = entity::parse(Entity::Order, order)?;
    let mut source = Source::open(path)?;
    let followed = entity::follow(&mut source, &id, usize::MAX)?;
    let Followed { reading, history, .. } = &followed;
    if !history.is_known() {
        return entity::unknown(&mut source, &id, out);
    }
    let refusals: Vec<_> = history.entries.iter().filter(|entry| refusal_of(entry).is_some()).collect();
    let shortage = match refusals.last() {
        // How the SKU stood then takes the journal from its first record on.
        Some(entry) if reading.first_sequence <= 1 => shortage(&mut source, entry)?,
        _ => None,
    };
    let view = history.order().filter(|_| followed.has_state());
    if out.is_json() {
        let stands = Stands { order, view, followed: &followed };
        json(&source.name(), &stands, &refusals, shortage.as_ref(), out);
    } else {
        followed.say_base(out);
        text(order, view, history, &refusals, shortage.as_ref(), out);
    }
    Ok(Exit::Fine)
}

/// The SKU that a refusal for want of stock was about.
fn shortage(source: &mut Source, entry: &TimelineEntry) -> Result<Option<Shortage>, Failure> {
    let Some(Refusal::InsufficientStock { sku, requested, .. }) = refusal_of(entry) else { return Ok(None) };
    let entity = EntityId::Sku(sku.clone());
    let mut twice = Twice { history: History::new(entity, 0, Base::Nothing), at: entry.sequence, then: None };
    source.replay(0, Until::End, &mut twice)?;
    let now = twice.history.sku().cloned();
    let then = twice.then.flatten().or_else(|| now.clone());
    let (sku, requested) = (sku.clone(), *requested);
    Ok(now.zip(then).map(|(now, then)| Shortage { sku, requested, then, now }))
}

/// Follows a SKU, and keeps how it stood when a record was written.
struct Twice {
    history: History,
    at: u64,
    then: Option<Option<Inventory>>,
}

impl Machine for Twice {
    fn take(&mut self, batch: &StoredBatch, place: Place<'_>) -> Result<ControlFlow<()>, ReadError> {
        if self.then.is_none() && batch.end().sequence > self.at {
            // The refusal is in this batch: what stands before it counts, what stands behind it does not.
            let _ = self.history.take(&batch.up_to(self.at), place)?;
            self.then = Some(self.history.sku().cloned());
            return self.history.take(&batch.from(self.at.saturating_add(1)), place);
        }
        self.history.take(batch, place)
    }
}

/// An order as it stands, and as it was followed.
struct Stands<'a> {
    order: &'a str,
    view: Option<&'a Order>,
    followed: &'a Followed,
}

fn json(
    name: &str,
    Stands { order, view, followed }: &Stands<'_>,
    refusals: &[&TimelineEntry],
    shortage: Option<&Shortage>,
    out: &mut Out,
) {
    let (history, base) = (&followed.history, followed.base.as_ref());
    let refusal = refusals.last().and_then(|entry| refusal_of(entry));
    let holders = |sku| entity::largest_holds(sku, HOLDERS_SHOWN).into_iter().map(HolderJson::of).collect();
    out.json(&WhyJson {
        folder: name,
        order,
        found: true,
        state: view.map(|order| order.state.name()),
        retired: followed.retired(),
        refused: refusal.is_some(),
        code: refusal.map(Refusal::code),
        message: refusal.map(ToString::to_string),
        parked: view.and_then(|order| order.parked.as_deref()),
        refusals: refusals.iter().map(|entry| EntryJson::of(entry)).collect(),
        last: history.entries.back().map(EntryJson::of),
        holds: view.map(Held::of).unwrap_or_default(),
        shortage: shortage.map(|shortage| ShortageJson {
            sku: shortage.sku.as_str(),
            requested: shortage.requested,
            then: SkuView::of(&shortage.then),
            holders_then: holders(&shortage.then),
            now: SkuView::of(&shortage.now),
            holders_now: holders(&shortage.now),
        }),
        snapshot: base.map(|path| path.display().to_string()),
        unusable: followed.unusable(),
    });
}

fn text(
    order: &str,
    view: Option<&Order>,
    history: &History,
    refusals: &[&TimelineEntry],
    shortage: Option<&Shortage>,
    out: &mut Out,
) {
    if let Some(retired) = history.retired() {
        entity::retired_text(retired, out);
    }
    match view {
        None if history.retired().is_some() => {
            out.line("How it stood until then is told by no record that is left.");
        }
        Some(view) if history.retired().is_some() => {
            out.line(format_args!("Until then it was {}.", view.state));
        }
        Some(view) if view.refusal.is_some() => out.line(format_args!("Order {order} was refused.")),
        Some(view) if refusals.is_empty() => {
            out.line(format_args!("Order {order} was not refused: it is {}.", view.state));
        }
        Some(view) => {
            out.line(format_args!("Order {order} is {}; something about it was refused.", view.state))
        }
        None if is_empty(history) => out.line(format_args!("There is no order {order}.")),
        None => out.line(format_args!("How order {order} stands cannot be told; this happened to it:")),
    }
    for entry in refusals {
        let code = refusal_of(entry).map_or("", Refusal::code);
        let by = entry.by.as_ref().map(|by| format!(" (by {by})")).unwrap_or_default();
        out.line(format_args!("  refused     {}{by}", entry.what.describe()));
        out.line(format_args!("              {code}, record {}, {}", entry.sequence, entry.at));
    }
    if let Some(shortage) = shortage {
        let Shortage { sku, requested, then, now } = shortage;
        out.line(format_args!("  asked for   {} of {sku}", grouped(*requested)));
        let (before, after) = (standing(then), standing(now));
        let still = if before == after { "; it is still so" } else { "" };
        out.line(format_args!("  there were  {before}{still}"));
        if before != after {
            out.line(format_args!("  there are   {after}"));
        }
        entity::holders_text(now, HOLDERS_SHOWN, out);
    }
    if let Some(reason) = view.and_then(|view| view.parked.as_ref()) {
        out.line(format_args!("  PARKED      {reason}"));
    }
    for Held { sku, reserved, committed, awaiting } in view.map(Held::of).unwrap_or_default() {
        out.line(format_args!("  holds       {reserved} reserved and {committed} committed of {sku}"));
        if awaiting > 0 {
            out.line(format_args!("  waits for   {awaiting} of {sku}"));
        }
    }
    if let Some(last) = history.entries.back().filter(|_| refusals.is_empty()) {
        out.line("The last thing that happened to it:");
        entity::entry_text(last, &last.what.describe(), out);
    }
}

fn is_empty(history: &History) -> bool {
    history.order().is_none()
}

/// Where the units of a SKU are, and how many hold them.
fn standing(sku: &Inventory) -> String {
    format!("{}, held by {}", entity::in_house(&sku.counters), count(sku.hold_count() as u64, "owner"))
}
