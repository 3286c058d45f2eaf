//! How an order's actor drives a saga: asks the SKUs, gathers what they answer, ends or undoes it.
//!
//! Reservations are asked for one SKU after another, in the one global order of SKU ids: an order that
//! waits at a SKU for another order's provisional hold holds only SKUs that come before it, so no two
//! orders ever wait for each other, and of those that contend one goes through. The other steps cannot
//! contend and go to all SKUs at once, before any that takes.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::{OrderEntity, OrderState};
use crate::actor::core::{Core, Draft};
use crate::actor::fate::Fate;
use crate::actor::keys::Claimed;
use crate::actor::mailbox::Address;
use crate::actor::message::{Resumed, SkuMessage, Step};
use crate::actor::registry::{Absent, Undelivered};
use crate::actor::reply::ReplyTo;
use crate::domain::command::{Grant, Outcome, StepOp, StockStep};
use crate::domain::ids::{OrderId, SkuId};
use crate::domain::order::{self, Demand, KeyClaim, Order, OrderEvent, Plan, SagaEnd, Short};
use crate::domain::record::{KeyMark, Record};
use crate::domain::refusal::Refusal;
use crate::guard;

/// A saga under way. Everything in it can be derived again from the order's state after a crash.
pub(super) struct Run {
    plan: Plan,
    /// Where another SKU may still refuse when one has granted units, which are provisional then.
    fate: Option<Fate>,
    /// Steps that were asked for and not yet answered.
    pub(super) waiting: usize,
    /// Position in the plan's demand of the next SKU to ask.
    next: usize,
    /// Positions in the plan's demand whose SKUs did their part, in the order in which they did it.
    done: Vec<usize>,
    /// SKUs that had less than was asked for, where the order is content with that.
    short: Vec<Short>,
    /// The first refusal of a SKU that had nothing at all, where the order is content with that.
    nothing: Option<Refusal>,
    /// A SKU that has undone its step already, before a crash: whoever stood in the way is asked once more, so
    /// that the answer is his.
    undone_before: Option<Refusal>,
    /// Why the saga is to be undone.
    refusal: Option<Refusal>,
    undoing: bool,
    /// Whether the children were asked to come into being.
    pub(super) bearing: bool,
    /// Why it could not be undone everywhere.
    stuck: Option<smol_str::SmolStr>,
    redelivered: bool,
    reply: Option<ReplyTo>,
    /// Who wants to know how an interrupted saga came out.
    pub(super) tell: Option<oneshot::Sender<Resumed>>,
}

impl OrderState {
    /// Starts the saga that the order's state has under way, if it has one.
    pub(super) fn begin(&mut self, me: &Address<OrderEntity>, reply: Option<ReplyTo>, redelivered: bool) {
        let Some(plan) = self.order.as_ref().filter(|o| o.parked.is_none()).and_then(Order::plan) else {
            return;
        };
        if let Some(claim) = self.claim() {
            self.core.keys.resume(&claim);
        }
        let done = Vec::with_capacity(plan.demand.len());
        let provisional = plan.demand.iter().rev().take_while(|demand| demand.op.takes()).nth(1).is_some();
        self.run = Some(Run {
            plan,
            fate: provisional.then(Fate::default),
            waiting: 0,
            next: 0,
            done,
            short: Vec::new(),
            nothing: None,
            undone_before: None,
            refusal: None,
            undoing: false,
            bearing: false,
            stuck: None,
            redelivered,
            reply,
            tell: None,
        });
        self.go_forward(me);
    }

    /// The key that the end of the saga under way will answer.
    fn claim(&self) -> Option<KeyClaim> {
        self.order.as_ref()?.pending.as_ref()?.claim.clone()
    }

    /// Asks the next SKU, or all of them; ends the saga when none is left to ask.
    pub(super) fn go_forward(&mut self, me: &Address<OrderEntity>) {
        let asks_nobody = self.run.as_ref().is_some_and(|run| !run.bearing && run.plan.demand.is_empty());
        if asks_nobody && self.bear(me) {
            return;
        }
        let Some(run) = &mut self.run else { return };
        let from = run.next;
        let until = match run.plan.demand.get(from) {
            Some(first) if first.op.takes() => from + 1,
            Some(_) => run.plan.demand.partition_point(|demand| !demand.op.takes()),
            None => {
                if let Some(refusal) = run.undone_before.take() {
                    return self.go_back(me, refusal);
                }
                let end = run.forward_end();
                return self.end(me, &end);
            }
        };
        (run.waiting, run.next) = (until - from, until);
        let ask = Ask { number: run.plan.number, redelivered: run.redelivered, provisional: true };
        for index in from..until {
            if let Some(demand) = self.run.as_ref().and_then(|r| r.plan.demand.get(index)).cloned() {
                self.ask(me, demand, ask);
            }
        }
    }

