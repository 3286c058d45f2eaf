//! Power cuts and killed processes, at every operation of a run.

use std::ops::ControlFlow;

use earmark::journal::LogOptions;
use earmark::journal::log::{CommitLog, Durability, LogError};
use earmark::port::fs_sim::SimFs;

use crate::support::{append, assert_contiguous, at, open, open_with, options, payload, payloads};

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
    for direct in [true, false] {
        cut_everywhere(direct);
    }
}

fn cut_everywhere(direct: bool) {
    let whole = SimFs::new();
    whole.allow_direct(direct);
    assert!(script(&whole, &mut Promise::default()).is_continue());
    let operations = whole.counters().operations;
    assert!(operations > 120, "{operations}");
    for cut in 1..=operations {
        let fs = SimFs::new();
        fs.allow_direct(direct);
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

/// Past the page cache a batch is written with what its first block held already. Here one block holds many
/// batches, and each of them is torn in every way.
#[test]
fn a_torn_write_of_a_block_again_leaves_the_batches_that_it_held() {
    let mut random = fastrand::Rng::with_seed(crate::support::seed());
    for acknowledged in 0..8 {
        let fs = SimFs::new();
        let (mut log, _, _) = open(&fs).unwrap();
        for index in 1..=acknowledged {
            append(&mut log, index, 200).unwrap();
        }
        let writes = fs.counters().writes;
        fs.power_off_at(1);
        append(&mut log, acknowledged + 1, 1_000).unwrap_err();
        assert_eq!(fs.counters().writes, writes + 1, "one write, and no sync behind it");
        for _ in 0..50 {
            let (_, _, batches) = open(&fs.crash_torn(random.u64(..))).unwrap();
            let kept = payloads(&batches);
            let expected: Vec<_> = (1..=acknowledged).map(|index| payload(index, 200)).collect();
            assert!(kept.starts_with(&expected), "of {acknowledged}, {} are left", kept.len());
            assert!(kept.len() <= expected.len() + 1);
        }
    }
}

#[test]
fn both_ways_to_the_disk_leave_the_same_bytes() {
    let run = |direct: bool| {
        let fs = SimFs::new();
        fs.allow_direct(direct);
        let (mut log, _, _) = open(&fs).unwrap();
        for index in 1..=40 {
            append(&mut log, index, (index as usize * 97) % 1_500 + 1).unwrap();
        }
        log.seal(at(41)).unwrap();
        drop(log);
        let (mut log, _, _) = open(&fs).unwrap();
        append(&mut log, 41, 3_000).unwrap();
        (fs.crash().files(), fs.counters().syncs, fs.counters().writes)
    };
    let ((direct, direct_syncs, direct_writes), (cached, cached_syncs, cached_writes)) =
        (run(true), run(false));
    assert!(direct == cached, "the journals differ");
    assert_eq!(
        direct_syncs,
        cached_syncs + 2,
        "each opening proves it with one write more, durable as all are"
    );
    assert_eq!(direct_writes, cached_writes + 2);
}

/// The memory that batches are put together in grows, and shrinks behind the longest.
#[test]
fn long_and_short_batches_stand_in_one_segment_and_survive_a_cut() {
    let lengths = [100, 200_000, 300, 1_500_001, 4_000, 131_072, 1, 1_100_000, 5_000];
    let fs = SimFs::new();
    let wide = LogOptions { segment_bytes: 4 << 20, ..options(Durability::Disk) };
    let (mut log, _, _) = open_with(&fs, wide).unwrap();
    let mut expected = Vec::new();
    for (index, bytes) in (1..).zip(lengths) {
        append(&mut log, index, bytes).unwrap();
        expected.push(payload(index, bytes));
        for image in [fs.crash(), fs.crash_torn(index)] {
            assert!(payloads(&open_with(&image, wide).unwrap().2) == expected, "after batch {index}");
        }
    }
}

#[test]
fn a_write_past_the_page_cache_that_fails_halts_the_log() {
    for direct in [true, false] {
        let fs = SimFs::new();
        fs.allow_direct(direct);
        let (mut log, _, _) = open(&fs).unwrap();
        append(&mut log, 1, 100).unwrap();
        fs.fail_write(1);
        assert!(matches!(append(&mut log, 2, 100), Err(LogError::OutcomeUnknown { .. })));
        assert!(matches!(append(&mut log, 3, 100), Err(LogError::Halted { .. })));
        drop(log);
        let kept = payloads(&open(&fs.crash()).unwrap().2);
        assert_eq!(kept, vec![payload(1, 100)]);
    }
}
