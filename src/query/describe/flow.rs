//! Flows in words. Whoever has the rules at hand names nodes; else they are told by the numbers of run and node.

use smol_str::SmolStr;

use crate::domain::command::FlowCommand;
use crate::domain::flow::{FlowEvent, NodeRef};

impl FlowCommand {
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Begin(begin) => {
                format!("Asked to run {} of {} for {}.", begin.chain, begin.business, begin.scene)
            }
            Self::Remedy(remedy) => {
                let node = remedy.node.as_deref().unwrap_or("the step that stands still");
                format!("Asked to {} {node}: {}.", remedy.remedy, remedy.reason)
            }
        }
    }
}

impl FlowEvent {
    /// The event as a plain sentence, with nodes told by their numbers.
    #[must_use]
    pub fn describe(&self) -> String {
        self.describe_with(&|_| None)
    }

    /// The event as a plain sentence, with the names of nodes that `named` knows.
    #[must_use]
    pub fn describe_with(&self, named: &dyn Fn(NodeRef) -> Option<SmolStr>) -> String {
        let name = |node: &NodeRef| {
            named(*node).unwrap_or_else(|| smol_str::format_smolstr!("{}/{}", node.run, node.node))
        };
        match self {
            Self::Began { rules, business, scene, chain, .. } => {
                format!("Began chain {chain} of {business} for {scene}, by rules {rules}.")
            }
            Self::Started(node) => format!("Node {} begins.", name(node)),
            Self::Done(node) => format!("Node {} is done.", name(node)),
            Self::Context { run: 0, .. } => "The context changed.".to_owned(),
            Self::Context { run, .. } => format!("The context of sub-chain {run} changed."),
            Self::Bound(order) => format!("It is about order {order}."),
            Self::Failing { node, failure, again_at } => {
                format!("Node {} failed and is tried again at {again_at}: {failure}.", name(node))
            }
            Self::Failed { node, failure, undo } => {
                let undone = if *undo { "; it is undone itself" } else { "" };
                format!("Node {} failed{undone}: {failure}.", name(node))
            }
            Self::Skipped { node, reason, .. } => {
                format!("Node {} ended the way forward: {reason}.", name(node))
            }
            Self::Turned { run: 0, phase } => format!("The chain is in its phase {phase}."),
            Self::Turned { run, phase } => format!("Sub-chain {run} is in its phase {phase}."),
            Self::Entered { node, .. } => format!("Node {} enters its sub-chain.", name(node)),
            Self::RolledBack(node) => format!("Node {} is rolled back.", name(node)),
            Self::RollbackFailed { node, failure, again_at: Some(at) } => {
                format!("The rollback of node {} failed and is tried again at {at}: {failure}.", name(node))
            }
            Self::RollbackFailed { node, failure, again_at: None } => {
                format!("The rollback of node {} failed for good: {failure}.", name(node))
            }
            Self::Succeeded { node, error: None } => format!("Node {} was told of the success.", name(node)),
            Self::Succeeded { node, error: Some(error) } => {
                format!("Node {} was told of the success, and failed at that: {error}.", name(node))
            }
            Self::CalledBack { node, error: None } => format!("Node {} was called back.", name(node)),
            Self::CalledBack { node, error: Some(error) } => {
                format!("Node {} was called back, and failed at that: {error}.", name(node))
            }
            Self::Answered => "How it came out is told.".to_owned(),
            Self::Ordered { node, remedy, reason } => {
                format!("An operator decided to {remedy} node {}: {reason}.", name(node))
            }
            Self::Ended { .. } => "Ended.".to_owned(),
        }
    }
}
