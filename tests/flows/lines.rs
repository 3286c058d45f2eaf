//! Business lines side by side: mistakes found at open, rules that are kept, gradual releases, isolation.

use std::sync::Arc;

use earmark::port::fs_sim::SimFs;
use earmark::{BeginFlow, BusinessId, Config, Engine, Error, Refusal};

use crate::common::{business, order, placement, receive, sim};
use crate::world::{Act, Trail, World};

fn begin(chain: &str) -> BeginFlow {
    BeginFlow::new(business(), chain, &Trail::default()).unwrap()
}

async fn mistakes(text: &str, nodes: &[&'static str]) -> String {
    let world = World::new(text, nodes);
    match Engine::open(world.config(&SimFs::new())).await {
        Err(Error::Config { setting: "lines", problem }) => problem,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn mistakes_fail_the_opening_with_file_and_line() {
    for (text, nodes, found) in [
        (
            "business = \"shop\"\n[chains.default]\nsubmit = [\n \"n1\",\n \"n2\",\n]\n",
            &["n1"][..],
            "line.toml:5: nobody provides node n2 for business shop and scene default",
        ),
        (
            "business = \"shop\"\nrequires = [\"pricing\"]\n[chains.default]\nsubmit = [\"n1\"]\n",
            &["n1"],
            "line.toml:2: ",
        ),
        (
            "business = \"shop\"\n[chains.default]\nsubmit = [\"n1\"]\n[nodes.n1]\nchain = \"submit\"\n",
            &["n1"],
            "line.toml:",
        ),
        (
            "business = \"shop\"\n[chains.default]\nsubmit = [\"n1\"]\n[nodes.n9]\nretries = 1\n",
            &["n1"],
            "line.toml:4: ",
        ),
        (
            "business = \"shop\"\n[chains.default]\nsubmit = [\"n1\"]\n",
            &["n1", "n1"],
            "tests/flows/world.rs:",
        ),
    ] {
        let problem = mistakes(text, nodes).await;
        assert!(problem.starts_with(found), "{problem}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_chain_that_nobody_has_is_refused_and_so_is_a_context_of_another_kind() {
    let world = World::new("business = \"shop\"\n[chains.default]\nsubmit = [\"n1\"]\n", &["n1"]);
    let engine = world.open(&SimFs::new()).await;
    let refused = engine.run_flow::<Trail>(begin("pay")).await.unwrap_err();
    let (scene, chain) = ("default".into(), "pay".into());
    assert_eq!(refused, Error::Refused(Refusal::UnknownChain { business: business(), scene, chain }));
    let other = BeginFlow { context: "[]".into(), ..begin("submit") };
    let refused = engine.run_flow::<Trail>(other).await.unwrap_err();
    assert!(matches!(&refused, Error::Refused(Refusal::InvalidContext { .. })), "{refused}");
    let long = BeginFlow { context: " ".repeat(70_000).into(), ..begin("submit") };
    let refused = engine.run_flow::<Trail>(long).await.unwrap_err();
    assert_eq!(refused, Error::Refused(Refusal::ContextTooLong { bytes: 70_000 }));
    assert_eq!(engine.cut().await.unwrap().works.flows_begun, 0);
    world.close(engine).await;
}

#[tokio::test(start_paused = true)]
async fn an_order_keeps_the_rules_it_was_placed_under_and_new_ones_get_the_new() {
    let old = World::new("business = \"shop\"\n[chains.default]\npay = [\"n1\"]\n", &["n1", "n2"]);
    let fs = SimFs::new();
    let engine = old.open(&fs).await;
    receive(&engine, "a", 5).await;
    engine.place(placement("o-1", &[("a", 1)])).await.unwrap();
    old.close(engine).await;
    let new =
        World { text: "business = \"shop\"\n[chains.default]\npay = [\"n2\"]\n".to_owned(), ..old.again() };
    for _ in 0..2 {
        // The second opening finds the rules that it has.
        let engine = new.open(&fs).await;
        new.close(engine).await;
    }
    let engine = new.open(&fs).await;
    engine.place(placement("o-2", &[("a", 1)])).await.unwrap();
    for (id, expected) in [("o-1", "process n1"), ("o-2", "process n2")] {
        let before = new.calls().len();
        engine.run_flow::<Trail>(begin("pay").about(order(id))).await.unwrap();
        assert_eq!(new.calls()[before], expected);
    }
    let refused = engine.run_flow::<Trail>(begin("pay").about(order("o-9"))).await.unwrap_err();
    assert_eq!(refused, Error::Refused(Refusal::UnknownOrder));
    assert_eq!(engine.cut().await.unwrap().works.rules.len(), 2);
    new.close(engine).await;
}

#[tokio::test(start_paused = true)]
async fn a_flow_goes_on_by_the_rules_that_it_began_under() {
    let old =
        World::new("business = \"shop\"\n[chains.default]\nsubmit = [\"n1\", \"n2\"]\n", &["n1", "n2", "n3"]);
    old.act("process n1", Act::Hang);
    let fs = SimFs::new();
    let engine = old.open(&fs).await;
    let running = tokio::spawn({
        let engine = engine.clone();
        async move { engine.run_flow::<Trail>(begin("submit")).await }
    });
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    let image = fs.crash();
    running.abort();
    old.close(engine).await;
    let new = World {
        text: "business = \"shop\"\n[chains.default]\nsubmit = [\"n3\"]\n".to_owned(),
        ..old.again()
    };
    new.act("process n1", Act::Well);
    let engine = new.open(&image).await;
    new.settle(&engine).await;
    assert_eq!(new.calls()[..2], ["process n1", "process n2"]);
    new.close(engine).await;
}

#[tokio::test(start_paused = true)]
async fn a_node_behind_a_switch_is_in_the_flows_of_those_who_are_in_it() {
    let text = "business = \"shop\"\n[switches.new]\npercent = 30\nallow = [\"ann\"]\n[chains.default]\nsubmit = [\"n1\", \"n2\"]\n[nodes.n2]\nwhen = \"new\"\n";
    let world = World::new(text, &["n1", "n2"]);
    let engine = world.open(&SimFs::new()).await;
    let mut inside = 0;
    for number in 0..100 {
        let customer: earmark::CustomerId = format!("c-{number}").parse().unwrap();
        let done = engine.run_flow::<Trail>(begin("submit").for_customer(customer.clone())).await.unwrap();
        let again = engine.run_flow::<Trail>(begin("submit").for_customer(customer)).await.unwrap();
        assert_eq!(done.context, again.context);
        inside += usize::from(done.context.visited == ["n1", "n2"]);
    }
    assert!((15..=45).contains(&inside), "{inside}");
    let ann = begin("submit").for_customer("ann".parse().unwrap());
    assert_eq!(engine.run_flow::<Trail>(ann).await.unwrap().context.visited, ["n1", "n2"]);
    assert_eq!(engine.run_flow::<Trail>(begin("submit")).await.unwrap().context.visited, ["n1"]);
    world.close(engine).await;
}

#[tokio::test(start_paused = true)]
async fn a_line_that_panics_or_hangs_fails_its_own_flows_only() {
    let calm = World::new("business = \"calm\"\n[chains.default]\nsubmit = [\"calm\"]\n", &["calm"]);
    let wild = World::new(
        "business = \"wild\"\n[chains.default]\nsubmit = [\"panics\"]\npay = [\"hangs\"]\n",
        &["panics", "hangs"],
    );
    wild.act("process panics", Act::Panic);
    wild.act("process hangs", Act::Hang);
    let fs = SimFs::new();
    let lines: Vec<Arc<dyn earmark::flow::BusinessLine>> =
        vec![Arc::new(calm.clone()), Arc::new(wild.clone())];
    let engine = Engine::open(Config { lines, commands_in_flight_max: 2, ..sim::config(&fs) }).await.unwrap();
    let of =
        |line: &str, chain: &str| BeginFlow { business: line.parse::<BusinessId>().unwrap(), ..begin(chain) };
    // More than may be in flight: what waits for the world takes nobody's room.
    for _ in 0..5 {
        let (engine, hang) = (engine.clone(), of("wild", "pay"));
        tokio::spawn(async move { engine.run_flow::<Trail>(hang).await });
    }
    for _ in 0..10 {
        let failed = engine.run_flow::<Trail>(of("wild", "submit")).await.unwrap_err();
        assert!(failed.to_string().contains("it panicked: process panics panicked"), "{failed}");
        engine.run_flow::<Trail>(of("calm", "submit")).await.unwrap();
    }
    assert_eq!(engine.cut().await.unwrap().works.flows.len(), 5);
    let views = engine.chains();
    let view = |business: &str, chain: &str| {
        let found = views.iter().find(|view| view.business.as_str() == business && view.chain == chain);
        found.unwrap().nodes[0].clone()
    };
    let (panics, calm) = (view("wild", "submit"), view("calm", "submit"));
    assert_eq!((panics.processed, panics.failed, calm.processed, calm.failed), (10, 10, 10, 0));
    assert_eq!(panics.last.unwrap(), "failed: it panicked: process panics panicked");
    engine.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn keys_of_effects_are_forgotten_with_their_flow_live_and_in_every_recovery() {
    let world =
        World::new("business = \"shop\"\n[chains.default]\nsubmit = [\"place\", \"n2\"]\n", &["place", "n2"]);
    world.act("process n2", Act::Hang);
    let fs = SimFs::new();
    let engine = world.open(&fs).await;
    receive(&engine, "a", 5).await;
    let running = tokio::spawn({
        let engine = engine.clone();
        async move { engine.run_flow::<Trail>(begin("submit")).await }
    });
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    // The snapshot holds the flow and its key; the flow ends behind it.
    engine.snapshot().await.unwrap();
    assert_eq!(engine.summary().await.unwrap().1.keys, 1);
    let image = fs.crash();
    running.abort();
    world.close(engine).await;
    world.act("process n2", Act::Well);
    let engine = world.open(&image).await;
    assert_eq!(engine.recovery().loaded.as_ref().map(|loaded| loaded.entities), Some(3));
    world.settle(&engine).await;
    let live = engine.summary().await.unwrap().1;
    assert_eq!((live.keys, live.flows, live.orders), (0, 0, 1));
    world.close(engine).await;
    let engine = world.open(&image.crash()).await;
    assert_eq!(engine.summary().await.unwrap().1.hash, live.hash);
    world.close(engine).await;
}
