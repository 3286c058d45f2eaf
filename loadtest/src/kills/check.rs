//! After a kill: the folder is opened, and what is found is held against what was acknowledged.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use earmark::domain::command::Outcome;
use earmark::port::fs::RealFs;
use earmark::replay::{self, Folder};
use earmark::{Command, Cut, Engine, Error, Request};

use super::Plan;
use super::ledger::Ledger;
use super::result::Tally;
use crate::invariant;
use crate::store;

/// Answered keys that are asked again after each kill.
const KEYS_ASKED_AGAIN: usize = 60;

/// Opens the folder and compares; what differs goes into the tally.
pub(super) async fn after_kill(
    plan: &Plan,
    ledger: &mut Ledger,
    tally: &mut Tally,
    random: &mut fastrand::Rng,
) -> Result<()> {
    let engine = plan.open().await?;
    tally.recovered(engine.recovery());
    let cut = engine.cut().await.context("taking a cut")?;
    let (wrong, compared) = ledger.differences(&cut);
    tally.wrong("every acknowledged answer is there", plan.round, wrong);
    tally.compared(compared);
    holds_true(plan, tally, &cut);

    let again = keys_answer_the_same(&engine, ledger, random).await;
    tally.wrong("a key is answered the same again", plan.round, again);
    let unchanged = engine.cut().await.context("taking a cut")?.hash;
    let executed =
        (unchanged != cut.hash).then(|| "asking again under answered keys changed the state".into());
    tally.wrong("a key is answered the same again", plan.round, executed);
    let doubts = finish_what_is_in_doubt(&engine, ledger).await;
    tally.wrong("what a kill interrupted is done once under its key", plan.round, doubts);

    let cut = engine.cut().await.context("taking a cut")?;
    holds_true(plan, tally, &cut);
    ledger.settle(&cut);
    tally.keys_asked += ledger.keyed().count().min(KEYS_ASKED_AGAIN) as u64;
    engine.close().await.context("closing the engine")?;
    let differs = states_differ(plan, tally, &cut).await?;
    tally.wrong("journal alone and snapshots lead to the same state", plan.round, differs);
    let found = verify(&plan.folder)?;
    tally.wrong("verify finds nothing wrong", plan.round, found);
    Ok(())
}

fn holds_true(plan: &Plan, tally: &mut Tally, cut: &Cut) {
    for promise in invariant::promises(cut) {
        tally.wrong(promise.name, plan.round, promise.differences);
    }
}

async fn submit(engine: &Engine, request: &Request<Command>) -> Result<Outcome, Error> {
    match engine.submit::<Command>(request.clone()).await {
        Ok(answer) => Ok(Ok(answer)),
        Err(Error::Refused(refusal)) => Ok(Err(refusal)),
        Err(error) => Err(error),
    }
}

async fn keys_answer_the_same(engine: &Engine, ledger: &Ledger, random: &mut fastrand::Rng) -> Vec<String> {
    let mut wrong = Vec::new();
    for (request, first) in random.choose_multiple(ledger.keyed(), KEYS_ASKED_AGAIN) {
        let again = submit(engine, request).await;
        if again.as_ref() != Ok(first) {
            wrong.push(format!("{request:?} was answered {first:?}, and is now answered {again:?}"));
        }
    }
    wrong
}

/// Asks twice under every key whose first answer never came.
async fn finish_what_is_in_doubt(engine: &Engine, ledger: &mut Ledger) -> Vec<String> {
    let mut wrong = Vec::new();
    for (number, request) in ledger.keyed_in_doubt() {
        let (first, again) = (submit(engine, &request).await, submit(engine, &request).await);
        if first != again {
            wrong.push(format!("{request:?} is answered {first:?}, and then {again:?}"));
        }
        match first {
            Ok(outcome) => wrong.extend(ledger.answered(number, outcome)),
            Err(error) => wrong.push(format!("{request:?}: {error}")),
        }
    }
    wrong
}

/// Opens the folder again, and a copy of its journal without snapshots: all states are the same.
async fn states_differ(plan: &Plan, tally: &mut Tally, cut: &Cut) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    let engine = plan.open().await?;
    let report = engine.recovery().clone();
    let from = if report.loaded.is_some() { "a snapshot" } else { "the journal" };
    let hash = engine.cut().await.context("taking a cut")?.hash;
    engine.close().await.context("closing the engine")?;
    tally.snapshots_loaded += u64::from(report.loaded.is_some());
    tally.states += 1;
    if hash != cut.hash {
        wrong.push(format!("from {from}: {hash}; live it was {}", cut.hash));
    }
    wrong.extend(report.refused.iter().map(|refused| format!("a snapshot cannot be used: {refused:?}")));
    if plan.drops_history {
        return Ok(wrong);
    }
    let copy = journal_alone(&plan.folder)?;
    let alone = Plan { folder: copy.path().to_owned(), ..plan.clone() };
    let engine = alone.open().await?;
    let hash = engine.cut().await.context("taking a cut")?.hash;
    engine.close().await.context("closing the engine")?;
    tally.states += 1;
    if hash != cut.hash {
        wrong.push(format!("from the journal alone: {hash}; live it was {}", cut.hash));
    }
    Ok(wrong)
}

/// A copy of the folder without its snapshots.
fn journal_alone(folder: &Path) -> Result<store::Folder> {
    let copy = store::Folder::take(None)?;
    for entry in std::fs::read_dir(folder).context("reading the folder")? {
        let path = entry.context("reading the folder")?.path();
        let name = path.file_name().filter(|_| path.extension().is_some_and(|extension| extension == "seg"));
        if let Some(name) = name {
            std::fs::copy(&path, copy.path().join(name)).context("copying the journal")?;
        }
    }
    Ok(copy)
}

fn verify(folder: &Path) -> Result<Vec<String>> {
    let mut folder = Folder::open(Arc::new(RealFs), folder).context("opening the folder to verify it")?;
    let verdict = replay::verify(&mut folder, &mut |_| {}).context("verifying the folder")?;
    Ok(verdict.findings.iter().map(|finding| format!("{finding:?}")).collect())
}
