//! What is written in any way is there, and every way is measured.

use std::time::Duration;

use clap::ValueEnum;

use super::track::{Sizes, Track};
use super::way::{Layout, Mode, Way};
use super::{cell, parse_bytes};

/// Room for a few batches of some blocks.
const FILE_BYTES: usize = 256 << 10;
const BLOCK_BYTES: usize = 4096;

/// Batches of changing bytes, their places in the file by the layout.
fn check(way: Way, batch_bytes: usize) {
    let folder = tempfile::tempdir().unwrap();
    let Ok(mut track) =
        Track::lay(folder.path(), way, Sizes { batch: batch_bytes, block: BLOCK_BYTES, file: FILE_BYTES })
    else {
        // Not every file system has every way; those that have not are told in a run.
        assert_ne!(way.mode, Mode::Plain);
        return;
    };
    let mut expected = Vec::new();
    for byte in 1..=9 {
        let batch = vec![byte; batch_bytes];
        track.append(&batch).unwrap();
        expected.extend_from_slice(&batch);
        if way.layout == Layout::Padded {
            expected.resize(expected.len().next_multiple_of(BLOCK_BYTES), 0);
        }
    }
    assert!(track.content().unwrap() == expected, "{way:?} with {batch_bytes} bytes");
    drop(track);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "a file was left");
}

#[test]
fn what_was_appended_in_any_way_is_what_the_file_holds() {
    for batch_bytes in [1, 200, 4_095, BLOCK_BYTES, 4_097, 10_000, 4 * BLOCK_BYTES] {
        for way in Way::all(Mode::value_variants(), batch_bytes, BLOCK_BYTES) {
            check(way, batch_bytes);
        }
    }
}

#[test]
fn a_full_file_is_filled_with_zeros_again_before_the_next_batch() {
    let folder = tempfile::tempdir().unwrap();
    let sizes = Sizes { batch: FILE_BYTES / 4, block: BLOCK_BYTES, file: FILE_BYTES };
    let mut track = Track::lay(folder.path(), Way::YARDSTICK, sizes).unwrap();
    let batch = vec![7; FILE_BYTES / 4];
    for _ in 0..4 {
        track.make_room().unwrap();
        track.append(&batch).unwrap();
    }
    assert_eq!(track.content().unwrap().len(), FILE_BYTES);
    track.make_room().unwrap();
    assert!(track.content().unwrap().is_empty());
}

#[test]
fn every_way_has_a_slice_in_every_round_and_is_compared_with_plain() {
    let folder = tempfile::tempdir().unwrap();
    let plan = cell::Plan {
        folder: folder.path(),
        sizes: Sizes { batch: 200, block: BLOCK_BYTES, file: FILE_BYTES },
        rounds: 3,
        slice: Duration::from_millis(1),
        seed: 1,
    };
    let ways = Way::all(&[Mode::Plain, Mode::Dsync], 200, BLOCK_BYTES);
    assert_eq!(ways.len(), 4);
    let cells = cell::measure(&plan, &ways).unwrap();
    for cell in &cells {
        let measured = cell.measured.as_ref().unwrap();
        assert_eq!(measured.medians.len(), 3);
        assert!(measured.latency.len() >= 3);
        assert!(measured.processor > Duration::ZERO);
        let each = if cell.way.layout == Layout::Padded { BLOCK_BYTES as u64 } else { 200 };
        assert_eq!(measured.written_bytes, measured.latency.len() * each);
    }
}

#[test]
fn lengths_are_given_in_bytes_kilobytes_or_megabytes() {
    assert_eq!(parse_bytes("200"), Ok(200));
    assert_eq!(parse_bytes("4K"), Ok(4_096));
    assert_eq!(parse_bytes("1M"), Ok(1 << 20));
    for refused in ["", "0", "17M", "K", "4KiB", "-1", "99999999999999999999M"] {
        assert!(parse_bytes(refused).is_err(), "{refused}");
    }
}

#[test]
fn the_wait_for_a_processor_is_the_second_number_that_the_system_tells() {
    assert_eq!(cell::waited_of(b"74011 1926820 12\n"), Some(Duration::from_nanos(1_926_820)));
    assert_eq!(cell::waited_of(b""), None);
    assert_eq!(cell::waited_of(b"74011 no"), None);
}
