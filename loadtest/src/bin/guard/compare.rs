//! What was counted beside the baseline.

use crate::baseline::{Baseline, Counts, Environment};
use crate::measure::Measured;
use crate::print::count;
use crate::scenario::{self, Scenario};

/// The tolerance of instructions where compiler, C library or Valgrind are not the baseline's, in per cent.
const WIDE: f64 = 15.0;

/// The tolerance of allocations and of their bytes, in per cent.
const ALLOCATIONS: f64 = 1.0;

/// Allocations a command that may come and go besides.
const ALLOCATIONS_BESIDE: f64 = 0.05;

/// Bytes a command that may come and go besides.
const BYTES_BESIDE: f64 = 8.0;

/// What a comparison came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdict {
    /// What the reader has to know about the comparison.
    pub(crate) notes: Vec<String>,
    /// What left its tolerance.
    pub(crate) findings: Vec<Finding>,
}

impl Verdict {
    /// Whether nothing became worse.
    pub(crate) fn is_kept(&self) -> bool {
        self.findings.iter().all(|finding| finding.is_gain)
    }
}

/// A count that left its tolerance.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    /// The scenario, if it is one that was run.
    pub(crate) scenario: Option<Scenario>,
    /// What it is.
    pub(crate) text: String,
    /// It became better: the baseline is to be renewed, or the next loss hides in the gain.
    pub(crate) is_gain: bool,
}

/// How instructions are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Instructions {
    /// With each scenario's tolerance, in both directions.
    Closely,
    /// With a wide tolerance above, and none below.
    Widely,
    /// Not at all.
    Not,
}

fn how(old: &Environment, here: &Environment, notes: &mut Vec<String>) -> Instructions {
    if here.valgrind.is_none() {
        notes.push(
            "Skipped: instructions, because Valgrind is not installed. Allocations are compared.".to_owned(),
        );
        return Instructions::Not;
    }
    for (what, then, now) in [("target", &old.target, &here.target), ("profile", &old.profile, &here.profile)]
    {
        if then != now {
            notes.push(format!(
                "Skipped: instructions, because the baseline's {what} is {then}, and this is {now}."
            ));
            return Instructions::Not;
        }
    }
    let of = |environment: &Environment| {
        let Environment { rustc, libc, vectors, valgrind, .. } = environment;
        format!("rustc {rustc}, {libc}, {vectors}, {}", valgrind.as_deref().unwrap_or("no Valgrind"))
    };
    let (then, now) = (of(old), of(here));
    if then == now {
        return Instructions::Closely;
    }
    notes.push(format!(
        "The baseline was counted with {then}; this is {now}. Instructions may be up to {WIDE} % above it, and fewer are no finding."
    ));
    Instructions::Widely
}

/// Compares what was counted with the baseline; `everything` where no scenario was left out.
pub(crate) fn compare(
    old: &Baseline,
    here: &Environment,
    measured: &[Measured],
    everything: bool,
) -> Verdict {
    let mut verdict = Verdict::default();
    let how = how(&old.environment, here, &mut verdict.notes);
    for of in measured {
        let scenario = Some(of.scenario);
        let name = of.scenario.name;
        match old.counts.get(name) {
            Some(then) => {
                verdict.findings.extend(compare_one(&of.scenario, then, &of.median(), how));
            }
            None => {
                let text = format!("{name}: the baseline does not have it");
                verdict.findings.push(Finding { scenario, text, is_gain: false });
            }
        }
    }
    if everything {
        let known = |name: &String| scenario::ALL.iter().any(|scenario| scenario.name == name);
        let gone = old.counts.keys().filter(|name| !known(name));
        verdict.findings.extend(gone.map(|name| Finding {
            scenario: None,
            text: format!("{name}: the baseline has it, and there is no such scenario"),
            is_gain: false,
        }));
    }
    verdict
}

