//! What a flow makes of what its nodes did, and of what operators want. Pure.

use smol_str::SmolStr;

use super::chain::{AfterCrash, NodeSpec, Retry, Rulebook};
use super::event::{FailureKind, FlowEvent, NodeFailure, NodeRef, Phase, Remedy};
use super::state::{Flow, Stand, Undo};
use crate::domain::refusal::{Refusal, check_reason};
use crate::domain::time::Timestamp;

/// What came of a node's work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Worked {
    /// It is done.
    Done,
    /// The way forward ends here, and that is no failure.
    Skip(SmolStr),
    /// It failed.
    Failed(NodeFailure),
}

/// When something is tried again, if it is: with the wait that follows from `chance`, any number.
fn again_at(retry: Retry, tries: u16, kind: FailureKind, now: Timestamp, chance: u64) -> Option<Timestamp> {
    let worth_it = kind != FailureKind::Refused && tries < retry.retries;
    worth_it.then(|| now.plus_millis(retry.wait_ms(tries.saturating_add(2), chance)))
}

/// What a node did forwards.
#[must_use]
pub fn decide_worked(
    flow: &Flow,
    rules: &Rulebook,
    node: NodeRef,
    worked: Worked,
    now: Timestamp,
    chance: u64,
) -> FlowEvent {
    let spec = flow.spec(rules, node);
    let and_self = spec.is_some_and(|spec| spec.rollback_self);
    match worked {
        Worked::Done => FlowEvent::Done(node),
        Worked::Skip(reason) => FlowEvent::Skipped { node, reason, call_back: and_self },
        Worked::Failed(failure) => {
            let stopped = flow.runs.get(usize::from(node.run)).is_none_or(super::state::Run::is_stopped);
            let tries = flow.progress(node).map_or(0, |progress| progress.tries);
            let retry = spec.filter(|_| !stopped).map(|spec| spec.retry);
            match retry.and_then(|retry| again_at(retry, tries, failure.kind, now, chance)) {
                Some(again_at) => FlowEvent::Failing { node, failure, again_at },
                None => {
                    // What may have worked is undone like what has.
                    let undo = and_self || failure.kind == FailureKind::Unknown;
                    FlowEvent::Failed { node, failure, undo }
                }
            }
        }
    }
}

/// What a node's rollback did.
#[must_use]
pub fn decide_rolled_back(
    flow: &Flow,
    rules: &Rulebook,
    node: NodeRef,
    failure: Option<NodeFailure>,
    now: Timestamp,
    chance: u64,
) -> FlowEvent {
    let Some(failure) = failure else { return FlowEvent::RolledBack(node) };
    let retry = flow.spec(rules, node).map_or(Retry::NEVER, |spec| spec.rollback_retry);
    let tries = flow.progress(node).map_or(0, |progress| progress.undo_tries);
    let again_at = again_at(retry, tries, failure.kind, now, chance);
    FlowEvent::RollbackFailed { node, failure, again_at }
}

/// What becomes of a node that a crash interrupted, by the rule of its chain; `None` lets its work, or the
/// question after it, be done.
#[must_use]
pub fn decide_interrupted(flow: &Flow, rules: &Rulebook, node: NodeRef) -> Option<FlowEvent> {
    let spec = flow.spec(rules, node)?;
    let failure = || NodeFailure::new(FailureKind::Unknown, "interrupted by a crash");
    (spec.after_crash == AfterCrash::Compensate).then(|| FlowEvent::Failed {
        node,
        failure: failure(),
        undo: true,
    })
}

/// Decides on what an operator wants done about a step that stands still. `node` names it; without a name it is
/// the only one. `is_running` says which nodes are at work at this moment.
///
/// # Errors
/// A refusal when no such step stands still, or more than one does and none was named.
pub fn decide_remedy(
    flow: &Flow,
    rules: Option<&Rulebook>,
    name: Option<&str>,
    remedy: Remedy,
    reason: &SmolStr,
    is_running: impl Fn(NodeRef) -> bool,
) -> Result<FlowEvent, Refusal> {
    check_reason(reason)?;
    let mut still = flow.nodes().filter(|(node, progress)| {
        let forward = flow.runs.get(usize::from(node.run)).is_some_and(|run| run.phase == Phase::Forward);
        let forwards = match progress.stand {
            _ if !forward => false,
            Stand::Waiting => progress.again_at.is_some(),
            Stand::Started => !is_running(*node) && flow.child(*node).is_none(),
            _ => false,
        };
        forwards || matches!(progress.undo, Undo::Owed | Undo::Stuck) && !is_running(*node)
    });
    let named = |node: NodeRef| {
        name.is_none_or(|name| {
            let spec = rules.and_then(|rules| flow.spec(rules, node));
            spec.map_or_else(|| name == format!("{}/{}", node.run, node.node), |spec| spec.name == name)
        })
    };
    let mut found = still.by_ref().filter(|(node, _)| named(*node)).map(|(node, _)| node);
    match (found.next(), found.next()) {
        (Some(node), None) => Ok(FlowEvent::Ordered { node, remedy, reason: reason.clone() }),
        (Some(_), Some(_)) => Err(Refusal::StepNotNamed),
        (None, _) => Err(Refusal::NothingStandsStill),
    }
}

impl Flow {
    /// What the rules say of a node.
    #[must_use]
    pub fn spec<'a>(&self, rules: &'a Rulebook, node: NodeRef) -> Option<&'a NodeSpec> {
        let run = self.runs.get(usize::from(node.run))?;
        rules.chains.get(usize::from(run.chain))?.nodes.get(usize::from(node.node))
    }
}
