//! Commands on their whole way through an embedded engine, on one thread.
//!
//! The journal's writer runs as a task beside its callers ([`Driver::Task`]), the clock stands still and randomness
//! comes from a seed, so that one run takes the same steps as the next. Files are the operating system's, without
//! syncs: what a call to it costs there is not counted.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use earmark::port::{ManualClock, SeededEntropy};
use earmark::{
    Config, Currency, DeliverOrder, Driver, Durability, Engine, Error, LineRequest, Money, PayOrder,
    PlaceOrder, Request, ReserveStock, Settlement, ShipOrder, SkuCommand, SkuId, Timestamp,
};
use smol_str::format_smolstr;
use tokio::runtime::Runtime;

use crate::window::{Counted, count};

/// Callers, each of which waits for its answer.
pub(crate) const CALLERS: u64 = 64;
/// SKUs over which orders are spread.
pub(crate) const SKUS: u64 = 1_000;
/// What one line costs, in minor units.
const LINE_MINOR: i64 = 1_000;
/// Small enough that a run does not write zeros for seconds.
const SEGMENT_BYTES: u64 = 4 << 20;

pub(crate) fn sku(number: u64) -> Result<SkuId> {
    Ok(SkuId::new(format_smolstr!("sku-{number:06}"))?)
}

pub(crate) fn reserve_command(number: u64) -> Result<SkuCommand> {
    let cart = format_smolstr!("cart-{number:012}").parse()?;
    Ok(SkuCommand::Reserve(ReserveStock::new(cart, 1)))
}

/// The order of this number, over SKUs that follow from it.
pub(crate) fn placement(number: u64, lines: u64) -> Result<PlaceOrder> {
    let line = |line: u64| {
        let at = number.wrapping_mul(lines).wrapping_add(line).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
        Ok(LineRequest::new(sku(at % SKUS)?, 1, LINE_MINOR))
    };
    let lines = (0..lines).map(line).collect::<Result<_>>()?;
    let order = format_smolstr!("order-{number:012}").parse()?;
    Ok(PlaceOrder::new("shop".parse()?, Currency::EUR, lines).with_id(order))
}

/// The runtime on which all of it runs.
pub(crate) fn runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_time().build().context("starting the tokio runtime")
}

pub(crate) fn config(folder: &std::path::Path) -> Config {
    Config {
        durability: Durability::Process,
        driver: Driver::Task,
        segment_bytes: SEGMENT_BYTES,
        clock: Arc::new(ManualClock::new(Timestamp::from_millis(1_700_000_000_000))),
        entropy: Arc::new(SeededEntropy::new(7)),
        ..Config::new(folder)
    }
}

/// An engine in which every SKU has more units than any run takes.
pub(crate) async fn open(config: Config) -> Result<Engine> {
    let engine = Engine::open(config).await.context("opening the engine")?;
    let receive = |number| Ok((sku(number)?, Request::from(SkuCommand::receive(1 << 40, "opening stock"))));
    for answer in engine.stock_all((0..SKUS).map(receive).collect::<Result<Vec<_>>>()?).await {
        answer.context("receiving the opening stock")?;
    }
    Ok(engine)
}

/// Lets each caller give its commands one after another, and waits for all of them.
pub(crate) async fn drive<C, F, Fut>(engine: &Engine, by_caller: Vec<Vec<C>>, give: F) -> Result<()>
where
    C: Send + 'static,
    F: Fn(Engine, C) -> Fut + Copy + Send + 'static,
    Fut: Future<Output = Result<(), Error>> + Send,
{
    let caller = |commands: Vec<C>| {
        let engine = engine.clone();
        tokio::spawn(async move {
            for command in commands {
                give(engine.clone(), command).await?;
            }
            Ok::<_, Error>(())
        })
    };
    let callers: Vec<_> = by_caller.into_iter().map(caller).collect();
    for caller in callers {
        caller.await.context("a caller panicked")??;
    }
    Ok(())
}

/// The commands with numbers from `first` on, made beforehand and dealt to the callers.
pub(crate) fn deal<C>(first: u64, each: u64, make: impl Fn(u64) -> Result<C>) -> Result<Vec<Vec<C>>> {
    let hand = |caller| (0..each).map(|turn| make(first + turn * CALLERS + caller)).collect();
    (0..CALLERS).map(hand).collect()
}

/// Opens an engine, warms it up, and counts so many commands of each caller.
pub(crate) fn through<C, F, Fut>(
    alter: impl FnOnce(&mut Config),
    each: u64,
    make: impl Fn(u64) -> Result<C>,
    give: F,
) -> Result<Counted>
where
    C: Send + 'static,
    F: Fn(Engine, C) -> Fut + Copy + Send + 'static,
    Fut: Future<Output = Result<(), Error>> + Send,
{
    let folder = tempfile::tempdir().context("making a temporary folder")?;
    let runtime = runtime()?;
    let mut config = config(folder.path());
    alter(&mut config);
    let engine = runtime.block_on(open(config))?;
    let warm_up = each / 4 + 1;
    runtime.block_on(drive(&engine, deal(0, warm_up, &make)?, give)).context("warming up")?;
    let mut commands = Some(deal(warm_up * CALLERS, each, &make)?);
    let mut done = Ok(());
    let counted = count(each * CALLERS, || {
        if let Some(commands) = commands.take() {
            done = runtime.block_on(drive(&engine, commands, give));
        }
    });
    done?;
    runtime.block_on(engine.close()).context("closing the engine")?;
    Ok(counted)
}

/// Callers that reserve one unit each of the same SKU, each time for a new cart.
pub(crate) fn reserve() -> Result<Counted> {
    let make = |number| Ok((sku(0)?, Request::from(reserve_command(number)?)));
    through(
        |_| (),
        200,
        make,
        |engine, (sku, request)| async move { engine.stock(&sku, request).await.map(drop) },
    )
}

fn place(lines: u64, each: u64) -> Result<Counted> {
    through(
        |_| (),
        each,
        |number| placement(number, lines),
        |engine, place| async move { engine.place(place).await.map(drop) },
    )
}

/// Callers that place orders of one line.
pub(crate) fn place_one() -> Result<Counted> {
    place(1, 40)
}

/// Callers that place orders of three lines.
pub(crate) fn place_three() -> Result<Counted> {
    place(3, 30)
}

/// The four commands of an order's life.
pub(crate) type Life = (PlaceOrder, PayOrder, ShipOrder, DeliverOrder);

pub(crate) fn life_of(number: u64) -> Result<Life> {
    let place = placement(number, 3)?;
    let Some(order) = place.order.clone() else { bail!("the order has no id") };
    let amount = Money::new(LINE_MINOR * i64::try_from(place.lines.len())?, Currency::EUR);
    let method = "card".parse()?;
    let settlement = Settlement::WhenCovered;
    let pay = PayOrder { order: order.clone(), payment: None, method, amount, settlement };
    let ship = ShipOrder { order: order.clone(), lines: Vec::new() };
    let deliver = DeliverOrder { order, lines: Vec::new() };
    Ok((place, pay, ship, deliver))
}

pub(crate) async fn live(engine: Engine, (place, pay, ship, deliver): Life) -> Result<(), Error> {
    engine.place(place).await?;
    engine.pay(pay).await?;
    engine.ship(ship).await?;
    engine.deliver(deliver).await?;
    Ok(())
}

/// Callers that take orders of three lines through their whole lives.
pub(crate) fn life() -> Result<Counted> {
    through(|_| (), 15, life_of, live)
}
