//! The default line by itself: every order type through its chains, and its nodes over a crash behind every record.

use std::sync::Arc;

use earmark::flow::{
    BusinessLine, Definition, DefinitionErrors, Node, NodeCall, NodeError, OrderContext, Plugins, Scope,
    Standard,
};
use earmark::port::fs_sim::SimFs;
use earmark::{BeginFlow, Engine, Error, OrderType, Refusal, Request, State};

use crate::common::journal::{read, write};
use crate::common::{key, order, placement, receive, stock};
use crate::{Line, Town, ends_sound, failed, look, state};

/// Chains of default nodes behind which a node may refuse.
struct Buying;

struct Last;

impl Node<OrderContext> for Last {
    async fn process(&self, context: &mut OrderContext, _: &NodeCall) -> Result<(), NodeError> {
        match &context.reason {
            Some(reason) => Err(NodeError::refused(reason.clone())),
            None => Ok(()),
        }
    }
}

impl BusinessLine for Buying {
    fn definition(&self) -> Result<Definition, DefinitionErrors> {
        let effects: String = ["place-order", "record-payment", "pick", "pack", "ship"]
            .iter()
            .map(|node| format!("[nodes.{node}]\neffect = \"engine\"\n"))
            .collect();
        let chains = "buy = [\"place-order\", \"record-payment\", \"last\"]\nsend = [\"pick\", \"pack\", \"ship\", \"last\"]\n";
        Definition::parse("buying.toml", format!("business = \"shop\"\n[chains.default]\n{chains}{effects}"))
    }

    fn provide(&self, plugins: Plugins) -> Plugins {
        plugins.node::<OrderContext>(&Scope::business("shop".parse().unwrap()), "last", Last)
    }
}

#[tokio::test(start_paused = true)]
async fn every_order_type_goes_through_the_chains_of_the_default_line() {
    for (order_type, paid, fulfilled, can_close) in [
        (OrderType::Simple, State::Paid, State::Fulfilled, false),
        (OrderType::Physical, State::Paid, State::Delivered, true),
        (OrderType::Virtual, State::Delivered, State::Delivered, true),
        (OrderType::FlashSale, State::Paid, State::Delivered, true),
        (OrderType::Preorder, State::Paid, State::Delivered, true),
        (OrderType::Membership, State::Active, State::Active, true),
    ] {
        let town = Town::new();
        let engine = town.stocked().await;
        let line = Line { business: "any-shop", order_type };
        for id in ["kept", "cancelled", "reversed"] {
            line.submit(&engine, line.order(id, id, &[("milk", 1)])).await.unwrap();
        }
        let answer = line.pay(&engine, "kept", 1_000).await.unwrap().context.answer.unwrap();
        assert_eq!(answer.state, paid, "{order_type}");
        line.about(&engine, "fulfil", "kept").await.unwrap();
        assert_eq!(state(&engine, "kept").await, fulfilled, "{order_type}");
        line.about(&engine, "cancel", "cancelled").await.unwrap();
        assert_eq!(state(&engine, "cancelled").await, State::Cancelled, "{order_type}");
        // Nobody has paid for it, and so nothing is due back.
        let skipped = line.about(&engine, "reverse", "reversed").await.unwrap().skipped.unwrap();
        assert_eq!(skipped, ("refund-due".into(), "no money is due back".into()), "{order_type}");
        if order_type != OrderType::Simple {
            // Money that comes late is due back; giving it back closes the order.
            line.pay(&engine, "reversed", 1_000).await.unwrap();
            let refunded = line.about(&engine, "refund", "reversed").await.unwrap().context.answer.unwrap();
            assert_eq!((refunded.state, refunded.refund_due), (State::Closed, 1_000), "{order_type}");
            assert!(can_close);
        }
        ends_sound(engine).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_of_another_type_than_the_scene_is_not_placed() {
    let town = Town::new();
    let engine = town.stocked().await;
    let line = Line { business: "any-shop", order_type: OrderType::Physical };
    let place = line.order("o", "ann", &[("milk", 1)]).of_type(OrderType::Virtual);
    let refused = failed(line.submit(&engine, place).await);
    assert_eq!(refused, ("place-order".to_owned(), "a virtual order in the scene physical".to_owned()));
    assert_eq!(engine.order(&order("o")).view().await.unwrap(), None);
    ends_sound(engine).await;
}

fn begin(chain: &str, context: &OrderContext) -> Request<BeginFlow> {
    let begin = BeginFlow::new("shop".parse().unwrap(), chain, context).unwrap();
    Request::from(begin).with_key("shop".parse().unwrap(), key(chain))
}

async fn run(engine: &Engine, chain: &str, context: &OrderContext) -> Option<String> {
    match engine.run_flow::<OrderContext>(begin(chain, context)).await {
        Ok(_) => None,
        Err(Error::Refused(Refusal::FlowFailed { message, .. })) => Some(message.to_string()),
        Err(error) => panic!("{error}"),
    }
}

async fn open(fs: &SimFs) -> Engine {
    Town::new().open_with(fs, vec![Arc::new(Standard), Arc::new(Buying)]).await
}

/// Buys and sends, where one of the two may fail at its last node.
async fn both(engine: &Engine, fails: [bool; 2]) -> [Option<String>; 2] {
    let why = |fails: bool| fails.then(|| "refused".into());
    let place = placement("o", &[("a", 2)]).of_type(OrderType::Physical);
    let buy = OrderContext {
        pay: Some(crate::common::payment("o", 2_000)),
        reason: why(fails[0]),
        ..OrderContext::placing(place)
    };
    let send = OrderContext { reason: why(fails[1]), ..OrderContext::about(order("o")) };
    [run(engine, "buy", &buy).await, run(engine, "send", &send).await]
}

#[tokio::test(start_paused = true)]
async fn a_crash_behind_any_record_leaves_what_the_default_nodes_did_done_once_or_undone() {
    let mut crashes = 0;
    for (fails, end, units) in [
        ([false, false], State::Shipped, [3, 0, 0, 2]),
        ([true, false], State::Cancelled, [5, 0, 0, 0]),
        ([false, true], State::Shipped, [3, 0, 0, 2]),
    ] {
        let fs = SimFs::new();
        let engine = open(&fs).await;
        receive(&engine, "a", 5).await;
        let told = both(&engine, fails).await;
        assert_eq!(told[0].is_some(), fails[0]);
        assert_eq!(told[1].is_some(), fails[0] || fails[1]);
        let refund = if fails[0] { 2_000 } else { 0 };
        let whole = look(&engine, "o").await;
        assert_eq!((whole.state, whole.refund_due, stock(&engine, "a").await), (end, refund, units));
        ends_sound(engine).await;
        let records = read(&fs);
        for length in 1..=records.len() {
            let engine = open(&write(&records[..length])).await;
            let received = engine.sku(&crate::common::sku("a")).view().await.unwrap();
            if received.is_none_or(|sku| sku.counters.received == 0) {
                receive(&engine, "a", 5).await;
            }
            assert_eq!(both(&engine, fails).await, told, "{fails:?}, behind record {length}");
            let found = look(&engine, "o").await;
            let found =
                (found.state, found.paid, found.refund_due, found.payments.len(), found.shipments.len());
            let wanted =
                (whole.state, whole.paid, whole.refund_due, whole.payments.len(), whole.shipments.len());
            assert_eq!(found, wanted, "{fails:?}, behind record {length}");
            assert_eq!(stock(&engine, "a").await, units, "{fails:?}, behind record {length}");
            ends_sound(engine).await;
            crashes += 1;
        }
    }
    assert!(crashes > 60, "{crashes}");
}
