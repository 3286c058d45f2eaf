//! Everything that this program prints: results on standard output, progress and failures on standard error.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "printing is this program's business, and this module is where it happens"
)]

use std::path::Path;

use comfy_table::{CellAlignment, Table, TableComponent, presets};
use indicatif::HumanCount;
use serde::Serialize;

use crate::invariant::DIFFERENCES_MAX;
use crate::latency::Quantiles;
use crate::lifecycle::PromiseRow;
use crate::store::{Folder, Recovery};

/// A promise of the engine and what a run found of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Promise {
    /// What was promised, in words.
    pub(crate) name: &'static str,
    /// How reality differs; empty when the promise was kept. At most [`DIFFERENCES_MAX`] are listed.
    pub(crate) differences: Vec<String>,
    /// How many differences there are in all.
    pub(crate) difference_count: usize,
}

impl Promise {
    /// A promise that is kept when there are no differences.
    pub(crate) fn from_differences(
        name: &'static str,
        differences: impl IntoIterator<Item = String>,
    ) -> Self {
        let mut difference_count = 0;
        let mut listed = Vec::new();
        for difference in differences {
            difference_count += 1;
            if listed.len() < DIFFERENCES_MAX {
                listed.push(difference);
            }
        }
        Self { name, differences: listed, difference_count }
    }

    /// A promise that is kept when `kept`; `difference` says what was found instead.
    pub(crate) fn from_check(name: &'static str, kept: bool, difference: impl FnOnce() -> String) -> Self {
        Self::from_differences(name, (!kept).then(difference))
    }

    /// Whether the promise was kept.
    pub(crate) fn is_kept(&self) -> bool {
        self.difference_count == 0
    }
}

/// Prints a line of progress or explanation.
pub(crate) fn note(text: &str) {
    eprintln!("{text}");
}

/// Prints why the run could not be finished.
pub(crate) fn failure(error: &anyhow::Error) {
    eprintln!("error: {error:#}");
}

/// Prints a line of the result.
pub(crate) fn line(text: &str) {
    println!("{text}");
}

/// Prints the result as one JSON document.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}

/// Prints which promises were kept and how the others were broken.
pub(crate) fn promises(promises: &[Promise]) {
    println!();
    for promise in promises {
        let word = if promise.is_kept() { "kept  " } else { "BROKEN" };
        print_promise(word, promise.name, &promise.differences, promise.difference_count);
    }
}

/// Prints the promises of a document, in the same way.
pub(crate) fn promise_rows(rows: &[PromiseRow]) {
    println!();
    for row in rows {
        let word = if row.kept { "kept  " } else { "BROKEN" };
        print_promise(word, &row.name, &row.differences, row.difference_count);
    }
}

fn print_promise(word: &str, name: &str, differences: &[String], count: usize) {
    println!("{word}  {name}");
    for difference in differences {
        println!("          {difference}");
    }
    let unlisted = count - differences.len();
    if unlisted > 0 {
        println!("          … and {unlisted} more");
    }
}

/// Prints names with their values, the values flush right.
pub(crate) fn facts(title: &str, facts: &[(&str, String)]) {
    let mut table = table();
    table.set_header([title, ""]);
    for (name, value) in facts {
        table.add_row([*name, value.as_str()]);
    }
    align_right(&mut table, 1);
    println!("\n{table}");
}

/// Prints a table; every column after the first `text_columns` is flush right.
pub(crate) fn rows(header: &[&str], text_columns: usize, rows: &[Vec<String>]) {
    let mut table = table();
    table.set_header(header);
    for row in rows {
        table.add_row(row);
    }
    align_right(&mut table, text_columns);
    println!("\n{table}");
}

/// Prints a table in Markdown, as the docs have it.
pub(crate) fn markdown(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
    println!("| {} |", header.join(" | "));
    println!("|{}", " --- |".repeat(header.len()));
    for row in rows {
        println!("| {} |", row.join(" | "));
    }
}

/// The header cells that belong to [`quantile_cells`].
pub(crate) const QUANTILE_HEADER: [&str; 5] = ["p50", "p90", "p99", "p99.9", "max"];

/// The cells of a latency's quantiles.
pub(crate) fn quantile_cells(quantiles: &Quantiles) -> Vec<String> {
    [quantiles.p50_us, quantiles.p90_us, quantiles.p99_us, quantiles.p999_us, quantiles.max_us]
        .into_iter()
        .map(duration)
        .collect()
}

/// A number of microseconds in the unit that suits it.
pub(crate) fn duration(micros: f64) -> String {
    if micros < 1_000.0 {
        format!("{micros:.0} µs")
    } else if micros < 1_000_000.0 {
        format!("{:.2} ms", micros / 1_000.0)
    } else {
        format!("{:.2} s", micros / 1_000_000.0)
    }
}

/// A whole number with separators between thousands.
pub(crate) fn count(number: u64) -> String {
    HumanCount(number).to_string()
}

/// A rate, rounded to whole units a second.
pub(crate) fn rate(units: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { units as f64 / seconds } else { 0.0 }
}

/// A rate in words.
pub(crate) fn per_second(rate: f64) -> String {
    // A float that is cast saturates; a rate is never negative.
    format!("{}/s", HumanCount(rate.round() as u64))
}

/// What recovery found, in one line.
pub(crate) fn recovery(recovery: &Recovery) -> String {
    format!(
        "recovered in {} ms: {} records replayed, {} orders, {} SKUs, {} bytes cut, {} orders finished, {} undone, epoch {}",
        count(recovery.millis),
        count(recovery.records_replayed),
        count(recovery.orders),
        count(recovery.skus),
        count(recovery.bytes_cut),
        count(recovery.finished),
        count(recovery.undone),
        recovery.epoch,
    )
}

/// Says where the data of the run is, when it is still there.
pub(crate) fn kept_folder(folder: &Folder) {
    kept_data(folder, folder.path());
}

/// The same where the engine's data is in a folder within.
pub(crate) fn kept_data(folder: &Folder, data: &Path) {
    if folder.is_kept() {
        let path = data.display();
        println!("\nThe data is in {path}; look at it again with `loadtest look {path}`.");
    }
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
    for line in [TableComponent::HorizontalLines, TableComponent::MiddleIntersections] {
        table.remove_style(line);
    }
    table
}

fn align_right(table: &mut Table, from: usize) {
    for column in table.column_iter_mut().skip(from) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_lists_some_differences_and_counts_all() {
        let promise = Promise::from_differences("kept", (0..100).map(|n| n.to_string()));
        assert!(!promise.is_kept());
        assert_eq!(promise.differences.len(), DIFFERENCES_MAX);
        assert_eq!(promise.difference_count, 100);
    }

    #[test]
    fn durations_are_printed_in_the_unit_that_suits_them() {
        assert_eq!(duration(98.6), "99 µs");
        assert_eq!(duration(1_234.0), "1.23 ms");
        assert_eq!(duration(2_500_000.0), "2.50 s");
    }

    #[test]
    fn numbers_have_separators_and_rates_a_unit() {
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(per_second(499_999.6), "500,000/s");
    }
}
