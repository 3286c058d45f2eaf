//! `earmark orders`: lists and finds orders of all types in a folder, or counts them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;
use serde::Serialize;

use super::args::parse_time;
use super::out::{Exit, Failure, Out};
use super::source::Source;
use super::state::{self, From};
use super::words::{by_state, count, grouped};
use crate::domain::ids::{BusinessId, CustomerId, SellerId};
use crate::domain::order::{Lifecycle, OrderType, State};
use crate::domain::time::Timestamp;
use crate::flow::scene_of;
use crate::query::{
    BusinessCounts, Gathering, OrderCounts, OrderIndex, OrderQuery, OrderSummary, PAGE_ITEMS_MAX, Page,
    PageCursor, page_limit,
};
use crate::replay::{ByState, ReadError, Reading, index_of};

/// Businesses that are printed as text.
const BUSINESSES_SHOWN: usize = 20;

/// What is wanted of the orders.
#[derive(Debug, Args)]
pub(super) struct Wish {
    /// The engine's folder
    folder: PathBuf,
    /// Only those of this buyer
    #[arg(long, value_name = "ID")]
    customer: Option<CustomerId>,
    /// Only those of which this merchant sells a line
    #[arg(long, value_name = "ID")]
    seller: Option<SellerId>,
    /// Only those of this business line or shop
    #[arg(long, value_name = "ID")]
    business: Option<BusinessId>,
    /// Only those of this type
    #[arg(long = "type", value_name = "TYPE", value_parser = PossibleValuesParser::new(types()))]
    order_type: Option<String>,
    /// Only those that are in this state
    #[arg(long, value_name = "STATE", ignore_case = true, value_parser = PossibleValuesParser::new(states()))]
    state: Option<String>,
    /// Only those placed at this time or later: an RFC 3339 time such as 2026-11-21T09:30:00Z
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    since: Option<Timestamp>,
    /// Only those placed before this time
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    until: Option<Timestamp>,
    /// Go on behind a page: what it said as its next cursor
    #[arg(long, value_name = "CURSOR")]
    after: Option<PageCursor>,
    /// How many orders to show, at most 1,000
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// Count all orders by state, type and business instead
    #[arg(long, conflicts_with_all = ["customer", "seller", "business", "order_type", "state", "since", "until", "after", "limit"])]
    counts: bool,
}

#[derive(Serialize)]
struct OrderJson<'a> {
    order: &'a str,
    placed_at: String,
    #[serde(rename = "type")]
    order_type: Option<OrderType>,
    state: &'static str,
    business: &'a str,
    customer: Option<&'a str>,
}

#[derive(Serialize)]
struct ListJson<'a> {
    #[serde(flatten)]
    about: About<'a>,
    orders: Vec<OrderJson<'a>>,
    next: Option<PageCursor>,
}

#[derive(Serialize)]
struct CountsJson<'a> {
    #[serde(flatten)]
    about: About<'a>,
    total: u64,
    states: BTreeMap<&'static str, u64>,
    types: BTreeMap<OrderType, u64>,
    businesses: BTreeMap<&'a str, BTreeMap<&'static str, u64>>,
}

/// What was read.
#[derive(Serialize)]
struct About<'a> {
    folder: &'a str,
    sequence: u64,
    in_use: bool,
    withheld: u32,
    snapshot: Option<String>,
    unusable: Vec<String>,
}

impl<'a> About<'a> {
    fn of(folder: &'a str, reading: &Reading, from: &From) -> Self {
        Self {
            folder,
            sequence: reading.next_sequence.saturating_sub(1),
            in_use: reading.in_use,
            withheld: reading.withheld,
            snapshot: from.snapshot(),
            unusable: from.unusable(),
        }
    }
}

fn types() -> Vec<&'static str> {
    OrderType::ALL.into_iter().map(scene_of).collect()
}

fn all_states() -> impl Iterator<Item = State> {
    Lifecycle::all().iter().flat_map(|lifecycle| lifecycle.views.iter().map(|view| view.state))
}

fn states() -> Vec<&'static str> {
    let states: std::collections::BTreeSet<_> = all_states().collect();
    states.into_iter().map(|state| state.name()).collect()
}

