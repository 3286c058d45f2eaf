//! What is proved when the callers have ended.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use earmark::{Cut, Engine, State, StateHash};

use super::LineName;
use super::drive::Notes;
use super::visit::Town;
use crate::invariant;
use crate::report::Promise;
use crate::store::DurabilityChoice;

/// Proves that flows, orders, units and the systems outside are where the answers said; and the state hash.
pub(super) async fn live(engine: &Engine, town: &Town, notes: &Notes) -> Result<(Vec<Promise>, StateHash)> {
    let cut = engine.cut().await.context("cutting the engine's state")?;
    let left = cut.works.flows.values();
    let left =
        left.map(|flow| format!("flow {} of chain {} has not ended: {:?}", flow.id, flow.chain, flow.parked));
    let mut promises = vec![
        Promise::from_differences("every flow has ended", left),
        equal("as many flows as were asked for", notes.flows, cut.works.flows_begun),
        orders(notes, &cut),
        outside(town, notes),
    ];
    promises.extend(invariant::promises(&cut));
    Ok((promises, cut.hash))
}

/// Proves that the same state comes out of the journal.
pub(super) async fn reopened(
    engine: Engine,
    durability: DurabilityChoice,
    before: StateHash,
) -> Result<Promise> {
    let after = engine.cut().await.context("cutting the reopened engine's state")?.hash;
    engine.close().await.context("closing the reopened engine")?;
    let differs = (durability != DurabilityChoice::Memory && before != after)
        .then(|| format!("the state hash was {before}, and is {after}"));
    Ok(Promise::from_differences("the state hash is the same after a reopening", differs))
}

fn equal(name: &'static str, expected: u64, found: u64) -> Promise {
    let differs = (expected != found).then(|| format!("{expected} were expected, {found} were found"));
    Promise::from_differences(name, differs)
}

/// As many orders as flows have placed, each in the state that its last flow was answered with. Whoever is refused
/// before the placement leaves none.
fn orders(notes: &Notes, cut: &Cut) -> Promise {
    let mut found = BTreeMap::<State, u64>::new();
    for order in &cut.orders {
        *found.entry(order.state).or_default() += 1;
    }
    let states: std::collections::BTreeSet<_> = notes.states.keys().chain(found.keys()).collect();
    let of = |all: &BTreeMap<State, u64>, state| all.get(state).copied().unwrap_or_default();
    let differences = states.into_iter().filter_map(|state| {
        let (expected, found) = (of(&notes.states, state), of(&found, state));
        (expected != found).then(|| format!("{expected} orders were answered as {state}, {found} are"))
    });
    Promise::from_differences("every order is as its flows were answered", differences)
}

/// What the systems outside of the engine know is what the engine knows: effects were done once, and undone.
fn outside(town: &Town, notes: &Notes) -> Promise {
    let name = "the systems outside know what the engine knows";
    let of = |state| notes.states.get(&state).copied().unwrap_or_default();
    match town.name {
        LineName::Chain => equal(name, of(State::Reserved), town.provider.open()),
        LineName::Supermarket => {
            let (windows, orders) = town.store.counts();
            let all: u64 = notes.states.values().sum();
            let differs = [("windows are booked", windows), ("orders are known to the store", orders)];
            let differs = differs.into_iter().filter(|(_, found)| *found as u64 != all);
            Promise::from_differences(name, differs.map(|(what, found)| format!("{found} {what}, of {all}")))
        }
        // Whom the look at the buyers turns away has one flow, the others have two.
        LineName::FlashSale => equal(name, notes.flows - 2 * of(State::Paid), notes.failed),
        LineName::Membership => equal(name, of(State::Active), town.doors.members() as u64),
    }
}
