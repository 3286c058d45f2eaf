//! The nodes of the default line. Each submits one command, under the keys of its call, so that a call that is
//! repeated does nothing twice. They work on every context that holds an [`OrderContext`].

use smol_str::{SmolStr, format_smolstr};

use super::context::OrderContext;
use crate::domain::command::{
    Answer, CancelOrder, CloseOrder, Command, DeliverOrder, OrderAnswer, ProgressOrder, ProgressStep,
    ShipOrder,
};
use crate::domain::flow::{DEFAULT, NodeFailure};
use crate::domain::ids::OrderId;
use crate::domain::order::State;
use crate::flow::call::NodeCall;
use crate::flow::definition::scene_of;
use crate::flow::node::{Node, NodeError};

/// What is said where an order is called off, or closed, and nobody gave a reason.
const NO_REASON: &str = "asked for";
/// The most characters of a failure that go into the reason of a cancellation.
const REASON_CHARS_MAX: usize = 200;

/// Places the order of [`OrderContext::place`]. Its rollback calls the order off; a placement that never came is
/// annulled, so that it does nothing if it comes after all.
#[derive(Clone, Copy, Debug)]
pub struct Place;

/// Records the payment of [`OrderContext::pay`]. That money came in cannot be unsaid: the rollback calls the order off,
/// so that it is due back.
#[derive(Clone, Copy, Debug)]
pub struct Pay;

/// Takes a step on the order's way that moves no stock. There is no way back from it, and so no rollback.
#[derive(Clone, Copy, Debug)]
pub struct Progress(pub ProgressStep);

/// Hands virtual goods over, unless the engine has done that by itself. No rollback.
#[derive(Clone, Copy, Debug)]
pub struct HandOver;

/// Fails unless the order, a membership, is active.
#[derive(Clone, Copy, Debug)]
pub struct CheckActive;

/// Records that units left the house. They do not come back by a rollback.
#[derive(Clone, Copy, Debug)]
pub struct ShipNode;

/// Records that units reached the buyer. No rollback.
#[derive(Clone, Copy, Debug)]
pub struct DeliverNode;

/// Calls off units, or the whole order. What was called off may be somebody else's by then: no rollback.
#[derive(Clone, Copy, Debug)]
pub struct CancelNode;

/// Ends the way forward, which is no failure, unless money is due back. What is due back stands in the answer.
#[derive(Clone, Copy, Debug)]
pub struct RefundDue;

/// Closes the order by hand. No rollback.
#[derive(Clone, Copy, Debug)]
pub struct CloseNode;

impl<C: AsMut<OrderContext> + Send> Node<C> for Place {
    async fn process(&self, context: &mut C, call: &NodeCall) -> Result<(), NodeError> {
        let context = context.as_mut();
        let place = context.place.clone().ok_or_else(|| lacks("placement"))?;
        if call.scene() != DEFAULT && scene_of(place.order_type) != call.scene() {
            let (order_type, scene) = (place.order_type, call.scene());
            return Err(NodeError::refused(format_smolstr!("a {order_type} order in the scene {scene}")));
        }
        let answer = call.submit_order(place).await?;
        context.order = Some(answer.order.clone());
        context.answer = Some(answer);
        Ok(())
    }

    async fn rollback(
        &self,
        context: &mut C,
        failure: &NodeFailure,
        call: &NodeCall,
    ) -> Result<(), NodeError> {
        call_off(context.as_mut(), failure, call).await
    }
}

impl<C: AsMut<OrderContext> + Send> Node<C> for Pay {
    async fn process(&self, context: &mut C, call: &NodeCall) -> Result<(), NodeError> {
        let pay = context.as_mut().pay.clone().ok_or_else(|| lacks("payment"))?;
        submit(context.as_mut(), pay.into(), call).await
    }

    async fn rollback(
        &self,
        context: &mut C,
        failure: &NodeFailure,
        call: &NodeCall,
    ) -> Result<(), NodeError> {
        call_off(context.as_mut(), failure, call).await
    }
}

impl<C: AsMut<OrderContext> + Send> Node<C> for Progress {
    async fn process(&self, context: &mut C, call: &NodeCall) -> Result<(), NodeError> {
        let order = order_of(context.as_mut(), call)?;
        submit(context.as_mut(), ProgressOrder { order, step: self.0 }.into(), call).await
    }
}

impl<C: AsMut<OrderContext> + Send> Node<C> for HandOver {
    async fn process(&self, context: &mut C, call: &NodeCall) -> Result<(), NodeError> {
        let order = order_of(context.as_mut(), call)?;
        let found = call.read_order(&order).await?;
        if found.is_some_and(|order| matches!(order.state, State::Delivered | State::Confirmed)) {
            return Ok(());
        }
        let step = ProgressStep::HandOver;
        submit(context.as_mut(), ProgressOrder { order, step }.into(), call).await
    }
}

