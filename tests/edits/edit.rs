//! A change is prepared, looked at, and made.

use earmark::{
    AcceptEdit, Amounts, Command, Config, EditChange, Engine, LineRequest, Order, OrderHandle, Refusal,
    Request, SkuCommand, SkuUnits, StageEdit, State,
};

use crate::common::crash::cut_everywhere;
use crate::common::*;

async fn engine_with(stock: &[(&str, u64)]) -> Engine {
    let engine = Engine::open(Config::in_memory()).await.unwrap();
    for (name, units) in stock {
        receive(&engine, name, *units).await;
    }
    engine
}

fn more(line: u32, quantity: u32) -> EditChange {
    EditChange::AddUnits { line, quantity, amounts: Amounts::of(i64::from(quantity) * 1_000) }
}

fn fewer(line: u32, quantity: u32) -> EditChange {
    EditChange::TakeUnits { line, quantity }
}

fn new(name: &str, quantity: u32) -> EditChange {
    EditChange::AddLine(LineRequest::new(sku(name), quantity, i64::from(quantity) * 1_000))
}

fn units(name: &str, units: u64) -> SkuUnits {
    SkuUnits { sku: sku(name), units }
}

/// Prepares, previews and accepts; the order is what was previewed.
async fn edit(order: &OrderHandle, changes: Vec<EditChange>) -> Order {
    order.stage_edit(changes).await.unwrap();
    let preview = order.preview_edit().await.unwrap();
    order.accept_edit(preview.version).await.unwrap();
    let found = order.view().await.unwrap().unwrap();
    assert_eq!(found, preview.order);
    found
}

#[tokio::test]
async fn an_edit_of_a_reserved_order_reserves_and_gives_back_the_difference_only() {
    let engine = engine_with(&[("a", 5), ("b", 5), ("c", 5)]).await;
    engine.place(placement("o", &[("a", 2), ("b", 3)])).await.unwrap();
    let order = engine.order(&order("o"));
    order.stage_edit(vec![more(1, 1), fewer(2, 2), new("c", 4)]).await.unwrap();
    assert_eq!(stock(&engine, "c").await, [5, 0, 0, 0]);
    let preview = order.preview_edit().await.unwrap();
    assert_eq!((preview.reserve, preview.release), (vec![units("a", 1), units("c", 4)], vec![units("b", 2)]));
    assert_eq!((preview.order.due, preview.to_pay, preview.refund_due), (8_000, 8_000, 0));
    let accepted = order.accept_edit(preview.version).await.unwrap();
    assert_eq!((accepted.state, accepted.due), (State::Reserved, 8_000));
    assert_eq!(look(&engine, "o").await, preview.order);
    assert_eq!(stock(&engine, "a").await, [2, 3, 0, 0]);
    assert_eq!(stock(&engine, "b").await, [4, 1, 0, 0]);
    assert_eq!(stock(&engine, "c").await, [1, 4, 0, 0]);
    assert_eq!(
        order
            .pay("card".parse().unwrap(), earmark::Money::new(8_000, earmark::Currency::EUR))
            .await
            .unwrap()
            .state,
        State::Paid
    );
    assert_sound(&engine).await;
}

#[tokio::test]
async fn an_edit_of_amounts_is_one_record_and_asks_no_sku() {
    let engine = engine_with(&[("a", 5)]).await;
    engine.place(placement("o", &[("a", 2)])).await.unwrap();
    let order = engine.order(&order("o"));
    let amounts = Amounts { gross: 2_000, discount: 300, shipping: 50 };
    order.stage_edit(vec![EditChange::Reprice { line: 1, amounts }]).await.unwrap();
    let before = engine.cut().await.unwrap();
    let version = before.orders[0].version;
    assert_eq!(order.accept_edit(version).await.unwrap().due, 1_750);
    let after = engine.cut().await.unwrap();
    assert_eq!((after.sequence, after.skus), (before.sequence + 1, before.skus));
}

#[tokio::test]
async fn units_that_pass_from_line_to_line_stay_where_they_are_held() {
    let engine = engine_with(&[("a", 5)]).await;
    engine.place(placement("o", &[("a", 3), ("a", 2)])).await.unwrap();
    engine.pay(payment("o", 5_000)).await.unwrap();
    let found = edit(&engine.order(&order("o")), vec![fewer(1, 2), more(2, 2)]).await;
    assert_eq!([found.lines[0].counters.committed, found.lines[1].counters.committed], [1, 4]);
    assert_eq!((found.state, found.due, found.refund_due), (State::Paid, 5_000, 0));
    assert_eq!(stock(&engine, "a").await, [0, 0, 5, 0]);
    assert_sound(&engine).await;
}

