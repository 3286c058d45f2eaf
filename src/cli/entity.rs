//! What `inspect` and `why` share: finding an entity, and showing orders, SKUs and entries of histories.

use std::borrow::Cow;
use std::path::PathBuf;

use serde::Serialize;
use smol_str::SmolStr;

use super::args::Entity;
use super::out::{Exit, Failure, Out};
use super::source::Source;
use super::words::{count, grouped};
use crate::domain::ids::EntityId;
use crate::domain::inventory::{Counters, Hold, HoldOwner, Inventory};
use crate::domain::money::Money;
use crate::domain::order::{Deadline, DeadlineKind, Lifecycle, Line, Order, Tombstone, View};
use crate::query::{Actor, Happening, TimelineEntry};
use crate::replay::{Base, History, NearMatches, ReadError, Reading, Standing, Until, Unusable};

/// An id that came in as text.
pub(super) fn parse(kind: Entity, id: &str) -> Result<EntityId, Failure> {
    let parsed = match kind {
        Entity::Order => id.parse().map(EntityId::Order).map_err(|error| error.to_string()),
        Entity::Sku => id.parse().map(EntityId::Sku).map_err(|error| error.to_string()),
        Entity::Flow => id.parse().map(EntityId::Flow).map_err(|_| format!("`{id}` is no number of a flow")),
        Entity::Lock => {
            id.parse().map(EntityId::Lock).map_err(|error: crate::domain::ids::InvalidId| error.to_string())
        }
    };
    parsed.map_err(Failure::Usage)
}

/// An entity that was followed.
pub(super) struct Followed {
    pub(super) reading: Reading,
    pub(super) history: History,
    /// The snapshot with which its state begins, where the journal's beginning was dropped.
    pub(super) base: Option<PathBuf>,
    /// Snapshots that could not be used, newest first.
    unusable: Vec<Unusable>,
}

impl Followed {
    /// The snapshots that could not be used, and why.
    pub(super) fn unusable(&self) -> Vec<String> {
        self.unusable.iter().map(|it| format!("{}: {}", it.path.display(), it.reason)).collect()
    }

    /// Says what its state stands on, where that is not the journal alone.
    pub(super) fn say_base(&self, out: &mut Out) {
        for unusable in self.unusable() {
            out.line(format_args!("Not used: {unusable}"));
        }
        if let Some(path) = &self.base {
            let (first, path) = (grouped(self.reading.first_sequence), path.display());
            out.line(format_args!(
                "The journal begins with record {first}: the state stands on snapshot {path}, the history begins there."
            ));
        }
    }

    /// What remains of the order, if it was retired.
    pub(super) fn retired(&self) -> Option<RetiredJson> {
        let Tombstone { version, at, .. } = self.history.retired()?;
        Some(RetiredJson { version: *version, at: at.to_string() })
    }

    /// Whether its state can be told.
    pub(super) const fn has_state(&self) -> bool {
        self.reading.first_sequence <= 1 || self.base.is_some()
    }
}

/// Follows an entity through the journal. Where the journal's beginning was dropped, its state begins with the
/// newest snapshot; without one, what is left of the history is still told, and no state.
pub(super) fn follow(
    source: &mut Source,
    entity: &EntityId,
    entries_max: usize,
) -> Result<Followed, Failure> {
    let (mut standing, mut unusable) = source.standing()?;
    let mut history = match &mut standing {
        Some(standing) => History::on(entity.clone(), entries_max, standing).map_err(ReadError::from)?,
        None => History::new(entity.clone(), entries_max, Base::Nothing),
    };
    let reading = source.replay(0, Until::End, &mut history)?;
    // One that knows more than the journal cannot be gone on from.
    let mut base = None;
    if let Some(Standing { path, footer, .. }) = standing {
        let high = footer.high.sequence;
        if high <= reading.next_sequence {
            base = Some(path);
        } else {
            let reason =
                format!("its high mark is sequence {high}, and that is later than the journal's end");
            unusable.push(Unusable { path, reason });
        }
    }
    Ok(Followed { reading, history, base, unusable })
}

/// What remains of an order that was retired.
#[derive(Serialize)]
pub(super) struct RetiredJson {
    version: u64,
    at: String,
}

/// Says that an order was retired; what is shown of it behind that, is how it stood until then.
pub(super) fn retired_text(retired: &Tombstone, out: &mut Out) {
    out.line(format_args!(
        "Order {} was retired at {} (version {}): it is in memory and lists no more, and its id stays taken.",
        retired.id, retired.at, retired.version
    ));
}

#[derive(Serialize)]
struct UnknownJson<'a> {
    folder: &'a str,
    kind: &'static str,
    id: &'a str,
    found: bool,
    near: &'a [String],
}

