//! What a run prints.

use std::path::Path;

use super::Arguments;
use super::report::json::Document;
use crate::report;

/// What is about to run.
pub(crate) fn beginning(arguments: &Arguments) {
    let load = match arguments.rate {
        Some(rate) => format!("{rate} orders a second (open loop)"),
        None => format!("{} callers (closed loop)", arguments.callers),
    };
    report::line(&format!(
        "{load} for {} after {} of warm-up, seed {}, engine's clock {} times as fast",
        humantime::format_duration(arguments.duration),
        humantime::format_duration(arguments.warm_up),
        arguments.seed,
        arguments.clock_speed,
    ));
    let shares = arguments.shares.named();
    let shares: Vec<String> = shares.iter().map(|(name, percent)| format!("{name} {percent} %")).collect();
    report::line(&format!("shares: {}", shares.join(", ")));
}

/// What came of it.
pub(crate) fn result(document: &Document, page: &Path) {
    let outcome = &document.outcome;
    let share = |orders: u64| format!("{:.2} %", 100.0 * orders as f64 / outcome.orders.max(1) as f64);
    let mut ends: Vec<Vec<String>> = outcome
        .ends
        .iter()
        .map(|of| vec![of.end.words().to_owned(), report::count(of.orders), share(of.orders)])
        .collect();
    ends.push(vec!["in all".to_owned(), report::count(outcome.orders), share(outcome.orders)]);
    ends.push(vec![
        "revived by late money".to_owned(),
        report::count(outcome.revived),
        share(outcome.revived),
    ]);
    ends.push(vec![
        "paid beyond what was due".to_owned(),
        report::count(outcome.beyond_due),
        share(outcome.beyond_due),
    ]);
    report::rows(&["orders", "", "share"], 1, &ends);
    let steps: Vec<Vec<String>> = document
        .steps
        .iter()
        .map(|row| {
            let mut cells = vec![row.step.name().to_owned(), report::per_second(row.per_second)];
            cells.extend(report::quantile_cells(&row.latency));
            cells
        })
        .collect();
    let mut header = vec!["step", "rate"];
    header.extend(report::QUANTILE_HEADER);
    report::rows(&header, 1, &steps);
    report::line(&format!(
        "\n{} durable answers, {} whole lives; every timer had fired {} ms after the last order",
        report::per_second(outcome.commands_per_second),
        report::per_second(outcome.lives_per_second),
        report::count(outcome.settled_ms),
    ));
    conditions(document);
    if let Some(recovery) = &document.proof.recovery {
        report::line(&report::recovery(recovery));
    }
    report::promise_rows(&document.proof.promises);
    report::line(&format!("\nThe report is in {}.", page.display()));
}

/// What the disk and the schedule were like.
fn conditions(document: &Document) {
    let conditions = &document.conditions;
    if let (Some(before), Some(after)) = (&conditions.raw_sync_before, &conditions.raw_sync_after) {
        report::line(&format!(
            "a bare append and sync on this disk: p50 {} before, {} after",
            report::duration(before.p50_us),
            report::duration(after.p50_us)
        ));
    }
    if let Some(lateness) = &conditions.schedule_lateness {
        report::line(&format!(
            "orders began late by p50 {}, p99 {}, max {}, which their latencies hold",
            report::duration(lateness.p50_us),
            report::duration(lateness.p99_us),
            report::duration(lateness.max_us)
        ));
    }
}
