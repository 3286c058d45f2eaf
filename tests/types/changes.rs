//! Edits, splits and short shipments of orders of each type.

use earmark::{
    Amounts, Backorder, EditChange, OrderHandle, OrderType, SkuCommand, SplitBy, State, StockPolicy, Terms,
    TermsByType,
};

use super::{Shop, bought};
use crate::common::*;

fn more(quantity: u32) -> EditChange {
    EditChange::AddUnits { line: 1, quantity, amounts: Amounts::of(i64::from(quantity) * 1_000) }
}

fn fewer(quantity: u32) -> EditChange {
    EditChange::TakeUnits { line: 1, quantity }
}

/// Prepares and accepts.
async fn edit(order: &OrderHandle, change: EditChange) -> Result<earmark::OrderAnswer, earmark::Error> {
    order.stage_edit(vec![change]).await?;
    let version = order.view().await?.unwrap().version;
    order.accept_edit(version).await
}

#[tokio::test(start_paused = true)]
async fn an_edit_cannot_get_around_the_limit_for_each_buyer() {
    let limit = Terms { units_per_buyer_max: Some(3), ..Terms::physical() };
    let shop = Shop::under(TermsByType { physical: limit, ..TermsByType::default() }).await;
    receive(&shop.engine, "phone", 10).await;
    shop.engine.place(bought(OrderType::Physical, "o", &[("phone", 1)])).await.unwrap();
    shop.engine.place(bought(OrderType::Physical, "p", &[("phone", 1)])).await.unwrap();
    let (o, p) = (shop.engine.order(&order("o")), shop.engine.order(&order("p")));
    assert_eq!(refusal(edit(&o, more(2)).await).code(), "PURCHASE_LIMIT_EXCEEDED");
    assert_eq!(stock(&shop.engine, "phone").await, [8, 2, 0, 0]);
    edit(&o, more(1)).await.unwrap();
    // A new line of the SKU is no way around it, and neither is a paid order or a crash.
    shop.engine.pay(payment("p", 1_000)).await.unwrap();
    let line = earmark::LineRequest::new(sku("phone"), 1, 1_000);
    assert_eq!(refusal(edit(&p, EditChange::AddLine(line)).await).code(), "PURCHASE_LIMIT_EXCEEDED");
    let shop = shop.crash(TermsByType::default()).await;
    let p = shop.engine.order(&order("p"));
    assert_eq!(refusal(edit(&p, more(1)).await).code(), "PURCHASE_LIMIT_EXCEEDED");
    // What is given up can be had again.
    edit(&shop.engine.order(&order("o")), fewer(1)).await.unwrap();
    edit(&p, more(1)).await.unwrap();
    assert_eq!(stock(&shop.engine, "phone").await, [7, 2, 1, 0]);
    shop.ends_sound().await;
}

#[tokio::test(start_paused = true)]
async fn an_order_of_a_flash_sale_is_made_smaller_and_never_larger_in_the_time_it_had() {
    let shop = Shop::open().await;
    receive(&shop.engine, "phone", 10).await;
    shop.engine.place(bought(OrderType::FlashSale, "o", &[("phone", 2)])).await.unwrap();
    let handle = shop.engine.order(&order("o"));
    let line = earmark::LineRequest::new(sku("phone"), 1, 1_000);
    for change in [more(1), EditChange::AddLine(line)] {
        assert_eq!(refusal(edit(&handle, change).await).code(), "INVALID_EDIT");
    }
    shop.pass(4 * 60_000).await;
    let edited = edit(&handle, fewer(1)).await.unwrap();
    assert_eq!((edited.state, edited.due), (State::Reserved, 1_000));
    assert_eq!(stock(&shop.engine, "phone").await, [9, 1, 0, 0]);
    shop.pass(60_000).await;
    assert_eq!(shop.state("o").await, State::Cancelled, "an edit gives no new time to pay");
    assert_eq!(stock(&shop.engine, "phone").await, [10, 0, 0, 0]);
    shop.ends_sound().await;
}

#[tokio::test(start_paused = true)]
async fn the_limit_counts_on_over_the_children_of_a_flash_sale() {
    let shop = Shop::open().await;
    receive(&shop.engine, "phone", 10).await;
    shop.engine.place(bought(OrderType::FlashSale, "o", &[("phone", 2)])).await.unwrap();
    shop.engine.pay(payment("o", 2_000)).await.unwrap();
    let groups = SplitBy::Groups(vec![parts(&[(1, 1)])]);
    shop.engine.order(&order("o")).split(groups).await.unwrap();
    assert_eq!(stock(&shop.engine, "phone").await, [8, 0, 2, 0]);
    let again = |id| shop.engine.place(bought(OrderType::FlashSale, id, &[("phone", 1)]));
    assert_eq!(refusal(again("p").await).code(), "PURCHASE_LIMIT_EXCEEDED");
    let one = shop.engine.order(&order("o/1"));
    assert_eq!(refusal(edit(&one, more(1)).await).code(), "INVALID_EDIT");
    shop.engine.cancel(cancellation("o/1", &[])).await.unwrap();
    again("q").await.unwrap();
    shop.ends_sound().await;
}

