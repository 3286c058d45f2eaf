//! Counts, at the end of a life, what befell it and what the engine made of that.

use super::life::World;
use super::plan::{Fault, Life};
use super::tally::Kind;
use crate::port::chaos::Chaos;
use crate::port::fs_sim::SimFs;

/// Adds what befell a life to the tally.
pub(super) fn count(world: &World, fs: &SimFs, life: &Life, chaos: &Chaos) {
    let injected = fs.injected();
    let mut shared = world.lock();
    let halted = std::mem::take(&mut shared.halted_seen);
    let full = std::mem::take(&mut shared.disk_full_seen);
    let failed = std::mem::take(&mut shared.failed_seen);
    let went = match (halted, failed) {
        (true, _) => "halted, and said why",
        (false, true) => "a call failed, and said why",
        (false, false) => "went on",
    };
    for (kind, times) in [
        (Kind::WriteError, injected.writes),
        (Kind::SyncError, injected.syncs),
        (Kind::ReadError, injected.reads),
    ] {
        shared.tally.injected(kind, times);
        if times > 0 {
            shared.tally.did(kind, went);
        }
    }
    if injected.full > 0 {
        shared.tally.injected(Kind::DiskFull, 1);
        shared.tally.did(Kind::DiskFull, if full { "refused new work" } else { went });
    }
    if injected.short_reads > 0 {
        shared.tally.injected(Kind::ShortReads, injected.short_reads);
        shared.tally.did(Kind::ShortReads, "did not show");
    }
    if chaos.slow_commits() > 0 {
        shared.tally.injected(Kind::SlowDisk, chaos.slow_commits());
        shared.tally.did(Kind::SlowDisk, "answers waited");
    }
    if chaos.panics() > 0 {
        shared.tally.injected(Kind::DecisionPanic, chaos.panics());
        shared.tally.did(Kind::DecisionPanic, "refused, or parked and unparked");
    }
    let steps = life.faults.iter().filter_map(|fault| match fault {
        Fault::ClockStep { by_ms, .. } => Some(*by_ms),
        _ => None,
    });
    for by_ms in steps {
        let (kind, what) = match by_ms {
            ..0 => (Kind::ClockBack, "engine time stood still"),
            0..=600_000 => (Kind::ClockForward, "followed"),
            _ => (Kind::ClockForward, "timers halted until resumed"),
        };
        shared.tally.did(kind, what);
    }
}