    /// Asks the SKUs that did their part to undo it, last first.
    fn go_back(&mut self, me: &Address<OrderEntity>, refusal: Refusal) {
        let Some(run) = &mut self.run else { return };
        if run.plan.demand.iter().any(|demand| demand.op.undo().is_none()) {
            let reason = smol_str::format_smolstr!("a step that cannot be undone was refused: {refusal}");
            return self.park_saga(reason);
        }
        run.undoing = true;
        run.refusal = Some(refusal.clone());
        let undo = run.to_undo();
        if undo.is_empty() {
            return self.end(me, &SagaEnd::Undone(refusal));
        }
        run.waiting = undo.len();
        let ask = Ask { number: run.plan.number + 1, redelivered: run.redelivered, provisional: false };
        for demand in undo {
            self.ask(me, demand, ask);
        }
    }

    fn ask(&mut self, me: &Address<OrderEntity>, demand: Demand, ask: Ask) {
        let (buyer, cart, buyer_max) = match &self.order {
            Some(order) => (order.customer.clone(), order.cart.clone(), order.terms.units_per_buyer_max),
            None => (None, None, None),
        };
        let Demand { sku, op, units: quantity, partial, may_wait, unpaid, heirs } = demand;
        // A cart becomes an order once.
        let cart = cart.filter(|_| op != StepOp::Add);
        let Ask { number, redelivered, provisional } = ask;
        let fate = self.run.as_ref().filter(|_| provisional).and_then(|run| run.fate.clone());
        let step = StockStep {
            order: self.id.clone(),
            number,
            op,
            quantity,
            buyer,
            cart,
            partial,
            from: None,
            may_wait,
            buyer_max,
            unpaid,
            heirs,
        };
        let message = SkuMessage::Step(Step { step, redelivered, provisional: fate, reply: me.clone() });
        if let Err(Undelivered::Unknown(SkuMessage::Step(step))) =
            self.core.skus.send(&self.core, &sku, message, Absent::HandBack)
        {
            // A SKU that never was holds nothing: there is nothing to give back, and nothing to take.
            let outcome = match step.step.op {
                StepOp::Release | StepOp::TakeBack | StepOp::PassBack => Ok(Grant::default()),
                _ => Err(Refusal::UnknownSku { sku: sku.clone() }),
            };
            step.answer(&sku, outcome);
        }
    }

    /// A SKU has answered.
    pub(super) fn stepped(
        &mut self,
        me: &Address<OrderEntity>,
        sku: &SkuId,
        number: u32,
        outcome: Result<Grant, Refusal>,
    ) {
        let Some(run) = &mut self.run else { return };
        let expected = run.plan.number + u32::from(run.undoing);
        if number != expected || run.waiting == 0 {
            tracing::warn!(order = %self.id, %sku, number, "an answer that nobody waits for");
            return;
        }
        run.waiting -= 1;
        if run.undoing {
            if let Err(refusal) = outcome {
                run.stuck = Some(smol_str::format_smolstr!("{sku} could not undo its step: {refusal}"));
            }
            if run.waiting == 0 {
                self.undone(me);
            }
            return;
        }
        run.note(sku, outcome);
        if run.waiting == 0 {
            match run.refusal.clone() {
                Some(refusal) => self.go_back(me, refusal),
                None => self.go_forward(me),
            }
        }
    }

    /// Every SKU has answered to the undoing.
    fn undone(&mut self, me: &Address<OrderEntity>) {
        let Some(run) = &mut self.run else { return };
        let Some(refusal) = run.refusal.clone() else { return };
        match run.stuck.take() {
            Some(reason) => self.park_saga(reason),
            None => self.end(me, &SagaEnd::Undone(refusal)),
        }
    }

    /// Records how the saga came out and answers whoever waits for it.
    fn end(&mut self, me: &Address<OrderEntity>, end: &SagaEnd) {
        let Some(run) = self.run.take() else { return };
        let Some(order) = &self.order else { return };
        let pending = order.pending.clone();
        let granted = pending.as_ref().is_some_and(|pending| pending.granted);
        let (claim, by) = pending.map_or((None, None), |p| (p.claim, p.by));
        let before = self.wakes_at();
        let mut record = self.record(order::finish(order, end), by, self.core.clock.now());
        // One saga can lead straight into the next, which then owes the answer.
        let goes_on = record.events.iter().any(OrderEvent::begins_saga);
        if goes_on {
            record.mark = claim.clone().map(|c| Box::new(KeyMark::Started(c)));
        }
        let applied = guard::apply(|| Order::apply(&mut self.order, &record));
        settle(&self.core, &self.id, &run);
        if let Err(reason) = applied {
            self.run = Some(run);
            return self.park_saga(reason);
        }
        self.rearm(before);
        if goes_on {
            let mut draft = Draft::default();
            draft.record(&Record::Order(record));
            self.commit(draft);
            self.begin(me, run.reply, run.redelivered);
            if let Some(next) = &mut self.run {
                next.tell = run.tell;
            }
            return;
        }
        let outcome: Outcome = match end {
            SagaEnd::Undone(refusal) if !granted => Err(refusal.clone()),
            _ => self.outcome(),
        };
        let mut draft = Draft::default();
        record.mark = claim.map(|c| draft.answer_key(Claimed(c), &outcome, record.at));
        draft.record(&Record::Order(record));
        if let Some(reply) = run.reply {
            draft.answer(reply, outcome);
        }
        self.commit(draft);
        if let Some(tell) = run.tell {
            let undone = matches!(end, SagaEnd::Undone(_));
            let resumed = if undone { Resumed::Undone } else { Resumed::Finished };
            let _ = tell.send(resumed);
        }
    }

