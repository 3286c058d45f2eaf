//! The report as one HTML page: nothing is loaded from elsewhere, plots are inside it, light and dark follow
//! the reader's system.

use anyhow::Result;

use super::json::{Document, StepRow};
use super::plot::{self, Axis, COLOURS, Line, log, nines};
use super::tables;
use crate::latency::Quantiles;
use crate::lifecycle::measure::Step;
use crate::store::DurabilityChoice;

/// Steps whose latencies are drawn.
const DRAWN: [Step; 6] = [Step::Place, Step::Pay, Step::Pack, Step::Ship, Step::Deliver, Step::Cancel];

const STYLE: &str = include_str!("report.css");

/// A text where markup would be read as such.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The whole page.
pub(crate) fn page(document: &Document) -> Result<String> {
    let verdict = if document.proof.kept {
        "<p class=\"kept\">Every promise was kept.</p>"
    } else {
        "<p class=\"broken\">A promise was broken: see the proof below.</p>"
    };
    let body = [
        format!(
            "<header><h1>Earmark: the whole life of orders under load</h1><p>{}</p></header>",
            lead(document)
        ),
        verdict.to_owned(),
        tables::headline(document),
        throughput(document)?,
        sold_and_refused(document)?,
        over_time(document, "Latency over time: the median", |q| q.p50_us)?,
        over_time(document, "Latency over time: the 99th percentile", |q| q.p99_us)?,
        by_percentile(document)?,
        tables::steps(document),
        tables::ends(document),
        tables::proof(document),
        tables::shares(document),
        tables::settings(document),
        tables::machine(document),
    ];
    Ok(format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Earmark lifecycle report</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n{}\n</body>\n</html>\n",
        body.join("\n")
    ))
}

/// One sentence on how the load was made.
fn lead(document: &Document) -> String {
    let settings = &document.settings;
    let load = match (settings.callers, settings.rate) {
        (Some(callers), _) => {
            format!("{callers} callers, each beginning an order when its last has ended (closed loop)")
        }
        (None, Some(rate)) => {
            format!(
                "{rate} orders a second at fixed moments (open loop); latencies count from the moment at which an order was to begin"
            )
        }
        (None, None) => "no load".to_owned(),
    };
    let optimised =
        if document.build.optimised { "" } else { " Built without optimisations: the figures say nothing." };
    let survives = match settings.durability {
        DurabilityChoice::Disk => "power loss (durability disk)",
        DurabilityChoice::Process => "a crash of the process (durability process)",
        DurabilityChoice::Memory => "nothing (durability memory)",
    };
    escape(&format!(
        "{load}, for {} s after {} s of warm-up; what is answered survives {}. Version {}, begun {}.{optimised}",
        settings.duration_s, settings.warm_up_s, survives, document.build.version, document.build.began
    ))
}

/// A plot with its title and the key to its lines.
fn figure(title: &str, note: &str, lines: &[Line], svg: &str) -> String {
    let keys = lines.iter().zip(COLOURS.iter().cycle()).map(|(line, colour)| {
        let (r, g, b) = (colour.0, colour.1, colour.2);
        format!("<li><span style=\"background:rgb({r},{g},{b})\"></span>{}</li>", escape(&line.name))
    });
    let keys: String = keys.collect();
    format!(
        "<figure>\n<h2>{}</h2>\n<p>{}</p>\n<ul class=\"key\">{keys}</ul>\n{svg}</figure>",
        escape(title),
        escape(note)
    )
}

/// A line with a point at the end of each second.
fn line(
    document: &Document,
    name: &str,
    value: impl Fn(&crate::lifecycle::measure::Second) -> Option<f64>,
) -> Line {
    let points = document.seconds.iter().filter_map(|second| Some((f64::from(second.until), value(second)?)));
    Line { name: name.to_owned(), points: points.collect() }
}

fn highest(lines: &[Line]) -> f64 {
    lines.iter().flat_map(|line| &line.points).map(|(_, value)| *value).fold(0.0, f64::max)
}

fn lowest(lines: &[Line]) -> f64 {
    lines.iter().flat_map(|line| &line.points).map(|(_, value)| *value).fold(f64::MAX, f64::min)
}

