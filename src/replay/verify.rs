//! The machine that verifies: it rebuilds the state and keeps account of what does not fit.
//!
//! Checksums, batch and sequence numbers, epochs and the hash chain are checked where frames are read. Here:
//! whether a batch holds the records that it says; at every record, versions without gaps and the
//! invariants of its entity, units in the house among them; at the end, orders against the holds on SKUs.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;

use super::audit::audit_in_flight;
use super::base::Standing;
use super::driver::{Folder, Machine, Pace, Until};
use super::hash::StateHash;
use super::reading::{Place, ReadError, Reading};
use super::rebuild::Rebuilt;
use super::summary::Summary;
use super::tagged::{self, RecordKind};
use super::world::World;
use crate::domain::ids::EntityId;
use crate::domain::time::Timestamp;
use crate::journal::{LogError, StoredBatch, record};
use crate::snapshot::{Flaw, Listed};

/// The most findings that are kept; more are counted.
const FINDINGS_KEPT_MAX: usize = 100;

/// Something that is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finding {
    /// File name of the segment, where it is about a place in the journal.
    pub segment: Option<String>,
    /// Offset in the segment at which the batch begins.
    pub offset: Option<u64>,
    /// Sequence number of the record, or of the first one that is missing.
    pub sequence: Option<u64>,
    /// The entity.
    pub entity: Option<EntityId>,
    /// What is wrong, in words.
    pub what: String,
}

/// What verifying found.
#[derive(Debug)]
pub struct Verdict {
    /// What was read.
    pub reading: Reading,
    /// Records by kind.
    pub kinds: BTreeMap<RecordKind, u64>,
    /// What is wrong, in the order of the journal and then of the audit; the first ones of many.
    pub findings: Vec<Finding>,
    /// How many findings there are in all.
    pub findings_total: u64,
    /// The state behind the last good record; `None` where there is nothing to begin with.
    pub summary: Option<Summary>,
    /// File and low mark of the snapshot on which the state stands, where the journal's beginning was dropped.
    pub base: Option<(PathBuf, u64)>,
    /// The snapshots in the folder, newest first.
    pub snapshots: Vec<SnapshotVerdict>,
}

/// What verifying found of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotVerdict {
    /// Its file.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// The sequence number of its low mark, by its name.
    pub low: u64,
    /// The sequence number of its high mark; `None` where it cannot be read.
    pub high: Option<u64>,
    /// The hash of the state that it and the journal behind it make; `None` where they make none.
    pub hash: Option<StateHash>,
}

/// Verifies the journal in a folder, from its start to its end, and its snapshots. Where the journal's beginning
/// was dropped, states begin with the newest snapshot that can be used; where there is none, frames are
/// verified alone, and that is a finding.
///
/// # Errors
/// When there is nothing that could be verified; when an entity cannot be encoded.
pub fn verify(folder: &mut Folder, on_pace: &mut dyn FnMut(Pace)) -> Result<Verdict, ReadError> {
    let mut verifier = Verifier::default();
    let mut base = None;
    if folder.first_sequence()? > 1
        && let (Some(Standing { world, path, low, .. }), _) = folder.newest_standing()?
    {
        (verifier.world, verifier.from) = (world, low.cursor.sequence);
        base = Some((path, verifier.from));
    }
    let mut reading = folder.replay(0, Until::End, &mut verifier, on_pace);
    match reading.fault.take() {
        None => {}
        Some(error @ ReadError::Log(LogError::Damaged { .. }) | error @ ReadError::Record { .. }) => {
            verifier.find(of_error(&error, reading.next_sequence));
            reading.fault = Some(error);
        }
        Some(error) => return Err(error),
    }
    let mut verdict = Verdict {
        reading,
        kinds: verifier.kinds,
        findings: verifier.findings,
        findings_total: verifier.findings_total,
        summary: None,
        base,
        snapshots: Vec::new(),
    };
    if !verifier.headless {
        let parts = Rebuilt::of(verifier.world)?;
        for what in audit_in_flight(&parts.skus, &parts.orders) {
            verdict.find(what);
        }
        verdict.summary = Some(parts.summary);
    }
    for listed in folder.snapshots()? {
        verdict.look_at(folder, &listed)?;
    }
    Ok(verdict)
}

impl Verdict {
    fn find(&mut self, what: String) {
        self.findings_total += 1;
        if self.findings.len() < FINDINGS_KEPT_MAX {
            self.findings.push(Finding { what, ..Finding::default() });
        }
    }

