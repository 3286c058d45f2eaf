//! A named lock for code that embeds the engine: who holds it, until when, and under which fencing number.
//!
//! A lease is over at its last moment and not after it, whether or not anybody has noticed. The fencing number grows by
//! one with every grant and is never given twice: what a lock protects can turn away whoever comes with a lower one.

mod decide;
mod event;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::ids::{LockName, LockOwner};
use super::record::LockRecord;
use super::time::Timestamp;

pub use decide::{check_lease, decide_acquire, decide_extend, decide_lapse, decide_release};
pub use event::LockEvent;

/// The longest lease, in milliseconds: a week.
pub const LEASE_MS_MAX: u64 = 7 * 86_400_000;

/// A named lock. One that is free is nothing but its last fencing number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// Its name.
    pub name: LockName,
    /// Number of events so far.
    pub version: u64,
    /// The fencing number that was given last; 0 before the first.
    pub fencing: u64,
    /// Who holds it.
    pub lease: Option<Box<Lease>>,
    /// Why it was parked, if it was.
    pub parked: Option<SmolStr>,
}

/// A lock as it is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Who holds it.
    pub owner: LockOwner,
    /// The moment from which on it is free.
    pub until: Timestamp,
}

/// A record that does not follow from the state: nothing that `decide` makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockBroken(&'static str);

impl std::fmt::Display for LockBroken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl Lock {
    /// A lock that nobody ever had.
    #[must_use]
    pub const fn new(name: LockName) -> Self {
        Self { name, version: 0, fencing: 0, lease: None, parked: None }
    }

    /// The lease that holds at a moment.
    #[must_use]
    pub fn lease_at(&self, now: Timestamp) -> Option<&Lease> {
        self.lease.as_deref().filter(|lease| now < lease.until)
    }

    /// The moment at which the lease is over.
    #[must_use]
    pub fn until(&self) -> Option<Timestamp> {
        self.lease.as_ref().map(|lease| lease.until)
    }

    /// Applies the events of one decision.
    ///
    /// # Errors
    /// When they do not follow from the state. What came before the one that does not is applied then.
    pub fn apply(&mut self, record: &LockRecord) -> Result<(), LockBroken> {
        if record.version != self.version + record.events.len() as u64 {
            return Err(LockBroken("a gap in the versions"));
        }
        for event in &record.events {
            self.apply_event(event, record.at)?;
            self.version += 1;
        }
        Ok(())
    }

    fn apply_event(&mut self, event: &LockEvent, at: Timestamp) -> Result<(), LockBroken> {
        match event {
            LockEvent::Acquired { .. } if self.lease.is_some() => {
                return Err(LockBroken("given to a second owner"));
            }
            LockEvent::Acquired { fencing, .. } if *fencing != self.fencing + 1 => {
                return Err(LockBroken("a fencing number out of its order"));
            }
            LockEvent::Acquired { owner, fencing, until } => {
                self.fencing = *fencing;
                self.lease = Some(Box::new(Lease { owner: owner.clone(), until: *until }));
            }
            LockEvent::Extended { until } => {
                let lease = self.lease.as_mut().ok_or(LockBroken("a lease extended that nobody has"))?;
                lease.until = *until;
            }
            LockEvent::Released => {
                self.lease.take().ok_or(LockBroken("released while it was free"))?;
            }
            LockEvent::Lapsed => {
                if self.until().is_none_or(|until| at < until) {
                    return Err(LockBroken("lapsed before its time"));
                }
                self.lease = None;
            }
        }
        Ok(())
    }
}
