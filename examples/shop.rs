//! A small shop, from an empty shelf to a restart. Run it with `cargo run --example shop`, or give it a
//! folder to keep the journal in: `cargo run --example shop -- my-shop`. Read it from top to bottom.
#![allow(clippy::print_stdout, reason = "an example shows what happens")]

use std::error::Error;

use earmark::{
    CancelOrder, Config, Currency, DeliverOrder, Engine, LineQuantity, LineRequest, Money, OrderId, PayOrder,
    PlaceOrder, Request, ShipOrder, SkuCommand, SkuId,
};

type Outcome<T> = Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    // The journal lives in a folder: the one that was given, or a temporary one that goes at the end.
    let temporary = tempfile::tempdir()?;
    let folder = std::env::args_os().nth(1).map_or_else(|| temporary.path().to_owned(), Into::into);

    let engine = Engine::open(Config::new(&folder)).await?;
    println!("opened {}, {} records replayed", folder.display(), engine.recovery().records);
    if engine.recovery().orders > 0 {
        println!("this folder holds the shop of an earlier run; give a new one");
        return Ok(engine.close().await?);
    }

    stock_the_shelves(&engine).await?;
    place_twice_under_one_key(&engine).await?;
    sell_the_last_lamp_to_one_of_two(&engine).await?;
    pay_ship_and_cancel_in_parts(&engine).await?;
    show_the_history(&engine).await?;

    // The state hash covers every SKU, every order and every answered key.
    let before = engine.cut().await?;
    engine.close().await?;
    let engine = Engine::open(Config::new(&folder)).await?;
    let after = engine.cut().await?;
    println!("\nreopened: {} records replayed, state {}", engine.recovery().records, after.hash);
    assert_eq!(before.hash, after.hash, "what was closed is what was opened");
    assert_eq!(after.violations, Vec::<String>::new());
    Ok(engine.close().await?)
}

async fn stock_the_shelves(engine: &Engine) -> Outcome<()> {
    for (name, quantity) in [("lamp", 1), ("chair", 10), ("table", 4)] {
        let sku: SkuId = name.parse()?;
        let receive = SkuCommand::receive(quantity, "opening stock");
        let answer = engine.stock(&sku, receive).await?;
        println!("received {quantity} of {sku}: {} available", answer.available);
    }
    Ok(())
}

/// An order at 100.00 a unit. Amounts are totals of a line, in minor units.
fn order(id: &str, lines: &[(&str, u32)]) -> Outcome<PlaceOrder> {
    let mut requests = Vec::new();
    for (name, quantity) in lines {
        requests.push(LineRequest::new(name.parse()?, *quantity, i64::from(*quantity) * 10_000));
    }
    Ok(PlaceOrder::new("shop".parse()?, Currency::EUR, requests).with_id(id.parse()?))
}

/// A caller that lost the answer asks again under the same key and gets the first answer, not a second order.
async fn place_twice_under_one_key(engine: &Engine) -> Outcome<()> {
    let request = Request::from(order("ada", &[("chair", 2), ("table", 1)])?)
        .with_key("shop".parse()?, "checkout-4711".parse()?)
        .by("web".parse()?);
    let first = engine.place(request.clone()).await?;
    let again = engine.place(request).await?;
    println!("\nada's order is {}, due {}; asked again: the same answer", first.state, first.due);
    assert_eq!(first, again);
    Ok(())
}

/// Two buyers, one lamp. One gets it; the other is told why not, and the order says so later on, too.
async fn sell_the_last_lamp_to_one_of_two(engine: &Engine) -> Outcome<()> {
    let (ben, cleo) = tokio::join!(
        engine.place(order("ben", &[("lamp", 1)])?),
        engine.place(order("cleo", &[("lamp", 1)])?)
    );
    println!();
    for (id, answer) in [("ben", ben), ("cleo", cleo)] {
        match answer {
            Ok(answer) => println!("{id} has the lamp: {}", answer.state),
            Err(error) => println!("{id} has not: {error}"),
        }
        let id: OrderId = id.parse()?;
        if let Some(order) = engine.order(&id).view().await?
            && let Some(refusal) = order.refusal
        {
            println!("  asked again, order {id} is {}, because {refusal}", order.state);
        }
    }
    Ok(())
}

/// The order's state follows from its lines: paid in two parts, shipped in part, the rest called off.
async fn pay_ship_and_cancel_in_parts(engine: &Engine) -> Outcome<()> {
    let ada: OrderId = "ada".parse()?;
    println!();
    for minor in [12_000, 18_000] {
        let payment = PayOrder::new(ada.clone(), "card".parse()?, Money::new(minor, Currency::EUR));
        let answer = engine.pay(payment).await?;
        println!("paid {minor}: {} of {} is in, the order is {}", answer.paid, answer.due, answer.state);
    }
    let chairs = vec![LineQuantity { line: 1, quantity: 2 }];
    let answer = engine.ship(ShipOrder { order: ada.clone(), lines: chairs }).await?;
    println!("the chairs are on their way, the order is {}", answer.state);

    let answer = engine.cancel(CancelOrder::all(ada.clone(), "the table wobbles")).await?;
    println!("the table is called off, the order is {}, {} is due back", answer.state, answer.refund_due);

    let too_late = engine.cancel(CancelOrder::all(ada.clone(), "changed my mind")).await;
    if let Err(error) = too_late {
        println!("calling off the chairs: {error}");
    }
    let answer = engine.deliver(DeliverOrder::all(ada)).await?;
    println!("the chairs arrived, the order is {}", answer.state);

    let table = engine.sku(&"table".parse()?).view().await?.ok_or("the table was received")?;
    println!("tables: {} available, {} committed", table.counters.available, table.counters.committed);
    Ok(())
}

/// What happened to one order, in words; `Engine::subscribe` has every durable record of all of them.
async fn show_the_history(engine: &Engine) -> Outcome<()> {
    println!("\nwhat the journal says of ada's order:");
    for entry in engine.order(&"ada".parse()?).timeline().await?.entries {
        println!("  {entry}");
    }
    Ok(())
}
