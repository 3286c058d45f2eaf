//! The typed calls.

use super::Engine;
use crate::actor::message::{FlowMessage, LockMessage, OrderMessage, SkuMessage};
use crate::actor::registry::{Absent, Entity, Registry, Undelivered};
use crate::actor::reply::ReplyTo;
use crate::actor::sku::SkuEntity;
use crate::domain::command::{
    Answer, CancelOrder, Command, DeliverOrder, OrderAnswer, PayOrder, PlaceOrder, Request, ShipOrder,
    SkuCommand, StockAnswer,
};
use crate::domain::ids::{CartId, EntityId, Principal, SkuId};
use crate::domain::inventory::Inventory;
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;
use crate::error::Error;

impl Engine {
    /// Places an order: all of its stock is reserved, or none and it is refused.
    ///
    /// # Errors
    /// As for [`Engine::submit`].
    pub async fn place(&self, order: impl Into<Request<PlaceOrder>>) -> Result<OrderAnswer, Error> {
        order_answer(self.submit(order).await)
    }

    /// Records a payment; the one that settles the order commits its stock.
    ///
    /// # Errors
    /// As for [`Engine::submit`].
    pub async fn pay(&self, payment: impl Into<Request<PayOrder>>) -> Result<OrderAnswer, Error> {
        order_answer(self.submit(payment).await)
    }

    /// Records that units of an order left the house.
    ///
    /// # Errors
    /// As for [`Engine::submit`].
    pub async fn ship(&self, shipment: impl Into<Request<ShipOrder>>) -> Result<OrderAnswer, Error> {
        order_answer(self.submit(shipment).await)
    }

    /// Records that units of an order reached the buyer.
    ///
    /// # Errors
    /// As for [`Engine::submit`].
    pub async fn deliver(&self, delivery: impl Into<Request<DeliverOrder>>) -> Result<OrderAnswer, Error> {
        order_answer(self.submit(delivery).await)
    }

    /// Calls off an order or units of it; their stock becomes available again.
    ///
    /// # Errors
    /// As for [`Engine::submit`].
    pub async fn cancel(&self, cancellation: impl Into<Request<CancelOrder>>) -> Result<OrderAnswer, Error> {
        order_answer(self.submit(cancellation).await)
    }

    /// Gives a command to one SKU's inventory: receive, adjust, reserve for a cart …
    ///
    /// # Errors
    /// As for [`Engine::submit`].
    pub async fn stock(
        &self,
        sku: &SkuId,
        command: impl Into<Request<SkuCommand>>,
    ) -> Result<StockAnswer, Error> {
        let request = command.into().map(|command| Command::Sku(sku.clone(), command));
        stock_answer(self.submit::<Command>(request).await)
    }

    /// Gives back what a cart's hold on a SKU has lost by its deadline, without waiting for the timer that does
    /// so by itself. Nothing happens where the deadline has not come, or the hold is gone: it may be asked for
    /// early, late or twice. What was given back is durable when this returns.
    ///
    /// # Errors
    /// When the engine is halted or closed.
    pub async fn expire(&self, sku: &SkuId, cart: CartId) -> Result<(), Error> {
        let core = &self.inner.core;
        match core.skus.send(core, sku, SkuMessage::Expire(cart), Absent::HandBack) {
            Ok(()) => {}
            // A SKU that never was has nothing that could lapse.
            Err(Undelivered::Unknown(_)) => return Ok(()),
            Err(Undelivered::Stopped) => return Err(Error::Closed),
        }
        // Whatever the SKU's actor shows comes behind what it just did.
        self.sku(sku).view().await.map(|_| ())
    }

    /// Places many orders at once, each for itself; one answer each, in their order.
    pub async fn place_all(
        &self,
        orders: impl IntoIterator<Item = Request<PlaceOrder>>,
    ) -> Vec<Result<OrderAnswer, Error>> {
        self.submit_all(orders).await.into_iter().map(order_answer).collect()
    }

    /// Gives many commands to inventories at once, each for itself; one answer each, in their order.
    pub async fn stock_all(
        &self,
        commands: impl IntoIterator<Item = (SkuId, Request<SkuCommand>)>,
    ) -> Vec<Result<StockAnswer, Error>> {
        let requests =
            commands.into_iter().map(|(sku, request)| request.map(|command| Command::Sku(sku, command)));
        self.submit_all(requests).await.into_iter().map(stock_answer).collect()
    }

