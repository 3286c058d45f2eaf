//! The journals of every released format stay readable.
//!
//! `EARMARK_WRITE_FIXTURES=1` writes the fixture of the current format anew; the ones of older formats are
//! never written again.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use earmark::journal::log::{CommitLog, Durability};
use earmark::journal::{FileLog, LogOptions, Scan, segment};
use earmark::port::fs::RealFs;

use crate::support::{append, at, payload, payloads};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn write_fixture(target: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let options = LogOptions {
        durability: Durability::Disk,
        segment_bytes: segment::SEGMENT_BYTES_MIN,
        ..LogOptions::default()
    };
    for round in 0..2 {
        let mut log = FileLog::claim(Arc::new(RealFs), folder.path(), options).unwrap().serve(at(1)).unwrap();
        for index in 1..=5 {
            append(&mut log, round * 5 + index, 400).unwrap();
        }
        log.seal(at(20 + round)).unwrap();
    }
    std::fs::create_dir_all(target).unwrap();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name().to_string_lossy().ends_with(".seg") {
            std::fs::copy(entry.path(), target.join(entry.file_name())).unwrap();
        }
    }
}

#[test]
fn a_journal_of_format_1_is_read() {
    let folder = fixture("journal-v1");
    if std::env::var_os("EARMARK_WRITE_FIXTURES").is_some() {
        write_fixture(&folder);
    }
    let mut batches = Vec::new();
    let mut scan = Scan::open(Arc::new(RealFs), &folder).unwrap();
    let tail = scan
        .read(|batch, _| {
            batches.push(batch.clone());
            Ok::<(), ()>(())
        })
        .unwrap();
    assert_eq!(payloads(&batches), (1..=10).map(|index| payload(index, 400)).collect::<Vec<_>>());
    assert_eq!((tail.batches, tail.records, tail.sealed), (14, 20, true));
    assert_eq!((tail.start.sequence, tail.end.sequence, tail.end.epoch, tail.at), (1, 21, 2, at(21)));
    let hex: String = tail.chain.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, CHAIN);
}

/// The chain hash of the fixture's last batch: the certificate of all before it.
const CHAIN: &str = "78c3c73f4fdd35444e0a51c72b0b8f47acf58d617c41b5c927b3f0ad919c2d2e";
