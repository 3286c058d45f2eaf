//! When orders begin: each caller's next one when its last has ended (closed loop), or at moments fixed
//! before the run (open loop).
//!
//! In an open loop a latency is counted from the moment at which the order was to begin. An engine that
//! stalls makes every order wait that was to begin meanwhile, and all of their waits are counted; a loop that
//! begins them late and counts from then would leave out the worst of them.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use hdrhistogram::Histogram;

use crate::latency;

/// Evenly spaced moments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    start: Instant,
    end: Instant,
    rate: f64,
}

impl Schedule {
    /// `rate` moments a second from `start` until `end`.
    pub(crate) const fn new(start: Instant, end: Instant, rate: f64) -> Self {
        Self { start, end, rate }
    }

    /// The moment at which the order of this number is to begin; `None` at the end.
    pub(crate) fn intended(&self, number: u64) -> Option<Instant> {
        let at = self.start + Duration::from_secs_f64(number as f64 / self.rate);
        (at < self.end).then_some(at)
    }

    /// Calls `begin` for each moment, at it or as soon after it as this task is called. Answers by how much it came
    /// late.
    ///
    /// It is a task among those that it begins, as requests of a server come out of the runtime that answers them. Its
    /// timer is no finer than 1 ms, which is in the lateness. A thread of its own would be punctual, but takes a lock
    /// and wakes a thread for each request, which cost as much as the requests (measured).
    pub(crate) async fn run(&self, mut begin: impl FnMut(Instant)) -> Result<Histogram<u64>> {
        let mut lateness = latency::histogram()?;
        let mut number = 0;
        while let Some(next) = self.intended(number) {
            tokio::time::sleep_until(next.into()).await;
            let now = Instant::now();
            while let Some(intended) = self.intended(number).filter(|intended| *intended <= now) {
                latency::record(&mut lateness, intended.elapsed());
                begin(intended);
                number += 1;
            }
            // Where everything is late already, no timer gives way to what was begun.
            tokio::task::yield_now().await;
        }
        Ok(lateness)
    }
}

/// Reads a rate: orders a second, more than none.
pub(crate) fn parse_rate(text: &str) -> Result<f64> {
    let rate: f64 = text.parse().map_err(|_| anyhow!("`{text}` is not a number"))?;
    if rate > 0.0 && rate <= 1_000_000.0 {
        Ok(rate)
    } else {
        Err(anyhow!("must be above 0 and at most 1000000"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_spaced_by_the_rate_and_end_with_the_run() {
        let start = Instant::now();
        let schedule = Schedule::new(start, start + Duration::from_secs(2), 4.0);
        assert_eq!(schedule.intended(0), Some(start));
        assert_eq!(schedule.intended(5), Some(start + Duration::from_millis(1_250)));
        assert_eq!(schedule.intended(7), Some(start + Duration::from_millis(1_750)));
        assert_eq!(schedule.intended(8), None);
    }

    #[tokio::test]
    async fn orders_that_begin_late_are_counted_from_when_they_were_to_begin() -> Result<()> {
        // A schedule that lies wholly in the past: everything begins late, nothing is left out or moved.
        let now = Instant::now();
        let start = now.checked_sub(Duration::from_secs(10)).expect("the machine is up for that long");
        let schedule = Schedule::new(start, start + Duration::from_secs(1), 10.0);
        let mut begun = Vec::new();
        let lateness = schedule.run(|intended| begun.push(intended)).await?;
        let expected: Vec<_> = (0..10).map(|n| start + Duration::from_millis(n * 100)).collect();
        assert_eq!(begun, expected);
        assert_eq!(lateness.len(), 10);
        assert!(lateness.min() >= 8_990_000_000, "{}", lateness.min());
        Ok(())
    }

    #[test]
    fn a_rate_is_a_number_above_nothing() {
        assert_eq!(parse_rate("2500").unwrap(), 2_500.0);
        assert!(parse_rate("0").is_err());
        assert!(parse_rate("many").is_err());
    }
}
