//! The end of the log: torn, sealed, empty.

use earmark::journal::frame;
use earmark::journal::log::{CommitLog, Cursor, Durability, LogError};
use earmark::port::fs_sim::SimFs;

use crate::support::{append, assert_contiguous, at, open, open_with, options, payload, payloads, segments};

/// A log with three batches in one segment and the offset at which the last frame begins.
fn three_batches() -> (SimFs, usize, usize) {
    let fs = SimFs::new();
    let (mut log, _, _) = open(&fs).unwrap();
    for index in 1..=3 {
        append(&mut log, index, 100).unwrap();
    }
    drop(log);
    let frame_bytes = frame::frame_bytes(100);
    let last = 4096 + frame::EMPTY_FRAME_BYTES + 2 * frame_bytes;
    (fs, last, frame_bytes)
}

#[test]
fn an_empty_log_begins_with_sequence_1_and_the_mark_of_epoch_1() {
    let fs = SimFs::new();
    let (log, tail, batches) = open(&fs).unwrap();
    assert_eq!(tail.end, Cursor { epoch: 0, sequence: 1 });
    assert!(tail.sealed && batches.is_empty());
    assert_eq!(log.end(), Cursor { epoch: 1, sequence: 1 });
    drop(log);
    let (_, tail, batches) = open(&fs).unwrap();
    assert_eq!((tail.batches, tail.records, tail.sealed), (1, 0, false));
    assert_eq!((batches[0].number, batches[0].epoch, batches[0].count), (1, 1, 0));
}

#[test]
fn a_tail_torn_at_any_byte_is_cut_and_the_rest_is_served() {
    let (fs, last, frame_bytes) = three_batches();
    let (path, whole) = segments(&fs).pop().unwrap();
    // What is missing is zeros in one run and behind the end of the file in the other.
    for kept in 0..frame_bytes {
        for shorter in [false, true] {
            let mut torn = whole.clone();
            torn[last + kept..].fill(0);
            if shorter {
                torn.truncate(last + kept);
            }
            let complete = torn[last..].iter().eq(whole[last..last + frame_bytes].iter());
            let copy = fs.kill();
            copy.plant(&path, torn.clone());
            let (mut log, tail, batches) = open(&copy).unwrap();
            // The padding behind the payload is not part of what the checksum covers.
            let whole_payload = !shorter && kept >= frame::HEAD_BYTES + 100;
            if whole_payload || complete {
                assert_eq!(batches.len(), 4);
                continue;
            }
            assert_eq!(payloads(&batches), vec![payload(1, 100), payload(2, 100)], "kept {kept}");
            assert_eq!(
                tail.cut.as_ref().map(|cut| cut.offset),
                (kept > 0).then_some(last as u64),
                "kept {kept}"
            );
            assert_eq!(append(&mut log, 9, 50).unwrap().first_sequence, 5);
            drop(log);
            let (_, _, batches) = open(&copy).unwrap();
            assert_contiguous(&batches);
            assert_eq!(payloads(&batches), vec![payload(1, 100), payload(2, 100), payload(9, 50)]);
        }
    }
}

#[test]
fn a_seal_is_written_once_and_ends_the_ambiguity() {
    let fs = SimFs::new();
    let (mut log, _, _) = open(&fs).unwrap();
    append(&mut log, 1, 10).unwrap();
    log.seal(at(5)).unwrap();
    let writes = fs.counters().writes;
    log.seal(at(6)).unwrap();
    assert_eq!(fs.counters().writes, writes);
    drop(log);
    let (_, tail, _) = open(&fs.crash()).unwrap();
    assert!(tail.sealed);
    assert_eq!(tail.at, at(5));
}

#[test]
fn opening_many_times_keeps_the_history_and_raises_the_epoch() {
    for clean in [true, false] {
        let fs = SimFs::new();
        let mut expected = Vec::new();
        for round in 1..=60 {
            let (mut log, _, batches) = open(&fs).unwrap();
            assert_contiguous(&batches);
            assert_eq!(payloads(&batches), expected);
            assert_eq!(log.end().epoch, round);
            if round % 3 == 0 {
                append(&mut log, round, 70).unwrap();
                expected.push(payload(round, 70));
            }
            if clean {
                log.seal(at(round)).unwrap();
            }
        }
    }
}