    /// Verifies a snapshot, and compares the state that it and the journal behind it make with the one that
    /// was rebuilt.
    fn look_at(&mut self, folder: &mut Folder, listed: &Listed) -> Result<(), ReadError> {
        let (path, bytes, low) = (listed.path.clone(), listed.bytes, listed.low);
        let name = path.display().to_string();
        let mut found = SnapshotVerdict { path, bytes, low, high: None, hash: None };
        match folder.load(listed) {
            // An engine that has the folder removes older ones beside whoever reads.
            Err(_) if folder.is_gone(listed)? => return Ok(()),
            // What its engine has just written is left out of what is read, and so may be the batch that would
            // certify it.
            Err(Flaw::Foreign { .. }) if self.reading.in_use && self.reading.next_sequence < low => {}
            Err(flaw) => self.find(format!("snapshot {name}: {flaw}")),
            Ok(standing) => {
                let (high, end) = (standing.footer.high.sequence, self.reading.next_sequence);
                found.high = Some(high);
                if self.reading.fault.is_some() || (end < high && self.reading.in_use) {
                    // How far the journal goes is not known.
                } else if end < high {
                    self.find(format!(
                        "snapshot {name}: its high mark is sequence {high}, and the journal ends before {end}"
                    ));
                } else {
                    found.hash = Some(self.compare(folder, standing, &name)?);
                }
            }
        }
        self.snapshots.push(found);
        Ok(())
    }

    fn compare(
        &mut self,
        folder: &mut Folder,
        standing: Standing,
        name: &str,
    ) -> Result<StateHash, ReadError> {
        let Standing { mut world, low, .. } = standing;
        let until = Until::Sequence(self.reading.next_sequence.saturating_sub(1));
        folder.replay(low.cursor.sequence, until, &mut world, &mut |_| ()).complete()?;
        let hash = Summary::of(world)?.hash;
        if let Some(summary) = self.summary.as_ref().filter(|summary| summary.hash != hash) {
            let expected = summary.hash;
            self.find(format!(
                "snapshot {name}: with the journal behind it, it makes the state {hash} instead of {expected}"
            ));
        }
        Ok(hash)
    }
}

fn of_error(error: &ReadError, next_sequence: u64) -> Finding {
    let at = |segment: &String, offset, sequence, what: &String| Finding {
        segment: Some(segment.clone()),
        offset: Some(offset),
        sequence: Some(sequence),
        entity: None,
        what: what.clone(),
    };
    match error {
        ReadError::Log(LogError::Damaged { segment, offset, detail }) => {
            at(segment, *offset, next_sequence, detail)
        }
        ReadError::Record { segment, offset, sequence, detail } => at(segment, *offset, *sequence, detail),
        other => Finding { what: other.to_string(), ..Finding::default() },
    }
}

#[derive(Default)]
struct Verifier {
    world: World,
    /// The sequence number that follows on the state to begin with.
    from: u64,
    /// Whether the journal's beginning is missing.
    headless: bool,
    begun: bool,
    last_at: Timestamp,
    kinds: BTreeMap<RecordKind, u64>,
    findings: Vec<Finding>,
    findings_total: u64,
}

impl Verifier {
    fn find(&mut self, finding: Finding) {
        self.findings_total += 1;
        if self.findings.len() < FINDINGS_KEPT_MAX {
            self.findings.push(finding);
        }
    }

    fn find_at(&mut self, place: Place<'_>, sequence: u64, entity: Option<EntityId>, what: String) {
        let (segment, offset) = (Some(place.segment.to_owned()), Some(place.offset));
        self.find(Finding { segment, offset, sequence: Some(sequence), entity, what });
    }

    /// Whether the first batch follows on the state to begin with.
    fn begin(&mut self, batch: &StoredBatch, place: Place<'_>) {
        self.begun = true;
        let first = batch.first_sequence;
        if first > self.from.max(1) {
            self.headless = true;
            let what = format!(
                "the journal begins with record {first}: what stood before is missing, and so states cannot be verified"
            );
            self.find_at(place, first, None, what);
        }
    }
}

impl Machine for Verifier {
    fn take(&mut self, batch: &StoredBatch, place: Place<'_>) -> Result<ControlFlow<()>, ReadError> {
        if !self.begun {
            self.begin(batch, place);
        }
        if batch.at < self.last_at {
            let what = "the batch was committed before the one before it".to_owned();
            self.find_at(place, batch.first_sequence, None, what);
        }
        self.last_at = batch.at;
        let mut count = 0;
        for (raw, sequence) in record::records(&batch.payload).zip(batch.first_sequence..) {
            let raw = raw.map_err(|error| place.unreadable(sequence, error.to_string()))?;
            if let Some(kind) = tagged::kind(raw) {
                *self.kinds.entry(kind).or_default() += 1;
            }
            count += 1;
        }
        if count != u64::from(batch.count) {
            let what = format!("the batch says that it has {} records, and holds {count}", batch.count);
            return Err(place.unreadable(batch.first_sequence, what));
        }
        // What stands before the low mark is in the snapshot.
        if self.headless || batch.end().sequence <= self.from {
            return Ok(ControlFlow::Continue(()));
        }
        let taken = self.world.take(batch, place);
        for fault in self.world.take_faults() {
            self.find_at(place, fault.sequence, Some(fault.entity), fault.reason.to_string());
        }
        taken
    }
}
