//! Drawings against fixtures. `UPDATE_FIXTURES=1` writes them anew; look at what changed before you keep it.

use earmark::flow::Definition;

use crate::supermarket;

#[track_caller]
fn same(file: &str, drawn: &str) {
    let path = format!("{}/tests/fixtures/flows/{file}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        std::fs::write(&path, drawn).unwrap();
    }
    assert_eq!(drawn, std::fs::read_to_string(path).unwrap(), "{file}");
}

#[test]
fn chains_with_groups_and_sub_chains_are_drawn_as_the_fixtures_show_them() {
    let definition = supermarket();
    let rules = definition.rulebook();
    for (scene, file) in [("default", "supermarket-default"), ("physical", "supermarket-physical")] {
        let chain = rules.chain("submit", scene).unwrap();
        same(&format!("{file}.mmd"), &rules.to_mermaid(chain, scene));
        same(&format!("{file}.dot"), &rules.to_dot(chain, scene));
    }
}

#[test]
fn a_default_chain_is_drawn_with_the_sub_chains_of_the_scene_asked_for() {
    let text = "business = \"b\"\n[chains.default]\nsubmit = [\"gift\"]\nwrap = [\"paper\"]\n\
                [chains.physical]\nwrap = [\"box\"]\n[nodes.gift]\nchain = \"wrap\"\n";
    let definition = Definition::parse("b.toml", text).unwrap();
    let rules = definition.rulebook();
    let submit = rules.chain("submit", "physical").unwrap();
    let (physical, default) = (rules.to_dot(submit, "physical"), rules.to_dot(submit, "default"));
    assert!(physical.contains("box\\n") && !physical.contains("paper"), "{physical}");
    assert!(default.contains("paper") && !default.contains("box\\n"), "{default}");
}

#[test]
fn a_chain_that_carries_itself_is_drawn_with_an_end_all_the_same() {
    let mut rules = supermarket().rulebook().clone();
    let gift = rules.chains[3].nodes[2].clone();
    rules.chains[2].nodes[0] = gift;
    let drawn = rules.to_mermaid(&rules.chains[3], "physical");
    assert_eq!(drawn.matches("subgraph").count(), drawn.matches("    end\n").count());
    assert_eq!(drawn.matches("<b>gift</b>").count(), 2);
}

#[test]
fn quotes_in_names_do_not_break_out_of_a_drawing() {
    let mut rules = supermarket().rulebook().clone();
    rules.business = "a \"b\" \\ c".parse().unwrap();
    rules.chains[1].nodes[0].name = "x\"] <i>#".into();
    let (mermaid, dot) =
        (rules.to_mermaid(&rules.chains[1], "default"), rules.to_dot(&rules.chains[1], "default"));
    assert!(mermaid.contains("title: \"a \\\"b\\\" \\\\ c: pay (default)\""), "{mermaid}");
    assert!(mermaid.contains("<b>x#quot;] #lt;i#gt;#35;</b>"), "{mermaid}");
    assert!(dot.contains("digraph \"a \\\"b\\\" \\\\ c: pay (default)\""), "{dot}");
    assert!(dot.contains("label=\"x\\\"] <i>#\\n"), "{dot}");
}
