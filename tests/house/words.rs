//! What comments, names and pages say, and what they do not.

use crate::functions::functions;
use crate::{at, none_of, tree};

/// Macros that stand for work not done.
const MACROS: [&str; 3] = ["todo!", "unimplemented!", "dbg!"];

/// Leftovers in comments. Written in two halves, so that this file does not hold them itself.
const LEFTOVERS: [&str; 6] = [
    concat!("FIX", "ME"),
    concat!("TO", "DO"),
    concat!("XX", "X"),
    concat!("HA", "CK"),
    concat!("for ", "now"),
    concat!("in a ", "real"),
];

/// Places and papers that the project does not have and must not point to.
const ELSEWHERE: [&str; 4] =
    [concat!("/wo", "rk/"), concat!("/tm", "p/"), concat!("DES", "IGN"), concat!("CHECK", "LIST")];

/// The optional folder of traces beside the project; only the scripts that look for it may name it.
const BESIDE: &str = concat!("../sha", "red");
const MAY_NAME_BESIDE: [&str; 1] = [".ci/run"];

/// The fewest words in the name of a test: it is a sentence.
const TEST_NAME_WORDS_MIN: usize = 4;

/// Whether `word` stands in `text` with no letter or digit on either side.
fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(index, _)| {
        let letter = |c: char| c.is_alphanumeric() || c == '_';
        !text[..index].ends_with(letter) && !text[index + word.len()..].starts_with(letter)
    })
}

#[test]
fn nothing_is_left_for_later_in_code_or_comments() {
    let mut findings = Vec::new();
    for source in tree::rust() {
        for (line, text) in (1..).zip(source.lexed.code.lines()) {
            for name in MACROS.iter().filter(|name| has_word(text, name)) {
                findings.push(at(&source.file, line, &format!("`{name}` stands for work not done")));
            }
        }
        for (line, text) in (1..).zip(source.lexed.comments.lines()) {
            for word in LEFTOVERS.iter().filter(|word| has_word(text, word)) {
                findings.push(at(&source.file, line, &format!("the comment holds the leftover `{word}`")));
            }
        }
    }
    none_of(&findings);
}

#[test]
fn the_project_speaks_of_itself_alone() {
    let mut findings = Vec::new();
    for (file, text) in tree::texts() {
        for (line, text) in (1..).zip(text.lines()) {
            for word in ELSEWHERE.iter().filter(|word| text.contains(**word)) {
                findings.push(at(&file, line, &format!("`{word}` is no part of the project")));
            }
            if text.contains(BESIDE) && !MAY_NAME_BESIDE.contains(&file.as_str()) {
                findings.push(at(&file, line, &format!("`{BESIDE}` may be named only in .ci/run")));
            }
        }
    }
    none_of(&findings);
}

#[test]
fn the_name_of_every_test_is_a_sentence() {
    let (mut findings, mut count) = (Vec::new(), 0);
    for source in tree::rust() {
        for function in functions(&source).iter().filter(|function| function.is_test) {
            count += 1;
            let words = function.name.split('_').filter(|word| !word.is_empty()).count();
            if words < TEST_NAME_WORDS_MIN {
                let rule = format!("`{}` is no sentence: it has {words} words", function.name);
                findings.push(at(&source.file, function.line, &rule));
            }
        }
    }
    assert!(count > 50, "only {count} tests were found: the reading of sources is broken");
    none_of(&findings);
}

#[test]
fn every_allowed_lint_has_its_reason() {
    let mut findings = Vec::new();
    for source in tree::rust() {
        let code = &source.lexed.code;
        for opening in ["#[allow(", "#![allow(", "#[expect(", "#![expect("] {
            for (index, _) in code.match_indices(opening) {
                let attribute = code[index..].split_inclusive(")]").next().unwrap_or_default();
                if !attribute.contains("reason =") {
                    let line = code[..index].matches('\n').count() + 1;
                    findings.push(at(&source.file, line, "a lint is allowed without a reason"));
                }
            }
        }
    }
    none_of(&findings);
}

#[test]
fn every_file_begins_with_what_it_is_about() {
    let mut findings = Vec::new();
    for source in tree::rust() {
        // A head may stand behind the attributes of the file.
        let head = source.text.lines().find(|line| !line.starts_with("#![") && !line.trim().is_empty());
        if !head.is_some_and(|line| line.starts_with("//!")) {
            findings.push(at(&source.file, 1, "the file has no head: `//!` and what it is about"));
        }
    }
    none_of(&findings);
}
