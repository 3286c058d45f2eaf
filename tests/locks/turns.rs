//! Who has a lock when: turns, leases, time limits, refusals.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use earmark::domain::lock::LEASE_MS_MAX;
use earmark::port::fs_sim::SimFs;
use earmark::{
    AcquireLock, Answer, Config, Engine, Error, ExtendLock, Happening, Refusal, ReleaseLock, Timestamp,
};
use tokio::sync::Mutex;

use crate::common::{refusal, soon};
use crate::{START, clock, lock, ms, open_at, owner, settle};

#[tokio::test(start_paused = true)]
async fn callers_that_wait_are_served_in_the_order_in_which_they_came() {
    let engine = open_at(&SimFs::new(), &clock()).await;
    let first = lock(&engine).try_acquire(owner("first"), ms(1_000)).await.unwrap();
    let served = Arc::new(Mutex::new(Vec::new()));
    let mut waiting = Vec::new();
    for number in 0..20_u64 {
        let (lock, served) = (lock(&engine), served.clone());
        waiting.push(tokio::spawn(async move {
            let guard = lock.acquire(owner(&format!("w{number}")), ms(1_000)).await.unwrap();
            served.lock().await.push((number, guard.fencing()));
            guard.release().await.unwrap();
        }));
        settle().await;
    }
    assert_eq!(*served.lock().await, Vec::new());
    first.release().await.unwrap();
    for waiting in waiting {
        soon("a turn", waiting).await.unwrap();
    }
    let expected: Vec<_> = (0..20).map(|number| (number, number + 2)).collect();
    assert_eq!(*served.lock().await, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_tasks_have_the_lock_one_at_a_time_and_under_growing_numbers() {
    let engine = Engine::open(Config::in_memory()).await.unwrap();
    let (inside, last) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let tasks: Vec<_> = (0..64)
        .map(|task| {
            let (lock, inside, last) = (lock(&engine), inside.clone(), last.clone());
            tokio::spawn(async move {
                for round in 0..20 {
                    let guard = lock.acquire(owner(&format!("t{task}")), ms(600_000)).await.unwrap();
                    assert!(!inside.swap(true, Ordering::SeqCst), "two had the lock");
                    let before = last.swap(guard.fencing(), Ordering::SeqCst);
                    assert!(before < guard.fencing(), "{before} before {}", guard.fencing());
                    tokio::task::yield_now().await;
                    inside.store(false, Ordering::SeqCst);
                    // Giving back and dropping are the same to the next one.
                    if round % 2 == 0 {
                        guard.release().await.unwrap();
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        soon("a task", task).await.unwrap();
    }
    assert_eq!(last.load(Ordering::SeqCst), 64 * 20);
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_over_at_its_last_moment_by_the_clock_of_the_engine() {
    let (fs, clock) = (SimFs::new(), clock());
    let engine = open_at(&fs, &clock).await;
    let a = lock(&engine).try_acquire(owner("a"), ms(1_000)).await.unwrap();
    let until = Timestamp::from_millis(START + 1_000);
    assert_eq!((a.fencing(), a.until()), (1, until));
    clock.advance(999);
    let held = Refusal::LockHeld { owner: owner("a"), until };
    assert_eq!(refusal(lock(&engine).try_acquire(owner("b"), ms(5)).await), held);
    clock.advance(1);
    // No time for a timer: the command itself finds the lease over.
    let b = lock(&engine).try_acquire(owner("b"), ms(5)).await.unwrap();
    assert_eq!((b.fencing(), b.until()), (2, Timestamp::from_millis(START + 1_005)));
    clock.advance(5);
    settle().await;
    let seen = lock(&engine).view().await.unwrap().unwrap();
    assert_eq!((seen.lease, seen.fencing, seen.version), (None, 2, 4));
    assert_eq!(engine.timers_armed(), 0);
    // Guards of leases that are over take nothing from whoever comes next.
    let c = lock(&engine).try_acquire(owner("c"), ms(50)).await.unwrap();
    drop((a, b));
    settle().await;
    assert_eq!(lock(&engine).view().await.unwrap().unwrap().until(), Some(c.until()));
}

#[tokio::test(start_paused = true)]
async fn a_holder_who_comes_too_late_is_refused_by_its_number() {
    let (fs, clock) = (SimFs::new(), clock());
    let engine = open_at(&fs, &clock).await;
    let mut late = lock(&engine).try_acquire(owner("late"), ms(10)).await.unwrap();
    clock.advance(10);
    assert_eq!(refusal(late.extend(ms(10)).await), Refusal::LockLost { fencing: 1, last: 1 });
    let mut next = lock(&engine).try_acquire(owner("next"), ms(10)).await.unwrap();
    assert_eq!(refusal(late.extend(ms(10)).await), Refusal::LockLost { fencing: 1, last: 2 });
    assert_eq!(refusal(late.release().await), Refusal::LockLost { fencing: 1, last: 2 });
    let until = Timestamp::from_millis(START + 10 + 30);
    assert_eq!(next.extend(ms(30)).await.unwrap(), until);
    // A shorter one takes nothing away.
    assert_eq!(next.extend(ms(1)).await.unwrap(), until);
    next.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_does_not_hold_a_lock_cannot_give_it_back() {
    let engine = open_at(&SimFs::new(), &clock()).await;
    let name: earmark::LockName = "report".parse().unwrap();
    let release = |fencing| ReleaseLock { lock: name.clone(), fencing };
    let lost = |fencing, last| Refusal::LockLost { fencing, last };
    assert_eq!(refusal(engine.submit::<ReleaseLock>(release(1)).await), lost(1, 0));
    assert_eq!(lock(&engine).view().await.unwrap(), None);
    let held = lock(&engine).try_acquire(owner("a"), ms(1_000)).await.unwrap();
    assert_eq!(refusal(engine.submit::<ReleaseLock>(release(0)).await), lost(0, 1));
    assert_eq!(refusal(engine.submit::<ReleaseLock>(release(2)).await), lost(2, 1));
    assert_eq!(lock(&engine).view().await.unwrap().unwrap().until(), Some(held.until()));
    held.release().await.unwrap();
    assert_eq!(refusal(engine.submit::<ReleaseLock>(release(1)).await), lost(1, 1));
    let extend = ExtendLock { lock: name.clone(), fencing: 1, lease_ms: 5 };
    assert_eq!(refusal(engine.submit::<ExtendLock>(extend).await), lost(1, 1));
}

#[tokio::test(start_paused = true)]
async fn waiting_ends_at_its_limit_and_the_others_keep_their_turns() {
    let (fs, clock) = (SimFs::new(), clock());
    let engine = open_at(&fs, &clock).await;
    let _held = lock(&engine).try_acquire(owner("a"), ms(1_000)).await.unwrap();
    let wait = |name: &'static str, millis| {
        let lock = lock(&engine);
        tokio::spawn(async move { lock.acquire_within(owner(name), ms(100), ms(millis)).await })
    };
    let short = wait("short", 400);
    settle().await;
    let long = wait("long", 5_000);
    settle().await;
    clock.advance(399);
    settle().await;
    assert!(!short.is_finished());
    clock.advance(1);
    let until = Timestamp::from_millis(START + 1_000);
    assert_eq!(refusal(soon("short", short).await.unwrap()), Refusal::LockHeld { owner: owner("a"), until });
    settle().await;
    assert!(!long.is_finished());
    clock.advance(600);
    let long = soon("long", long).await.unwrap().unwrap();
    assert_eq!((long.fencing(), long.until()), (2, Timestamp::from_millis(START + 1_100)));
}

#[tokio::test(start_paused = true)]
async fn an_owner_who_asks_again_keeps_its_number_and_its_longer_lease() {
    let engine = open_at(&SimFs::new(), &clock()).await;
    let a = lock(&engine).try_acquire(owner("a"), ms(1_000)).await.unwrap();
    let again = lock(&engine).try_acquire(owner("a"), ms(10)).await.unwrap();
    assert_eq!((again.fencing(), again.until()), (a.fencing(), a.until()));
    // A renewal that nobody comes for leaves the owner what it had.
    let handle = lock(&engine);
    let mut asking = Box::pin(handle.try_acquire(owner("a"), ms(2_000)));
    assert!(futures_now(&mut asking).await.is_none());
    drop(asking);
    settle().await;
    let until = lock(&engine).view().await.unwrap().unwrap().until();
    assert_eq!(until, Some(Timestamp::from_millis(START + 2_000)));
    again.release().await.unwrap();
    assert_eq!(refusal(a.release().await).code(), "LOCK_LOST");
}

/// Begins a call and looks at once whether it has ended.
async fn futures_now<F: Future + Unpin>(call: &mut F) -> Option<F::Output> {
    tokio::select! {
        biased;
        done = call => Some(done),
        () = std::future::ready(()) => None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_nobody_waits_for_any_more_goes_to_the_next() {
    let engine = open_at(&SimFs::new(), &clock()).await;
    let held = lock(&engine).try_acquire(owner("a"), ms(1_000)).await.unwrap();
    let waits = |name: &'static str| {
        let lock = lock(&engine);
        tokio::spawn(async move { lock.acquire(owner(name), ms(1_000)).await })
    };
    let gone = waits("gone");
    settle().await;
    let there = waits("there");
    settle().await;
    gone.abort();
    held.release().await.unwrap();
    let there = soon("the next", there).await.unwrap().unwrap();
    assert_eq!(there.fencing(), 3);
}

#[tokio::test(start_paused = true)]
async fn closing_the_engine_sends_those_who_wait_away() {
    let engine = open_at(&SimFs::new(), &clock()).await;
    let held = lock(&engine).try_acquire(owner("a"), ms(1_000)).await.unwrap();
    let waiting = {
        let lock = lock(&engine);
        tokio::spawn(async move { lock.acquire(owner("b"), ms(1_000)).await.map(|guard| guard.fencing()) })
    };
    settle().await;
    soon("close", engine.close()).await.unwrap();
    assert_eq!(soon("who waits", waiting).await.unwrap(), Err(Error::Closed));
    assert_eq!(held.release().await, Err(Error::Closed));
}

#[tokio::test]
async fn no_lease_of_no_time_or_of_more_than_a_week_is_given() {
    let engine = Engine::open(Config::in_memory()).await.unwrap();
    for lease_ms in [0, LEASE_MS_MAX + 1] {
        let refused = refusal(lock(&engine).try_acquire(owner("a"), ms(lease_ms)).await);
        assert_eq!(refused, Refusal::InvalidLease { lease_ms });
    }
    let mut held = lock(&engine).try_acquire(owner("a"), ms(LEASE_MS_MAX)).await.unwrap();
    assert_eq!(refusal(held.extend(ms(0)).await), Refusal::InvalidLease { lease_ms: 0 });
    assert_eq!(engine.cut().await.unwrap().works.locks.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_lock_tells_who_had_it_and_who_gave_the_command() {
    let engine = open_at(&SimFs::new(), &clock()).await;
    let locks = lock(&engine).by("cron".parse().unwrap());
    locks.try_acquire(owner("a"), ms(1_000)).await.unwrap().release().await.unwrap();
    let mut history = engine.subscribe(engine.start()).unwrap();
    let mut told = Vec::new();
    while let Some(published) = history.try_next().unwrap() {
        if let earmark::Record::Lock(record) = published.record {
            let words = record.events.into_iter().map(|event| Happening::Lock(event).describe());
            told.extend(words.map(|words| (record.by.clone().unwrap().to_string(), words)));
        }
    }
    let expected =
        [("cron", "Given to a until 1970-01-01T00:16:41.000Z, under number 1."), ("cron", "Given back.")];
    assert_eq!(told, expected.map(|(by, words)| (by.to_owned(), words.to_owned())));
}

#[tokio::test(start_paused = true)]
async fn the_same_key_has_the_same_grant() {
    let fs = SimFs::new();
    let ask = || {
        let command =
            AcquireLock { lock: "report".parse().unwrap(), owner: owner("a"), lease_ms: 10, wait_ms: 0 };
        earmark::Request::from(command).with_key(crate::common::business(), crate::common::key("k"))
    };
    let clock = clock();
    let engine = open_at(&fs, &clock).await;
    let first = engine.submit::<AcquireLock>(ask()).await.unwrap();
    clock.advance(10);
    let _next = lock(&engine).try_acquire(owner("b"), ms(10)).await.unwrap();
    assert_eq!(engine.submit::<AcquireLock>(ask()).await.unwrap(), first);
    let engine = open_at(&fs.crash(), &clock).await;
    assert_eq!(engine.submit::<AcquireLock>(ask()).await.unwrap(), first);
    assert!(matches!(first, Answer::Lock(grant) if grant.is_new && grant.fencing == 1));
}
