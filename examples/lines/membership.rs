//! A club: a membership is active from its payment on, and whoever has paid is let in by systems that the engine does
//! not know. When the way forward fails behind that, nobody is left inside who has not paid.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use earmark::OrderId;
use earmark::domain::flow::NodeFailure;
use earmark::flow::{
    BoxFuture, BusinessLine, Definition, DefinitionErrors, ExtensionPoint, Node, NodeCall, NodeError,
    OrderContext, Plugins, Scope,
};

/// Lets members in. What is asked for again under one key is done once.
pub(crate) trait Entitlements: Send + Sync {
    /// Lets the owner of an order in, under a key.
    fn grant<'a>(&'a self, key: &'a str, order: &'a OrderId) -> BoxFuture<'a, Result<(), NodeError>>;
    /// Takes back what an order was granted under a key, if anything was.
    fn take_back<'a>(&'a self, key: &'a str, order: &'a OrderId) -> BoxFuture<'a, Result<(), NodeError>>;
    /// Takes back all that an order has.
    fn revoke<'a>(&'a self, order: &'a OrderId) -> BoxFuture<'a, Result<(), NodeError>>;
    /// Writes to a new member.
    fn welcome<'a>(&'a self, order: &'a OrderId) -> BoxFuture<'a, Result<(), NodeError>>;
}

impl ExtensionPoint for dyn Entitlements {
    const NAME: &'static str = "club.entitlements";
}

/// Entitlements in memory.
#[derive(Default)]
pub(crate) struct Doors(Mutex<Book>);

#[derive(Default)]
struct Book {
    granted: BTreeMap<OrderId, BTreeSet<String>>,
    post_fails: bool,
}

impl Doors {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// No letter can be delivered any more, or they can again.
    pub(crate) fn fail_post(&self, fails: bool) {
        self.book().post_fails = fails;
    }

    /// How many members are let in.
    pub(crate) fn members(&self) -> usize {
        self.book().granted.len()
    }
}

impl Entitlements for Doors {
    fn grant<'a>(&'a self, key: &'a str, order: &'a OrderId) -> BoxFuture<'a, Result<(), NodeError>> {
        self.book().granted.entry(order.clone()).or_default().insert(key.to_owned());
        Box::pin(async { Ok(()) })
    }

    fn take_back<'a>(&'a self, key: &'a str, order: &'a OrderId) -> BoxFuture<'a, Result<(), NodeError>> {
        let mut book = self.book();
        if let Some(keys) = book.granted.get_mut(order) {
            keys.remove(key);
            if keys.is_empty() {
                book.granted.remove(order);
            }
        }
        Box::pin(async { Ok(()) })
    }

    fn revoke<'a>(&'a self, order: &'a OrderId) -> BoxFuture<'a, Result<(), NodeError>> {
        self.book().granted.remove(order);
        Box::pin(async { Ok(()) })
    }

    fn welcome<'a>(&'a self, order: &'a OrderId) -> BoxFuture<'a, Result<(), NodeError>> {
        let fails = self.book().post_fails;
        let letter =
            if fails { Err(NodeError::refused(format!("no letter reaches {order}"))) } else { Ok(()) };
        Box::pin(async { letter })
    }
}

fn order_of(context: &OrderContext, call: &NodeCall) -> Result<OrderId, NodeError> {
    let order = context.order.clone().or_else(|| call.order());
    order.ok_or_else(|| NodeError::refused("there is no order"))
}

struct Grant;
struct Welcome;
struct Revoke;

impl Node<OrderContext> for Grant {
    async fn process(&self, context: &mut OrderContext, call: &NodeCall) -> Result<(), NodeError> {
        let order = order_of(context, call)?;
        call.extension::<dyn Entitlements>()?.grant(call.key(), &order).await
    }

    async fn rollback(
        &self,
        context: &mut OrderContext,
        _: &NodeFailure,
        call: &NodeCall,
    ) -> Result<(), NodeError> {
        let order = order_of(context, call)?;
        for key in call.forward_keys() {
            call.extension::<dyn Entitlements>()?.take_back(key, &order).await?;
        }
        Ok(())
    }
}

impl Node<OrderContext> for Welcome {
    async fn process(&self, context: &mut OrderContext, call: &NodeCall) -> Result<(), NodeError> {
        let order = order_of(context, call)?;
        call.extension::<dyn Entitlements>()?.welcome(&order).await
    }
}

impl Node<OrderContext> for Revoke {
    async fn process(&self, context: &mut OrderContext, call: &NodeCall) -> Result<(), NodeError> {
        let order = order_of(context, call)?;
        call.extension::<dyn Entitlements>()?.revoke(&order).await
    }
}

/// The line, with whoever lets its members in.
pub(crate) struct Membership {
    /// Lets the members in.
    pub(crate) entitlements: Arc<dyn Entitlements>,
}

impl BusinessLine for Membership {
    fn definition(&self) -> Result<Definition, DefinitionErrors> {
        Definition::parse("membership.toml", include_str!("membership.toml"))
    }

    fn provide(&self, plugins: Plugins) -> Plugins {
        // A mistake in the file is told anyway.
        let Ok(definition) = self.definition() else { return plugins };
        let mine = &Scope::business(definition.rulebook().business.clone());
        plugins
            .provide::<dyn Entitlements>(mine.clone(), self.entitlements.clone())
            .node::<OrderContext>(mine, "grant", Grant)
            .node::<OrderContext>(mine, "welcome", Welcome)
            .node::<OrderContext>(mine, "revoke", Revoke)
    }
}
