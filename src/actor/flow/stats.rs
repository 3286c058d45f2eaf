//! What the nodes of chains have done since the engine was opened: how often, how long, and how it came out.

use std::sync::{Arc, Mutex, PoisonError};

use hdrhistogram::Histogram;
use smol_str::SmolStr;

use super::FlowState;
use crate::domain::flow::{Call, Rulebook, Step};
use crate::domain::ids::{BusinessId, RulesId};
use crate::flow::{Bound, NodeError, NodeStats};

/// A chain as it has run since the engine was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainView {
    /// The business line that it ran for.
    pub business: BusinessId,
    /// The scene that it ran for.
    pub scene: SmolStr,
    /// Its name.
    pub chain: SmolStr,
    /// The version of the rules.
    pub rules: RulesId,
    /// Its nodes, in their order.
    pub nodes: Vec<NodeView>,
}

/// A node as it has run since the engine was opened. Times are in nanoseconds and of its work alone: without its
/// rollback, and what it waited for between tries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeView {
    /// Its name.
    pub node: SmolStr,
    /// How often it has worked.
    pub processed: u64,
    /// How often it has failed at that.
    pub failed: u64,
    /// How often it has skipped.
    pub skipped: u64,
    /// How often it was rolled back, and how often that failed.
    pub rolled_back: u64,
    /// How often its rollback failed.
    pub rollback_failed: u64,
    /// The time that half of its calls stayed below.
    pub p50_nanos: u64,
    /// The time that 99 of 100 of its calls stayed below.
    pub p99_nanos: u64,
    /// The longest call.
    pub max_nanos: u64,
    /// How its last call came out, in words.
    pub last: Option<SmolStr>,
}

pub(super) fn views_of(
    rules: RulesId,
    business: &BusinessId,
    scene: &SmolStr,
    book: &Rulebook,
    bound: &Arc<Bound>,
) -> Vec<ChainView> {
    let chains = book.chains.iter().zip(0..);
    let view = |(chain, number): (&crate::domain::flow::Chain, u16)| {
        let stats = bound.chain(number)?;
        let nodes = chain.nodes.iter().zip(&stats.stats).map(|(spec, stats)| view_of(&spec.name, stats));
        let nodes: Vec<_> = nodes.collect();
        nodes.iter().any(|node| node.last.is_some()).then(|| ChainView {
            business: business.clone(),
            scene: scene.clone(),
            chain: chain.name.clone(),
            rules,
            nodes,
        })
    };
    chains.filter_map(view).collect()
}

fn view_of(name: &SmolStr, stats: &Mutex<NodeStats>) -> NodeView {
    let stats = stats.lock().unwrap_or_else(PoisonError::into_inner);
    let value =
        |quantile| stats.times.as_ref().map_or(0, |times: &Histogram<u32>| times.value_at_quantile(quantile));
    NodeView {
        node: name.clone(),
        processed: stats.processed,
        failed: stats.failed,
        skipped: stats.skipped,
        rolled_back: stats.rolled_back,
        rollback_failed: stats.rollback_failed,
        p50_nanos: value(0.5),
        p99_nanos: value(0.99),
        max_nanos: stats.times.as_ref().map_or(0, Histogram::max),
        last: stats.last.clone(),
    }
}

impl FlowState {
    /// Takes note of a call that has come back.
    pub(super) fn note(&self, step: Step, began_nanos: u64, result: &Result<(), NodeError>) {
        if !matches!(step.call, Call::Process | Call::Rollback) {
            return;
        }
        let Some((_, bound)) = &self.rules else { return };
        let run = self.flow.as_ref().and_then(|flow| flow.runs.get(usize::from(step.node.run)));
        let Some(chain) = run.and_then(|run| bound.chain(run.chain)) else { return };
        let Some(stats) = chain.stats.get(usize::from(step.node.node)) else { return };
        let nanos = self.core.clock.nanos().saturating_sub(began_nanos);
        let mut stats = stats.lock().unwrap_or_else(PoisonError::into_inner);
        if step.call == Call::Rollback {
            stats.rolled_back += u64::from(result.is_ok());
            stats.rollback_failed += u64::from(result.is_err());
        } else {
            stats.worked(nanos, result);
        }
    }
}
