//! `earmark flow list` and `earmark flow show`: flows that have not ended, as the journal has them.

use std::path::Path;

use serde::Serialize;

use super::super::out::{Exit, Failure, Out};
use super::super::source::Source;
use super::super::words::count;
use crate::domain::flow::{Flow, NodeRef, Progress, Rulebook, Stand, Undo, Verdict};
use crate::domain::ids::FlowId;
use crate::flow::Definition;
use crate::replay::{Until, Works};

/// A flow in a line.
#[derive(Serialize)]
struct FlowJson {
    flow: u64,
    business: String,
    scene: String,
    chain: String,
    rules: u32,
    order: Option<String>,
    customer: Option<String>,
    began_at: String,
    stands: String,
    answered: bool,
    parked: Option<String>,
    again_at: Option<String>,
}

#[derive(Serialize)]
struct ListJson<'a> {
    folder: &'a str,
    begun: u64,
    flows: Vec<FlowJson>,
}

#[derive(Serialize)]
struct ShowJson<'a> {
    folder: &'a str,
    #[serde(flatten)]
    flow: FlowJson,
    nodes: Vec<NodeJson>,
    contexts: Vec<serde_json::Value>,
}

/// A node of a flow.
#[derive(Serialize)]
struct NodeJson {
    run: u16,
    node: String,
    forwards: &'static str,
    backwards: &'static str,
    attempt: u16,
    tries: u16,
    again_at: Option<String>,
    failure: Option<String>,
    rollback_failure: Option<String>,
}

pub(super) fn list(path: &Path, out: &mut Out) -> Result<Exit, Failure> {
    let (name, works) = works(path)?;
    let flows: Vec<_> =
        works.flows.values().map(|flow| json(flow, rulebook(&works, flow).as_ref())).collect();
    if out.is_json() {
        out.json(&ListJson { folder: &name, begun: works.flows_begun, flows });
        return Ok(Exit::Fine);
    }
    let (open, begun) = (count(flows.len() as u64, "flow"), works.flows_begun);
    out.line(format_args!("{name}: {open} under way, of {begun} that began"));
    for flow in &flows {
        line(flow, out);
    }
    Ok(Exit::Fine)
}

pub(super) fn show(path: &Path, id: FlowId, out: &mut Out) -> Result<Exit, Failure> {
    let (name, works) = works(path)?;
    let Some(flow) = works.flows.get(&id) else {
        let what = if (1..=works.flows_begun).contains(&id.0) { "has ended" } else { "never began" };
        out.complain(&format!("flow {id} {what} in {name}"), Exit::Wrong);
        return Ok(Exit::Wrong);
    };
    let rules = rulebook(&works, flow);
    let nodes: Vec<_> =
        flow.nodes().map(|(node, progress)| node_json(flow, rules.as_ref(), node, progress)).collect();
    let shown = json(flow, rules.as_ref());
    if out.is_json() {
        let contexts =
            flow.runs.iter().map(|run| serde_json::from_str(&run.context).unwrap_or_default()).collect();
        out.json(&ShowJson { folder: &name, flow: shown, nodes, contexts });
        return Ok(Exit::Fine);
    }
    line(&shown, out);
    for node in &nodes {
        let again = node.again_at.as_ref().map(|at| format!(", again at {at}")).unwrap_or_default();
        let back = if node.backwards.is_empty() { String::new() } else { format!(", {}", node.backwards) };
        let run = if node.run == 0 { String::new() } else { format!("{}/", node.run) };
        out.line(format_args!("  {run}{}: {}{back}{again}", node.node, node.forwards));
        for why in [&node.failure, &node.rollback_failure].into_iter().flatten() {
            out.line(format_args!("      {why}"));
        }
    }
    for run in &flow.runs {
        out.line(format_args!("  context {}", run.context));
    }
    Ok(Exit::Fine)
}

fn works(path: &Path) -> Result<(String, Works), Failure> {
    let mut source = Source::open(path)?;
    let name = source.name();
    Ok((name, source.rebuild(Until::End)?.world.works().clone()))
}

/// What a flow goes by, where this build can read it.
fn rulebook(works: &Works, flow: &Flow) -> Option<Rulebook> {
    let record = works.rules.get(&flow.rules)?;
    let definition = Definition::parse(record.file.as_str(), record.text.as_str()).ok()?;
    Some(definition.rulebook().clone())
}

fn name_of(flow: &Flow, rules: Option<&Rulebook>, node: NodeRef) -> String {
    let spec = rules.and_then(|rules| flow.spec(rules, node));
    spec.map_or_else(|| format!("{}/{}", node.run, node.node), |spec| spec.name.to_string())
}

fn json(flow: &Flow, rules: Option<&Rulebook>) -> FlowJson {
    let phase = flow.runs.first().map(|run| run.phase.to_string()).unwrap_or_default();
    let stands = match flow.verdict(0) {
        Verdict::Done => phase,
        Verdict::Skipped { node, reason } => {
            format!("{phase}, {} skipped: {reason}", name_of(flow, rules, node))
        }
        Verdict::Failed { node, failure } => {
            format!("{phase}, {} failed: {failure}", name_of(flow, rules, node))
        }
    };
    FlowJson {
        flow: flow.id.0,
        business: flow.business.to_string(),
        scene: flow.scene.to_string(),
        chain: flow.chain.to_string(),
        rules: flow.rules.0,
        order: flow.order.as_ref().map(ToString::to_string),
        customer: flow.customer.as_ref().map(ToString::to_string),
        began_at: flow.began_at.to_string(),
        stands,
        answered: flow.answered,
        parked: flow.parked.as_ref().map(ToString::to_string),
        again_at: flow.again_at().map(|at| at.to_string()),
    }
}

fn node_json(flow: &Flow, rules: Option<&Rulebook>, node: NodeRef, progress: &Progress) -> NodeJson {
    let forwards = match progress.stand {
        Stand::Waiting => "waits",
        Stand::Started => "has begun",
        Stand::Done => "done",
        Stand::Failed => "failed",
        Stand::FailedUndo => "failed, to be undone",
        Stand::Skipped | Stand::SkippedCallBack => "skipped",
        Stand::LeftOut => "left out",
    };
    let backwards = match progress.undo {
        Undo::None if progress.called_back => "called back",
        Undo::None => "",
        Undo::Done => "rolled back",
        Undo::Owed => "rollback owed",
        Undo::Stuck => "rollback stands still",
    };
    let words =
        |failure: &Option<Box<crate::domain::flow::NodeFailure>>| failure.as_ref().map(ToString::to_string);
    NodeJson {
        run: node.run,
        node: name_of(flow, rules, node),
        forwards,
        backwards,
        attempt: progress.attempt,
        tries: progress.tries,
        again_at: progress.again_at.map(|at| at.to_string()),
        failure: words(&progress.failure),
        rollback_failure: words(&progress.undo_failure),
    }
}

fn line(flow: &FlowJson, out: &mut Out) {
    let order = flow.order.as_ref().map(|order| format!(", order {order}")).unwrap_or_default();
    out.line(format_args!(
        "flow {}: {} of {} for {}{order}, began at {}: {}",
        flow.flow, flow.chain, flow.business, flow.scene, flow.began_at, flow.stands
    ));
    if let Some(reason) = &flow.parked {
        out.line(format_args!("  PARKED: {reason}"));
    } else if let Some(at) = &flow.again_at {
        out.line(format_args!("  tries again at {at}"));
    }
}
