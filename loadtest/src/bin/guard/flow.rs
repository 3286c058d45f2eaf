//! The load test's chain of eleven nodes, from a basket to an order.

use std::sync::Arc;

use anyhow::Result;
use earmark::BeginFlow;
use earmark::flow::Standard;
use smol_str::format_smolstr;

use crate::checkout::{Basket, Checkout, Provider};
use crate::whole::{SKUS, sku, through};
use crate::window::Counted;

/// Lines of a basket.
const LINES: u64 = 3;

fn begin(number: u64) -> Result<BeginFlow> {
    let items =
        (0..LINES).map(|line| Ok((sku((number * LINES + line) % SKUS)?, 1))).collect::<Result<_>>()?;
    let basket = Basket::new(format_smolstr!("c-{number:09}"), items, "1  High Street", None);
    Ok(BeginFlow::new("checkout".parse()?, "submit", &basket)?.for_scene("simple"))
}

/// Callers that run the chain for baskets of three lines.
pub(crate) fn checkout() -> Result<Counted> {
    through(
        |config| {
            config.lines = vec![Arc::new(Standard), Arc::new(Checkout(Arc::new(Provider::new(0))))];
        },
        8,
        begin,
        |engine, begin| async move { engine.run_flow::<Basket>(begin).await.map(drop) },
    )
}
