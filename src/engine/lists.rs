//! Lists and counts of orders, out of the derived index.
//!
//! What they show has gone through the commit queue like every answer. The index and the queue change
//! together under the index's lock (`Core::commit_order`), so whoever sees a change is queued behind it.

use tokio::sync::oneshot;

use super::Engine;
use crate::domain::ids::BusinessId;
use crate::error::Error;
use crate::query::{
    BusinessCounts, OrderCounts, OrderIndex, OrderQuery, OrderSummary, Page, PageCursor, page_limit,
};

impl Engine {
    /// A page of at most `limit` orders, the newest first. `after` is the `next` of the page before; orders
    /// that come in between do not shift the pages.
    ///
    /// ```
    /// # async fn run(engine: earmark::Engine) -> Result<(), Box<dyn std::error::Error>> {
    /// use earmark::{OrderQuery, State};
    ///
    /// let unpaid = OrderQuery::of(State::Reserved);
    /// let mut page = engine.orders(&unpaid, None, 50).await?;
    /// loop {
    ///     for order in &page.items {
    ///         println!("{} of {}", order.order, order.placed_at.as_millis());
    ///     }
    ///     let Some(next) = page.next else { break };
    ///     page = engine.orders(&unpaid, Some(next), 50).await?;
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When the engine is halted or closed.
    pub async fn orders(
        &self,
        query: &OrderQuery,
        after: Option<PageCursor>,
        limit: usize,
    ) -> Result<Page<OrderSummary, PageCursor>, Error> {
        self.indexed(|index| index.page(query, after, page_limit(limit))).await
    }

    /// How many orders there are in each state; the same work however many there are.
    ///
    /// # Errors
    /// When the engine is halted or closed.
    pub async fn order_counts(&self) -> Result<OrderCounts, Error> {
        self.indexed(OrderIndex::counts).await
    }

    /// How many orders of one business there are in each state; the same work however many there are.
    ///
    /// # Errors
    /// When the engine is halted or closed.
    pub async fn order_counts_of(&self, business: &BusinessId) -> Result<OrderCounts, Error> {
        self.indexed(|index| index.counts_of(business)).await
    }

    /// The businesses that have orders, sorted by id, at most `limit` at a time, with their counts. `after`
    /// is the `next` of the page before.
    ///
    /// # Errors
    /// When the engine is halted or closed.
    pub async fn businesses(
        &self,
        after: Option<&BusinessId>,
        limit: usize,
    ) -> Result<Page<BusinessCounts, BusinessId>, Error> {
        self.indexed(|index| index.businesses(after, page_limit(limit))).await
    }

    async fn indexed<T: Send + 'static>(&self, show: impl FnOnce(&OrderIndex) -> T) -> Result<T, Error> {
        let core = &self.inner.core;
        let shown = show(&core.index());
        let (to, from) = oneshot::channel();
        core.hand_out(to, shown);
        from.await.map_err(|_| Error::Closed)?
    }
}
