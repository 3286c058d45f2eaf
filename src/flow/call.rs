//! What a node knows of the call that it is in, and what it can do from there.

use std::any::TypeId;
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use smol_str::{SmolStr, format_smolstr};

use super::extensions::{ExtensionPoint, Extensions, MissingExtension};
use crate::domain::command::{
    Answer, Command, OrderAnswer, OrderCommand, Outcome, Request, ScopedKey, StockAnswer,
};
use crate::domain::flow::Rulebook;
use crate::domain::ids::{BusinessId, CustomerId, FlowId, IdempotencyKey, OrderId, Principal};
use crate::domain::order::Order;
use crate::domain::refusal::Refusal;
use crate::error::Error;

/// A future that can be sent between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What the engine does for nodes.
pub(crate) trait Desk: Send + Sync {
    /// Submits a command past admission: what is under way must not starve behind what is new.
    fn submit(&self, request: Request<Command>) -> BoxFuture<'static, Result<Answer, Error>>;
    /// The answer that a key has got; a key that nobody has used is burnt, so that whatever comes under it later is
    /// refused.
    fn annul(&self, flow: FlowId, key: ScopedKey) -> BoxFuture<'static, Result<Outcome, Error>>;
    /// An order as it stands.
    fn order(&self, order: &OrderId) -> BoxFuture<'static, Result<Option<Order>, Error>>;
}

/// What stays the same over all calls of a flow.
pub(crate) struct Frame {
    pub(crate) flow: FlowId,
    pub(crate) business: BusinessId,
    pub(crate) scene: SmolStr,
    pub(crate) chain: SmolStr,
    pub(crate) customer: Option<CustomerId>,
    pub(crate) rules: Arc<Rulebook>,
    pub(crate) extensions: Arc<Extensions>,
    pub(crate) desk: Arc<dyn Desk>,
}

/// What a node is told of the call that it is in. Through it the node acts on the engine: its commands carry keys
/// that follow from flow, node and attempt, so that a call that is repeated after a crash does nothing twice.
pub struct NodeCall {
    pub(crate) frame: Arc<Frame>,
    pub(crate) node: SmolStr,
    pub(crate) attempt: u16,
    /// The key of the node's effects in this call.
    pub(crate) key: SmolStr,
    /// The keys of the node's way forward, from the first attempt to the last: what its rollback is about.
    pub(crate) forward: Vec<SmolStr>,
    pub(crate) commands: AtomicU16,
    pub(crate) used: Mutex<Used>,
}

/// What a call has made use of.
#[derive(Default)]
pub(crate) struct Used {
    pub(crate) keys: Vec<ScopedKey>,
    pub(crate) order: Option<OrderId>,
    /// The type of node that has not written what it was called for.
    pub(crate) not_written: Option<TypeId>,
}

impl NodeCall {
    /// Nodes of this type have not written what this call is for, whatever their state: it need not be called again.
    pub(super) fn is_not_written(&self, node: TypeId) {
        self.lock().not_written = Some(node);
    }

    /// The flow.
    #[must_use]
    pub fn flow(&self) -> FlowId {
        self.frame.flow
    }

    /// The business line that the flow is for.
    #[must_use]
    pub fn business(&self) -> &BusinessId {
        &self.frame.business
    }

    /// The scene that the flow is for: the name of an order type, or `default`.
    #[must_use]
    pub fn scene(&self) -> &str {
        &self.frame.scene
    }

    /// The customer whom the flow is for.
    #[must_use]
    pub fn customer(&self) -> Option<&CustomerId> {
        self.frame.customer.as_ref()
    }

