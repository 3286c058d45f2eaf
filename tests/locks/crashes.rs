//! Locks over crashes, snapshots and restarts.

use earmark::domain::lock::LockEvent;
use earmark::domain::record::LockRecord;
use earmark::port::fs_sim::SimFs;
use earmark::{Command, Engine, EntityId, ExtendLock, Record, Refusal, ReleaseLock, Timestamp};

use crate::common::journal::{craft, read, write};
use crate::common::refusal;
use crate::{START, clock, lock, ms, open_at, owner, settle};

/// The highest number that the journal tells of.
fn highest(engine: &Engine) -> u64 {
    let mut history = engine.subscribe(engine.start()).unwrap();
    let mut highest = 0;
    while let Some(published) = history.try_next().unwrap() {
        let Record::Lock(record) = published.record else { continue };
        for event in record.events {
            if let LockEvent::Acquired { fencing, .. } = event {
                assert!(fencing > highest, "{fencing} after {highest}");
                highest = fencing;
            }
        }
    }
    highest
}

#[tokio::test(start_paused = true)]
async fn numbers_grow_over_a_crash_behind_every_record() {
    let (fs, clock) = (SimFs::new(), clock());
    let engine = open_at(&fs, &clock).await;
    for round in 0..12_u64 {
        let mut guard = lock(&engine).try_acquire(owner(&format!("o{round}")), ms(100)).await.unwrap();
        match round % 3 {
            0 => guard.release().await.unwrap(),
            1 => drop(guard.extend(ms(200)).await.unwrap()),
            _ => std::mem::forget(guard),
        }
        settle().await;
        clock.advance(if round % 2 == 0 { 300 } else { 200 });
        if round % 4 == 0 {
            settle().await;
        }
    }
    engine.close().await.unwrap();
    let records = read(&fs);
    assert!(records.len() > 20, "{}", records.len());
    let mut before = 0;
    for length in 0..=records.len() {
        let image = write(records.get(..length).unwrap());
        let engine = open_at(&image, &clock).await;
        let known = highest(&engine);
        assert!(known >= before);
        before = known;
        // Long after every lease.
        clock.advance(10_000);
        let guard = lock(&engine).try_acquire(owner("next"), ms(100)).await.unwrap();
        assert_eq!(guard.fencing(), known + 1, "behind record {length}");
        let hash = engine.cut().await.unwrap().hash;
        let again = open_at(&image.crash(), &clock).await;
        assert_eq!(again.cut().await.unwrap().hash, hash, "behind record {length}");
        assert_eq!(lock(&again).view().await.unwrap().unwrap().fencing, known + 1);
    }
    assert_eq!(before, 12);
}

#[tokio::test(start_paused = true)]
async fn a_lease_outlives_a_crash_and_ends_at_its_time() {
    let (fs, clock) = (SimFs::new(), clock());
    let engine = open_at(&fs, &clock).await;
    let held = lock(&engine).try_acquire(owner("a"), ms(1_000)).await.unwrap();
    let waits = lock(&engine);
    let waiting = tokio::spawn(async move { waits.acquire(owner("b"), ms(1_000)).await.map(drop) });
    settle().await;
    let image = fs.crash();
    waiting.abort();
    let engine = open_at(&image, &clock).await;
    settle().await;
    assert_eq!(engine.timers_armed(), 1);
    let until = Timestamp::from_millis(START + 1_000);
    let held_still = Refusal::LockHeld { owner: owner("a"), until };
    assert_eq!(refusal(lock(&engine).try_acquire(owner("c"), ms(1)).await), held_still);
    // Who had it has it still, by its number.
    let name = lock(&engine).name().clone();
    let extend = ExtendLock { lock: name.clone(), fencing: held.fencing(), lease_ms: 2_000 };
    engine.submit::<Command>(Command::from(extend)).await.unwrap();
    clock.advance(2_000);
    settle().await;
    // Nobody waited: that was in no record.
    let seen = lock(&engine).view().await.unwrap().unwrap();
    assert_eq!((seen.lease, seen.fencing), (None, 1));
    let late = engine.submit::<Command>(Command::from(ReleaseLock { lock: name, fencing: 1 })).await;
    assert_eq!(refusal(late), Refusal::LockLost { fencing: 1, last: 1 });
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_holds_locks_and_their_numbers_go_on() {
    let (fs, clock) = (SimFs::new(), clock());
    let engine = open_at(&fs, &clock).await;
    for number in 1..=40_u64 {
        let handle = engine.lock(&format!("l{}", number % 5).parse().unwrap());
        std::mem::forget(handle.try_acquire(owner("a"), ms(50 * number)).await.unwrap());
        clock.advance(500);
        if number == 20 {
            engine.snapshot().await.unwrap();
        }
    }
    settle().await;
    let cut = engine.cut().await.unwrap();
    assert_eq!(cut.works.locks.len(), 5);
    let image = fs.crash();
    let recovered = open_at(&image, &clock).await;
    let report = recovered.recovery();
    assert!(report.loaded.is_some() && report.records < 60, "{report:?}");
    assert_eq!(recovered.cut().await.unwrap().hash, cut.hash);
    let bare = fs.crash();
    for listed in earmark::snapshot::list(&bare, crate::common::sim::FOLDER.as_ref()).unwrap() {
        earmark::port::fs::Fs::remove(&bare, &listed.path).unwrap();
    }
    let replayed = open_at(&bare, &clock).await;
    assert!(replayed.recovery().loaded.is_none());
    assert_eq!(replayed.cut().await.unwrap().works, cut.works);
    clock.advance(10_000);
    for lock in cut.works.locks.values() {
        let guard = recovered.lock(&lock.name).try_acquire(owner("b"), ms(1)).await.unwrap();
        assert_eq!(guard.fencing(), lock.fencing + 1);
    }
}

/// A record of one event of the lock.
fn record(version: u64, event: LockEvent) -> Record {
    Record::Lock(LockRecord {
        lock: "report".parse().unwrap(),
        version,
        at: Timestamp::from_millis(START),
        by: None,
        events: [event].into_iter().collect(),
        mark: None,
    })
}

#[tokio::test(start_paused = true)]
async fn a_lock_whose_records_contradict_each_other_is_parked_until_an_operator_has_looked() {
    let given = |fencing| LockEvent::Acquired {
        owner: owner("a"),
        fencing,
        until: Timestamp::from_millis(START + 1_000),
    };
    let image = write(&[craft(&record(1, given(1))), craft(&record(2, given(2)))]);
    let clock = clock();
    let engine = open_at(&image, &clock).await;
    clock.advance(1_000);
    let refused = refusal(lock(&engine).try_acquire(owner("b"), ms(1)).await);
    assert_eq!(refused, Refusal::Parked { reason: "given to a second owner".into() });
    let entity = EntityId::Lock("report".parse().unwrap());
    engine.unpark(&entity, "operator".parse().unwrap()).await.unwrap();
    let guard = lock(&engine).try_acquire(owner("b"), ms(1_000)).await.unwrap();
    assert_eq!(guard.fencing(), 2);
}
