//! What orders cost at rest: builds some of three lines, and tells memory, a snapshot, and recovery.
//!
//! `cargo run --release --example at_rest -- 1000000`

use std::error::Error;
use std::time::Duration;

use earmark::{Config, Currency, Durability, Engine, LineRequest, PlaceOrder, Request, SkuCommand, SkuId};

const SKUS: u64 = 1_000;
const AT_ONCE: u64 = 1_000;

/// Resident memory of this process in bytes.
fn resident() -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse::<u64>()? * 1_024)
}

fn sku(number: u64) -> Result<SkuId, Box<dyn Error>> {
    Ok(format!("sku-{:06}", number % SKUS).parse()?)
}

fn place(number: u64) -> Result<PlaceOrder, Box<dyn Error>> {
    let line = |n: u64| Ok::<_, Box<dyn Error>>(LineRequest::new(sku(number * 7 + n)?, 1, 1_999));
    let lines = vec![line(0)?, line(1)?, line(2)?];
    let mut order = PlaceOrder::new("shop".parse()?, Currency::EUR, lines);
    order.order = Some(format!("order-{number:09}").parse()?);
    order.customer = Some(format!("buyer-{:07}", number % 200_000).parse()?);
    Ok(order)
}

#[allow(clippy::print_stdout, reason = "an example speaks on stdout")]
fn say(text: &str) {
    println!("{text}");
}

/// What the engine says it uses, part by part, for each order.
fn tell_parts(engine: &Engine, orders: u64) {
    let used = engine.memory();
    let parts = [
        ("orders", used.orders_bytes),
        ("actors", used.actors_bytes),
        ("stock", used.stock_bytes),
        ("index", used.index_bytes),
        ("keys", used.keys_bytes),
        ("timers", used.timers_bytes),
    ];
    let parts: Vec<_> = parts.iter().map(|(part, bytes)| format!("{part} {}", bytes / orders)).collect();
    say(&format!("  by its own account {} bytes each: {}", used.used_bytes() / orders, parts.join(", ")));
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let orders: u64 = std::env::args().nth(1).map_or(Ok(100_000), |text| text.parse())?;
    let folder = tempfile::tempdir()?;
    let config = Config {
        durability: Durability::Process,
        snapshot_every_bytes: None,
        snapshot_bytes_per_second_max: None,
        ..Config::new(folder.path())
    };
    let engine = Engine::open(config.clone()).await?;
    for number in 0..SKUS {
        engine.stock(&sku(number)?, SkuCommand::receive(100 * orders, "opening")).await?;
    }
    let before = resident()?;
    for from in (0..orders).step_by(usize::try_from(AT_ONCE)?) {
        let some: Result<Vec<_>, _> = (from..from + AT_ONCE).map(|n| place(n).map(Request::from)).collect();
        for answer in engine.place_all(some?).await {
            answer?;
        }
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let each = (resident()?.saturating_sub(before)) / orders;
    say(&format!("{orders} orders and their holds: {each} bytes each, resident after placing them"));
    tell_parts(&engine, orders);
    let hash = if orders <= 1_000_000 { Some(engine.cut().await?.hash) } else { None };
    let report = engine.snapshot().await?;
    say(&format!("snapshot: {} bytes in {} ms", report.bytes, report.millis));
    engine.close().await?;

    for (what, with_snapshot) in [("snapshot", true), ("journal alone", false)] {
        if !with_snapshot {
            std::fs::remove_file(&report.path)?;
        }
        let engine = Engine::open(config.clone()).await?;
        let found = engine.recovery();
        let load = found.loaded.as_ref().map_or(0, |loaded| loaded.millis);
        say(&format!(
            "{what}: {} ms in all, {load} ms loading, {} records replayed in {} ms; resident {} MB",
            found.millis,
            found.records,
            found.replay_millis,
            resident()? >> 20
        ));
        if let Some(hash) = hash {
            assert_eq!(engine.cut().await?.hash, hash);
        }
        engine.close().await?;
    }
    Ok(())
}
