//! Readers beside the writer.

use earmark::domain::time::Timestamp;
use earmark::journal::MemoryLog;
use earmark::journal::log::{Batch, CommitLog, Cursor, LogError, LogReader, StoredBatch};
use earmark::port::fs_sim::SimFs;

use crate::support::{append, assert_contiguous, open, payload, payloads};

fn drain(reader: &dyn LogReader, mut from: Cursor, bytes_max: usize) -> (Vec<StoredBatch>, Cursor) {
    let mut all: Vec<StoredBatch> = Vec::new();
    loop {
        let batches = reader.read(from, bytes_max).unwrap();
        let Some(last) = batches.last() else { return (all, from) };
        from = last.end();
        let seen = all.last().map_or(0, |batch| batch.number);
        all.extend(batches.into_iter().filter(|batch| batch.number > seen));
    }
}

#[test]
fn readers_follow_from_any_cursor_and_see_every_batch_once() {
    let fs = SimFs::new();
    for round in 0..3 {
        let (mut log, _, _) = open(&fs).unwrap();
        for index in 1..=40 {
            append(&mut log, round * 40 + index, 300).unwrap();
            if index % 10 == 0 {
                log.seal(crate::support::at(1)).unwrap();
            }
        }
    }
    let (log, _, batches) = open(&fs).unwrap();
    for bytes_max in [1, 1000, 1 << 20] {
        let reader = log.reader();
        let (read, end) = drain(reader.as_ref(), reader.start(), bytes_max);
        assert_contiguous(&read);
        assert_eq!(payloads(&read), payloads(&batches));
        assert_eq!(end.sequence, reader.end().sequence);
    }
    for batch in batches.iter().filter(|batch| batch.count > 0) {
        let inside = Cursor { epoch: batch.epoch, sequence: batch.first_sequence + 1 };
        let read = log.reader().read(inside, 1).unwrap();
        assert_eq!(payloads(&read), vec![batch.payload.to_vec()]);
    }
}

#[test]
fn a_reader_beside_the_writer_sees_only_what_is_durable() {
    let fs = SimFs::new();
    let (mut log, _, _) = open(&fs).unwrap();
    let reader = log.reader();
    let mut cursor = reader.start();
    for index in 1..=100 {
        append(&mut log, index, 300).unwrap();
        if index % 3 == 0 {
            let (read, end) = drain(reader.as_ref(), cursor, 400);
            assert_eq!(
                payloads(&read),
                (index - 2..=index).map(|index| payload(index, 300)).collect::<Vec<_>>()
            );
            cursor = end;
        }
    }
    let end = reader.end();
    fs.fail_sync(1);
    append(&mut log, 101, 10).unwrap_err();
    assert_eq!(reader.end(), end);
    assert_eq!(reader.read(end, 1000).unwrap(), vec![]);
}

#[test]
fn cursors_the_log_cannot_serve_are_errors() {
    let fs = SimFs::new();
    for round in 0..2 {
        let (mut log, _, _) = open(&fs).unwrap();
        for index in 1..=60 {
            append(&mut log, round * 60 + index, 300).unwrap();
        }
    }
    let (mut log, _, _) = open(&fs).unwrap();
    let reader = log.reader();
    let end = log.end();
    assert_eq!(end, Cursor { epoch: 3, sequence: 241 });
    assert!(reader.read(Cursor { epoch: 2, ..end }, 1).unwrap().is_empty());
    let wrong = |epoch, sequence| {
        assert!(
            matches!(reader.read(Cursor { epoch, sequence }, 1), Err(LogError::WrongEpoch { .. })),
            "{epoch}"
        );
    };
    wrong(1, 241);
    wrong(4, 241);
    wrong(2, 21);
    wrong(0, 21);
    wrong(2, 22);
    // At the change of epochs both sides of the mark are right.
    for epoch in [1, 2] {
        assert_eq!(
            reader.read(Cursor { epoch, sequence: 121 }, 1).unwrap().last().unwrap().end().sequence,
            123
        );
    }
    let ahead = reader.read(Cursor { epoch: 3, sequence: 242 }, 1);
    assert_eq!(ahead, Err(LogError::Ahead { asked: 242, end: 241 }));
    let first = log.truncate_before(150).unwrap();
    let gone = reader.read(Cursor { epoch: 1, sequence: 21 }, 1);
    assert_eq!(gone, Err(LogError::Truncated { asked: 21, first }));
    assert_eq!(drain(reader.as_ref(), reader.start(), 999).1.sequence, 241);
}

#[test]
fn a_reader_in_a_segment_that_is_truncated_gets_truncated_and_never_other_bytes() {
    let fs = SimFs::new();
    let (mut log, _, _) = open(&fs).unwrap();
    for index in 1..=60 {
        append(&mut log, index, 300).unwrap();
    }
    let reader = log.reader();
    let cursor = reader.read(reader.start(), 1).unwrap().last().unwrap().end();
    log.truncate_before(100).unwrap();
    for index in 61..=160 {
        append(&mut log, index, 300).unwrap();
    }
    assert!(matches!(reader.read(cursor, 1000), Err(LogError::Truncated { asked: 3, .. })));
}

#[test]
fn a_reader_on_another_thread_follows_a_writer_that_rotates_and_truncates() {
    let fs = SimFs::new();
    let (mut log, _, _) = open(&fs).unwrap();
    let reader = log.reader();
    let follower = std::thread::spawn(move || {
        let mut cursor = reader.start();
        let mut next = cursor.sequence.div_ceil(2);
        while next <= 2000 {
            match reader.read(cursor, 900) {
                Ok(batches) => {
                    for batch in batches.iter().filter(|batch| batch.count > 0) {
                        assert_eq!(batch.payload.to_vec(), payload(next, 120));
                        next += 1;
                    }
                    cursor = batches.last().map_or(cursor, StoredBatch::end);
                }
                Err(LogError::Truncated { .. }) => {
                    cursor = reader.start();
                    next = cursor.sequence.div_ceil(2);
                }
                Err(other) => panic!("{other}"),
            }
        }
    });
    for index in 1..=2000 {
        append(&mut log, index, 120).unwrap();
        if index % 200 == 0 {
            log.truncate_before(index).unwrap();
        }
    }
    follower.join().unwrap();
}

#[test]
fn a_log_in_memory_keeps_its_last_batches_and_says_what_it_dropped() {
    let mut log = MemoryLog::new(1000);
    let reader = log.reader();
    assert_eq!(reader.read(Cursor { epoch: 0, sequence: 1 }, 1), Ok(vec![]));
    for index in 1..=20 {
        log.append(Batch { count: 2, payload: &payload(index, 100), at: Timestamp::from_millis(index) })
            .unwrap();
    }
    assert_eq!(reader.start(), Cursor { epoch: 1, sequence: 21 });
    let gone = reader.read(Cursor { epoch: 0, sequence: 1 }, 1);
    assert_eq!(gone, Err(LogError::Truncated { asked: 1, first: 21 }));
    let (read, end) = drain(reader.as_ref(), reader.start(), 250);
    assert_contiguous(&read);
    assert_eq!((read.len(), end), (10, log.end()));
    assert!(matches!(reader.read(Cursor { epoch: 2, sequence: 30 }, 1), Err(LogError::WrongEpoch { .. })));
    assert!(matches!(reader.read(Cursor { epoch: 1, sequence: 42 }, 1), Err(LogError::Ahead { .. })));
    assert_eq!(log.truncate_before(30), Ok(29));
    assert_eq!(log.append(Batch { count: 0, payload: &[], at: Timestamp::ZERO }), Err(LogError::EmptyBatch));
}
