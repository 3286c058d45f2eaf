//! The calls to one order.

use tokio::sync::oneshot;

use super::Engine;
use super::calls::{ask, order_answer};
use crate::actor::message::{OrderMessage, Stored};
use crate::actor::order::OrderEntity;
use crate::actor::registry::Found;
use crate::domain::command::{
    CancelOrder, ChangeDelivery, CloseOrder, Command, DeliverOrder, ExtendDeadline, LineQuantity,
    OrderAnswer, PayOrder, ProgressOrder, ProgressStep, Request, RetireOrder, ScopedKey, Settlement,
    ShipOrder, ShipShort,
};
use crate::domain::ids::{BusinessId, IdempotencyKey, OrderId, PaymentMethod, Principal};
use crate::domain::inventory::Reason;
use crate::domain::money::Money;
use crate::domain::order::{Delivery, Order};
use crate::domain::time::Timestamp;
use crate::error::Error;
use crate::replay::compact::{self, Unpacked};

/// One order by its id, whether or not there is such an order: nothing is looked up to make a handle.
/// Made by [`Engine::order`]. Cheap to clone; while it lives, so does the engine.
#[derive(Clone, Debug)]
pub struct OrderHandle {
    pub(super) engine: Engine,
    pub(super) id: OrderId,
    key: Option<ScopedKey>,
    by: Option<Principal>,
}

impl Engine {
    /// A handle on one order.
    ///
    /// ```
    /// # async fn run(engine: earmark::Engine) -> Result<(), Box<dyn std::error::Error>> {
    /// let order = engine.order(&"4711".parse()?);
    /// if let Some(order) = order.view().await? {
    ///     println!("{} of {} is in", order.paid, order.due);
    /// }
    /// order.by("till-3".parse()?).cancel(&[], "changed my mind").await?;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn order(&self, id: &OrderId) -> OrderHandle {
        OrderHandle { engine: self.clone(), id: id.clone(), key: None, by: None }
    }
}

impl OrderHandle {
    /// The order's id.
    #[must_use]
    pub fn id(&self) -> &OrderId {
        &self.id
    }

    /// A handle whose commands are given by `principal`.
    #[must_use]
    pub fn by(mut self, principal: Principal) -> Self {
        self.by = Some(principal);
        self
    }

    /// A handle whose command is executed at most once under `key` within `business`. It is good for one
    /// command and for asking again: another one under the same key is refused as reused.
    #[must_use]
    pub fn with_key(mut self, business: BusinessId, key: IdempotencyKey) -> Self {
        self.key = Some(ScopedKey { business, key });
        self
    }

    fn request<C>(&self, command: C) -> Request<C> {
        Request { command, key: self.key.clone(), by: self.by.clone() }
    }

    /// The order as it stands; `None` if there is none. What it shows is durable.
    ///
    /// # Errors
    /// [`Refusal::OrderRetired`](crate::Refusal::OrderRetired) when the order was retired: its timeline has what happened to it. When the engine
    /// is halted or closed.
    pub async fn view(&self) -> Result<Option<Order>, Error> {
        match self.stored().await?.map(|stored| stored.unpacked) {
            None => Ok(None),
            Some(Unpacked::Order(order)) => Ok(Some(order)),
            Some(Unpacked::Retired(tombstone)) => Err(tombstone.refusal().into()),
        }
    }

    /// What stands under the order's id, when everything that it rests on is durable.
    pub(super) async fn stored(&self) -> Result<Option<Box<Stored>>, Error> {
        let core = &self.engine.inner.core;
        let found = core.orders.look(&self.id, |found| match found {
            Found::Resting(bytes) => Some(bytes.clone()),
            Found::Active => None,
        });
        let (to, from) = oneshot::channel();
        match found {
            None => core.hand_out(to, None),
            Some(Some(bytes)) => {
                let number = compact::number_of(&bytes).unwrap_or(u32::MAX);
                let unpacked = compact::unpack(&bytes)?;
                core.hand_out(to, Some(Box::new(Stored { number, unpacked })));
            }
            // Between the look and the message the actor may have gone to rest; the message wakes it.
            Some(None) => ask::<OrderEntity>(&self.engine, &core.orders, &self.id, OrderMessage::Read(to))?,
        }
        from.await.map_err(|_| Error::Closed)?
    }

    /// Records a payment that settles the order as soon as what is due is covered; the settling one commits
    /// the order's stock. [`Engine::pay`] takes payments with an id of their own or another rule.
    ///
    /// # Errors
    /// As for [`Engine::submit`].
    pub async fn pay(&self, method: PaymentMethod, amount: Money) -> Result<OrderAnswer, Error> {
        let (order, settlement) = (self.id.clone(), Settlement::WhenCovered);
        let payment = PayOrder { order, payment: None, method, amount, settlement };
        self.engine.pay(self.request(payment)).await
    }

