//! What a file says becomes what a flow goes through.

use earmark::domain::flow::{AfterCrash, Effect, KeyScope, NodeSpec, Retry, Rulebook, Work};
use earmark::flow::Definition;

use crate::supermarket;

fn node(rules: &Rulebook, scene: &str, name: &str) -> NodeSpec {
    let chain = rules
        .chains
        .iter()
        .find(|chain| (chain.scene == scene) && chain.nodes.iter().any(|node| node.name == name));
    chain.unwrap().nodes.iter().find(|node| node.name == name).unwrap().clone()
}

#[test]
fn chains_have_their_nodes_and_groups_in_the_order_of_the_file() {
    let definition = supermarket();
    let rules = definition.rulebook();
    let shown: Vec<_> = rules
        .chains
        .iter()
        .map(|chain| {
            let stages = chain.ranges().map(|range| {
                let names: Vec<&str> = chain.nodes[range].iter().map(|node| node.name.as_str()).collect();
                names.join("+")
            });
            format!("{} {} {}: {}", chain.line, chain.scene, chain.name, stages.collect::<Vec<_>>().join(" "))
        })
        .collect();
    assert_eq!(
        shown,
        [
            "10 default submit: lock init quota+stock-check price create-order pre-pay",
            "11 default pay: record-payment",
            "12 default gift-wrap: choose-paper wrap+write-card",
            "15 physical submit: lock slot gift create-order pre-pay",
        ]
    );
    assert_eq!(rules.business.as_str(), "supermarket");
    let required: Vec<_> = definition.required().collect();
    assert_eq!(required, [("pricing", 3), ("delivery-slots", 3)]);
    assert_eq!(definition.warnings(), []);
}

#[test]
fn a_node_has_the_options_of_its_table_in_every_chain_that_names_it() {
    let definition = supermarket();
    let rules = definition.rulebook();
    let wanted = NodeSpec {
        name: "pre-pay".into(),
        line: 10,
        work: Work::Provider("gateway.authorise".into()),
        effect: Effect::External,
        after_crash: AfterCrash::Resume,
        key: KeyScope::Attempt,
        rollback_self: false,
        retry: Retry { retries: 5, backoff_ms: 100, backoff_max_ms: 10_000, jitter_percent: 20 },
        rollback_retry: Retry { retries: 20, backoff_ms: 1_000, backoff_max_ms: 60_000, jitter_percent: 50 },
        timeout_ms: Some(3_000),
        when: None,
    };
    assert_eq!(node(rules, "default", "pre-pay"), wanted);
    assert_eq!(node(rules, "physical", "pre-pay"), NodeSpec { line: 15, ..wanted });
    let lock = node(rules, "default", "lock");
    assert_eq!((lock.effect, lock.rollback_self), (Effect::Engine, true));
    assert_eq!(node(rules, "default", "create-order").key, KeyScope::Node);
    assert_eq!(node(rules, "default", "price").when.as_deref(), Some("new-price"));
    let gift = node(rules, "physical", "gift").work;
    assert_eq!(gift, Work::Chain { chain: "gift-wrap".into(), provider: "gift".into() });
}

#[test]
fn a_node_without_a_table_has_the_defaults_of_every_option() {
    let definition = supermarket();
    let wanted = NodeSpec {
        name: "init".into(),
        line: 10,
        work: Work::Provider("init".into()),
        effect: Effect::External,
        after_crash: AfterCrash::Retry,
        key: KeyScope::Attempt,
        rollback_self: false,
        retry: Retry::NEVER,
        rollback_retry: Retry::ROLLBACK,
        timeout_ms: None,
        when: None,
    };
    assert_eq!(node(definition.rulebook(), "default", "init"), wanted);
    let empty = "business = \"b\"\nchains.default.submit = [\"init\"]\nnodes.init = {}\n";
    let definition = Definition::parse("empty.toml", empty).unwrap();
    assert_eq!(node(definition.rulebook(), "default", "init"), NodeSpec { line: 2, ..wanted });
}

#[test]
fn where_one_of_two_waits_is_given_the_default_of_the_other_gives_way() {
    let waits = |options: &str| {
        let text =
            format!("business = \"b\"\nchains.default.pay = [\"n\"]\n[nodes.n]\nretries = 1\n{options}");
        let retry = node(Definition::parse("b.toml", text).unwrap().rulebook(), "default", "n").retry;
        (retry.backoff_ms, retry.backoff_max_ms)
    };
    assert_eq!(waits(""), (100, 10_000));
    assert_eq!(waits("backoff = \"30s\""), (30_000, 30_000));
    assert_eq!(waits("backoff_max = \"10ms\""), (10, 10));
    assert_eq!(waits("backoff = \"5s\"\nbackoff_max = \"5s\""), (5_000, 5_000));
}

#[test]
fn the_text_is_the_form_to_keep_because_reading_it_again_gives_the_same() {
    let first = supermarket();
    let again = Definition::parse(first.file(), first.text()).unwrap();
    assert_eq!(first, again);
}

#[test]
fn a_chain_of_a_scene_hides_the_default_one_of_the_same_name() {
    let definition = supermarket();
    let rules = definition.rulebook();
    let line = |name: &str, scene: &str| rules.chain(name, scene).map(|chain| chain.line);
    assert_eq!(line("submit", "physical"), Some(15));
    assert_eq!(line("submit", "simple"), Some(10));
    assert_eq!(line("pay", "physical"), Some(11));
    assert_eq!(line("refund", "physical"), None);
}
