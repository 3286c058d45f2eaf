//! What a replay came to: the answers, the promises, the figures; as tables and as JSON.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use anyhow::Result;
use earmark::domain::ids::{OrderId, SkuId};
use earmark::domain::order::State;
use earmark::{Inventory, Order};
use serde::Serialize;
use serde_json::Value;

use super::Arguments;
use super::compare;
use super::file::StockFile;
use super::link::cut_and_close;
use super::model::{OrderLife, Standing};
use super::outcome::{Orders, StockHashes, outcome};
use super::replay::Replayed;
use crate::invariant;
use crate::latency::Quantiles;
use crate::report::{self, Promise};
use crate::store::{self, DurabilityChoice, Recovery};

/// The whole replay.
#[derive(Debug, Serialize)]
pub(crate) struct TraceResult {
    /// In the form of the expected outcome.
    #[serde(flatten)]
    pub(crate) outcome: Value,
    pub(crate) run: Run,
    /// Differences from the expected outcome that the interleaving explains.
    pub(crate) interleaving: Vec<String>,
    pub(crate) promises: Vec<Promise>,
}

/// The figures of the run itself.
#[derive(Debug, Serialize)]
pub(crate) struct Run {
    pub(crate) events: u64,
    pub(crate) operations: u64,
    pub(crate) seconds: f64,
    pub(crate) events_per_second: f64,
    pub(crate) latency: Quantiles,
    /// First refusals by action and the engine's code.
    pub(crate) refusal_codes: BTreeMap<String, u64>,
    pub(crate) kills: u64,
    pub(crate) replied_before_kill: u64,
    pub(crate) recovery_millis_max: u64,
    pub(crate) finished: u64,
    pub(crate) undone: u64,
    /// What opening the folder once more found; `None` where nothing survives a close.
    pub(crate) reopened: Option<Recovery>,
    pub(crate) stock_hashes: StockHashes,
    pub(crate) state_hash: String,
}

/// Checks everything, opens the folder once more, and sums up.
pub(crate) fn conclude(
    arguments: &Arguments,
    folder: &Path,
    replayed: Replayed,
    expected: Option<&Value>,
) -> Result<TraceResult> {
    let cut = replayed.cut;
    let stock_hashes = StockHashes::of(&cut.skus, &stock_order(arguments)?);
    let stock_sha256 = stock_hashes.in_order_of(expected);
    let outcome = outcome(&replayed.tally, &replayed.orders, &cut, stock_sha256);
    let differences = expected.map(|expected| compare::differences(expected, &outcome)).unwrap_or_default();
    let mut promises = replayed.interruptions.promises;
    let concurrent = arguments.in_flight.is_some();
    let interleaving = if concurrent {
        differences
    } else {
        if expected.is_some() {
            promises.push(Promise::from_differences("the answers are the expected ones", differences));
        }
        Vec::new()
    };
    promises.push(Promise::from_differences(
        "every order is as it was answered",
        inconsistent_orders(&replayed.orders, &cut.orders),
    ));
    promises.push(Promise::from_differences(
        "every SKU holds what the orders' answers add up to",
        inconsistent_skus(&replayed.orders, &cut.skus),
    ));
    promises.extend(invariant::promises(&cut));
    let state_hash = cut.hash.to_string();
    let reopened = if arguments.durability == DurabilityChoice::Memory {
        None
    } else {
        let (recovery, again) = store::runtime(arguments.workers)?.block_on(reopen(arguments, folder))?;
        promises.push(Promise::from_check(
            "the state hash is the same after one more open",
            again == state_hash,
            || format!("{state_hash} before, {again} after"),
        ));
        Some(recovery)
    };
    let seconds = replayed.took.as_secs_f64();
    let run = Run {
        events: replayed.events,
        operations: replayed.operations,
        seconds,
        events_per_second: report::rate(replayed.events, seconds),
        latency: Quantiles::of(&replayed.latency),
        refusal_codes: replayed.tally.refusal_codes,
        kills: replayed.interruptions.kills,
        replied_before_kill: replayed.interruptions.replied_before_kill,
        recovery_millis_max: replayed.interruptions.recovery_millis_max,
        finished: replayed.interruptions.finished,
        undone: replayed.interruptions.undone,
        reopened,
        stock_hashes,
        state_hash,
    };
    Ok(TraceResult { outcome, run, interleaving, promises })
}

/// The SKUs of the opening stock, in the order of its file.
fn stock_order(arguments: &Arguments) -> Result<Vec<SkuId>> {
    let mut stock = StockFile::open(&arguments.stock)?;
    let mut skus = Vec::new();
    while let Some((sku, _)) = stock.next()? {
        skus.push(sku);
    }
    Ok(skus)
}

/// Opens the folder again; what recovery found, and the state hash.
async fn reopen(arguments: &Arguments, folder: &Path) -> Result<(Recovery, String)> {
    let engine = super::open(folder, arguments.durability, arguments.flows).await?;
    let recovery = Recovery::from(engine.recovery());
    let cut = cut_and_close(engine).await?;
    Ok((recovery, cut.hash.to_string()))
}

