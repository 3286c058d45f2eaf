//! A supermarket: baskets with a fee and a delivery window, picked in a store that may be short of something. The
//! store is another system; all that the engine knows of it are the keys of its effects.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use earmark::domain::flow::NodeFailure;
use earmark::flow::standard::{CancelNode, DeliverNode, Place, Progress, ShipNode};
use earmark::flow::{
    BusinessLine, Definition, DefinitionErrors, ExtensionPoint, Node, NodeCall, NodeError, OrderContext,
    Plugins, Scope,
};
use earmark::{CancelOrder, LineQuantity, OrderId, ProgressStep, SkuId};
use serde::{Deserialize, Serialize};

/// The most units of a basket.
const UNITS_MAX: u64 = 200;

/// What a delivery costs, in minor units. Every scene has its own.
pub(crate) trait Fees: Send + Sync {
    /// The fee on goods of this value.
    fn fee(&self, goods: i64) -> i64;
}

impl ExtensionPoint for dyn Fees {
    const NAME: &'static str = "supermarket.fees";
}

/// Nothing is brought to the door, and nothing is charged for it.
struct NoFee;

/// A van brings it: for nothing from 50.00 on.
struct VanFee;

impl Fees for NoFee {
    fn fee(&self, _: i64) -> i64 {
        0
    }
}

impl Fees for VanFee {
    fn fee(&self, goods: i64) -> i64 {
        if goods >= 5_000 { 0 } else { 490 }
    }
}

/// The store that picks the orders, as another system: what is asked for again under one key is done once.
#[derive(Default)]
pub(crate) struct Store(Mutex<Books>);

#[derive(Default)]
struct Books {
    is_closed: bool,
    windows: BTreeMap<String, String>,
    orders: BTreeMap<OrderId, String>,
    short: BTreeMap<SkuId, u32>,
}

impl Store {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes no more orders, or takes them again.
    pub(crate) fn close(&self, is_closed: bool) {
        self.books().is_closed = is_closed;
    }

    /// So many units of a SKU are not on the shelf, whatever the engine thinks.
    pub(crate) fn lose(&self, sku: SkuId, units: u32) {
        self.books().short.insert(sku, units);
    }

    /// Delivery windows that are booked, and orders that are known.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let books = self.books();
        (books.windows.len(), books.orders.len())
    }
}

/// What the chains of the supermarket work on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Basket {
    /// The order, as the nodes of the default line have it.
    pub(crate) order: OrderContext,
    /// When it is to be delivered.
    pub(crate) window: String,
    /// Under which key the window is booked.
    booking: Option<String>,
    /// What the store did not find.
    pub(crate) short: Vec<LineQuantity>,
}

impl Basket {
    /// For a flow that goes on with what the last one made of the order.
    pub(crate) fn new(order: OrderContext, window: &str) -> Self {
        Self { order, window: window.to_owned(), ..Self::default() }
    }

    fn id(&self) -> Result<&OrderId, NodeError> {
        self.order.order.as_ref().ok_or_else(|| NodeError::refused("the basket has no order"))
    }
}

impl AsMut<OrderContext> for Basket {
    fn as_mut(&mut self) -> &mut OrderContext {
        &mut self.order
    }
}

struct CheckBasket;
struct AddFee;
struct BookWindow(Arc<Store>);
struct TellStore(Arc<Store>);
struct Collect(Arc<Store>);
struct CallOffShort;
struct TellStoreOff(Arc<Store>);

impl Node<Basket> for CheckBasket {
    async fn process(&self, basket: &mut Basket, _: &NodeCall) -> Result<(), NodeError> {
        let lines = basket.order.place.as_ref().map_or(&[][..], |place| &place.lines);
        match lines.iter().map(|line| u64::from(line.quantity)).sum() {
            0 => Err(NodeError::refused("the basket is empty")),
            1..=UNITS_MAX => Ok(()),
            units => Err(NodeError::refused(format!("{units} units are more than a van takes"))),
        }
    }
}

impl Node<Basket> for AddFee {
    async fn process(&self, basket: &mut Basket, call: &NodeCall) -> Result<(), NodeError> {
        let fees = call.extension::<dyn Fees>()?;
        let lines = basket.order.place.as_mut().map_or(&mut [][..], |place| &mut place.lines);
        let goods = lines.iter().map(|line| line.gross - line.discount).sum();
        if let Some(first) = lines.first_mut() {
            first.shipping = fees.fee(goods);
        }
        Ok(())
    }
}

impl Node<Basket> for BookWindow {
    async fn process(&self, basket: &mut Basket, call: &NodeCall) -> Result<(), NodeError> {
        if basket.window.is_empty() {
            return Err(NodeError::refused("no delivery window was chosen"));
        }
        self.0.books().windows.insert(call.key().to_owned(), basket.window.clone());
        basket.booking = Some(call.key().to_owned());
        Ok(())
    }

