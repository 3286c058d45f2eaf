//! What must hold in every cut of every run, whatever was asked of the engine.

use anyhow::{Context, Result};
use earmark::{Counters, Cut, Engine, Order, SkuId};

use crate::report::Promise;

/// Differences printed of one broken promise; a broken run tends to break everywhere.
pub(crate) const DIFFERENCES_MAX: usize = 20;

/// Units of all SKUs, summed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Units {
    pub(crate) received: u64,
    pub(crate) available: u64,
    pub(crate) reserved: u64,
    pub(crate) committed: u64,
    pub(crate) shipped: u64,
}

impl Units {
    /// Sums the counters of a cut.
    pub(crate) fn of(cut: &Cut) -> Self {
        cut.skus.iter().fold(Self::default(), |sum, sku| sum.with(&sku.counters))
    }

    /// The sum with another SKU's.
    fn with(self, counters: &Counters) -> Self {
        Self {
            received: self.received + counters.received,
            available: self.available + counters.available,
            reserved: self.reserved + counters.reserved,
            committed: self.committed + counters.committed,
            shipped: self.shipped + counters.shipped,
        }
    }

    /// Units promised to buyers or already with them.
    pub(crate) fn sold(&self) -> u64 {
        self.reserved + self.committed + self.shipped
    }
}

/// The promises that are checked in every cut: nothing oversold, units conserved, the engine's own check.
pub(crate) fn promises(cut: &Cut) -> Vec<Promise> {
    vec![
        Promise::from_differences(
            "nothing oversold",
            cut.skus.iter().filter_map(|sku| oversold(&sku.sku, &sku.counters)),
        ),
        Promise::from_differences(
            "units conserved",
            cut.skus.iter().filter_map(|sku| not_conserved(&sku.sku, &sku.counters)),
        ),
        Promise::from_differences("the engine's own invariants hold", cut.violations.iter().cloned()),
        Promise::from_differences(
            "no order is left unfinished",
            cut.orders
                .iter()
                .filter(|order| is_unfinished(order))
                .map(|order| format!("order {} is {} and unfinished", order.id, order.state)),
        ),
    ]
}

/// Asks for these SKUs one by one: their units, and which sold more than came in, lost units, or are parked, up
/// to [`DIFFERENCES_MAX`] of them. Costs no copy of the whole state, as a cut does.
pub(crate) async fn skus(engine: &Engine, ids: &[SkuId]) -> Result<(Units, Vec<String>)> {
    let (mut units, mut broken) = (Units::default(), Vec::new());
    for id in ids {
        let sku = engine.sku(id).view().await?.with_context(|| format!("SKU {id} is gone"))?;
        units = units.with(&sku.counters);
        broken.extend(oversold(id, &sku.counters));
        broken.extend(not_conserved(id, &sku.counters));
        broken.extend(sku.parked.map(|reason| format!("SKU {id} is parked: {reason}")));
    }
    broken.truncate(DIFFERENCES_MAX);
    Ok((units, broken))
}

/// Whether a saga of the order is still under way, which no cut may show.
fn is_unfinished(order: &Order) -> bool {
    order.pending.is_some()
}

/// Says by how much a SKU sold more than ever came in; `None` when it did not.
pub(crate) fn oversold(sku: &SkuId, counters: &Counters) -> Option<String> {
    let came_in =
        i128::from(counters.received) + i128::from(counters.adjusted) - i128::from(counters.written_off);
    let sold = i128::from(counters.reserved) + i128::from(counters.committed) + i128::from(counters.shipped)
        - i128::from(counters.returned);
    (sold > came_in).then(|| {
        format!("SKU {sku}: {sold} units sold of {came_in} that came in: {} too many", sold - came_in)
    })
}

/// Says how a SKU's movements and its counters differ; `None` when they agree.
///
/// `shipped` counts all units that ever left, `returned` those of them that came back into stock.
pub(crate) fn not_conserved(sku: &SkuId, counters: &Counters) -> Option<String> {
    let came_in =
        i128::from(counters.received) + i128::from(counters.adjusted) + i128::from(counters.returned);
    let accounted = i128::from(counters.available)
        + i128::from(counters.reserved)
        + i128::from(counters.committed)
        + i128::from(counters.safety_stock)
        + i128::from(counters.quality_hold)
        + i128::from(counters.shipped)
        + i128::from(counters.written_off);
    (came_in != accounted)
        .then(|| format!("SKU {sku}: {came_in} units came in, {accounted} are accounted for"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use earmark::Counters;

    fn broken(counters: Counters) -> Vec<&'static str> {
        let cut = sample::cut(vec![sample::sku("lamp", counters)], Vec::new());
        promises(&cut).iter().filter(|p| !p.is_kept()).map(|p| p.name).collect()
    }

    #[test]
    fn a_balanced_sku_breaks_nothing() {
        let counters = Counters {
            received: 10,
            available: 4,
            reserved: 3,
            committed: 2,
            shipped: 1,
            ..Counters::default()
        };
        assert_eq!(broken(counters), Vec::<&str>::new());
    }

    #[test]
    fn more_sold_than_received_is_oversold_and_not_conserved() {
        let counters = Counters { received: 10, reserved: 11, ..Counters::default() };
        assert_eq!(broken(counters), ["nothing oversold", "units conserved"]);
    }

    #[test]
    fn a_unit_that_vanished_is_not_conserved() {
        let counters = Counters { received: 10, available: 9, ..Counters::default() };
        assert_eq!(broken(counters), ["units conserved"]);
    }
}
