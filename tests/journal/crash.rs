//! Power cuts and killed processes, at every operation of a run.

use std::ops::ControlFlow;

use earmark::journal::log::{CommitLog, LogError};
use earmark::port::fs_sim::SimFs;

use crate::support::{append, assert_contiguous, at, open, payload, payloads};

const TORN_SEEDS: u64 = 6;

/// What a run was promised: how many batches are durable, and how many may be.
#[derive(Default)]
struct Promise {
    acknowledged: u64,
    attempted: u64,
    first_kept: u64,
}

fn go<T>(result: Result<T, LogError>) -> ControlFlow<(), T> {
    result.map_or(ControlFlow::Break(()), ControlFlow::Continue)
}

fn append_some(
    fs: &SimFs,
    promise: &mut Promise,
    batches: u64,
    truncate: bool,
    seal: bool,
) -> ControlFlow<()> {
    let (mut log, _, _) = go(open(fs))?;
    let maintenance = log.maintenance();
    for _ in 0..batches {
        promise.attempted = promise.acknowledged + 1;
        go(append(&mut log, promise.attempted, 900))?;
        promise.acknowledged = promise.attempted;
        maintenance.step();
    }
    if truncate {
        // The sequence counts two records a batch.
        promise.first_kept = promise.acknowledged - 6;
        go(log.truncate_before(promise.first_kept * 2 - 1))?;
    }
    if seal {
        go(log.seal(at(1)))?;
    }
    ControlFlow::Continue(())
}

/// Open, append across segments, truncate, seal, open again, append, end without a seal, open again.
fn script(fs: &SimFs, promise: &mut Promise) -> ControlFlow<()> {
    append_some(fs, promise, 16, true, true)?;
    append_some(fs, promise, 6, false, false)?;
    append_some(fs, promise, 3, true, true)?;
    append_some(fs, promise, 1, false, false)
}

fn assert_kept(image: &SimFs, promise: &Promise, what: &str) {
    let (mut log, _, batches) = open(image).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_contiguous(&batches);
    let read = payloads(&batches);
    let first =
        batches.iter().find(|batch| batch.count > 0).map_or(1, |batch| batch.first_sequence.div_ceil(2));
    let last = first + read.len() as u64 - 1;
    assert!(last >= promise.acknowledged, "{what}: {} were acknowledged, {last} kept", promise.acknowledged);
    assert!(last <= promise.attempted, "{what}: batch {last} was never appended");
    assert!(first <= promise.first_kept.max(1), "{what}: truncated too much");
    assert_eq!(read, (first..=last).map(|index| payload(index, 900)).collect::<Vec<_>>(), "{what}");
    append(&mut log, last + 1, 900).unwrap();
    drop(log);
    assert_eq!(payloads(&open(&image.crash()).unwrap().2).len(), read.len() + 1, "{what}");
}

#[test]
fn a_power_cut_at_any_operation_loses_no_acknowledged_batch() {
    let whole = SimFs::new();
    assert!(script(&whole, &mut Promise::default()).is_continue());
    let operations = whole.counters().operations;
    assert!(operations > 150, "{operations}");
    for cut in 1..=operations {
        let fs = SimFs::new();
        fs.power_off_at(cut);
        let mut promise = Promise::default();
        assert!(script(&fs, &mut promise).is_break());
        assert_kept(&fs.crash(), &promise, &format!("cut {cut}"));
        assert_kept(&fs.kill(), &promise, &format!("kill {cut}"));
        for seed in 0..TORN_SEEDS {
            assert_kept(&fs.crash_torn(seed), &promise, &format!("cut {cut}, torn by {seed}"));
        }
    }
}

#[test]
fn a_power_cut_while_opening_after_a_crash_loses_nothing_either() {
    let fs = SimFs::new();
    let mut promise = Promise::default();
    assert!(append_some(&fs, &mut promise, 10, false, false).is_continue());
    for seed in 0..TORN_SEEDS {
        let mut cut = 0;
        loop {
            cut += 1;
            let image = fs.crash_torn(seed);
            image.power_off_at(cut);
            let served = open(&image).is_ok();
            assert_kept(&image.crash(), &promise, &format!("cut {cut} after {seed}"));
            assert_kept(&image.crash_torn(seed + cut), &promise, &format!("cut {cut} after {seed}, torn"));
            if served {
                break;
            }
        }
    }
}

/// The process dies between a write and its sync, the next one serves the batch it finds in the page
/// cache, and then the power goes. Without the rewriting of the tail the served batch would be gone.
#[test]
fn what_was_served_out_of_the_page_cache_after_a_kill_survives_a_power_cut() {
    let fs = SimFs::new();
    let (mut log, _, _) = open(&fs).unwrap();
    append(&mut log, 1, 100).unwrap();
    // A sync that fails drops what it should have written while reads go on showing it.
    fs.fail_sync(1);
    append(&mut log, 2, 100).unwrap_err();
    let killed = fs.kill();
    let (log, _, served) = open(&killed).unwrap();
    assert_eq!(payloads(&served), vec![payload(1, 100), payload(2, 100)]);
    drop(log);
    for image in [killed.crash(), killed.crash_torn(1), killed.kill().crash()] {
        assert_eq!(payloads(&open(&image).unwrap().2), payloads(&served));
    }
}

#[test]
fn the_same_holds_when_the_batch_stands_behind_a_seal() {
    let fs = SimFs::new();
    let (mut log, _, _) = open(&fs).unwrap();
    append(&mut log, 1, 100).unwrap();
    // The seal itself is lost too.
    fs.fail_sync(1);
    log.seal(at(2)).unwrap_err();
    let killed = fs.kill();
    let (mut log, tail, _) = open(&killed).unwrap();
    assert!(tail.sealed);
    append(&mut log, 2, 100).unwrap();
    drop(log);
    assert_eq!(payloads(&open(&killed.crash()).unwrap().2), vec![payload(1, 100), payload(2, 100)]);
}
