//! Three business lines in one engine: a supermarket, a flash-sale shop and a club. Each is one module and one file, and
//! they share the engine and its default line. Run it with `cargo run --example lines`; read a line's file first, then
//! its module, and `main.rs` for how orders go through them.
#![allow(clippy::print_stdout, reason = "an example shows what happens")]

mod flash_sale;
mod membership;
mod supermarket;

use std::error::Error;
use std::sync::Arc;

use earmark::flow::{OrderContext, Standard, scene_of};
use earmark::{
    BeginFlow, CancelOrder, Config, Currency, Delivery, Engine, FlowId, LineRequest, Money, OrderId,
    OrderType, PayOrder, PlaceOrder, SkuCommand,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use supermarket::Basket;

type Outcome<T> = Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    let (store, doors) = (Arc::<supermarket::Store>::default(), Arc::<membership::Doors>::default());
    let config = Config {
        lines: vec![
            Arc::new(Standard),
            Arc::new(supermarket::Supermarket::new(store.clone())),
            Arc::new(flash_sale::FlashSale { risk: Arc::new(flash_sale::ByName) }),
            Arc::new(membership::Membership { entitlements: doors.clone() }),
        ],
        ..Config::in_memory()
    };
    let engine = Engine::open(config).await?;
    for (sku, units) in [("milk", 40), ("bread", 40), ("voucher", 40), ("console", 3), ("gold card", 100)] {
        engine.stock(&sku.parse()?, SkuCommand::receive(units, "opening stock")).await?;
    }
    supermarket(&engine, &store).await?;
    flash_sale(&engine).await?;
    club(&engine, &doors).await?;
    show_chains(&engine);
    assert_eq!(engine.cut().await?.violations, Vec::<String>::new());
    Ok(engine.close().await?)
}

/// Goods that are picked and brought; vouchers go through another chain of the same line.
async fn supermarket(engine: &Engine, store: &supermarket::Store) -> Outcome<()> {
    let shop = &Flows { engine, business: "supermarket", order_type: OrderType::Physical };
    println!("supermarket");
    let basket = |id: &str, lines: &[(&str, u32)], window: &str| {
        Ok::<_, Box<dyn Error>>(Basket::new(OrderContext::placing(shop.order(id, "ann", lines)?), window))
    };
    shop.run("submit", &basket("s-1", &[("milk", 2), ("bread", 1)], "monday 9-11")?).await?;
    shop.run("pay", &OrderContext::paying(pay("s-1", 3_490)?)).await?;
    store.lose("milk".parse()?, 1);
    let about = Basket::new(OrderContext::about("s-1".parse()?), "");
    shop.run("fulfil", &about).await?;
    shop.state("s-1").await?;

    shop.run("submit", &basket("s-2", &[("bread", 2)], "monday 9-11")?).await?;
    shop.run("cancel", &Basket::new(OrderContext::about("s-2".parse()?), "")).await?;
    shop.run("submit", &basket("s-3", &[("bread", 2)], "")?).await?;
    let vouchers = &Flows { order_type: OrderType::Virtual, ..*shop };
    let voucher = vouchers.order("s-4", "ann", &[("voucher", 1)])?;
    vouchers.run("submit", &Basket::new(OrderContext::placing(voucher), "")).await?;

    // The last node fails: the order is called off, and the van's window is free again.
    store.close(true);
    let failed = shop.run("submit", &basket("s-5", &[("bread", 1)], "monday 9-11")?).await?;
    shop.timeline(failed, "s-5").await?;
    let (windows, orders) = store.counts();
    println!("  the store has {windows} windows booked, for {orders} orders");
    Ok(())
}

/// Few units, many buyers, no time.
async fn flash_sale(engine: &Engine) -> Outcome<()> {
    let shop = &Flows { engine, business: "flash-shop", order_type: OrderType::FlashSale };
    println!("\nflash-sale shop");
    for (id, buyer, units) in
        [("f-1", "ben", 2), ("f-2", "ben", 1), ("f-3", "cleo", 3), ("f-4", "bot-7", 1), ("f-5", "dora", 1)]
    {
        let order = shop.order(id, buyer, &[("console", units)])?;
        shop.run("submit", &OrderContext::placing(order)).await?;
    }
    if let Some(order) = engine.order(&"f-5".parse()?).view().await?
        && let Some(deadline) = order.deadline
    {
        let seconds = (deadline.at.as_millis() - order.placed_at.as_millis()) / 1_000;
        println!("  f-5 is held for {seconds} s");
    }
    shop.run("pay", &OrderContext::paying(pay("f-1", 2_000)?)).await?;
    shop.run("fulfil", &OrderContext::about("f-1".parse()?)).await?;
    shop.state("f-1").await?;
    shop.run("cancel", &OrderContext::cancelling(CancelOrder::all("f-5".parse()?, "too slow")))
        .await
        .map(drop)
}