    /// Records that units left the house; no lines ship all that is committed.
    ///
    /// # Errors
    /// As for [`Engine::submit`].
    pub async fn ship(&self, lines: &[LineQuantity]) -> Result<OrderAnswer, Error> {
        let shipment = ShipOrder { lines: lines.to_vec(), ..ShipOrder::all(self.id.clone()) };
        self.engine.ship(self.request(shipment)).await
    }

    /// Records that units left the house and that others never will: they are called off, and what was paid for
    /// them is due back. One decision: either both happen or neither. No `missing` units call off all that do
    /// not leave.
    ///
    /// # Errors
    /// As for [`Engine::submit`].
    pub async fn ship_short(
        &self,
        lines: &[LineQuantity],
        missing: &[LineQuantity],
        reason: impl Into<Reason>,
    ) -> Result<OrderAnswer, Error> {
        let (order, reason) = (self.id.clone(), reason.into());
        self.command(ShipShort { order, lines: lines.to_vec(), missing: missing.to_vec(), reason }).await
    }

    /// Records that units reached the buyer; no lines deliver all that is under way.
    ///
    /// # Errors
    /// As for [`Engine::submit`].
    pub async fn deliver(&self, lines: &[LineQuantity]) -> Result<OrderAnswer, Error> {
        let delivery = DeliverOrder { lines: lines.to_vec(), ..DeliverOrder::all(self.id.clone()) };
        self.engine.deliver(self.request(delivery)).await
    }

    /// Calls off units; no lines call off the whole order, or all that has not left the house.
    ///
    /// # Errors
    /// As for [`Engine::submit`].
    pub async fn cancel(
        &self,
        lines: &[LineQuantity],
        reason: impl Into<Reason>,
    ) -> Result<OrderAnswer, Error> {
        let cancellation = CancelOrder { lines: lines.to_vec(), ..CancelOrder::all(self.id.clone(), reason) };
        self.engine.cancel(self.request(cancellation)).await
    }

    /// Takes the order one step on its way without stock: picked, packed, confirmed, completed.
    ///
    /// # Errors
    /// As for [`Engine::submit`].
    pub async fn progress(&self, step: ProgressStep) -> Result<OrderAnswer, Error> {
        self.command(ProgressOrder { order: self.id.clone(), step }).await
    }

    /// Changes where the order goes, until all of it was shipped.
    ///
    /// # Errors
    /// As for [`Engine::submit`].
    pub async fn change_delivery(&self, delivery: Delivery) -> Result<OrderAnswer, Error> {
        self.command(ChangeDelivery { order: self.id.clone(), delivery }).await
    }

    /// Puts off the moment that the order waits for: the end of its time to pay, to be confirmed, to complete.
    ///
    /// # Errors
    /// As for [`Engine::submit`].
    pub async fn extend_deadline(&self, until: Timestamp) -> Result<OrderAnswer, Error> {
        self.command(ExtendDeadline { order: self.id.clone(), until }).await
    }

    /// Closes a finished order by hand; nothing more happens to it then.
    ///
    /// # Errors
    /// As for [`Engine::submit`].
    pub async fn close(&self, reason: impl Into<Reason>) -> Result<OrderAnswer, Error> {
        self.command(CloseOrder { order: self.id.clone(), reason: reason.into() }).await
    }

    /// Lets the order leave memory once it is closed for good. Its id stays taken, and its timeline stays as far
    /// back as the journal reaches. One to which money is due back is refused, unless it was closed by hand:
    /// [`OrderHandle::retire_refunded`] says that the money was paid back.
    ///
    /// # Errors
    /// [`Refusal::OrderNotClosed`](crate::Refusal::OrderNotClosed) while something is left to do about it; else as
    /// for [`Engine::submit`].
    pub async fn retire(&self) -> Result<OrderAnswer, Error> {
        self.command(RetireOrder { order: self.id.clone(), refunded: false }).await
    }

    /// The same of an order whose money that is due back was paid back.
    ///
    /// # Errors
    /// As for [`OrderHandle::retire`].
    pub async fn retire_refunded(&self) -> Result<OrderAnswer, Error> {
        self.command(RetireOrder { order: self.id.clone(), refunded: true }).await
    }

    pub(super) async fn command(&self, command: impl Into<Command>) -> Result<OrderAnswer, Error> {
        order_answer(self.engine.submit::<Command>(self.request(command.into())).await)
    }
}
