//! Plots as SVG, to stand inside a page: no background, and colours that the page's style sheet replaces
//! where they are those of text and lines.

use anyhow::{Result, anyhow};
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, ValueFormatter};
use plotters::prelude::*;

/// The colour of text and axes in the drawing; the page replaces it.
pub(crate) const INK: RGBColor = RGBColor(1, 2, 3);

/// The colour of the grid in the drawing; the page replaces it.
pub(crate) const GRID: RGBColor = RGBColor(3, 2, 1);

/// Colours that tell lines apart on light and on dark ground.
pub(crate) const COLOURS: [RGBColor; 8] = [
    RGBColor(59, 130, 246),
    RGBColor(239, 125, 20),
    RGBColor(34, 160, 90),
    RGBColor(220, 60, 70),
    RGBColor(155, 95, 210),
    RGBColor(20, 165, 175),
    RGBColor(200, 90, 160),
    RGBColor(150, 125, 60),
];

const WIDTH: u32 = 960;
const HEIGHT: u32 = 360;

/// A named line through points.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

/// How an axis runs: from where to where, and where it is labelled.
#[derive(Clone)]
pub(crate) struct Axis {
    /// What it shows, with its unit.
    pub(crate) title: &'static str,
    from: f64,
    to: f64,
    /// Where it is labelled, and with what.
    ticks: Vec<(f64, String)>,
}

impl Axis {
    /// An axis from 0 to at least `max` with round ticks.
    pub(crate) fn linear(title: &'static str, max: f64) -> Self {
        let step = round_step(max.max(1.0) / 5.0);
        let count = (max.max(1.0) / step).ceil() as u32;
        let ticks: Vec<_> = (0..=count)
            .map(|n| f64::from(n) * step)
            .map(|at| (at, crate::report::count(at.round() as u64)))
            .collect();
        Self { title, from: 0.0, to: f64::from(count) * step, ticks }
    }

    /// An axis of seconds from 0 to `max`.
    pub(crate) fn seconds(max: f64) -> Self {
        let step = round_step(max.max(1.0) / 10.0).max(1.0);
        let count = (max.max(1.0) / step).floor() as u32;
        let ticks = (0..=count).map(|n| f64::from(n) * step).map(|at| (at, format!("{at:.0}"))).collect();
        Self { title: "seconds of the counted time", from: 0.0, to: max.max(1.0), ticks }
    }

    /// A logarithmic axis of microseconds from `min` to `max`; points on it are given as [`log`].
    pub(crate) fn latency(min: f64, max: f64) -> Self {
        let (from, to) = (log(min.max(1.0)).floor(), log(max.max(10.0)).ceil());
        let to = to.max(from + 1.0);
        let fine = to - from <= 3.0;
        let mut ticks = Vec::new();
        for decade in (from as i32)..=(to as i32) {
            for factor in [1.0, 2.0, 5.0] {
                let at = f64::from(decade) + log(factor);
                if at <= to + 1e-9 && (fine || factor < 2.0) {
                    ticks.push((at, micros(10f64.powf(at))));
                }
            }
        }
        Self { title: "latency", from, to, ticks }
    }

    /// A logarithmic axis of counts from `min` to `max`, labelled at powers of ten; points on it are given as [`log`].
    pub(crate) fn counts(title: &'static str, min: f64, max: f64) -> Self {
        let from = log(min.max(1.0)).floor();
        let to = log(max).ceil().max(from + 1.0);
        let label = |decade: i32| crate::report::count(10f64.powi(decade) as u64);
        let ticks = (from as i32..=to as i32).map(|decade| (f64::from(decade), label(decade))).collect();
        Self { title, from, to, ticks }
    }

