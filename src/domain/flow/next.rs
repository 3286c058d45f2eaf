//! What comes next in a flow: bookkeeping that follows from its state, and steps that somebody has to do. Pure.
//!
//! The rules are those of a chain of responsibility with a way back: nodes run in their order; a node counts as
//! run only when it has returned, so one that fails is not among those that are rolled back; what has run is
//! rolled back, told of the success and called back last first, and an error in any of that stops nobody.

use smallvec::SmallVec;

use super::chain::{Chain, NodeSpec, Rulebook, Work};
use super::event::{FailureKind, FlowEvent, NodeFailure, NodeRef, Phase};
use super::state::{Flow, Progress, Run, Stand, Undo, Verdict};
use crate::domain::time::Timestamp;

/// Something that a node's provider has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Step {
    /// The node.
    pub node: NodeRef,
    /// What it is to do.
    pub call: Call,
    /// Number of the attempt, from 1: part of the key of its effects.
    pub attempt: u16,
}

/// What a node is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Call {
    /// Its work.
    Process,
    /// Make the context of the sub-chain that it carries.
    Enter,
    /// Take over what came of the sub-chain, which is this run.
    Leave(u16),
    /// Undo its work.
    Rollback,
    /// Hear that all went well.
    Success,
    /// Clean up, at the very end.
    Callback,
}

/// What is to be done now, and when something else is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Next {
    /// Steps that can be done now; more than one only within parallel groups.
    pub steps: SmallVec<[Step; 2]>,
    /// The earliest moment at which there is another one.
    pub wait: Option<Timestamp>,
}

/// A run with its number and its chain.
struct Place<'a> {
    flow: &'a Flow,
    number: u16,
    run: &'a Run,
    chain: &'a Chain,
}

fn places<'a>(flow: &'a Flow, rules: &'a Rulebook) -> impl DoubleEndedIterator<Item = Place<'a>> {
    flow.runs.iter().enumerate().filter_map(|(number, run)| {
        let chain = rules.chains.get(usize::from(run.chain))?;
        Some(Place { flow, number: u16::try_from(number).ok()?, run, chain })
    })
}

/// The next event that follows from the state alone; to be asked for until there is none.
#[must_use]
pub fn advance(flow: &Flow, rules: &Rulebook) -> Option<FlowEvent> {
    // Sub-chains stand behind what carries them, and come to their end first.
    if let Some(event) = places(flow, rules).rev().find_map(|place| place.advance()) {
        return Some(event);
    }
    let closed = flow.runs.iter().all(|run| run.phase == Phase::Closed);
    if closed && !flow.answered {
        return Some(FlowEvent::Answered);
    }
    (closed && !flow.owes()).then_some(FlowEvent::Ended { keys: Vec::new() })
}

/// What is to be done when [`advance`] has nothing more. Nodes that have begun are not in it, but for those that
/// carry a sub-chain.
#[must_use]
pub fn next(flow: &Flow, rules: &Rulebook, now: Timestamp) -> Next {
    let mut next = Next::default();
    for place in places(flow, rules) {
        place.forward(now, &mut next);
        if let Some(step) = place.backward() {
            next.steps.push(step);
        }
        place.owed(now, &mut next);
    }
    next
}