/// Says that the journal does not know the entity, and which ids are like it.
pub(super) fn unknown(source: &mut Source, entity: &EntityId, out: &mut Out) -> Result<Exit, Failure> {
    let mut near = NearMatches::new(entity.clone());
    let reading = source.replay(0, Until::End, &mut near)?;
    let (near, name) = (near.ids(), source.name());
    let (kind, id) = name_of(entity);
    if out.is_json() {
        out.json(&UnknownJson { folder: &name, kind, id: &id, found: false, near: &near });
        return Ok(Exit::Wrong);
    }
    let last = reading.next_sequence.saturating_sub(1);
    let known = match last {
        0 => "which holds no records".to_owned(),
        last => format!("whose records are {} to {}", grouped(reading.first_sequence), grouped(last)),
    };
    let like = if near.is_empty() { String::new() } else { format!(". Like it: {}", near.join(", ")) };
    out.complain(&format!("there is no {entity} in {name}, {known}{like}"), Exit::Wrong);
    Ok(Exit::Wrong)
}

/// Kind and id.
pub(super) fn name_of(entity: &EntityId) -> (&'static str, Cow<'_, str>) {
    match entity {
        EntityId::Order(id) => ("order", id.as_str().into()),
        EntityId::Sku(id) => ("sku", id.as_str().into()),
        EntityId::Flow(id) => ("flow", id.to_string().into()),
        EntityId::Lock(name) => ("lock", name.as_str().into()),
    }
}

/// An entry of a history, with words.
#[derive(Serialize)]
pub(super) struct EntryJson<'a> {
    sequence: u64,
    at: String,
    by: Option<&'a str>,
    actor: Actor,
    reason: Option<SmolStr>,
    words: String,
    what: &'a Happening,
}

impl<'a> EntryJson<'a> {
    pub(super) fn of(entry: &'a TimelineEntry) -> Self {
        Self::told(entry, entry.what.describe())
    }

    /// The same in words of somebody who knows more of it.
    pub(super) fn told(entry: &'a TimelineEntry, words: String) -> Self {
        Self {
            sequence: entry.sequence,
            at: entry.at.to_string(),
            by: entry.by.as_ref().map(|by| by.as_str()),
            actor: entry.actor(),
            reason: entry.what.reason(),
            words,
            what: &entry.what,
        }
    }
}

/// An owner of units.
#[derive(Serialize)]
pub(super) struct HolderJson {
    kind: &'static str,
    id: SmolStr,
    reserved: u64,
    committed: u64,
    until: Option<String>,
}

impl HolderJson {
    pub(super) fn of((owner, hold): (HoldOwner, Hold)) -> Self {
        let (kind, id) = match owner {
            HoldOwner::Order(id) => ("order", id.into()),
            HoldOwner::Cart(id) => ("cart", id.into()),
        };
        let until = hold.deadline.map(|at| at.to_string());
        Self { kind, id, reserved: hold.reserved, committed: hold.committed, until }
    }
}

/// The largest holds of a SKU, by units and then by owner.
pub(super) fn largest_holds(sku: &Inventory, holders_max: usize) -> Vec<(HoldOwner, Hold)> {
    let mut holds: Vec<_> = sku.holds().collect();
    holds.sort_by_key(|(_, hold)| std::cmp::Reverse(hold.held()));
    holds.truncate(holders_max);
    holds
}

/// An entry as a line of text.
pub(super) fn entry_text(entry: &TimelineEntry, words: &str, out: &mut Out) {
    let by = entry.by.as_ref().map(|by| format!(" (by {by})")).unwrap_or_default();
    out.line(format_args!("  {:>9}  {}  {words}{by}", entry.sequence, entry.at));
}

pub(super) fn order_text(order: &Order, out: &mut Out) {
    let lifecycle = Lifecycle::of(order.lifecycle).map_or("unknown", |lifecycle| lifecycle.name);
    out.line(format_args!("Order {} is {} (version {}).", order.id, order.state, order.version));
    let buyer = order.customer.as_ref().map(|id| format!(" by customer {id}")).unwrap_or_default();
    let cart = order.cart.as_ref().map(|id| format!(" from cart {id}")).unwrap_or_default();
    let business = &order.business;
    out.line(format_args!("  placed      {} at {business}{buyer}{cart}", order.placed_at));
    out.line(format_args!("  lifecycle   {lifecycle}"));
    if let Some(View { system, merchant, buyer, .. }) = order.view() {
        out.line(format_args!("  seen as     {merchant} by the merchant, {buyer} by the buyer; {system}"));
    }
    for (index, line) in order.lines.iter().enumerate() {
        line_text(index + 1, line, order, out);
    }
    let money = |minor| Money::new(minor, order.currency);
    let back =
        if order.refund_due == 0 { String::new() } else { format!(", {} due back", money(order.refund_due)) };
    out.line(format_args!("  money       {} due, {} paid{back}", money(order.due), money(order.paid)));
    for payment in &order.payments {
        let (amount, method) = (money(payment.amount), &payment.method);
        out.line(format_args!("  payment     {}: {amount} by {method}, {}", payment.id, payment.at));
    }
    for shipment in &order.shipments {
        let parts: Vec<_> =
            shipment.lines.iter().map(|part| format!("{} of line {}", part.quantity, part.line)).collect();
        out.line(format_args!("  shipment    {}, {}", parts.join(", "), shipment.at));
    }
    if let Some(delivery) = &order.delivery {
        out.line(format_args!("  goes to     {}; contact: {}", delivery.address, delivery.contact));
    }
    if let Some(Deadline { kind, at }) = order.deadline {
        let what = match kind {
            DeadlineKind::Payment => "times out",
            DeadlineKind::Confirmation => "counts as confirmed",
            DeadlineKind::Completion => "is completed",
            DeadlineKind::PeriodEnd => "is over",
            DeadlineKind::HandOver => "is handed over",
        };
        out.line(format_args!("  waits       {what} at {at}"));
    }
    if let Some(refusal) = &order.refusal {
        out.line(format_args!("  refused     {refusal} ({})", refusal.code()));
    }
    if let Some(reason) = &order.cancel_reason {
        out.line(format_args!("  called off  {reason}"));
    }
    if order.pending.is_some() {
        out.line("  in flight   between two steps");
    }
    if let Some(reason) = &order.parked {
        out.line(format_args!("  PARKED      {reason}"));
    }
}