    /// The axis of percentiles up to the one of 1 in `count`: each nine has as much room as the one before.
    pub(crate) fn percentiles(count: u64) -> Self {
        let to = log(count.max(100) as f64).min(7.0);
        let names = ["0 %", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %", "99.9999 %", "99.99999 %"];
        let ticks = names.iter().enumerate().map(|(n, name)| (n as f64, (*name).to_owned()));
        Self { title: "percentile", from: 0.0, to, ticks: ticks.filter(|(at, _)| *at <= to + 1e-9).collect() }
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        let part = (value - self.from) / (self.to - self.from);
        from + (part * f64::from(to - from)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        // There are no finer lines between the labelled ones.
        if hint.weight().allow_light_points() {
            return Vec::new();
        }
        self.ticks.iter().map(|(at, _)| *at).collect()
    }

    fn range(&self) -> std::ops::Range<f64> {
        self.from..self.to
    }
}

impl ValueFormatter<f64> for Axis {
    fn format(at: &f64) -> String {
        at.to_string()
    }

    fn format_ext(&self, at: &f64) -> String {
        let tick = self.ticks.iter().find(|(tick, _)| (tick - at).abs() < 1e-9);
        tick.map_or_else(String::new, |(_, label)| label.clone())
    }
}

/// The place of a value on a logarithmic axis.
pub(crate) fn log(value: f64) -> f64 {
    value.max(f64::MIN_POSITIVE).log10()
}

/// The place of a quantile on the axis of percentiles, of `count` values.
pub(crate) fn nines(quantile: f64, count: u64) -> f64 {
    let left = (1.0 - quantile).max(1.0 / count.max(1) as f64);
    log(1.0 / left)
}

/// 1, 2 or 5 times a power of ten, at least `step`.
fn round_step(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= step - 1e-9).unwrap_or(10.0);
    factor * power
}

/// Microseconds on a tick, without digits that say nothing.
fn micros(value: f64) -> String {
    let (value, unit) = match value {
        v if v < 999.5 => (v, "µs"),
        v if v < 999_500.0 => (v / 1_000.0, "ms"),
        v => (v / 1_000_000.0, "s"),
    };
    format!("{value:.0} {unit}")
}

/// Draws lines; `filled` also colours what is under them.
pub(crate) fn draw(x: &Axis, y: &Axis, lines: &[Line], filled: bool) -> Result<String> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (WIDTH, HEIGHT)).into_drawing_area();
        draw_on(&root, x, y, lines, filled).map_err(|error| anyhow!("drawing a plot: {error}"))?;
        root.present().map_err(|error| anyhow!("drawing a plot: {error}"))?;
    }
    Ok(svg)
}

fn draw_on<'a>(
    root: &DrawingArea<SVGBackend<'a>, plotters::coord::Shift>,
    x: &Axis,
    y: &Axis,
    lines: &[Line],
    filled: bool,
) -> Result<(), DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>> {
    let text = |size: u32| ("system-ui, sans-serif", size).into_font().color(&INK);
    let mut chart = ChartBuilder::on(root)
        .margin_top(12)
        .margin_right(32)
        .margin_bottom(4)
        .margin_left(4)
        .x_label_area_size(46)
        .y_label_area_size(84)
        .build_cartesian_2d(x.clone(), y.clone())?;
    chart
        .configure_mesh()
        .bold_line_style(GRID.stroke_width(1))
        .light_line_style(TRANSPARENT)
        .axis_style(INK)
        .x_desc(x.title)
        .y_desc(y.title)
        .axis_desc_style(text(14))
        .label_style(text(13))
        .draw()?;
    for (line, colour) in lines.iter().zip(COLOURS.iter().cycle()) {
        let points = || line.points.iter().map(|(at, value)| (*at, value.clamp(y.from, y.to)));
        if filled {
            chart.draw_series(AreaSeries::new(points(), y.from, colour.mix(0.18)))?;
        }
        chart.draw_series(LineSeries::new(points(), colour.stroke_width(2)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_cover_what_is_drawn() {
        let axis = Axis::linear("per second", 46_700.0);
        assert_eq!(
            axis.ticks.iter().map(|(_, label)| label.as_str()).collect::<Vec<_>>(),
            ["0", "10,000", "20,000", "30,000", "40,000", "50,000"]
        );
        assert!((axis.to - 50_000.0).abs() < 1e-6);
        let axis = Axis::latency(150.0, 9_000.0);
        let labels: Vec<_> = axis.ticks.iter().map(|(_, label)| label.as_str()).collect();
        assert_eq!(labels, ["100 µs", "200 µs", "500 µs", "1 ms", "2 ms", "5 ms", "10 ms"]);
        let axis = Axis::counts("SKUs", 10.0, 2_000.0);
        let labels: Vec<_> = axis.ticks.iter().map(|(_, label)| label.as_str()).collect();
        assert_eq!(labels, ["10", "100", "1,000", "10,000"]);
    }

    #[test]
    fn each_nine_has_as_much_room_as_the_one_before() {
        assert!((nines(0.9, 1_000_000) - 1.0).abs() < 1e-9);
        assert!((nines(0.999, 1_000_000) - 3.0).abs() < 1e-9);
        // The last of a thousand values stands at 99.9 %, not at infinity.
        assert!((nines(1.0, 1_000) - 3.0).abs() < 1e-9);
    }

    #[test]
    fn a_drawing_has_its_lines_its_titles_and_its_labels() -> Result<()> {
        let line = Line { name: "place".to_owned(), points: vec![(0.0, 2.0), (5.0, 3.0), (10.0, 2.5)] };
        let svg = draw(&Axis::seconds(10.0), &Axis::latency(100.0, 1_000.0), &[line], false)?;
        assert!(svg.starts_with("<svg"));
        for expected in
            ["<polyline", "latency", "seconds of the counted time", "500 µs", "#010203", "#030201"]
        {
            assert!(svg.contains(expected), "no {expected} in {svg}");
        }
        Ok(())
    }
}
