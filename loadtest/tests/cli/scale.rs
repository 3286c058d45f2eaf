//! `loadtest scale` as it is called, on a few points.

use std::process::Output;

use serde_json::Value;

use super::{loadtest, said};

fn document(output: &Output) -> Value {
    assert!(output.status.success(), "{}", said(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn positive(value: &Value) -> bool {
    value.as_f64().unwrap() > 0.0
}

#[test]
fn every_point_has_its_costs_and_the_books_agree_with_the_answers() {
    let folder = tempfile::tempdir().unwrap();
    let plot = folder.path().join("scale.svg");
    let output = loadtest(&format!(
        "scale --axis skus,lines,callers --up-to 10 --skus 50 --orders 20 --lines 2 --callers 4 --seconds 0.1 \
         --durability process --json --plot {}",
        plot.display()
    ));
    let result = document(&output);
    let axes = result["axes"].as_array().unwrap();
    let points: Vec<_> = axes.iter().map(|axis| axis["points"].as_array().unwrap().len()).collect();
    assert_eq!(points, [1, 2, 2], "{}", said(&output));
    for point in axes.iter().flat_map(|axis| axis["points"].as_array().unwrap()) {
        for cost in point["costs"].as_array().unwrap() {
            assert!(
                ["per_second", "processor_us", "longest_read_us"].iter().all(|it| positive(&cost[it])),
                "{cost}"
            );
            assert!(cost["waits"]["count"].as_u64().unwrap() > 0, "{cost}");
            let orders = &cost["orders"];
            assert_eq!(orders[0].as_u64() < orders[1].as_u64(), cost["command"] == "place", "{cost}");
        }
    }
    // What an order's lines are is nothing to a reservation.
    assert_eq!(axes[1]["points"][0]["costs"].as_array().unwrap().len(), 1);
    assert_eq!(axes[1]["points"][1]["has"]["lines"], 10);
    assert_eq!(
        (axes[0]["growth"].as_array().unwrap().len(), axes[2]["growth"].as_array().unwrap().len()),
        (0, 2)
    );
    let promises = result["promises"].as_array().unwrap();
    assert_eq!(promises.len(), 5);
    assert!(promises.iter().all(|promise| promise["kept"] == true), "{}", said(&output));
    let drawn = std::fs::read_to_string(plot).unwrap();
    assert!(drawn.starts_with("<svg") && drawn.contains("place by lines of an order"), "{drawn}");
    assert!(!drawn.contains("by SKUs"), "a line has more than one point");
}

#[test]
fn orders_and_holds_at_rest_take_memory_and_the_account_says_so() {
    let output = loadtest("scale --axis memory --up-to 2000 --skus 100 --durability process --json");
    let result = document(&output);
    let memory = result["memory"].as_array().unwrap();
    assert_eq!(memory.len(), 6);
    let account = |at: usize| memory[at]["account_bytes"].as_f64().unwrap();
    // Orders by lines, and SKUs by holds: more of them take more.
    assert!(0.0 < account(0) && account(0) < account(1) && account(1) < account(2), "{}", said(&output));
    assert!(0.0 < account(3) && account(3) < account(4) && account(4) < account(5), "{}", said(&output));
}

#[test]
fn recoveries_are_timed_by_the_length_of_the_journal_and_proved() {
    let output = loadtest("scale --axis recovery,stall --up-to 10000 --seconds 0.1 --durability process");
    assert!(output.status.success(), "{}", said(&output));
    let text = said(&output);
    for expected in [
        "the journal alone",
        "a snapshot",
        "kept    every recovery kept",
        "reservations of one SKU",
        "running",
    ] {
        assert!(text.contains(expected), "no {expected} in {text}");
    }
}

#[test]
fn the_tables_come_in_markdown_too_with_what_was_left_out() {
    let output = loadtest(
        "scale --axis lines --up-to 10 --skus 5 --orders 0 --callers 2 --seconds 0.05 --durability memory --markdown",
    );
    assert!(output.status.success(), "{}", said(&output));
    let text = said(&output);
    assert!(text.contains("| lines of an order | command | answers |"), "{text}");
    assert!(
        text.contains("LEFT OUT: 10 lines of an order: each line needs a SKU of its own, and there are 5"),
        "{text}"
    );
}

#[test]
fn what_cannot_be_measured_is_refused_before_anything_is_built() {
    let output = loadtest("scale --durability memory");
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("error: nothing survives a kill in memory"), "{}", said(&output));
    let output = loadtest("scale --lines 5 --skus 3");
    assert!(said(&output).contains("--lines must be at most --skus"), "{}", said(&output));
    let output = loadtest("recover --orders 100000000 --lines 100");
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("100,000,000 orders of 100 lines: about "), "{}", said(&output));
    assert!(said(&output).contains("or begin --anyway"), "{}", said(&output));
}
