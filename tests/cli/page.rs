//! `docs/cli.md` says what the binary says: the help of every command, and the fields of its JSON.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::shop::day;
use crate::tool::{json, lines, run};

fn page() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/cli.md")).unwrap()
}

#[test]
fn the_page_shows_the_help_of_every_command_as_it_is() {
    let page = page();
    let mut shown = BTreeSet::new();
    for block in page.split("```text\n$ earmark ").skip(1) {
        let (line, rest) = block.split_once('\n').unwrap();
        let arguments: Vec<_> = line.split(' ').collect();
        let command = arguments.iter().take_while(|word| !word.starts_with('-'));
        assert_eq!(rest.split("```").next().unwrap().trim(), run(&arguments).out.trim(), "earmark {line}");
        shown.insert(command.copied().collect::<Vec<_>>().join(" "));
    }
    for command in commands(&[]) {
        assert!(shown.contains(&command), "docs/cli.md does not show `earmark {command} --help`");
    }
}

/// Every command that the help lists, and below it the commands of groups.
fn commands(group: &[&str]) -> Vec<String> {
    let help = run(&[group, &["--help"]].concat()).out;
    let Some(listed) = help.split("Commands:\n").nth(1) else { return Vec::new() };
    let names =
        listed.split("\n\n").next().unwrap().lines().map(|line| line.split_whitespace().next().unwrap());
    let mut found = Vec::new();
    for name in names.filter(|name| *name != "help") {
        let path = [group, &[name]].concat();
        found.push(path.join(" "));
        found.extend(commands(&path));
    }
    found
}

/// The fields that the page lists for a command.
fn fields(page: &str, command: &str) -> BTreeSet<String> {
    let table = page.split(&format!("<!-- fields: {command} -->")).nth(1).unwrap();
    let rows = table.split("\n## ").next().unwrap().lines().filter(|line| line.starts_with("| `"));
    let names = rows.flat_map(|row| row.split('|').nth(1).unwrap().split(','));
    names.map(|name| name.trim().trim_matches('`').to_owned()).collect()
}

#[track_caller]
fn has(page: &str, command: &str, objects: &[Value]) {
    let names = objects.iter().flat_map(|object| object.as_object().unwrap().keys().cloned());
    assert_eq!(fields(page, command), names.collect(), "{command}");
}

#[test]
fn the_page_lists_the_fields_of_every_object() {
    let (page, day) = (page(), day());
    let folder = day.folder.path();
    has(&page, "verify", &[json(folder, "verify *")]);
    has(&page, "state", &[json(folder, "state *")]);
    let standing = crate::standing::standing();
    let flows = standing.path();
    let inspected = [
        json(folder, "inspect * order o-1"),
        json(folder, "inspect * sku lamp"),
        json(folder, "inspect * lock report"),
        json(flows, "inspect * flow 1"),
    ];
    has(&page, "inspect", &inspected);
    has(&page, "orders", &[json(folder, "orders *"), json(folder, "orders * --counts")]);
    has(&page, "why", &[json(folder, "why * 4711")]);
    has(&page, "dump", &lines(folder, "dump * --to 9"));
    has(&page, "snapshot", &[json(folder, "snapshot *")]);
    has(&page, "crash-sweep", &[json(folder, "crash-sweep * --records 1 --bytes 1")]);
    has(&page, "draw", &[json(folder, "draw")]);
    let file = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/flows/supermarket.toml"));
    has(&page, "flow check", &[json(file, "flow check *")]);
    has(&page, "flow draw", &[json(file, "flow draw *")]);
    has(&page, "flow list", &[json(flows, "flow list *"), json(flows, "flow list *")["flows"][0].clone()]);
    let shown = json(flows, "flow show * 1");
    has(&page, "flow show", &[shown["nodes"][0].clone(), shown]);
    has(&page, "flow retry", &[json(flows, "flow retry * 1 --by ann --reason looked")]);
}
