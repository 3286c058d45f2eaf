//! Every mistake in a file, with its line and what is wrong.

use std::fmt::Write as _;

use earmark::flow::{Definition, FILE_BYTES_MAX, NODES_MAX, repeated_businesses};

/// What is said of a file, a line each, without the file's name.
fn said(text: &str) -> Vec<String> {
    let errors = Definition::parse("shop.toml", text).unwrap_err();
    let lines = errors.to_string();
    lines.lines().map(|line| line.strip_prefix("shop.toml:").unwrap().to_owned()).collect()
}

/// The same for a file that begins with a business in line 1; the text begins in line 2.
#[track_caller]
fn check(text: &str, wanted: &[&str]) {
    assert_eq!(said(&format!("business = \"shop\"\n{text}")), wanted, "{text}");
}

const SUBMIT: &str = "chains.default.submit = [\"a\"]\n";

#[test]
fn all_mistakes_of_a_file_are_told_at_once_in_the_order_of_its_lines() {
    let text = r#"
requires = ["pricing", 7]

[switches.new-price]
percent = 101
allow = ["alice", ""]

[chains.default]
submit = ["lock", ["quota", []], "lock"]
pay = []

[chains.flash]
submit = ["lock"]

[nodes.lock]
efect = "engine"
effect = "inner"
retries = 70_000
timeout = "3 s"
when = "old-price"
"#;
    let wanted = [
        "1: the file lacks `business`",
        "2: an entry of `requires` of the file is a whole number, not a text",
        "5: `percent` of the switch new-price is 101; it can be 0 to 100",
        "6: the switch new-price: customer id is empty",
        "9: the chain submit of scene default has a group within a group",
        "9: the chain submit of scene default has the node lock twice, first in line 9",
        "10: the chain pay of scene default has no nodes",
        "12: unknown scene `flash`; known are: simple, physical, virtual, flash_sale, preorder, membership, default",
        "16: unknown key `efect` in the node lock; known are: uses, chain, effect, after_crash, key, \
         rollback_self, retries, backoff, backoff_max, jitter_percent, rollback_retries, rollback_backoff, \
         rollback_backoff_max, rollback_jitter_percent, timeout, when",
        "17: `effect` of the node lock is `inner`; it can be external, engine, none",
        "18: `retries` of the node lock is 70000; it can be 0 to 65534",
        "19: `timeout` of the node lock: `3 s` is no length of time; write a whole number and ms, s, m, h or d, \
         as in 100ms",
        "20: the node lock asks for the unknown switch old-price",
    ];
    assert_eq!(said(text), wanted);
}

#[test]
fn mistakes_of_syntax_are_all_told_with_their_lines() {
    let lines = said("business = \"shop\"\nrequires = [\"a\"\n[chains.default\npay = \"x\nbusiness = 1\n");
    assert!(lines.len() >= 3, "{lines:?}");
    assert!(lines.iter().all(|line| line.contains(": this is no TOML: ")), "{lines:?}");
    let numbers: Vec<u32> =
        lines.iter().map(|line| line.split(':').next().unwrap().parse().unwrap()).collect();
    assert!(numbers.is_sorted() && numbers.contains(&3), "{lines:?}");
    let twice = said("business = \"a\"\n\nbusiness = \"b\"\n");
    assert_eq!(twice, ["3: this is no TOML: duplicate key"]);
}

#[test]
fn a_file_has_to_say_whose_it_is() {
    assert_eq!(said(""), ["1: the file lacks `business`"]);
    assert_eq!(said("\n\nbusiness = 7\n"), ["3: `business` of the file is a whole number, not a text"]);
    assert_eq!(said("business = \"\"\n"), ["1: business id is empty"]);
    check(
        "busines = \"b\"\n",
        &["2: unknown key `busines` in the file; known are: business, requires, switches, chains, nodes"],
    );
}

#[test]
fn values_of_another_type_are_named_with_the_type_that_is_wanted() {
    let option = |option: &str| format!("{SUBMIT}[nodes.a]\n{option}\n");
    let cases = [
        ("uses = 1", "4: `uses` of the node a is a whole number, not a text"),
        ("chain = [\"b\"]", "4: `chain` of the node a is a list, not a text"),
        ("effect = true", "4: `effect` of the node a is true or false, not a text"),
        ("after_crash = 1.5", "4: `after_crash` of the node a is a number with a fraction, not a text"),
        ("key = 2027-01-01", "4: `key` of the node a is a date or time, not a text"),
        ("rollback_self = \"yes\"", "4: `rollback_self` of the node a is a text, not true or false"),
        ("retries = \"5\"", "4: `retries` of the node a is a text, not a whole number"),
        ("retries = -1", "4: `retries` of the node a is -1; it can be 0 to 65534"),
        (
            "retries = 99999999999999999999",
            "4: `retries` of the node a is 99999999999999999999; it can be 0 to 65534",
        ),
        ("retries = 1\njitter_percent = 101", "5: `jitter_percent` of the node a is 101; it can be 0 to 100"),
        (
            "timeout = 3",
            "4: `timeout` of the node a is a whole number, not a text with a unit, as in \"100ms\"",
        ),
        ("timeout = \"0s\"", "4: `timeout` of the node a: `0s` is no time at all; the shortest is 1ms"),
        (
            "rollback_backoff = \"400d\"",
            "4: `rollback_backoff` of the node a: `400d` is too long; at most 365d are allowed",
        ),
        (
            "after_crash = \"restart\"",
            "4: `after_crash` of the node a is `restart`; it can be retry, resume, compensate",
        ),
        ("key = \"flow\"", "4: `key` of the node a is `flow`; it can be attempt, node"),
        (
            "uses = \"a b\"",
            "4: `uses` of the node a holds ' '; names are made of letters, digits, `-`, `_` and `.`",
        ),
        (
            "retries = 2\nbackoff = \"2s\"\nbackoff_max = \"1s\"",
            "5: `backoff` of the node a is longer than its `backoff_max`",
        ),
    ];
    for (text, wanted) in cases {
        check(&option(text), &[wanted]);
    }
}

