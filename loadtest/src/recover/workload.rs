//! What each order will do, by its number and the seed: the same in every process.

use anyhow::{Context, Result};
use earmark::{
    BusinessId, CancelOrder, Currency, CustomerId, DeliverOrder, LineRequest, Money, OrderId, PayOrder,
    PaymentMethod, PlaceOrder, Settlement, ShipOrder, SkuId, State,
};
use smol_str::format_smolstr;

use super::Plan;

/// What a line costs, in minor units.
const LINE_MINOR: i64 = 1_999;

/// Orders for each customer.
const ORDERS_PER_CUSTOMER: u32 = 10;

/// What becomes of an order before the cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It stays placed, its units reserved.
    Reserved,
    /// It is paid, its units committed.
    Paid,
    /// It is paid, shipped and delivered.
    Delivered,
    /// It is cancelled.
    Cancelled,
}

impl Fate {
    /// The state that it ends in.
    pub(crate) const fn state(self) -> State {
        match self {
            Self::Reserved => State::Reserved,
            Self::Paid => State::Paid,
            Self::Delivered => State::Fulfilled,
            Self::Cancelled => State::Cancelled,
        }
    }

    pub(crate) const fn pays(self) -> bool {
        matches!(self, Self::Paid | Self::Delivered)
    }
}

/// The orders of a run.
#[derive(Clone, Debug)]
pub(crate) struct Workload {
    plan: Plan,
    skus: Vec<SkuId>,
    business: BusinessId,
    method: PaymentMethod,
}

/// A number that depends on another and on the seed, and looks like any.
fn mix(seed: u64, number: u64) -> u64 {
    let mut mixed = seed.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    for (shift, factor) in [(30, 0xbf58_476d_1ce4_e5b9), (27, 0x94d0_49bb_1331_11eb)] {
        mixed = (mixed ^ (mixed >> shift)).wrapping_mul(factor);
    }
    mixed ^ (mixed >> 31)
}

impl Workload {
    pub(crate) fn new(plan: &Plan) -> Result<Self> {
        let skus = (0..plan.skus).map(|number| Ok(SkuId::new(format_smolstr!("sku-{number:06}"))?));
        Ok(Self {
            plan: plan.clone(),
            skus: skus.collect::<Result<_>>()?,
            business: BusinessId::new("shop")?,
            method: PaymentMethod::new("card")?,
        })
    }

    pub(crate) fn skus(&self) -> &[SkuId] {
        &self.skus
    }

    /// What becomes of an order; those behind the cut stay as they were placed.
    pub(crate) fn fate(&self, number: u32) -> Fate {
        if number >= self.plan.orders {
            return Fate::Reserved;
        }
        let drawn = mix(self.plan.seed, u64::from(number));
        let [finishes, ends, pays] = [drawn % 100, (drawn >> 16) % 10, (drawn >> 32) % 3];
        match (finishes < u64::from(self.plan.share_finished), ends, pays) {
            (true, 0, _) => Fate::Cancelled,
            (true, ..) => Fate::Delivered,
            (false, _, 0) => Fate::Paid,
            (false, ..) => Fate::Reserved,
        }
    }

    pub(crate) fn place(&self, number: u32) -> Result<PlaceOrder> {
        let drawn = mix(!self.plan.seed, u64::from(number));
        // SKUs at equal distances from each other are different ones.
        let (first, lines) = (drawn % u64::from(self.plan.skus), u64::from(self.plan.lines));
        let apart = u64::from(self.plan.skus) / lines;
        let lines = (0..lines).map(|line| {
            let at = (first + line * apart) % u64::from(self.plan.skus);
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

    pub(crate) fn pay(&self, number: u32) -> Result<PayOrder> {
        Ok(PayOrder {
            order: order_id(number)?,
            payment: None,
            method: self.method.clone(),
            amount: Money::new(LINE_MINOR * i64::from(self.plan.lines), Currency::EUR),
            settlement: Settlement::WhenCovered,
        })
    }
}

pub(crate) fn ship(number: u32) -> Result<ShipOrder> {
    Ok(ShipOrder { order: order_id(number)?, lines: Vec::new() })
}

pub(crate) fn deliver(number: u32) -> Result<DeliverOrder> {
    Ok(DeliverOrder { order: order_id(number)?, lines: Vec::new() })
}

pub(crate) fn cancel(number: u32) -> Result<CancelOrder> {
    Ok(CancelOrder { order: order_id(number)?, lines: Vec::new(), reason: "changed his mind".into() })
}

fn order_id(number: u32) -> Result<OrderId> {
    Ok(OrderId::new(format_smolstr!("order-{number:09}"))?)
}

/// The number in an order's id; `None` for an id that this run did not make.
pub(crate) fn order_number(id: &OrderId) -> Option<u32> {
    id.as_str().strip_prefix("order-")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::tests::plan;
    use super::*;

    #[test]
    fn fates_come_in_the_shares_that_were_asked_for() -> Result<()> {
        let workload = Workload::new(&plan(100_000))?;
        let count = |fate| (0..100_000).filter(|number| workload.fate(*number) == fate).count();
        assert!((26_000..28_000).contains(&count(Fate::Delivered)), "{}", count(Fate::Delivered));
        assert!((2_500..3_500).contains(&count(Fate::Cancelled)), "{}", count(Fate::Cancelled));
        assert!((22_000..25_000).contains(&count(Fate::Paid)), "{}", count(Fate::Paid));
        assert_eq!(workload.fate(100_000), Fate::Reserved);
        Ok(())
    }

    #[test]
    fn the_lines_of_an_order_are_of_different_skus() -> Result<()> {
        let workload = Workload::new(&plan(10))?;
        for number in 0..1_000 {
            let mut skus: Vec<_> = workload.place(number)?.lines.into_iter().map(|line| line.sku).collect();
            skus.sort();
            skus.dedup();
            assert_eq!(skus.len(), 3);
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
