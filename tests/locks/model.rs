//! Random commands and crashes against the plainest lock there is.

use std::collections::BTreeMap;

use earmark::port::fs_sim::{SimFs, SplitMix};
use earmark::{AcquireLock, Answer, ExtendLock, LockCommand, LockOwner, ReleaseLock};

use crate::common::seed;
use crate::{START, clock, open_at, owner, settle};

#[derive(Default)]
struct Plain {
    fencing: u64,
    held: Option<(LockOwner, u64)>,
}

impl Plain {
    fn holder(&self, now: u64) -> Option<&(LockOwner, u64)> {
        self.held.as_ref().filter(|(_, until)| now < *until)
    }

    fn is_under(&self, fencing: u64, now: u64) -> bool {
        self.holder(now).is_some() && self.fencing == fencing
    }

    /// The number and the end of the lease after the command.
    fn run(&mut self, command: &LockCommand, now: u64) -> Result<(u64, Option<u64>), &'static str> {
        match command {
            LockCommand::Acquire(AcquireLock { owner, lease_ms, .. }) => {
                let until = match self.holder(now) {
                    Some((holder, _)) if holder != owner => return Err("LOCK_HELD"),
                    Some((_, until)) => (*until).max(now + lease_ms),
                    None => {
                        self.fencing += 1;
                        now + lease_ms
                    }
                };
                self.held = Some((owner.clone(), until));
                Ok((self.fencing, Some(until)))
            }
            LockCommand::Extend(ExtendLock { fencing, lease_ms, .. }) => {
                if !self.is_under(*fencing, now) {
                    return Err("LOCK_LOST");
                }
                let (_, until) = self.held.as_mut().unwrap();
                *until = (*until).max(now + lease_ms);
                Ok((self.fencing, Some(*until)))
            }
            LockCommand::Release(ReleaseLock { fencing, .. }) => {
                if !self.is_under(*fencing, now) {
                    return Err("LOCK_LOST");
                }
                self.held = None;
                Ok((self.fencing, None))
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn random_commands_and_crashes_leave_what_a_plain_lock_would() {
    let mut random = SplitMix::new(seed(20_261_121));
    let (mut fs, clock) = (SimFs::new(), clock());
    let mut engine = open_at(&fs, &clock).await;
    let mut plain: BTreeMap<String, Plain> = BTreeMap::new();
    let (mut now, mut granted, mut refused) = (START, 0, 0);
    for step in 0..3_000 {
        let name = format!("l{}", random.below(3));
        let lock = plain.entry(name.clone()).or_default();
        let name: earmark::LockName = name.parse().unwrap();
        let fencing = (lock.fencing + 1).saturating_sub(random.below(3));
        let lease_ms = 1 + random.below(40);
        let command = match random.below(12) {
            0..6 => {
                let owner = owner(&format!("o{}", random.below(4)));
                LockCommand::Acquire(AcquireLock { lock: name, owner, lease_ms, wait_ms: 0 })
            }
            6 | 7 => LockCommand::Extend(ExtendLock { lock: name, fencing, lease_ms }),
            8 | 9 => LockCommand::Release(ReleaseLock { lock: name, fencing }),
            10 => {
                let millis = random.below(30);
                clock.advance(millis);
                now += millis;
                if random.below(2) == 0 {
                    settle().await;
                }
                continue;
            }
            _ if random.below(10) == 0 => {
                if random.below(2) == 0 {
                    engine.snapshot().await.unwrap();
                }
                engine.flush().await.unwrap();
                fs = fs.crash();
                engine = open_at(&fs, &clock).await;
                continue;
            }
            _ => continue,
        };
        let expected = lock.run(&command, now);
        let found = match engine.submit::<LockCommand>(command.clone()).await {
            Ok(Answer::Lock(answer)) => {
                granted += 1;
                Ok((answer.fencing, answer.until.map(earmark::Timestamp::as_millis)))
            }
            Ok(other) => panic!("{other:?}"),
            Err(error) => {
                refused += 1;
                Err(error)
            }
        };
        assert_eq!(found.map_err(|error| error.code()), expected, "step {step}: {command:?} at {now}");
    }
    assert!(granted > 300 && refused > 300, "{granted} granted, {refused} refused");
}