fn compare_one(scenario: &Scenario, then: &Counts, now: &Counts, how: Instructions) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut look = |what: &str, then: f64, now: f64, tolerance: f64, beside: f64, both_ways: bool| {
        let allowed = then * tolerance / 100.0 + beside;
        let left = now > then + allowed || (both_ways && now < then - allowed);
        if left {
            let (per, name) = (scenario.per, scenario.name);
            let is_gain = now < then;
            let (more, less) = ("more than the baseline", "fewer than the baseline, which is to be renewed");
            let side = if is_gain { less } else { more };
            let change = format!("{:.1} %", (now / then - 1.0).abs() * 100.0);
            let (then, now) = (count(then), count(now));
            let text = format!(
                "{name}: {now} {what} per {per}, the baseline is {then}: {change} {side} (tolerance {tolerance} %)"
            );
            findings.push(Finding { scenario: Some(*scenario), text, is_gain });
        }
    };
    if let (Some(then), Some(now)) = (then.instructions, now.instructions) {
        match how {
            Instructions::Closely => look("instructions", then, now, scenario.tolerance, 0.0, true),
            Instructions::Widely => look("instructions", then, now, WIDE, 0.0, false),
            Instructions::Not => {}
        }
    }
    look("allocations", then.allocations, now.allocations, ALLOCATIONS, ALLOCATIONS_BESIDE, true);
    look("allocated bytes", then.bytes, now.bytes, ALLOCATIONS, BYTES_BESIDE, true);
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: Counts = Counts { instructions: Some(1_000.0), allocations: 10.0, bytes: 2_000.0 };

    fn environment() -> Environment {
        Environment {
            rustc: "1".to_owned(),
            valgrind: Some("valgrind-3".to_owned()),
            ..Environment::default()
        }
    }

    /// The verdict on a scenario with a tolerance of 4 per cent.
    fn judged(here: &Environment, counts: Counts) -> Verdict {
        let scenario = Scenario { tolerance: 4.0, ..*scenario::ALL.first().expect("there is one") };
        let mut old = Baseline { environment: environment(), ..Baseline::default() };
        old.counts.insert(scenario.name.to_owned(), BASE);
        let measured = [Measured { scenario, times: vec![counts] }];
        compare(&old, here, &measured, false)
    }

    fn found(here: &Environment, counts: Counts) -> Vec<String> {
        judged(here, counts).findings.into_iter().map(|finding| finding.text).collect()
    }

    #[test]
    fn what_stays_within_its_tolerance_is_no_finding() {
        let counts = Counts { instructions: Some(1_039.0), allocations: 10.1, bytes: 1_985.0 };
        assert_eq!(found(&environment(), counts), Vec::<String>::new());
    }

    #[test]
    fn a_finding_names_scenario_baseline_count_and_per_cent() {
        let found = found(&environment(), Counts { instructions: Some(1_041.0), ..BASE });
        assert_eq!(
            found,
            [
                "pure: reserve: 1,041 instructions per command, the baseline is 1,000: 4.1 % more than the baseline (tolerance 4 %)"
            ]
        );
    }

    #[test]
    fn a_count_that_became_much_smaller_asks_for_a_new_baseline_and_fails_nothing() {
        let better = Counts { allocations: 9.0, bytes: 1_000.0, instructions: Some(900.0) };
        let verdict = judged(&environment(), better);
        assert_eq!(verdict.findings.len(), 3);
        assert!(verdict.findings.iter().all(|finding| finding.text.contains("which is to be renewed")));
        assert!(verdict.is_kept());
        assert!(!judged(&environment(), Counts { allocations: 11.0, ..better }).is_kept());
    }

    #[test]
    fn another_compiler_has_a_wider_tolerance_and_may_be_better() {
        let other = Environment { rustc: "2".to_owned(), ..environment() };
        assert_eq!(found(&other, Counts { instructions: Some(1_149.0), ..BASE }), Vec::<String>::new());
        assert_eq!(found(&other, Counts { instructions: Some(500.0), ..BASE }), Vec::<String>::new());
        assert_eq!(found(&other, Counts { instructions: Some(1_151.0), ..BASE }).len(), 1);
    }

    #[test]
    fn another_target_or_a_missing_valgrind_leaves_instructions_out() {
        let counts = Counts { instructions: Some(9_000.0), ..BASE };
        let other = Environment { target: "other".to_owned(), ..environment() };
        assert_eq!(found(&other, counts), Vec::<String>::new());
        let without = Environment { valgrind: None, ..environment() };
        assert_eq!(found(&without, Counts { instructions: None, ..BASE }), Vec::<String>::new());
        assert_eq!(found(&without, Counts { instructions: None, allocations: 11.0, ..BASE }).len(), 1);
    }

    #[test]
    fn a_scenario_without_baseline_and_a_baseline_without_scenario_are_findings() {
        let scenario = *scenario::ALL.first().expect("there is one");
        let mut old = Baseline { environment: environment(), ..Baseline::default() };
        old.counts.insert("of old".to_owned(), BASE);
        let measured = [Measured { scenario, times: vec![BASE] }];
        let verdict = compare(&old, &environment(), &measured, true);
        assert_eq!(verdict.findings.len(), 2);
        assert!(verdict.findings.iter().all(|finding| !finding.is_gain));
    }
}
