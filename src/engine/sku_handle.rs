//! The calls to one SKU's inventory.

use tokio::sync::oneshot;

use super::Engine;
use crate::actor::registry::Found;
use crate::domain::command::{Request, ReserveStock, ScopedKey, SkuCommand, StockAnswer};
use crate::domain::ids::{BusinessId, CartId, DeliveryId, IdempotencyKey, Principal, SkuId};
use crate::domain::inventory::{HoldOwner, Inventory, LocationId, Place, Reason, StockPolicy};
use crate::domain::time::Timestamp;
use crate::error::Error;
use crate::query::{Holder, Page, SkuView, page_limit};

/// One SKU by its id, whether or not it is known: nothing is looked up to make a handle. Made by
/// [`Engine::sku`]. Cheap to clone; while it lives, so does the engine.
#[derive(Clone, Debug)]
pub struct SkuHandle {
    pub(super) engine: Engine,
    id: SkuId,
    at: Option<LocationId>,
    key: Option<ScopedKey>,
    by: Option<Principal>,
}

impl Engine {
    /// A handle on one SKU.
    ///
    /// ```
    /// # async fn run(engine: earmark::Engine) -> Result<(), Box<dyn std::error::Error>> {
    /// let chair = engine.sku(&"chair".parse()?).by("warehouse".parse()?);
    /// chair.receive(10, "delivery note 88").await?;
    /// chair.reserve("cart-1".parse()?, 2, None).await?;
    /// assert_eq!(chair.holders(None, 10).await?.items.len(), 1);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn sku(&self, id: &SkuId) -> SkuHandle {
        SkuHandle { engine: self.clone(), id: id.clone(), at: None, key: None, by: None }
    }
}

impl SkuHandle {
    /// The SKU's id.
    #[must_use]
    pub fn id(&self) -> &SkuId {
        &self.id
    }

    /// A handle whose commands are given by `principal`.
    #[must_use]
    pub fn by(mut self, principal: Principal) -> Self {
        self.by = Some(principal);
        self
    }

    /// A handle whose commands concern units at a location: what comes in is put there, what goes out is taken
    /// there. Reservations, commits and releases are about all of a cart's units, wherever they are.
    #[must_use]
    pub fn at(mut self, location: LocationId) -> Self {
        self.at = Some(location);
        self
    }

    /// A handle whose command is executed at most once under `key` within `business`. It is good for one
    /// command and for asking again: another one under the same key is refused as reused.
    #[must_use]
    pub fn with_key(mut self, business: BusinessId, key: IdempotencyKey) -> Self {
        self.key = Some(ScopedKey { business, key });
        self
    }

    async fn command(&self, command: SkuCommand) -> Result<StockAnswer, Error> {
        let command = match &self.at {
            Some(at) => command.at(at.clone()),
            None => command,
        };
        let request = Request { command, key: self.key.clone(), by: self.by.clone() };
        self.engine.stock(&self.id, request).await
    }

    /// The SKU's counters as they stand; `None` if nothing was ever received for it. What it shows is
    /// durable.
    ///
    /// # Errors
    /// When the engine is halted or closed.
    pub async fn view(&self) -> Result<Option<SkuView>, Error> {
        self.look(SkuView::of).await
    }

    /// Who holds units, at most `limit` owners at a time, in an order without a meaning. A hold that is
    /// there while the pages are turned is shown once. A page costs what it shows, however many hold.
    /// `after` is the `next` of the page before.
    ///
    /// # Errors
    /// When the engine is halted or closed.
    pub async fn holders(
        &self,
        after: Option<&HoldOwner>,
        limit: usize,
    ) -> Result<Page<Holder, HoldOwner>, Error> {
        let (after, limit) = (after.cloned(), page_limit(limit));
        let found = self.look(move |inventory| {
            let holds = inventory.holds_after(after.as_ref(), limit + 1);
            holds.into_iter().map(|(owner, hold)| Holder { owner, hold }).collect::<Vec<_>>()
        });
        Ok(Page::cut(found.await?.unwrap_or_default(), limit, |holder| holder.owner.clone()))
    }

