//! `earmark state`: the state as a whole, now or at a point in the past.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::args::At;
use super::out::{Exit, Failure, Out};
use super::source::Source;
use super::words::{by_state, count, grouped, hex};
use crate::replay::{ByState, ReadError, Reading, Rebuilding, StockTotals, Summary, Until, Unusable, World};

/// Businesses that are printed as text.
const BUSINESSES_SHOWN: usize = 20;

#[derive(Serialize)]
struct StateJson<'a> {
    folder: &'a str,
    sequence: u64,
    committed_at: Option<String>,
    state_hash: String,
    chain_hash: Option<String>,
    orders: u64,
    orders_by_state: BTreeMap<&'static str, u64>,
    retired: u64,
    businesses: BTreeMap<&'a str, BTreeMap<&'static str, u64>>,
    unfinished: u64,
    skus: u64,
    stock: StockTotals,
    holds: u64,
    keys: u64,
    parked: Vec<String>,
    in_use: bool,
    withheld: u32,
    snapshot: Option<String>,
    unusable: Vec<String>,
}

pub(super) fn until(at: Option<At>) -> Until {
    match at {
        None => Until::End,
        Some(At::Sequence(sequence)) => Until::Sequence(sequence),
        Some(At::Time(time)) => Until::Time(time),
    }
}

/// Rebuilds the state at a point.
pub(super) fn rebuild(source: &mut Source, at: Option<At>) -> Result<(Reading, World, From), Failure> {
    let Rebuilding { world, reading, base, unusable } = source.rebuild(until(at))?;
    let last = reading.next_sequence.saturating_sub(1);
    if let Some(At::Sequence(sequence)) = at
        && sequence > last
    {
        return Err(Failure::Usage(format!(
            "there is no record {sequence} in {}: the last one that can be read is {last}",
            source.name()
        )));
    }
    Ok((reading, world, From { base, unusable }))
}

/// What a state was rebuilt from.
pub(super) struct From {
    /// File and low mark of a snapshot; `None` for the journal alone.
    base: Option<(PathBuf, u64)>,
    unusable: Vec<Unusable>,
}

impl From {
    /// The snapshot, if there is one.
    pub(super) fn snapshot(&self) -> Option<String> {
        self.base.as_ref().map(|(path, _)| path.display().to_string())
    }

    /// Snapshots that could not be used, each with the reason.
    pub(super) fn unusable(&self) -> Vec<String> {
        self.unusable.iter().map(|it| format!("{}: {}", it.path.display(), it.reason)).collect()
    }

    /// Says where a state does not come from the journal alone.
    pub(super) fn say(&self) -> impl Iterator<Item = String> {
        let base = self.base.iter().map(|(path, low)| {
            format!(
                "the journal's beginning was dropped; from snapshot {} and record {low} on",
                path.display()
            )
        });
        let unusable =
            self.unusable.iter().map(|it| format!("not used: {}: {}", it.path.display(), it.reason));
        unusable.chain(base)
    }
}

pub(super) fn run(path: &Path, at: Option<At>, out: &mut Out) -> Result<Exit, Failure> {
    let mut source = Source::open(path)?;
    let (reading, world, from) = rebuild(&mut source, at)?;
    let summary = Summary::of(world).map_err(ReadError::from)?;
    let name = source.name();
    if out.is_json() {
        out.json(&json(&name, &reading, &summary, &from));
    } else {
        text(&name, &reading, &summary, out);
        from.say().for_each(|line| out.line(format_args!("  base        {line}")));
    }
    Ok(Exit::Fine)
}

fn names(states: &ByState) -> BTreeMap<&'static str, u64> {
    states.iter().map(|(state, count)| (state.name(), *count)).collect()
}

fn json<'a>(name: &'a str, reading: &Reading, summary: &'a Summary, from: &From) -> StateJson<'a> {
    StateJson {
        folder: name,
        sequence: reading.next_sequence.saturating_sub(1),
        committed_at: reading.first_at.map(|_| reading.last_at.to_string()),
        state_hash: summary.hash.to_string(),
        chain_hash: (!reading.in_part).then(|| hex(&reading.records_chain)),
        orders: summary.orders,
        orders_by_state: names(&summary.by_state),
        retired: summary.retired,
        businesses: summary.by_business.iter().map(|(id, states)| (id.as_str(), names(states))).collect(),
        unfinished: summary.unfinished,
        skus: summary.skus,
        stock: summary.stock,
        holds: summary.holds,
        keys: summary.keys,
        parked: summary.parked.iter().map(ToString::to_string).collect(),
        in_use: reading.in_use,
        withheld: reading.withheld,
        snapshot: from.snapshot(),
        unusable: from.unusable(),
    }
}

fn text(name: &str, reading: &Reading, summary: &Summary, out: &mut Out) {
    let last = reading.next_sequence.saturating_sub(1);
    match reading.first_at {
        Some(_) => {
            out.line(format_args!("{name}: behind record {}, committed {}", grouped(last), reading.last_at))
        }
        None => out.line(format_args!("{name}: before the first record")),
    }
    out.line(format_args!("  state hash  {}", summary.hash));
    if !reading.in_part {
        out.line(format_args!("  chain hash  {}", hex(&reading.records_chain)));
    }
    out.line(match summary.orders {
        0 => "  orders      none".to_owned(),
        orders => format!("  orders      {}: {}", grouped(orders), by_state(&summary.by_state)),
    });
    businesses(summary, out);
    if summary.retired > 0 {
        out.line(format_args!("  retired     {}, of which the id is left", count(summary.retired, "order")));
    }
    if summary.unfinished > 0 {
        out.line(format_args!("  in flight   {} between two steps", count(summary.unfinished, "order")));
    }
    let stock = &summary.stock;
    out.line(format_args!("  SKUs        {}, {}", grouped(summary.skus), count(summary.holds, "hold")));
    out.line(format_args!(
        "  in house    {} = {} available + {} reserved + {} committed + {} safety stock + {} on quality hold",
        grouped(stock.on_hand),
        grouped(stock.available),
        grouped(stock.reserved),
        grouped(stock.committed),
        grouped(stock.safety_stock),
        grouped(stock.quality_hold)
    ));
    out.line(format_args!(
        "  so far      {} received, {} shipped, {} returned, {} written off",
        grouped(stock.received),
        grouped(stock.shipped),
        grouped(stock.returned),
        grouped(stock.written_off)
    ));
    out.line(format_args!("  keys        {} answered", grouped(summary.keys)));
    for entity in &summary.parked {
        out.line(format_args!("  parked      {entity}"));
    }
    if reading.in_use {
        out.line("  in use      by an engine; read up to what is durable");
    }
}

fn businesses(summary: &Summary, out: &mut Out) {
    let mut businesses: Vec<_> =
        summary.by_business.iter().map(|(id, states)| (states.values().sum::<u64>(), id, states)).collect();
    businesses.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    for (orders, id, states) in businesses.iter().take(BUSINESSES_SHOWN) {
        out.line(format_args!("    at {id}  {}: {}", grouped(*orders), by_state(states)));
    }
    let hidden = businesses.len().saturating_sub(BUSINESSES_SHOWN);
    if hidden > 0 {
        out.line(format_args!("    and at {} more (--json has all)", count(hidden as u64, "business")));
    }
}
