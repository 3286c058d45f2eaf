//! Latencies: nanoseconds in, microseconds out.

use std::time::Duration;

use anyhow::{Result, anyhow};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Three significant digits: every printed figure is within 0.1 % of what was measured.
const SIGNIFICANT_DIGITS: u8 = 3;

/// An empty histogram of nanoseconds that grows with what is recorded.
pub(crate) fn histogram() -> Result<Histogram<u64>> {
    Histogram::new(SIGNIFICANT_DIGITS).map_err(|error| anyhow!("making a histogram: {error}"))
}

/// Records one duration.
pub(crate) fn record(histogram: &mut Histogram<u64>, duration: Duration) {
    let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    // The histogram grows with its values, so the only error is a value beyond what it can ever hold.
    let _ = histogram.record(nanos.max(1));
}

/// The quantiles that every table shows, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Quantiles {
    pub(crate) count: u64,
    pub(crate) p50_us: f64,
    pub(crate) p90_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) p999_us: f64,
    pub(crate) max_us: f64,
}

impl Quantiles {
    /// Reads the quantiles off a histogram.
    pub(crate) fn of(histogram: &Histogram<u64>) -> Self {
        let at = |quantile: f64| micros(histogram.value_at_quantile(quantile));
        Self {
            count: histogram.len(),
            p50_us: at(0.50),
            p90_us: at(0.90),
            p99_us: at(0.99),
            p999_us: at(0.999),
            max_us: micros(histogram.max()),
        }
    }
}

/// Nanoseconds as microseconds, to a tenth. A histogram's values stay far below 2^53.
fn micros(nanos: u64) -> f64 {
    (nanos as f64 / 100.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_come_out_in_microseconds_within_a_tenth_of_a_percent() -> Result<()> {
        let mut recorded = histogram()?;
        for micros in 1..=1000 {
            record(&mut recorded, Duration::from_micros(micros));
        }
        let quantiles = Quantiles::of(&recorded);
        let close = |found: f64, expected: f64| (found - expected).abs() <= expected * 0.0011;
        assert_eq!(quantiles.count, 1000);
        assert!(close(quantiles.p50_us, 500.0), "{quantiles:?}");
        assert!(close(quantiles.p90_us, 900.0), "{quantiles:?}");
        assert!(close(quantiles.p99_us, 990.0), "{quantiles:?}");
        assert!(close(quantiles.max_us, 1000.0), "{quantiles:?}");
        Ok(())
    }

    #[test]
    fn an_empty_histogram_has_quantiles_of_zero() -> Result<()> {
        assert_eq!(Quantiles::of(&histogram()?), Quantiles::default());
        Ok(())
    }
}
