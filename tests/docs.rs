//! Pages that must not drift from the sources: the codes, the tags of records, the first example.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::Path;

fn read(file: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

/// The part of a text between two others.
fn between<'a>(text: &'a str, from: &str, until: &str) -> &'a str {
    let begin = text.find(from).unwrap_or_else(|| panic_without(from)) + from.len();
    let rest = text.get(begin..).unwrap();
    rest.split(until).next().unwrap()
}

#[allow(clippy::panic, reason = "a test fails by panicking")]
fn panic_without(what: &str) -> usize {
    panic!("`{what}` is not there")
}

/// What a source's `code()` can answer: every `=> "CODE"` in it.
fn codes_of_source(file: &str) -> BTreeSet<String> {
    let text = read(file);
    let body = between(&text, "pub fn code(&self)", "\n    }\n");
    body.split("=> \"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

/// The first cells of a section's table.
fn codes_of_page(section: &str) -> BTreeSet<String> {
    let page = read("docs/refusals.md");
    let text = between(&page, section, "\n## ");
    text.lines().filter_map(|line| Some(line.strip_prefix("| `")?.split('`').next()?.to_owned())).collect()
}

#[track_caller]
fn same(sources: &BTreeSet<String>, page: &BTreeSet<String>) {
    assert!(sources.len() > 5, "no codes were read: {sources:?}");
    let missing: Vec<_> = sources.difference(page).collect();
    let unknown: Vec<_> = page.difference(sources).collect();
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "docs/refusals.md lacks {missing:?} and lists the unknown {unknown:?}"
    );
}

#[test]
fn the_page_of_codes_lists_every_refusal_and_no_other() {
    same(&codes_of_source("src/domain/refusal/code.rs"), &codes_of_page("## Refusals"));
}

#[test]
fn the_page_of_codes_lists_every_error_and_no_other() {
    same(&codes_of_source("src/error.rs"), &codes_of_page("## Errors of the machine"));
}

#[test]
fn the_page_of_the_format_lists_every_record_with_its_tag_and_version() {
    let source = read("src/replay/tagged.rs");
    let number = |name: &str| between(&source, &format!("const {name}: u8 = "), ";").to_owned();
    let version = number("VERSION");
    let names = [
        ("Order", "ORDER"),
        ("Sku", "SKU"),
        ("Command", "COMMAND"),
        ("Refusal", "REFUSAL"),
        ("Park", "PARK"),
        ("KeysForgotten", "KEYS_FORGOTTEN"),
        ("Flow", "FLOW"),
        ("Rules", "RULES"),
        ("Lock", "LOCK"),
    ];
    assert_eq!(
        source.matches(": u8 = ").count(),
        names.len() + 1,
        "a record has no row here and on the page"
    );
    let page = read("docs/format.md");
    for (record, constant) in names {
        let row = format!("| {} | {version} | `{record}` |", number(constant));
        assert!(page.contains(&row), "docs/format.md has no row `{row}`");
    }
}

/// The variants of an enum in a source, in their order.
fn variants(file: &str, name: &str) -> Vec<String> {
    let text = read(file);
    let body = between(&text, &format!("pub enum {name} {{\n"), "\n}\n");
    let names = body.lines().filter_map(|line| line.strip_prefix("    ")?.split([' ', ',', '(']).next());
    names.filter(|word| word.starts_with(char::is_uppercase)).map(str::to_owned).collect()
}

#[test]
fn the_page_of_the_format_lists_events_in_the_order_of_their_encoding() {
    let page = read("docs/format.md");
    for (file, name, count) in [
        ("src/domain/order/event.rs", "OrderEvent", 49),
        ("src/domain/inventory/event.rs", "StockEvent", 24),
        ("src/domain/flow/event.rs", "FlowEvent", 17),
        ("src/domain/lock/event.rs", "LockEvent", 4),
    ] {
        let names = variants(file, name);
        assert_eq!(names.len(), count, "{name} has other variants than when the page was written: {names:?}");
        let row = format!("`{}`", names.join("`, `"));
        assert!(page.contains(&row), "docs/format.md does not list {row}");
    }
}

#[test]
fn the_readme_begins_with_the_example_that_the_crate_runs() {
    let crate_doc = read("src/lib.rs");
    let example = between(&crate_doc, "//! ```\n", "//! ```\n");
    let visible: Vec<&str> = example
        .lines()
        .map(|line| line.trim_start_matches("//!").strip_prefix(' ').unwrap_or_default())
        .filter(|line| !line.starts_with("# "))
        .collect();
    let readme = read("README.md");
    assert_eq!(between(&readme, "```rust\n", "\n```\n"), visible.join("\n"));
    let lines = readme.lines().take_while(|line| *line != "```").count();
    assert!(lines < 20, "the first example ends in line {} of the README, not within 20", lines + 1);
}
