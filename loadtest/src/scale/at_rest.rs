//! Memory for each entity at rest: what so many of them add to as many others, so that buffers and what actors
//! left behind are in both and count in neither. Where orders are measured, their SKUs stay actors all the time.

use std::time::Duration;

use anyhow::{Context, Result};
use earmark::{CartId, Request, ReserveStock, SkuId};
use serde::{Deserialize, Serialize};
use smol_str::format_smolstr;

use super::load::{Shop, Wrong};
use super::plan::{AtRest, Resting};
use crate::orders::Orders;
use crate::process::Memory;
use crate::store;

/// After how many milliseconds without a message a SKU goes to rest, where the memory of SKUs is measured.
const IDLE_MS: u64 = 20;

/// How long SKUs are given to go to rest before others are stocked, and everything before memory is looked at.
const PAUSE: Duration = Duration::from_millis(80);
const REST: Duration = Duration::from_millis(600);

/// SKUs that are stocked before a pause: so many are actors at a time. What the allocator keeps of actors is then
/// the same from the first pause on; otherwise it would drown what a SKU takes at rest.
const BATCH: usize = 1_000;

/// Bytes that an entity adds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Found {
    /// Of the process.
    pub(super) resident_bytes: f64,
    /// By the engine's own account.
    pub(super) account_bytes: f64,
    pub(super) wrong: Wrong,
}

pub(super) fn run(task: &AtRest) -> Result<Found> {
    store::runtime(task.setting.workers)?.block_on(measure(task))
}

async fn measure(task: &AtRest) -> Result<Found> {
    let setting = &task.setting;
    let engine = store::open_with(&setting.folder, setting.durability, |config| {
        config.snapshot_every_bytes = None;
        if let Resting::Skus { .. } = task.resting {
            config.sku_idle_ms = IDLE_MS;
        }
    })
    .await?;
    let (skus, lines, stocked) = match task.resting {
        Resting::Orders { lines } => (task.skus.max(lines), lines, task.skus.max(lines)),
        Resting::Skus { .. } => (2 * task.count, 1, 0),
    };
    let orders = Orders::new(setting.seed, skus, lines)?;
    let shop = Shop::open_some(engine, orders, stocked as usize).await?;
    let mut seen = [(0, 0); 2];
    for (half, seen) in seen.iter_mut().enumerate() {
        match task.resting {
            Resting::Orders { .. } => shop.build(task.count).await?,
            Resting::Skus { holds } => {
                let some = shop.skus().chunks(task.count as usize).nth(half).unwrap_or_default();
                for some in some.chunks(BATCH) {
                    store::receive(&shop.engine, some).await?;
                    reserve(&shop, some, holds).await?;
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        tokio::time::sleep(REST).await;
        let account = shop.engine.memory();
        *seen = (Memory::now(), account.used_bytes() - account.actors_bytes);
    }
    let [first, second] = seen;
    let each = |first: u64, second: u64| second.saturating_sub(first) as f64 / f64::from(task.count.max(1));
    let wrong = shop.check(0).await?;
    shop.engine.clone().close().await.context("closing the engine")?;
    Ok(Found { resident_bytes: each(first.0, second.0), account_bytes: each(first.1, second.1), wrong })
}

/// Reserves a unit for so many carts at each SKU.
async fn reserve(shop: &Shop, skus: &[SkuId], holds: u32) -> Result<()> {
    for cart in 0..holds {
        let cart = CartId::new(format_smolstr!("cart-{cart:06}"))?;
        let requests =
            skus.iter().map(|sku| (sku.clone(), Request::from(ReserveStock::new(cart.clone(), 1))));
        for answer in shop.engine.stock_all(requests).await {
            answer.context("reserving for a cart")?;
            shop.hold(1);
        }
    }
    Ok(())
}
