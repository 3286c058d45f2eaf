//! The command that measures, as it is called.

use std::process::Output;

use serde_json::Value;

use super::{loadtest, said};

fn bench(arguments: &str) -> Output {
    loadtest(&format!(
        "bench --seconds 0.2 --warm-up 0.05 --open-seconds 0.3 --durability process {arguments}"
    ))
}

#[test]
fn every_stage_grants_what_its_engine_has_in_its_books() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json");
    let output = bench(&format!("--json --report {}", report.display()));
    assert!(output.status.success(), "{}", said(&output));
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    let written: Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    assert_eq!(result, written);
    let rows = result["rows"].as_array().unwrap();
    // Ten rows of reservations, two of placements, five for each of four kinds of lives, two open loops.
    assert_eq!(rows.len(), 10 + 2 + 4 * 5 + 2);
    for row in rows {
        assert_eq!(row["checked"]["differences"], Value::Array(Vec::new()), "{row:#}");
        let answered = row["checked"]["answered"].as_object().unwrap();
        assert!(answered.values().filter_map(Value::as_u64).sum::<u64>() > 0, "{row:#}");
        assert_eq!(row["refused"], 0, "{row:#}");
    }
    let judged = rows.iter().filter(|row| !row["goals"].as_array().unwrap().is_empty()).count();
    assert_eq!(judged, 16, "{}", said(&output));
}

#[test]
fn an_open_loop_sends_at_half_of_the_peak_beside_a_raw_loop() {
    let output = bench("--only half-reserve --json");
    assert!(output.status.success(), "{}", said(&output));
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    let row = &result["rows"][0];
    let open = &row["open"];
    let [peak, offered] = ["peak_per_second", "offered_per_second"].map(|name| open[name].as_f64().unwrap());
    assert!(peak > 2.0 && (offered - peak / 2.0).abs() < 1e-6, "{open:#}");
    // 0.3 s at 200 blocks a second, each of them appended however late.
    assert_eq!(open["raw"]["count"], 60, "{open:#}");
    assert!(row["callers"].is_null() && row["latency"]["count"].as_u64().unwrap() > 0, "{row:#}");
}

#[test]
fn a_goal_that_nobody_meets_fails_a_strict_run_and_no_other() {
    // A build for tests does not reserve and commit 400,000 units a second on one thread.
    for (strict, expected) in [("", Some(0)), ("--strict", Some(1))] {
        let output = bench(&format!("--only pairs --workers 1 {strict}"));
        assert_eq!(output.status.code(), expected, "{}", said(&output));
        assert!(said(&output).contains("≥ 400,000/s MISSED"), "{}", said(&output));
    }
}
