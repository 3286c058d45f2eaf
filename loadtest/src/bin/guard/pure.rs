//! Decisions, applications and records, without an engine around them.

use std::hint::black_box;

use anyhow::{Context, Result, anyhow};
use earmark::domain::ids::IdOrigin;
use earmark::domain::inventory::{self, StockEvent};
use earmark::domain::order::{Limits, SaleRules, decide_place};
use earmark::domain::record::OrderRecord;
use earmark::journal::{codec, record};
use earmark::{Inventory, LocationId, Order, PlaceOrder, SkuCommand, Terms, Timestamp};

use crate::whole::{placement, reserve_command, sku};
use crate::window::{Counted, count};

const TIMES: u64 = 20_000;
const WARM_UP: u64 = 1_000;
const NOW: Timestamp = Timestamp::from_millis(1_000_000);

/// One reservation after another on one inventory: decided and applied.
pub(crate) fn reserve() -> Result<Counted> {
    let mut inventory = Inventory::new(sku(0)?);
    let received = StockEvent::Received { quantity: 1 << 40, reason: "x".into(), at: LocationId::MAIN };
    inventory::apply(&mut inventory, &received).map_err(|error| anyhow!("{error:?}"))?;
    let commands = (0..WARM_UP + TIMES).map(reserve_command).collect::<Result<Vec<SkuCommand>>>()?;
    let (warm_up, commands) = commands.split_at(usize::try_from(WARM_UP)?);
    let mut done = 0;
    let mut take = |command: &SkuCommand| {
        let Ok(decision) = inventory::decide(&inventory, command, NOW) else { return };
        let applied = decision.events.iter().all(|event| inventory::apply(&mut inventory, event).is_ok());
        done += u64::from(applied);
    };
    warm_up.iter().for_each(&mut take);
    let counted = count(TIMES, || commands.iter().for_each(&mut take));
    all(done, WARM_UP + TIMES)?;
    Ok(counted)
}

fn all(done: u64, asked: u64) -> Result<()> {
    if done == asked { Ok(()) } else { Err(anyhow!("{done} of {asked} were done")) }
}

/// Decides a placement and makes the record of it.
fn place_record(command: &PlaceOrder) -> Option<OrderRecord> {
    let limits = Limits { lines_max: 1_000 };
    let rules = SaleRules::default();
    let events = decide_place(command, IdOrigin::Caller, limits, Terms::simple(), &rules).ok()?;
    let order = command.order.clone()?;
    Some(OrderRecord { order, version: events.len() as u64, at: NOW, by: None, events, mark: None })
}

/// Placements of three lines: decided and applied, each to an order of its own.
pub(crate) fn place() -> Result<Counted> {
    let commands = (0..WARM_UP + TIMES).map(|number| placement(number, 3)).collect::<Result<Vec<_>>>()?;
    let (warm_up, commands) = commands.split_at(usize::try_from(WARM_UP)?);
    let mut done = 0;
    let mut place = |command: &PlaceOrder| {
        let mut order: Option<Order> = None;
        let record = place_record(black_box(command));
        let applied = record.is_some_and(|record| Order::apply(&mut order, &record).is_ok());
        done += u64::from(applied && black_box(&order).is_some());
    };
    warm_up.iter().for_each(&mut place);
    let counted = count(TIMES, || commands.iter().for_each(&mut place));
    all(done, WARM_UP + TIMES)?;
    Ok(counted)
}

fn record_of_a_placement() -> Result<OrderRecord> {
    place_record(&placement(7, 3)?).context("the placement was refused")
}

fn push(payload: &mut Vec<u8>, body: &OrderRecord) -> bool {
    record::push(payload, 1, 1, |bytes| codec::encode_into(bytes, body)).is_ok()
}

/// The record of a placement becomes bytes, in a buffer that is used again.
pub(crate) fn encode() -> Result<Counted> {
    let body = record_of_a_placement()?;
    let mut payload = Vec::with_capacity(4 << 10);
    let mut done = 0;
    let mut encode = |_| {
        payload.clear();
        done += u64::from(push(&mut payload, black_box(&body)));
        black_box(&payload);
    };
    (0..WARM_UP).for_each(&mut encode);
    let counted = count(TIMES, || (0..TIMES).for_each(&mut encode));
    all(done, WARM_UP + TIMES)?;
    Ok(counted)
}

/// The bytes of a placement become a record.
pub(crate) fn decode() -> Result<Counted> {
    let body = record_of_a_placement()?;
    let mut payload = Vec::new();
    all(u64::from(push(&mut payload, &body)), 1)?;
    let mut done = 0;
    let mut decode = |_| {
        for raw in record::records(black_box(&payload)).flatten() {
            done += u64::from(codec::decode::<OrderRecord>(raw.body).is_ok_and(|read| read == body));
        }
    };
    (0..WARM_UP).for_each(&mut decode);
    let counted = count(TIMES, || (0..TIMES).for_each(&mut decode));
    all(done, WARM_UP + TIMES)?;
    Ok(counted)
}
