//! Folders with something wrong: what is named, and with which exit code.

use std::path::Path;
use std::sync::Arc;

use earmark::domain::inventory::StockEvent;
use earmark::domain::record::SkuRecord;
use earmark::journal::{Batch, CommitLog, FileLog, LogOptions, codec, record};
use earmark::port::fs::RealFs;
use earmark::{Durability, LocationId, Timestamp};
use serde_json::{Value, json};

use crate::common::{folder, sku};
use crate::shop::day;
use crate::tool::{fine, json, lines, on, segments};

/// Turns one bit over.
fn flip(path: &Path, offset: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[offset] ^= 0x10;
    std::fs::write(path, bytes).unwrap();
}

#[track_caller]
fn wrong(folder: &Path) -> Value {
    let ran = on(folder, "verify * --json");
    assert_eq!((ran.code, ran.err.as_str()), (1, ""));
    let found: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(found["ok"], json!(false));
    found
}

#[test]
fn a_flipped_bit_is_named_with_segment_offset_and_sequence() {
    let day = day();
    let folder = day.folder.path();
    let records = lines(folder, "dump *");
    let middle = segments(folder)[1].clone();
    let name = middle.file_name().unwrap().to_str().unwrap().to_owned();
    let first = name[..20].parse::<u64>().unwrap();
    // Somewhere in the first batch of the segment: its frame begins behind the header.
    flip(&middle, 4_096 + 100);
    let found = wrong(folder);
    let finding = &found["findings"][0];
    assert_eq!(
        (&finding["segment"], &finding["offset"], &finding["sequence"]),
        (&json!(name), &json!(4_096), &json!(first))
    );
    assert_eq!(found["last_sequence"], json!(first - 1));
    let text = on(folder, "verify *");
    assert_eq!(text.code, 1);
    assert!(text.out.contains(&format!("segment {name}, offset 4096, record {first}")), "{}", text.out);
    assert!(text.out.contains("WRONG: "), "{}", text.out);
    // Other commands say that they cannot read, and what stands before the damage can still be had.
    for line in ["state *", "inspect * order o-1", "why * 4711", "dump *"] {
        let ran = on(folder, line);
        assert_eq!(ran.code, 3, "{line}");
        assert!(ran.err.contains("damaged") && ran.err.contains("earmark verify"), "{line}: {}", ran.err);
    }
    assert_eq!(lines(folder, &format!("dump * --to {}", first - 1)), records[..first as usize - 1]);
    assert_eq!(json(folder, &format!("state * --at {}", first - 1))["sequence"], json!(first - 1));
}

#[test]
fn a_missing_segment_is_found_wherever_it_stood() {
    let whole = day();
    let folder = whole.folder.path();
    let all = segments(folder);
    std::fs::remove_file(&all[1]).unwrap();
    let found = wrong(folder);
    assert_eq!(found["findings_total"].as_u64(), Some(1));
    let next = all[2].file_name().unwrap().to_str().unwrap();
    assert!(found["findings"][0]["what"].as_str().unwrap().contains(next), "{found}");

    // The first one: frames can be verified, states cannot be told.
    let day = day();
    let folder = day.folder.path();
    std::fs::remove_file(&segments(folder)[0]).unwrap();
    let found = wrong(folder);
    assert_eq!((&found["state_hash"], found["findings_total"].as_u64()), (&Value::Null, Some(1)));
    assert!(found["findings"][0]["what"].as_str().unwrap().contains("begins with record"), "{found}");
    let state = on(folder, "state *");
    assert_eq!(state.code, 3);
    assert!(state.err.contains("no state can be rebuilt"), "{}", state.err);
    let order = json(folder, "inspect * order small-299");
    assert_eq!((&order["found"], order.get("order")), (&json!(true), None));
    let early = on(folder, "dump * --from 1");
    assert_eq!(early.code, 3);
}

/// A journal whose frames are right and whose records are what a test wants.
fn journal(folder: &Path, records: &[SkuRecord]) {
    let options =
        LogOptions { durability: Durability::Disk, segment_bytes: 32 << 10, ..LogOptions::default() };
    let opening = FileLog::claim(Arc::new(RealFs), folder, options).unwrap();
    let mut log = opening.serve(Timestamp::from_millis(1)).unwrap();
    for body in records {
        let mut payload = Vec::new();
        // The tag and version of a record of a SKU.
        record::push(&mut payload, 2, 1, |bytes| codec::encode_into(bytes, body)).unwrap();
        log.append(Batch { count: 1, payload: &payload, at: body.at }).unwrap();
    }
    // No seal: as after a kill.
}

fn movement(version: u64, event: StockEvent) -> SkuRecord {
    let at = Timestamp::from_millis(version);
    SkuRecord { sku: sku("lamp"), version, at, by: None, events: [event].into_iter().collect(), mark: None }
}

fn received(version: u64) -> SkuRecord {
    movement(version, StockEvent::Received { quantity: 5, reason: "test".into(), at: LocationId::MAIN })
}

#[test]
fn a_record_that_takes_more_than_there_is_or_leaves_a_gap_is_named() {
    let taken = movement(3, StockEvent::Adjusted { delta: -11, reason: "test".into(), at: LocationId::MAIN });
    for (records, sequence, words) in [
        (vec![received(1), received(2), taken], 3, "available is 10"),
        (vec![received(1), received(3), received(4)], 2, "version 2 follows"),
    ] {
        let folder = folder();
        journal(folder.path(), &records);
        let found = wrong(folder.path());
        let finding = &found["findings"][0];
        assert_eq!(finding["entity"], json!({"kind": "sku", "id": "lamp"}));
        assert_eq!(finding["sequence"], json!(sequence), "{found}");
        assert!(finding["what"].as_str().unwrap().contains(words), "{found}");
        assert!(finding["segment"].is_string() && finding["offset"].is_u64(), "{found}");
        assert_eq!(found["sealed"], json!(false));
    }
}

#[test]
fn a_torn_last_batch_is_told_and_is_nothing_wrong() {
    let folder = folder();
    journal(folder.path(), &[received(1), received(2), received(3)]);
    let before = json(folder.path(), "verify *");
    assert_eq!((&before["records"], &before["cut"]), (&json!(3), &Value::Null));
    let segment = segments(folder.path())[0].clone();
    let bytes = std::fs::read(&segment).unwrap();
    let last = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    flip(&segment, last);
    let torn = json(folder.path(), "verify *");
    assert_eq!((&torn["ok"], &torn["records"], &torn["sealed"]), (&json!(true), &json!(2), &json!(false)));
    assert!(torn["cut"]["offset"].as_u64().unwrap() > 4_096, "{torn}");
    assert!(fine(folder.path(), "verify *").contains("torn: a batch of"));
}
