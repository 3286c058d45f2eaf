//! What happened to one order, one SKU or one flow.

use super::{Engine, OrderHandle, SkuHandle};
use crate::actor::commit::Driver;
use crate::domain::ids::{EntityId, FlowId};
use crate::error::Error;
use crate::outbox;
use crate::query::{Timeline, page_limit};
use crate::replay::compact::Unpacked;

impl OrderHandle {
    /// Everything that happened to the order: its events, and what of its commands and refusals is
    /// recorded. It shows what is durable, also of an order that was retired. Where the journal's beginning was
    /// dropped, [`Timeline::gap`] says what is missing.
    ///
    /// The journal is read for it, from about the record that placed the order to its end, on a thread for
    /// blocking work: a matter of milliseconds for a young order, and of the whole journal for the oldest.
    /// For an id under which no order exists, all of it is read for recorded refusals. What was refused
    /// under an order's id long before the order was placed is not shown.
    ///
    /// # Errors
    /// When the engine is halted or closed, or the journal cannot be read.
    pub async fn timeline(&self) -> Result<Timeline, Error> {
        let stored = self.stored().await?;
        let since = stored.as_ref().map_or(0, |it| self.engine.inner.core.index().since_number(it.number));
        let mut told = self.engine.history(EntityId::Order(self.id().clone()), since, usize::MAX).await?;
        if let Some(Unpacked::Retired(tombstone)) = stored.map(|stored| stored.unpacked) {
            told.retired_at = Some(tombstone.at);
        }
        Ok(told)
    }
}

impl SkuHandle {
    /// What happened to the SKU from the sequence number `from` on (0 for the beginning): its movements, and
    /// what of its commands and refusals is recorded. At most about `limit` entries; `next` of the answer is
    /// where to go on. It shows what is durable.
    ///
    /// The journal is read for it, on a thread for blocking work, until the limit or its end is reached: the
    /// movements of a SKU stand anywhere in it.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn timeline(&self, from: u64, limit: usize) -> Result<Timeline, Error> {
        self.engine.history(EntityId::Sku(self.id().clone()), from, page_limit(limit)).await
    }
}

impl Engine {
    /// What happened to a flow from the sequence number `from` on (0 for the beginning), also to one that has ended;
    /// see [`SkuHandle::timeline`].
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn flow_timeline(&self, flow: FlowId, from: u64, limit: usize) -> Result<Timeline, Error> {
        self.history(EntityId::Flow(flow), from, page_limit(limit)).await
    }

    async fn history(&self, entity: EntityId, from: u64, limit: usize) -> Result<Timeline, Error> {
        let reader = self.inner.reader.clone();
        let read = move || outbox::timeline(reader.as_ref(), &entity, from, limit);
        match self.inner.driver {
            Driver::Thread => tokio::task::spawn_blocking(read).await.map_err(|error| Error::Io {
                what: "read the journal".to_owned(),
                detail: error.to_string(),
            })?,
            // In simulation everything happens on one thread.
            Driver::Task => read(),
        }
    }
}