/// A SKU that has `units` and promises ten more.
async fn promised(shop: &Shop, units: u64) {
    let backorder = Some(Backorder { units_max: 10 });
    let policy = StockPolicy { backorder, ..StockPolicy::default() };
    receive(&shop.engine, "book", units).await;
    shop.engine.stock(&sku("book"), SkuCommand::SetPolicy(Box::new(policy))).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_preorder_that_waits_is_neither_edited_nor_split_and_is_both_once_its_units_are_there() {
    let shop = Shop::open().await;
    promised(&shop, 1).await;
    shop.engine.place(bought(OrderType::Preorder, "o", &[("book", 3)])).await.unwrap();
    let handle = shop.engine.order(&order("o"));
    assert_eq!(refusal(edit(&handle, fewer(1)).await).code(), "INVALID_EDIT");
    let paid = shop.engine.pay(payment("o", 3_000)).await.unwrap();
    assert_eq!(paid.state, State::Awaiting);
    assert_eq!(refusal(edit(&handle, fewer(1)).await).code(), "WRONG_STATE");
    let groups = || SplitBy::Groups(vec![parts(&[(1, 1)])]);
    assert_eq!(refusal(handle.split(groups()).await).code(), "WRONG_STATE");
    receive(&shop.engine, "book", 4).await;
    shop.pass(1).await;
    assert_eq!(shop.state("o").await, State::Paid);
    assert_eq!(edit(&handle, fewer(1)).await.unwrap().refund_due, 1_000);
    handle.split(groups()).await.unwrap();
    assert_eq!((shop.state("o/1").await, shop.state("o/2").await), (State::Paid, State::Paid));
    shop.ends_sound().await;
}

#[tokio::test(start_paused = true)]
async fn a_preorder_is_shipped_short_while_it_waits_for_the_rest() {
    let shop = Shop::open().await;
    promised(&shop, 2).await;
    shop.engine.place(bought(OrderType::Preorder, "o", &[("book", 3)])).await.unwrap();
    shop.engine.pay(payment("o", 3_000)).await.unwrap();
    let short = shop.engine.order(&order("o")).ship_short(&parts(&[(1, 2)]), &[], "sold out").await.unwrap();
    assert_eq!((short.state, short.refund_due), (State::Shipped, 1_000));
    receive(&shop.engine, "book", 1).await;
    assert_eq!(stock(&shop.engine, "book").await, [1, 0, 0, 2]);
    shop.ends_sound().await;
}

#[tokio::test(start_paused = true)]
async fn virtual_goods_that_an_edit_makes_cheap_enough_are_handed_over_with_it() {
    let shop = Shop::open().await;
    receive(&shop.engine, "key", 5).await;
    shop.engine.place(bought(OrderType::Virtual, "o", &[("key", 2)])).await.unwrap();
    shop.engine.pay(payment("o", 1_000)).await.unwrap();
    let handle = shop.engine.order(&order("o"));
    let edited = edit(&handle, fewer(1)).await.unwrap();
    assert_eq!((edited.state, edited.due, edited.refund_due), (State::Delivered, 1_000, 0));
    assert_eq!(stock(&shop.engine, "key").await, [4, 0, 0, 1]);
    assert_eq!(refusal(edit(&handle, more(1)).await).code(), "WRONG_STATE");
    assert_eq!(refusal(handle.split(SplitBy::Seller).await).code(), "WRONG_STATE");
    shop.ends_sound().await;
}

#[tokio::test(start_paused = true)]
async fn a_membership_is_edited_before_it_is_paid_for_and_not_while_it_is_active() {
    let shop = Shop::open().await;
    receive(&shop.engine, "club", 5).await;
    shop.engine.place(bought(OrderType::Membership, "o", &[("club", 1)])).await.unwrap();
    let handle = shop.engine.order(&order("o"));
    assert_eq!(edit(&handle, more(2)).await.unwrap().due, 3_000);
    let active = shop.engine.pay(payment("o", 3_000)).await.unwrap();
    assert_eq!(active.state, State::Active);
    assert_eq!(refusal(edit(&handle, fewer(1)).await).code(), "WRONG_STATE");
    assert_eq!(stock(&shop.engine, "club").await, [2, 0, 3, 0]);
    shop.ends_sound().await;
}
