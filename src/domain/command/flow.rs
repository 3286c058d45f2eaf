//! Commands to flows.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::Command;
use crate::domain::flow::Remedy;
use crate::domain::ids::{BusinessId, CustomerId, FlowId, OrderId};
use crate::domain::refusal::{Refusal, check_reason};

/// The longest context of a flow, in bytes of JSON. What is journaled has to fit a segment.
pub const CONTEXT_BYTES_MAX: usize = 64 << 10;

/// A command to one flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FlowCommand {
    /// Begin a flow and let it run to its end.
    Begin(BeginFlow),
    /// An operator decides about a step that stands still.
    Remedy(RemedyStep),
}

/// Begin a flow: run a chain of a business line. Answered when the flow has come to its end, with what came of it;
/// rollbacks that failed may still be owed then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeginFlow {
    /// The business line.
    pub business: BusinessId,
    /// The scene: the name of an order type, or `default`.
    pub scene: SmolStr,
    /// The name of the chain.
    pub chain: SmolStr,
    /// The order that the flow is about, if there is one already. The flow goes by the rules that it was placed
    /// under.
    pub order: Option<OrderId>,
    /// The customer whom the flow is for: decides which gradual releases it has.
    pub customer: Option<CustomerId>,
    /// The context that the nodes share, as JSON.
    pub context: SmolStr,
}

/// Decide about a step of a flow that stands still: one that waits to be tried again, whose rollback failed for
/// good, or whose provider is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemedyStep {
    /// The flow.
    pub flow: FlowId,
    /// The node's name; `None` for the only one that stands still.
    pub node: Option<SmolStr>,
    /// What is to be done.
    pub remedy: Remedy,
    /// Why, in the operator's words.
    pub reason: SmolStr,
}

/// How a flow came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowAnswer {
    /// The flow.
    pub flow: FlowId,
    /// The order that it was about.
    pub order: Option<OrderId>,
    /// The node that ended the way forward without a failure, and why.
    pub skipped: Option<(SmolStr, SmolStr)>,
    /// The context at the end, as JSON.
    pub context: SmolStr,
}

impl FlowCommand {
    /// Checks that the command's records have a bounded size.
    pub(super) fn check_bounds(&self) -> Result<(), Refusal> {
        match self {
            Self::Begin(begin) if begin.context.len() > CONTEXT_BYTES_MAX => {
                Err(Refusal::ContextTooLong { bytes: begin.context.len() as u64 })
            }
            Self::Begin(_) => Ok(()),
            Self::Remedy(remedy) => check_reason(&remedy.reason),
        }
    }
}

impl From<BeginFlow> for Command {
    fn from(command: BeginFlow) -> Self {
        Self::Flow(None, FlowCommand::Begin(command))
    }
}

impl From<RemedyStep> for Command {
    fn from(command: RemedyStep) -> Self {
        Self::Flow(Some(command.flow), FlowCommand::Remedy(command))
    }
}
