//! Runs each scenario in processes of its own.

use std::collections::VecDeque;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, anyhow, ensure};

use crate::baseline::{Counts, Environment};
use crate::scenario::Scenario;
use crate::window::{Counted, INSTRUCTIONS_ONLY, WINDOW};

/// What was counted of one scenario, each time.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    /// The scenario.
    pub(crate) scenario: Scenario,
    /// The counts of each time, at least once.
    pub(crate) times: Vec<Counts>,
}

impl Measured {
    /// The median of each count.
    pub(crate) fn median(&self) -> Counts {
        let of = |count: &dyn Fn(&Counts) -> f64| {
            let mut all: Vec<f64> = self.times.iter().map(count).collect();
            all.sort_by(f64::total_cmp);
            all.get(all.len() / 2).copied().unwrap_or_default()
        };
        Counts {
            instructions: self
                .times
                .iter()
                .all(|counts| counts.instructions.is_some())
                .then(|| of(&|counts| counts.instructions.unwrap_or_default())),
            allocations: of(&|counts| counts.allocations),
            bytes: of(&|counts| counts.bytes),
        }
    }

    /// How far the largest of a count is from the smallest, in per cent of the smallest.
    pub(crate) fn spread(&self, count: impl Fn(&Counts) -> Option<f64>) -> Option<f64> {
        let all = || self.times.iter().filter_map(&count);
        let (low, high) = (all().min_by(f64::total_cmp)?, all().max_by(f64::total_cmp)?);
        Some(if low > 0.0 { (high / low - 1.0) * 100.0 } else { high - low })
    }
}

/// Tells the process that asked what was counted.
pub(crate) fn tell(counted: &Counted) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(counted)?)?;
    Ok(())
}

/// Counts all scenarios `repeat` times, on as many threads as there are cores.
pub(crate) fn all(scenarios: &[&Scenario], here: &Environment, repeat: u32) -> Result<Vec<Measured>> {
    let this = std::env::current_exe().context("finding this program")?;
    let profiles = profiles(&this)?;
    let jobs =
        scenarios.iter().enumerate().flat_map(|(at, scenario)| (0..repeat).map(move |_| (at, **scenario)));
    let jobs: Mutex<VecDeque<_>> = Mutex::new(jobs.collect());
    let next = || jobs.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let work = || {
        let mut counted = Vec::new();
        while let Some((at, scenario)) = next() {
            let counts = one(&this, &profiles, &scenario, here.valgrind.is_some());
            counted.push((at, counts.with_context(|| format!("counting {:?}", scenario.name))?));
        }
        Ok::<_, anyhow::Error>(counted)
    };
    let counted = std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let joined =
            workers.into_iter().map(|worker| worker.join().map_err(|_| anyhow!("a thread panicked"))?);
        joined.collect::<Result<Vec<_>>>()
    })?;
    let times = |at| counted.iter().flatten().filter(move |(of, _)| *of == at).map(|(_, counts)| *counts);
    let measured =
        |(at, scenario): (usize, &&Scenario)| Measured { scenario: **scenario, times: times(at).collect() };
    Ok(scenarios.iter().enumerate().map(measured).collect())
}

/// The folder of the profiles that Valgrind leaves, beside the build's other output.
pub(crate) fn profiles(this: &Path) -> Result<PathBuf> {
    let folder = this.parent().context("this program is in no folder")?.join("guard-profiles");
    std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    Ok(folder)
}

/// The file in which Valgrind leaves what it counted of a scenario.
pub(crate) fn profile_of(folder: &Path, scenario: &Scenario) -> PathBuf {
    let name = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    folder.join(scenario.name.chars().map(name).collect::<String>()).with_extension("callgrind")
}

fn one(this: &Path, profiles: &Path, scenario: &Scenario, with_instructions: bool) -> Result<Counts> {
    let Counted { commands, allocations, bytes } = ask(Command::new(this), scenario)?;
    let each = |counted: u64| counted as f64 / commands as f64;
    let instructions = with_instructions.then(|| instructions(this, profiles, scenario)).transpose()?;
    Ok(Counts { instructions: instructions.map(each), allocations: each(allocations), bytes: each(bytes) })
}

fn instructions(this: &Path, profiles: &Path, scenario: &Scenario) -> Result<u64> {
    // Each time in a file of its own, because several are counted at once.
    let file = tempfile::NamedTempFile::new_in(profiles).context("making a file for the profile")?;
    let mut valgrind = Command::new("valgrind");
    valgrind
        .args(["--quiet", "--tool=callgrind", "--collect-atstart=no"])
        .arg(format!("--toggle-collect={WINDOW}"))
        .arg(format!("--callgrind-out-file={}", file.path().display()))
        .arg(this)
        .env(INSTRUCTIONS_ONLY, "1");
    ask(valgrind, scenario)?;
    let profile = std::fs::read_to_string(file.path()).context("reading the profile")?;
    file.persist(profile_of(profiles, scenario)).context("keeping the profile")?;
    total(&profile)
}

/// Runs a scenario as a child and takes what it tells.
fn ask(mut program: Command, scenario: &Scenario) -> Result<Counted> {
    let child = program.args(["--child", scenario.name]).stdin(Stdio::null()).output();
    let output = child.with_context(|| format!("starting {:?}", program.get_program()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{:?} ended with {}: {said}", program.get_program(), output.status);
    let told = String::from_utf8_lossy(&output.stdout);
    let counted: Counted = serde_json::from_str(told.trim()).with_context(|| format!("it told {told:?}"))?;
    ensure!(counted.commands > 0, "nothing was counted");
    Ok(counted)
}

/// The instructions of a profile.
fn total(profile: &str) -> Result<u64> {
    let line = profile
        .lines()
        .find_map(|line| line.strip_prefix("totals: "))
        .context("the profile has no totals")?;
    let total = line.trim().parse().with_context(|| format!("the totals are {line:?}"))?;
    ensure!(total > 0, "no instruction was counted: Valgrind did not find the window");
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_read_out_of_a_profile() {
        let profile = "events: Ir\nfn=(1) main\n16 400\n\ntotals: 123456\n";
        assert_eq!(total(profile).ok(), Some(123_456));
    }

    #[test]
    fn a_profile_in_which_nothing_was_counted_is_an_error() {
        assert!(total("events: Ir\n\ntotals: 0\n").is_err());
        assert!(total("events: Ir\n").is_err());
    }
}