/// Orders whose state or money is not what the engine last answered.
fn inconsistent_orders(orders: &Orders, found: &[Order]) -> Vec<String> {
    let found: HashMap<&OrderId, &Order> = found.iter().map(|order| (&order.id, order)).collect();
    let mut differences: Vec<String> =
        orders.iter().filter_map(|(id, life)| inconsistent_order(id, life, found.get(id).copied())).collect();
    let strangers = found.keys().filter(|id| !orders.contains_key(**id));
    differences.extend(strangers.map(|id| format!("order {id} is not of this trace")));
    differences.sort();
    differences
}

fn inconsistent_order(id: &OrderId, life: &OrderLife, found: Option<&Order>) -> Option<String> {
    if life.standing != Standing::Live {
        // A refused placement may be remembered, but only as one that came to nothing.
        let state = found.map(|order| order.state).filter(|state| *state != State::Cancelled)?;
        return Some(format!("order {id} was not placed and is {state}"));
    }
    let Some(order) = found else { return Some(format!("order {id} was placed and is not there")) };
    if life.state != Some(order.state) {
        let answered = life.state.map_or("nothing".to_owned(), |state| state.to_string());
        return Some(format!("order {id} was answered to be {answered} and is {}", order.state));
    }
    if (life.paid, life.paid_in_trace) != (order.paid, order.paid) {
        return Some(format!(
            "order {id}: payments of {} were accepted, {} was answered to be paid, {} is",
            life.paid_in_trace, life.paid, order.paid
        ));
    }
    (order.state == State::Cancelled && life.refunded != order.refund_due).then(|| {
        format!("order {id}: {} was answered to be paid back, {} is", life.refunded, order.refund_due)
    })
}

/// Units of one SKU, by where they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Held {
    reserved: u64,
    committed: u64,
    shipped: u64,
}

/// SKUs whose counters are not the sums over the orders, as their answers left them.
fn inconsistent_skus(orders: &Orders, skus: &[Inventory]) -> Vec<String> {
    let mut held: HashMap<&SkuId, Held> = HashMap::new();
    let live = orders.values().filter(|life| life.standing == Standing::Live);
    for life in live {
        for (sku, quantity) in &life.demand {
            let held = held.entry(sku).or_default();
            match life.state {
                Some(State::Reserved) => held.reserved += u64::from(*quantity),
                Some(State::Paid) => held.committed += u64::from(*quantity),
                Some(State::Shipped | State::Fulfilled) => held.shipped += u64::from(*quantity),
                // The rest hold nothing, or are no states of the simple lifecycle.
                Some(_) | None => {}
            }
        }
    }
    let mut differences: Vec<String> = skus
        .iter()
        .filter_map(|Inventory { sku, counters, .. }| {
            let expected = held.remove(sku).unwrap_or_default();
            let found = Held {
                reserved: counters.reserved,
                committed: counters.committed,
                shipped: counters.shipped,
            };
            (expected != found)
                .then(|| format!("SKU {sku}: the orders add up to {expected:?}, it has {found:?}"))
        })
        .collect();
    let absent = held.iter().filter(|(_, held)| **held != Held::default());
    differences
        .extend(absent.map(|(sku, held)| format!("SKU {sku}: the orders hold {held:?}, it is not there")));
    differences.sort();
    differences
}

impl TraceResult {
    /// Whether every promise was kept.
    pub(crate) fn is_kept(&self) -> bool {
        self.promises.iter().all(Promise::is_kept)
    }

    /// Prints the tables.
    pub(crate) fn print(&self) {
        for (title, part) in
            [("state", "states"), ("answer", "answers"), ("money, minor", "money_minor"), ("stock", "stock")]
        {
            if let Some(Value::Object(values)) = self.outcome.get(part) {
                let rows: Vec<_> = values
                    .iter()
                    .map(|(name, value)| {
                        (name.as_str(), value.as_u64().map_or_else(|| value.to_string(), report::count))
                    })
                    .collect();
                report::facts(title, &rows);
            }
        }
        self.print_run();
        if !self.interleaving.is_empty() {
            report::line("\nDifferences from one event at a time, which the interleaving explains:");
            self.interleaving.iter().for_each(|difference| report::line(&format!("  {difference}")));
        }
        report::promises(&self.promises);
    }

    fn print_run(&self) {
        let run = &self.run;
        let mut facts = vec![
            ("events", report::count(run.events)),
            ("operations, retries included", report::count(run.operations)),
            ("seconds", format!("{:.1}", run.seconds)),
            ("events a second", report::per_second(run.events_per_second)),
        ];
        if run.kills > 0 {
            facts.extend([
                ("kills", report::count(run.kills)),
                ("  with the reply already sent", report::count(run.replied_before_kill)),
                ("  longest recovery", format!("{} ms", report::count(run.recovery_millis_max))),
                ("  orders finished by recovery", report::count(run.finished)),
                ("  orders undone by recovery", report::count(run.undone)),
            ]);
        }
        let names = ["p50", "p90", "p99", "p99.9", "max"];
        facts.extend(names.into_iter().zip(report::quantile_cells(&run.latency)));
        facts.extend([
            ("stock SHA-256, sorted as text", run.stock_hashes.sorted_as_text.clone()),
            ("stock SHA-256, in file order", run.stock_hashes.in_file_order.clone()),
            ("state hash", run.state_hash.clone()),
        ]);
        report::facts("run", &facts);
    }
}
