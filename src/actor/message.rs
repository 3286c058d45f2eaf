//! What travels to actors and back.

use smol_str::SmolStr;
use tokio::sync::oneshot;

use super::core::Core;
use super::fate::Fate;
use super::flow::{Back, FlowEntity};
use super::keys::Claimed;
use super::mailbox::Address;
use super::order::OrderEntity;
use super::reply::ReplyTo;
use crate::domain::command::{
    BeginFlow, Grant, LockCommand, OrderCommand, RemedyStep, Request, SkuCommand, StockStep,
};
use crate::domain::flow::Flow;
use crate::domain::ids::{CartId, FlowId, IdOrigin, OrderId, Principal, RulesId, SkuId};
use crate::domain::inventory::Inventory;
use crate::domain::lock::Lock;
use crate::domain::order::{ChildNews, SplitOff};
use crate::domain::refusal::Refusal;
use crate::error::Error;
use crate::journal::codec::CodecError;
use crate::replay::compact::{Packed, Unpacked};

/// A command on its way to the actor that decides on it.
pub(crate) struct Envelope<C> {
    pub(crate) request: Request<C>,
    /// The claim on the command's idempotency key, if it has one.
    pub(crate) claim: Option<Claimed>,
    pub(crate) reply: ReplyTo,
}

/// What an order's actor understands.
pub(crate) enum OrderMessage {
    /// A command, with the origin of the order's id for a placement.
    Command(Envelope<OrderCommand>, IdOrigin),
    /// What a SKU made of a step. Sent past the registry, to an actor that waits for it.
    Stepped { sku: SkuId, number: u32, outcome: Result<Grant, Refusal> },
    /// A SKU has filled units that the order waits for: all it ever filled for it. Told again after a crash; a
    /// message that is lost or comes twice does no harm.
    Filled { sku: SkuId, filled: u64 },
    /// Come into being, as an order that is split off the one that asks.
    Bear(Box<SplitOff>, Address<OrderEntity>),
    /// A child has come into being. Sent past the registry, to an actor that waits for it.
    Born,
    /// A child has changed. Told again after a crash; a message that is lost or comes twice does no harm.
    ChildNews(Box<ChildNews>),
    /// Tell the parent once more.
    TellParent,
    /// Hand out a copy of the state, behind the records it rests on.
    Read(oneshot::Sender<Result<Option<Box<Stored>>, Error>>),
    /// Show the state, as it would rest, at once: also while a saga is under way.
    Look(LookOrder),
    /// Drive the saga that a crash interrupted to its end.
    Resume(oneshot::Sender<Resumed>),
    /// The moment that the order waited for has come.
    Due,
    /// An operator has looked at a parked order.
    Unpark(Option<Principal>, ReplyTo),
    /// A flow about it is to begin, by the rules that it was placed under.
    BeginFlow(Envelope<BeginFlow>),
    /// A flow about it can go neither on nor back.
    Park { flow: FlowId, reason: SmolStr },
    /// That flow goes on.
    LiftPark { flow: FlowId, to: Address<FlowEntity> },
}

/// Shown the state of an order as it would rest; nothing of one that has no number in the index yet.
pub(crate) type LookOrder = Box<dyn FnOnce(Option<Result<Packed, CodecError>>) + Send>;

/// An order, or what remains of it, with its number in the index.
pub(crate) struct Stored {
    pub(crate) number: u32,
    pub(crate) unpacked: Unpacked,
}

/// Shown the state of a SKU.
pub(crate) type Look = Box<dyn FnOnce(Option<&Inventory>) + Send>;

/// What a SKU's actor understands.
pub(crate) enum SkuMessage {
    /// A command from a caller.
    Command(Envelope<SkuCommand>),
    /// A step of an order's saga.
    Step(Step),
    /// The order's placement is decided, whose fate the SKU wanted to know: its hold is no longer provisional.
    Settle(OrderId),
    /// Somebody asks for a cart's deadline to be looked at.
    Expire(CartId),
    /// The earliest deadline of the SKU's carts has come; so many of them may lapse now.
    Due { carts_max: usize },
    /// Units are left for those who wait, more than one record could give them.
    Fill,
    /// Tell the order once more what was filled for it.
    TellFilled(OrderId),
    /// Show the state; `None` where nothing was ever received.
    Look(Look),
    /// Sabotage: take what an earlier message has checked.
    #[cfg(any(test, feature = "simulation"))]
    Checked(Step, crate::domain::inventory::StepDecision),
    /// Go to rest if there is nothing to do.
    Rest,
    /// An operator has looked at a parked SKU.
    Unpark(Option<Principal>, ReplyTo),
}

/// A step of an order's saga on its way to a SKU.
pub(crate) struct Step {
    pub(crate) step: StockStep,
    /// Whether the step may have been done before a crash.
    pub(crate) redelivered: bool,
    /// The fate of the placement, where the hold is given back if another SKU refuses.
    pub(crate) provisional: Option<Fate>,
    /// The order's actor, which stays until it has the answer.
    pub(crate) reply: Address<OrderEntity>,
}

/// What a flow's actor understands.
pub(crate) enum FlowMessage {
    /// Begin, by these rules.
    Begin(Envelope<BeginFlow>, RulesId),
    /// An operator decides about a step.
    Remedy(Envelope<RemedyStep>),
    /// Go on: after a crash, or because a moment has come.
    Drive,
    /// Show the state, as the journal has it, and whether it is at work.
    Look(oneshot::Sender<(Option<Flow>, bool)>),
    /// An operator has looked at a parked flow.
    Unpark(Option<Principal>, ReplyTo),
    /// Go on after a crash or a close, with the order in the park or not, as the flow is.
    Recover,
    /// The engine is being closed.
    Close,
    /// So many of its records are durable. Sent past the registry, to an actor that waits for it.
    Durable(u64),
    /// The order is out of the park, if it was in it for this flow, and the journal has that before what comes.
    /// Sent likewise.
    Lifted,
    /// The engine is halted, and nothing that is not durable will be. Sent likewise.
    Halted,
    /// A node has returned. Sent past the registry, to an actor that waits for it.
    Returned(Box<Back>),
}

/// What a named lock's actor understands.
pub(crate) enum LockMessage {
    /// A command from a caller.
    Command(Envelope<LockCommand>),
    /// A lease is over, or somebody's time to wait.
    Due,
    /// Show the state; `None` where nobody ever held it.
    Look(oneshot::Sender<Option<Lock>>),
    /// An operator has looked at a parked lock.
    Unpark(Option<Principal>, ReplyTo),
    /// The engine is being closed: those who wait are sent away.
    Close(oneshot::Sender<()>),
}

/// How an interrupted saga came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resumed {
    /// Its way forward was finished.
    Finished,
    /// It was undone.
    Undone,
    /// The order had to be parked.
    Parked,
    /// The order had nothing under way.
    Nothing,
}

impl Step {
    /// Answers the order. An order that is gone (the engine is going down) needs no answer.
    pub(crate) fn answer(self, sku: &SkuId, outcome: Result<Grant, Refusal>) {
        let number = self.step.number;
        let _ = self.reply.send(OrderMessage::Stepped { sku: sku.clone(), number, outcome });
    }
}

/// Answers a command that never reached an actor, or whose actor has no more to say.
pub(crate) fn fail<C>(core: &Core, envelope: Envelope<C>, error: &Error) {
    if let Some(claim) = envelope.claim {
        core.keys.abandon(claim, error);
    }
    envelope.reply.send(Err(error.clone()));
}
