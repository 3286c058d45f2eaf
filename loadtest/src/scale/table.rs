//! The tables, on a terminal and in Markdown.

use super::child::Cost;
use super::growth::Growth;
use super::plan::Axis;
use super::result::{AxisFound, Outcome};
use crate::recover::{Opened, RecoverResult};
use crate::report;

/// Prints everything.
pub(super) fn print(outcome: &Outcome, markdown: bool) {
    let machine = &outcome.machine;
    report::line(&format!(
        "{}, {} cores, {}, {}, load {} before; durability {:?}, {} worker threads, {} s a command, seed {}",
        machine.processor,
        machine.processors,
        machine.system,
        machine.file_system,
        machine.load_before,
        outcome.durability,
        outcome.workers.unwrap_or(machine.processors),
        outcome.seconds,
        outcome.seed,
    ));
    let base = outcome.base;
    report::line(&format!(
        "the base: {} SKUs, {} orders there before, {} lines of an order, {} callers; what stands in the first column \
         of a table replaces it",
        report::count(base.skus.into()),
        report::count(base.orders.into()),
        base.lines,
        report::count(base.callers.into()),
    ));
    outcome.axes.iter().for_each(|axis| print_axis(axis, markdown));
    print_memory(outcome, markdown);
    print_recoveries(outcome, markdown);
    print_stall(outcome, markdown);
    if !outcome.left_out.is_empty() {
        report::line("");
    }
    outcome.left_out.iter().for_each(|what| report::line(&format!("LEFT OUT: {what}")));
    report::promise_rows(&outcome.promises);
}

fn table(header: &[&str], rows: Vec<Vec<String>>, text_columns: usize, markdown: bool) {
    if markdown {
        report::line("");
        report::markdown(header, rows);
    } else {
        report::rows(header, text_columns, &rows);
    }
}

fn print_growth(growth: &[Growth], of: &str) {
    for growth in growth {
        let whole = growth.whole;
        let verdict = if growth.as_expected { "" } else { "MORE THAN IT SHOULD: " };
        report::line(&format!(
            "{verdict}{}: {}, × {:.2} from {} to {} {of}; steepest × {:.2} from {} to {}",
            growth.of,
            growth.word(),
            whole.times,
            number(whole.from),
            number(whole.to),
            growth.steepest.times,
            number(growth.steepest.from),
            number(growth.steepest.to),
        ));
    }
}

fn number(value: f64) -> String {
    report::count(value.round() as u64)
}

/// Microseconds with a digit behind the point where they are few.
fn micros(value: f64) -> String {
    if value < 100.0 { format!("{value:.1} µs") } else { report::duration(value) }
}

fn print_axis(found: &AxisFound, markdown: bool) {
    let mut header = vec![found.axis.title(), "command", "answers", "p50", "p99", "CPU a command", "× first"];
    if found.axis == Axis::Lines {
        header.push("CPU a line");
    }
    header.extend(["longest read", "asked late by"]);
    let mut rows = Vec::new();
    for command in found.axis.commands() {
        let first = found.costs(command).first().map_or(0.0, |(_, cost)| *cost);
        for point in &found.points {
            let Some(cost) = point.costs.iter().find(|cost| cost.command == command) else { continue };
            let mut cells = vec![place(found, cost, found.place_of(&point.has)), command.word().to_owned()];
            cells.extend([
                report::per_second(cost.per_second),
                report::duration(cost.waits.p50_us),
                report::duration(cost.waits.p99_us),
                micros(cost.processor_us),
                format!("{:.2}", if first > 0.0 { cost.processor_us / first } else { 0.0 }),
            ]);
            if found.axis == Axis::Lines {
                cells.push(micros(cost.processor_us / f64::from(point.has.lines.max(1))));
            }
            cells.extend([cost.longest_read_us, cost.asked_late_us].map(report::duration));
            rows.push(cells);
        }
    }
    if rows.is_empty() {
        return;
    }
    table(&header, rows, 2, markdown);
    if markdown {
        report::line("");
    }
    print_growth(&found.growth, found.axis.title());
    if let [before, behind] = found.raw_sync.as_slice() {
        report::line(&format!(
            "a bare append and sync: p50 {} before, {} behind",
            report::duration(before.p50_us),
            report::duration(behind.p50_us)
        ));
    }
}

/// The place on the axis; orders become more while they are placed.
fn place(found: &AxisFound, cost: &Cost, place: u32) -> String {
    let [before, after] = cost.orders;
    if found.axis == Axis::Orders && before < after {
        return format!("{} → {}", report::count(before), report::count(after));
    }
    report::count(place.into())
}

fn print_memory(outcome: &Outcome, markdown: bool) {
    if outcome.memory.is_empty() {
        return;
    }
    let rows = outcome.memory.iter().map(|it| {
        let bytes = |value: f64| format!("{} bytes", number(value));
        vec![
            it.resting.name(),
            report::count(it.count.into()),
            bytes(it.found.resident_bytes),
            bytes(it.found.account_bytes),
        ]
    });
    table(
        &["at rest", "added to as many", "resident, each", "the engine's account"],
        rows.collect(),
        1,
        markdown,
    );
}

fn print_recoveries(outcome: &Outcome, markdown: bool) {
    if outcome.recoveries.is_empty() {
        return;
    }
    let header = [
        "records in the journal",
        "orders",
        "recovered from",
        "time",
        "records replayed",
        "orders",
        "peak memory",
    ];
    let rows = outcome
        .recoveries
        .iter()
        .flat_map(|it| [row(it, "the journal alone", &it.alone), row(it, "a snapshot", &it.with_snapshot)]);
    table(&header, rows.collect(), 3, markdown);
    if markdown {
        report::line("");
    }
    print_growth(&outcome.recovery_growth, "records");
}

fn row(whole: &RecoverResult, name: &str, opened: &Opened) -> Vec<String> {
    let seconds = opened.phases.whole as f64 / 1_000.0;
    let replayed = opened.recovery.records_replayed;
    let rate = |units: u64, millis: u64| report::per_second(report::rate(units, millis as f64 / 1_000.0));
    vec![
        report::count(whole.alone.recovery.records_replayed),
        report::count(opened.orders),
        name.to_owned(),
        report::duration(seconds * 1e6),
        format!("{}, {}", report::count(replayed), rate(replayed, opened.phases.replay)),
        rate(opened.orders, opened.phases.whole),
        format!("{} MB", report::count(opened.memory.peak_bytes / 1_000_000)),
    ]
}

fn print_stall(outcome: &Outcome, markdown: bool) {
    if outcome.stall.is_empty() {
        return;
    }
    let header = ["load", "snapshot", "answers", "read p99", "longest read", "asked late by"];
    let mut rows = Vec::new();
    for workload in &outcome.stall {
        for (snapshot, sums) in [("none", &workload.without), ("running", &workload.with)] {
            let mut cells = vec![workload.name.words().to_owned(), snapshot.to_owned()];
            cells.push(report::per_second(sums.per_second));
            cells.extend([sums.wait_p99_us, sums.wait_max_us, sums.late_max_us].map(report::duration));
            rows.push(cells);
        }
    }
    table(&header, rows, 2, markdown);
    if markdown {
        report::line("");
    }
    for workload in &outcome.stall {
        workload
            .verdicts()
            .iter()
            .for_each(|verdict| report::line(&format!("{}: {verdict}", workload.name.words())));
    }
    report::line(
        "64 callers, durability Process: no read waits for a sync. See `loadtest snapshot` for more of it.",
    );
}
