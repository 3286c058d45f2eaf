//! One drawing that stands alone: the cost of a command by axis, and recovery by length of the journal.

use std::fmt::Write as _;

use anyhow::Result;

use super::result::{Outcome, WholeMillis};
use crate::lifecycle::plot::{self, Axis, COLOURS, GRID, INK, Line, log};

/// Height of a plot, of its heading with the names of its lines, and the width of the drawing.
const PLOT_HEIGHT: usize = 360;
const HEAD_HEIGHT: usize = 56;
const WIDTH: usize = 960;

/// Draws what was measured; both axes of both plots are logarithmic.
pub(super) fn draw(outcome: &Outcome) -> Result<String> {
    let mut plots = Vec::new();
    let costs = outcome.axes.iter().flat_map(|axis| {
        let line = |command: super::plan::CommandName| {
            (format!("{} by {}", command.word(), axis.axis.title()), axis.costs(command))
        };
        axis.axis.commands().into_iter().map(line)
    });
    plots.extend(one("Processor time of a command", "how many", "microseconds", costs.collect())?);
    let alone: WholeMillis = |it| it.alone.phases.whole;
    let snapshot: WholeMillis = |it| it.with_snapshot.phases.whole;
    let recoveries = [("from the journal alone", alone), ("from a snapshot", snapshot)]
        .map(|(name, whole)| (name.to_owned(), outcome.recovery_points(whole)));
    plots.extend(one("Recovery", "records in the journal", "time", recoveries.into())?);
    Ok(page(&plots))
}

/// A heading, the names of the lines, and the plot; `None` without a line to draw.
fn one(
    heading: &str,
    x: &'static str,
    y: &'static str,
    mut lines: Vec<(String, Vec<(f64, f64)>)>,
) -> Result<Option<(String, Vec<String>, String)>> {
    lines.retain(|(_, points)| points.len() > 1);
    let all = || lines.iter().flat_map(|(_, points)| points.iter().copied());
    let bounds = |of: fn((f64, f64)) -> f64| {
        all().map(of).fold((f64::MAX, f64::MIN_POSITIVE), |(low, high), at| (low.min(at), high.max(at)))
    };
    let ((left, right), (low, high)) = (bounds(|point| point.0), bounds(|point| point.1));
    if lines.is_empty() {
        return Ok(None);
    }
    let mut upright = Axis::latency(low, high);
    upright.title = y;
    let names = lines.iter().map(|(name, _)| name.clone()).collect();
    let drawn: Vec<_> = lines
        .into_iter()
        .map(|(name, points)| Line {
            name,
            points: points.into_iter().map(|(x, y)| (log(x), log(y))).collect(),
        })
        .collect();
    let svg = plot::draw(&Axis::counts(x, left, right), &upright, &drawn, false)?;
    Ok(Some((heading.to_owned(), names, svg)))
}

fn page(plots: &[(String, Vec<String>, String)]) -> String {
    let height = plots.len() * (HEAD_HEIGHT + PLOT_HEIGHT);
    // Writing into a `String` cannot fail.
    let mut page = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"system-ui, sans-serif\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    for (number, (heading, names, svg)) in plots.iter().enumerate() {
        let top = number * (HEAD_HEIGHT + PLOT_HEIGHT);
        let _ = writeln!(page, "<text x=\"16\" y=\"{}\" font-size=\"17\">{heading}</text>", top + 24);
        let _ = write!(page, "<text x=\"16\" y=\"{}\" font-size=\"13\">", top + 46);
        for (name, colour) in names.iter().zip(COLOURS.iter().cycle()) {
            let _ = write!(page, "<tspan fill=\"{}\" dx=\"10\">■ {name}</tspan>", hex(*colour));
        }
        let svg = svg.replace(&hex(INK), "#1f2937").replace(&hex(GRID), "#d7dbe0");
        let _ = writeln!(page, "</text>\n<g transform=\"translate(0,{})\">\n{svg}</g>", top + HEAD_HEIGHT);
    }
    page.push_str("</svg>\n");
    page
}

fn hex(plotters::style::RGBColor(red, green, blue): plotters::style::RGBColor) -> String {
    format!("#{red:02X}{green:02X}{blue:02X}")
}
