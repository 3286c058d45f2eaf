//! Orders by number, drawn from a seed: the same in every process.

use std::sync::Arc;

use anyhow::{Context, Result};
use earmark::{BusinessId, Currency, CustomerId, LineRequest, OrderId, PlaceOrder, SkuId};
use smol_str::format_smolstr;

/// What a line costs, in minor units.
pub(crate) const LINE_MINOR: i64 = 1_999;

/// Orders for each customer.
const ORDERS_PER_CUSTOMER: u32 = 10;

/// Orders of one unit of several SKUs each, spread over all SKUs.
#[derive(Clone, Debug)]
pub(crate) struct Orders {
    seed: u64,
    lines: u64,
    skus: Arc<[SkuId]>,
    business: BusinessId,
}

/// A number that depends on another and on the seed, and looks like any.
pub(crate) fn mix(seed: u64, number: u64) -> u64 {
    let mut mixed = seed.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    for (shift, factor) in [(30, 0xbf58_476d_1ce4_e5b9), (27, 0x94d0_49bb_1331_11eb)] {
        mixed = (mixed ^ (mixed >> shift)).wrapping_mul(factor);
    }
    mixed ^ (mixed >> 31)
}

impl Orders {
    /// Orders of so many lines over so many SKUs; at least as many SKUs as lines.
    pub(crate) fn new(seed: u64, skus: u32, lines: u32) -> Result<Self> {
        let skus = (0..skus).map(|number| Ok(SkuId::new(format_smolstr!("sku-{number:06}"))?));
        Ok(Self {
            seed,
            lines: u64::from(lines),
            skus: skus.collect::<Result<_>>()?,
            business: BusinessId::new("shop")?,
        })
    }

    /// Lines of each order.
    pub(crate) fn lines(&self) -> u64 {
        self.lines
    }

    /// The same SKUs, in orders of so many lines.
    pub(crate) fn with_lines(&self, lines: u32) -> Self {
        Self { lines: u64::from(lines), ..self.clone() }
    }

    pub(crate) fn skus(&self) -> &Arc<[SkuId]> {
        &self.skus
    }

    pub(crate) fn place(&self, number: u32) -> Result<PlaceOrder> {
        let skus = self.skus.len() as u64;
        // SKUs at equal distances from each other are different ones.
        let (first, apart) = (mix(!self.seed, u64::from(number)) % skus.max(1), skus / self.lines.max(1));
        let lines = (0..self.lines).map(|line| {
            let at = (first + line * apart) % skus.max(1);
            let sku =
                usize::try_from(at).ok().and_then(|at| self.skus.get(at)).context("a SKU is missing")?;
            Ok(LineRequest::new(sku.clone(), 1, LINE_MINOR))
        });
        let customer = CustomerId::new(format_smolstr!("buyer-{}", number / ORDERS_PER_CUSTOMER))?;
        let lines = lines.collect::<Result<Vec<_>>>()?;
        Ok(PlaceOrder::new(self.business.clone(), Currency::EUR, lines)
            .with_id(order_id(number)?)
            .by_customer(customer))
    }
}

pub(crate) fn order_id(number: u32) -> Result<OrderId> {
    Ok(OrderId::new(format_smolstr!("order-{number:09}"))?)
}

/// The number in an order's id; `None` for an id that was not made here.
pub(crate) fn order_number(id: &OrderId) -> Option<u32> {
    id.as_str().strip_prefix("order-")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_an_order_are_of_different_skus() -> Result<()> {
        for (skus, lines) in [(100, 3), (10, 10), (1_000, 999)] {
            let orders = Orders::new(7, skus, lines)?;
            for number in 0..100 {
                let mut skus: Vec<_> = orders.place(number)?.lines.into_iter().map(|line| line.sku).collect();
                skus.sort();
                skus.dedup();
                assert_eq!(skus.len(), lines as usize);
            }
        }
        Ok(())
    }

    #[test]
    fn an_order_id_gives_its_number_back_again() -> Result<()> {
        assert_eq!(order_number(&order_id(42)?), Some(42));
        assert_eq!(order_number(&OrderId::new("someone-else")?), None);
        Ok(())
    }
}