    async fn rollback(&self, _: &mut Basket, _: &NodeFailure, call: &NodeCall) -> Result<(), NodeError> {
        let mut books = self.0.books();
        for key in call.forward_keys() {
            books.windows.remove(key.as_str());
        }
        Ok(())
    }
}

impl Node<Basket> for TellStore {
    async fn process(&self, basket: &mut Basket, _: &NodeCall) -> Result<(), NodeError> {
        let (order, booking) = (basket.id()?.clone(), basket.booking.clone().unwrap_or_default());
        let mut books = self.0.books();
        if books.is_closed {
            return Err(NodeError::refused("the store takes no more orders"));
        }
        books.orders.insert(order, booking);
        Ok(())
    }

    async fn rollback(&self, basket: &mut Basket, _: &NodeFailure, _: &NodeCall) -> Result<(), NodeError> {
        self.0.books().orders.remove(basket.id()?);
        Ok(())
    }
}

impl Node<Basket> for Collect {
    async fn process(&self, basket: &mut Basket, call: &NodeCall) -> Result<(), NodeError> {
        let order = call.read_order(basket.id()?).await?;
        let lines = order.map(|order| order.lines).unwrap_or_default();
        let mut lost = self.0.books().short.clone();
        basket.short.clear();
        for (line, number) in lines.iter().zip(1..) {
            let Some(lost) = lost.get_mut(&line.sku) else { continue };
            let quantity = (*lost).min(line.counters.active());
            *lost -= quantity;
            basket.short.extend((quantity > 0).then_some(LineQuantity { line: number, quantity }));
        }
        Ok(())
    }
}

impl Node<Basket> for CallOffShort {
    async fn process(&self, basket: &mut Basket, call: &NodeCall) -> Result<(), NodeError> {
        if basket.short.is_empty() {
            return Ok(());
        }
        let (order, lines) = (basket.id()?.clone(), basket.short.clone());
        let reason = "not on the shelf".into();
        let answer = call.submit_order(CancelOrder { order, lines, reason }).await?;
        let is_empty = answer.state == earmark::State::Cancelled;
        basket.order.answer = Some(answer);
        if is_empty { Err(NodeError::skip("nothing of it was on the shelf")) } else { Ok(()) }
    }
}

impl Node<Basket> for TellStoreOff {
    async fn process(&self, basket: &mut Basket, _: &NodeCall) -> Result<(), NodeError> {
        let mut books = self.0.books();
        if let Some(booking) = books.orders.remove(basket.id()?) {
            books.windows.remove(&booking);
        }
        Ok(())
    }
}

/// The line, with the store that it sells from.
pub(crate) struct Supermarket {
    /// The store.
    pub(crate) store: Arc<Store>,
    /// What a van costs.
    pub(crate) van: Arc<dyn Fees>,
}

impl Supermarket {
    /// The line with its usual fees.
    pub(crate) fn new(store: Arc<Store>) -> Self {
        Self { store, van: Arc::new(VanFee) }
    }
}

impl BusinessLine for Supermarket {
    fn definition(&self) -> Result<Definition, DefinitionErrors> {
        Definition::parse("supermarket.toml", include_str!("supermarket.toml"))
    }

    fn provide(&self, plugins: Plugins) -> Plugins {
        // A mistake in the file is told anyway.
        let Ok(definition) = self.definition() else { return plugins };
        let business = &definition.rulebook().business;
        let mine = &Scope::business(business.clone());
        plugins
            .provide::<dyn Fees>(mine.clone(), Arc::new(NoFee))
            .provide::<dyn Fees>(Scope::new(business.clone(), "physical"), self.van.clone())
            .node::<Basket>(mine, "check-basket", CheckBasket)
            .node::<Basket>(mine, "add-fee", AddFee)
            .node::<Basket>(mine, "book-window", BookWindow(self.store.clone()))
            .node::<Basket>(mine, "tell-store", TellStore(self.store.clone()))
            .node::<Basket>(mine, "collect", Collect(self.store.clone()))
            .node::<Basket>(mine, "call-off-short", CallOffShort)
            .node::<Basket>(mine, "tell-store-off", TellStoreOff(self.store.clone()))
            .node::<Basket>(mine, "supermarket.place", Place)
            .node::<Basket>(mine, "supermarket.pick", Progress(ProgressStep::Pick))
            .node::<Basket>(mine, "supermarket.pack", Progress(ProgressStep::Pack))
            .node::<Basket>(mine, "supermarket.ship", ShipNode)
            .node::<Basket>(mine, "supermarket.deliver", DeliverNode)
            .node::<Basket>(mine, "supermarket.cancel", CancelNode)
    }
}
