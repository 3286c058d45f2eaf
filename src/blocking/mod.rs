//! The engine for callers without tokio: the same calls, each of which waits for its answer.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use earmark::blocking::Engine;
//! use earmark::{Config, LineRequest, PlaceOrder};
//!
//! let engine = Engine::open(Config::in_memory())?;
//! let chair = "chair".parse()?;
//! engine.sku(&chair).receive(2, "delivery note 88")?;
//!
//! // From as many threads as there are.
//! let place = || -> Result<PlaceOrder, Box<dyn std::error::Error>> {
//!     Ok(PlaceOrder::new("shop".parse()?, "EUR".parse()?, vec![LineRequest::new(chair.clone(), 1, 4_900)]))
//! };
//! let (mine, theirs) = (place()?, place()?);
//! std::thread::scope(|scope| {
//!     let other = scope.spawn(|| engine.place(theirs));
//!     assert!(engine.place(mine).is_ok());
//!     assert!(other.join().is_ok_and(|answer| answer.is_ok()));
//! });
//! assert_eq!(engine.place(place()?).unwrap_err().code(), "INSUFFICIENT_STOCK");
//! engine.close()?;
//! # Ok(()) }
//! ```
//!
//! An engine of this kind has a tokio runtime of its own, in threads of its own. It is not to be used on a
//! thread that is inside a tokio runtime: a waiting call would hold up every task of that thread, and those
//! it waits for may be among them. Such a call is refused with [`Error::InsideRuntime`] before anything is
//! done; use [`crate::Engine`] there.

mod flow;
mod lock;
mod order;
mod sku;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use tokio::runtime::{Builder, Handle, Runtime};

use crate::config::Config;
use crate::domain::command::{
    Answer, CancelOrder, Command, DeliverOrder, OrderAnswer, PayOrder, PlaceOrder, Request, ShipOrder,
    SkuCommand, StockAnswer,
};
use crate::domain::ids::{BusinessId, EntityId, LockName, OrderId, Principal, SkuId};
use crate::domain::order::OrderType;
use crate::domain::time::Timestamp;
use crate::engine;
use crate::error::Error;
use crate::journal::Cursor;
use crate::outbox;
use crate::query::{BusinessCounts, Explanation, OrderCounts, OrderQuery, OrderSummary, Page, PageCursor};

pub use lock::{LockGuard, LockHandle};
pub use order::OrderHandle;
pub use sku::SkuHandle;