#[tokio::test]
async fn a_paid_order_that_becomes_dearer_keeps_what_is_added_until_it_is_paid() {
    let engine = engine_with(&[("a", 5), ("b", 2)]).await;
    engine.place(placement("o", &[("a", 2)])).await.unwrap();
    engine.pay(payment("o", 2_000)).await.unwrap();
    let order = engine.order(&order("o"));
    let found = edit(&order, vec![more(1, 1), new("b", 2)]).await;
    assert_eq!((found.state, found.due, found.paid), (State::Paid, 5_000, 2_000));
    assert_eq!((stock(&engine, "a").await, stock(&engine, "b").await), ([2, 1, 2, 0], [0, 2, 0, 0]));
    // What is paid for can leave; what is not cannot.
    assert_eq!(refusal(order.ship(&parts(&[(1, 3)])).await).code(), "QUANTITY_EXCEEDED");
    assert_eq!(order.ship(&[]).await.unwrap().state, State::Paid);
    engine.pay(payment("o", 1_000)).await.unwrap();
    assert_eq!(stock(&engine, "b").await, [0, 2, 0, 0]);
    let paid = engine.pay(payment("o", 2_000)).await.unwrap();
    assert_eq!((paid.state, paid.due, paid.paid, paid.refund_due), (State::Paid, 5_000, 5_000, 0));
    assert_eq!((stock(&engine, "a").await, stock(&engine, "b").await), ([2, 0, 1, 2], [0, 0, 2, 0]));
    assert_eq!(order.ship(&[]).await.unwrap().state, State::Shipped);
    assert_sound(&engine).await;
}

#[tokio::test]
async fn calling_off_what_is_paid_for_leaves_what_was_added_to_another_line_unpaid() {
    let engine = engine_with(&[("a", 9)]).await;
    engine.place(placement("o", &[("a", 2), ("a", 2)])).await.unwrap();
    engine.pay(payment("o", 4_000)).await.unwrap();
    let order = engine.order(&order("o"));
    edit(&order, vec![new("a", 5)]).await;
    assert_eq!(stock(&engine, "a").await, [0, 5, 4, 0]);
    order.cancel(&parts(&[(1, 2)]), "r").await.unwrap();
    assert_eq!(stock(&engine, "a").await, [2, 5, 2, 0]);
    assert_sound(&engine).await;
    // What is left is covered once enough of the added units are called off.
    let rest = order.cancel(&parts(&[(3, 3)]), "r").await.unwrap();
    assert_eq!((rest.due, rest.paid, rest.refund_due), (4_000, 4_000, 0));
    assert_eq!(stock(&engine, "a").await, [5, 0, 4, 0]);
    assert_sound(&engine).await;
}

#[tokio::test]
async fn a_paid_order_that_becomes_cheaper_leaves_money_due_back_by_the_stored_shares() {
    let engine = engine_with(&[("a", 3), ("b", 1)]).await;
    let mut placed = placement("o", &[("a", 3), ("b", 1)]);
    (placed.lines[0].gross, placed.lines[0].discount, placed.lines[0].shipping) = (110, 20, 10);
    engine.place(placed).await.unwrap();
    engine.pay(payment("o", 1_100)).await.unwrap();
    let found = edit(&engine.order(&order("o")), vec![fewer(1, 2)]).await;
    assert_eq!((found.due, found.refund_due), (1_034, 66));
    let found = edit(&engine.order(&order("o")), vec![EditChange::RemoveLine { line: 1 }]).await;
    assert_eq!((found.due, found.refund_due), (1_000, 100));
    assert_eq!(stock(&engine, "a").await, [3, 0, 0, 0]);
    assert_sound(&engine).await;
}

#[tokio::test]
async fn an_edit_that_brings_what_is_due_down_to_what_was_paid_settles_the_order() {
    let engine = engine_with(&[("a", 3)]).await;
    engine.place(placement("o", &[("a", 3)])).await.unwrap();
    engine.pay(payment("o", 2_000)).await.unwrap();
    let found = edit(&engine.order(&order("o")), vec![fewer(1, 1)]).await;
    assert_eq!((found.state, found.due, found.refund_due), (State::Paid, 2_000, 0));
    assert_eq!(stock(&engine, "a").await, [1, 0, 2, 0]);
}

