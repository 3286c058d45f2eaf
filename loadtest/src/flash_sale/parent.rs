//! The parent: starts the engine's process, takes down what it acknowledges, kills it, starts it again.

use std::io::{BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::frame::{Frame, Opened};
use super::ledger::Ledger;
use super::result::{KillReport, SaleResult};
use super::{Arguments, Plan, proof};
use crate::latency::Quantiles;
use crate::progress::Progress;
use crate::report::{self, Promise};
use crate::store::{self, Folder};

/// How one child's life ended.
enum End {
    /// Killed, after this much selling.
    Killed(Duration),
    /// Every order has its final answer, after this much selling.
    Done(Duration),
}

/// The sale as the parent sees it, over all children.
struct Sale<'a> {
    plan: &'a Plan,
    ledger: Ledger,
    progress: Progress,
    kills: Vec<KillReport>,
    faults: Vec<String>,
}

/// Runs the sale and proves the promises; `true` when all were kept.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let folder = Folder::take(arguments.folder.as_deref())?;
    let plan = Plan::new(arguments, folder.path().to_owned())?;
    if !arguments.json {
        report::line(&format!(
            "{} buyers, {} orders for {} units of one SKU, durability {:?}, in {}",
            report::count(u64::from(plan.buyers)),
            report::count(u64::from(plan.orders)),
            report::count(u64::from(plan.stock)),
            plan.durability,
            plan.folder.display(),
        ));
    }
    let mut sale = Sale {
        plan: &plan,
        ledger: Ledger::new(plan.orders)?,
        progress: Progress::new("orders", Some(u64::from(plan.orders))),
        kills: Vec::new(),
        faults: Vec::new(),
    };
    let selling = sale.sell(arguments.kills)?;
    sale.progress.event("the sale is over; proving the promises");
    let proof = store::runtime(plan.workers)?.block_on(proof::prove(&plan, &sale.ledger))?;
    sale.progress.finish();

    let result = sale.into_result(selling, arguments.kills, proof);
    if arguments.json {
        report::json(&result)?;
    } else {
        result.print();
        report::kept_folder(&folder);
    }
    Ok(result.is_kept())
}