#[test]
fn what_should_be_a_table_or_a_list_is_told_with_what_it_is() {
    check("requires = \"pricing\"\n", &["2: `requires` of the file is a text, not a list of texts"]);
    check("switches = 5\n", &["2: `switches` of the file is a whole number, not a table"]);
    check("switches.s = 5\n", &["2: the switch s is a whole number, not a table"]);
    check("chains = []\n", &["2: `chains` of the file is a list, not a table"]);
    check("[chains]\ndefault = [\"a\"]\n", &["3: the scene default is a list, not a table"]);
    check(
        "[chains.default]\nsubmit = \"a\"\n",
        &["3: the chain submit of scene default is a text, not a list of nodes"],
    );
    check(
        "[chains.default]\nsubmit = [\n  \"a\",\n  7,\n]\n",
        &["5: the chain submit of scene default has a whole number where a node's name is due"],
    );
    check(&format!("{SUBMIT}nodes.a = 1\n"), &["3: the node a is a whole number, not a table"]);
}

#[test]
fn names_are_made_of_few_characters_and_not_empty() {
    let rule = "names are made of letters, digits, `-`, `_` and `.`";
    check(
        "chains.default.submit = [\"a/b\", \"\"]\n",
        &[
            &format!("2: the name of a node of the chain submit of scene default holds '/'; {rule}"),
            "2: the name of a node of the chain submit of scene default is empty",
        ],
    );
    check("chains.default.\"my chain\" = [\"a\"]\n", &[&format!("2: the name of a chain holds ' '; {rule}")]);
    check("requires = [\"a,b\"]\n", &[&format!("2: an entry of `requires` holds ','; {rule}")]);
    let long = "x".repeat(129);
    check(
        &format!("requires = [\"{long}\"]\n"),
        &["2: an entry of `requires` has 129 bytes; at most 128 are allowed"],
    );
}

#[test]
fn what_stands_twice_is_told_with_the_first_place() {
    check("requires = [\n  \"p\",\n  \"p\",\n]\n", &["4: `requires` has p twice, first in line 3"]);
    check(
        "[chains.default]\nsubmit = [\"a\",\n  [\"b\", \"c\"],\n  \"b\"]\n",
        &["5: the chain submit of scene default has the node b twice, first in line 4"],
    );
    check("switches.s.allow = [\"eve\", \"eve\"]\n", &["2: the switch s has the customer eve twice"]);
}

#[test]
fn empty_chains_and_empty_groups_are_refused() {
    check("[chains.default]\npay = []\n", &["3: the chain pay of scene default has no nodes"]);
    check(
        "[chains.default]\npay = [\"a\",\n  []]\n",
        &["4: the chain pay of scene default has an empty group"],
    );
}

#[test]
fn a_table_of_a_node_that_no_chain_comes_to_is_refused() {
    check(&format!("{SUBMIT}[nodes.b]\n"), &["3: unreachable node b: no chain names it"]);
    // The chain that names it is carried by a node that nobody names: it is no entry.
    let text = "[chains.default]\nsubmit = [\"a\"]\ngift = [\"b\"]\n[nodes.b]\n[nodes.c]\nchain = \"gift\"\n";
    let wanted = [
        "4: unreachable chain gift of scene default: the nodes that carry it are not reached",
        "5: unreachable node b: the chains that name it are not reached",
        "6: unreachable node c: no chain names it",
    ];
    check(text, &wanted);
    // A chain of another name that no node carries is entered by whoever starts it.
    let entered = "business = \"b\"\n[chains.default]\nnightly = [\"b\"]\n[nodes.b]\n";
    assert!(Definition::parse("b.toml", entered).is_ok());
}