fn throughput(document: &Document) -> Result<String> {
    let commands = line(document, "answered commands", |second| {
        let commands = second.steps.iter().filter(|of| of.step.is_command());
        Some(commands.map(|of| of.latency.count).sum::<u64>() as f64)
    });
    let lives = line(document, "lives that ended", |second| Some(second.count(Step::Life) as f64));
    let lines = [commands, lives];
    let (x, y) = (Axis::seconds(document.settings.duration_s), Axis::linear("per second", highest(&lines)));
    let svg = plot::draw(&x, &y, &lines, true)?;
    Ok(figure(
        "Throughput over time",
        "Durable answers to commands, and orders whose callers were done with them, in each second.",
        &lines,
        &svg,
    ))
}

fn sold_and_refused(document: &Document) -> Result<String> {
    let of = |name, step: Step| line(document, name, move |second| Some(second.count(step) as f64));
    let lines =
        [of("placed", Step::Place), of("refused", Step::Refused), of("cancelled by the buyer", Step::Cancel)];
    let (x, y) =
        (Axis::seconds(document.settings.duration_s), Axis::linear("orders per second", highest(&lines)));
    let svg = plot::draw(&x, &y, &lines, true)?;
    let note = format!(
        "Restocking aims at {} % of the orders being refused for want of stock.",
        document.shares.scarcity
    );
    Ok(figure("Sold against refused over time", &note, &lines, &svg))
}

fn over_time(document: &Document, title: &str, value: impl Fn(&Quantiles) -> f64) -> Result<String> {
    let lines: Vec<Line> = DRAWN
        .into_iter()
        .map(|step| line(document, step.name(), |second| second.of(step).map(|q| value(q).max(1.0))))
        .filter(|line| !line.points.is_empty())
        .collect();
    let y = Axis::latency(lowest(&lines), highest(&lines));
    let logs: Vec<Line> = lines.iter().map(|line| on_log(line, |at| at)).collect();
    let svg = plot::draw(&Axis::seconds(document.settings.duration_s), &y, &logs, false)?;
    Ok(figure(title, "Of the answers within each second; the axis is logarithmic.", &lines, &svg))
}

fn on_log(line: &Line, x: impl Fn(f64) -> f64) -> Line {
    let points = line.points.iter().map(|(at, value)| (x(*at), log(*value)));
    Line { name: line.name.clone(), points: points.collect() }
}

fn by_percentile(document: &Document) -> Result<String> {
    let rows: Vec<&StepRow> =
        DRAWN.iter().filter_map(|step| document.steps.iter().find(|row| row.step == *step)).collect();
    let most = rows.iter().map(|row| row.latency.count).max().unwrap_or(0);
    let lines: Vec<Line> =
        rows.iter().map(|row| Line { name: row.step.name().to_owned(), points: curve(row) }).collect();
    let y = Axis::latency(lowest(&lines), highest(&lines));
    let logs: Vec<Line> = lines.iter().map(|line| on_log(line, |at| at)).collect();
    let svg = plot::draw(&Axis::percentiles(most), &y, &logs, false)?;
    Ok(figure(
        "Latency by percentile",
        "Each nine has as much room as the one before, so that the slowest answers can be seen. The files *.hgrm beside this page have every point.",
        &lines,
        &svg,
    ))
}

/// The points of a step with their places on the axis of percentiles.
fn curve(row: &StepRow) -> Vec<(f64, f64)> {
    row.curve
        .iter()
        .map(|(quantile, micros)| (nines(*quantile, row.latency.count), micros.max(1.0)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::report::json::tests::document;

    #[test]
    fn a_page_loads_nothing_from_elsewhere_and_shows_every_part() -> Result<()> {
        let page = page(&document())?;
        for foreign in ["<script", "<link", "http-equiv", "src=", "@import", "url("] {
            assert!(!page.contains(foreign), "the page has {foreign}");
        }
        // The one address is the name of the SVG name space, which is never loaded.
        assert_eq!(page.matches("http").count(), page.matches("http://www.w3.org/2000/svg").count());
        assert_eq!(page.matches("<svg").count(), 5);
        for expected in [
            "A promise was broken",
            "order-7",
            "99.9 %",
            "Example &lt;CPU&gt; &amp; more",
            "prefers-color-scheme",
        ] {
            assert!(page.contains(expected), "the page has no {expected}");
        }
        Ok(())
    }
}
