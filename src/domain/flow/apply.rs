//! What an event makes of a flow. Pure, the same live and in replay, and without the rules: every event says all.

use smol_str::SmolStr;

use super::event::{Entry, FailureKind, FlowEvent, NodeFailure, NodeRef, Phase, Remedy};
use super::state::{Flow, Progress, Run, Stand, Undo};
use crate::domain::record::{FlowRecord, KeyMark};
use crate::domain::time::Timestamp;

/// An event does not fit its flow; the flow is parked with this reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FlowBroken(pub SmolStr);

fn broken<T>(text: String) -> Result<T, FlowBroken> {
    Err(FlowBroken(text.into()))
}

impl Flow {
    /// Applies a record; afterwards there is no flow if it ended with it.
    ///
    /// # Errors
    /// When the record does not follow on the state, or an event does not fit it.
    pub fn apply(flow: &mut Option<Self>, record: &FlowRecord) -> Result<(), FlowBroken> {
        let before = flow.as_ref().map_or(0, |flow| flow.version);
        if before + record.events.len() as u64 != record.version {
            return broken(format!("version {} does not follow on {before}", record.version));
        }
        let mut events = record.events.iter();
        if flow.is_none() {
            let Some(first) = events.next() else { return broken("a record without events".to_owned()) };
            *flow = Some(Self::begin(record, first)?);
        }
        for event in events {
            let Some(live) = flow else { return broken("an event behind the end".to_owned()) };
            live.apply_event(event)?;
            if matches!(event, FlowEvent::Ended { .. }) {
                *flow = None;
            }
        }
        Ok(())
    }

    fn begin(record: &FlowRecord, first: &FlowEvent) -> Result<Self, FlowBroken> {
        let FlowEvent::Began { rules, business, scene, chain, order, customer, entry } = first else {
            return broken("there is no such flow".to_owned());
        };
        let claim = match record.mark.as_deref() {
            Some(KeyMark::Started(claim)) => Some(claim.clone()),
            _ => None,
        };
        Ok(Self {
            id: record.flow,
            version: 1,
            rules: *rules,
            business: business.clone(),
            scene: scene.clone(),
            chain: chain.clone(),
            order: order.clone(),
            customer: customer.clone(),
            began_at: record.at,
            by: record.by.clone(),
            claim,
            runs: vec![Run::new(entry, None)],
            answered: false,
            parked: None,
        })
    }

    /// Applies one event and counts it.
    pub(crate) fn apply_event(&mut self, event: &FlowEvent) -> Result<(), FlowBroken> {
        match event {
            FlowEvent::Began { .. } => return broken("the flow has begun already".to_owned()),
            FlowEvent::Context { run, context } => self.run_mut(*run)?.context = context.clone(),
            FlowEvent::Bound(order) => self.order = Some(order.clone()),
            FlowEvent::Turned { run, phase } => self.run_mut(*run)?.phase = *phase,
            FlowEvent::Entered { node, entry } => {
                self.node_mut(*node)?;
                self.runs.push(Run::new(entry, Some(*node)));
            }
            FlowEvent::Answered => self.answered = true,
            FlowEvent::Ended { .. } => {}
            FlowEvent::Started(node)
            | FlowEvent::Done(node)
            | FlowEvent::Failing { node, .. }
            | FlowEvent::Failed { node, .. }
            | FlowEvent::Skipped { node, .. }
            | FlowEvent::RolledBack(node)
            | FlowEvent::RollbackFailed { node, .. }
            | FlowEvent::Succeeded { node, .. }
            | FlowEvent::CalledBack { node, .. } => self.node_mut(*node)?.apply(event),
            FlowEvent::Ordered { node, remedy, reason } => self.remedy(*node, *remedy, reason)?,
        }
        self.version += 1;
        Ok(())
    }

    fn run_mut(&mut self, number: u16) -> Result<&mut Run, FlowBroken> {
        let id = self.id;
        self.runs
            .get_mut(usize::from(number))
            .ok_or_else(|| FlowBroken(format!("{id} has no run {number}").into()))
    }

    fn node_mut(&mut self, node: NodeRef) -> Result<&mut Progress, FlowBroken> {
        let found = self.run_mut(node.run)?.nodes.get_mut(usize::from(node.node));
        found.ok_or_else(|| FlowBroken(format!("run {} has no node {}", node.run, node.node).into()))
    }

