//! What the flows of the simulated world have done outside of the engine, and whether it is what they say.

use std::collections::{BTreeMap, BTreeSet};

use smol_str::SmolStr;

use super::history::History;
use super::trips::FlowPast;
use crate::domain::ids::FlowId;

/// Something that was done outside, under a key.
#[derive(Debug)]
struct Effect {
    flow: FlowId,
    node: SmolStr,
    is_done: bool,
    is_undone: bool,
}

/// The world outside of the engine. No crash of the engine changes it.
#[derive(Debug, Default)]
pub(super) struct Outside {
    effects: BTreeMap<SmolStr, Effect>,
    /// Nodes whose rollback was called.
    rolled_back: BTreeSet<(FlowId, SmolStr)>,
    /// Nodes that were called.
    begun: BTreeSet<(FlowId, SmolStr)>,
    /// How often nodes were called, by what they were asked.
    calls: BTreeMap<(FlowId, SmolStr, SmolStr), u64>,
    /// The first thing that must not be.
    problem: Option<String>,
}

impl Outside {
    fn effect(&mut self, flow: FlowId, node: &str, key: &str) -> &mut Effect {
        let new = || Effect { flow, node: node.into(), is_done: false, is_undone: false };
        self.effects.entry(key.into()).or_insert_with(new)
    }

    fn wrong(&mut self, what: String) {
        self.problem.get_or_insert(what);
    }

    /// How often a node was called so before.
    pub(super) fn called(&mut self, flow: FlowId, node: &str, way: &str) -> u64 {
        let calls = self.calls.entry((flow, node.into(), way.into())).or_default();
        *calls += 1;
        *calls - 1
    }

    /// A node is called forwards.
    pub(super) fn begins(&mut self, flow: FlowId, node: &str) {
        self.begun.insert((flow, node.into()));
        if self.rolled_back.contains(&(flow, node.into())) {
            self.wrong(format!("node {node} of flow {flow} is called forwards again behind its rollback"));
        }
    }

    /// A node's rollback is called.
    pub(super) fn rolls_back(&mut self, flow: FlowId, node: &str) {
        self.rolled_back.insert((flow, node.into()));
    }

    /// Does what the key stands for; once, however often it is asked for.
    pub(super) fn done(&mut self, flow: FlowId, node: &str, key: &str) {
        let effect = self.effect(flow, node, key);
        effect.is_done = true;
        if effect.flow != flow || effect.node != node {
            let what = format!("node {node} of flow {flow} has the key {key} of another one: {effect:?}");
            self.wrong(what);
        }
    }

    /// Whether it was done.
    pub(super) fn is_done(&self, key: &str) -> bool {
        self.effects.get(key).is_some_and(|effect| effect.is_done)
    }

    /// Undoes it, and keeps it from being done later.
    pub(super) fn undone(&mut self, flow: FlowId, node: &str, key: &str) {
        self.effect(flow, node, key).is_undone = true;
    }

    /// Whether what was done is in the journal: that it was about to be.
    ///
    /// # Errors
    /// The first thing that must not be, in words.
    pub(super) fn check(&self, history: &History) -> Result<(), String> {
        if let Some(problem) = &self.problem {
            return Err(problem.clone());
        }
        for (flow, node) in &self.begun {
            let past = history.flows.get(flow);
            if !past.is_some_and(|past| past.began.contains(node)) {
                return Err(format!(
                    "node {node} of flow {flow} was called, and the journal does not say that it began"
                ));
            }
        }
        Ok(())
    }

    /// The same when no flow is under way: all of a flow stands, or nothing of it. Answers how many were compared.
    ///
    /// # Errors
    /// The first thing that must not be, in words.
    pub(super) fn check_ended(&self, history: &History) -> Result<u64, String> {
        self.check(history)?;
        for (key, effect) in &self.effects {
            let Some(past) = history.flows.get(&effect.flow) else { continue };
            // What an operator did not want undone may stay.
            if past.is_given_up {
                continue;
            }
            let stands = effect.is_done && !effect.is_undone;
            if stands != past.stands(&effect.node) && (stands || self.is_last(key, effect)) {
                let FlowPast { last, .. } = past;
                return Err(format!(
                    "flow {} has ended, and {key} of its node {} {}: {last:?}",
                    effect.flow,
                    effect.node,
                    if stands { "still stands" } else { "is not there" }
                ));
            }
        }
        Ok(history.flows.values().filter(|past| past.now.is_none()).count() as u64)
    }

    /// Whether there is no other key of the node under which it may have been done.
    fn is_last(&self, key: &str, effect: &Effect) -> bool {
        let others = |(other, it): (&SmolStr, &Effect)| {
            *other != key && it.flow == effect.flow && it.node == effect.node && it.is_done && !it.is_undone
        };
        !self.effects.iter().any(others)
    }
}

impl FlowPast {
    /// Whether a flow that has ended leaves what this node has done.
    fn stands(&self, node: &str) -> bool {
        self.last.is_some() && !self.has_failed() && self.done.contains(node)
    }
}
