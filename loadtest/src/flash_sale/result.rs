//! What a sale came to, as tables and as JSON.

use serde::Serialize;

use super::Plan;
use crate::invariant::Units;
use crate::latency::Quantiles;
use crate::report::{self, Promise};
use crate::store::Recovery;

/// One kill and what followed.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct KillReport {
    /// Answers that had arrived when the child was dead.
    pub(crate) acknowledged: u64,
    /// Orders that may have been asked for and whose answer had not arrived; all were asked for again
    /// under the same key.
    pub(crate) in_doubt: u32,
    /// Those of them that the engine had already decided.
    pub(crate) in_doubt_decided: u32,
    /// Milliseconds from the start of the next process to its first sale.
    pub(crate) back_after_ms: u64,
    /// The engine's own report.
    pub(crate) recovery: Recovery,
}

/// The whole sale.
#[derive(Debug, Serialize)]
pub(crate) struct SaleResult {
    pub(crate) plan: Plan,
    /// Seconds in which buyers were buying: without start, recovery and proof.
    pub(crate) seconds: f64,
    pub(crate) placements_per_second: f64,
    pub(crate) answers_per_second: f64,
    pub(crate) placements: Quantiles,
    pub(crate) payments: Quantiles,
    pub(crate) granted: u32,
    pub(crate) refused: u32,
    pub(crate) paid: u32,
    pub(crate) units: Units,
    pub(crate) sold: u64,
    pub(crate) oversold: u64,
    pub(crate) acknowledged_missing: usize,
    pub(crate) kills: Vec<KillReport>,
    /// What opening the folder for the proof found.
    pub(crate) reopened: Recovery,
    pub(crate) state_hash: String,
    pub(crate) promises: Vec<Promise>,
}

impl SaleResult {
    /// Whether every promise was kept.
    pub(crate) fn is_kept(&self) -> bool {
        self.promises.iter().all(Promise::is_kept)
    }

    /// Prints the tables.
    pub(crate) fn print(&self) {
        for kill in &self.kills {
            report::line(&format!(
                "\nkilled after {} acknowledged answers; back after {} ms; up to {} orders were in doubt and \
                 asked for again, {} of them the engine had already decided",
                report::count(kill.acknowledged),
                report::count(kill.back_after_ms),
                report::count(u64::from(kill.in_doubt)),
                report::count(u64::from(kill.in_doubt_decided)),
            ));
            report::line(&report::recovery(&kill.recovery));
        }
        self.print_latencies();
        self.print_counts();
        report::promises(&self.promises);
    }

    fn print_latencies(&self) {
        let row = |name: &str, quantiles: &Quantiles| {
            let mut cells = vec![name.to_owned(), report::count(quantiles.count)];
            cells.extend(report::quantile_cells(quantiles));
            cells
        };
        let mut header = vec!["a buyer's wait", "answers"];
        header.extend(report::QUANTILE_HEADER);
        report::rows(&header, 1, &[row("placement", &self.placements), row("payment", &self.payments)]);
        report::line(
            "Measured in the engine's process, call to answer; calls that a kill cut off are not in it.",
        );
    }

    fn print_counts(&self) {
        let conserved =
            self.promises.iter().any(|promise| promise.name == "units conserved" && promise.is_kept());
        report::facts(
            "the sale",
            &[
                ("placements", report::per_second(self.placements_per_second)),
                ("all answers", report::per_second(self.answers_per_second)),
                ("seconds of selling", format!("{:.1}", self.seconds)),
                ("sold", report::count(self.sold)),
                ("  of them paid", report::count(u64::from(self.paid))),
                ("refused", report::count(u64::from(self.refused))),
                ("oversold", report::count(self.oversold)),
                ("acknowledged orders missing", report::count(self.acknowledged_missing as u64)),
                ("units conserved", if conserved { "yes" } else { "NO" }.to_owned()),
                ("state hash", self.state_hash.clone()),
            ],
        );
    }
}
