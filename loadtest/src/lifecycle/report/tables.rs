//! The tables of the page.

use super::html::escape;
use super::json::Document;
use crate::latency::Quantiles;
use crate::report;

/// The figures on top.
pub(crate) fn headline(document: &Document) -> String {
    let outcome = &document.outcome;
    let figures = [
        (report::count(outcome.orders), "orders, warm-up included"),
        (report::per_second(outcome.commands_per_second), "durable answers"),
        (report::per_second(outcome.lives_per_second), "whole lives"),
        (format!("{:.1} %", outcome.refused_percent), "of the orders refused, once warm"),
    ];
    let cells =
        figures.iter().map(|(value, name)| format!("<div><b>{}</b>{}</div>", escape(value), escape(name)));
    format!("<div class=\"headline\">{}</div>", cells.collect::<String>())
}

fn row(cells: &[String], tag: &str) -> String {
    let cells: String = cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", escape(cell))).collect();
    format!("<tr>{cells}</tr>\n")
}

fn table(title: &str, note: &str, class: &str, header: &[&str], rows: &[Vec<String>]) -> String {
    let header: Vec<String> = header.iter().map(|cell| (*cell).to_owned()).collect();
    let head = if header.is_empty() { String::new() } else { row(&header, "th") };
    let body: String = rows.iter().map(|cells| row(cells, "td")).collect();
    format!(
        "<section>\n<h2>{}</h2>\n<p>{}</p>\n<div class=\"scroll\"><table class=\"{class}\">\n{head}{body}</table></div>\n</section>",
        escape(title),
        escape(note)
    )
}

fn pairs(title: &str, note: &str, pairs: &[(&str, String)]) -> String {
    let rows: Vec<Vec<String>> =
        pairs.iter().map(|(name, value)| vec![(*name).to_owned(), value.clone()]).collect();
    table(title, note, "words", &[], &rows)
}

/// Latencies of every step.
pub(crate) fn steps(document: &Document) -> String {
    let rows: Vec<Vec<String>> = document
        .steps
        .iter()
        .map(|row| {
            let mut cells = vec![
                row.step.name().to_owned(),
                report::count(row.latency.count),
                report::per_second(row.per_second),
            ];
            cells.extend(report::quantile_cells(&row.latency));
            cells
        })
        .collect();
    let header = ["step", "answers", "rate", "p50", "p90", "p99", "p99.9", "max"];
    table(
        "Latency of every step",
        "From the call, or the moment at which it was to come, to the durable answer; of what began within the counted time.",
        "",
        &header,
        &rows,
    )
}

/// How the orders ended.
pub(crate) fn ends(document: &Document) -> String {
    let outcome = &document.outcome;
    let share = |orders: u64| format!("{:.2} %", 100.0 * orders as f64 / outcome.orders.max(1) as f64);
    let mut rows: Vec<Vec<String>> = outcome
        .ends
        .iter()
        .map(|of| vec![of.end.words().to_owned(), report::count(of.orders), share(of.orders)])
        .collect();
    for (name, orders) in [
        ("timed out, and revived by late money", outcome.revived),
        ("paid beyond what was due, and due back", outcome.beyond_due),
    ] {
        rows.push(vec![format!("of these: {name}"), report::count(orders), share(orders)]);
    }
    table(
        "How the orders ended",
        "By their answers, warm-up included.",
        "",
        &["end", "orders", "share"],
        &rows,
    )
}

/// What was promised and what was found.
pub(crate) fn proof(document: &Document) -> String {
    let proof = &document.proof;
    let rows: Vec<Vec<String>> = proof
        .promises
        .iter()
        .map(|promise| {
            let verdict = if promise.kept { "kept" } else { "BROKEN" };
            let mut found = promise.differences.join("; ");
            let unlisted = promise.difference_count - promise.differences.len();
            if unlisted > 0 {
                found.push_str(&format!("; and {unlisted} more"));
            }
            vec![verdict.to_owned(), promise.name.clone(), found]
        })
        .collect();
    let recovered = proof.recovery.as_ref().map_or_else(
        || "Nothing survives in memory, so nothing was recovered.".to_owned(),
        |recovery| format!("The engine was closed, opened again and {}.", report::recovery(recovery)),
    );
    let note = format!("{recovered} State hash {}.", proof.hash_live);
    table("The proof", &note, "words", &["", "promise", "differences"], &rows)
}

/// The shares asked for.
pub(crate) fn shares(document: &Document) -> String {
    let rows: Vec<Vec<String>> = document
        .shares
        .named()
        .iter()
        .map(|(name, percent)| vec![(*name).to_owned(), format!("{percent} %")])
        .collect();
    table("Shares asked for", "Drawn from the seed for every order.", "", &["orders", "share"], &rows)
}

/// How the run was set up.
pub(crate) fn settings(document: &Document) -> String {
    let settings = &document.settings;
    let period =
        |seconds: u64| humantime::format_duration(std::time::Duration::from_secs(seconds)).to_string();
    let workers = settings.workers.map_or_else(|| "one for each processor".to_owned(), |n| n.to_string());
    pairs(
        "Settings",
        "Periods are by the engine's clock.",
        &[
            ("seed", settings.seed.to_string()),
            ("SKUs, hot ones of them", format!("{}, {}", settings.skus, settings.hot_skus)),
            ("exponent of Zipf's law over them", settings.zipf.to_string()),
            ("engine's clock", format!("{} times as fast", settings.clock_speed)),
            ("time to pay", period(settings.pay_within_s)),
            ("confirmed after delivery by itself", period(settings.confirm_after_s)),
            ("completed after delivery by itself", period(settings.complete_after_s)),
            ("late money", format!("{} where it can", settings.late_payment)),
            ("threads of the runtime", workers),
        ],
    )
}

/// Where it was measured.
pub(crate) fn machine(document: &Document) -> String {
    let (machine, conditions) = (&document.machine, &document.conditions);
    let quantiles = |of: &Option<Quantiles>| {
        of.as_ref().map_or_else(
            || "not measured".to_owned(),
            |q| {
                format!(
                    "p50 {}, p99 {}, max {}",
                    report::duration(q.p50_us),
                    report::duration(q.p99_us),
                    report::duration(q.max_us)
                )
            },
        )
    };
    pairs(
        "Machine and conditions",
        "Callers run in the engine's process and take their part of the processors. A machine that others use gives other figures.",
        &[
            ("processor", format!("{} × {}", machine.processors, machine.processor)),
            ("memory", format!("{:.1} GiB", machine.memory_bytes as f64 / f64::from(1 << 30))),
            ("system", machine.system.clone()),
            ("file system of the data", machine.file_system.clone()),
            ("load of the machine before", machine.load_before.clone()),
            ("bare append and sync, before", quantiles(&conditions.raw_sync_before)),
            ("bare append and sync, after", quantiles(&conditions.raw_sync_after)),
            ("orders of an open loop begun late by", quantiles(&conditions.schedule_lateness)),
        ],
    )
}
