//! A small shop's day, written by the engine, and what the engine said of it at the end.

use std::path::Path;

use earmark::{Config, Cut, Engine, Error, Request, ShipOrder};
use tempfile::TempDir;

use crate::common::{
    business, cancellation, folder, key, order, payment, placement, receive, refusal, reserve, sku,
};

/// Segments so small that a day fills several.
pub fn config(folder: &Path) -> Config {
    Config {
        segment_bytes: 32 << 10,
        batch_bytes_max: 4 << 10,
        lines_per_order_max: 10,
        ..Config::new(folder)
    }
}

pub struct Day {
    pub folder: TempDir,
    pub cut: Cut,
}

/// Orders that fill the segments.
pub const SMALL_ORDERS: u32 = 300;

pub fn block_on<T>(future: impl std::future::Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

/// Writes the day and closes.
pub fn day() -> Day {
    let folder = folder();
    let cut = block_on(async {
        let engine = Engine::open(config(folder.path())).await.unwrap();
        work(&engine).await.unwrap();
        let cut = engine.cut().await.unwrap();
        engine.close().await.unwrap();
        cut
    });
    assert_eq!(cut.violations, Vec::<String>::new());
    Day { folder, cut }
}

async fn work(engine: &Engine) -> Result<(), Error> {
    receive(engine, "lamp", 10).await;
    receive(engine, "chair", 1_000).await;
    engine.place(placement("o-1", &[("lamp", 2), ("chair", 1)])).await?;
    engine.pay(payment("o-1", 3_000)).await?;
    engine.ship(ShipOrder::all(order("o-1"))).await?;
    engine.place(placement("o-2", &[("lamp", 3)])).await?;
    engine.cancel(cancellation("o-2", &[])).await?;
    engine.stock(&sku("lamp"), reserve("cart-1", 6)).await?;
    let request = Request::from(placement("4711", &[("lamp", 5)])).with_key(business(), key("k-4711"));
    assert_eq!(refusal(engine.place(request.by("web".parse().unwrap())).await).code(), "INSUFFICIENT_STOCK");
    let report = engine.lock(&"report".parse().unwrap()).by("cron".parse().unwrap());
    let lease = std::time::Duration::from_secs(60);
    report.try_acquire("worker-1".parse().unwrap(), lease).await?.release().await?;
    for number in 0..SMALL_ORDERS {
        engine.place(placement(&format!("small-{number}"), &[("chair", 1)])).await?;
    }
    Ok(())
}
