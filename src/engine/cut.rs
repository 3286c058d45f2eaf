//! A consistent look at everything, with nothing in flight.

use std::time::Duration;

use tokio::sync::oneshot;

use super::{Engine, works};
use crate::actor::message::OrderMessage;
use crate::actor::registry::{Absent, Found};
use crate::domain::inventory::Inventory;
use crate::domain::order::{Order, Tombstone};
use crate::error::Error;
use crate::replay::compact::{self, Unpacked};
use crate::replay::{StateHash, Summary, Summing, Works, audit, state_hash};

/// The pause after a look that found something still under way.
const SETTLING: Duration = Duration::from_millis(1);

/// Orders that are looked at before others get their turn.
const LOOKS_AT_ONCE: u64 = 256;

/// Everything the engine knows at one sequence number, with nothing in flight.
#[derive(Clone, Debug)]
pub struct Cut {
    /// The next sequence number of the journal.
    pub sequence: u64,
    /// The state hash.
    pub hash: StateHash,
    /// Every SKU, sorted.
    pub skus: Vec<Inventory>,
    /// Every order, sorted.
    pub orders: Vec<Order>,
    /// What remains of the orders that were retired, sorted.
    pub retired: Vec<Tombstone>,
    /// Rules of business lines, and flows under way.
    pub works: Works,
    /// What should hold and does not, in words; empty when all is well.
    pub violations: Vec<String>,
}

impl Engine {
    /// Stops admission and timers, waits until every command and whatever timers began has ended, and looks at
    /// everything.
    ///
    /// It copies the whole state: a tool for audits and tests, not for a dashboard.
    ///
    /// # Errors
    /// When the engine is halted or closed.
    pub async fn cut(&self) -> Result<Cut, Error> {
        let inner = &self.inner;
        let quiet = inner.admission.acquire_many(inner.in_flight_max).await.map_err(|_| Error::Closed)?;
        // Timers do not ask for admission; whoever they have woken already is given the time to end.
        let held = inner.core.timers.hold();
        let (sequence, skus, orders, retired, keys, works) = loop {
            self.flush().await?;
            let sequence = inner.core.gate.sequence();
            let skus = self.copy_skus().await?;
            let (orders, retired) = self.copy_orders().await?;
            let (works, busy) = works::collect(&inner.core).await?;
            let keys = inner.core.keys.answered();
            self.flush().await?;
            let under_way =
                busy || orders.iter().any(|order| order.pending.is_some() && order.parked.is_none());
            if inner.core.gate.sequence() == sequence && !under_way {
                break (sequence, skus, orders, retired, keys, works);
            }
            tokio::time::sleep(SETTLING).await;
        };
        drop((held, quiet));
        let hash = state_hash(&skus, &orders, &retired, &keys, &works)?;
        let violations = audit(&skus, &orders);
        Ok(Cut { sequence, hash, skus, orders, retired, works, violations })
    }

    /// What is said of the state as a whole at one sequence number with nothing in flight, the state hash among
    /// it; answers the next sequence number of the journal too.
    ///
    /// Admission and timers stand still for as long as [`Engine::cut`] would hold them, but nothing is copied: it
    /// takes a list of all ids, and no more memory.
    ///
    /// # Errors
    /// When the engine is halted or closed.
    pub async fn summary(&self) -> Result<(u64, Summary), Error> {
        let inner = &self.inner;
        let quiet = inner.admission.acquire_many(inner.in_flight_max).await.map_err(|_| Error::Closed)?;
        // Timers do not ask for admission; whoever they have woken already is given the time to end.
        let held = inner.core.timers.hold();
        let found = loop {
            self.flush().await?;
            let sequence = inner.core.gate.sequence();
            let mut summing = Summing::default();
            self.sum_skus(&mut summing).await?;
            let under_way = self.sum_orders(&mut summing).await?;
            let (works, busy) = works::collect(&inner.core).await?;
            inner.core.keys.answered().iter().try_for_each(|key| summing.key(key))?;
            summing.works(&works)?;
            self.flush().await?;
            if inner.core.gate.sequence() == sequence && !under_way && !busy {
                break (sequence, summing.finish()?);
            }
            tokio::time::sleep(SETTLING).await;
        };
        drop((held, quiet));
        Ok(found)
    }