impl<C: AsMut<OrderContext> + Send> Node<C> for CheckActive {
    async fn process(&self, context: &mut C, call: &NodeCall) -> Result<(), NodeError> {
        let order = order_of(context.as_mut(), call)?;
        match call.read_order(&order).await? {
            Some(found) if found.state == State::Active => Ok(()),
            Some(found) => Err(NodeError::refused(format_smolstr!("order {order} is {}", found.state))),
            None => Err(NodeError::refused(format_smolstr!("order {order} is unknown"))),
        }
    }
}

impl<C: AsMut<OrderContext> + Send> Node<C> for ShipNode {
    async fn process(&self, context: &mut C, call: &NodeCall) -> Result<(), NodeError> {
        let ship = match context.as_mut().ship.clone() {
            Some(ship) => ship,
            None => ShipOrder::all(order_of(context.as_mut(), call)?),
        };
        submit(context.as_mut(), ship.into(), call).await
    }
}

impl<C: AsMut<OrderContext> + Send> Node<C> for DeliverNode {
    async fn process(&self, context: &mut C, call: &NodeCall) -> Result<(), NodeError> {
        let deliver = match context.as_mut().deliver.clone() {
            Some(deliver) => deliver,
            None => DeliverOrder::all(order_of(context.as_mut(), call)?),
        };
        submit(context.as_mut(), deliver.into(), call).await
    }
}

impl<C: AsMut<OrderContext> + Send> Node<C> for CancelNode {
    async fn process(&self, context: &mut C, call: &NodeCall) -> Result<(), NodeError> {
        let cancel = match context.as_mut().cancel.clone() {
            Some(cancel) => cancel,
            None => CancelOrder::all(order_of(context.as_mut(), call)?, reason_of(context.as_mut())),
        };
        submit(context.as_mut(), cancel.into(), call).await
    }
}

impl<C: AsMut<OrderContext> + Send> Node<C> for RefundDue {
    async fn process(&self, context: &mut C, call: &NodeCall) -> Result<(), NodeError> {
        let order = order_of(context.as_mut(), call)?;
        let found = call.read_order(&order).await?;
        let found = found.ok_or_else(|| NodeError::refused(format_smolstr!("order {order} is unknown")))?;
        if found.refund_due == 0 {
            return Err(NodeError::skip("no money is due back"));
        }
        context.as_mut().answer = Some(OrderAnswer {
            order,
            state: found.state,
            due: found.due,
            paid: found.paid,
            refund_due: found.refund_due,
            missing: Vec::new(),
            backordered: Vec::new(),
            version: found.version,
        });
        Ok(())
    }
}

impl<C: AsMut<OrderContext> + Send> Node<C> for CloseNode {
    async fn process(&self, context: &mut C, call: &NodeCall) -> Result<(), NodeError> {
        let (order, reason) = (order_of(context.as_mut(), call)?, reason_of(context.as_mut()));
        submit(context.as_mut(), CloseOrder { order, reason }.into(), call).await
    }
}

/// Submits a command and keeps its answer.
async fn submit(context: &mut OrderContext, command: Command, call: &NodeCall) -> Result<(), NodeError> {
    let answer = call.submit_order(command).await?;
    context.order = Some(answer.order.clone());
    context.answer = Some(answer);
    Ok(())
}

/// Calls the order off that the way forward placed or paid, if it did.
async fn call_off(
    context: &mut OrderContext,
    failure: &NodeFailure,
    call: &NodeCall,
) -> Result<(), NodeError> {
    for outcome in call.forward_outcomes(0).await? {
        let Ok(Answer::Order(answer)) = outcome else { continue };
        let order = answer.order;
        let because: SmolStr = failure.message.chars().take(REASON_CHARS_MAX).collect();
        let reason = format_smolstr!("flow {} failed: {because}", call.flow());
        match call.submit_order(CancelOrder::all(order.clone(), reason)).await {
            Ok(answer) => context.answer = Some(answer),
            // Somebody else has called it off, or its time was up.
            Err(error) => match call.read_order(&order).await? {
                Some(found) if found.state != State::Cancelled => return Err(error.into()),
                _ => {}
            },
        }
    }
    Ok(())
}

fn order_of(context: &OrderContext, call: &NodeCall) -> Result<OrderId, NodeError> {
    context.order.clone().or_else(|| call.order()).ok_or_else(|| lacks("order"))
}

fn reason_of(context: &OrderContext) -> SmolStr {
    context.reason.clone().unwrap_or_else(|| SmolStr::new_static(NO_REASON))
}

fn lacks(what: &str) -> NodeError {
    NodeError::refused(format_smolstr!("the context has no {what}"))
}
