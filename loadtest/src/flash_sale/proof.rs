//! The proof: the folder is opened once more, and what is in it is held against what was acknowledged.

use std::collections::HashMap;

use anyhow::{Context, Result};
use earmark::domain::order::State;
use earmark::{Cut, Engine};

use super::ledger::{Known, Ledger};
use super::{Plan, hot_sku, order_number};
use crate::invariant::{self, Units};
use crate::report::Promise;
use crate::store::{self, DurabilityChoice, Recovery};

/// What the proof found.
pub(crate) struct Proof {
    pub(crate) units: Units,
    pub(crate) oversold: u64,
    pub(crate) acknowledged_missing: usize,
    pub(crate) reopened: Recovery,
    pub(crate) state_hash: String,
    pub(crate) promises: Vec<Promise>,
}

/// Opens the folder, checks the cut against the ledger, closes, opens again and compares the hashes.
pub(crate) async fn prove(plan: &Plan, ledger: &Ledger) -> Result<Proof> {
    let engine = store::open(&plan.folder, plan.durability).await?;
    let reopened = Recovery::from(engine.recovery());
    let cut = cut_and_close(engine).await?;
    let mut proof = check(plan, ledger, &cut)?;
    proof.reopened = reopened;
    // A cut is a copy of everything; two at once need not fit.
    drop(cut);
    if plan.durability != DurabilityChoice::Memory {
        let again = cut_and_close(store::open(&plan.folder, plan.durability).await?).await?;
        let again = again.hash.to_string();
        proof.promises.push(Promise::from_check(
            "the state hash is the same after one more close and open",
            again == proof.state_hash,
            || format!("{} before, {again} after", proof.state_hash),
        ));
    }
    Ok(proof)
}

async fn cut_and_close(engine: Engine) -> Result<Cut> {
    let cut = engine.cut().await.context("taking a cut")?;
    engine.close().await.context("closing the engine")?;
    Ok(cut)
}

/// Holds a cut against everything that was acknowledged.
fn check(plan: &Plan, ledger: &Ledger, cut: &Cut) -> Result<Proof> {
    let units = Units::of(cut);
    let states: HashMap<u32, State> =
        cut.orders.iter().filter_map(|order| Some((order_number(&order.id)?, order.state))).collect();
    let missing: Vec<String> =
        ledger.known().filter_map(|(n, known)| missing(n, known, states.get(&n))).collect();
    let acknowledged_missing = missing.len();
    let granted = u64::from(ledger.granted);
    let stock = u64::from(plan.stock);

    let mut promises = vec![
        Promise::from_differences("every acknowledged grant and payment is there", missing),
        Promise::from_differences(
            "no refused order holds stock",
            ledger.known().filter_map(|(n, known)| resurrected(n, known, states.get(&n))),
        ),
        Promise::from_check("every order has its final answer", ledger.placed() == plan.orders, || {
            format!("{} of {} orders were answered", ledger.placed(), plan.orders)
        }),
        Promise::from_check("units held are the units granted", units.sold() == granted, || {
            format!("{} units are held for {granted} granted orders of one unit", units.sold())
        }),
        Promise::from_check(
            "nobody was refused while units were left",
            ledger.refused == 0 || units.available == 0,
            || format!("{} orders were refused and {} units are left", ledger.refused, units.available),
        ),
        Promise::from_check("the stock came in exactly once", units.received == stock, || {
            format!("{} units were received of an opening stock of {stock}", units.received)
        }),
    ];
    promises.push(only_the_hot_sku(cut)?);
    promises.extend(invariant::promises(cut));
    Ok(Proof {
        units,
        oversold: units.sold().saturating_sub(stock),
        acknowledged_missing,
        reopened: Recovery::default(),
        state_hash: cut.hash.to_string(),
        promises,
    })
}

/// Says in which way an acknowledged grant or payment is not in the cut.
fn missing(number: u32, known: Known, found: Option<&State>) -> Option<String> {
    let kept = match known {
        Known::Nothing | Known::Refused => true,
        Known::Granted => matches!(found, Some(State::Reserved | State::Paid)),
        Known::Paid => matches!(found, Some(State::Paid)),
    };
    (!kept).then(|| match found {
        Some(state) => format!("order {number} was acknowledged as {known:?} and is {state}"),
        None => format!("order {number} was acknowledged as {known:?} and is not there"),
    })
}

