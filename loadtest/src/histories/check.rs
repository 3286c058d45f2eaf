//! Whether a history can be explained: by the calls of each SKU, and of each order, one after another.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use porcupine_rs::{CheckResult, Model, Operation};

use super::call::{Call, Event, OrderCall, Outcome, StockCall};
use super::order::{OrderModel, OrderOp};
use super::round::lines_of;
use super::stock::{Ask, Owner, StockModel, StockOp, StockOperation};

/// How long one SKU or order may be thought about.
const TIME_MAX: Duration = Duration::from_secs(60);

/// What the checker made of a history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Histories of a SKU that were checked.
    pub(super) skus: u64,
    /// Histories of an order that were checked.
    pub(super) orders: u64,
    /// What nothing explains.
    pub(super) wrong: Vec<String>,
    /// What was not decided in time.
    pub(super) undecided: Vec<String>,
}

/// Checks a history; pictures of what nothing explains are put into `folder`.
///
/// # Errors
/// When a picture cannot be written.
pub(super) fn check(events: &[Event], folder: Option<&Path>) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    let several = events.iter().any(|event| matches!(event.call, Call::Order { .. }));
    for (sku, history) in by_sku(events, several) {
        verdict.skus += 1;
        judge::<StockModel>(&format!("sku-{sku}"), &history, folder, &mut verdict)?;
    }
    for (order, history) in by_order(events) {
        verdict.orders += 1;
        judge::<OrderModel>(&format!("order-{order}"), &history, folder, &mut verdict)?;
    }
    Ok(verdict)
}

fn judge<M: Model>(
    name: &str,
    history: &[Operation<M>],
    folder: Option<&Path>,
    verdict: &mut Verdict,
) -> Result<()> {
    match porcupine_rs::check_operations_timeout::<M>(history, TIME_MAX) {
        CheckResult::Ok => return Ok(()),
        CheckResult::Unknown => verdict.undecided.push(name.to_owned()),
        CheckResult::Illegal => verdict.wrong.push(name.to_owned()),
    }
    if let Some(folder) = folder {
        let (_, info) = porcupine_rs::check_operations_info_timeout::<M>(history, TIME_MAX);
        let path = folder.join(format!("{name}.html"));
        porcupine_rs::visualize_path::<M>(&info, &path)
            .with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

fn operation<M: Model>(event: &Event, op: M::Op) -> Operation<M> {
    let Event { client, called, returned, .. } = event;
    Operation { client_id: Some(*client), call_time: *called, return_time: *returned, op, metadata: None }
}

fn by_order(events: &[Event]) -> BTreeMap<u32, Vec<Operation<OrderModel>>> {
    let mut histories = BTreeMap::<_, Vec<_>>::new();
    for event in events {
        if let Call::Order { order, call } = &event.call {
            let op = OrderOp { call: call.clone(), key: event.key, outcome: event.outcome.clone() };
            histories.entry(*order).or_default().push(operation(event, op));
        }
    }
    histories
}

fn by_sku(events: &[Event], several: bool) -> BTreeMap<u8, Vec<StockOperation>> {
    let mut histories = BTreeMap::<u8, Vec<StockOperation>>::new();
    let mut keys = BTreeSet::new();
    let mut events: Vec<_> = events.iter().collect();
    events.sort_by_key(|event| event.called);
    for event in events {
        let again = event.key.is_some_and(|key| !keys.insert(key));
        match &event.call {
            Call::Stock { sku, call } => {
                let (key, outcome) = (event.key, event.outcome.clone().map(without_sku));
                // Once all is quiet, nothing is provisional.
                let provisional = several && *call != StockCall::View;
                let op = StockOp { ask: ask(call), key, outcome, provisional };
                histories.entry(*sku).or_default().push(operation(event, op));
            }
            Call::Order { order, call } => {
                for (sku, quantity) in demand(*order) {
                    if let Some(ask) = part(*order, call, event.outcome.as_ref(), sku, quantity, again) {
                        let outcome = event.outcome.clone();
                        let op = StockOp { ask, key: None, outcome, provisional: true };
                        histories.entry(sku).or_default().push(operation(event, op));
                    }
                }
            }
        }
    }
    histories
}

fn without_sku(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Refused { code, available, .. } => Outcome::Refused { code, sku: None, available },
        other => other,
    }
}

const fn ask(call: &StockCall) -> Ask {
    match *call {
        StockCall::Receive(quantity) => Ask::Receive(quantity),
        StockCall::Reserve { cart, quantity } => Ask::Reserve { cart, quantity },
        StockCall::Commit { cart } => Ask::Commit(cart),
        StockCall::Release { cart } => Ask::Release(Owner::Cart(cart)),
        StockCall::Ship { cart, quantity } => Ask::Ship { cart, quantity },
        StockCall::View => Ask::View,
    }
}

/// What an order wants of each SKU.
fn demand(order: u32) -> BTreeMap<u8, u64> {
    let mut demand = BTreeMap::new();
    for (sku, quantity) in lines_of(order) {
        *demand.entry(sku).or_default() += u64::from(quantity);
    }
    demand
}

/// What an order's call means for one of its SKUs, if anything.
fn part(
    order: u32,
    call: &OrderCall,
    outcome: Option<&Outcome>,
    sku: u8,
    quantity: u64,
    again: bool,
) -> Option<Ask> {
    let done = matches!(outcome, None | Some(Outcome::Order(_)));
    match call {
        OrderCall::Place(_) => match outcome {
            None | Some(Outcome::Order(_)) => Some(Ask::Take { order, quantity }),
            // An answer that was kept under its key tells of another moment.
            Some(Outcome::Refused { sku: Some(short), .. }) if *short == sku && !again => {
                Some(Ask::Short { quantity })
            }
            _ => None,
        },
        OrderCall::Cancel if done => Some(Ask::Release(Owner::Order(order))),
        OrderCall::Ship if done => Some(Ask::ShipAll(order)),
        _ => None,
    }
}
