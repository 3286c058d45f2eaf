//! The command line, and everybody for a fraction of a second.

use super::*;
use clap::Parser;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    arguments: Arguments,
}

fn arguments(words: &[&str]) -> Arguments {
    let line = std::iter::once("compare").chain(words.iter().copied());
    Line::try_parse_from(line).map(|line| line.arguments).expect("arguments that are good")
}

#[test]
fn everybody_does_everything_unless_told_otherwise() {
    assert_eq!(arguments(&[]).contenders(), ContenderName::value_variants());
    assert_eq!(arguments(&[]).workloads(), WorkloadName::value_variants());
    let few = arguments(&["--only", "redis,earmark", "--workload", "zipf", "--callers", "1,7"]);
    assert_eq!(few.contenders(), [ContenderName::Earmark, ContenderName::Redis]);
    assert_eq!(few.workloads(), [WorkloadName::Zipf]);
    assert_eq!(few.callers, [1, 7]);
    assert!(Line::try_parse_from(["compare", "--only", "mainframe"]).is_err());
    assert!(Line::try_parse_from(["compare", "--rounds", "0"]).is_err());
}

/// Contenders whose server cannot be had on this machine are skipped, with the reason in the test's output.
#[test]
fn every_contender_that_is_there_answers_truly_in_every_workload() -> Result<()> {
    let folder = Folder::take(None)?;
    let arguments = arguments(&["--callers", "1", "--rounds", "1", "--seconds", "0.2", "--warm-up", "0.1"]);
    let field = field::Field::prepare(folder.path(), &arguments.contenders(), Some(2))?;
    for missing in &field.missing {
        report::note(&format!("skipped: {}: {}", missing.contender.name(), missing.why));
    }
    let mut outcome = result::Outcome::new(&arguments, folder.path(), &field);
    for workload in arguments.workloads() {
        let work = Work::new(workload, arguments.seed)?;
        let cell = rounds(&field, &work, 1, &arguments)?;
        let able = field.contenders.iter().filter(|name| name.does(workload)).count();
        assert_eq!(cell.len(), able, "{}", workload.name());
        for run in &cell {
            assert!(run.per_second > 0.0, "{} answered nothing", run.contender.name());
            for promise in &run.promises {
                assert!(promise.is_kept(), "{}: {promise:?}", run.contender.name());
            }
        }
        outcome.add(workload, 1, &cell);
    }
    assert!(outcome.is_kept());
    assert!(outcome.rows.len() >= 4 * 3, "{}", outcome.rows.len());
    Ok(())
}
