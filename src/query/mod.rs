//! What queries show, and the index of orders that lists and counts are answered from.

mod actor;
mod chunked;
mod describe;
mod explain;
mod listing;
mod names;
mod numbers;
mod orders;
mod origins;
mod page;
mod timeline;

pub use actor::Actor;
pub(crate) use explain::refusal_of;
pub use explain::{Explanation, Held, Shortage};
pub use listing::{BusinessCounts, OrderCounts, OrderFilter, OrderQuery, OrderSummary, PageCursor};
pub(crate) use orders::{Gathering, Listing, OrderIndex, sellers_of};
pub(crate) use page::page_limit;
pub use page::{PAGE_ITEMS_MAX, Page};
pub(crate) use timeline::entries_of;
pub use timeline::{Happening, Timeline, TimelineEntry};

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::domain::ids::{DeliveryId, SkuId};
use crate::domain::inventory::{Counters, Hold, HoldOwner, Incoming, Inventory, LocationId, StockPolicy};

/// A SKU as queries see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkuView {
    /// The SKU.
    pub sku: SkuId,
    /// Its counters, in units, over all locations.
    pub counters: Counters,
    /// The counters of each location; they sum to those above.
    pub locations: BTreeMap<LocationId, Counters>,
    /// Number of owners who hold units of it or wait for them.
    pub holds: u64,
    /// Number of entries in the queue of those who wait.
    pub waiting: u64,
    /// Deliveries that are on their way, by their ids.
    pub incoming: BTreeMap<DeliveryId, Incoming>,
    /// Its rules; the default has none.
    pub policy: StockPolicy,
    /// Number of movements that made this state.
    pub version: u64,
    /// Why it is parked, if it is.
    pub parked: Option<SmolStr>,
}

impl SkuView {
    /// The view of an inventory.
    #[must_use]
    pub fn of(inventory: &Inventory) -> Self {
        Self {
            sku: inventory.sku.clone(),
            counters: inventory.counters,
            locations: inventory.locations(),
            holds: inventory.hold_count() as u64,
            waiting: inventory.queue_len() as u64,
            incoming: inventory.incoming().clone(),
            policy: inventory.policy().cloned().unwrap_or_default(),
            version: inventory.version,
            parked: inventory.parked.clone(),
        }
    }
}

/// Who holds units of a SKU, and how many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The owner of the hold.
    pub owner: HoldOwner,
    /// What it holds.
    pub hold: Hold,
}
