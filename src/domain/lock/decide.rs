//! What becomes of the commands to a lock.

use smallvec::{SmallVec, smallvec};

use super::{LEASE_MS_MAX, Lock, LockEvent};
use crate::domain::ids::LockOwner;
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;

type Events = SmallVec<[LockEvent; 2]>;

/// Whether a lease may be of this length.
///
/// # Errors
/// [`Refusal::InvalidLease`].
pub const fn check_lease(lease_ms: u64) -> Result<(), Refusal> {
    if lease_ms == 0 || lease_ms > LEASE_MS_MAX {
        return Err(Refusal::InvalidLease { lease_ms });
    }
    Ok(())
}

/// The end of a lease that is over at `now`, and nothing else.
#[must_use]
pub fn decide_lapse(lock: &Lock, now: Timestamp) -> Option<LockEvent> {
    lock.until().filter(|until| now >= *until).map(|_| LockEvent::Lapsed)
}

/// Gives the lock to an owner. One who holds it keeps it, with its number, for no shorter than before.
///
/// # Errors
/// [`Refusal::LockHeld`] while another one holds it; [`Refusal::InvalidLease`], [`Refusal::Parked`].
pub fn decide_acquire(
    lock: &Lock,
    owner: &LockOwner,
    lease_ms: u64,
    now: Timestamp,
) -> Result<Events, Refusal> {
    check(lock, lease_ms)?;
    let until = now.plus_millis(lease_ms);
    match lock.lease_at(now) {
        Some(lease) if lease.owner == *owner => {
            Ok(smallvec![LockEvent::Extended { until: until.max(lease.until) }])
        }
        Some(lease) => Err(Refusal::LockHeld { owner: lease.owner.clone(), until: lease.until }),
        None => {
            let mut events: Events = decide_lapse(lock, now).into_iter().collect();
            let fencing = lock.fencing.checked_add(1).ok_or(Refusal::Overflow)?;
            events.push(LockEvent::Acquired { owner: owner.clone(), fencing, until });
            Ok(events)
        }
    }
}

/// Lets the holder of the number have the lock for longer, or no shorter than before.
///
/// # Errors
/// [`Refusal::LockLost`] when its lease is over, or was never its; [`Refusal::InvalidLease`], [`Refusal::Parked`].
pub fn decide_extend(lock: &Lock, fencing: u64, lease_ms: u64, now: Timestamp) -> Result<Events, Refusal> {
    check(lock, lease_ms)?;
    let until = held_under(lock, fencing, now)?;
    Ok(smallvec![LockEvent::Extended { until: until.max(now.plus_millis(lease_ms)) }])
}

/// Takes the lock back from the holder of the number.
///
/// # Errors
/// [`Refusal::LockLost`] when its lease is over, or was never its; [`Refusal::Parked`].
pub fn decide_release(lock: &Lock, fencing: u64, now: Timestamp) -> Result<Events, Refusal> {
    check(lock, LEASE_MS_MAX)?;
    held_under(lock, fencing, now)?;
    Ok(smallvec![LockEvent::Released])
}

fn check(lock: &Lock, lease_ms: u64) -> Result<(), Refusal> {
    if let Some(reason) = &lock.parked {
        return Err(Refusal::Parked { reason: reason.clone() });
    }
    check_lease(lease_ms)
}

/// The end of the lease that a number stands for.
fn held_under(lock: &Lock, fencing: u64, now: Timestamp) -> Result<Timestamp, Refusal> {
    let lease = lock.lease_at(now).filter(|_| lock.fencing == fencing);
    lease.map(|lease| lease.until).ok_or(Refusal::LockLost { fencing, last: lock.fencing })
}
