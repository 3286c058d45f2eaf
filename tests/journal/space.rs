//! A disk that fills up.

use earmark::journal::log::{CommitLog, LogError, Space};
use earmark::port::fs_sim::SimFs;

use crate::support::{append, assert_contiguous, open, payload, payloads, segments};

#[test]
fn a_full_disk_leaves_the_reserve_then_refuses_and_recovers_when_space_returns() {
    let fs = SimFs::new();
    let (mut log, _, _) = open(&fs).unwrap();
    let maintenance = log.maintenance();
    assert_eq!(log.space(), Space::Enough);
    fs.set_capacity(Some(fs.used_bytes()));
    let (mut index, mut reserve_seen) = (0, false);
    let error = loop {
        index += 1;
        match append(&mut log, index, 400) {
            Ok(_) => reserve_seen |= log.space() == Space::ReserveOnly,
            Err(error) => break error,
        }
        maintenance.step();
    };
    assert!(matches!(error, LogError::Full { .. }) && reserve_seen);
    assert_eq!(log.space(), Space::ReserveOnly);
    assert!(matches!(append(&mut log, index, 400), Err(LogError::Full { .. })));
    fs.set_capacity(None);
    for _ in 0..1000 {
        maintenance.step();
    }
    assert_eq!(log.space(), Space::Enough);
    append(&mut log, index, 400).unwrap();
    drop(log);
    let (_, _, batches) = open(&fs.crash()).unwrap();
    assert_contiguous(&batches);
    assert_eq!(payloads(&batches), (1..=index).map(|index| payload(index, 400)).collect::<Vec<_>>());
}

#[test]
fn a_disk_that_is_full_at_opening_is_served_from_the_reserve() {
    let fs = SimFs::new();
    let (mut log, _, _) = open(&fs).unwrap();
    append(&mut log, 1, 400).unwrap();
    log.seal(crate::support::at(1)).unwrap();
    drop(log);
    fs.set_capacity(Some(fs.used_bytes()));
    let (mut log, _, batches) = open(&fs).unwrap();
    assert_eq!(payloads(&batches), vec![payload(1, 400)]);
    append(&mut log, 2, 400).unwrap();
}

#[test]
fn a_disk_without_room_for_one_segment_refuses_to_serve() {
    let fs = SimFs::new();
    fs.set_capacity(Some(5000));
    assert!(matches!(open(&fs).map(|(_, tail, _)| tail), Err(LogError::Full { .. })));
    fs.set_capacity(None);
    assert!(open(&fs).is_ok());
}

#[test]
fn a_broken_allocation_is_tried_again_without_halting() {
    let fs = SimFs::new();
    let (mut log, _, _) = open(&fs).unwrap();
    let maintenance = log.maintenance();
    let mut index = 0;
    // Behind the first rotation one file is missing, and some appends later it is due.
    while segments(&fs).len() < 2 || index % 5 != 0 {
        index += 1;
        append(&mut log, index, 400).unwrap();
    }
    append(&mut log, index + 1, 400).unwrap();
    append(&mut log, index + 2, 400).unwrap();
    fs.fail_sync(1);
    maintenance.step();
    assert_eq!(log.space(), Space::ReserveOnly);
    for _ in 0..100 {
        maintenance.step();
    }
    assert_eq!(log.space(), Space::Enough);
    append(&mut log, index + 3, 400).unwrap();
}
