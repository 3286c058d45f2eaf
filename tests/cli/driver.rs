//! The driver under the tool, on a simulated file system: what it withholds, and what it says when segments
//! go away under it.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use earmark::journal::{Batch, CommitLog, FileLog, LogOptions, StoredBatch, segment};
use earmark::port::fs_sim::SimFs;
use earmark::replay::{Folder, Machine, Place, ReadError, Reading, Until};
use earmark::{Durability, Timestamp};

fn path() -> &'static Path {
    Path::new("/journal")
}

fn open(fs: &SimFs) -> FileLog {
    let options = LogOptions {
        durability: Durability::Disk,
        segment_bytes: segment::SEGMENT_BYTES_MIN,
        ..LogOptions::default()
    };
    FileLog::claim(Arc::new(fs.clone()), path(), options).unwrap().serve(Timestamp::from_millis(1)).unwrap()
}

fn append(log: &mut FileLog, batches: u64) {
    for at in 0..batches {
        log.append(Batch { count: 1, payload: &[7; 200], at: Timestamp::from_millis(at) }).unwrap();
    }
}

/// Notes the sequence numbers of batches, and drops what it can of a log after the first one.
#[derive(Default)]
struct Notes {
    seen: Vec<u64>,
    drops: Option<FileLog>,
}

impl Machine for Notes {
    fn take(&mut self, batch: &StoredBatch, place: Place<'_>) -> Result<ControlFlow<()>, ReadError> {
        assert!(place.segment.ends_with(".seg") && place.offset >= 4_096, "{place:?}");
        self.seen.extend((batch.count > 0).then_some(batch.first_sequence));
        if let Some(log) = &mut self.drops {
            log.truncate_before(log.end().sequence).unwrap();
        }
        Ok(ControlFlow::Continue(()))
    }
}

fn replay(fs: &SimFs, notes: &mut Notes) -> Reading {
    replay_until(fs, Until::End, notes)
}

fn replay_until(fs: &SimFs, until: Until, notes: &mut Notes) -> Reading {
    let mut folder = Folder::open(Arc::new(fs.clone()), path()).unwrap();
    folder.replay(0, until, notes, &mut |_| {})
}

#[test]
fn a_seal_of_the_same_millisecond_is_nothing_to_the_state_of_then() {
    let fs = SimFs::new();
    let mut log = open(&fs);
    append(&mut log, 3);
    log.seal(Timestamp::from_millis(2)).unwrap();
    drop(log);
    let at = |until| {
        let reading = replay_until(&fs, until, &mut Notes::default());
        (reading.next_sequence, reading.last_at, reading.records_chain)
    };
    let by_sequence = at(Until::Sequence(3));
    assert_eq!(at(Until::Time(Timestamp::from_millis(2))), by_sequence);
    assert_eq!(at(Until::End), by_sequence);
    assert_ne!(at(Until::Sequence(2)).2, by_sequence.2);
}

#[test]
fn the_last_batch_of_a_running_engine_is_withheld_until_a_frame_stands_behind_it() {
    let fs = SimFs::new();
    let mut log = open(&fs);
    append(&mut log, 3);
    let mut notes = Notes::default();
    let reading = replay(&fs, &mut notes);
    assert_eq!((reading.in_use, reading.withheld, reading.next_sequence), (true, 1, 3));
    assert_eq!((notes.seen, reading.sealed, reading.fault), (vec![1, 2], false, None));

    log.seal(Timestamp::from_millis(9)).unwrap();
    let mut notes = Notes::default();
    let reading = replay(&fs, &mut notes);
    assert_eq!((reading.in_use, reading.withheld, reading.sealed), (true, 0, true));
    assert_eq!(notes.seen, vec![1, 2, 3]);

    // With no engine there, what is in the folder is all there will be.
    append(&mut log, 1);
    drop(log);
    let mut notes = Notes::default();
    let reading = replay(&fs, &mut notes);
    assert_eq!((reading.in_use, reading.withheld, reading.sealed), (false, 0, false));
    assert_eq!(notes.seen, vec![1, 2, 3, 4]);
}

#[test]
fn segments_that_an_engine_drops_while_they_are_read_are_no_damage() {
    let fs = SimFs::new();
    let mut log = open(&fs);
    // Several times as many bytes as are read ahead, over many segments.
    append(&mut log, 12_000);
    let mut notes = Notes { drops: Some(log), ..Notes::default() };
    let reading = replay(&fs, &mut notes);
    assert!(matches!(reading.fault, Some(ReadError::Changed { .. })), "{:?}", reading.fault);
    assert!(!reading.to_the_end);
    let seen = notes.seen.len() as u64;
    assert_eq!(notes.seen, (1..=seen).collect::<Vec<_>>());
    assert_eq!(reading.next_sequence, seen + 1);
}

#[test]
fn a_segment_that_is_missing_without_an_engine_is_damage() {
    let fs = SimFs::new();
    let mut log = open(&fs);
    append(&mut log, 100);
    drop(log);
    let second = fs.files().into_keys().filter(|path| path.extension().is_some_and(|it| it == "seg")).nth(1);
    earmark::port::fs::Fs::remove(&fs, &second.unwrap()).unwrap();
    let reading = replay(&fs, &mut Notes::default());
    assert!(matches!(reading.fault, Some(ReadError::Log(_))), "{:?}", reading.fault);
}