/// Nothing is sent; whoever has paid is let in.
async fn club(engine: &Engine, doors: &membership::Doors) -> Outcome<()> {
    let club = &Flows { engine, business: "club", order_type: OrderType::Membership };
    println!("\nclub");
    for (id, member) in [("m-1", "eve"), ("m-2", "finn"), ("m-3", "gus")] {
        let order = club.order(id, member, &[("gold card", 1)])?;
        club.run("submit", &OrderContext::placing(order)).await?;
    }
    club.run("pay", &OrderContext::paying(pay("m-1", 1_000)?)).await?;
    club.run("fulfil", &OrderContext::about("m-1".parse()?)).await?;
    club.run("fulfil", &OrderContext::about("m-2".parse()?)).await?;
    println!("  members let in: {}", doors.members());
    club.run("cancel", &OrderContext::cancelling(CancelOrder::all("m-1".parse()?, "moved away"))).await?;
    club.run("refund", &OrderContext::about("m-1".parse()?)).await?;
    println!("  members let in: {}", doors.members());

    // Behind the payment and the entitlement a letter fails: both are undone, and the money is due back.
    doors.fail_post(true);
    let failed = club.run("pay", &OrderContext::paying(pay("m-3", 1_000)?)).await?;
    club.timeline(failed, "m-3").await?;
    println!("  members let in: {}", doors.members());
    Ok(())
}

fn pay(order: &str, minor: i64) -> Outcome<PayOrder> {
    Ok(PayOrder::new(order.parse()?, "card".parse()?, Money::new(minor, Currency::EUR)))
}

/// The flows of one line, in words.
struct Flows<'a> {
    engine: &'a Engine,
    business: &'a str,
    order_type: OrderType,
}

impl Flows<'_> {
    /// An order at 10.00 a unit. Amounts are totals of a line, in minor units.
    fn order(&self, id: &str, buyer: &str, lines: &[(&str, u32)]) -> Outcome<PlaceOrder> {
        let mut requests = Vec::new();
        for (name, quantity) in lines {
            requests.push(LineRequest::new(name.parse()?, *quantity, i64::from(*quantity) * 1_000));
        }
        let place = PlaceOrder::new(self.business.parse()?, Currency::EUR, requests);
        let delivery = Delivery { address: "1 High Street".into(), contact: buyer.into() };
        let (customer, delivery) = (Some(buyer.parse()?), Some(delivery));
        let place = PlaceOrder { customer, delivery, ..place };
        Ok(place.with_id(id.parse()?).of_type(self.order_type))
    }

    /// Runs a chain and says how it came out; answers the flow if it failed.
    async fn run<C>(&self, chain: &str, context: &C) -> Outcome<Option<FlowId>>
    where
        C: Serialize + DeserializeOwned + Clone + AsMut<OrderContext>,
    {
        let mut begin = BeginFlow::new(self.business.parse()?, chain, context)?;
        begin = begin.for_scene(scene_of(self.order_type));
        let mut wanted = context.clone();
        let OrderContext { order, place, pay, cancel, .. } = wanted.as_mut();
        begin.customer = place.as_ref().and_then(|place| place.customer.clone());
        let named = pay.as_ref().map(|it| &it.order).or_else(|| cancel.as_ref().map(|it| &it.order));
        begin.order = order.as_ref().or(named).cloned();
        match self.engine.run_flow::<C>(begin).await {
            Ok(mut done) => {
                let answer = done.context.as_mut().answer.take();
                let order = done.order.map(|order| order.to_string()).unwrap_or_default();
                let state = answer.map(|answer| {
                    format!("{}, {} due, {} to give back", answer.state, answer.due, answer.refund_due)
                });
                let skipped = done.skipped.map(|(node, why)| format!(" ({node}: {why})"));
                let (state, skipped) = (state.unwrap_or_default(), skipped.unwrap_or_default());
                println!("  {chain:<7} {order}: {state}{skipped}");
                Ok(None)
            }
            Err(earmark::Error::Refused(earmark::Refusal::FlowFailed { flow, node, message, .. })) => {
                println!("  {chain:<7} failed at {node}: {message}");
                Ok(Some(flow))
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn state(&self, id: &str) -> Outcome<()> {
        let id: OrderId = id.parse()?;
        let order = self.engine.order(&id).view().await?.ok_or("the order was placed")?;
        let units =
            order.lines.iter().map(|line| (&line.sku, line.counters.delivered, line.counters.ordered));
        let units: Vec<_> = units.map(|(sku, got, asked)| format!("{got} of {asked} {sku}")).collect();
        println!("  {id} is {}: {} arrived", order.state, units.join(", "));
        Ok(())
    }

    /// What the journal says of a flow that failed, and of its order.
    async fn timeline(&self, flow: Option<FlowId>, order: &str) -> Outcome<()> {
        let flow = flow.ok_or("the flow fails")?;
        println!("  what the journal says of flow {flow}:");
        for entry in self.engine.flow_timeline(flow, 0, 100).await?.entries {
            println!("    {entry}");
        }
        println!("  and of order {order}:");
        for entry in self.engine.order(&order.parse()?).timeline().await?.entries {
            println!("    {entry}");
        }
        Ok(())
    }
}

/// How often each node worked, whichever line its chain is of.
fn show_chains(engine: &Engine) {
    println!("\nwhat ran");
    for chain in engine.chains() {
        let nodes = chain.nodes.iter().map(|node| match (node.failed, node.rolled_back) {
            (0, 0) => format!("{} {}", node.node, node.processed),
            (failed, undone) => {
                format!("{} {} ({failed} failed, {undone} undone)", node.node, node.processed)
            }
        });
        let nodes: Vec<_> = nodes.collect();
        println!("  {} {} {}: {}", chain.business, chain.scene, chain.chain, nodes.join(", "));
    }
}
