//! What happened to a flow, as recorded facts.

use std::fmt;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::domain::command::ScopedKey;
use crate::domain::ids::{BusinessId, CustomerId, OrderId, RulesId};
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;

/// A node of a run of a flow. Runs count from 0, which is the flow's own chain; nodes count from 0 in the order
/// in which they stand in their chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeRef {
    /// The run.
    pub run: u16,
    /// The node.
    pub node: u16,
}

/// A chain that is begun: the flow's own, or a sub-chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its place in the rulebook.
    pub chain: u16,
    /// Number of its nodes.
    pub nodes: u16,
    /// Nodes that are left out, because the customer is not in their switch.
    pub left_out: Vec<u16>,
    /// The context that it begins with, as JSON.
    pub context: SmolStr,
}

/// Something that happened to a flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FlowEvent {
    /// The flow exists.
    Began {
        /// The rules it goes by, for good.
        rules: RulesId,
        /// The business line that it is for.
        business: BusinessId,
        /// The scene that it is for: the name of an order type, or `default`.
        scene: SmolStr,
        /// The name of its chain.
        chain: SmolStr,
        /// The order that it is about, where there is one already.
        order: Option<OrderId>,
        /// The customer whom it is for.
        customer: Option<CustomerId>,
        /// Its chain.
        entry: Entry,
    },
    /// A node is about to run.
    Started(NodeRef),
    /// A node has run.
    Done(NodeRef),
    /// The context of a run as it is now, as JSON.
    Context {
        /// The run.
        run: u16,
        /// The context.
        context: SmolStr,
    },
    /// The flow is about this order.
    Bound(OrderId),
    /// A node failed, and is tried again.
    Failing {
        /// The node.
        node: NodeRef,
        /// What it said.
        failure: NodeFailure,
        /// When it is tried again.
        again_at: Timestamp,
    },
    /// A node failed for good.
    Failed {
        /// The node.
        node: NodeRef,
        /// What it said.
        failure: NodeFailure,
        /// Whether it is rolled back and called back like one that has run.
        undo: bool,
    },
    /// A node ended the way forward, and that is no failure.
    Skipped {
        /// The node.
        node: NodeRef,
        /// Why.
        reason: SmolStr,
        /// Whether it is called back like one that has run.
        call_back: bool,
    },
    /// A run goes on with another phase.
    Turned {
        /// The run.
        run: u16,
        /// The phase.
        phase: Phase,
    },
    /// A node carries a sub-chain, which begins: the run after those that there are.
    Entered {
        /// The node.
        node: NodeRef,
        /// The sub-chain.
        entry: Entry,
    },
    /// A node was rolled back.
    RolledBack(NodeRef),
    /// A node's rollback failed. The others go on; it is tried again until the tries are used up.
    RollbackFailed {
        /// The node.
        node: NodeRef,
        /// What it said.
        failure: NodeFailure,
        /// When it is tried again; `None` when an operator has to look at it.
        again_at: Option<Timestamp>,
    },
    /// A node was told that all went well.
    Succeeded {
        /// The node.
        node: NodeRef,
        /// What went wrong with that; it stops nobody.
        error: Option<SmolStr>,
    },
    /// A node was called back.
    CalledBack {
        /// The node.
        node: NodeRef,
        /// What went wrong with that; it stops nobody.
        error: Option<SmolStr>,
    },
    /// Whoever began the flow is told how it came out.
    Answered,
    /// An operator decided about a step.
    Ordered {
        /// The node.
        node: NodeRef,
        /// What is to be done.
        remedy: Remedy,
        /// Why, in his words.
        reason: SmolStr,
    },
    /// It leaves memory. The last of all events.
    Ended {
        /// Keys of its effects, which nobody can ask for any more: their answers are forgotten.
        keys: Vec<ScopedKey>,
    },
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Its nodes run, one stage after another.
    Forward,
    /// What has run is rolled back, last first.
    Rollback,
    /// What has run is told that all went well, last first.
    Success,
    /// What has run is called back, last first.
    Callback,
    /// It has come to its end.
    Closed,
    /// A sub-chain that had come to its end is rolled back, because its flow is.
    Undoing,
}

/// How a node failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeFailure {
    /// What it said.
    pub message: SmolStr,
    /// What it can mean for the world.
    pub kind: FailureKind,
    /// The engine's refusal, where a command of the node was refused.
    pub refusal: Option<Box<Refusal>>,
}

/// What a failure can mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// It is final: to try again is of no use.
    Refused,
    /// It did not work this time.
    Failed,
    /// Nobody knows whether it worked: a time limit, a crash, an unknown outcome.
    Unknown,
}

/// What an operator can do about a step that stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Remedy {
    /// It is tried again at once, with all its tries.
    Retry,
    /// It counts as done: forwards as a node that is left out, backwards as one that was rolled back.
    Skip,
    /// It is given up: forwards the flow is rolled back, backwards the flow ends with what is left undone.
    Abandon,
}

impl NodeFailure {
    /// A failure without a refusal.
    #[must_use]
    pub fn new(kind: FailureKind, message: impl Into<SmolStr>) -> Self {
        Self { message: message.into(), kind, refusal: None }
    }
}

impl fmt::Display for NodeFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Forward => "forward",
            Self::Rollback => "rollback",
            Self::Success => "success",
            Self::Callback => "callback",
            Self::Closed => "closed",
            Self::Undoing => "undoing",
        })
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Retry => "retry",
            Self::Skip => "skip",
            Self::Abandon => "abandon",
        })
    }
}
