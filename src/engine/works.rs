//! What works around orders and stock, collected while the engine runs.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::actor::core::Core;
use crate::actor::message::{FlowMessage, LockMessage};
use crate::actor::registry::{Absent, Found};
use crate::error::Error;
use crate::replay::Works;

/// Rules, flows and locks as they are, and whether a flow is at work.
pub(super) async fn collect(core: &Arc<Core>) -> Result<(Works, bool), Error> {
    let mut works = Works { flows_begun: core.flows.begun(), ..Works::default() };
    works.rules.extend(core.flows.rules().into_iter().map(|record| (record.rules, record)));
    let mut ids = core.flows.registry.ids();
    ids.sort_unstable();
    let mut is_busy = false;
    for id in ids {
        let resting = core.flows.registry.look(&id, |found| match found {
            Found::Resting(rest) => Some(rest.flow.clone()),
            Found::Active => None,
        });
        match resting {
            None => {}
            Some(Some(flow)) => drop(works.flows.insert(id, flow)),
            Some(None) => {
                let (to, from) = oneshot::channel();
                if core.flows.registry.send(core, &id, FlowMessage::Look(to), Absent::HandBack).is_ok()
                    && let Ok((flow, busy)) = from.await
                {
                    is_busy |= busy;
                    works.flows.extend(flow.map(|flow| (id, flow)));
                }
            }
        }
    }
    collect_locks(core, &mut works).await;
    Ok((works, is_busy))
}

async fn collect_locks(core: &Arc<Core>, works: &mut Works) {
    for name in core.locks.ids() {
        let resting = core.locks.look(&name, |found| match found {
            Found::Resting(lock) => Some((**lock).clone()),
            Found::Active => None,
        });
        let lock = match resting {
            None => None,
            Some(Some(lock)) => Some(lock),
            Some(None) => {
                let (to, from) = oneshot::channel();
                let sent = core.locks.send(core, &name, LockMessage::Look(to), Absent::HandBack);
                if sent.is_ok() { from.await.ok().flatten() } else { None }
            }
        };
        works.locks.extend(lock.map(|lock| (name, lock)));
    }
}
