//! The whole program, with real processes and real kills, on small sales and traces.

use std::path::Path;
use std::process::Output;

use serde_json::Value;

use super::{loadtest, said};

/// Six orders with retries, a refusal and a cancellation.
const TRACE: &str = "\
at,order,action,line,sku,qty,gross,discount,shipping,seller,location,customer,method,amount,final
t,a,place,1,lamp,2,200,0,0,,,,,,
t,b,place,1,lamp,1,100,0,0,,,,,,
t,b,place,2,bulb,1,50,0,0,,,,,,
t,a,deliver,,,,,,,,,,,,
t,a,ship,,,,,,,,,,,,
t,c,place,,,,,,,,,,,,
t,a,pay,1,,,,,,,,,card,200,1
t,d,place,1,bulb,5,250,0,0,,,,,,
t,b,pay,1,,,,,,,,,card,150,1
t,b,cancel,,,,,,,,,,,,
t,b,ship,,,,,,,,,,,,
";

const EXPECTED: &str = r#"{
 "orders": 4,
 "states": {"cancelled": 1, "delivered": 1, "invalid": 1, "rejected": 1},
 "answers": {
  "accepted_on_retry": 2, "cancel_accepted": 1, "deliver_accepted": 1, "pay_accepted": 2, "place_accepted": 2,
  "place_invalid": 1, "place_rejected": 1, "refused_ship": 1, "ship_accepted": 1
 },
 "money_minor": {"due": 350, "paid": 350, "refunded": 150},
 "stock": {
  "skus": 2, "opening": 7, "available": 5, "reserved": 0, "committed": 0, "shipped": 2, "sold_out_skus": 0
 },
 "stock_sha256": "STOCK"
}"#;

/// SHA-256 of `bulb,3,0,0,0` and `lamp,2,0,0,2`, each with a line feed.
const STOCK_SHA256: &str = "b02a2e10ba3d914460823f48c94a4b04029275e22190b4aac0f1dd6c960b1e61";

fn trace(folder: &Path, expected: &str, more: &str) -> Output {
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let trace = file("trace.csv", TRACE);
    let stock = file("stock.csv", "sku,qty\nlamp,4\nbulb,3\n");
    let expected = file("expected.json", &expected.replace("STOCK", STOCK_SHA256));
    loadtest(&format!("trace {trace} --stock {stock} --expected {expected} {more}"))
}

#[test]
fn a_small_sale_keeps_every_promise_through_two_kills() {
    let output =
        loadtest("flash-sale --orders 20000 --stock 5000 --buyers 100 --kills 2 --durability process --json");
    assert!(output.status.success(), "{}", said(&output));
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(result["kills"].as_array().unwrap().len(), 2);
    assert_eq!((&result["sold"], &result["refused"]), (&5000.into(), &15000.into()));
    assert_eq!((&result["oversold"], &result["acknowledged_missing"]), (&0.into(), &0.into()));
}

#[test]
fn a_trace_gives_the_expected_answers_with_a_kill_at_every_event() {
    for kill_every in ["1", "2", "5"] {
        let folder = tempfile::tempdir().unwrap();
        let output = trace(folder.path(), EXPECTED, &format!("--kill-every {kill_every} --json"));
        assert!(output.status.success(), "every {kill_every}: {}", said(&output));
        let result: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(result["run"]["kills"].as_u64().unwrap() >= 2, "{}", said(&output));
    }
}

#[test]
fn a_difference_from_the_expected_answers_is_printed_and_fails_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let output = trace(folder.path(), &EXPECTED.replace("\"delivered\": 1", "\"delivered\": 2"), "");
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("states.delivered: expected 2, got 1 (-1)"), "{}", said(&output));
}

#[test]
fn a_malformed_row_is_named_and_fails_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let bad = folder.path().join("bad.csv");
    std::fs::write(&bad, TRACE.replace("lamp,2,200", "lamp,two,200")).unwrap();
    let stock = folder.path().join("stock.csv");
    std::fs::write(&stock, "sku,qty\nlamp,4\n").unwrap();
    let output = loadtest(&format!("trace {} --stock {}", bad.display(), stock.display()));
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("bad.csv, line 2: `qty` is `two`"), "{}", said(&output));
}

#[test]
fn what_a_killed_process_was_told_is_there_when_the_folder_is_opened() {
    let output =
        loadtest("kills --rounds 12 --seed 11 --duration-per-round 100ms --durability process --json");
    assert!(output.status.success(), "{}", said(&output));
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(result["found"]["kills"], 12);
    assert!(result["found"]["answers"].as_u64().unwrap() > 200, "{}", said(&output));
    assert!(result["promises"].as_array().unwrap().iter().all(|promise| promise["difference_count"] == 0));
}
