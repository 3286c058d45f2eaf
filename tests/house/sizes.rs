//! How long files and functions may grow.

use crate::functions::functions;
use crate::{at, none_of, tree};

const FILE_LINES_MAX: usize = 600;
const FILE_LINES_GOAL: usize = 400;
const FUNCTION_LINES_MAX: usize = 100;
const FUNCTION_LINES_GOAL: usize = 70;

/// Ratchet: files that are longer than the goal. Lower it when one is shortened; never raise it.
const FILES_OVER_GOAL: usize = 1;
/// Ratchet: functions that are longer than the goal. Lower it when one is shortened; never raise it.
const FUNCTIONS_OVER_GOAL: usize = 0;

/// Holds a ratchet: as many as are known, and the count is lowered when there are fewer.
#[track_caller]
fn ratchet(name: &str, known: usize, over: &[String]) {
    let verdict = match over.len().cmp(&known) {
        std::cmp::Ordering::Greater => "there are more than before",
        std::cmp::Ordering::Less => "there are fewer than before; lower the count",
        std::cmp::Ordering::Equal => return,
    };
    panic!("\n\n{name} is {known}, {} were found: {verdict}\n{}\n", over.len(), over.join("\n"));
}

#[test]
fn no_file_is_longer_than_600_lines_and_few_than_400() {
    let (mut too_long, mut over) = (Vec::new(), Vec::new());
    for source in tree::rust() {
        let lines = source.text.lines().count();
        if lines > FILE_LINES_MAX {
            too_long.push(at(
                &source.file,
                1,
                &format!("{lines} lines; a file has at most {FILE_LINES_MAX}"),
            ));
        }
        if lines > FILE_LINES_GOAL {
            over.push(at(&source.file, 1, &format!("{lines} lines; the goal is {FILE_LINES_GOAL}")));
        }
    }
    none_of(&too_long);
    ratchet("FILES_OVER_GOAL", FILES_OVER_GOAL, &over);
}

#[test]
fn no_function_is_longer_than_100_lines_and_none_than_70() {
    let (mut too_long, mut over) = (Vec::new(), Vec::new());
    let mut count = 0;
    for source in tree::rust() {
        for function in functions(&source) {
            count += 1;
            let (name, lines) = (&function.name, function.lines);
            if lines > FUNCTION_LINES_MAX {
                let rule = format!("`{name}` has {lines} lines; a function has at most {FUNCTION_LINES_MAX}");
                too_long.push(at(&source.file, function.line, &rule));
            }
            if lines > FUNCTION_LINES_GOAL {
                let rule = format!("`{name}` has {lines} lines; the goal is {FUNCTION_LINES_GOAL}");
                over.push(at(&source.file, function.line, &rule));
            }
        }
    }
    assert!(count > 300, "only {count} functions were found: the reading of sources is broken");
    none_of(&too_long);
    ratchet("FUNCTIONS_OVER_GOAL", FUNCTIONS_OVER_GOAL, &over);
}
