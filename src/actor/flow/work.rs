//! Running nodes.

use std::any::TypeId;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{self, Poll, Waker};
use std::time::Duration;

use smol_str::{SmolStr, format_smolstr};
use tokio::task::AbortHandle;

use super::{FlowEntity, FlowState, entry_of};
use crate::actor::mailbox::Address;
use crate::actor::message::FlowMessage;
use crate::domain::flow::{
    self, Call, Effect, FailureKind, FlowEvent, KeyScope, NodeFailure, NodeRef, Rulebook, Step, Verdict,
    Work, Worked,
};
use crate::flow::erased::{Called, Returned};
use crate::flow::{NodeCall, NodeError, Provider, Used};

/// A node at work in a task of its own.
pub(super) struct Running {
    pub(super) step: Step,
    /// Whether it waits for the world outside of the engine.
    pub(super) is_outside: bool,
    task: AbortHandle,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A step that waits until the journal is durable.
pub(super) struct Queued {
    pub(super) step: Step,
    called: Called,
    needed: u64,
}

/// What came back of a node.
pub(crate) struct Back {
    step: Step,
    /// The context that it began with, where other nodes work on another copy of it.
    base: Option<SmolStr>,
    began_nanos: u64,
    call: Arc<NodeCall>,
    returned: Returned,
}

/// Whether a node has returned.
pub(super) enum Came {
    Back,
    NotYet,
}

impl FlowState {
    /// Lets a step wait until so many records are durable.
    pub(super) fn queue(&mut self, me: &Address<FlowEntity>, step: Step, called: Called, needed: u64) {
        self.queued.push(Queued { step, called, needed });
        let (to, until) = (me.clone(), self.handed_over);
        self.core.after_durable(move |verdict| {
            // A halted engine runs no node any more.
            let message = if verdict.is_ok() { FlowMessage::Durable(until) } else { FlowMessage::Halted };
            // An actor that is gone was stopped with its engine.
            let _ = to.send(message);
        });
    }

    /// So many records are durable: what waited for them goes on.
    pub(super) fn is_durable(&mut self, me: &Address<FlowEntity>, until: u64) {
        self.durable = self.durable.max(until);
        while let Some(at) = self.queued.iter().position(|it| it.needed <= self.durable) {
            let Queued { step, called, .. } = self.queued.remove(at);
            self.run(me, step, called);
        }
        self.drive(me);
    }

    /// Calls a node: to its end if it need not wait, else in a task of its own.
    pub(super) fn run(&mut self, me: &Address<FlowEntity>, step: Step, called: Called) -> Came {
        let Some(Provider::Node(node)) = self.provider(step.node) else {
            self.park(format_smolstr!("nobody provides {}", self.name_of(step.node)));
            return Came::NotYet;
        };
        let base = self.group_of(step).map(|_| self.shared_json(step.node.run));
        let taken = match &base {
            Some(base) => self.decoded(step.node.run, base),
            None => self.take_context(step.node.run),
        };
        let (Some(context), Some(call)) = (taken, self.call(step)) else {
            self.park(format_smolstr!("the context of {} cannot be read", self.name_of(step.node)));
            return Came::NotYet;
        };
        let call = Arc::new(call);
        let spec = self.flow.as_ref().and_then(|flow| flow.spec(&self.rules.as_ref()?.0, step.node));
        let timeout = spec.and_then(|spec| spec.timeout_ms).map(Duration::from_millis);
        let is_outside = spec.is_some_and(|spec| spec.effect == Effect::External);
        let began_nanos = self.core.clock.nanos();
        let mut work = node.call(called, context, call.clone(), timeout);
        // Most nodes need not wait: a task and a message less.
        match work.as_mut().poll(&mut task::Context::from_waker(Waker::noop())) {
            Poll::Ready(returned) => {
                self.returned(Back { step, base, began_nanos, call, returned });
                Came::Back
            }
            Poll::Pending => {
                let to = me.clone();
                let task = tokio::spawn(async move {
                    let returned = work.await;
                    let back = Back { step, base, began_nanos, call, returned };
                    // An actor that is gone was stopped with its engine.
                    let _ = to.send(FlowMessage::Returned(Box::new(back)));
                });
                self.running.push(Running { step, is_outside, task: task.abort_handle() });
                Came::NotYet
            }
        }
    }

    /// A node has returned from its task.
    pub(super) fn came_back(&mut self, me: &Address<FlowEntity>, back: Back) {
        let Some(at) = self.running.iter().position(|it| it.step == back.step) else { return };
        drop(self.running.swap_remove(at));
        self.returned(back);
        self.drive(me);
    }