/// Calls of the same name that wait: `target` has them, `run` waits.
macro_rules! mirror {
    ($of:literal: $($name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {$(
        #[doc = concat!("As [`crate::", $of, "::", stringify!($name), "`], and waits for it.")]
        ///
        /// # Errors
        #[doc = concat!("As for [`crate::", $of, "::", stringify!($name), "`], and [`Error::InsideRuntime`].")]
        pub fn $name(&self, $($argument: $type),*) -> Result<$answer, Error> {
            self.run(self.target().$name($($argument),*))?
        }
    )*};
}
use mirror;

/// An engine whose calls wait for their answers. Cloning gives another handle on the same engine.
#[derive(Clone, Debug)]
pub struct Engine {
    inner: Arc<Owned>,
}

/// In the order in which they go: the engine ends while its runtime still runs.
#[derive(Debug)]
struct Owned {
    engine: engine::Engine,
    runtime: Background,
}

/// A runtime that can be dropped anywhere.
#[derive(Debug)]
struct Background(Option<Runtime>);

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Background {
    fn run<F: Future>(&self, call: F) -> Result<F::Output, Error> {
        outside_of_runtimes()?;
        self.0.as_ref().map(|runtime| runtime.block_on(call)).ok_or(Error::Closed)
    }
}

fn outside_of_runtimes() -> Result<(), Error> {
    if Handle::try_current().is_ok() { Err(Error::InsideRuntime) } else { Ok(()) }
}

impl Engine {
    /// Opens the engine in the configured folder, with a runtime of as many threads as there are cores.
    ///
    /// # Errors
    /// As for [`crate::Engine::open`]; [`Error::InsideRuntime`]; `Error::Io` when threads cannot be had.
    pub fn open(config: Config) -> Result<Self, Error> {
        outside_of_runtimes()?;
        let built = Builder::new_multi_thread().enable_all().thread_name("earmark").build();
        let runtime = built
            .map_err(|error| Error::Io { what: "start a runtime".to_owned(), detail: error.to_string() })?;
        let runtime = Background(Some(runtime));
        let engine = runtime.run(engine::Engine::open(config))??;
        Ok(Self { inner: Arc::new(Owned { engine, runtime }) })
    }

    fn target(&self) -> &engine::Engine {
        &self.inner.engine
    }

    fn run<F: Future>(&self, call: F) -> Result<F::Output, Error> {
        self.inner.runtime.run(call)
    }

    /// A handle on one order; nothing is looked up.
    #[must_use]
    pub fn order(&self, id: &OrderId) -> OrderHandle {
        OrderHandle::new(self.target().order(id), self.clone())
    }

    /// A handle on one SKU; nothing is looked up.
    #[must_use]
    pub fn sku(&self, id: &SkuId) -> SkuHandle {
        SkuHandle::new(self.target().sku(id), self.clone())
    }

    /// A handle on a named lock; nothing is looked up.
    #[must_use]
    pub fn lock(&self, name: &LockName) -> LockHandle {
        LockHandle::new(self.target().lock(name), self.clone())
    }

    mirror! { "Engine":
        place(order: impl Into<Request<PlaceOrder>>) -> OrderAnswer;
        pay(payment: impl Into<Request<PayOrder>>) -> OrderAnswer;
        ship(shipment: impl Into<Request<ShipOrder>>) -> OrderAnswer;
        deliver(delivery: impl Into<Request<DeliverOrder>>) -> OrderAnswer;
        cancel(cancellation: impl Into<Request<CancelOrder>>) -> OrderAnswer;
        stock(sku: &SkuId, command: impl Into<Request<SkuCommand>>) -> StockAnswer;
        submit(request: impl Into<Request<Command>>) -> Answer;
        try_submit(request: impl Into<Request<Command>>) -> Answer;
        orders(query: &OrderQuery, after: Option<PageCursor>, limit: usize) -> Page<OrderSummary, PageCursor>;
        order_counts() -> OrderCounts;
        order_counts_by_type() -> BTreeMap<OrderType, u64>;
        order_counts_of(business: &BusinessId) -> OrderCounts;
        businesses(after: Option<&BusinessId>, limit: usize) -> Page<BusinessCounts, BusinessId>;
        forget_keys(before: Timestamp) -> ();
        unpark(entity: &EntityId, by: Principal) -> ();
        explain(order: &OrderId) -> Explanation;
        cut() -> engine::Cut;
        flush() -> ();
    }

    /// As [`crate::Engine::place_all`], and waits for all of them.
    ///
    /// # Errors
    /// [`Error::InsideRuntime`]; what becomes of each order is in the answers.
    pub fn place_all(
        &self,
        orders: impl IntoIterator<Item = Request<PlaceOrder>>,
    ) -> Result<Vec<Result<OrderAnswer, Error>>, Error> {
        self.run(self.target().place_all(orders))
    }

    /// As [`crate::Engine::stock_all`], and waits for all of them.
    ///
    /// # Errors
    /// [`Error::InsideRuntime`]; what becomes of each command is in the answers.
    pub fn stock_all(
        &self,
        commands: impl IntoIterator<Item = (SkuId, Request<SkuCommand>)>,
    ) -> Result<Vec<Result<StockAnswer, Error>>, Error> {
        self.run(self.target().stock_all(commands))
    }

    /// As [`crate::Engine::recovery`].
    #[must_use]
    pub fn recovery(&self) -> &engine::RecoveryReport {
        self.target().recovery()
    }

    /// As [`crate::Engine::start`].
    #[must_use]
    pub fn start(&self) -> Cursor {
        self.target().start()
    }

    /// As [`crate::Engine::end`].
    #[must_use]
    pub fn end(&self) -> Cursor {
        self.target().end()
    }

    /// As [`crate::Engine::subscribe`]; its `next` waits.
    ///
    /// # Errors
    /// As for [`crate::Engine::subscribe`].
    pub fn subscribe(&self, cursor: Cursor) -> Result<Subscription, Error> {
        Ok(Subscription { records: self.target().subscribe(cursor)?, engine: self.clone() })
    }

    /// As [`crate::Engine::close`], and waits for it.
    ///
    /// # Errors
    /// As for [`crate::Engine::close`], and [`Error::InsideRuntime`].
    pub fn close(self) -> Result<(), Error> {
        self.run(self.target().clone().close())?
    }
}

/// Every durable record from a cursor on. While it lives, so does its engine.
pub struct Subscription {
    records: outbox::Subscription,
    engine: Engine,
}

impl Subscription {
    /// As [`crate::Subscription::cursor`].
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        self.records.cursor()
    }

    /// As [`crate::Subscription::next`], and waits for it.
    ///
    /// # Errors
    /// As for [`crate::Subscription::next`], and [`Error::InsideRuntime`].
    #[allow(clippy::should_implement_trait, reason = "it can fail, and has the name of the call it mirrors")]
    pub fn next(&mut self) -> Result<Option<outbox::Published>, Error> {
        self.engine.run(self.records.next())?
    }

    /// As [`crate::Subscription::try_next`].
    ///
    /// # Errors
    /// As for [`crate::Subscription::try_next`].
    pub fn try_next(&mut self) -> Result<Option<outbox::Published>, Error> {
        self.records.try_next()
    }
}