    /// Parks an order whose saga can neither go on nor back; it stays open, and unpark drives it on.
    /// Whoever waits for its end is told that it is parked.
    fn park_saga(&mut self, reason: smol_str::SmolStr) {
        let Some(run) = self.run.take() else { return };
        settle(&self.core, &self.id, &run);
        self.park(reason.clone());
        let refusal = Refusal::Parked { reason };
        let mut draft = Draft::default();
        if let Some(claim) = self.claim() {
            for waiting in self.core.keys.suspend(&claim, refusal.clone()) {
                draft.answer(waiting, Err(refusal.clone()));
            }
        }
        if let Some(reply) = run.reply {
            draft.answer(reply, Err(refusal));
        }
        self.commit(draft);
        if let Some(tell) = run.tell {
            let _ = tell.send(Resumed::Parked);
        }
    }
}

impl Run {
    /// Notes what a SKU made of its forward step.
    fn note(&mut self, sku: &SkuId, outcome: Result<Grant, Refusal>) {
        let found = self.plan.demand.iter().enumerate().find(|(_, demand)| demand.sku == *sku);
        let Some((index, demand)) = found else { return };
        match outcome {
            Ok(Grant { held, awaiting, filled }) => {
                self.done.push(index);
                // Other steps are done in full or refused; a hold can wait for what an earlier one asked for.
                let short = demand.op.takes() && held < demand.units;
                if short && (awaiting > 0 || demand.partial) {
                    self.short.push(Short { sku: sku.clone(), granted: held, awaiting, filled });
                }
            }
            Err(refusal) if demand.partial && refusal.is_shortage() => {
                self.short.push(Short { sku: sku.clone(), granted: 0, awaiting: 0, filled: 0 });
                self.nothing.get_or_insert(refusal);
            }
            Err(Refusal::HoldExceeded { .. }) if demand.op == StepOp::Add && self.redelivered => {
                self.undone_before = Some(Refusal::Contended { sku: sku.clone() });
            }
            Err(refusal) => self.refusal = self.refusal.take().or(Some(refusal)),
        }
    }

    /// What undoes the saga, the last step first. After a crash any SKU that takes may have done so; those
    /// that did not will find nothing to give back. The others have all been asked, and have answered.
    fn to_undo(&self) -> Vec<Demand> {
        let demand = &self.plan.demand;
        let undoing = |demand: &Demand| Some(Demand { op: demand.op.undo()?, ..demand.clone() });
        if !self.redelivered {
            return self.done.iter().rev().filter_map(|index| undoing(demand.get(*index)?)).collect();
        }
        let may_have = |(index, demand): &(usize, &Demand)| demand.op.takes() || self.done.contains(index);
        demand.iter().enumerate().rev().filter(may_have).filter_map(|(_, demand)| undoing(demand)).collect()
    }

    /// How the way forward came out when no SKU is left to ask. An order that is content with a part is
    /// not content with nothing.
    fn forward_end(&mut self) -> SagaEnd {
        match self.nothing.take() {
            Some(refusal) if self.done.is_empty() => SagaEnd::Undone(refusal),
            _ if self.short.is_empty() => SagaEnd::Done,
            _ => SagaEnd::DoneInPart(std::mem::take(&mut self.short)),
        }
    }
}

/// How SKUs are asked.
#[derive(Clone, Copy)]
struct Ask {
    number: u32,
    redelivered: bool,
    provisional: bool,
}

/// The order's fate is decided. Where one of the SKUs that granted a provisional hold wants to know, they are told, so
/// that whoever waits for it there goes on.
fn settle(core: &Arc<Core>, id: &OrderId, run: &Run) {
    if !run.fate.as_ref().is_some_and(Fate::decide) {
        return;
    }
    for demand in run.done.iter().filter_map(|index| run.plan.demand.get(*index)) {
        if demand.op.takes() {
            // A SKU that is gone has nobody waiting.
            let _ = core.skus.send(core, &demand.sku, SkuMessage::Settle(id.clone()), Absent::HandBack);
        }
    }
}