#[tokio::test]
async fn an_edit_whose_stock_is_gone_gives_exactly_that_back_and_stays_prepared() {
    let engine = engine_with(&[("a", 5), ("b", 5)]).await;
    engine.place(placement("o", &[("a", 2), ("b", 2)])).await.unwrap();
    engine.pay(payment("o", 4_000)).await.unwrap();
    let order = engine.order(&order("o"));
    order.stage_edit(vec![more(1, 2), more(2, 2)]).await.unwrap();
    engine.stock(&sku("b"), reserve("c", 2)).await.unwrap();
    let version = order.preview_edit().await.unwrap().version;
    assert_eq!(refusal(order.accept_edit(version).await).code(), "INSUFFICIENT_STOCK");
    assert_eq!((stock(&engine, "a").await, stock(&engine, "b").await), ([3, 0, 2, 0], [1, 2, 2, 0]));
    assert_sound(&engine).await;
    receive(&engine, "b", 1).await;
    assert_eq!(refusal(order.accept_edit(version).await).code(), "EDIT_OUTDATED");
    let version = order.preview_edit().await.unwrap().version;
    assert_eq!(order.accept_edit(version).await.unwrap().due, 8_000);
    assert_eq!(refusal(order.accept_edit(version).await), Refusal::NoEdit);
}

#[tokio::test]
async fn an_edit_is_bound_to_the_version_that_was_previewed() {
    let engine = engine_with(&[("a", 5)]).await;
    engine.place(placement("o", &[("a", 2)])).await.unwrap();
    let order = engine.order(&order("o"));
    assert_eq!(refusal(order.preview_edit().await), Refusal::NoEdit);
    order.stage_edit(vec![more(1, 1)]).await.unwrap();
    let previewed = order.preview_edit().await.unwrap().version;
    engine.pay(payment("o", 500)).await.unwrap();
    let outdated = Refusal::EditOutdated { previewed, version: previewed + 1 };
    assert_eq!(refusal(order.accept_edit(previewed).await), outdated);
    assert_eq!(refusal(order.decline_edit(previewed).await), outdated);
    order.decline_edit(previewed + 1).await.unwrap();
    assert_eq!(refusal(order.preview_edit().await), Refusal::NoEdit);
    assert_eq!(stock(&engine, "a").await, [3, 2, 0, 0]);
}

#[tokio::test]
async fn an_edit_that_makes_no_sense_is_refused_when_it_is_staged() {
    let engine = engine_with(&[("a", 5)]).await;
    engine.place(placement("o", &[("a", 2), ("a", 1)])).await.unwrap();
    let order = engine.order(&order("o"));
    let wrong = Amounts { gross: 1, discount: 2, shipping: 0 };
    for (changes, code) in [
        (vec![], "INVALID_EDIT"),
        (vec![more(1, 1), fewer(1, 1)], "INVALID_EDIT"),
        (vec![fewer(1, 2), fewer(2, 1)], "INVALID_EDIT"),
        (vec![more(3, 1)], "UNKNOWN_LINE"),
        (vec![more(1, 0)], "QUANTITY_NOT_POSITIVE"),
        (vec![new("a", 0)], "QUANTITY_NOT_POSITIVE"),
        (vec![fewer(1, 3)], "QUANTITY_EXCEEDED"),
        (vec![EditChange::Reprice { line: 1, amounts: wrong }], "INVALID_AMOUNT"),
    ] {
        assert_eq!(refusal(order.stage_edit(changes.clone()).await).code(), code, "{changes:?}");
    }
    order.cancel(&[], "r").await.unwrap();
    assert_eq!(refusal(order.stage_edit(vec![more(1, 1)]).await).code(), "WRONG_STATE");
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_a_crash_cuts_anywhere_is_made_once_or_not_at_all() {
    let keyed = |name: &str, command: Command| Request::from(command).with_key(business(), key(name));
    let received = |name, units| Command::Sku(sku(name), SkuCommand::receive(units, "opening stock"));
    let stage = |changes| Command::from(StageEdit { order: order("o"), changes });
    let accept = |version| Command::from(AcceptEdit { order: order("o"), version });
    let script = [
        keyed("1", received("a", 6)),
        keyed("2", received("b", 6)),
        keyed("3", received("c", 2)),
        keyed("4", placement("o", &[("a", 2), ("b", 3)]).into()),
        keyed("5", stage(vec![more(1, 1), fewer(2, 2), new("c", 1)])),
        keyed("6", accept(3)),
        keyed("7", payment("o", 5_000).into()),
        // Too much of the last one: what the first two granted is given back.
        keyed("8", stage(vec![more(1, 1), more(2, 1), more(3, 2)])),
        keyed("9", accept(10)),
        keyed("10", stage(vec![more(1, 2), more(3, 1)])),
        keyed("11", accept(13)),
        keyed("12", cancellation("o", &[(1, 1)]).into()),
        keyed("13", payment("o", 2_000).into()),
        keyed("14", shipment("o", &[]).into()),
    ];
    let records = cut_everywhere(&script).await;
    assert!(records > 40, "{records}");
}
