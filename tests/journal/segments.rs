//! Rotation, recycling, truncation.

use earmark::journal::log::{CommitLog, LogError};
use earmark::port::fs_sim::SimFs;

use crate::support::{SEGMENT_BYTES, append, assert_contiguous, open, payload, payloads, segments};

#[test]
fn a_run_across_many_segments_is_read_back_whole() {
    let fs = SimFs::new();
    let (mut log, _, _) = open(&fs).unwrap();
    let expected: Vec<Vec<u8>> =
        (1..=300).map(|index| payload(index, (index as usize * 37) % 900 + 1)).collect();
    let maintenance = log.maintenance();
    for (index, payload) in expected.iter().enumerate() {
        append(&mut log, index as u64 + 1, payload.len()).unwrap();
        while maintenance.step() {}
    }
    drop(log);
    assert!(segments(&fs).len() > 20);
    let (_, tail, batches) = open(&fs.crash()).unwrap();
    assert_contiguous(&batches);
    assert_eq!(payloads(&batches), expected);
    assert_eq!(tail.records, 600);
}

#[test]
fn maintenance_has_the_next_segments_ready_before_they_are_needed() {
    let fs = SimFs::new();
    let (mut log, _, _) = open(&fs).unwrap();
    let maintenance = log.maintenance();
    for index in 1..=100 {
        let names = fs.counters().names;
        append(&mut log, index, 500).unwrap();
        // A rotation renames a ready file and syncs the folder; filling one would create it first.
        assert!(fs.counters().names - names <= 2, "append {index} had to allocate");
        while maintenance.step() {}
    }
}

#[test]
fn recycled_segments_with_stale_frames_open_right() {
    let fs = SimFs::new();
    let (mut log, _, _) = open(&fs).unwrap();
    let mut first = 1;
    for index in 1..=400 {
        append(&mut log, index, 150 + (index as usize % 7) * 16).unwrap();
        if index % 25 == 0 {
            first = log.truncate_before(index).unwrap();
        }
    }
    drop(log);
    assert!(first > 200);
    let recycled = segments(&fs).iter().filter(|(_, content)| content[6] == 1).count();
    assert!(recycled > 0, "no segment was recycled");
    for image in [fs.kill(), fs.crash()] {
        for _ in 0..3 {
            let (mut log, tail, batches) = open(&image).unwrap();
            assert_contiguous(&batches);
            assert_eq!(tail.start.sequence, first);
            assert_eq!(tail.cut, None);
            assert_eq!(batches.iter().find(|batch| batch.count > 0).unwrap().first_sequence, first);
            append(&mut log, 1, 150).unwrap();
        }
        assert_eq!(image.files().len(), open(&image).map(|_| image.files().len()).unwrap());
    }
}

#[test]
fn a_torn_batch_over_stale_frames_is_cut() {
    let fs = SimFs::new();
    // Half of a write is to be half of the frame: past the page cache it is half of the blocks around it.
    fs.allow_direct(false);
    let (mut log, _, _) = open(&fs).unwrap();
    let mut index = 0;
    loop {
        index += 1;
        append(&mut log, index, 150).unwrap();
        log.truncate_before(index).unwrap();
        if segments(&fs).last().unwrap().1[6] == 1 && index > 100 {
            break;
        }
    }
    append(&mut log, index + 1, 150).unwrap();
    fs.fail_write(1);
    assert!(matches!(append(&mut log, index + 2, 1500), Err(LogError::OutcomeUnknown { .. })));
    drop(log);
    let (_, tail, batches) = open(&fs).unwrap();
    assert_contiguous(&batches);
    assert_eq!(payloads(&batches).last(), Some(&payload(index + 1, 150)));
    assert!(tail.cut.is_some());
}

#[test]
fn truncation_keeps_the_segment_that_holds_the_sequence() {
    let fs = SimFs::new();
    let (mut log, _, _) = open(&fs).unwrap();
    for index in 1..=100 {
        append(&mut log, index, 300).unwrap();
    }
    let first = log.truncate_before(90).unwrap();
    assert!(first <= 90 && first > 50);
    assert_eq!(log.truncate_before(90).unwrap(), first);
    assert_eq!(log.truncate_before(u64::MAX).unwrap(), log.reader().start().sequence);
    assert!(log.reader().start().sequence < log.end().sequence);
}

#[test]
fn an_opening_gives_back_the_room_behind_the_old_segments_last_frame() {
    let fs = SimFs::new();
    for index in 1..=10 {
        let (mut log, _, _) = open(&fs).unwrap();
        append(&mut log, index, 100).unwrap();
        log.seal(crate::support::at(index)).unwrap();
    }
    let all = segments(&fs);
    assert!(all.len() >= 9);
    assert!(all[..all.len() - 1].iter().all(|(_, content)| (content.len() as u64) < SEGMENT_BYTES));
}
