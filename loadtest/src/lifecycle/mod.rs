//! The whole life of orders under load: placed, paid, picked, packed, shipped, delivered, confirmed, completed,
//! with everything that comes between, on a fast clock; then a proof, and a report to look at.
//!
//! - `shares`, `workload`: what each order will do, drawn from the seed.
//! - `schedule`, `caller`, `stock`, `clock`: who asks for it, and when.
//! - `measure`: how long it took.
//! - `ledger`, `proof`, `movements`: what was answered, against what is there.
//! - `report`: a page, histograms and a document.

mod caller;
mod clock;
mod ledger;
mod machine;
mod measure;
mod movements;
mod print;
mod proof;
mod report;
mod run;
mod schedule;
mod shares;
mod stock;
mod workload;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::ValueEnum;
use earmark::{LatePayment, Terms};
use serde::{Deserialize, Serialize};

use crate::store::DurabilityChoice;
use shares::Shares;

pub(crate) use machine::Machine;
pub(crate) use report::json::PromiseRow;
pub(crate) use report::plot;
pub(crate) use run::run;
pub(crate) use schedule::Schedule;

/// The longest period of any kind, so that sums of them fit every type on the way.
const PERIOD_MAX: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// Arguments of `lifecycle`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How long orders begin, after the warm-up: `90s`, `10m`.
    #[arg(long, default_value = "60s", value_name = "TIME", value_parser = parse_period)]
    duration: Duration,
    /// How long orders begin before anything is counted.
    #[arg(long, default_value = "2s", value_name = "TIME", value_parser = parse_period)]
    warm_up: Duration,
    /// Callers of the closed loop: each begins its next order when its last has ended, so a slow engine is
    /// asked less. It shows what the engine can do; a latency is what one caller waits with so many beside it.
    #[arg(long, default_value_t = 64, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    callers: u32,
    /// Begin N orders a second at fixed moments instead (open loop), however slow the engine is, as customers
    /// do. A latency counts from the moment at which the order was to begin, so that a stall shows in every
    /// order that was to begin meanwhile (no coordinated omission).
    #[arg(long, value_name = "N", value_parser = schedule::parse_rate, conflicts_with = "callers")]
    rate: Option<f64>,
    /// Chooses what every order does: the same seed, the same orders.
    #[arg(long, default_value_t = 20_270_101, value_name = "N")]
    seed: u64,
    /// SKUs on sale.
    #[arg(long, default_value_t = 1_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    skus: u32,
    /// How many of them are hot.
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    hot_skus: u32,
    /// Exponent of Zipf's law over the SKUs of the other lines: 0 makes all alike, 1 the most popular of a
    /// thousand a hundred times as popular as the hundredth.
    #[arg(long, default_value_t = 1.0, value_name = "EXPONENT", value_parser = parse_exponent)]
    zipf: f64,
    /// How many times as fast as the machine's clock the engine's runs.
    #[arg(long, default_value_t = 600, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    clock_speed: u64,
    /// By the engine's clock: how long an order waits for payment before it is cancelled.
    #[arg(long, default_value = "15m", value_name = "TIME", value_parser = parse_period)]
    pay_within: Duration,
    /// By the engine's clock: how long after delivery an order is confirmed by itself.
    #[arg(long, default_value = "1h", value_name = "TIME", value_parser = parse_period)]
    confirm_after: Duration,
    /// By the engine's clock: how long after delivery an order is completed by itself.
    #[arg(long, default_value = "2h", value_name = "TIME", value_parser = parse_period)]
    complete_after: Duration,
    /// What becomes of money that comes after an order timed out.
    #[arg(long, value_enum, default_value_t)]
    late_payment: LatePaymentChoice,
    #[command(flatten)]
    shares: Shares,
    /// What an acknowledged answer survives.
    #[arg(long, value_enum, default_value_t, help_heading = None)]
    durability: DurabilityChoice,
    /// Threads of the engine's runtime, which callers share; one for each core when not given.
    #[arg(long, value_name = "N", help_heading = None)]
    workers: Option<usize>,
    /// An empty or new folder for the data, which is kept; a temporary one otherwise.
    #[arg(long, value_name = "FOLDER", help_heading = None)]
    folder: Option<PathBuf>,
    /// Where the report goes; an earlier one there is replaced.
    #[arg(long, default_value = "lifecycle-report", value_name = "FOLDER", help_heading = None)]
    report: PathBuf,
    /// Print the JSON document of the report instead of tables.
    #[arg(long, help_heading = None)]
    json: bool,
}

/// What becomes of late money, as a command-line value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LatePaymentChoice {
    /// It revives the order if its stock is still there; else it is due back.
    #[default]
    Revive,
    /// It is due back.
    Refund,
}

impl Arguments {
    fn check(&self) -> Result<()> {
        self.shares.check()?;
        ensure!(self.duration >= Duration::from_secs(1), "--duration must be at least 1s");
        ensure!(!self.pay_within.is_zero(), "--pay-within must be more than nothing");
        Ok(())
    }

    /// The terms of the orders.
    fn terms(&self) -> Terms {
        let millis = |period: Duration| u64::try_from(period.as_millis()).ok();
        Terms {
            pay_within_ms: millis(self.pay_within),
            confirm_after_ms: millis(self.confirm_after),
            complete_after_ms: millis(self.complete_after),
            late_payment: match self.late_payment {
                LatePaymentChoice::Revive => LatePayment::Revive,
                LatePaymentChoice::Refund => LatePayment::Refund,
            },
            ..Terms::physical()
        }
    }

    /// How long until an order that was just placed has surely timed out, by the machine's clock.
    fn times_out_after(&self) -> Duration {
        // A tenth more, and a little for a clock that counts in milliseconds.
        let by_engine = self.pay_within.mul_f64(1.1) + Duration::from_millis(10 * self.clock_speed);
        by_engine.div_f64(self.clock_speed as f64)
    }
}

fn parse_period(text: &str) -> Result<Duration, String> {
    let period = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if period <= PERIOD_MAX { Ok(period) } else { Err("must be at most a year".to_owned()) }
}

fn parse_exponent(text: &str) -> Result<f64, String> {
    let exponent: f64 = text.parse().map_err(|_| format!("`{text}` is not a number"))?;
    if (0.0..=10.0).contains(&exponent) { Ok(exponent) } else { Err("must be between 0 and 10".to_owned()) }
}

#[cfg(test)]
mod tests;
