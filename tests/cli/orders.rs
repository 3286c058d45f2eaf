//! `earmark orders`: the lists and counts of a folder at rest are those that its engine had.

use earmark::{Engine, LineRequest, OrderQuery, OrderType, PayOrder, State};
use serde_json::{Value, json};

use crate::commands::says;
use crate::common::{business, folder, order, payment, placement, receive};
use crate::shop::{block_on, config};
use crate::tool::{fine, json, on};

/// Thirty orders of two types, shops and sellers, in several states; answers what the engine listed and counted.
async fn trade(engine: &Engine) -> (Vec<String>, Value) {
    receive(engine, "lamp", 100).await;
    for number in 0..30_u32 {
        let mut place = placement(&format!("o-{number}"), &[("lamp", 1)]);
        place.lines = vec![LineRequest {
            seller: (number % 2 == 0).then(|| "mill".parse().unwrap()),
            ..place.lines.remove(0)
        }];
        if number % 3 == 0 {
            place.order_type = OrderType::Preorder;
        }
        place.customer = Some(["ada", "bob"][number as usize % 2].parse().unwrap());
        if number % 5 == 0 {
            place.business = "outlet".parse().unwrap();
        }
        engine.place(place).await.unwrap();
        if number % 6 == 0 {
            let id = format!("o-{number}");
            engine.pay(PayOrder { order: order(&id), ..payment(&id, 1_000) }).await.unwrap();
        }
    }
    let query = OrderQuery::of(business()).and(State::Paid).and(OrderType::Preorder);
    let page = engine.orders(&query, None, 100).await.unwrap();
    let counts = engine.order_counts().await.unwrap();
    let states: serde_json::Map<_, _> =
        counts.iter().map(|(state, count)| (state.name().to_owned(), json!(count))).collect();
    (page.items.into_iter().map(|item| item.order.to_string()).collect(), Value::Object(states))
}

#[test]
fn orders_of_a_folder_at_rest_are_found_as_by_its_engine() {
    let folder = folder();
    let (found, counts) = block_on(async {
        let engine = Engine::open(config(folder.path())).await.unwrap();
        let told = trade(&engine).await;
        engine.close().await.unwrap();
        told
    });
    assert!(found.len() > 2, "{found:?}");
    let folder = folder.path();
    let wish = "orders * --business shop --state paid --type preorder --customer ada --seller mill";
    let listed = json(folder, wish);
    let ids: Vec<_> = listed["orders"].as_array().unwrap().iter().map(|it| it["order"].clone()).collect();
    assert_eq!((&json!(ids), &listed["next"]), (&json!(found), &Value::Null));
    let first = &listed["orders"][0];
    assert_eq!(first["type"], json!("preorder"));
    assert_eq!((&first["state"], &first["customer"]), (&json!("PAID"), &json!("ada")));

    // Page by page, and by time.
    let mut after = String::new();
    let mut seen = Vec::new();
    loop {
        let page = json(folder, &format!("orders * --limit 7{after}"));
        seen.extend(page["orders"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_u64() else { break };
        after = format!(" --after {next}");
    }
    assert_eq!(seen.len(), 30);
    let middle = seen[10]["placed_at"].as_str().unwrap();
    let (later, earlier) = (
        json(folder, &format!("orders * --since {middle}"))["orders"].as_array().unwrap().len(),
        json(folder, &format!("orders * --until {middle}"))["orders"].as_array().unwrap().len(),
    );
    assert_eq!((later + earlier, later > 10), (30, true));

    let counted = json(folder, "orders * --counts");
    assert_eq!((&counted["states"], &counted["total"]), (&counts, &json!(30)));
    assert_eq!(counted["types"], json!({"simple": 20, "preorder": 10}));
    assert_eq!(counted["businesses"]["outlet"], json!({"RESERVED": 5, "PAID": 1}));
    says(&fine(folder, "orders * --counts"), &["30 orders", "5 PAID", "10 preorder", "at outlet  6"]);
    says(
        &fine(folder, "orders * --seller mill --limit 1"),
        &["o-28  simple", "RESERVED", "at shop, for ada", "more with --after 28"],
    );
    assert_eq!(fine(folder, "orders * --seller nobody"), "No such order.\n");
}

#[test]
fn a_wish_that_makes_no_sense_is_refused_before_anything_is_read() {
    let folder = folder();
    for line in [
        "orders * --state lost",
        "orders * --type gift",
        "orders * --since yesterday",
        "orders * --after here",
        "orders * --counts --state PAID",
    ] {
        assert_eq!(on(folder.path(), line).code, 2, "{line}");
    }
    assert_eq!(on(folder.path(), "orders *").code, 3);
}
