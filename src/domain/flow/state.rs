//! A flow's state.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::event::{NodeFailure, NodeRef, Phase};
use crate::domain::ids::{BusinessId, CustomerId, FlowId, OrderId, Principal, RulesId};
use crate::domain::order::KeyClaim;
use crate::domain::time::Timestamp;

/// Everything the engine knows of one flow that has not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// Its id.
    pub id: FlowId,
    /// Number of events that made this state.
    pub version: u64,
    /// The rules it goes by.
    pub rules: RulesId,
    /// The business line that it is for.
    pub business: BusinessId,
    /// The scene that it is for.
    pub scene: SmolStr,
    /// The name of its chain.
    pub chain: SmolStr,
    /// The order that it is about.
    pub order: Option<OrderId>,
    /// The customer whom it is for.
    pub customer: Option<CustomerId>,
    /// When it began.
    pub began_at: Timestamp,
    /// Who began it.
    pub by: Option<Principal>,
    /// The idempotency key that its answer will be the answer of.
    pub claim: Option<KeyClaim>,
    /// Its chain, and the sub-chains that were entered.
    pub runs: Vec<Run>,
    /// Whether its caller was told how it came out.
    pub answered: bool,
    /// Why the flow is parked.
    pub parked: Option<SmolStr>,
}

/// A chain under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its place in the rulebook.
    pub chain: u16,
    /// The node that carries it, for a sub-chain.
    pub parent: Option<NodeRef>,
    /// Where it stands.
    pub phase: Phase,
    /// Its context, as JSON.
    pub context: SmolStr,
    /// How far each node is.
    pub nodes: Vec<Progress>,
}

/// How far one node is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Forwards.
    pub stand: Stand,
    /// Number of the attempt that its effects' key carries; grows with each definite failure.
    pub attempt: u16,
    /// How often it has failed.
    pub tries: u16,
    /// When it is tried again, forwards or backwards.
    pub again_at: Option<Timestamp>,
    /// Why it failed, or failed last.
    pub failure: Option<Box<NodeFailure>>,
    /// Why it skipped.
    pub skipped: Option<SmolStr>,
    /// Backwards.
    pub undo: Undo,
    /// Number of the attempt that the key of its rollback's effects carries.
    pub undo_attempt: u16,
    /// How often its rollback has failed.
    pub undo_tries: u16,
    /// Why its rollback failed last.
    pub undo_failure: Option<Box<NodeFailure>>,
    /// Whether it was told that all went well.
    pub succeeded: bool,
    /// Whether it was called back.
    pub called_back: bool,
}

/// How far a node is forwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stand {
    /// It has not run yet, or is tried again.
    #[default]
    Waiting,
    /// It runs, or ran when a crash came.
    Started,
    /// It has run.
    Done,
    /// It failed for good; it is not rolled back.
    Failed,
    /// It failed for good, and is rolled back and called back all the same.
    FailedUndo,
    /// It skipped.
    Skipped,
    /// It skipped, and is called back all the same.
    SkippedCallBack,
    /// It is left out.
    LeftOut,
}

/// How far a node is backwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Undo {
    /// Its rollback has not been called.
    #[default]
    None,
    /// It was rolled back, or an operator said that it counts as that.
    Done,
    /// Its rollback failed, and is tried again.
    Owed,
    /// Its rollback failed so often that an operator has to look at it.
    Stuck,
}

/// How a flow came out for whoever began it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// Every node has run.
    Done,
    /// A node ended the way forward, and that is no failure.
    Skipped {
        /// The node.
        node: NodeRef,
        /// Why.
        reason: &'a SmolStr,
    },
    /// A node failed.
    Failed {
        /// The node.
        node: NodeRef,
        /// What it said.
        failure: &'a NodeFailure,
    },
}

impl Progress {
    /// Whether the node is rolled back when the flow is.
    #[must_use]
    pub const fn is_undone_on_failure(&self) -> bool {
        matches!(self.stand, Stand::Done | Stand::FailedUndo)
    }