/// Says in which way a refused order came to hold stock.
fn resurrected(number: u32, known: Known, found: Option<&State>) -> Option<String> {
    let state = found.filter(|state| known == Known::Refused && **state != State::Cancelled)?;
    Some(format!("order {number} was refused and is {state}"))
}

/// The sale has one SKU; another one in the cut came from nowhere.
fn only_the_hot_sku(cut: &Cut) -> Result<Promise> {
    let hot = hot_sku()?;
    let strangers = cut.skus.iter().filter(|sku| sku.sku != hot);
    Ok(Promise::from_differences(
        "only the hot SKU exists",
        strangers.map(|sku| format!("SKU {} is there too", sku.sku)),
    ))
}

#[cfg(test)]
mod tests {
    use super::super::frame::{Answered, SaleAnswer};
    use super::super::order_id;
    use super::*;
    use crate::sample;
    use earmark::Counters;
    use std::path::PathBuf;

    fn plan() -> Plan {
        Plan {
            folder: PathBuf::new(),
            durability: DurabilityChoice::Disk,
            workers: None,
            buyers: 1,
            orders: 3,
            stock: 2,
            pay_percent: 50,
        }
    }

    fn ledger() -> Result<Ledger> {
        let mut ledger = Ledger::new(3)?;
        let answers = [
            (SaleAnswer::Granted, 0),
            (SaleAnswer::Granted, 1),
            (SaleAnswer::Paid, 1),
            (SaleAnswer::Refused, 2),
        ];
        for (answer, order) in answers {
            ledger.acknowledge(Answered { answer, order, micros: 1 });
        }
        Ok(ledger)
    }

    fn cut(orders: &[(u32, State)], reserved: u64, committed: u64) -> Result<Cut> {
        let orders = orders.iter().map(|(number, state)| Ok(sample::order(order_id(*number)?, *state)));
        let available = 2u64.saturating_sub(reserved + committed);
        let counters = Counters { received: 2, available, reserved, committed, ..Counters::default() };
        let skus = vec![sample::sku(hot_sku()?.as_str(), counters)];
        Ok(sample::cut(skus, orders.collect::<Result<_>>()?))
    }

    fn broken(orders: &[(u32, State)], reserved: u64, committed: u64) -> Result<Vec<&'static str>> {
        let proof = check(&plan(), &ledger()?, &cut(orders, reserved, committed)?)?;
        Ok(proof.promises.iter().filter(|p| !p.is_kept()).map(|p| p.name).collect())
    }

    #[test]
    fn a_cut_that_agrees_with_the_ledger_breaks_nothing() -> Result<()> {
        assert_eq!(broken(&[(0, State::Reserved), (1, State::Paid)], 1, 1)?, Vec::<&str>::new());
        Ok(())
    }

    #[test]
    fn an_acknowledged_order_that_is_gone_is_found() -> Result<()> {
        assert_eq!(
            broken(&[(1, State::Paid)], 0, 1)?,
            [
                "every acknowledged grant and payment is there",
                "units held are the units granted",
                "nobody was refused while units were left",
            ]
        );
        Ok(())
    }

    #[test]
    fn an_acknowledged_payment_that_is_gone_is_found() -> Result<()> {
        assert_eq!(
            broken(&[(0, State::Reserved), (1, State::Reserved)], 2, 0)?,
            ["every acknowledged grant and payment is there"]
        );
        Ok(())
    }

    #[test]
    fn a_refused_order_that_holds_stock_is_found_as_oversold() -> Result<()> {
        assert_eq!(
            broken(&[(0, State::Reserved), (1, State::Paid), (2, State::Reserved)], 2, 1)?,
            [
                "no refused order holds stock",
                "units held are the units granted",
                "nothing oversold",
                "units conserved",
            ]
        );
        Ok(())
    }
}
