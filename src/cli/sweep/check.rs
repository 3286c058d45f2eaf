//! What recovery must make of a folder that a crash left.

use std::path::Path;
use std::sync::Arc;

use super::image::SEGMENT_BYTES;
use crate::config::{Config, Driver};
use crate::domain::inventory::Inventory;
use crate::domain::order::{Child, ChildNews, Order, State, Tombstone};
use crate::domain::time::Timestamp;
use crate::engine::{Cut, Engine};
use crate::port::fs_sim::SimFs;
use crate::port::{ManualClock, SeededEntropy};
use crate::replay::{Folder, KeyAnswer, Parts, StateHash, Until, state_hash};

/// What recovery did with orders that the crash left between two steps.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Settled {
    pub(super) finished: u64,
    pub(super) undone: u64,
}

fn config(fs: &SimFs, folder: &Path, at: Timestamp) -> Config {
    Config {
        fs: Arc::new(fs.clone()),
        driver: Driver::Task,
        clock: Arc::new(ManualClock::new(at)),
        entropy: Arc::new(SeededEntropy::new(1)),
        segment_bytes: SEGMENT_BYTES,
        registry_shards: 2,
        snapshot_every_bytes: None,
        ..Config::new(folder)
    }
}

/// The state that the journal makes, and its last record.
fn rebuilt(fs: &SimFs, folder: &Path) -> Result<(Parts, u64), String> {
    let told = |error: crate::replay::ReadError| error.to_string();
    let mut folder = Folder::open(Arc::new(fs.kill()), folder).map_err(told)?;
    let rebuilding = folder.rebuild(Until::End, &mut |_| ()).map_err(told)?;
    let last = rebuilding.reading.next_sequence.saturating_sub(1);
    let parts = rebuilding.world.into_parts().map_err(|error| error.to_string())?;
    Ok((parts, last))
}

/// Recovers the folder, twice, and checks what comes of it. `last` is the last record that it has to find.
pub(super) async fn check(
    image: &SimFs,
    folder: &Path,
    last: u64,
    at: Timestamp,
) -> Result<Settled, Vec<String>> {
    let one = |text: String| vec![text];
    let (before, found) = rebuilt(image, folder).map_err(one)?;
    let mut wrong = Vec::new();
    if found != last {
        wrong.push(format!("the journal ends with record {found}"));
    }
    let engine = Engine::open(config(image, folder, at)).await.map_err(|error| one(error.to_string()))?;
    let report = engine.recovery().clone();
    let live = engine.cut().await.map_err(|error| one(error.to_string()))?;
    wrong.extend(live.violations.iter().cloned());
    wrong.extend(half_done(&live.orders));
    wrong.extend(families(&live.orders));
    // The power goes once more, as soon as recovery is done.
    let crashed = image.crash();
    let (after, _) = rebuilt(&crashed, folder).map_err(one)?;
    wrong.extend(lost(&before, &after));
    let hash = state_hash(&after.skus, &after.orders, &after.retired, &after.keys, &after.works);
    wrong.extend(other_hash("its journal", &live, hash.map_err(|error| one(error.to_string()))?));
    engine.close().await.map_err(|error| one(error.to_string()))?;
    let engine = Engine::open(config(&crashed, folder, at)).await.map_err(|error| one(error.to_string()))?;
    let again = engine.cut().await.map_err(|error| one(error.to_string()))?;
    wrong.extend(other_hash("a second crash", &live, again.hash));
    engine.close().await.map_err(|error| one(error.to_string()))?;
    if !wrong.is_empty() {
        return Err(wrong);
    }
    Ok(Settled { finished: report.finished, undone: report.undone })
}

fn other_hash(of: &str, live: &Cut, hash: StateHash) -> Option<String> {
    (hash != live.hash).then(|| format!("{of} makes another state than the engine has"))
}

/// Orders of which recovery left a half.
fn half_done(orders: &[Order]) -> impl Iterator<Item = String> {
    let open = orders.iter().filter(|order| order.parked.is_none());
    let half = open.filter(|order| order.pending.is_some() || order.state == State::Created);
    half.map(|order| format!("order {} is {} between two steps", order.id, order.state))
}

/// Orders that were split and are not what their children have told, or whose children are not what they told.
fn families(orders: &[Order]) -> Vec<String> {
    let mut wrong = Vec::new();
    for parent in orders.iter().filter(|order| order.is_split()) {
        let of = |what: fn(&ChildNews) -> i64| {
            parent.children().iter().map(|child| what(&child.news)).fold(0, i64::saturating_add)
        };
        let refunded = parent.family.as_ref().map_or(0, |family| family.refunded);
        let sums =
            [of(|news| news.due), of(|news| news.paid) + refunded, of(|news| news.refund_due) + refunded];
        if sums != [parent.due, parent.paid, parent.refund_due] {
            wrong.push(format!("order {} has other money than its children have together", parent.id));
        }
        for Child { news, .. } in parent.children() {
            match find(orders, |other: &Order| other.id.cmp(&news.child)) {
                Some(child) if child.version == news.version && child.news().as_ref() != Some(news) => {
                    wrong.push(format!("order {} is not what it told its parent", child.id));
                }
                Some(child) if child.version >= news.version => {}
                // A child that was retired is gone.
                None if news.version > 1 => {}
                _ => wrong.push(format!("order {} is not there, or older than its parent knows", news.child)),
            }
        }
    }
    wrong
}

/// What stood in the journal and is not there any more.
fn lost(before: &Parts, after: &Parts) -> Vec<String> {
    let mut lost = Vec::new();
    for sku in &before.skus {
        let now = find(&after.skus, |other: &Inventory| other.sku.cmp(&sku.sku));
        if !now.is_some_and(|now| now.version > sku.version || now == sku) {
            lost.push(format!("SKU {} is not what {} records made it", sku.sku, sku.version));
        }
    }
    for order in &before.orders {
        let now = find(&after.orders, |other: &Order| other.id.cmp(&order.id));
        if !now.is_some_and(|now| now.version > order.version || now == order) {
            lost.push(format!("order {} is not what {} records made it", order.id, order.version));
        }
    }
    for tombstone in &before.retired {
        if find(&after.retired, |other: &Tombstone| other.id.cmp(&tombstone.id)) != Some(tombstone) {
            lost.push(format!("order {} was retired and is not any more", tombstone.id));
        }
    }
    for (key, answer) in &before.keys {
        let now = find(&after.keys, |other: &(_, KeyAnswer)| other.0.cmp(key));
        if now.map(|now| &now.1) != Some(answer) {
            lost.push(format!("the answer under the key {} is another", key.key));
        }
    }
    lost
}

fn find<T>(sorted: &[T], order: impl FnMut(&T) -> std::cmp::Ordering) -> Option<&T> {
    sorted.get(sorted.binary_search_by(order).ok()?)
}
