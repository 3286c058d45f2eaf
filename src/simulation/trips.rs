//! Flows by the records that became durable, and what operators do about those that stand still.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use smol_str::SmolStr;

use super::history::History;
use super::life::{PATIENCE, Stopped, World, take_in, whole};
use crate::domain::command::{Answer, Outcome, RemedyStep, Request};
use crate::domain::flow::{Flow, FlowEvent, NodeRef, Remedy, Rulebook, Verdict};
use crate::domain::ids::{FlowId, Principal, RulesId};
use crate::domain::record::{FlowRecord, RulesRecord};
use crate::domain::refusal::Refusal;
use crate::engine::{Cut, Engine};
use crate::error::Error;
use crate::flow::Definition;

/// A flow and what it ever was.
#[derive(Debug, Default)]
pub(super) struct FlowPast {
    /// As it stands; `None` when it has ended.
    pub(super) now: Option<Flow>,
    /// As it stood last, its end apart.
    pub(super) last: Option<Flow>,
    /// Nodes that have begun.
    pub(super) began: BTreeSet<SmolStr>,
    /// Nodes that have run.
    pub(super) done: BTreeSet<SmolStr>,
    /// Whether an operator has counted a step as done, or has given it up.
    pub(super) is_given_up: bool,
}

impl FlowPast {
    /// Whether one of its nodes failed.
    pub(super) fn has_failed(&self) -> bool {
        self.last.as_ref().is_some_and(|flow| matches!(flow.verdict(0), Verdict::Failed { .. }))
    }

    /// Takes in a record.
    fn advanced(&mut self, record: &FlowRecord, books: &BTreeMap<RulesId, Rulebook>) -> Result<(), String> {
        let mut head = record.clone();
        let ends = head.events.pop_if(|event| matches!(event, FlowEvent::Ended { .. })).is_some();
        head.version -= u64::from(ends);
        if !head.events.is_empty() {
            Flow::apply(&mut self.now, &head).map_err(|why| why.to_string())?;
            self.last.clone_from(&self.now);
        }
        if ends && self.now.take().is_none() {
            return Err("it ends and was not there".to_owned());
        }
        let Some(flow) = &self.last else { return Ok(()) };
        let book = books.get(&flow.rules).ok_or("its rules are not in the journal")?;
        let name = |node: &NodeRef| flow.spec(book, *node).map(|spec| spec.name.clone());
        for event in &record.events {
            match event {
                FlowEvent::Started(node) => self.began.extend(name(node)),
                FlowEvent::Done(node) => self.done.extend(name(node)),
                FlowEvent::Ordered { remedy, .. } => self.is_given_up |= *remedy != Remedy::Retry,
                _ => {}
            }
        }
        Ok(())
    }
}

impl History {
    /// The rules of a line.
    pub(super) fn rules(&mut self, record: &RulesRecord) -> Result<(), String> {
        let definition = Definition::parse(record.file.as_str(), record.text.as_str());
        let definition = definition.map_err(|why| format!("rules that cannot be read: {why}"))?;
        self.books.insert(record.rules, definition.rulebook().clone());
        Ok(())
    }

    /// A record of a flow.
    pub(super) fn flow(&mut self, record: FlowRecord) -> Result<(), String> {
        let past = self.flows.entry(record.flow).or_default();
        past.advanced(&record, &self.books).map_err(|why| format!("flow {}: {why}", record.flow))?;
        if let Some(FlowEvent::Ended { keys }) = record.events.last() {
            keys.iter().for_each(|key| drop(self.keys.remove(key)));
        }
        self.mark(record.mark, record.at)
    }

    /// Compares the flows that the engine shows with those that the records make, at the same moment.
    ///
    /// # Errors
    /// The first difference, in words.
    pub(super) fn compare_flows(&self, cut: &Cut) -> Result<(), String> {
        let expected: Vec<_> = self.flows.values().filter_map(|past| past.now.as_ref()).collect();
        let shown: Vec<_> = cut.works.flows.values().collect();
        let same = |(a, b): (&&Flow, &&Flow)| {
            Flow { parked: None, ..(*a).clone() } == Flow { parked: None, ..(*b).clone() }
        };
        if expected.len() == shown.len() && expected.iter().zip(&shown).all(same) {
            return Ok(());
        }
        Err(format!("the journal makes the flows {expected:?}, the engine shows {shown:?}"))
    }
}