impl Wish {
    fn query(&self) -> OrderQuery {
        let named = self.order_type.as_deref();
        OrderQuery {
            customer: self.customer.clone(),
            seller: self.seller.clone(),
            business: self.business.clone(),
            order_type: OrderType::ALL.into_iter().find(|it| named == Some(scene_of(*it))),
            state: self
                .state
                .as_deref()
                .and_then(|name| all_states().find(|it| it.name().eq_ignore_ascii_case(name))),
            placed_from: self.since,
            placed_before: self.until,
        }
    }
}

pub(super) fn run(wish: &Wish, out: &mut Out) -> Result<Exit, Failure> {
    let mut source = Source::open(&wish.folder)?;
    let (reading, world, from) = state::rebuild(&mut source, None)?;
    let index = index_of(world).map_err(ReadError::from)?;
    let name = source.name();
    let about = About::of(&name, &reading, &from);
    if wish.counts {
        counted(&index, about, out);
    } else {
        let mut page = Gathering::new(wish.after, page_limit(wish.limit));
        while !index.gather(&wish.query(), &mut page) {}
        listed(&page.finish(), about, out);
    }
    if !out.is_json() {
        from.say().for_each(|line| out.line(format_args!("  base  {line}")));
    }
    Ok(Exit::Fine)
}

fn listed(page: &Page<OrderSummary, PageCursor>, about: About<'_>, out: &mut Out) {
    if out.is_json() {
        let orders = page.items.iter().map(OrderJson::of).collect();
        return out.json(&ListJson { about, orders, next: page.next });
    }
    if page.items.is_empty() {
        out.line("No such order.");
    }
    for item in &page.items {
        let OrderSummary { order, placed_at, business, state, .. } = item;
        let of_type = item.order_type().map(scene_of).unwrap_or_default();
        let buyer = item.customer.as_ref().map(|id| format!(", for {id}")).unwrap_or_default();
        out.line(format_args!("{placed_at}  {order}  {of_type:10}  {state:9}  at {business}{buyer}"));
    }
    if let Some(next) = page.next {
        out.line(format_args!("more with --after {next}"));
    }
}

impl<'a> OrderJson<'a> {
    fn of(order: &'a OrderSummary) -> Self {
        Self {
            order: order.order.as_str(),
            placed_at: order.placed_at.to_string(),
            order_type: order.order_type(),
            state: order.state.name(),
            business: order.business.as_str(),
            customer: order.customer.as_ref().map(CustomerId::as_str),
        }
    }
}

fn names(counts: &OrderCounts) -> BTreeMap<&'static str, u64> {
    counts.iter().map(|(state, count)| (state.name(), count)).collect()
}

fn counted(index: &OrderIndex, about: About<'_>, out: &mut Out) {
    let (counts, types) = (index.counts(), index.counts_by_type());
    let mut businesses = Vec::new();
    let mut after = None;
    loop {
        let page = index.businesses(after.as_ref(), PAGE_ITEMS_MAX);
        businesses.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    if out.is_json() {
        let businesses = businesses.iter().map(|it| (it.business.as_str(), names(&it.counts))).collect();
        let (total, states) = (counts.total(), names(&counts));
        return out.json(&CountsJson { about, total, states, types, businesses });
    }
    let in_words = |counts: &OrderCounts| by_state(&counts.iter().collect::<ByState>());
    out.line(count(counts.total(), "order"));
    if counts.total() > 0 {
        out.line(format_args!("  by state  {}", in_words(&counts)));
        let types: Vec<_> = types.iter().map(|(of, count)| format!("{} {of}", grouped(*count))).collect();
        out.line(format_args!("  by type   {}", types.join(", ")));
    }
    businesses.sort_by_key(|it| std::cmp::Reverse(it.counts.total()));
    for BusinessCounts { business, counts } in businesses.iter().take(BUSINESSES_SHOWN) {
        out.line(format_args!("  at {business}  {}: {}", grouped(counts.total()), in_words(counts)));
    }
    let hidden = businesses.len().saturating_sub(BUSINESSES_SHOWN);
    if hidden > 0 {
        out.line(format_args!("  and at {} (--json has all)", count(hidden as u64, "more business")));
    }
}
