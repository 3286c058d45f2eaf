//! A paid order is split, and its children go their own ways.

use std::time::Duration;

use earmark::{
    Amounts, Config, EditChange, Engine, LineRequest, LineTags, LocationId, Order, PlaceOrder, SkuCommand,
    SplitBy, State,
};

use crate::common::*;

/// An order over three SKUs of two sellers, paid.
pub fn three_lines(id: &str) -> PlaceOrder {
    let mut placed = placement(id, &[("a", 2), ("b", 3), ("c", 1)]);
    for (line, seller) in placed.lines.iter_mut().zip(["s-1", "s-2", "s-1"]) {
        line.seller = Some(seller.parse().unwrap());
    }
    (placed.lines[1].gross, placed.lines[1].discount, placed.lines[1].shipping) = (1_000, 100, 50);
    placed
}

async fn paid_engine() -> Engine {
    let engine = Engine::open(Config::in_memory()).await.unwrap();
    for name in ["a", "b", "c"] {
        receive(&engine, name, 5).await;
    }
    engine.place(three_lines("o")).await.unwrap();
    engine.pay(payment("o", 3_950)).await.unwrap();
    engine
}

/// The parent, once it has heard everything that its children have to tell.
async fn heard(engine: &Engine) -> Order {
    for _ in 0..500 {
        let cut = engine.cut().await.unwrap();
        let parent = cut.orders.iter().find(|order| order.is_split()).unwrap();
        let known = |child: &earmark::Child| {
            cut.orders.iter().any(|o| o.id == child.news.child && o.version == child.news.version)
        };
        if parent.children().iter().all(known) {
            assert_eq!(cut.violations, Vec::<String>::new());
            let children: Vec<_> = cut.orders.iter().filter(|o| o.parent() == Some(&parent.id)).collect();
            let sum = |of: fn(&Order) -> i64| children.iter().map(|order| of(order)).sum::<i64>();
            assert_eq!((parent.due, parent.paid), (sum(|o| o.due), sum(|o| o.paid)));
            assert_eq!(parent.refund_due, sum(|o| o.refund_due));
            return parent.clone();
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("the parent never heard of its children");
}

#[tokio::test]
async fn a_split_by_seller_gives_each_child_its_lines_its_units_and_its_money() {
    let engine = paid_engine().await;
    let parent = engine.order(&order("o")).split(SplitBy::Seller).await.unwrap();
    assert_eq!((parent.state, parent.due, parent.paid), (State::Paid, 3_950, 3_950));
    let (one, two) = (look(&engine, "o/1").await, look(&engine, "o/2").await);
    assert_eq!((one.due, one.paid, one.state), (3_000, 3_000, State::Paid));
    assert_eq!((two.due, two.paid, two.state), (950, 950, State::Paid));
    assert_eq!((two.lines[0].gross, two.lines[0].discount, two.lines[0].shipping), (1_000, 100, 50));
    assert_eq!(one.parent(), Some(&order("o")));
    for (name, held) in [("a", 2), ("b", 3), ("c", 1)] {
        assert_eq!(stock(&engine, name).await, [5 - held, 0, held, 0]);
    }
    heard(&engine).await;
}

#[tokio::test]
async fn children_are_shipped_delivered_and_cancelled_alone_and_the_parent_follows() {
    let engine = paid_engine().await;
    engine.order(&order("o")).split(SplitBy::Seller).await.unwrap();
    let (one, two) = (engine.order(&order("o/1")), engine.order(&order("o/2")));
    one.ship(&[]).await.unwrap();
    let parent = heard(&engine).await;
    assert_eq!((parent.state, parent.lines[0].counters.shipped), (State::Paid, 2));
    two.ship_short(&parts(&[(1, 1)]), &[], "broken").await.unwrap();
    let parent = heard(&engine).await;
    assert_eq!(parent.state, State::Shipped);
    assert_eq!((parent.lines[1].counters.shipped, parent.lines[1].counters.cancelled), (1, 2));
    assert_eq!((parent.due, parent.refund_due), (3_317, 633));
    one.deliver(&[]).await.unwrap();
    assert_eq!(heard(&engine).await.state, State::Shipped);
    two.deliver(&[]).await.unwrap();
    assert_eq!(heard(&engine).await.state, State::Fulfilled);
}

#[tokio::test]
async fn a_parent_whose_children_are_all_called_off_is_called_off() {
    let engine = paid_engine().await;
    engine.order(&order("o")).split(SplitBy::Seller).await.unwrap();
    engine.order(&order("o/1")).cancel(&[], "r").await.unwrap();
    assert_eq!(heard(&engine).await.state, State::Paid);
    engine.order(&order("o/2")).cancel(&[], "r").await.unwrap();
    let parent = heard(&engine).await;
    assert_eq!(
        (parent.state, parent.due, parent.paid, parent.refund_due),
        (State::Cancelled, 0, 3_950, 3_950)
    );
    assert_eq!(stock(&engine, "a").await, [5, 0, 0, 0]);
}

#[tokio::test]
async fn orders_are_split_by_channel_by_constraint_and_by_named_units() {
    let engine = Engine::open(Config::in_memory()).await.unwrap();
    receive(&engine, "a", 50).await;
    for (id, by) in [
        ("channel", SplitBy::Channel),
        ("constraint", SplitBy::Constraint),
        ("groups", SplitBy::Groups(vec![parts(&[(1, 1), (2, 1)])])),
    ] {
        let mut placed = placement(id, &[("a", 1), ("a", 3)]);
        placed.lines[1].gross = 1_000;
        let tags = LineTags { channel: Some("market".into()), constraint: Some("cooled".into()) };
        placed.lines[1].tags = Some(Box::new(tags));
        let due = engine.place(placed).await.unwrap().due;
        engine.pay(payment(id, due)).await.unwrap();
        engine.order(&order(id)).split(by).await.unwrap();
        let (one, two) = (look(&engine, &format!("{id}/1")).await, look(&engine, &format!("{id}/2")).await);
        let units = |order: &Order| order.lines.iter().map(|l| l.counters.committed).sum::<u32>();
        let expected = if id == "groups" { [2, 2] } else { [1, 3] };
        assert_eq!([units(&one), units(&two)], expected, "{id}");
        assert_eq!((one.due + two.due, one.paid + two.paid), (due, due), "{id}");
        assert_eq!((one.due, two.due), (one.paid, two.paid), "{id}");
    }
    assert_sound(&engine).await;
}

#[tokio::test]
async fn the_parts_of_a_hold_at_several_locations_go_to_the_children_where_they_lie() {
    let engine = Engine::open(Config::in_memory()).await.unwrap();
    for (units, at) in [(2, "north"), (2, "south")] {
        let command = SkuCommand::receive(units, "r").at(LocationId::new(at).unwrap());
        engine.stock(&sku("a"), command).await.unwrap();
    }
    engine.place(placement("o", &[("a", 4)])).await.unwrap();
    engine.pay(payment("o", 4_000)).await.unwrap();
    engine.order(&order("o")).split(SplitBy::Groups(vec![parts(&[(1, 3)])])).await.unwrap();
    assert_sound(&engine).await;
    for child in ["o/1", "o/2"] {
        engine.order(&order(child)).ship(&[]).await.unwrap();
    }
    assert_sound(&engine).await;
    assert_eq!(stock(&engine, "a").await, [0, 0, 0, 4]);
}

#[tokio::test]
async fn an_order_is_split_by_the_locations_at_which_its_units_lie() {
    let engine = Engine::open(Config::in_memory()).await.unwrap();
    for (name, units, at) in [("a", 2, "south"), ("a", 2, "north"), ("b", 1, "north"), ("b", 3, "south")] {
        let command = SkuCommand::receive(units, "r").at(LocationId::new(at).unwrap());
        engine.stock(&sku(name), command).await.unwrap();
    }
    engine.place(placement("o", &[("a", 3), ("b", 4), ("a", 1)])).await.unwrap();
    engine.pay(payment("o", 8_000)).await.unwrap();
    engine.order(&order("o")).split_by_location().await.unwrap();
    assert_sound(&engine).await;
    assert_eq!((look(&engine, "o/1").await.due, look(&engine, "o/2").await.due), (3_000, 5_000));
    engine.order(&order("o/2")).ship(&[]).await.unwrap();
    let cut = engine.cut().await.unwrap();
    assert_eq!(cut.violations, Vec::<String>::new());
    for (sku, units) in cut.skus.iter().zip([2, 3]) {
        let at = |name: &str| sku.counters_at(&LocationId::new(name).unwrap());
        assert_eq!((at("north").shipped, at("south").shipped), (0, units), "{}", sku.sku);
    }
}

#[tokio::test]
async fn commands_that_make_no_sense_on_an_order_that_was_split_are_refused() {
    let engine = paid_engine().await;
    let parent = engine.order(&order("o"));
    parent.split(SplitBy::Seller).await.unwrap();
    let code = |result: Result<_, _>| refusal(result).code();
    assert_eq!(code(parent.stage_edit(vec![EditChange::RemoveLine { line: 1 }]).await), "ORDER_SPLIT");
    assert_eq!(code(parent.split(SplitBy::Seller).await), "ORDER_SPLIT");
    assert_eq!(code(parent.ship(&[]).await), "ORDER_SPLIT");
    assert_eq!(code(parent.cancel(&[], "r").await), "ORDER_SPLIT");
    assert_eq!(code(engine.pay(payment("o", 1)).await), "ORDER_SPLIT");
    assert_eq!(code(parent.retire().await), "ORDER_NOT_CLOSED");
    assert_eq!(code(engine.place(placement("x/1", &[("a", 1)])).await), "ORDER_ID_RESERVED");
}

#[tokio::test]
async fn an_order_that_cannot_be_split_says_why() {
    let engine = paid_engine().await;
    let parent = engine.order(&order("o"));
    let groups = |groups: &[&[(u32, u32)]]| SplitBy::Groups(groups.iter().map(|g| parts(g)).collect());
    for (by, code) in [
        (SplitBy::Channel, "CANNOT_SPLIT"),
        (groups(&[&[]]), "CANNOT_SPLIT"),
        (groups(&[&[(1, 2), (2, 3), (3, 1)]]), "CANNOT_SPLIT"),
        (groups(&[&[(1, 1)], &[(1, 2)]]), "QUANTITY_EXCEEDED"),
        (groups(&[&[(9, 1)]]), "UNKNOWN_LINE"),
    ] {
        assert_eq!(refusal(parent.split(by.clone()).await).code(), code, "{by:?}");
    }
    parent.ship(&parts(&[(1, 1)])).await.unwrap();
    assert_eq!(refusal(parent.split(SplitBy::Seller).await).code(), "CANNOT_SPLIT");
    receive(&engine, "b", 5).await;
    engine.place(three_lines("unpaid")).await.unwrap();
    assert_eq!(refusal(engine.order(&order("unpaid")).split(SplitBy::Seller).await).code(), "WRONG_STATE");
}

#[tokio::test]
async fn an_edit_of_a_child_adds_to_its_parent_and_parks_nobody() {
    let engine = paid_engine().await;
    engine.order(&order("o")).split(SplitBy::Seller).await.unwrap();
    let child = engine.order(&order("o/1"));
    let more = EditChange::AddUnits { line: 2, quantity: 2, amounts: Amounts::of(1_500) };
    child.stage_edit(vec![more]).await.unwrap();
    child.accept_edit(child.preview_edit().await.unwrap().version).await.unwrap();
    let parent = heard(&engine).await;
    let counters = parent.lines[2].counters;
    assert_eq!((counters.ordered, counters.reserved, counters.committed), (3, 2, 1));
    assert_eq!((parent.due, parent.paid, parent.parked), (5_450, 3_950, None));
    // A line of its own is the child's alone; its money is the parent's too.
    child.stage_edit(vec![EditChange::AddLine(LineRequest::new(sku("b"), 1, 700))]).await.unwrap();
    child.accept_edit(child.preview_edit().await.unwrap().version).await.unwrap();
    let parent = heard(&engine).await;
    assert_eq!((parent.due, parent.lines.len(), parent.parked), (6_150, 3, None));
    engine.pay(payment("o/1", 2_200)).await.unwrap();
    engine.order(&order("o/1")).ship(&[]).await.unwrap();
    engine.order(&order("o/2")).ship(&[]).await.unwrap();
    let parent = heard(&engine).await;
    assert_eq!((parent.state, parent.due, parent.paid), (State::Shipped, 6_150, 6_150));
}
