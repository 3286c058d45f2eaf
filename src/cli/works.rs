//! Flows and named locks as text.

use smol_str::SmolStr;

use super::out::Out;
use super::words::grouped;
use crate::domain::flow::{Flow, NodeRef, Rulebook};
use crate::domain::lock::{Lease, Lock};
use crate::flow::Definition;
use crate::query::Happening;
use crate::replay::History;

/// The names of a flow's nodes, where its rules can be read by this build.
pub(super) struct Names(Option<(Flow, Rulebook)>);

impl Names {
    pub(super) fn of(history: &History) -> Self {
        let known = history.course().and_then(|(flow, rules)| {
            let definition = Definition::parse(rules.file.as_str(), rules.text.as_str()).ok()?;
            Some((flow.clone(), definition.rulebook().clone()))
        });
        Self(known)
    }

    fn name(&self, node: NodeRef) -> Option<SmolStr> {
        let (flow, rules) = self.0.as_ref()?;
        flow.spec(rules, node).map(|spec| spec.name.clone())
    }

    /// What happened, as a sentence with these names.
    pub(super) fn words(&self, what: &Happening) -> String {
        match what {
            Happening::Flow(event) => event.describe_with(&|node| self.name(node)),
            other => other.describe(),
        }
    }
}

/// A flow that is under way.
pub(super) fn flow_text(flow: &Flow, out: &mut Out) {
    out.line(format_args!("Flow {} is under way (version {}).", flow.id, flow.version));
    let order = flow.order.as_ref().map(|order| format!(", order {order}")).unwrap_or_default();
    let buyer = flow.customer.as_ref().map(|id| format!(", customer {id}")).unwrap_or_default();
    out.line(format_args!("  began       {} at {}{buyer}{order}", flow.began_at, flow.business));
    out.line(format_args!("  chain       {} for {}, rules {}", flow.chain, flow.scene, flow.rules));
    if let Some(reason) = &flow.parked {
        out.line(format_args!("  PARKED      {reason}"));
    }
    if let Some(at) = flow.again_at() {
        out.line(format_args!("  again       at {at}"));
    }
    out.line(format_args!("`earmark flow show FOLDER {}` shows it node by node.", flow.id));
}

/// A lock as the journal leaves it: a lease that is over since is told of until the engine runs again.
pub(super) fn lock_text(lock: &Lock, out: &mut Out) {
    let (name, fencing, version) = (&lock.name, lock.fencing, grouped(lock.version));
    match &lock.lease {
        None => out.line(format_args!("Lock {name} is free (version {version}).")),
        Some(lease) => {
            let Lease { owner, until } = &**lease;
            out.line(format_args!("Lock {name} is held by {owner} until {until} (version {version})."));
        }
    }
    out.line(format_args!("  fencing     {fencing} is the last number that was given"));
    if let Some(reason) = &lock.parked {
        out.line(format_args!("  PARKED      {reason}"));
    }
}