    /// Takes note of what a node did.
    fn returned(&mut self, back: Back) {
        let Back { step, base, began_nanos, call, returned: (context, result) } = back;
        let node = step.node;
        let Used { keys, order, not_written } =
            std::mem::take(&mut *call.used.lock().unwrap_or_else(PoisonError::into_inner));
        for key in keys {
            if !self.keys.contains(&key) {
                self.keys.push(key);
            }
        }
        self.note(step, began_nanos, &result);
        self.note_unwritten(step, not_written);
        let Some(flow) = &self.flow else { return };
        if order.is_some() && order != flow.order {
            self.events_bound(order);
        }
        let mut result = result;
        match base {
            None => self.put_context(node.run, context),
            Some(base) => {
                if let Err(problem) = self.merge_context(node.run, &base, &*context) {
                    // It has run, and so it is undone.
                    let failure = NodeFailure::new(FailureKind::Unknown, problem);
                    let failed = FlowEvent::Failed { node, failure, undo: true };
                    if result.is_ok() {
                        return self.push(failed);
                    }
                    result = result.map_err(|error| NodeError::Failure(error.into_failure()));
                }
            }
        }
        let event = self.event_of(step, result);
        self.push(event);
    }

    fn events_bound(&mut self, order: Option<crate::domain::ids::OrderId>) {
        if let Some(order) = order {
            self.push(FlowEvent::Bound(order));
        }
    }

    fn event_of(&self, step: Step, result: Result<(), NodeError>) -> FlowEvent {
        let node = step.node;
        let now = self.core.clock.now();
        let error = |result: Result<(), NodeError>| {
            let failure = result.err().map(NodeError::into_failure);
            if let Some(failure) = &failure {
                let (name, flow) = (self.name_of(node), self.id);
                tracing::warn!(%flow, node = %name, call = ?step.call, error = %failure, "an error that stops nobody");
            }
            failure
        };
        let decided = match step.call {
            Call::Success => Some(FlowEvent::Succeeded { node, error: error(result).map(|it| it.message) }),
            Call::Callback => Some(FlowEvent::CalledBack { node, error: error(result).map(|it| it.message) }),
            Call::Rollback => self.with_rules(|flow, rules| {
                let chance = self.core.flows.chance();
                flow::decide_rolled_back(flow, rules, node, error(result), now, chance)
            }),
            Call::Process | Call::Enter | Call::Leave(_) => self.with_rules(|flow, rules| {
                let worked = match result {
                    Ok(()) => Worked::Done,
                    Err(NodeError::Skip(reason)) => Worked::Skip(reason),
                    Err(NodeError::Failure(failure)) => Worked::Failed(failure),
                };
                let chance = if worked == Worked::Done { 0 } else { self.core.flows.chance() };
                flow::decide_worked(flow, rules, node, worked, now, chance)
            }),
        };
        decided.unwrap_or(FlowEvent::Done(node))
    }

    /// A sub-chain begins.
    pub(super) fn enter(&mut self, step: Step) -> bool {
        let Some(Provider::SubChain(carrier)) = self.provider(step.node) else { return false };
        let (Some(mut context), Some(call)) = (self.take_context(step.node.run), self.call(step)) else {
            self.park(format_smolstr!("the context of {} cannot be read", self.name_of(step.node)));
            return false;
        };
        let entered = carrier.enter(&mut context, &call);
        self.put_context(step.node.run, context);
        let event = match entered.and_then(|sub| Ok((sub.encode().map_err(NodeError::refused)?, sub))) {
            Ok((json, sub)) => match self.sub_entry(step.node, json) {
                Some(entry) => {
                    let child = self.flow.as_ref().map_or(0, |flow| flow.runs.len());
                    self.put_clean(child, sub);
                    FlowEvent::Entered { node: step.node, entry }
                }
                None => self.event_of(step, Err(NodeError::refused("its sub-chain is unknown"))),
            },
            Err(error) => self.event_of(step, Err(error)),
        };
        self.push(event);
        true
    }

    fn sub_entry(&self, node: NodeRef, context: SmolStr) -> Option<flow::Entry> {
        let flow = self.flow.as_ref()?;
        let (rules, _) = self.rules.as_ref()?;
        let Work::Chain { chain, .. } = &flow.spec(rules, node)?.work else { return None };
        entry_of(rules, rules.place(chain, &flow.scene)?, flow.customer.as_ref(), context)
    }

    /// A sub-chain has come to its end without a failure.
    pub(super) fn leave(&mut self, step: Step, child: u16) -> bool {
        let Some(Provider::SubChain(carrier)) = self.provider(step.node) else { return false };
        let (parent, sub) = (self.take_context(step.node.run), self.take_context(child));
        let (Some(mut context), Some(sub), Some(call)) = (parent, sub, self.call(step)) else {
            self.park(format_smolstr!("the context of {} cannot be read", self.name_of(step.node)));
            return false;
        };
        let left = carrier.leave(&mut context, sub, &call);
        self.put_context(step.node.run, context);
        let event = match left {
            Ok(()) => FlowEvent::Done(step.node),
            Err(error) => FlowEvent::Failed { node: step.node, failure: error.into_failure(), undo: true },
        };
        self.push(event);
        true
    }