    /// The order that the flow is about, once there is one.
    #[must_use]
    pub fn order(&self) -> Option<OrderId> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).order.clone()
    }

    /// The name of the node.
    #[must_use]
    pub fn node(&self) -> &str {
        &self.node
    }

    /// Number of the attempt, from 1. A call that is repeated because nobody knows what became of it has the same
    /// number.
    #[must_use]
    pub const fn attempt(&self) -> u16 {
        self.attempt
    }

    /// The key of this call's effects: the same whenever the call is repeated, and no other call's. What a node does
    /// outside of the engine is to carry it.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The keys under which the node has acted on its way forward, one for each attempt: what its rollback undoes.
    #[must_use]
    pub fn forward_keys(&self) -> &[SmolStr] {
        &self.forward
    }

    /// The provider of an extension point for the flow's business and scene.
    ///
    /// # Errors
    /// When there is none, not even a default one.
    pub fn extension<P: ExtensionPoint + ?Sized>(&self) -> Result<&Arc<P>, MissingExtension> {
        self.frame.extensions.get::<P>(&self.frame.business, &self.frame.scene)
    }

    /// Whether the flow's customer is in a gradual release of the business line. One that the line does not have
    /// nobody is in.
    #[must_use]
    pub fn is_released(&self, switch: &str) -> bool {
        let found = self.frame.rules.switches.get(switch);
        found.is_some_and(|it| it.is_on(switch, self.frame.customer.as_ref()))
    }

    /// Submits a command to the engine, in the flow's name and under the next key of this call. It waits behind no
    /// admission. A placement makes its order the flow's.
    ///
    /// # Errors
    /// As for [`crate::Engine::submit`].
    pub async fn submit(&self, command: impl Into<Command>) -> Result<Answer, Error> {
        let number = self.commands.fetch_add(1, Ordering::Relaxed);
        let key = self.numbered(&self.key, number)?;
        let mut request = Request::from(command.into());
        request.by = Principal::new(format_smolstr!("flow {} {}", self.frame.flow, self.node)).ok();
        let places = matches!(&request.command, Command::Order(_, OrderCommand::Place(_)));
        request.key = Some(key.clone());
        self.lock().keys.push(key);
        let answer = self.frame.desk.submit(request).await?;
        if let (true, Answer::Order(answer)) = (places, &answer) {
            self.lock().order = Some(answer.order.clone());
        }
        Ok(answer)
    }

    /// Submits a command to an order.
    ///
    /// # Errors
    /// As for [`NodeCall::submit`].
    pub async fn submit_order(&self, command: impl Into<Command>) -> Result<OrderAnswer, Error> {
        match self.submit(command).await? {
            Answer::Order(answer) => Ok(answer),
            Answer::Stock(_) | Answer::Flow(_) | Answer::Lock(_) => Err(Error::OutcomeUnknown),
        }
    }

    /// Submits a command to a SKU.
    ///
    /// # Errors
    /// As for [`NodeCall::submit`].
    pub async fn submit_stock(&self, command: impl Into<Command>) -> Result<StockAnswer, Error> {
        match self.submit(command).await? {
            Answer::Stock(answer) => Ok(answer),
            Answer::Order(_) | Answer::Flow(_) | Answer::Lock(_) => Err(Error::OutcomeUnknown),
        }
    }

    /// An order as it stands.
    ///
    /// # Errors
    /// When the engine is halted or closed.
    pub async fn read_order(&self, order: &OrderId) -> Result<Option<Order>, Error> {
        self.frame.desk.order(order).await
    }

    /// In a rollback: what became of command `number` of the way forward, counted from 0, in each attempt. A command
    /// that never came is called off, so that it does nothing if it comes after all.
    ///
    /// # Errors
    /// When the engine is halted or closed.
    pub async fn forward_outcomes(&self, number: u16) -> Result<Vec<Outcome>, Error> {
        let mut outcomes = Vec::with_capacity(self.forward.len());
        for key in &self.forward {
            let key = self.numbered(key, number)?;
            self.lock().keys.push(key.clone());
            outcomes.push(self.frame.desk.annul(self.frame.flow, key).await?);
        }
        Ok(outcomes)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn numbered(&self, key: &str, number: u16) -> Result<ScopedKey, Error> {
        let key = IdempotencyKey::new(format_smolstr!("{key}/{number}"));
        let key = key.map_err(|error| {
            Error::Refused(Refusal::InvalidContext {
                chain: self.frame.chain.clone(),
                problem: format_smolstr!("{error}"),
            })
        })?;
        Ok(ScopedKey { business: self.frame.business.clone(), key })
    }
}

impl fmt::Debug for NodeCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeCall")
            .field("key", &self.key)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}
