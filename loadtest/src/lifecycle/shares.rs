//! What shares of the orders take which turn in their lives.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

/// Shares in percent. The first group shares out the orders between them: what they leave is paid as due.
/// The second group is drawn for each order on its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, clap::Args)]
#[command(next_help_heading = "Shares of the orders")]
pub(crate) struct Shares {
    /// Orders that are cancelled before they are paid.
    #[arg(long, default_value_t = 5.0, value_name = "PERCENT", value_parser = percent)]
    pub(crate) cancel_unpaid: f64,
    /// Orders that are cancelled after they were paid; their money is due back.
    #[arg(long, default_value_t = 5.0, value_name = "PERCENT", value_parser = percent)]
    pub(crate) cancel_paid: f64,
    /// Orders that are never paid, and time out.
    #[arg(long, default_value_t = 4.0, value_name = "PERCENT", value_parser = percent)]
    pub(crate) unpaid: f64,
    /// Orders whose money comes after they timed out.
    #[arg(long, default_value_t = 3.0, value_name = "PERCENT", value_parser = percent)]
    pub(crate) late: f64,
    /// Orders that are paid short at first; every second one is never paid up, and times out.
    #[arg(long, default_value_t = 3.0, value_name = "PERCENT", value_parser = percent)]
    pub(crate) short: f64,
    /// Orders that are paid a tenth too much.
    #[arg(long, default_value_t = 3.0, value_name = "PERCENT", value_parser = percent)]
    pub(crate) excess: f64,
    /// Orders whose payment comes twice: by turns with the same payment id, with the same idempotency key at
    /// the same time, and as a second payment of the same amount.
    #[arg(long, default_value_t = 5.0, value_name = "PERCENT", value_parser = percent)]
    pub(crate) duplicate: f64,
    /// Orders of two units or more that leave in two shipments.
    #[arg(long, default_value_t = 15.0, value_name = "PERCENT", value_parser = percent)]
    pub(crate) partial: f64,
    /// Orders whose address changes between placement and shipment.
    #[arg(long, default_value_t = 5.0, value_name = "PERCENT", value_parser = percent)]
    pub(crate) address: f64,
    /// Orders that were a cart with holds before.
    #[arg(long, default_value_t = 15.0, value_name = "PERCENT", value_parser = percent)]
    pub(crate) cart: f64,
    /// Orders whose receipt the buyer confirms; the others are confirmed by their timer.
    #[arg(long, default_value_t = 30.0, value_name = "PERCENT", value_parser = percent)]
    pub(crate) confirm: f64,
    /// Lines that are for one of the hot SKUs.
    #[arg(long, default_value_t = 20.0, value_name = "PERCENT", value_parser = percent)]
    pub(crate) hot: f64,
    /// Orders that are refused for want of stock, about: restocking leaves so much of what is asked for out.
    #[arg(long, default_value_t = 5.0, value_name = "PERCENT", value_parser = percent)]
    pub(crate) scarcity: f64,
}

/// How an order's life goes, as far as its money is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fate {
    /// Paid as due, shipped, delivered.
    Plain,
    /// Cancelled before it is paid.
    CancelUnpaid,
    /// Cancelled after it was paid.
    CancelPaid,
    /// Never paid.
    Unpaid,
    /// Paid after it timed out.
    Late,
    /// Paid short, then paid up.
    ShortPaidUp,
    /// Paid short, and never paid up.
    ShortForGood,
    /// Paid a tenth too much.
    Excess,
}

fn percent(text: &str) -> Result<f64, String> {
    let percent: f64 = text.parse().map_err(|_| format!("`{text}` is not a number"))?;
    if (0.0..=100.0).contains(&percent) { Ok(percent) } else { Err("must be between 0 and 100".to_owned()) }
}

impl Shares {
    /// Checks that the fates leave no less than nothing for orders that are paid as due.
    pub(crate) fn check(&self) -> Result<()> {
        let sum = 100.0 - self.plain();
        ensure!(sum <= 100.0, "the shares of cancelled, unpaid, late, short and excess sum to {sum} percent");
        Ok(())
    }

    /// The share of the orders that are paid as due.
    pub(crate) fn plain(&self) -> f64 {
        100.0 - (self.cancel_unpaid + self.cancel_paid + self.unpaid + self.late + self.short + self.excess)
    }

    /// The fate of an order that drew `percent`, which is below 100.
    pub(crate) fn fate(&self, percent: f64) -> Fate {
        let half_short = self.short / 2.0;
        let shares = [
            (self.cancel_unpaid, Fate::CancelUnpaid),
            (self.cancel_paid, Fate::CancelPaid),
            (self.unpaid, Fate::Unpaid),
            (self.late, Fate::Late),
            (half_short, Fate::ShortPaidUp),
            (half_short, Fate::ShortForGood),
            (self.excess, Fate::Excess),
        ];
        let mut left = percent;
        for (share, fate) in shares {
            if left < share {
                return fate;
            }
            left -= share;
        }
        Fate::Plain
    }

    /// Every share with its name, as tables show it.
    pub(crate) fn named(&self) -> Vec<(&'static str, f64)> {
        vec![
            ("paid as due", self.plain()),
            ("cancelled before payment", self.cancel_unpaid),
            ("cancelled after payment", self.cancel_paid),
            ("never paid", self.unpaid),
            ("paid late", self.late),
            ("paid short", self.short),
            ("paid too much", self.excess),
            ("and of all: paid twice", self.duplicate),
            ("in two shipments", self.partial),
            ("address changed", self.address),
            ("from a cart", self.cart),
            ("confirmed by the buyer", self.confirm),
            ("lines on hot SKUs", self.hot),
            ("refused for want of stock, about", self.scarcity),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        shares: Shares,
    }

    fn parse(arguments: &[&str]) -> Result<Shares, clap::Error> {
        let line = std::iter::once("test").chain(arguments.iter().copied());
        Ok(Line::try_parse_from(line)?.shares)
    }

    #[test]
    fn the_fates_of_many_orders_come_in_the_shares_asked_for() {
        let shares = parse(&[]).unwrap();
        shares.check().unwrap();
        let fates: Vec<Fate> = (0..10_000).map(|n| shares.fate(f64::from(n) / 100.0)).collect();
        let count = |fate| fates.iter().filter(|drawn| **drawn == fate).count();
        assert_eq!(count(Fate::CancelUnpaid), 500);
        assert_eq!(count(Fate::Unpaid), 400);
        assert_eq!(count(Fate::ShortPaidUp) + count(Fate::ShortForGood), 300);
        assert_eq!(count(Fate::Plain), 7_700);
    }

    #[test]
    fn shares_that_sum_to_more_than_all_orders_are_refused() {
        let shares = parse(&["--cancel-unpaid", "60", "--unpaid", "50"]).unwrap();
        assert!(shares.check().is_err());
        assert!(parse(&["--unpaid", "101"]).is_err());
        assert!(parse(&["--unpaid", "-1"]).is_err());
    }
}
