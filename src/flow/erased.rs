//! Nodes and contexts with their types taken off, as the engine runs them.

use std::any::{Any, TypeId, type_name};
use std::cell::Cell;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use smol_str::{SmolStr, format_smolstr};

use super::call::{BoxFuture, NodeCall};
use super::node::{Node, NodeError, SubChain};
use crate::domain::flow::NodeFailure;

/// A context that takes more is not what its thread keeps room for.
const ROOM_BYTES_MAX: usize = 64 << 10;

thread_local! {
    /// Room for the JSON of a context.
    static ROOM: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A context of any type.
pub(crate) trait Context: Any + Send {
    /// Writes its JSON behind what is there.
    fn write(&self, json: &mut Vec<u8>) -> Result<(), String>;
    /// Itself, to be looked at.
    fn as_any(&mut self) -> &mut dyn Any;
    /// Itself, to be taken.
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

impl<C: Serialize + Send + 'static> Context for C {
    fn write(&self, json: &mut Vec<u8>) -> Result<(), String> {
        serde_json::to_writer(json, self).map_err(|error| error.to_string())
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

pub(crate) type AnyContext = Box<dyn Context>;

impl dyn Context {
    /// Its JSON.
    pub(crate) fn encode(&self) -> Result<SmolStr, String> {
        self.with_json(|json| SmolStr::new(json))
    }

    /// Shows its JSON to `look`. Contexts are written again and again, so they are into the room of the last one.
    pub(crate) fn with_json<T>(&self, look: impl FnOnce(&str) -> T) -> Result<T, String> {
        let mut json = ROOM.take();
        json.clear();
        let seen = self
            .write(&mut json)
            .and_then(|()| std::str::from_utf8(&json).map(look).map_err(|error| error.to_string()));
        if json.capacity() <= ROOM_BYTES_MAX {
            ROOM.set(json);
        }
        seen
    }
}

/// What a chain works on.
#[derive(Clone, Copy)]
pub(crate) struct ContextType {
    pub(crate) id: TypeId,
    pub(crate) name: &'static str,
    pub(crate) decode: fn(&str) -> Result<AnyContext, String>,
}

impl ContextType {
    pub(crate) fn of<C: Serialize + DeserializeOwned + Send + 'static>() -> Self {
        Self {
            id: TypeId::of::<C>(),
            name: type_name::<C>(),
            decode: |json| match serde_json::from_str::<C>(json) {
                Ok(context) => Ok(Box::new(context)),
                Err(error) => Err(error.to_string()),
            },
        }
    }
}

/// What a node is called for.
#[derive(Clone, Debug)]
pub(crate) enum Called {
    Process,
    Resume,
    Success,
    Rollback(NodeFailure),
    Callback(Option<NodeFailure>),
}

/// What a call comes to: the context comes back whatever happens.
pub(crate) type Returned = (AnyContext, Result<(), NodeError>);

/// A node whose type is taken off.
pub(crate) trait AnyNode: Send + Sync {
    fn context(&self) -> ContextType;
    /// The type of the node.
    fn node(&self) -> TypeId;
    fn call(
        self: Arc<Self>,
        called: Called,
        context: AnyContext,
        call: Arc<NodeCall>,
        timeout: Option<Duration>,
    ) -> BoxFuture<'static, Returned>;
}

/// A node that carries a sub-chain, whose types are taken off.
pub(crate) trait AnySubChain: Send + Sync {
    fn context(&self) -> ContextType;
    fn sub_context(&self) -> ContextType;
    fn enter(&self, context: &mut AnyContext, call: &NodeCall) -> Result<AnyContext, NodeError>;
    fn leave(&self, context: &mut AnyContext, sub: AnyContext, call: &NodeCall) -> Result<(), NodeError>;
}

/// A node or sub-chain for contexts of type `C`.
pub(crate) struct Typed<C, N>(N, PhantomData<fn(C)>);

impl<C, N> Typed<C, N> {
    pub(crate) const fn new(inner: N) -> Self {
        Self(inner, PhantomData)
    }
}

/// A context of another type than the chain's: the engine checks that before it runs a chain.
fn foreign(wanted: &str) -> NodeError {
    NodeError::refused(format_smolstr!("the context is not a {wanted}"))
}

impl<C, N> AnyNode for Typed<C, N>
where
    C: Serialize + DeserializeOwned + Send + 'static,
    N: Node<C>,
{
    fn context(&self) -> ContextType {
        ContextType::of::<C>()
    }

    fn node(&self) -> TypeId {
        TypeId::of::<N>()
    }

    fn call(
        self: Arc<Self>,
        called: Called,
        mut context: AnyContext,
        call: Arc<NodeCall>,
        timeout: Option<Duration>,
    ) -> BoxFuture<'static, Returned> {
        Box::pin(async move {
            let result = match (*context).as_any().downcast_mut::<C>() {
                Some(typed) => limited(work(&self.0, &called, typed, &call), timeout).await,
                None => Err(foreign(type_name::<C>())),
            };
            (context, result)
        })
    }
}

async fn work<C: Send, N: Node<C>>(
    node: &N,
    called: &Called,
    context: &mut C,
    call: &NodeCall,
) -> Result<(), NodeError> {
    match called {
        Called::Process => node.process(context, call).await,
        Called::Resume => node.resume(context, call).await,
        Called::Success => node.success(context, call).await,
        Called::Rollback(failure) => node.rollback(context, failure, call).await,
        Called::Callback(failure) => node.callback(context, failure.as_ref(), call).await,
    }
}

/// A call's result: also where it panics, or takes too long.
async fn limited(
    work: impl Future<Output = Result<(), NodeError>> + Send,
    timeout: Option<Duration>,
) -> Result<(), NodeError> {
    let work = Caught(std::pin::pin!(work));
    let result = match timeout {
        None => work.await,
        Some(limit) => match tokio::time::timeout(limit, work).await {
            Ok(result) => result,
            Err(_) => {
                let millis = limit.as_millis();
                Ok(Err(NodeError::unknown(format_smolstr!("it took longer than {millis} ms"))))
            }
        },
    };
    result.unwrap_or_else(|panic| Err(panicked(&*panic)))
}

impl<C, S> AnySubChain for Typed<C, S>
where
    C: Serialize + DeserializeOwned + Send + 'static,
    S: SubChain<C>,
{
    fn context(&self) -> ContextType {
        ContextType::of::<C>()
    }

    fn sub_context(&self) -> ContextType {
        ContextType::of::<S::Context>()
    }

    fn enter(&self, context: &mut AnyContext, call: &NodeCall) -> Result<AnyContext, NodeError> {
        let typed = (**context).as_any().downcast_mut::<C>().ok_or_else(|| foreign(type_name::<C>()))?;
        let entered = catch_unwind(AssertUnwindSafe(|| self.0.enter(typed, call)));
        entered.unwrap_or_else(|panic| Err(panicked(&*panic))).map(|sub| Box::new(sub) as AnyContext)
    }

    fn leave(&self, context: &mut AnyContext, sub: AnyContext, call: &NodeCall) -> Result<(), NodeError> {
        let typed = (**context).as_any().downcast_mut::<C>().ok_or_else(|| foreign(type_name::<C>()))?;
        let sub = sub.into_any().downcast::<S::Context>().map_err(|_| foreign(type_name::<S::Context>()))?;
        let left = catch_unwind(AssertUnwindSafe(|| self.0.leave(typed, *sub, call)));
        left.unwrap_or_else(|panic| Err(panicked(&*panic)))
    }
}

/// A panic is a failure of the node that panics, and of nobody else.
fn panicked(panic: &(dyn Any + Send)) -> NodeError {
    let text = crate::guard::panic_text(panic);
    tracing::error!(reason = %text, "a node panicked");
    NodeError::refused(format_smolstr!("it panicked: {text}"))
}

/// A future whose panic is its result.
struct Caught<F>(F);

impl<F: Future + Unpin> Future for Caught<F> {
    type Output = Result<F::Output, Box<dyn Any + Send>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        match catch_unwind(AssertUnwindSafe(|| Pin::new(&mut self.0).poll(cx))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    }
}
