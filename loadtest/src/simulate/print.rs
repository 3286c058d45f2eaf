//! The result of simulated schedules: tables for people, Markdown for the docs, JSON for tools.

use earmark::simulation::{Kind, Tally};
use indicatif::HumanCount;
use serde_json::{Value, json};

use super::search::{Failure, Result};
use crate::report;

fn count(number: u64) -> String {
    HumanCount(number).to_string()
}

/// What was done, as names with numbers.
fn facts(result: &Result) -> Vec<(&'static str, String)> {
    let Tally { openings, lives, commands, granted, refused, unknown, reads, .. } = result.tally;
    let Tally { verified, records, snapshots, compared, .. } = result.tally;
    vec![
        ("schedules", count(result.tally.schedules)),
        ("first seed", result.first_seed.to_string()),
        ("openings tried", count(openings)),
        ("lives", count(lives)),
        ("faults injected", count(result.tally.faults())),
        ("commands", count(commands)),
        ("… granted", count(granted)),
        ("… refused", count(refused)),
        ("… whose outcome nobody was told", count(unknown)),
        ("edits staged", count(result.tally.edits_staged)),
        ("… accepted", count(result.tally.edits_accepted)),
        ("… declined", count(result.tally.edits_declined)),
        ("orders split", count(result.tally.splits)),
        ("short shipments", count(result.tally.short_shipments)),
        ("flows that came to their end", count(result.tally.flows)),
        ("… that failed, and were rolled back", count(result.tally.flows_failed)),
        ("decisions of operators about flows that stood still", count(result.tally.remedies)),
        ("reads", count(reads)),
        ("answers and reads held against the journal", count(verified)),
        ("records that became durable", count(records)),
        ("snapshots taken", count(snapshots)),
        ("states compared, from the journal or a snapshot alone", count(compared)),
        ("promises broken", count(u64::from(result.failure.is_some()))),
        ("schedules a minute", count(result.rate() as u64)),
        ("threads", count(result.jobs)),
    ]
}

/// What befell the engine: fault, how often, the promise, what it did.
fn faults(tally: &Tally) -> Vec<[String; 4]> {
    let row = |kind: &Kind| {
        let found = tally.by_kind.get(kind).cloned().unwrap_or_default();
        let did: Vec<_> =
            found.did.iter().map(|(what, times)| format!("{what}: {}", count(*times))).collect();
        [kind.words().to_owned(), count(found.injected), kind.promise().to_owned(), did.join("; ")]
    };
    Kind::ALL.iter().map(row).collect()
}

/// Prints the result of schedules.
pub(super) fn result(markdown: bool, result: &Result) {
    let facts = facts(result);
    let faults = faults(&result.tally);
    let header = ["fault", "injected", "what the engine promises", "what it did"];
    if markdown {
        report::markdown(
            &["simulated", ""],
            facts.into_iter().map(|(name, value)| vec![name.to_owned(), value]),
        );
        report::line("");
        report::markdown(&header, faults.into_iter().map(Vec::from));
    } else {
        report::facts("simulated", &facts);
        let rows: Vec<_> = faults
            .into_iter()
            .map(|[fault, times, _, did]| vec![fault, did.replace("; ", "\n"), times])
            .collect();
        report::rows(&["fault", "what the engine did", "injected"], 2, &rows);
    }
    match &result.failure {
        Some(failure) => broken(failure, ""),
        None => report::line("\nkept    no schedule broke a promise"),
    }
}

/// Prints how a schedule failed, and how to repeat it.
fn broken(failure: &Failure, options: &str) {
    let Failure { seed, broken, shrunk } = failure;
    report::line(&format!("\nBROKEN  seed {seed}, in life {}: {}", broken.life, broken.what));
    report::line(&format!("repeat it: loadtest simulate --seed {seed} --runs 1{options}"));
    if let Some(shrunk) = shrunk {
        let (plan, tries) = (&shrunk.plan, shrunk.tries);
        report::line(&format!(
            "what is left of it after {tries} tries, {} commands and {} faults, fails in life {}: {}",
            plan.commands(),
            plan.faults(),
            shrunk.broken.life,
            shrunk.broken.what
        ));
        plan.describe().iter().for_each(|line| report::line(line));
    }
}

/// Prints which engines broken on purpose were found out, and after how many schedules.
pub(super) fn sabotages(markdown: bool, first_seed: u64, found: &[Result]) {
    let row = |result: &Result| {
        let sabotage = result.sabotage;
        let needed = result.needed().map_or_else(|| "not found".to_owned(), count);
        vec![
            sabotage.map_or_else(String::new, |it| it.name().to_owned()),
            sabotage.map_or_else(String::new, |it| it.words().to_owned()),
            needed,
        ]
    };
    let header = ["broken on purpose", "what is broken", "schedules until it was found out"];
    let rows: Vec<_> = found.iter().map(row).collect();
    if markdown {
        report::markdown(&header, rows);
    } else {
        report::rows(&header, 2, &rows);
    }
    report::line(&format!("\nfirst seed {first_seed}"));
    if let [result] = found
        && let Some(failure) = &result.failure
    {
        let name = result.sabotage.map_or("", |it| it.name());
        broken(failure, &format!(" --break {name}"));
    }
}

fn failure_json(failure: &Failure) -> Value {
    json!({
        "seed": failure.seed,
        "life": failure.broken.life,
        "what": failure.broken.what,
        "shrunk": failure.shrunk.as_ref().map(|shrunk| json!({
            "tries": shrunk.tries,
            "commands": shrunk.plan.commands(),
            "faults": shrunk.plan.faults(),
            "life": shrunk.broken.life,
            "what": shrunk.broken.what,
            "schedule": shrunk.plan.describe(),
        })),
    })
}

/// The result of schedules.
pub(super) fn result_json(result: &Result) -> Value {
    let tally = &result.tally;
    let by_kind = Kind::ALL.iter().map(|kind| {
        let found = tally.by_kind.get(kind).cloned().unwrap_or_default();
        json!({ "fault": kind.words(), "promise": kind.promise(), "injected": found.injected, "did": found.did })
    });
    json!({
        "first_seed": result.first_seed,
        "threads": result.jobs,
        "seconds": result.elapsed.as_secs_f64(),
        "schedules_per_minute": result.rate(),
        "schedules": tally.schedules,
        "openings": tally.openings,
        "lives": tally.lives,
        "commands": tally.commands,
        "granted": tally.granted,
        "refused": tally.refused,
        "unknown": tally.unknown,
        "edits_staged": tally.edits_staged,
        "edits_accepted": tally.edits_accepted,
        "edits_declined": tally.edits_declined,
        "splits": tally.splits,
        "short_shipments": tally.short_shipments,
        "flows": tally.flows,
        "flows_failed": tally.flows_failed,
        "remedies": tally.remedies,
        "reads": tally.reads,
        "verified": tally.verified,
        "records": tally.records,
        "snapshots": tally.snapshots,
        "states_compared": tally.compared,
        "faults": by_kind.collect::<Vec<_>>(),
        "failure": result.failure.as_ref().map(failure_json),
    })
}

/// Which engines broken on purpose were found out.
pub(super) fn sabotages_json(first_seed: u64, found: &[Result]) -> Value {
    let row = |result: &Result| {
        json!({
            "broken": result.sabotage.map(|it| it.name()),
            "words": result.sabotage.map(|it| it.words()),
            "schedules_needed": result.needed(),
            "failure": result.failure.as_ref().map(failure_json),
        })
    };
    json!({ "first_seed": first_seed, "sabotages": found.iter().map(row).collect::<Vec<_>>() })
}
