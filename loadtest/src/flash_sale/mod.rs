//! The flash sale: many buyers, one hot SKU, and an engine that is killed in the middle.
//!
//! The engine and its buyers run in a child process. Every answer a buyer gets goes to the parent
//! through a pipe, as one small frame; what has arrived there counts as acknowledged, because it
//! outlives the child. The parent kills the child with SIGKILL, starts another on the same folder and
//! hands it what is known of each order; the buyers go on and ask again, under the same keys, where the
//! answer was lost. At the end the parent opens the folder itself and proves the promises.

mod child;
mod frame;
mod ledger;
mod parent;
mod proof;
mod result;

use std::path::PathBuf;

use anyhow::{Result, ensure};
use earmark::domain::ids::{BusinessId, IdempotencyKey, OrderId, SkuId};
use serde::{Deserialize, Serialize};
use smol_str::format_smolstr;

use crate::store::DurabilityChoice;

pub(crate) use child::{ChildArguments, run as run_child};
pub(crate) use parent::run;

/// What a buyer pays for one unit, in minor units.
pub(crate) const PRICE_MINOR: i64 = 1_999;

/// Arguments of `flash-sale`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Buyers that ask at the same time.
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    buyers: u32,
    /// Orders that are attempted, of one unit each.
    #[arg(long, default_value_t = 400_000, value_name = "N")]
    orders: u32,
    /// Units of the hot SKU.
    #[arg(long, default_value_t = 100_000, value_name = "N")]
    stock: u32,
    /// How many in a hundred granted orders are paid.
    #[arg(long, default_value_t = 50, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    pay_percent: u8,
    /// How often the engine is killed, spread evenly over the granted units.
    #[arg(long, default_value_t = 1, value_name = "N")]
    kills: u32,
    /// Threads of the engine's runtime; one for each core when not given.
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
    /// What an acknowledged answer survives.
    #[arg(long, value_enum, default_value_t)]
    durability: DurabilityChoice,
    /// An empty or new folder for the data, which is kept; a temporary one otherwise.
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Print one JSON document instead of tables.
    #[arg(long)]
    json: bool,
}

/// What parent and child agree on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Plan {
    folder: PathBuf,
    durability: DurabilityChoice,
    workers: Option<usize>,
    buyers: u32,
    orders: u32,
    stock: u32,
    pay_percent: u8,
}

impl Plan {
    fn new(arguments: &Arguments, folder: PathBuf) -> Result<Self> {
        ensure!(arguments.buyers > 0, "a sale needs at least one buyer");
        ensure!(arguments.orders > 0, "a sale needs at least one order");
        ensure!(
            arguments.kills == 0 || arguments.durability != DurabilityChoice::Memory,
            "nothing survives a kill in memory; use `--kills 0` or another durability"
        );
        Ok(Self {
            folder,
            durability: arguments.durability,
            workers: arguments.workers,
            buyers: arguments.buyers,
            orders: arguments.orders,
            stock: arguments.stock,
            pay_percent: arguments.pay_percent,
        })
    }

    /// Whether the buyer of this order pays once it is granted. Depends on the number alone, so that a
    /// buyer decides alike before and after a kill.
    fn pays(&self, number: u32) -> bool {
        // Multiplying by an odd constant near 2^32 / φ spreads neighbouring numbers apart.
        let spread = number.wrapping_mul(0x9e37_79b1) >> 16;
        spread % 100 < u32::from(self.pay_percent)
    }
}

/// The one SKU on sale.
fn hot_sku() -> Result<SkuId> {
    Ok(SkuId::new("flash-sale-lamp")?)
}

/// The scope of the sale's idempotency keys.
fn business() -> Result<BusinessId> {
    Ok(BusinessId::new("flash-sale")?)
}

fn order_id(number: u32) -> Result<OrderId> {
    Ok(OrderId::new(format_smolstr!("order-{number}"))?)
}

/// The number in an order's id; `None` for an id that this sale did not make.
fn order_number(id: &OrderId) -> Option<u32> {
    id.as_str().strip_prefix("order-")?.parse().ok()
}

fn key(action: &str, number: u32) -> Result<IdempotencyKey> {
    Ok(IdempotencyKey::new(format_smolstr!("{action}-{number}"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(pay_percent: u8) -> Plan {
        Plan {
            folder: PathBuf::new(),
            durability: DurabilityChoice::Disk,
            workers: None,
            buyers: 1,
            orders: 1,
            stock: 1,
            pay_percent,
        }
    }

    #[test]
    fn the_share_of_paying_buyers_is_what_was_asked_for() {
        let paying = |percent| (0..100_000).filter(|n| plan(percent).pays(*n)).count();
        assert_eq!(paying(0), 0);
        assert_eq!(paying(100), 100_000);
        assert!((49_000..=51_000).contains(&paying(50)), "{}", paying(50));
    }

    #[test]
    fn an_order_id_gives_its_number_back() -> Result<()> {
        assert_eq!(order_number(&order_id(42)?), Some(42));
        assert_eq!(order_number(&OrderId::new("someone-else")?), None);
        Ok(())
    }
}
