//! One child's life, and its end.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::Plan;
use super::child::Said;
use super::ledger::Ledger;

/// A child that says nothing for so long is stuck.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// When the child is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// So long after it has begun to open the folder.
    Opening(Duration),
    /// So long after a snapshot has begun, when it has worked for a while.
    Snapshot { worked: Duration, after: Duration },
    /// So long after the engine was open.
    Working(Duration),
}

impl Moment {
    /// Draws a moment; `opening` is about how long an opening takes.
    pub(super) fn draw(random: &mut fastrand::Rng, work: Duration, opening: Duration) -> Self {
        let part = |of: Duration, random: &mut fastrand::Rng| of.mul_f64(random.f64());
        match random.u8(..6) {
            0 => Self::Opening(part(opening, random)),
            1 | 2 => {
                let after = Duration::from_micros(random.u64(..6_000));
                Self::Snapshot { worked: part(work, random), after }
            }
            _ => Self::Working(part(work, random)),
        }
    }

    /// How long after `said` the child is to be killed, if `said` is what the moment waits for.
    fn due(self, said: &Said, open_for: Option<Duration>) -> Option<Duration> {
        match (self, said) {
            (Self::Opening(after), Said::Opening) | (Self::Working(after), Said::Open) => Some(after),
            (Self::Snapshot { worked, after }, Said::SnapshotBegins) => {
                open_for.is_some_and(|open| open >= worked).then_some(after)
            }
            _ => None,
        }
    }
}

/// What the parent saw of a life.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lived {
    /// Whether the engine was open when the child was killed.
    pub(super) was_open: bool,
    /// Whether a snapshot was being taken.
    pub(super) in_snapshot: bool,
    pub(super) snapshots: u64,
    pub(super) answered: u64,
    pub(super) refused: u64,
    pub(super) faults: Vec<String>,
}

impl Lived {
    fn note(&mut self, said: Said, ledger: &mut Ledger) {
        match said {
            Said::Opening => {}
            Said::Open => self.was_open = true,
            Said::SnapshotBegins => self.in_snapshot = true,
            Said::SnapshotTaken => {
                self.in_snapshot = false;
                self.snapshots += 1;
            }
            Said::Asked(number, request) => ledger.asked(number, *request),
            Said::Answered(number, outcome) => {
                self.answered += 1;
                self.refused += u64::from(outcome.is_err());
                if let Some(wrong) = ledger.answered(number, outcome) {
                    self.faults.push(wrong);
                }
            }
            Said::Fault(text) => self.faults.push(text),
        }
    }
}

/// Starts a child, kills it at its moment, and takes down everything that it said.
pub(super) fn one(plan: &Plan, moment: Moment, ledger: &mut Ledger) -> Result<Lived> {
    let mut child = start(plan)?;
    let pipe = child.stdout.take().context("the child has no standard output")?;
    let (sender, inbox) = mpsc::channel();
    let reader = std::thread::spawn(move || read_lines(BufReader::new(pipe), &sender));
    let (mut lived, mut opened_at, mut kill_at) = (Lived::default(), None::<Instant>, None::<Instant>);
    let mut heard_at = Instant::now();
    loop {
        let now = Instant::now();
        if kill_at.is_some_and(|at| now >= at) {
            break;
        }
        let wait = kill_at.map_or(SILENCE_MAX, |at| at - now);
        match inbox.recv_timeout(wait) {
            Ok(said) => {
                heard_at = Instant::now();
                if said == Said::Open {
                    opened_at = Some(heard_at);
                }
                let open_for = opened_at.map(|at| heard_at - at);
                kill_at = kill_at.or_else(|| Some(heard_at + moment.due(&said, open_for)?));
                lived.note(said, ledger);
            }
            Err(mpsc::RecvTimeoutError::Timeout) if heard_at.elapsed() < SILENCE_MAX => {}
            Err(mpsc::RecvTimeoutError::Timeout) => {
                child.kill().context("killing the child")?;
                bail!("the child has said nothing for {} s", SILENCE_MAX.as_secs());
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                let status = child.wait().context("waiting for the child")?;
                bail!("the engine's process ended with {status} by itself; see its message above");
            }
        }
    }
    // On Unix this is SIGKILL: the child gets no chance to tidy up.
    child.kill().context("killing the child")?;
    child.wait().context("waiting for the child")?;
    // What is left in the pipe was acknowledged.
    for said in inbox {
        lived.note(said, ledger);
    }
    match reader.join() {
        Ok(read) => read?,
        Err(panic) => std::panic::resume_unwind(panic),
    }
    Ok(lived)
}

fn start(plan: &Plan) -> Result<Child> {
    let program = std::env::current_exe().context("finding this program")?;
    Command::new(program)
        .arg("kills-child")
        .arg(serde_json::to_string(plan)?)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("starting the engine's process")
}

/// Hands on every whole line; one that the kill cut off was never received.
pub(super) fn read_lines(mut from: impl BufRead, to: &mpsc::Sender<Said>) -> Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        from.read_until(b'\n', &mut line).context("reading from the child")?;
        let Some((b'\n', text)) = line.split_last() else { return Ok(()) };
        let said =
            serde_json::from_slice(text).context("the child said something else than was agreed on")?;
        if to.send(said).is_err() {
            return Ok(());
        }
    }
}
