//! What a node has done since the engine was opened.

use hdrhistogram::Histogram;
use smol_str::SmolStr;

use super::node::NodeError;

/// The longest time that is told apart, in nanoseconds: an hour.
const NANOS_MAX: u64 = 3_600_000_000_000;
/// Significant digits of times.
const DIGITS: u8 = 2;

/// What a node has done.
#[derive(Default)]
pub(crate) struct NodeStats {
    pub(crate) processed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
    pub(crate) rolled_back: u64,
    pub(crate) rollback_failed: u64,
    /// Times of its work in nanoseconds; made with the first one.
    pub(crate) times: Option<Histogram<u32>>,
    pub(crate) last: Option<SmolStr>,
}

impl NodeStats {
    /// It has worked for so long, and so it came out.
    pub(crate) fn worked(&mut self, nanos: u64, result: &Result<(), NodeError>) {
        self.processed += 1;
        let times = self.times.take().or_else(|| Histogram::new_with_max(NANOS_MAX, DIGITS).ok());
        self.times = times.map(|mut times| {
            times.saturating_record(nanos);
            times
        });
        self.last = Some(match result {
            Ok(()) => SmolStr::new_static("done"),
            Err(NodeError::Skip(reason)) => {
                self.skipped += 1;
                smol_str::format_smolstr!("skipped: {reason}")
            }
            Err(NodeError::Failure(failure)) => {
                self.failed += 1;
                smol_str::format_smolstr!("failed: {failure}")
            }
        });
    }
}
