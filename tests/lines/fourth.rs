//! A fourth line beside the three others: it needs its module and its file, and no file of the engine.

use std::path::Path;
use std::sync::Arc;

use earmark::flow::OrderContext;
use earmark::port::fs_sim::SimFs;
use earmark::{Engine, OrderType, State};

use crate::bindery::{Bindery, Book};
use crate::common::{receive, stock};
use crate::supermarket::Basket;
use crate::{CLUB, Line, MARKET, SHOP, Town, failed, state};

const BINDERY: Line = Line { business: "bindery", order_type: OrderType::Preorder };

fn book(id: &str, buyer: &str, pages: u32) -> Book {
    let order = OrderContext::placing(BINDERY.order(id, buyer, &[("atlas", 1)]));
    Book { order, pages, ..Book::default() }
}

async fn open(town: &Town, fs: &SimFs) -> Engine {
    let mut lines = town.lines();
    lines.push(Arc::new(Bindery(town.press.clone())));
    town.open_with(fs, lines).await
}

#[tokio::test(start_paused = true)]
async fn a_fourth_line_runs_beside_the_others_and_takes_the_rest_from_the_default_one() {
    let (town, fs) = (Town::new(), SimFs::new());
    let engine = open(&town, &fs).await;
    for name in ["atlas", "milk", "console", "card"] {
        receive(&engine, name, 20).await;
    }
    for round in 0..5 {
        let id = |line: &str| format!("{line}-{round}");
        let (bindery, market, shop, club) = (id("bindery"), id("market"), id("shop"), id("club"));
        let basket =
            Basket::new(OrderContext::placing(MARKET.order(&market, "ann", &[("milk", 1)])), "monday");
        let (atlas, milk, console, card) = tokio::join!(
            BINDERY.run(&engine, "submit", book(&bindery, "hal", 100)),
            MARKET.run(&engine, "submit", basket),
            SHOP.submit(&engine, SHOP.order(&shop, &shop, &[("console", 1)])),
            CLUB.submit(&engine, CLUB.order(&club, "eve", &[("card", 1)]))
        );
        let atlas = atlas.unwrap().context;
        assert_eq!((atlas.sheets, atlas.press.is_some(), atlas.card), (7, true, None));
        for order in [milk.unwrap().order, console.unwrap().order, card.unwrap().order] {
            assert!(order.is_some());
        }
        for (line, id, minor) in
            [(BINDERY, &bindery, 1_000), (MARKET, &market, 1_490), (SHOP, &shop, 1_000), (CLUB, &club, 1_000)]
        {
            line.pay(&engine, id, minor).await.unwrap();
        }
    }
    for name in ["atlas", "milk", "console", "card"] {
        assert_eq!(stock(&engine, name).await, [15, 0, 5, 0], "{name}");
    }
    for (chain, line) in [("submit", "bindery"), ("pay", "default")] {
        assert_eq!(BINDERY.ran_by(&engine, chain).await, line, "{chain}");
    }
    let live = engine.cut().await.unwrap();
    assert_eq!((live.violations.len(), live.works.flows.len(), live.works.flows_begun), (0, 0, 40));
    engine.close().await.unwrap();
    let again = open(&town, &fs.crash()).await;
    assert_eq!(again.cut().await.unwrap().hash, live.hash);
    again.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn its_presents_are_wrapped_and_a_refused_book_leaves_the_press_free() {
    let (town, fs) = (Town::new(), SimFs::new());
    let engine = open(&town, &fs).await;
    receive(&engine, "atlas", 1).await;
    let done = BINDERY.run(&engine, "submit", book("a", "ida", 30)).await.unwrap();
    assert_eq!(done.context.card.as_deref(), Some("for ida, with a red ribbon"));
    let refused = failed(BINDERY.run(&engine, "submit", book("b", "ida", 0)).await);
    assert_eq!(refused.0, "check-title");
    let refused = failed(BINDERY.run(&engine, "submit", book("c", "hal", 30)).await);
    assert_eq!(refused.0, "place");
    assert_eq!(town.press.0.lock().unwrap().len(), 1);
    assert_eq!((state(&engine, "a").await, state(&engine, "c").await), (State::Reserved, State::Cancelled));
    engine.close().await.unwrap();
}

fn mentions(folder: &Path, name: &str, files: &mut usize) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(mentions(&path, name, files));
            continue;
        }
        *files += 1;
        if std::fs::read_to_string(&path).unwrap().contains(name) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
fn no_file_of_the_engine_names_a_line_but_the_default_one() {
    let mut files = 0;
    let engine = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for name in ["bindery", "flash-shop", "supermarket.fees", "club.entitlements"] {
        assert_eq!(mentions(&engine, name, &mut files), Vec::<String>::new(), "{name}");
    }
    assert!(files > 400, "{files}");
}
