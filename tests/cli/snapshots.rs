//! Snapshots from the command line: taken, verified, and stood upon where the journal's beginning is gone.

use std::path::{Path, PathBuf};

use earmark::{Config, Cut, Engine, Retention};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::{folder, placement, receive};
use crate::shop::{block_on, config, day};
use crate::tool::{fine, image, json, lines, on, segments};

fn snapshots(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = entries.filter(|path| path.extension().is_some_and(|it| it == "snap")).collect();
    found.sort();
    found
}

fn flip_the_middle(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

#[track_caller]
fn wrong(folder: &Path) -> Value {
    let ran = on(folder, "verify * --json");
    assert_eq!((ran.code, ran.err.as_str()), (1, ""));
    serde_json::from_str(&ran.out).unwrap()
}

/// A folder whose journal begins late: two snapshots were taken, and what stood before the older one dropped.
fn truncated() -> (TempDir, Cut) {
    let folder = folder();
    let cut = block_on(async {
        let config = Config { retention: Retention::ToOlderSnapshot, ..config(folder.path()) };
        let engine = Engine::open(config).await.unwrap();
        receive(&engine, "lamp", 10_000).await;
        for part in 0..3 {
            for number in 0..150 {
                engine.place(placement(&format!("o-{part}-{number}"), &[("lamp", 1)])).await.unwrap();
            }
            if part < 2 {
                engine.snapshot().await.unwrap();
            }
        }
        let cut = engine.cut().await.unwrap();
        engine.close().await.unwrap();
        cut
    });
    assert_eq!(snapshots(folder.path()).len(), 2);
    (folder, cut)
}

#[test]
fn a_snapshot_of_a_closed_folder_changes_no_state_and_is_verified() {
    let day = day();
    let folder = day.folder.path();
    let before = json(folder, "state *");
    let taken = json(folder, "snapshot *");
    assert_eq!(snapshots(folder), [PathBuf::from(taken["path"].as_str().unwrap())]);
    assert_eq!((&taken["orders"], &taken["skus"]), (&before["orders"], &before["skus"]));
    let found = json(folder, "verify *");
    assert_eq!(found["state_hash"], before["state_hash"]);
    let verdict = &found["snapshots"][0];
    assert_eq!((&verdict["path"], &verdict["low"]), (&taken["path"], &taken["low"]));
    assert_eq!(verdict["state_hash"], before["state_hash"]);
    assert_eq!(found["snapshot"], Value::Null, "the journal is whole and needs none");
    assert!(fine(folder, "verify *").contains("makes the same state"));
    // Nothing has happened since: the second one begins with the first, and takes its place.
    let text = fine(folder, "snapshot *");
    assert!(text.contains("opened      from the snapshot"), "{text}");
    let again = json(folder, "verify *");
    assert_eq!((&again["ok"], again["snapshots"].as_array().unwrap().len()), (&json!(true), 1));
}

#[test]
fn a_snapshot_of_a_folder_in_use_is_refused_and_nothing_changes() {
    let folder = folder();
    block_on(async {
        let engine = Engine::open(config(folder.path())).await.unwrap();
        receive(&engine, "lamp", 10).await;
        let path = folder.path().to_owned();
        let ran = tokio::task::spawn_blocking(move || on(&path, "snapshot * --json")).await.unwrap();
        assert_eq!((ran.code, ran.out.as_str()), (5, ""));
        let error: Value = serde_json::from_str(&ran.err).unwrap();
        assert_eq!(error["exit_code"], json!(5));
        assert!(error["error"].as_str().unwrap().contains("is in use by an engine"), "{error}");
        assert!(snapshots(folder.path()).is_empty());
        receive(&engine, "lamp", 10).await;
        engine.close().await.unwrap();
    });
    let nothing = on(folder.path().join("nowhere").as_path(), "snapshot *");
    assert_eq!(nothing.code, 3);
    assert!(!folder.path().join("nowhere").exists(), "a journal was made where there was none");
}

#[test]
fn a_damaged_snapshot_is_named_with_its_section_and_offset() {
    let day = day();
    let folder = day.folder.path();
    json(folder, "snapshot *");
    let file = snapshots(folder)[0].clone();
    flip_the_middle(&file);
    let found = wrong(folder);
    let what = found["findings"][0]["what"].as_str().unwrap();
    assert!(what.starts_with(&format!("snapshot {}: section ", file.display())), "{what}");
    assert!(what.contains("at offset"), "{what}");
    assert_eq!(found["snapshots"][0]["state_hash"], Value::Null);
    // The journal is whole: what is shown stands on nothing else.
    assert_eq!(json(folder, "state *")["state_hash"], json!(day.cut.hash.to_string()));
}

#[test]
fn a_snapshot_of_another_journal_is_found_out() {
    let (one, other) = (day(), day());
    json(other.folder.path(), "snapshot *");
    let foreign = snapshots(other.folder.path())[0].clone();
    std::fs::copy(&foreign, one.folder.path().join(foreign.file_name().unwrap())).unwrap();
    let found = wrong(one.folder.path());
    let what = found["findings"][0]["what"].as_str().unwrap();
    assert!(what.contains("another history") || what.contains("the journal ends before"), "{what}");
}

#[test]
fn where_the_beginning_was_dropped_the_newest_snapshot_is_the_base_and_is_named() {
    let (folder, cut) = truncated();
    let folder = folder.path();
    let before = image(folder);
    let newest = snapshots(folder)[1].display().to_string();
    let state = json(folder, "state *");
    assert!(json(folder, "verify *")["first_sequence"].as_u64().unwrap() > 1, "nothing was dropped");
    assert_eq!((&state["state_hash"], &state["snapshot"]), (&json!(cut.hash.to_string()), &json!(newest)));
    assert!(fine(folder, "state *").contains("the journal's beginning was dropped; from snapshot"));
    let found = json(folder, "verify *");
    assert_eq!((&found["ok"], &found["snapshot"]), (&json!(true), &json!(newest)));
    assert_eq!(found["state_hash"], json!(cut.hash.to_string()));
    for snapshot in found["snapshots"].as_array().unwrap() {
        assert_eq!(snapshot["state_hash"], json!(cut.hash.to_string()));
    }
    // One from each part: dropped, between the snapshots, behind both.
    for id in ["o-0-3", "o-1-149", "o-2-7"] {
        let shown = json(folder, &format!("inspect * order {id}"));
        let order = cut.orders.iter().find(|order| order.id.as_str() == id).unwrap();
        assert_eq!(shown["order"], serde_json::to_value(order).unwrap());
        assert_eq!(shown["snapshot"], json!(newest));
        assert!(fine(folder, &format!("inspect * order {id}")).contains("the state stands on snapshot"));
        assert_eq!(json(folder, &format!("why * {id}"))["snapshot"], json!(newest));
        assert!(fine(folder, &format!("why * {id}")).contains("the state stands on snapshot"));
    }
    let sku = json(folder, "inspect * sku lamp");
    assert_eq!(sku["sku"]["counters"]["available"], json!(10_000 - 450), "{sku}");
    let dumped = on(folder, "dump * --entities --kind order");
    assert_eq!((dumped.code, dumped.out.lines().count()), (0, 450));
    assert!(dumped.err.contains("the journal's beginning was dropped"), "{}", dumped.err);
    assert_eq!(image(folder), before, "a command that reads wrote");
}

#[test]
fn an_older_snapshot_is_used_where_the_newest_is_of_no_use_and_both_are_named() {
    let (folder, cut) = truncated();
    let folder = folder.path();
    let (older, newest) = (snapshots(folder)[0].clone(), snapshots(folder)[1].clone());
    // Behind the older one and before the newest, only the older one can be stood upon.
    let low = newest.file_name().unwrap().to_str().unwrap()[..20].parse::<u64>().unwrap();
    let then = json(folder, &format!("state * --at {}", low - 20));
    assert_eq!(then["snapshot"], json!(older.display().to_string()));
    assert!(then["unusable"][0].as_str().unwrap().contains("that is later"), "{then}");
    flip_the_middle(&newest);
    let state = json(folder, "state *");
    assert_eq!(state["state_hash"], json!(cut.hash.to_string()));
    assert_eq!(state["snapshot"], json!(older.display().to_string()));
    assert!(state["unusable"][0].as_str().unwrap().contains("section"), "{state}");
    for line in ["inspect * order o-1-149", "inspect * sku lamp", "why * o-1-149"] {
        let shown = json(folder, line);
        assert_eq!(
            (&shown["snapshot"], &shown["unusable"]),
            (&state["snapshot"], &state["unusable"]),
            "{line}"
        );
        let text = fine(folder, line);
        let named = text.starts_with(&format!("Not used: {}: section", newest.display()));
        assert!(named && text.contains("the state stands on snapshot"), "{text}");
    }
    assert_eq!(wrong(folder)["state_hash"], json!(cut.hash.to_string()));
    flip_the_middle(&older);
    let ran = on(folder, "state *");
    assert_eq!(ran.code, 3);
    assert!(ran.err.contains("no snapshot can be used") && ran.err.contains("section"), "{}", ran.err);
    let found = wrong(folder);
    assert_eq!((&found["state_hash"], &found["findings_total"]), (&Value::Null, &json!(3)));
    let last = lines(folder, "dump *").last().unwrap()["sequence"].clone();
    assert_eq!(found["last_sequence"], last);
    assert!(segments(folder).len() > 1);
}
