//! `docs/flows.md` says what the reading does: its example, and the options of a node.

use std::collections::BTreeSet;

use earmark::flow::{DEPTH_MAX, Definition, FILE_BYTES_MAX, NODES_MAX};

fn page() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/flows.md")).unwrap()
}

#[test]
fn the_example_of_the_page_is_a_definition_without_mistakes_or_warnings() {
    let page = page();
    let example = page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let definition = Definition::parse("flows.md", example).unwrap();
    assert_eq!(definition.warnings(), []);
    assert_eq!(definition.rulebook().chains.len(), 4);
}

#[test]
fn the_page_lists_every_option_of_a_node_and_no_other() {
    let text = "business = \"b\"\nchains.default.pay = [\"n\"]\n[nodes.n]\nunknown = 1\n";
    let told = Definition::parse("b.toml", text).unwrap_err().to_string();
    let known: BTreeSet<_> = told.split("known are: ").nth(1).unwrap().split(", ").collect();
    let page = page();
    let table = page.split("| option |").nth(1).unwrap().split("\n\n").next().unwrap();
    let first_cells = table.lines().filter(|line| line.starts_with("| `")).map(|line| line.split('|').nth(1));
    let listed: BTreeSet<_> = first_cells
        .flat_map(|cell| cell.unwrap().split(','))
        .map(|name| name.trim().trim_matches('`'))
        .collect();
    assert_eq!(listed, known);
    assert!(known.len() > 10, "{known:?}");
}

#[test]
fn the_page_names_the_limits_as_they_are() {
    let page = page();
    assert_eq!((NODES_MAX, FILE_BYTES_MAX), (65_535, 256 * 1024));
    for limit in ["65,535 nodes".to_owned(), "256 KiB".to_owned(), format!("more than {DEPTH_MAX} deep")] {
        assert!(page.contains(&limit), "{limit}");
    }
}
