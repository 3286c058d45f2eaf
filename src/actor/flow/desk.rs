//! What the engine does for nodes.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::actor::core::Core;
use crate::actor::keys::Annulled;
use crate::actor::message::OrderMessage;
use crate::actor::registry::{Absent, Undelivered};
use crate::actor::reply::ReplyTo;
use crate::domain::command::{Answer, Command, Outcome, Request, ScopedKey};
use crate::domain::ids::{EntityId, FlowId, OrderId};
use crate::domain::order::{KeyClaim, Order};
use crate::domain::record::{KeyMark, Record, RefusalRecord};
use crate::domain::refusal::Refusal;
use crate::error::Error;
use crate::flow::{BoxFuture, Desk};
use crate::replay::compact::Unpacked;

struct CoreDesk(Arc<Core>);

pub(super) fn of(core: &Arc<Core>) -> Arc<dyn Desk> {
    Arc::new(CoreDesk(core.clone()))
}

impl Desk for CoreDesk {
    fn submit(&self, request: Request<Command>) -> BoxFuture<'static, Result<Answer, Error>> {
        let core = self.0.clone();
        Box::pin(async move {
            if let Some(error) = core.gate.halted() {
                return Err(error.clone());
            }
            if core.gate.is_tight() && !request.command.undoes() {
                return Err(Error::DiskFull);
            }
            core.check_bounds(&request.command)?;
            let (reply, receiver) = ReplyTo::one(None);
            core.submit(request, reply);
            crate::actor::reply::wait(receiver).await
        })
    }

    fn annul(&self, flow: FlowId, key: ScopedKey) -> BoxFuture<'static, Result<Outcome, Error>> {
        let core = self.0.clone();
        Box::pin(async move {
            let (reply, receiver) = ReplyTo::one(None);
            // No command has such a fingerprint, so whatever comes under the key later is another body.
            let claim = KeyClaim { key, fingerprint: [0; 16] };
            match core.keys.annul(claim, reply) {
                Annulled::Waits => {}
                Annulled::Answered(outcome, reply) => core.repeat(reply, outcome),
                Annulled::Burnt(claim, reply) => {
                    let mut draft = crate::actor::core::Draft::default();
                    let (entity, at, refusal) = (EntityId::Flow(flow), core.clock.now(), Refusal::Annulled);
                    let outcome = Err(refusal.clone());
                    let mark: Option<Box<KeyMark>> = Some(draft.answer_key(claim, &outcome, at));
                    draft.record(&Record::Refusal(RefusalRecord { entity, at, by: None, refusal, mark }));
                    draft.answer(reply, outcome);
                    core.commit(draft);
                }
            }
            receiver.await.map_err(|_| Error::OutcomeUnknown)?
        })
    }

    fn order(&self, order: &OrderId) -> BoxFuture<'static, Result<Option<Order>, Error>> {
        let (core, order) = (self.0.clone(), order.clone());
        Box::pin(async move {
            let (to, from) = oneshot::channel();
            match core.orders.send(&core, &order, OrderMessage::Read(to), Absent::HandBack) {
                Ok(()) => {}
                Err(Undelivered::Unknown(_)) => return Ok(None),
                Err(Undelivered::Stopped) => return Err(Error::Closed),
            }
            let stored = from.await.map_err(|_| Error::Closed)??;
            Ok(stored.and_then(|stored| match stored.unpacked {
                Unpacked::Order(order) => Some(order),
                Unpacked::Retired(_) => None,
            }))
        })
    }
}