#[test]
fn the_longest_batch_fits_behind_any_number_of_openings_without_records() {
    let fs = SimFs::new();
    for _ in 0..100 {
        let (mut log, _, _) = open(&fs).unwrap();
        log.seal(at(1)).unwrap();
    }
    let (mut log, _, _) = open(&fs).unwrap();
    let longest = earmark::journal::segment::payload_bytes_max(crate::support::SEGMENT_BYTES);
    let error = append(&mut log, 1, longest + 1).unwrap_err();
    assert_eq!(error, LogError::TooLarge { bytes: longest + 1, bytes_max: longest });
    for index in 1..=3 {
        append(&mut log, index, longest).unwrap();
    }
    drop(log);
    let (_, tail, batches) = open(&fs).unwrap();
    assert_contiguous(&batches);
    assert_eq!(tail.records, 6);
}

#[test]
fn a_failed_sync_or_write_leaves_the_outcome_open_and_halts_for_good() {
    for fail in [SimFs::fail_sync, SimFs::fail_write] {
        let fs = SimFs::new();
        let (mut log, _, _) = open(&fs).unwrap();
        append(&mut log, 1, 10).unwrap();
        fail(&fs, 1);
        let before = log.end();
        assert!(matches!(append(&mut log, 2, 10), Err(LogError::OutcomeUnknown { .. })));
        for _ in 0..2 {
            assert!(matches!(append(&mut log, 3, 10), Err(LogError::Halted { .. })));
            assert!(matches!(log.seal(at(9)), Err(LogError::Halted { .. })));
        }
        assert_eq!(log.end(), before);
        assert_eq!(log.reader().end(), before);
    }
}

#[test]
fn the_level_process_survives_the_end_of_the_process_without_a_sync() {
    let fs = SimFs::new();
    let (mut log, _, _) = open_with(&fs, options(Durability::Process)).unwrap();
    let syncs = fs.counters().syncs;
    for index in 1..=5 {
        append(&mut log, index, 30).unwrap();
    }
    assert_eq!(fs.counters().syncs, syncs);
    assert_eq!(open(&fs.kill()).unwrap().1.records, 10);
    assert_eq!(open(&fs.crash()).unwrap().1.records, 0);
    log.seal(at(9)).unwrap();
    assert_eq!(open(&fs.crash()).unwrap().1.records, 10);
}

#[test]
fn a_folder_is_claimed_once_until_the_claim_is_dropped() {
    let fs = SimFs::new();
    let (log, _, _) = open(&fs).unwrap();
    assert!(matches!(crate::support::claim(&fs), Err(LogError::InUse { .. })));
    drop(log);
    assert!(crate::support::claim(&fs).is_ok());
}

#[test]
fn a_folder_of_the_real_file_system_is_claimed_once_and_keeps_what_was_appended() {
    use earmark::journal::FileLog;
    use earmark::port::fs::RealFs;
    use std::sync::Arc;

    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("deep/journal");
    let claim = || FileLog::claim(Arc::new(RealFs), &folder, options(Durability::Disk));
    let mut log = claim().unwrap().serve(at(1)).unwrap();
    assert!(matches!(claim(), Err(LogError::InUse { .. })));
    for index in 1..=200 {
        append(&mut log, index, 100).unwrap();
    }
    let read = log.reader().read(Cursor { epoch: 1, sequence: 101 }, 1).unwrap();
    assert_eq!(payloads(&read), vec![payload(51, 100)]);
    log.truncate_before(200).unwrap();
    drop(log);
    let mut opening = claim().unwrap();
    let tail = opening.read(|_, _| Ok::<(), ()>(())).unwrap();
    assert_eq!(tail.end, Cursor { epoch: 1, sequence: 401 });
    assert!(tail.start.sequence > 100);
}
