//! The percentile text format of HdrHistogram, which its plotters read. Values are in milliseconds.

use std::fmt::Write as _;

use hdrhistogram::Histogram;

/// Lines between one half of what is left and the next.
const TICKS_PER_HALF: u32 = 5;

/// Buckets of a histogram of three significant digits have so many parts.
const SUB_BUCKETS: u32 = 2_048;

const NANOS_PER_MILLI: f64 = 1_000_000.0;

/// A histogram of nanoseconds in the percentile format.
pub(crate) fn percentiles(histogram: &Histogram<u64>) -> String {
    let mut text =
        format!("{:>12} {:>14} {:>10} {:>14}\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
    let mut total = 0;
    for point in histogram.iter_quantiles(TICKS_PER_HALF) {
        total += point.count_since_last_iteration();
        let value = point.value_iterated_to() as f64 / NANOS_PER_MILLI;
        let quantile = point.quantile_iterated_to();
        // Writing to a text cannot fail.
        let _ = if quantile < 1.0 {
            writeln!(text, "{value:>12.3} {quantile:>2.12} {total:>10} {:>14.2}", 1.0 / (1.0 - quantile))
        } else {
            writeln!(text, "{value:>12.3} {quantile:>2.12} {total:>10}")
        };
    }
    let (mean, deviation) = (histogram.mean() / NANOS_PER_MILLI, histogram.stdev() / NANOS_PER_MILLI);
    let max = histogram.max() as f64 / NANOS_PER_MILLI;
    let _ = writeln!(text, "#[Mean    = {mean:>12.3}, StdDeviation   = {deviation:>12.3}]");
    let _ = writeln!(text, "#[Max     = {max:>12.3}, Total count    = {:>12}]", histogram.len());
    let _ = writeln!(text, "#[Buckets = {:>12}, SubBuckets     = {SUB_BUCKETS:>12}]", histogram.buckets());
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency;
    use std::time::Duration;

    #[test]
    fn the_text_has_the_columns_and_the_foot_that_plotters_read() -> anyhow::Result<()> {
        let mut histogram = latency::histogram()?;
        for millis in 1..=100 {
            latency::record(&mut histogram, Duration::from_millis(millis));
        }
        let text = percentiles(&histogram);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "       Value     Percentile TotalCount 1/(1-Percentile)");
        assert_eq!(lines[1], "");
        assert_eq!(lines[2].split_whitespace().collect::<Vec<_>>()[1], "0.000000000000");
        let half = lines.iter().find(|line| line.contains(" 0.500000000000 ")).expect("a line at one half");
        let cells: Vec<&str> = half.split_whitespace().collect();
        assert_eq!((cells[0], cells[2], cells[3]), ("50.004", "50", "2.00"));
        let last = lines.iter().rfind(|line| !line.starts_with('#')).expect("a last line");
        assert_eq!(last.split_whitespace().collect::<Vec<_>>(), ["100.008", "1.000000000000", "100"]);
        let mean = lines[lines.len() - 3].strip_prefix("#[Mean    =").and_then(|line| line.split(',').next());
        let mean: f64 = mean.expect("a line with the mean").trim().parse()?;
        assert!((mean - 50.5).abs() < 0.05, "{mean}");
        assert!(lines[lines.len() - 2].ends_with("Total count    =          100]"), "{text}");
        assert!(lines[lines.len() - 1].ends_with("SubBuckets     =         2048]"), "{text}");
        Ok(())
    }

    #[test]
    fn an_empty_histogram_has_a_head_and_a_foot() -> anyhow::Result<()> {
        let text = percentiles(&latency::histogram()?);
        assert!(text.contains("Total count    =            0]"), "{text}");
        Ok(())
    }
}