    /// Whether the node is called back at the end.
    #[must_use]
    pub const fn is_called_back(&self) -> bool {
        matches!(self.stand, Stand::Done | Stand::FailedUndo | Stand::SkippedCallBack)
    }

    /// Whether its stage need not wait for it.
    const fn is_settled(&self) -> bool {
        matches!(self.stand, Stand::Done | Stand::LeftOut)
    }

    /// Whether it stands in the way of its stage.
    const fn is_stop(&self) -> bool {
        matches!(self.stand, Stand::Failed | Stand::FailedUndo | Stand::Skipped | Stand::SkippedCallBack)
    }
}

impl Run {
    /// Whether every node from `from` up to `until` has run or is left out.
    pub(super) fn is_settled(&self, stage: std::ops::Range<usize>) -> bool {
        self.nodes.get(stage).is_some_and(|nodes| nodes.iter().all(Progress::is_settled))
    }

    /// Whether a node failed or skipped.
    pub(super) fn is_stopped(&self) -> bool {
        self.nodes.iter().any(Progress::is_stop)
    }

    /// The first node that failed for good.
    fn failed(&self) -> Option<(u16, &NodeFailure)> {
        let failed = |progress: &&Progress| matches!(progress.stand, Stand::Failed | Stand::FailedUndo);
        let found = (0..).zip(&self.nodes).find(|(_, progress)| failed(progress));
        found.and_then(|(node, progress)| Some((node, progress.failure.as_deref()?)))
    }

    /// The first node that skipped.
    fn skipped(&self) -> Option<(u16, &SmolStr)> {
        let skipped =
            |progress: &&Progress| matches!(progress.stand, Stand::Skipped | Stand::SkippedCallBack);
        let found = (0..).zip(&self.nodes).find(|(_, progress)| skipped(progress));
        found.and_then(|(node, progress)| Some((node, progress.skipped.as_ref()?)))
    }

    /// Whether a node failed for good.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.failed().is_some()
    }
}

impl Flow {
    /// How far a node is; `None` where there is no such node.
    #[must_use]
    pub fn progress(&self, node: NodeRef) -> Option<&Progress> {
        self.runs.get(usize::from(node.run))?.nodes.get(usize::from(node.node))
    }

    /// How run `number` came out, as far as it has come.
    #[must_use]
    pub fn verdict(&self, number: u16) -> Verdict<'_> {
        let Some(run) = self.runs.get(usize::from(number)) else { return Verdict::Done };
        if let Some((node, failure)) = run.failed() {
            return Verdict::Failed { node: NodeRef { run: number, node }, failure };
        }
        match run.skipped() {
            Some((node, reason)) => Verdict::Skipped { node: NodeRef { run: number, node }, reason },
            None => Verdict::Done,
        }
    }

    /// The sub-chain that a node carries, once it was entered: the last one, if it was entered again.
    #[must_use]
    pub fn child(&self, node: NodeRef) -> Option<u16> {
        let found = (0..).zip(&self.runs).filter(|(_, run)| run.parent == Some(node)).last();
        found.map(|(number, _)| number)
    }

    /// Every node with how far it is.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeRef, &Progress)> {
        (0..).zip(&self.runs).flat_map(|(run, chain)| {
            (0..).zip(&chain.nodes).map(move |(node, progress)| (NodeRef { run, node }, progress))
        })
    }

    /// Whether rollbacks that failed are still to be tried, or looked at.
    #[must_use]
    pub fn owes(&self) -> bool {
        self.nodes().any(|(_, progress)| matches!(progress.undo, Undo::Owed | Undo::Stuck))
    }

    /// The earliest moment at which something is tried again.
    #[must_use]
    pub fn again_at(&self) -> Option<Timestamp> {
        self.nodes().filter_map(|(_, progress)| progress.again_at).min()
    }
}
