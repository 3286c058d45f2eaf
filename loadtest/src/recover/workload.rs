//! What each order will do, by its number and the seed: the same in every process.

use anyhow::Result;
use earmark::{
    CancelOrder, Currency, DeliverOrder, Money, PayOrder, PaymentMethod, PlaceOrder, Settlement, ShipOrder,
    SkuId, State,
};

use super::Plan;
use crate::orders::{LINE_MINOR, Orders, mix, order_id};

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
    orders: Orders,
    method: PaymentMethod,
}

impl Workload {
    pub(crate) fn new(plan: &Plan) -> Result<Self> {
        Ok(Self {
            plan: plan.clone(),
            orders: Orders::new(plan.seed, plan.skus, plan.lines)?,
            method: PaymentMethod::new("card")?,
        })
    }

    pub(crate) fn skus(&self) -> &[SkuId] {
        self.orders.skus()
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
        self.orders.place(number)
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
}