    /// What an operator decided. Forwards a node that stands still has not begun; backwards it is owed.
    fn remedy(&mut self, node: NodeRef, remedy: Remedy, reason: &SmolStr) -> Result<(), FlowBroken> {
        self.parked = None;
        let backwards = {
            let progress = self.node_mut(node)?;
            let backwards = matches!(progress.undo, Undo::Owed | Undo::Stuck);
            match (remedy, backwards) {
                (Remedy::Retry, true) => {
                    (progress.undo, progress.undo_tries) = (Undo::Owed, 0);
                    progress.again_at = Some(Timestamp::from_millis(0));
                }
                (Remedy::Retry, false) => {
                    (progress.stand, progress.tries) = (Stand::Waiting, 0);
                    progress.again_at = Some(Timestamp::from_millis(0));
                }
                (Remedy::Skip, true) => (progress.undo, progress.again_at) = (Undo::Done, None),
                (Remedy::Skip, false) => (progress.stand, progress.again_at) = (Stand::LeftOut, None),
                (Remedy::Abandon, true) => {}
                (Remedy::Abandon, false) => {
                    (progress.stand, progress.again_at) = (Stand::FailedUndo, None);
                    let given_up = || Box::new(NodeFailure::new(FailureKind::Refused, reason.clone()));
                    progress.failure.get_or_insert_with(given_up);
                }
            }
            backwards
        };
        if backwards && remedy == Remedy::Abandon {
            for progress in self.runs.iter_mut().flat_map(|run| &mut run.nodes) {
                if matches!(progress.undo, Undo::Owed | Undo::Stuck) {
                    (progress.undo, progress.again_at) = (Undo::Done, None);
                }
            }
        }
        Ok(())
    }
}

impl Run {
    fn new(entry: &Entry, parent: Option<NodeRef>) -> Self {
        let nodes = (0..entry.nodes).map(|node| {
            let stand = if entry.left_out.contains(&node) { Stand::LeftOut } else { Stand::Waiting };
            Progress { stand, ..Progress::default() }
        });
        let context = entry.context.clone();
        Self { chain: entry.chain, parent, phase: Phase::Forward, context, nodes: nodes.collect() }
    }
}

impl Progress {
    fn apply(&mut self, event: &FlowEvent) {
        match event {
            FlowEvent::Started(_) => {
                (self.stand, self.again_at) = (Stand::Started, None);
                self.attempt = self.attempt.max(1);
            }
            FlowEvent::Done(_) => (self.stand, self.again_at) = (Stand::Done, None),
            FlowEvent::Failing { failure, again_at, .. } => {
                (self.stand, self.again_at) = (Stand::Waiting, Some(*again_at));
                self.tries = self.tries.saturating_add(1);
                self.attempt = next_attempt(self.attempt, failure.kind);
                self.failure = Some(Box::new(failure.clone()));
            }
            FlowEvent::Failed { failure, undo, .. } => {
                self.stand = if *undo { Stand::FailedUndo } else { Stand::Failed };
                self.again_at = None;
                self.failure = Some(Box::new(failure.clone()));
            }
            FlowEvent::Skipped { reason, call_back, .. } => {
                self.stand = if *call_back { Stand::SkippedCallBack } else { Stand::Skipped };
                (self.again_at, self.skipped) = (None, Some(reason.clone()));
            }
            FlowEvent::RolledBack(_) => (self.undo, self.again_at) = (Undo::Done, None),
            FlowEvent::RollbackFailed { failure, again_at, .. } => {
                self.undo = if again_at.is_some() { Undo::Owed } else { Undo::Stuck };
                self.again_at = *again_at;
                self.undo_tries = self.undo_tries.saturating_add(1);
                self.undo_attempt = next_attempt(self.undo_attempt, failure.kind);
                self.undo_failure = Some(Box::new(failure.clone()));
            }
            FlowEvent::Succeeded { .. } => self.succeeded = true,
            FlowEvent::CalledBack { .. } => self.called_back = true,
            _ => {}
        }
    }
}

/// A definite failure ends an attempt; one whose outcome nobody knows goes on under the same key.
fn next_attempt(attempt: u16, kind: FailureKind) -> u16 {
    if kind == FailureKind::Unknown { attempt } else { attempt.saturating_add(1) }
}
