//! What a SKU allows: budgets, limits; and where its units are taken from. Set by a command, part of the state.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::allocation::Allocation;
use super::kit::KitPart;
use crate::domain::order::Deduction;

/// The rules of one SKU. The default has none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockPolicy {
    /// Units that one buyer may hold at a time, over all carts and orders; `None` for any number.
    pub hold_budget_per_buyer: Option<u64>,
    /// Units that one buyer may take within a span of time.
    pub purchase_limits: PurchaseLimits,
    /// Numbers of available units at or below which the stock is low and it is said so.
    pub low_stock: BTreeSet<u64>,
    /// From which locations units are taken.
    pub allocation: Allocation,
    /// What the SKU consists of. A kit has no stock of its own: whoever sells it holds its parts, all of
    /// them or none.
    pub kit: Option<Vec<KitPart>>,
    /// When the stock of what is sold under this SKU falls; the rule of an order's type goes before it.
    pub deduction: Option<Deduction>,
}

impl StockPolicy {
    /// The thresholds that are crossed downwards when `before` available units become `after`, the
    /// highest first.
    pub(super) fn crossed(&self, before: u64, after: u64) -> impl Iterator<Item = u64> {
        let range = if after < before { after..before } else { 0..0 };
        self.low_stock.range(range).rev().copied()
    }

    /// Whether units are counted by buyer. Nobody pays for accounts that no rule looks at.
    pub(super) fn counts_buyers(&self) -> bool {
        self.hold_budget_per_buyer.is_some() || self.purchase_limits != PurchaseLimits::default()
    }
}

/// Units of the SKU that one buyer may take by calendar window (UTC). What is released, expires or is
/// called off no longer counts; what was shipped does, even when it comes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurchaseLimits {
    /// Ever since the limit was set, beginning with what was held then.
    pub total: Option<u64>,
    /// Each day.
    pub day: Option<u64>,
    /// Each week from Monday to Sunday.
    pub week: Option<u64>,
    /// Each calendar month.
    pub month: Option<u64>,
}

impl PurchaseLimits {
    /// The limits that are set, longest window first.
    pub(super) fn set(&self) -> impl Iterator<Item = (LimitWindow, u64)> {
        [
            (LimitWindow::Total, self.total),
            (LimitWindow::Month, self.month),
            (LimitWindow::Week, self.week),
            (LimitWindow::Day, self.day),
        ]
        .into_iter()
        .filter_map(|(window, limit)| Some((window, limit?)))
    }
}

/// The span of time over which a purchase limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LimitWindow {
    /// All time since the limit was set.
    Total,
    /// A day.
    Day,
    /// A week from Monday to Sunday.
    Week,
    /// A calendar month.
    Month,
}

impl LimitWindow {
    /// Whether two days, in days since the Unix epoch, fall into the same window.
    pub(super) fn same(self, one: u32, other: u32) -> bool {
        match self {
            Self::Total => true,
            Self::Day => one == other,
            Self::Week => week(one) == week(other),
            Self::Month => month(one) == month(other),
        }
    }
}

impl fmt::Display for LimitWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Total => "in all",
            Self::Day => "a day",
            Self::Week => "a week",
            Self::Month => "a month",
        })
    }
}

/// Weeks since the one of the Unix epoch, which fell on a Thursday.
fn week(day: u32) -> u64 {
    (u64::from(day) + 3) / 7
}

/// Months since March of year 0, by the proleptic Gregorian calendar. Years are taken to begin in March,
/// so that the leap day is the last of its year; 400 such years have 146,097 days.
fn month(day: u32) -> u64 {
    const DAYS_BEFORE_EPOCH: u64 = 719_468;
    const ERA_DAYS: u64 = 146_097;
    let days = u64::from(day) + DAYS_BEFORE_EPOCH;
    let (era, of_era) = (days / ERA_DAYS, days % ERA_DAYS);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / (ERA_DAYS - 1)) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    (era * 400 + year) * 12 + (5 * of_year + 2) / 153
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weeks_begin_on_monday() {
        // 1970-01-05 and 2024-01-01 were Mondays.
        for monday in [4, 19_723] {
            assert!(!LimitWindow::Week.same(monday - 1, monday));
            assert!((1..7).all(|later| LimitWindow::Week.same(monday, monday + later)));
            assert!(!LimitWindow::Week.same(monday, monday + 7));
        }
    }

    #[test]
    fn months_are_those_of_the_calendar_over_800_years() {
        let leap =
            |year: u32| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let mut day = 0;
        for year in 1970..2770 {
            for (index, days) in [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31].into_iter().enumerate() {
                let days = days + u32::from(index == 1 && leap(year));
                assert!(LimitWindow::Month.same(day, day + days - 1), "{year}-{}", index + 1);
                assert!(!LimitWindow::Month.same(day, day + days), "{year}-{}", index + 1);
                day += days;
            }
        }
    }
}
