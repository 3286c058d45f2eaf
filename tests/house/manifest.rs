//! What the manifest promises to those who embed the engine.

/// What only the command-line tool needs.
const OF_THE_TOOL: [&str; 4] = ["clap", "clap_complete", "indicatif", "jiff"];

#[test]
fn without_its_features_the_engine_needs_nothing_of_the_tool() {
    let manifest = include_str!("../../Cargo.toml");
    let table =
        |name: &str| manifest.split(&format!("\n[{name}]\n")).nth(1).unwrap().split("\n[").next().unwrap();
    for name in OF_THE_TOOL {
        let line = table("dependencies").lines().find(|line| line.split([' ', '.']).next() == Some(name));
        assert!(line.unwrap().contains("optional = true"), "{name} is compiled for everybody");
        assert!(table("features").contains(&format!("\"dep:{name}\"")), "the feature `cli` lacks {name}");
    }
}