    /// Lets the actor of a SKU show its state to `look`.
    pub(super) fn look_at(
        &self,
        id: &SkuId,
        look: impl FnOnce(Option<&Inventory>) + Send + 'static,
    ) -> Result<(), Error> {
        ask::<SkuEntity>(self, &self.inner.core.skus, id, SkuMessage::Look(Box::new(look)))
    }

    /// Forgets what keyed commands were answered before `before`. A command that comes again under such a
    /// key is executed again: choose a cut-off beyond every caller's last retry.
    ///
    /// # Errors
    /// When the engine is halted or closed.
    pub async fn forget_keys(&self, before: Timestamp) -> Result<(), Error> {
        let core = &self.inner.core;
        // With nothing in flight no answer can fall between the record and the forgetting.
        let quiet =
            self.inner.admission.acquire_many(self.inner.in_flight_max).await.map_err(|_| Error::Closed)?;
        core.forget_keys(before);
        drop(quiet);
        self.flush().await
    }

    /// Takes an entity out of the park once its cause was looked at; an order's open saga is driven on.
    ///
    /// # Errors
    /// [`Refusal::NotParked`] when it is not parked; else as for [`Engine::submit`].
    pub async fn unpark(&self, entity: &EntityId, by: Principal) -> Result<(), Error> {
        let admission = self.inner.admission.clone();
        let permit = admission.acquire_owned().await.map_err(|_| Error::Closed)?;
        let (reply, receiver) = ReplyTo::one(Some(permit));
        let core = &self.inner.core;
        let unknown = match entity {
            EntityId::Order(id) => core
                .orders
                .send(core, id, OrderMessage::Unpark(Some(by), reply), Absent::HandBack)
                .err()
                .map(|_| Refusal::UnknownOrder),
            EntityId::Sku(id) => core
                .skus
                .send(core, id, SkuMessage::Unpark(Some(by), reply), Absent::HandBack)
                .err()
                .map(|_| Refusal::UnknownSku { sku: id.clone() }),
            EntityId::Flow(id) => core
                .flows
                .registry
                .send(core, id, FlowMessage::Unpark(Some(by), reply), Absent::HandBack)
                .err()
                .map(|_| Refusal::UnknownFlow),
            EntityId::Lock(name) => core
                .locks
                .send(core, name, LockMessage::Unpark(Some(by), reply), Absent::HandBack)
                .err()
                .map(|_| Refusal::NotParked),
        };
        if let Some(refusal) = unknown {
            return Err(refusal.into());
        }
        receiver.await.map_err(|_| Error::OutcomeUnknown)??.map(|_| ()).map_err(Error::Refused)
    }
}

pub(super) fn ask<E: Entity>(
    engine: &Engine,
    registry: &Registry<E>,
    id: &E::Id,
    message: E::Message,
) -> Result<(), Error> {
    match registry.send(&engine.inner.core, id, message, Absent::HandBack) {
        Ok(()) => Ok(()),
        // The message is dropped with its channel, and whoever waits on that is told.
        Err(Undelivered::Unknown(_) | Undelivered::Stopped) => Err(Error::Closed),
    }
}

/// Keyed answers are bound to their command by its fingerprint, so an answer of the other kind cannot come;
/// if it did, the key would have been used for something else.
pub(super) fn order_answer(answer: Result<Answer, Error>) -> Result<OrderAnswer, Error> {
    match answer? {
        Answer::Order(answer) => Ok(answer),
        Answer::Stock(_) => Err(Error::KeyReused { key: "that of a SKU's command".to_owned() }),
        Answer::Flow(_) => Err(Error::KeyReused { key: "that of a flow's command".to_owned() }),
        Answer::Lock(_) => Err(Error::KeyReused { key: "that of a lock's command".to_owned() }),
    }
}

pub(super) fn stock_answer(answer: Result<Answer, Error>) -> Result<StockAnswer, Error> {
    match answer? {
        Answer::Stock(answer) => Ok(answer),
        Answer::Order(_) => Err(Error::KeyReused { key: "that of an order's command".to_owned() }),
        Answer::Flow(_) => Err(Error::KeyReused { key: "that of a flow's command".to_owned() }),
        Answer::Lock(_) => Err(Error::KeyReused { key: "that of a lock's command".to_owned() }),
    }
}
