//! The whole subcommand, small.

use super::*;
use clap::Parser;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    arguments: Arguments,
}

fn parse(line: &[&str]) -> Result<Arguments, clap::Error> {
    Ok(Line::try_parse_from(std::iter::once("test").chain(line.iter().copied()))?.arguments)
}

/// Many rare things, few SKUs, a clock on which everything falls due within the run.
const SMALL: [&str; 24] = [
    "--duration",
    "2s",
    "--warm-up",
    "100ms",
    "--callers",
    "8",
    "--skus",
    "20",
    "--hot-skus",
    "2",
    "--clock-speed",
    "3000",
    "--late",
    "10",
    "--short",
    "10",
    "--excess",
    "10",
    "--duplicate",
    "30",
    "--scarcity",
    "10",
    "--address",
    "20",
];

#[test]
fn a_small_run_keeps_every_promise_and_writes_its_report() {
    let folder = tempfile::tempdir().unwrap();
    let mut arguments = parse(&SMALL).unwrap();
    arguments.folder = Some(folder.path().join("data"));
    arguments.report = folder.path().join("report");
    arguments.durability = DurabilityChoice::Process;
    assert!(run(&arguments).unwrap());

    let text = std::fs::read_to_string(arguments.report.join("report.json")).unwrap();
    let document: report::json::Document = serde_json::from_str(&text).unwrap();
    assert_eq!(document.proof.hash_recovered.as_ref(), Some(&document.proof.hash_live));
    assert_eq!(document.seconds.len(), 2);
    for end in ledger::End::ALL {
        let orders = document.outcome.ends.iter().find(|of| of.end == end).map_or(0, |of| of.orders);
        // Late money finds its stock gone only now and then.
        assert!(orders > 0 || end == ledger::End::LateRefunded, "no order ended as {end:?}");
    }
    assert!(document.outcome.beyond_due > 0);
    assert!(arguments.report.join("report.html").exists());
    assert!(arguments.report.join("pay.hgrm").exists());
}

#[test]
fn an_open_loop_in_memory_keeps_every_promise() {
    let folder = tempfile::tempdir().unwrap();
    let line = [
        "--duration",
        "1s",
        "--warm-up",
        "100ms",
        "--rate",
        "200",
        "--skus",
        "50",
        "--late-payment",
        "refund",
    ];
    let mut arguments = parse(&line).unwrap();
    arguments.report = folder.path().join("report");
    arguments.durability = DurabilityChoice::Memory;
    assert!(run(&arguments).unwrap());
    let text = std::fs::read_to_string(arguments.report.join("report.json")).unwrap();
    let document: report::json::Document = serde_json::from_str(&text).unwrap();
    assert_eq!(document.outcome.orders, 220);
    assert_eq!(document.outcome.revived, 0);
    assert_eq!(document.conditions.schedule_lateness.unwrap().count, 220);
}

#[test]
fn arguments_that_make_no_sense_are_refused() {
    assert!(parse(&["--rate", "100", "--callers", "5"]).is_err());
    assert!(parse(&["--duration", "soon"]).is_err());
    assert!(parse(&["--zipf", "-1"]).is_err());
    assert!(parse(&["--duration", "10ms"]).unwrap().check().is_err());
    assert!(parse(&["--unpaid", "90", "--late", "20"]).unwrap().check().is_err());
}

#[test]
fn an_unpaid_order_has_timed_out_when_its_buyer_comes_back() {
    let arguments = parse(&["--clock-speed", "600", "--pay-within", "15m"]).unwrap();
    assert_eq!(arguments.times_out_after(), Duration::from_millis(1_660));
}