    /// What `show` makes of the inventory, behind the records it rests on.
    pub(super) async fn look<T: Send + 'static>(
        &self,
        show: impl Fn(&Inventory) -> T + Send + 'static,
    ) -> Result<Option<T>, Error> {
        let core = self.engine.inner.core.clone();
        let found = core.skus.look(&self.id, |found| match found {
            Found::Resting(rest) => Some(show(&rest.inventory)),
            Found::Active => None,
        });
        let (to, from) = oneshot::channel();
        match found {
            None => core.hand_out(to, None),
            Some(Some(shown)) => core.hand_out(to, Some(shown)),
            Some(None) => self.engine.look_at(&self.id, move |sku| core.hand_out(to, sku.map(show)))?,
        }
        from.await.map_err(|_| Error::Closed)?
    }

    /// Units came in; the first receipt makes the SKU known.
    ///
    /// # Errors
    /// As for [`Engine::submit`].
    pub async fn receive(&self, quantity: u64, reason: impl Into<Reason>) -> Result<StockAnswer, Error> {
        self.command(SkuCommand::receive(quantity, reason)).await
    }

    /// Corrects the count by `delta` units.
    ///
    /// # Errors
    /// As for [`Engine::submit`].
    pub async fn adjust(&self, delta: i64, reason: impl Into<Reason>) -> Result<StockAnswer, Error> {
        self.command(SkuCommand::adjust(delta, reason)).await
    }

    /// Holds units for a cart until `deadline`. Asking again replaces the cart's hold.
    ///
    /// # Errors
    /// As for [`Engine::submit`].
    pub async fn reserve(
        &self,
        cart: CartId,
        quantity: u64,
        deadline: Option<Timestamp>,
    ) -> Result<StockAnswer, Error> {
        self.command(ReserveStock { deadline, ..ReserveStock::new(cart, quantity) }.into()).await
    }

    /// The cart is still in use: what it holds lapses at `deadline`, unless it lapses later anyway.
    ///
    /// # Errors
    /// As for [`Engine::submit`].
    pub async fn extend(&self, cart: CartId, deadline: Timestamp) -> Result<StockAnswer, Error> {
        self.command(SkuCommand::Extend { cart, deadline }).await
    }

    /// Gives the SKU other rules: budgets, limits, warnings, promises, allocation, what it consists of.
    ///
    /// # Errors
    /// As for [`Engine::submit`].
    pub async fn set_policy(&self, policy: StockPolicy) -> Result<StockAnswer, Error> {
        self.command(SkuCommand::SetPolicy(Box::new(policy))).await
    }

    /// Puts units that nobody holds elsewhere: into safety stock, on quality hold, back into sale.
    ///
    /// # Errors
    /// As for [`Engine::submit`].
    pub async fn put(
        &self,
        quantity: u64,
        from: Place,
        to: Place,
        reason: impl Into<Reason>,
    ) -> Result<StockAnswer, Error> {
        self.command(SkuCommand::put(quantity, from, to, reason)).await
    }

    /// Announces a delivery, or what has become of one; zero units call it off.
    ///
    /// # Errors
    /// As for [`Engine::submit`].
    pub async fn announce(
        &self,
        delivery: DeliveryId,
        quantity: u64,
        expected: Timestamp,
    ) -> Result<StockAnswer, Error> {
        self.command(SkuCommand::announce(delivery, quantity, expected)).await
    }

    /// Units of an announced delivery came in.
    ///
    /// # Errors
    /// As for [`Engine::submit`].
    pub async fn receive_delivery(
        &self,
        delivery: DeliveryId,
        quantity: u64,
        reason: impl Into<Reason>,
    ) -> Result<StockAnswer, Error> {
        self.command(SkuCommand::receive_delivery(delivery, quantity, reason)).await
    }

    /// The units that a cart holds are paid for.
    ///
    /// # Errors
    /// As for [`Engine::submit`].
    pub async fn commit(&self, cart: CartId) -> Result<StockAnswer, Error> {
        self.command(SkuCommand::Commit { cart }).await
    }

    /// Gives back what a cart holds. Giving back nothing is no error.
    ///
    /// # Errors
    /// As for [`Engine::submit`].
    pub async fn release(&self, cart: CartId) -> Result<StockAnswer, Error> {
        self.command(SkuCommand::Release { cart }).await
    }

    /// Committed units of a cart leave the house.
    ///
    /// # Errors
    /// As for [`Engine::submit`].
    pub async fn ship(&self, cart: CartId, quantity: u64) -> Result<StockAnswer, Error> {
        self.command(SkuCommand::ship(cart, quantity)).await
    }

    /// Shipped units come back into stock.
    ///
    /// # Errors
    /// As for [`Engine::submit`].
    pub async fn return_to_stock(
        &self,
        quantity: u64,
        reason: impl Into<Reason>,
    ) -> Result<StockAnswer, Error> {
        self.command(SkuCommand::return_to_stock(quantity, Place::Available, reason)).await
    }

    /// Available units are brought from this handle's location, which is the default one unless it has another,
    /// to `to`.
    ///
    /// # Errors
    /// As for [`Engine::submit`].
    pub async fn transfer(
        &self,
        quantity: u64,
        to: LocationId,
        reason: impl Into<Reason>,
    ) -> Result<StockAnswer, Error> {
        let from = self.at.clone().unwrap_or_default();
        self.command(SkuCommand::transfer(quantity, from, to, reason)).await
    }

    /// Available units are lost, broken or expired.
    ///
    /// # Errors
    /// As for [`Engine::submit`].
    pub async fn write_off(&self, quantity: u64, reason: impl Into<Reason>) -> Result<StockAnswer, Error> {
        self.command(SkuCommand::write_off(quantity, Place::Available, reason)).await
    }
}