impl Place<'_> {
    fn node(&self, index: usize) -> NodeRef {
        NodeRef { run: self.number, node: u16::try_from(index).unwrap_or(u16::MAX) }
    }

    fn spec(&self, index: usize) -> Option<&NodeSpec> {
        self.chain.nodes.get(index)
    }

    fn carries(&self, index: usize) -> bool {
        matches!(self.spec(index).map(|spec| &spec.work), Some(Work::Chain { .. }))
    }

    /// The last node for which something is to be done.
    fn last(&self, wanted: impl Fn(&Progress) -> bool) -> Option<usize> {
        self.run.nodes.iter().rposition(wanted)
    }

    fn to_roll_back(&self) -> Option<usize> {
        self.last(|progress| progress.is_undone_on_failure() && progress.undo == Undo::None)
    }

    fn to_tell(&self) -> Option<usize> {
        self.last(|progress| progress.stand == Stand::Done && !progress.succeeded)
    }

    fn to_call_back(&self) -> Option<usize> {
        self.last(|progress| progress.is_called_back() && !progress.called_back)
    }

    fn turned(&self, phase: Phase) -> Option<FlowEvent> {
        Some(FlowEvent::Turned { run: self.number, phase })
    }

    fn advance(&self) -> Option<FlowEvent> {
        match self.run.phase {
            Phase::Forward => self.advance_forward(),
            Phase::Rollback | Phase::Undoing => match self.to_roll_back() {
                Some(index) if self.carries(index) => self.advance_undoing(index),
                Some(_) => None,
                None if self.run.phase == Phase::Rollback => self.turned(Phase::Callback),
                None => self.turned(Phase::Closed),
            },
            Phase::Success => match self.to_tell() {
                Some(index) if self.carries(index) => {
                    Some(FlowEvent::Succeeded { node: self.node(index), error: None })
                }
                Some(_) => None,
                None => self.turned(Phase::Callback),
            },
            Phase::Callback => match self.to_call_back() {
                Some(index) if self.carries(index) => {
                    Some(FlowEvent::CalledBack { node: self.node(index), error: None })
                }
                Some(_) => None,
                None => self.turned(Phase::Closed),
            },
            Phase::Closed => None,
        }
    }

    fn advance_forward(&self) -> Option<FlowEvent> {
        // A sub-chain that failed has failed the node that carries it.
        let began = |progress: &Progress| progress.stand == Stand::Started;
        for (index, _) in self.run.nodes.iter().enumerate().filter(|(_, progress)| began(progress)) {
            let node = self.node(index);
            let closed = self.flow.child(node).filter(|child| self.is_closed(*child));
            if let Some(Verdict::Failed { failure, .. }) = closed.map(|child| self.flow.verdict(child)) {
                let undo = self.spec(index).is_some_and(|spec| spec.rollback_self);
                return Some(FlowEvent::Failed { node, failure: failure.clone(), undo });
            }
        }
        if self.run.nodes.iter().any(began) {
            return None;
        }
        if self.run.is_stopped()
            && let Some(event) = self.fail_unclear()
        {
            return Some(event);
        }
        if self.run.has_failed() {
            self.turned(Phase::Rollback)
        } else if self.run.is_stopped() || self.stage().is_none() {
            self.turned(Phase::Success)
        } else {
            None
        }
    }

    /// A node of a group that has been stopped is not tried again. If it may have worked the last time, it has
    /// failed like one that is undone.
    fn fail_unclear(&self) -> Option<FlowEvent> {
        let unclear = |progress: &Progress| {
            let unknown = |failure: &NodeFailure| failure.kind == FailureKind::Unknown;
            progress.stand == Stand::Waiting && progress.failure.as_deref().is_some_and(unknown)
        };
        let index = self.run.nodes.iter().position(unclear)?;
        let failure = self.run.nodes.get(index)?.failure.as_deref()?.clone();
        Some(FlowEvent::Failed { node: self.node(index), failure, undo: true })
    }

    fn is_closed(&self, child: u16) -> bool {
        self.flow.runs.get(usize::from(child)).is_some_and(|run| run.phase == Phase::Closed)
    }

    /// A node that carries a sub-chain is rolled back when all of that is.
    fn advance_undoing(&self, index: usize) -> Option<FlowEvent> {
        let node = self.node(index);
        let Some(child) = self.flow.child(node) else { return Some(FlowEvent::RolledBack(node)) };
        let run = self.flow.runs.get(usize::from(child))?;
        let left = |progress: &Progress| progress.is_undone_on_failure() && progress.undo == Undo::None;
        match run.phase {
            Phase::Closed if run.nodes.iter().any(left) => {
                Some(FlowEvent::Turned { run: child, phase: Phase::Undoing })
            }
            Phase::Closed => Some(FlowEvent::RolledBack(node)),
            _ => None,
        }
    }

    /// The first stage that has not run.
    fn stage(&self) -> Option<std::ops::Range<usize>> {
        self.chain.ranges().find(|stage| !self.run.is_settled(stage.clone()))
    }

    /// The steps of the stage that is under way. Once one of a group has stopped the run, no other begins.
    fn forward(&self, now: Timestamp, next: &mut Next) {
        if self.run.phase != Phase::Forward || self.run.is_stopped() {
            return;
        }
        let Some(stage) = self.stage() else { return };
        for index in stage {
            let Some(progress) = self.run.nodes.get(index) else { continue };
            let node = self.node(index);
            let attempt = progress.attempt.max(1);
            match (progress.stand, progress.again_at) {
                (Stand::Waiting, Some(at)) if at > now => next.note(at),
                (Stand::Waiting, _) => {
                    let call = if self.carries(index) { Call::Enter } else { Call::Process };
                    next.steps.push(Step { node, call, attempt });
                }
                (Stand::Started, _) if self.carries(index) => {
                    if let Some(child) = self.flow.child(node).filter(|child| self.is_closed(*child)) {
                        next.steps.push(Step { node, call: Call::Leave(child), attempt });
                    }
                }
                _ => {}
            }
        }
    }

    /// The step of the way back that is next; there is one at a time.
    fn backward(&self) -> Option<Step> {
        let (index, call) = match self.run.phase {
            Phase::Rollback | Phase::Undoing => (self.to_roll_back()?, Call::Rollback),
            Phase::Success => (self.to_tell()?, Call::Success),
            Phase::Callback => (self.to_call_back()?, Call::Callback),
            Phase::Forward | Phase::Closed => return None,
        };
        if self.carries(index) {
            return None;
        }
        let progress = self.run.nodes.get(index)?;
        let attempt =
            if call == Call::Rollback { progress.undo_attempt + 1 } else { progress.attempt.max(1) };
        Some(Step { node: self.node(index), call, attempt })
    }

    /// Rollbacks that failed, once their run is at its end.
    fn owed(&self, now: Timestamp, next: &mut Next) {
        if self.run.phase != Phase::Closed {
            return;
        }
        for (index, progress) in self.run.nodes.iter().enumerate().rev() {
            let (Undo::Owed, Some(at)) = (progress.undo, progress.again_at) else { continue };
            if at > now {
                next.note(at);
            } else {
                let attempt = progress.undo_attempt + 1;
                next.steps.push(Step { node: self.node(index), call: Call::Rollback, attempt });
            }
        }
    }
}

impl Next {
    fn note(&mut self, at: Timestamp) {
        self.wait = Some(self.wait.map_or(at, |wait| wait.min(at)));
    }
}