/// Whether a client was told of a flow what the journal says.
///
/// # Errors
/// What is wrong, in words.
pub(super) fn told(history: &History, outcome: &Outcome) -> Result<(), String> {
    let (id, failed) = match outcome {
        Ok(Answer::Flow(answer)) => (answer.flow, None),
        Err(Refusal::FlowFailed { flow, message, .. }) => (*flow, Some(message)),
        other => return Err(format!("a flow cannot be answered so: {other:?}")),
    };
    let last = history.flows.get(&id).and_then(|past| past.last.as_ref()).ok_or("there is no such flow")?;
    let verdict = match last.verdict(0) {
        Verdict::Failed { failure, .. } => Some(&failure.message),
        _ => None,
    };
    let skipped = matches!(last.verdict(0), Verdict::Skipped { .. });
    let same = match outcome {
        Ok(Answer::Flow(answer)) => answer.order == last.order && answer.skipped.is_some() == skipped,
        _ => true,
    };
    if last.answered && verdict == failed && same { Ok(()) } else { Err(format!("durable is {last:?}")) }
}

/// Has the steps tried again that stand still; of some flows skipped, or given up.
pub(super) async fn remedy_all(engine: &Engine) -> Result<u64, Stopped> {
    let mut remedied = 0;
    for flow in engine.flows().await? {
        if flow.parked.is_none() {
            continue;
        }
        let remedy = match flow.id.0 % 9 {
            0 => Remedy::Skip,
            1 => Remedy::Abandon,
            _ => Remedy::Retry,
        };
        remedied += u64::from(remedy_one(engine, &flow, remedy).await?);
    }
    Ok(remedied)
}

async fn remedy_one(engine: &Engine, flow: &Flow, remedy: Remedy) -> Result<bool, Stopped> {
    let operator: Principal = "operator".parse().map_err(|_| Stopped::By(Error::Closed))?;
    let step = |node: Option<SmolStr>| {
        let step = RemedyStep { flow: flow.id, node, remedy, reason: "looked at it".into() };
        Request::from(step).by(operator.clone())
    };
    match engine.remedy(step(None)).await {
        Ok(_) => return Ok(true),
        Err(Error::Refused(Refusal::StepNotNamed)) => {}
        // Somebody was faster.
        Err(Error::Refused(Refusal::NothingStandsStill | Refusal::UnknownFlow)) => return Ok(false),
        Err(error) => return Err(error.into()),
    }
    let Some(book) = engine.rules_of(&flow.business) else { return Ok(false) };
    let mut decided = false;
    for (node, progress) in flow.nodes() {
        if progress.undo_failure.is_some()
            && let Some(spec) = flow.spec(&book, node)
        {
            match engine.remedy(step(Some(spec.name.clone()))).await {
                Ok(_) => decided = true,
                Err(Error::Refused(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(decided)
}

/// Lets every flow come to its end, and looks at what they leave outside.
pub(super) async fn come_to_rest(world: &World, engine: &Engine) -> Result<(), Stopped> {
    let rest = async {
        while !under_way(engine).await?.is_empty() {
            let remedied = remedy_all(engine).await?;
            world.lock().tally.remedies += remedied;
            engine.resume_timers();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok::<(), Stopped>(())
    };
    match tokio::time::timeout(PATIENCE, rest).await {
        Ok(rested) => rested?,
        Err(_) => return Err(Stopped::Broken("there are flows that never end".to_owned())),
    }
    whole(engine).await?;
    take_in(world, engine, None)?;
    let shared = &mut *world.lock();
    let ended = shared.outside.check_ended(&shared.history).map_err(Stopped::Broken)?;
    let failed = shared.history.flows.values().filter(|past| past.has_failed()).count();
    shared.tally.flows += ended;
    shared.tally.flows_failed += failed as u64;
    Ok(())
}

/// The flows that are under way, by number.
async fn under_way(engine: &Engine) -> Result<Vec<FlowId>, Stopped> {
    Ok(engine.flows().await?.into_iter().map(|flow| flow.id).collect())
}
