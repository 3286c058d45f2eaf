//! What the guard says.

use std::io::{Write as _, stderr, stdout};

use anyhow::Result;
use comfy_table::{CellAlignment, Table, TableComponent, presets};

use crate::baseline::Baseline;
use crate::compare::Verdict;
use crate::measure::{Measured, profile_of, profiles};

/// The command that renews the baseline.
const RENEW: &str = "cargo guard --save";

/// A number with separators between thousands; small ones with two digits behind the point.
pub(crate) fn count(number: f64) -> String {
    if number.abs() < 100.0 {
        return format!("{number:.2}");
    }
    let digits = format!("{number:.0}");
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn change(then: Option<f64>, now: Option<f64>) -> String {
    match (then, now) {
        (Some(then), Some(now)) if then > 0.0 => format!("{:+.2} %", (now / then - 1.0) * 100.0),
        _ => "-".to_owned(),
    }
}

/// Prints what was counted, beside the baseline.
pub(crate) fn table(measured: &[Measured], old: &Baseline, repeat: u32) -> Result<()> {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
    for line in [TableComponent::HorizontalLines, TableComponent::MiddleIntersections] {
        table.remove_style(line);
    }
    let mut header =
        vec!["scenario", "per", "instructions", "to baseline", "allocations", "to baseline", "bytes"];
    if repeat > 1 {
        header.extend(["spread of instructions", "of allocations"]);
    }
    table.set_header(header);
    for of in measured {
        let now = of.median();
        let then = old.counts.get(of.scenario.name);
        let mut row = vec![
            of.scenario.name.to_owned(),
            of.scenario.per.to_owned(),
            now.instructions.map_or_else(|| "not counted".to_owned(), count),
            change(then.and_then(|then| then.instructions), now.instructions),
            count(now.allocations),
            change(then.map(|then| then.allocations), Some(now.allocations)),
            count(now.bytes),
        ];
        if repeat > 1 {
            let shown = |spread: Option<f64>| {
                spread.map_or_else(|| "-".to_owned(), |spread| format!("{spread:.3} %"))
            };
            row.push(shown(of.spread(|counts| counts.instructions)));
            row.push(shown(of.spread(|counts| Some(counts.allocations))));
        }
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    writeln!(stdout(), "{table}")?;
    Ok(())
}

/// Says that the baseline was renewed.
pub(crate) fn saved() -> Result<()> {
    writeln!(stdout(), "\nThe baseline was renewed; commit it with what made the difference.")?;
    Ok(())
}

/// Says what left its tolerance, and what to do about it.
pub(crate) fn verdict(verdict: &Verdict) -> Result<()> {
    let mut out = stdout().lock();
    writeln!(out)?;
    for note in &verdict.notes {
        writeln!(out, "{note}")?;
    }
    if verdict.findings.is_empty() {
        writeln!(out, "All counts are within their tolerance.")?;
        return Ok(());
    }
    let folder = profiles(&std::env::current_exe()?)?;
    for finding in &verdict.findings {
        writeln!(out, "{}", finding.text)?;
        if let Some(scenario) = &finding.scenario {
            let profile = profile_of(&folder, scenario);
            if profile.exists() {
                writeln!(out, "    where: callgrind_annotate {}", profile.display())?;
            }
        }
    }
    let if_meant = if verdict.is_kept() { "Nothing became worse" } else { "If it is meant to be so" };
    writeln!(out, "\n{if_meant}: {RENEW}, and commit the new baseline.")?;
    Ok(())
}

/// Says why nothing could be counted.
pub(crate) fn failure(error: &anyhow::Error) {
    // There is nobody left to tell when this fails.
    let _ = writeln!(stderr(), "error: {error:#}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_have_separators_and_small_ones_a_fraction() {
        assert_eq!(count(1_234_567.4), "1,234,567");
        assert_eq!(count(999.6), "1,000");
        assert_eq!(count(3.456), "3.46");
    }
}