    /// What a node is told of its call.
    fn call(&self, step: Step) -> Option<NodeCall> {
        let frame = self.frame.clone()?;
        let flow = self.flow.as_ref()?;
        let (rules, _) = self.rules.as_ref()?;
        let spec = flow.spec(rules, step.node)?;
        let place = format_smolstr!("flow/{}/{}/{}", self.id, step.node.run, spec.name);
        let of = |attempt: u16| match spec.key {
            KeyScope::Attempt => format_smolstr!("{place}/{attempt}"),
            KeyScope::Node => place.clone(),
        };
        let attempts = flow.progress(step.node).map_or(1, |progress| progress.attempt.max(1));
        let (key, forward) = match step.call {
            Call::Process | Call::Enter | Call::Leave(_) => (of(step.attempt), Vec::new()),
            Call::Rollback => {
                let mut forward: Vec<_> = (1..=attempts).map(of).collect();
                forward.dedup();
                (format_smolstr!("{place}/undo/{}", step.attempt), forward)
            }
            Call::Success => (format_smolstr!("{place}/success"), Vec::new()),
            Call::Callback => (format_smolstr!("{place}/callback"), Vec::new()),
        };
        Some(NodeCall {
            frame,
            node: spec.name.clone(),
            attempt: step.attempt,
            key,
            forward,
            commands: AtomicU16::new(0),
            used: Mutex::new(Used { keys: Vec::new(), order: flow.order.clone(), not_written: None }),
        })
    }

    /// Remembers that nodes of this type have not written what one was called for. A node that asks another one in its
    /// own call is of another type.
    fn note_unwritten(&self, step: Step, not_written: Option<TypeId>) {
        let Some(found) = not_written else { return };
        let Some(Provider::Node(node)) = self.provider(step.node) else { return };
        if let Some(known) = self.unwritten(step).filter(|_| node.node() == found) {
            known.store(true, Ordering::Relaxed);
        }
    }

    /// What is known of whether the node has written what the step is for.
    fn unwritten(&self, step: Step) -> Option<&AtomicBool> {
        let run = self.flow.as_ref()?.runs.get(usize::from(step.node.run))?;
        let (_, bound) = self.rules.as_ref()?;
        let known = bound.chain(run.chain)?.unwritten.get(usize::from(step.node.node))?;
        match step.call {
            Call::Success => Some(&known.success),
            Call::Callback => Some(&known.callback),
            _ => None,
        }
    }

    /// Whether the node has nothing to do in the step. It is done then, at once.
    pub(super) fn pass_over(&mut self, step: Step) -> bool {
        let is_idle = self.unwritten(step).is_some_and(|known| known.load(Ordering::Relaxed));
        if is_idle {
            let event = self.event_of(step, Ok(()));
            self.push(event);
        }
        is_idle
    }

    fn provider(&self, node: NodeRef) -> Option<Provider> {
        let run = self.flow.as_ref()?.runs.get(usize::from(node.run))?;
        let (_, bound) = self.rules.as_ref()?;
        bound.chain(run.chain)?.nodes.get(usize::from(node.node)).cloned()
    }

    pub(super) fn name_of(&self, node: NodeRef) -> SmolStr {
        let spec = self.flow.as_ref().and_then(|flow| flow.spec(&self.rules.as_ref()?.0, node));
        spec.map_or_else(|| format_smolstr!("{}/{}", node.run, node.node), |spec| spec.name.clone())
    }

    /// Why a run is rolled back: its own failure, or that of the run that carries it.
    pub(super) fn cause(&self, node: NodeRef) -> Option<NodeFailure> {
        let flow = self.flow.as_ref()?;
        let mut number = node.run;
        loop {
            if let Verdict::Failed { failure, .. } = flow.verdict(number) {
                return Some(failure.clone());
            }
            number = flow.runs.get(usize::from(number))?.parent?.run;
        }
    }

    pub(super) fn failure_of(&self, run: u16) -> Option<NodeFailure> {
        match self.flow.as_ref()?.verdict(run) {
            Verdict::Failed { failure, .. } => Some(failure.clone()),
            _ => None,
        }
    }

    /// The first node of the parallel group that a node works in.
    pub(super) fn group_of(&self, step: Step) -> Option<usize> {
        let (rules, _) = self.rules.as_ref().filter(|_| matches!(step.call, Call::Process))?;
        let run = self.flow.as_ref()?.runs.get(usize::from(step.node.run))?;
        let mut stages = rules.chains.get(usize::from(run.chain))?.ranges();
        let stage = stages.find(|stage| stage.contains(&usize::from(step.node.node)))?;
        (stage.len() > 1).then_some(stage.start)
    }

    fn with_rules<T>(&self, decide: impl FnOnce(&flow::Flow, &Rulebook) -> T) -> Option<T> {
        Some(decide(self.flow.as_ref()?, &self.rules.as_ref()?.0))
    }
}