    async fn sum_skus(&self, summing: &mut Summing) -> Result<(), Error> {
        let registry = &self.inner.core.skus;
        let mut ids = registry.ids();
        ids.sort_unstable();
        for id in ids {
            let resting = registry.look(&id, |found| match found {
                Found::Resting(rest) => Some(summing.sku(&rest.inventory)),
                Found::Active => None,
            });
            match resting {
                None => {}
                Some(Some(summed)) => summed?,
                Some(None) => {
                    let (to, from) = oneshot::channel();
                    self.look_at(&id, move |sku| {
                        // The summary waits for this channel; if it was given up, so was the copy.
                        let _ = to.send(sku.cloned());
                    })?;
                    if let Some(sku) = from.await.map_err(|_| Error::Closed)? {
                        summing.sku(&sku)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Answers whether a saga of any of them is under way.
    async fn sum_orders(&self, summing: &mut Summing) -> Result<bool, Error> {
        let core = &self.inner.core;
        let mut ids = core.orders.ids();
        ids.sort_unstable();
        let mut under_way = false;
        for (id, done) in ids.into_iter().zip(1_u64..) {
            let resting = core.orders.look(&id, |found| match found {
                Found::Resting(packed) => Some(summing.order(packed)),
                Found::Active => None,
            });
            match resting {
                None => {}
                Some(Some(summed)) => under_way |= summed?,
                Some(None) => {
                    let (to, from) = oneshot::channel();
                    let look = OrderMessage::Look(Box::new(move |found| {
                        // The summary waits for this channel; if it was given up, so was the order.
                        let _ = to.send(found.transpose());
                    }));
                    if core.orders.send(core, &id, look, Absent::HandBack).is_ok()
                        && let Some(packed) = from.await.map_err(|_| Error::Closed)??
                    {
                        under_way |= summing.order(&packed)?;
                    }
                }
            }
            if done.is_multiple_of(LOOKS_AT_ONCE) {
                tokio::task::yield_now().await;
            }
        }
        Ok(under_way)
    }

    /// Waits until everything handed to the journal so far is durable.
    ///
    /// # Errors
    /// When the engine is halted or closed.
    pub async fn flush(&self) -> Result<(), Error> {
        let (to, from) = oneshot::channel();
        self.inner.core.hand_out(to, ());
        from.await.map_err(|_| Error::Closed)?
    }

    async fn copy_skus(&self) -> Result<Vec<Inventory>, Error> {
        let registry = &self.inner.core.skus;
        let mut copies = Vec::with_capacity(usize::try_from(registry.count()).unwrap_or_default());
        for id in registry.ids() {
            let resting = registry.look(&id, |found| match found {
                Found::Resting(rest) => Some((*rest.inventory).clone()),
                Found::Active => None,
            });
            match resting {
                None => {}
                Some(Some(copy)) => copies.push(copy),
                Some(None) => {
                    let (to, from) = oneshot::channel();
                    self.look_at(&id, move |sku| {
                        // The cut waits for this channel; if it was given up, so was the copy.
                        let _ = to.send(sku.cloned());
                    })?;
                    copies.extend(from.await.map_err(|_| Error::Closed)?);
                }
            }
        }
        copies.sort_by(|a, b| a.sku.cmp(&b.sku));
        Ok(copies)
    }

    async fn copy_orders(&self) -> Result<(Vec<Order>, Vec<Tombstone>), Error> {
        let core = &self.inner.core;
        let (mut copies, mut retired) =
            (Vec::with_capacity(usize::try_from(core.orders.count()).unwrap_or_default()), Vec::new());
        let mut add = |unpacked| match unpacked {
            Unpacked::Order(order) => copies.push(order),
            Unpacked::Retired(tombstone) => retired.push(tombstone),
        };
        for id in core.orders.ids() {
            let resting = core.orders.look(&id, |found| match found {
                Found::Resting(bytes) => Some(compact::unpack(bytes)),
                Found::Active => None,
            });
            match resting {
                None => {}
                Some(Some(unpacked)) => add(unpacked?),
                Some(None) => {
                    let (to, from) = oneshot::channel();
                    let sent = core.orders.send(core, &id, OrderMessage::Read(to), Absent::HandBack);
                    if sent.is_ok()
                        && let Some(stored) = from.await.map_err(|_| Error::Closed)??
                    {
                        add(stored.unpacked);
                    }
                }
            }
        }
        copies.sort_by(|a, b| a.id.cmp(&b.id));
        retired.sort_by(|a, b| a.id.cmp(&b.id));
        Ok((copies, retired))
    }
}
