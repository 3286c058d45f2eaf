//! The commands that measure recovery and snapshots, as they are called.

use serde_json::Value;

use super::{loadtest, said};

#[test]
fn a_small_recovery_keeps_every_promise_and_names_its_phases() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json");
    let output = loadtest(&format!(
        "recover --orders 3000 --skus 60 --batch 100 --durability process --json --report {}",
        report.display()
    ));
    assert!(output.status.success(), "{}", said(&output));
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    let written: Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    assert_eq!(result, written);
    assert_eq!(
        (&result["cut"]["orders"], &result["rebuilt"]["state_hash"]),
        (&3000.into(), &result["cut"]["state_hash"])
    );
    let (snapshot, alone) = (&result["with_snapshot"], &result["alone"]);
    assert_eq!(snapshot["state_hash"], alone["state_hash"]);
    assert_ne!(snapshot["state_hash"], result["cut"]["state_hash"], "orders were placed behind the cut");
    assert!(snapshot["loaded"].is_array() && alone["loaded"].is_null(), "{}", said(&output));
    let records = |opened: &Value| opened["recovery"]["records_replayed"].as_u64().unwrap();
    assert!(records(snapshot) < records(alone) / 2, "{}", said(&output));
    let goals = result["goals"].as_array().unwrap();
    assert_eq!(goals.len(), 5);
    assert!(goals.iter().all(|goal| goal["times"].as_f64().unwrap() > 0.0), "{goals:?}");
    assert_eq!((&snapshot["audit"], &alone["audit"]), (&Value::Array(vec![]), &Value::Array(vec![])));
}

#[test]
fn what_cannot_survive_a_kill_is_refused_before_anything_is_built() {
    let output = loadtest("recover --orders 10 --durability memory");
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("error: nothing survives a kill in memory"), "{}", said(&output));
    let output = loadtest("recover --orders 10 --skus 2");
    assert!(said(&output).contains("--lines must be at most --skus"), "{}", said(&output));
    let output = loadtest("snapshot --durability memory");
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("error: an engine in memory takes no snapshots"), "{}", said(&output));
}

#[test]
fn rounds_with_and_without_a_snapshot_alternate_and_are_told_apart() {
    let output = loadtest(
        "snapshot --holds 2000 --orders 500 --skus 50 --callers 4 --rounds 2 --seconds 0.1 --probe-rate 200 --json",
    );
    assert!(output.status.success(), "{}", said(&output));
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    let workloads = result["workloads"].as_array().unwrap();
    assert_eq!(workloads.len(), 2);
    for workload in workloads {
        let rounds = workload["rounds"].as_array().unwrap();
        let with: Vec<_> = rounds.iter().map(|round| round["with_snapshot"].as_bool().unwrap()).collect();
        assert_eq!(with, [false, true, true, false]);
        for round in rounds {
            let taken = round["snapshots"].as_array().unwrap();
            assert_eq!(taken.is_empty(), !round["with_snapshot"].as_bool().unwrap(), "{}", said(&output));
            assert!(round["per_second"].as_f64().unwrap() > 0.0, "{}", said(&output));
            assert!(round["waits"]["count"].as_u64().unwrap() > 0, "{}", said(&output));
        }
    }
    let hot = &workloads[0]["rounds"][1]["snapshots"][0];
    assert!(hot["bytes"].as_u64().unwrap() > 2_000, "a hold is in it: {hot}");
}
