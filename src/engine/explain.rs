//! Why an order stands where it stands.

use super::Engine;
use crate::domain::ids::OrderId;
use crate::domain::refusal::Refusal;
use crate::error::Error;
use crate::query::{Explanation, Held, Shortage, refusal_of};
use crate::replay::compact::Unpacked;

/// Most holders that an explanation names.
const HOLDERS_MAX: usize = 10;

impl Engine {
    /// Why an order was refused or stands where it stands, what it holds, and who holds what it lacks.
    ///
    /// Refusals and the last thing that happened come from the order's timeline and cost what
    /// [`super::OrderHandle::timeline`] costs; holds are those of the moment in which they are looked at.
    ///
    /// # Errors
    /// As for [`super::OrderHandle::timeline`].
    pub async fn explain(&self, order: &OrderId) -> Result<Explanation, Error> {
        let handle = self.order(order);
        let mut entries = handle.timeline().await?.entries;
        let (view, retired_at) = match handle.stored().await?.map(|stored| stored.unpacked) {
            Some(Unpacked::Order(order)) => (Some(order), None),
            Some(Unpacked::Retired(tombstone)) => (None, Some(tombstone.at)),
            None => (None, None),
        };
        let last = entries.last().cloned();
        entries.retain(|entry| refusal_of(entry).is_some());
        let shortage = match entries.iter().rev().find_map(refusal_of) {
            Some(refusal) => self.shortage(refusal).await?,
            None => None,
        };
        Ok(Explanation {
            order: order.clone(),
            state: view.as_ref().map(|order| order.state),
            retired_at,
            parked: view.as_ref().and_then(|order| order.parked.clone()),
            refusals: entries,
            last,
            holds: view.as_ref().map(Held::of).unwrap_or_default(),
            shortage,
        })
    }

    /// How the SKU stands now that a refusal for want of stock was about.
    async fn shortage(&self, refusal: &Refusal) -> Result<Option<Shortage>, Error> {
        let Refusal::InsufficientStock { sku, requested, available } = refusal else { return Ok(None) };
        let handle = self.sku(sku);
        let Some(now) = handle.view().await? else { return Ok(None) };
        let holders = handle.holders(None, HOLDERS_MAX).await?.items;
        Ok(Some(Shortage { requested: *requested, available_then: *available, now, holders }))
    }
}
