//! `earmark flow`: files of business lines, checked and drawn.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::tool::{Ran, fine, on, run};

const SUPERMARKET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/flows/supermarket.toml");

/// A folder with a file in it.
fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop.toml");
    std::fs::write(&file, text).unwrap();
    (folder, file)
}

fn fixture(name: &str) -> String {
    std::fs::read_to_string(Path::new(SUPERMARKET).with_file_name(name)).unwrap()
}

fn object(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out).unwrap()
}

#[test]
fn a_file_without_mistakes_is_said_to_be_fine_and_what_is_not_checked_is_said_too() {
    let text = fine(Path::new(SUPERMARKET), "flow check *");
    assert_eq!(
        text,
        format!(
            "{SUPERMARKET}: business supermarket, 4 chains, 16 nodes\n\
             OK: no mistakes. Whether there are providers for it is checked when the engine opens.\n"
        )
    );
}

#[test]
fn every_mistake_is_a_line_with_file_and_line_and_the_exit_code_is_one() {
    let (_folder, shop) =
        file("business = \"shop\"\n[chains.default]\nsubmit = []\n[nodes.a]\nretries = -1\n");
    let name = shop.display();
    let ran = on(&shop, &format!("flow check {SUPERMARKET} *"));
    assert_eq!((ran.code, ran.err.as_str()), (1, ""));
    let wanted = [
        format!("{name}:3: the chain submit of scene default has no nodes"),
        format!("{name}:4: unreachable node a: no chain names it"),
        format!("{name}:5: `retries` of the node a is -1; it can be 0 to 65534"),
        format!("{SUPERMARKET}: business supermarket, 4 chains, 16 nodes"),
        "3 mistakes".to_owned(),
    ];
    assert_eq!(ran.out.lines().collect::<Vec<_>>(), wanted);
    let ran = on(&shop, "flow check * --json");
    let checked = object(&ran);
    assert_eq!((ran.code, &checked["ok"], &checked["providers_checked"]), (1, &json!(false), &json!(false)));
    let what = "the chain submit of scene default has no nodes";
    assert_eq!(checked["mistakes"][0], json!({"file": name.to_string(), "line": 3, "what": what}));
    assert_eq!(checked["mistakes"].as_array().unwrap().len(), 3);
    assert_eq!(
        checked["files"],
        json!([{"file": name.to_string(), "business": null, "chains": 0, "nodes": 0}])
    );
}

#[test]
fn a_warning_is_told_and_is_no_mistake() {
    let (_folder, shop) = file("business = \"shop\"\n[switches.new]\npercent = 1\n");
    let ran = on(&shop, "flow check *");
    let warning = format!("{}:2: warning: no node asks for the switch new\n", shop.display());
    assert!(ran.out.starts_with(&warning), "{}", ran.out);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
}

#[test]
fn two_files_of_one_business_are_a_mistake_of_the_second() {
    let (_folder, shop) = file("business = \"supermarket\"\n");
    let ran = on(&shop, &format!("flow check {SUPERMARKET} *"));
    let wanted = format!(
        "{}:1: the business supermarket has a definition already, in {SUPERMARKET}\n",
        shop.display()
    );
    assert!(ran.out.starts_with(&wanted), "{}", ran.out);
    assert_eq!(ran.code, 1);
}

#[test]
fn a_file_that_cannot_be_read_and_no_file_at_all_have_exit_codes_of_their_own() {
    let (_folder, shop) = file("");
    std::fs::remove_file(&shop).unwrap();
    for line in ["flow check *", "flow draw *"] {
        let ran = on(&shop, line);
        assert_eq!((ran.code, ran.out.as_str()), (3, ""), "{line}");
        assert!(ran.err.contains("shop.toml cannot be read: "), "{}", ran.err);
    }
    assert_eq!(run(&["flow", "check"]).code, 2);
    assert_eq!(run(&["flow"]).code, 2);
}

#[test]
fn a_chain_is_drawn_for_its_scene_in_either_format() {
    let file = Path::new(SUPERMARKET);
    for (scene, name) in [("default", "supermarket-default"), ("physical", "supermarket-physical")] {
        let line = format!("flow draw * --chain submit --scene {scene}");
        assert_eq!(fine(file, &line), fixture(&format!("{name}.mmd")));
        assert_eq!(fine(file, &format!("{line} --format dot")), fixture(&format!("{name}.dot")));
    }
}

#[test]
fn all_chains_are_drawn_where_none_is_named() {
    let drawn = |options: &str| {
        let text = fine(Path::new(SUPERMARKET), &format!("flow draw *{options} --format dot"));
        let titles = text.lines().filter_map(|line| line.strip_prefix("digraph \"supermarket: "));
        titles.map(|title| title.trim_end_matches("\" {").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(drawn(""), ["submit (default)", "pay (default)", "gift-wrap (default)", "submit (physical)"]);
    assert_eq!(drawn(" --chain submit"), ["submit (default)", "submit (physical)"]);
    // What a flow of the scene goes through, the default chains where it has none of its own.
    assert_eq!(drawn(" --scene physical"), ["pay (physical)", "gift-wrap (physical)", "submit (physical)"]);
    assert_eq!(drawn(" --scene simple --chain pay"), ["pay (simple)"]);
}

#[test]
fn a_drawing_as_json_says_what_it_shows() {
    let file = Path::new(SUPERMARKET);
    let ran = on(file, "flow draw * --chain submit --json");
    let shown = object(&ran);
    assert_eq!((&shown["business"], &shown["format"]), (&json!("supermarket"), &json!("mermaid")));
    assert_eq!(shown["drawings"][1]["drawing"], json!(fixture("supermarket-physical.mmd")));
    assert_eq!(shown["drawings"][1]["scene"], json!("physical"));
}

#[test]
fn what_is_not_in_the_file_and_a_file_with_mistakes_are_not_drawn() {
    let file_with_all = Path::new(SUPERMARKET);
    let ran = on(file_with_all, "flow draw * --chain refund --scene physical");
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert_eq!(
        ran.err,
        "earmark: the business supermarket has not the chain refund for scene physical; it has: submit (default), \
         pay (default), gift-wrap (default), submit (physical)\n"
    );
    let ran = on(file_with_all, "flow draw * --scene phisical");
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("there is no scene phisical; there are: "), "{}", ran.err);
    let (_folder, shop) = file("busines = \"shop\"\n");
    let ran = on(&shop, "flow draw *");
    assert_eq!((ran.code, ran.out.as_str(), ran.err.lines().count()), (1, "", 2));
    assert!(ran.err.contains("shop.toml:1: unknown key `busines`"), "{}", ran.err);
}
