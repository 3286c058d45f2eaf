//! Lists and counts of orders, out of the derived index.
//!
//! What they show has gone through the commit queue like every answer. The index and the queue change
//! together under the index's lock (`Core::commit_order`), so whoever sees a change is queued behind it.

use std::collections::BTreeMap;

use tokio::sync::oneshot;

use super::Engine;
use crate::domain::ids::BusinessId;
use crate::domain::order::OrderType;
use crate::error::Error;
use crate::query::{
    BusinessCounts, Gathering, OrderCounts, OrderIndex, OrderQuery, OrderSummary, Page, PageCursor,
    page_limit,
};

impl Engine {
    /// A page of at most `limit` orders, the newest first. `after` is the `next` of the page before; orders
    /// that come in between do not shift the pages.
    ///
    /// What is asked for can be combined: by customer, seller, business, type, state and time of placement. The work
    /// follows the smallest of the sets that are named, 64 orders a step; where several large sets have few orders in
    /// common, the list is gathered some thousand steps at a time, and an order that changes its state meanwhile is
    /// listed as it is when it is looked at.
    ///
    /// ```
    /// # async fn run(engine: earmark::Engine) -> Result<(), Box<dyn std::error::Error>> {
    /// use earmark::{OrderQuery, OrderType, State};
    ///
    /// let unpaid = OrderQuery::of(State::Reserved).and(OrderType::Physical);
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
        let core = &self.inner.core;
        let mut page = Gathering::new(after, page_limit(limit));
        while !core.index().gather(query, &mut page) {
            tokio::task::yield_now().await;
        }
        let (to, from) = oneshot::channel();
        core.hand_out(to, page.finish());
        from.await.map_err(|_| Error::Closed)?
    }

    /// How many orders there are in each state; the same work however many there are.
    ///
    /// # Errors
    /// When the engine is halted or closed.
    pub async fn order_counts(&self) -> Result<OrderCounts, Error> {
        self.indexed(OrderIndex::counts).await
    }

    /// How many orders there are of each type that has any; the same work however many there are.
    ///
    /// # Errors
    /// When the engine is halted or closed.
    pub async fn order_counts_by_type(&self) -> Result<BTreeMap<OrderType, u64>, Error> {
        self.indexed(OrderIndex::counts_by_type).await
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
