//! Nodes: what business lines write.

use std::any::TypeId;

use smol_str::{SmolStr, format_smolstr};

use super::call::NodeCall;
use super::extensions::MissingExtension;
use crate::domain::flow::{FailureKind, NodeFailure};
use crate::domain::refusal::Refusal;
use crate::error::Error;

/// One node of a chain. It works on a context of type `C`, which the nodes of a chain share; what of the context is
/// to outlive a crash has to be serialisable, and comes back as it was when the last call that is in the journal
/// ended.
///
/// Its calls come in this order. The nodes of a chain are processed one after another. When all are done, each is
/// told of the success, and then called back, the last one first. When one fails, those before it are rolled back
/// and then called back, the last one first; the one that failed is not, unless the chain says so or nobody knows
/// what became of it. When one skips, nothing more is processed, those before it are told of the success and called
/// back, and it is itself neither. An error in `success`, `rollback` or `callback` stops nobody; a rollback that
/// failed is tried again later.
///
/// A call can come again after a crash, under the same [`NodeCall::key`]. A rollback may find that nothing was done.
pub trait Node<C: Send>: Send + Sync + 'static {
    /// Does the node's work.
    fn process(&self, context: &mut C, call: &NodeCall)
    -> impl Future<Output = Result<(), NodeError>> + Send;

    /// After a crash in the middle of [`Node::process`], where the chain says `after_crash = "resume"`: finds out what
    /// became of it and finishes it. Does the work again unless it is written.
    fn resume(&self, context: &mut C, call: &NodeCall) -> impl Future<Output = Result<(), NodeError>> + Send {
        self.process(context, call)
    }

    /// Undoes the node's work, because of `failure`.
    fn rollback(
        &self,
        _context: &mut C,
        _failure: &NodeFailure,
        _call: &NodeCall,
    ) -> impl Future<Output = Result<(), NodeError>> + Send {
        async { Ok(()) }
    }

    /// Hears that all went well. A node that has not written it is not asked, nor waited for.
    fn success(
        &self,
        _context: &mut C,
        call: &NodeCall,
    ) -> impl Future<Output = Result<(), NodeError>> + Send {
        call.is_not_written(TypeId::of::<Self>());
        async { Ok(()) }
    }

    /// Cleans up at the very end; `failure` says why the flow failed, if it did. A node that has not written it is not
    /// asked, nor waited for.
    fn callback(
        &self,
        _context: &mut C,
        _failure: Option<&NodeFailure>,
        call: &NodeCall,
    ) -> impl Future<Output = Result<(), NodeError>> + Send {
        call.is_not_written(TypeId::of::<Self>());
        async { Ok(()) }
    }
}

/// A node that carries a sub-chain: makes the context that the sub-chain begins with, and takes over what came of it.
/// The sub-chain goes by the same rules as any chain, with a success and a call-back of its own at its end. When the
/// flow fails later, what ran in it is rolled back with its own context.
pub trait SubChain<C: Send>: Send + Sync + 'static {
    /// What the nodes of the sub-chain share.
    type Context: serde::Serialize + serde::de::DeserializeOwned + Send + 'static;

    /// The context that the sub-chain begins with.
    ///
    /// # Errors
    /// Whatever stands in the way; the node fails, or skips.
    fn enter(&self, context: &mut C, call: &NodeCall) -> Result<Self::Context, NodeError>;

    /// Takes over what came of the sub-chain.
    ///
    /// # Errors
    /// Whatever stands in the way; the node fails, and the sub-chain is rolled back with it.
    fn leave(&self, context: &mut C, sub: Self::Context, call: &NodeCall) -> Result<(), NodeError>;
}

/// Why a node does not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeError {
    /// The way forward ends here, and that is no failure.
    Skip(SmolStr),
    /// It failed.
    Failure(NodeFailure),
}

impl NodeError {
    /// The way forward ends here, and that is no failure.
    #[must_use]
    pub fn skip(reason: impl Into<SmolStr>) -> Self {
        Self::Skip(reason.into())
    }

    /// It cannot be, and trying again is of no use.
    #[must_use]
    pub fn refused(message: impl Into<SmolStr>) -> Self {
        Self::Failure(NodeFailure::new(FailureKind::Refused, message))
    }

    /// It did not work this time; it surely had no effect.
    #[must_use]
    pub fn failed(message: impl Into<SmolStr>) -> Self {
        Self::Failure(NodeFailure::new(FailureKind::Failed, message))
    }

    /// Nobody knows whether it worked. It is tried again under the same key, and rolled back if that fails too.
    #[must_use]
    pub fn unknown(message: impl Into<SmolStr>) -> Self {
        Self::Failure(NodeFailure::new(FailureKind::Unknown, message))
    }

    /// The failure; a skip where none is allowed counts as one.
    pub(crate) fn into_failure(self) -> NodeFailure {
        match self {
            Self::Failure(failure) => failure,
            Self::Skip(reason) => NodeFailure::new(FailureKind::Refused, reason),
        }
    }
}

impl From<Refusal> for NodeError {
    fn from(refusal: Refusal) -> Self {
        let (message, kind) = (format_smolstr!("{refusal}"), FailureKind::Refused);
        Self::Failure(NodeFailure { message, kind, refusal: Some(Box::new(refusal)) })
    }
}

impl From<Error> for NodeError {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(refusal) => refusal.into(),
            Error::OutcomeUnknown | Error::Closed | Error::Halted { .. } => {
                Self::unknown(format_smolstr!("{error}"))
            }
            error => Self::failed(format_smolstr!("{error}")),
        }
    }
}

impl From<MissingExtension> for NodeError {
    fn from(error: MissingExtension) -> Self {
        Self::refused(format_smolstr!("{error}"))
    }
}
