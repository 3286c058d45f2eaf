//! The committed baseline, and what it depends on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::measure::Measured;

/// What a command costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// Instructions; `None` where they could not be counted.
    pub(crate) instructions: Option<f64>,
    /// Allocations.
    pub(crate) allocations: f64,
    /// Bytes asked for by them.
    pub(crate) bytes: f64,
}

impl Counts {
    /// As they are written: whole instructions and bytes, allocations to a hundredth.
    fn rounded(self) -> Self {
        Self {
            instructions: self.instructions.map(f64::round),
            allocations: (self.allocations * 100.0).round() / 100.0,
            bytes: self.bytes.round(),
        }
    }
}

/// What counts depend on besides the sources.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Environment {
    /// The target triple.
    pub(crate) target: String,
    /// The profile of the build.
    pub(crate) profile: String,
    /// The compiler's version.
    pub(crate) rustc: String,
    /// The C library's version: it has the allocator and copies memory.
    pub(crate) libc: String,
    /// The widest vector instructions that libraries choose by themselves here.
    pub(crate) vectors: String,
    /// Valgrind's version; `None` where it is not installed.
    pub(crate) valgrind: Option<String>,
}

/// What a program says when it is asked, without white space around it; `None` where there is no such program.
fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output =
        Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Valgrind shows a program what the processor has, up to AVX2.
fn vectors() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        return "AVX2";
    }
    "no AVX2"
}

impl Environment {
    /// What this program was built with, and what it finds here.
    pub(crate) fn look() -> Result<Self> {
        let compiler = said("rustc", &["-vV"]).context("asking rustc for its version")?;
        let field =
            |name| compiler.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().to_owned();
        let this = std::env::current_exe().context("finding this program")?;
        let folder = this.parent().and_then(Path::file_name).unwrap_or_default();
        Ok(Self {
            target: field("host: "),
            profile: folder.to_string_lossy().into_owned(),
            rustc: field("release: "),
            vectors: vectors().to_owned(),
            libc: said("getconf", &["GNU_LIBC_VERSION"]).unwrap_or_else(|| "unknown".to_owned()),
            valgrind: said("valgrind", &["--version"]),
        })
    }
}

/// What was counted when the baseline was last renewed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Baseline {
    /// What it was counted with.
    pub(crate) environment: Environment,
    /// Counts by the name of the scenario.
    pub(crate) counts: BTreeMap<String, Counts>,
}

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bin/guard/baseline.json")
}

impl Baseline {
    /// The committed one; empty where there is none.
    pub(crate) fn read() -> Result<Self> {
        let file = file();
        if !file.exists() {
            return Ok(Self::default());
        }
        let text = std::fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        serde_json::from_str(&text).with_context(|| format!("reading {}", file.display()))
    }

    /// This baseline with what was counted now. Where everything was counted, what was not is forgotten.
    pub(crate) fn renewed(mut self, here: Environment, measured: &[Measured], everything: bool) -> Self {
        if everything {
            self.counts.clear();
        }
        let counts = |of: &Measured| (of.scenario.name.to_owned(), of.median().rounded());
        self.counts.extend(measured.iter().map(counts));
        Self { environment: here, counts: self.counts }
    }

    /// Writes it to its place among the sources.
    pub(crate) fn write(&self) -> Result<()> {
        let file = file();
        let text = serde_json::to_string_pretty(self)? + "\n";
        std::fs::write(&file, text).with_context(|| format!("writing {}", file.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario;

    #[test]
    fn the_committed_baseline_has_every_scenario_and_no_other() -> Result<()> {
        let baseline = Baseline::read()?;
        let mut names: Vec<&str> = scenario::ALL.iter().map(|scenario| scenario.name).collect();
        names.sort_unstable();
        assert_eq!(baseline.counts.keys().map(String::as_str).collect::<Vec<_>>(), names);
        assert!(baseline.counts.values().all(|counts| counts.instructions.is_some()));
        Ok(())
    }

    #[test]
    fn renewing_a_part_keeps_the_rest_as_it_was() {
        let named = |name: &str, allocations| (name.to_owned(), Counts { allocations, ..Counts::default() });
        let mut old = Baseline::default();
        old.counts.extend([named("gone", 1.0), named("pure: reserve", 2.0)]);
        let counts = Counts { allocations: 3.004, ..Counts::default() };
        let measured = scenario::ALL.iter().take(1).map(|of| Measured { scenario: *of, times: vec![counts] });
        let measured: Vec<_> = measured.collect();
        let part = old.clone().renewed(Environment::default(), &measured, false);
        assert_eq!(
            part.counts.into_iter().collect::<Vec<_>>(),
            [named("gone", 1.0), named("pure: reserve", 3.0)]
        );
        let whole = old.renewed(Environment::default(), &measured, true);
        assert_eq!(whole.counts.into_iter().collect::<Vec<_>>(), [named("pure: reserve", 3.0)]);
    }
}