#[test]
fn a_sub_chain_has_to_be_there_in_every_scene_that_needs_it() {
    let carried = |chains: &str| format!("{chains}[nodes.a]\nchain = \"gift\"\n");
    check(&carried(SUBMIT), &["4: the node a carries the chain gift, which is not there for scene default"]);
    // The default chain is for every scene, so the gift of one scene is not enough.
    check(
        &carried("chains.default.submit = [\"a\"]\nchains.physical.gift = [\"b\"]\n"),
        &["5: the node a carries the chain gift, which is not there for scene default"],
    );
    let enough = carried("chains.physical.submit = [\"a\"]\nchains.physical.gift = [\"b\"]\n");
    assert!(Definition::parse("b.toml", format!("business = \"b\"\n{enough}")).is_ok());
}

#[test]
fn a_chain_that_carries_itself_is_told_with_the_way_round() {
    let text = r#"
[chains.default]
submit = ["a"]
gift = ["b"]
card = ["c"]
[nodes.a]
chain = "gift"
[nodes.b]
chain = "card"
[nodes.c]
chain = "gift"
"#;
    check(text, &["5: the chain gift carries itself: gift → card → gift"]);
    check(
        "chains.default.submit = [\"a\"]\nnodes.a.chain = \"submit\"\n",
        &["2: the chain submit carries itself: submit → submit"],
    );
}

#[test]
fn a_cycle_of_one_scene_only_is_found_and_told_once() {
    let text = r#"
[chains.default]
submit = ["a"]
gift = ["b"]
[chains.physical]
gift = ["a"]
[nodes.a]
chain = "gift"
"#;
    check(text, &["7: the chain gift carries itself: gift → gift"]);
}

#[test]
fn an_unknown_switch_is_refused_and_an_unused_one_is_a_warning() {
    check(
        &format!("{SUBMIT}[nodes.a]\nwhen = \"new\"\n"),
        &["4: the node a asks for the unknown switch new"],
    );
    let text =
        format!("business = \"b\"\n{SUBMIT}[switches.new]\npercent = 5\n[nodes.a]\nbackoff = \"1s\"\n");
    let definition = Definition::parse("b.toml", text).unwrap();
    let warnings: Vec<_> = definition.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "b.toml:3: no node asks for the switch new",
            "b.toml:6: `backoff` has no effect: the node a has no `retries`"
        ]
    );
}

#[test]
fn a_file_that_is_too_long_is_refused_unread() {
    let mut text = "business = \"b\"\n#".to_owned();
    text.push_str(&"x".repeat(FILE_BYTES_MAX - text.len()));
    assert!(Definition::parse("b.toml", text.clone()).is_ok());
    text.push('x');
    let wanted = format!("1: the file has {} bytes; at most {FILE_BYTES_MAX} are read", FILE_BYTES_MAX + 1);
    assert_eq!(said(&text), [wanted]);
}

/// Chains that carry each other one below the other, with so many nodes that carry the next one.
fn nested(depth: usize, wide: usize) -> String {
    let mut text = "business = \"b\"\n[chains.default]\n".to_owned();
    for level in 0..depth {
        let name = if level == 0 { "submit".to_owned() } else { format!("c{level}") };
        let nodes: Vec<_> = (0..wide).map(|node| format!("\"n{level}-{node}\"")).collect();
        writeln!(text, "{name} = [{}]", nodes.join(", ")).unwrap();
    }
    for level in 1..depth {
        for node in 0..wide {
            writeln!(text, "[nodes.n{}-{node}]\nchain = \"c{level}\"", level - 1).unwrap();
        }
    }
    text
}

#[test]
fn the_nodes_of_sub_chains_count_wherever_they_are_carried() {
    // 40 + 40² + 40³ are 65,640; with 39 they are fewer than can be counted.
    let chains = |wide: usize| nested(3, wide);
    assert!(Definition::parse("b.toml", chains(39)).is_ok());
    let wanted =
        format!("3: the chain submit has 65640 nodes with its sub-chains; at most {NODES_MAX} are allowed");
    assert_eq!(said(&chains(40)), [wanted]);
}

#[test]
fn sub_chains_lie_only_so_deep_and_a_file_cannot_make_the_reading_fall_over() {
    assert!(Definition::parse("b.toml", nested(8, 1)).is_ok());
    assert_eq!(said(&nested(9, 1)), ["3: the sub-chains of submit lie more than 8 deep"]);
    let deepest = nested(5_000, 1);
    assert!(deepest.len() < FILE_BYTES_MAX);
    assert_eq!(said(&deepest), ["4994: the sub-chains of c4991 lie more than 8 deep"]);
    let lists = format!("business = \"b\"\nrequires = {}", "[".repeat(100_000));
    assert!(said(&lists).iter().all(|line| line.contains("this is no TOML")));
}

#[test]
fn two_files_of_one_business_are_named_both() {
    let line =
        |file: &str, business: &str| Definition::parse(file, format!("business = \"{business}\"")).unwrap();
    let lines = [line("a.toml", "shop"), line("b.toml", "club"), line("c.toml", "shop")];
    let errors = repeated_businesses(&lines);
    assert_eq!(errors.to_string(), "c.toml:1: the business shop has a definition already, in a.toml");
    assert!(repeated_businesses(&lines[..2]).is_empty());
}