impl Sale<'_> {
    /// Sells until every order has its final answer, through `kills` kills; the time spent selling.
    fn sell(&mut self, kills: u32) -> Result<Duration> {
        let mut selling = Duration::ZERO;
        for kill in 1..=kills {
            let threshold = self.threshold(kill, kills);
            match self.one_life(Some(threshold))? {
                End::Killed(lived) => selling += lived,
                // The sale ended before the kill was due: a small sale, or a large number of kills.
                End::Done(lived) => return Ok(selling + lived),
            }
        }
        match self.one_life(None)? {
            End::Killed(_) => bail!("the engine's process ended before the sale did; see its message above"),
            End::Done(lived) => Ok(selling + lived),
        }
    }

    /// After how many granted orders the kill is due: kills fall evenly into the part of the sale in
    /// which there is still something to sell.
    fn threshold(&self, kill: u32, kills: u32) -> u32 {
        let granted = u64::from(self.plan.stock.min(self.plan.orders));
        let due = granted * u64::from(kill) / (u64::from(kills) + 1);
        u32::try_from(due).unwrap_or(u32::MAX)
    }

    /// Runs one child until it is done or, once `kill_at` orders are granted, killed.
    fn one_life(&mut self, kill_at: Option<u32>) -> Result<End> {
        let started_at = Instant::now();
        let mut child = start_child(self.plan, &self.ledger)?;
        let pipe = child.stdout.take().context("the child has no standard output")?;
        let mut pipe = BufReader::with_capacity(64 * 1024, pipe);
        let mut selling_since = None;
        let mut last_answer = Instant::now();
        let (mut killed, mut done) = (false, false);
        // After the kill the loop goes on to the end of the pipe: what is in it was acknowledged.
        while let Some(frame) = Frame::decode(&mut pipe)? {
            match frame {
                Frame::Opened(opened) => {
                    selling_since = Some(Instant::now());
                    self.opened(opened, started_at.elapsed());
                }
                Frame::Answered(answered) => {
                    last_answer = Instant::now();
                    self.ledger.acknowledge(answered);
                    self.progress.at(u64::from(self.ledger.placed()));
                }
                Frame::Recovering(done, total) => self.progress.recovering(done, total),
                Frame::Fault(text) => self.faults.push(text),
                Frame::Done => done = true,
            }
            if !killed && kill_at.is_some_and(|due| self.ledger.granted >= due) {
                // On Unix this is SIGKILL: the child gets no chance to tidy up.
                child.kill().context("killing the child")?;
                killed = true;
            }
        }
        let status = child.wait().context("waiting for the child")?;
        let lived = selling_since.map_or(Duration::ZERO, |since| last_answer.duration_since(since));
        if killed && !done {
            self.killed();
            return Ok(End::Killed(lived));
        }
        if !done || !(killed || status.success()) {
            bail!("the engine's process ended with {status} before the sale did; see its message above");
        }
        Ok(End::Done(lived))
    }

    /// Notes that the engine is open, and after a kill what that took.
    fn opened(&mut self, opened: Opened, opening: Duration) {
        let Some(kill) = self.kills.last_mut() else { return };
        self.progress.event(&report::recovery(&opened.recovery));
        kill.in_doubt = opened.in_doubt;
        kill.in_doubt_decided = opened.in_doubt_decided;
        kill.recovery = opened.recovery;
        kill.back_after_ms = u64::try_from(opening.as_millis()).unwrap_or(u64::MAX);
    }

    fn killed(&mut self) {
        let answers = self.ledger.answers();
        self.progress.event(&format!(
            "killed (SIGKILL) after {} acknowledged answers, {} of them grants",
            report::count(answers),
            report::count(u64::from(self.ledger.granted)),
        ));
        self.kills.push(KillReport { acknowledged: answers, ..KillReport::default() });
    }

    fn into_result(self, selling: Duration, kills: u32, proof: proof::Proof) -> SaleResult {
        let seconds = selling.as_secs_f64();
        let ledger = self.ledger;
        let mut promises = vec![
            Promise::from_differences(
                "no answer contradicts an earlier one",
                ledger.contradictions.iter().cloned(),
            ),
            Promise::from_differences("no buyer got an unexpected answer", self.faults),
            Promise::from_check(
                "the engine was killed in the middle",
                self.kills.len() == kills as usize,
                || format!("{} of {kills} kills took place before the sale was over", self.kills.len()),
            ),
        ];
        promises.extend(proof.promises);
        SaleResult {
            plan: self.plan.clone(),
            seconds,
            placements_per_second: report::rate(u64::from(ledger.placed()), seconds),
            answers_per_second: report::rate(ledger.answers(), seconds),
            placements: Quantiles::of(&ledger.placements),
            payments: Quantiles::of(&ledger.payments),
            granted: ledger.granted,
            refused: ledger.refused,
            paid: ledger.paid,
            units: proof.units,
            sold: proof.units.sold(),
            oversold: proof.oversold,
            acknowledged_missing: proof.acknowledged_missing,
            kills: self.kills,
            reopened: proof.reopened,
            state_hash: proof.state_hash,
            promises,
        }
    }
}

/// Starts a child on the plan's folder and tells it what is known of each order.
fn start_child(plan: &Plan, ledger: &Ledger) -> Result<Child> {
    let program = std::env::current_exe().context("finding this program")?;
    let mut child = Command::new(program)
        .arg("flash-sale-child")
        .arg(serde_json::to_string(plan)?)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("starting the engine's process")?;
    let mut stdin = child.stdin.take().context("the child has no standard input")?;
    // Dropping the pipe ends the list.
    stdin.write_all(&ledger.to_bytes()).context("telling the child what is known")?;
    Ok(child)
}
