//! The loop of a flow: what follows from its state, then the steps that can be done now.

use super::work::Came;
use super::{FlowEntity, FlowState};
use crate::actor::mailbox::Address;
use crate::domain::flow::{self, AfterCrash, Call, Effect, FlowEvent, NodeRef, Stand, Step, Undo, Work};
use crate::domain::time::Timestamp;
use crate::flow::erased::Called;
use crate::guard;
#[cfg(any(test, feature = "simulation"))]
use crate::port::chaos::{self, Sabotage};

impl FlowState {
    /// Goes on as far as it can.
    pub(super) fn drive(&mut self, me: &Address<FlowEntity>) {
        while let Some(wait) = self.advance(me) {
            match wait {
                Wait::Again => {}
                Wait::Working => {
                    self.flush(None);
                    return self.give_room();
                }
                Wait::Until(at) => {
                    self.flush(None);
                    self.arm(at);
                    if self.is_idle() {
                        self.give_room();
                        self.park_if_stuck();
                    }
                    return;
                }
            }
        }
        self.flush(None);
    }

    /// Nobody has to wait for the room of a flow that waits itself, for a moment or for the world.
    fn give_room(&mut self) {
        if !self.is_busy() {
            drop(self.reply.as_mut().and_then(|reply| reply.permit.take()));
        }
    }

    /// One round; `None` when there is nothing to drive.
    fn advance(&mut self, me: &Address<FlowEntity>) -> Option<Wait> {
        if self.closing || self.ended || self.lifting {
            return None;
        }
        let flow = self.flow.as_ref().filter(|flow| flow.parked.is_none())?;
        let (rules, _) = self.rules.clone()?;
        if let Some(event) = flow::advance(flow, &rules) {
            self.follow(event);
            return Some(Wait::Again);
        }
        let next = flow::next(flow, &rules, self.core.clock.now());
        let mut steps: Vec<(Step, bool)> = next.steps.iter().map(|step| (*step, false)).collect();
        steps.extend(self.interrupted());
        steps.retain(|(step, _)| !self.is_at_work(step.node));
        if steps.is_empty() {
            return Some(if self.is_idle() { Wait::Until(next.wait) } else { Wait::Working });
        }
        let mut moved = false;
        for (step, interrupted) in steps {
            moved |= self.start(me, step, interrupted);
        }
        Some(if moved { Wait::Again } else { Wait::Working })
    }

    /// Something that follows from the state alone.
    fn follow(&mut self, event: FlowEvent) {
        match &event {
            FlowEvent::Turned { .. } => self.phase_at = self.handed_over + 1,
            FlowEvent::Answered => self.answers = true,
            FlowEvent::Ended { .. } => {
                self.ended = true;
                let keys = std::mem::take(&mut self.keys);
                return self.push(FlowEvent::Ended { keys });
            }
            _ => {}
        }
        self.push(event);
    }

    /// Applies an event, to be journaled with the next record.
    pub(super) fn push(&mut self, event: FlowEvent) {
        let Some(flow) = &mut self.flow else { return };
        if let Err(reason) = guard::apply(|| flow.apply_event(&event)) {
            return self.park(reason);
        }
        self.events.push(event);
    }

    /// Nodes that had begun when a crash came: what their chain says about that.
    fn interrupted(&self) -> Vec<(Step, bool)> {
        let Some(flow) = &self.flow else { return Vec::new() };
        let Some((rules, _)) = &self.rules else { return Vec::new() };
        let begun = flow.nodes().filter(|(node, progress)| {
            progress.stand == Stand::Started && !self.is_at_work(*node) && flow.child(*node).is_none()
        });
        let step = |(node, progress): (NodeRef, &flow::Progress)| {
            let carries = matches!(flow.spec(rules, node).map(|spec| &spec.work), Some(Work::Chain { .. }));
            let call = if carries { Call::Enter } else { Call::Process };
            (Step { node, call, attempt: progress.attempt.max(1) }, true)
        };
        begun.map(step).collect()
    }

    pub(super) fn is_at_work(&self, node: NodeRef) -> bool {
        self.running.iter().any(|it| it.step.node == node)
            || self.queued.iter().any(|it| it.step.node == node)
    }

    /// Starts a step, or lets it wait for the journal. Answers whether it has come to its end.
    fn start(&mut self, me: &Address<FlowEntity>, step: Step, interrupted: bool) -> bool {
        if self.pass_over(step) {
            return true;
        }
        let Some((rules, _)) = self.rules.clone() else { return false };
        let Some(flow) = &self.flow else { return false };
        let Some(spec) = flow.spec(&rules, step.node) else { return false };
        let forward = matches!(step.call, Call::Process | Call::Enter);
        if interrupted && let Some(event) = flow::decide_interrupted(flow, &rules, step.node) {
            self.push(event);
            return true;
        }
        let called = match step.call {
            Call::Process if interrupted && spec.after_crash == AfterCrash::Resume => Called::Resume,
            Call::Process => Called::Process,
            Call::Success => Called::Success,
            Call::Rollback => match self.cause(step.node) {
                Some(failure) => Called::Rollback(failure),
                None => return false,
            },
            Call::Callback => Called::Callback(self.failure_of(step.node.run)),
            Call::Enter => {
                self.start_node(step, interrupted);
                return self.enter(step);
            }
            Call::Leave(child) => return self.leave(step, child),
        };
        if forward {
            if let Some(group) = self.group_of(step) {
                self.share_context(step.node.run, group);
            }
            self.start_node(step, interrupted);
        }
        if spec.effect != Effect::None {
            self.flush(None);
        }
        let needed = if forward { self.handed_over } else { self.phase_at };
        #[cfg(any(test, feature = "simulation"))]
        if step.call == Call::Rollback && chaos::is_broken(Sabotage::RollbackForgotten) {
            self.push(FlowEvent::RolledBack(step.node));
            return true;
        }
        #[cfg(any(test, feature = "simulation"))]
        let needed = if chaos::is_broken(Sabotage::BegunUnsaid) { 0 } else { needed };
        if spec.effect == Effect::External && self.durable < needed {
            self.queue(me, step, called, needed);
            return false;
        }
        matches!(self.run(me, step, called), Came::Back)
    }

    fn start_node(&mut self, step: Step, interrupted: bool) {
        if !interrupted {
            self.push(FlowEvent::Started(step.node));
        }
    }

    /// When to look again: the timers are told.
    fn arm(&mut self, at: Option<Timestamp>) {
        self.core.timers.rearm_flow(self.id, self.armed, at);
        self.armed = at;
    }

    /// A flow that has rollbacks left which nobody will try again waits for an operator.
    fn park_if_stuck(&mut self) {
        let Some(flow) = self.flow.as_ref().filter(|flow| flow.parked.is_none()) else { return };
        let stuck = flow.nodes().find(|(_, progress)| progress.undo == Undo::Stuck);
        let Some((node, progress)) = stuck else { return };
        let why = progress.undo_failure.as_ref().map(|failure| failure.message.clone()).unwrap_or_default();
        let tries = progress.undo_tries;
        let name = self.name_of(node);
        self.park(smol_str::format_smolstr!(
            "the rollback of {name} failed at its last try, number {tries}: {why}"
        ));
    }
}

/// What a flow waits for.
enum Wait {
    /// Nothing.
    Again,
    /// What is at work, or the journal.
    Working,
    /// A moment, or an operator.
    Until(Option<Timestamp>),
}