fn line_text(number: usize, line: &Line, order: &Order, out: &mut Out) {
    let counters = &line.counters;
    let parts: Vec<_> = [
        (counters.reserved, "reserved"),
        (counters.committed, "committed"),
        (counters.shipped, "shipped"),
        (counters.delivered, "delivered"),
        (counters.cancelled, "called off"),
        (counters.returned, "returned"),
    ]
    .into_iter()
    .filter(|(units, _)| *units > 0)
    .map(|(units, what)| format!("{units} {what}"))
    .collect();
    let parts = if parts.is_empty() { "nothing held".to_owned() } else { parts.join(", ") };
    let price = Money::new(line.net().saturating_add(line.shipping), order.currency);
    let label = format!("line {number}");
    out.line(format_args!("  {label:<10}  {} × {}, {price}: {parts}", counters.ordered, line.sku));
}

pub(super) fn sku_text(sku: &Inventory, out: &mut Out) {
    let counters = &sku.counters;
    out.line(format_args!(
        "SKU {} has {} available (version {}).",
        sku.sku,
        grouped(counters.available),
        grouped(sku.version)
    ));
    out.line(format_args!("  in house    {}", in_house(counters)));
    let locations = sku.locations();
    // Where everything is at the default location there is nothing to tell apart.
    for (at, counters) in locations.iter().filter(|_| locations.keys().any(|at| !at.is_main())) {
        let at = if at.is_main() { "the default location" } else { at.as_str() };
        out.line(format_args!("    at {at}: {}", in_house(counters)));
    }
    out.line(format_args!(
        "  so far      {} received, {} corrected, {} shipped, {} returned, {} written off",
        grouped(counters.received),
        counters.adjusted,
        grouped(counters.shipped),
        grouped(counters.returned),
        grouped(counters.written_off)
    ));
    for (delivery, incoming) in sku.incoming() {
        let quantity = grouped(incoming.quantity);
        out.line(format_args!("  expected    {quantity} with delivery {delivery} at {}", incoming.expected));
    }
    if let Some(policy) = sku.policy() {
        if let Some(budget) = policy.hold_budget_per_buyer {
            out.line(format_args!("  budget      {budget} held by one buyer at a time"));
        }
        let limits = &policy.purchase_limits;
        let spans = [
            (limits.total, "in all"),
            (limits.day, "a day"),
            (limits.week, "a week"),
            (limits.month, "a month"),
        ];
        for (limit, span) in spans.into_iter().filter_map(|(limit, span)| Some((limit?, span))) {
            out.line(format_args!("  limit       {limit} for one buyer {span}"));
        }
    }
    if let Some(reason) = &sku.parked {
        out.line(format_args!("  PARKED      {reason}"));
    }
}

/// Where units are; only places that hold some.
pub(super) fn in_house(counters: &Counters) -> String {
    let mut text = format!("{} available", grouped(counters.available));
    for (units, place) in [
        (counters.reserved, "reserved"),
        (counters.committed, "committed"),
        (counters.safety_stock, "safety stock"),
        (counters.quality_hold, "on quality hold"),
        (counters.backordered, "on backorder"),
        (counters.preordered, "on preorder"),
    ] {
        if units > 0 {
            text.push_str(&format!(", {} {place}", grouped(units)));
        }
    }
    text
}

/// The largest holders of a SKU, and how many there are.
pub(super) fn holders_text(sku: &Inventory, holders_max: usize, out: &mut Out) {
    let total = sku.hold_count();
    if total == 0 {
        out.line("Nobody holds any of it.");
        return;
    }
    let shown = largest_holds(sku, holders_max);
    if shown.len() < total {
        let shown = shown.len();
        out.line(format_args!("Held by {}; the {shown} largest:", count(total as u64, "owner")));
    } else {
        out.line(format_args!("Held by {}:", count(total as u64, "owner")));
    }
    for (owner, hold) in shown {
        let until = hold.deadline.map(|at| format!(", until {at}")).unwrap_or_default();
        let (reserved, committed) = (grouped(hold.reserved), grouped(hold.committed));
        out.line(format_args!("  {owner}: {reserved} reserved, {committed} committed{until}"));
    }
}
