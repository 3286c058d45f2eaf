//! The walk of a scan: from frame to frame, each verified against the one before it.

use std::io;
use std::sync::Arc;

use crate::port::fs::FsFile;

use super::frame::{self, Flaw, Kind};
use super::log::{LogError, StoredBatch};
use super::position::Position;
use super::scan::{Anchor, Cut, Listed, Progress, Stopped, io_error};
use super::window::{Framed, Window};

pub(super) fn damaged(segment: &str, offset: u64, detail: impl Into<String>) -> LogError {
    LogError::Damaged { segment: segment.to_owned(), offset, detail: detail.into() }
}

/// The running state of a scan.
pub(super) struct Walk {
    pub(super) position: Position,
    pub(super) anchor: Option<Anchor>,
    pub(super) batches: u64,
    pub(super) records: u64,
    pub(super) last_kind: Option<Kind>,
    pub(super) progress: Progress,
}

impl Walk {
    /// Reads on in one segment, from its known end up to the batch `bound`, which the next segment begins
    /// with, or up to the first thing that is no valid next frame; answers the offset behind the last valid
    /// one.
    pub(super) fn segment<E>(
        &mut self,
        segment: &Listed,
        file: &dyn FsFile,
        window: &mut Window,
        bound: Option<u64>,
        bytes_before: u64,
        visit: &mut impl FnMut(&StoredBatch, Progress) -> Result<(), E>,
    ) -> Result<u64, Stopped<E>> {
        let mut offset = segment.end;
        while bound != Some(self.position.number) {
            let looked = window.frame(file, offset, segment.bytes);
            let framed = match looked.map_err(|error| io_error("reading", &segment.path, &error))? {
                Ok(framed) => framed,
                Err(Flaw::Version(found)) => {
                    let segment = segment.name.clone();
                    return Err(LogError::UnknownVersion { segment, found, supported: frame::VERSION }.into());
                }
                Err(_) => break,
            };
            if framed.head.epoch < self.position.epoch || framed.head.number < self.position.number {
                break;
            }
            self.verify(&framed).map_err(|detail| damaged(&segment.name, offset, detail))?;
            // Everything before a seal was durable when it was written, but of the seal itself that is not
            // known. A seal before the segment's first record cannot begin another segment: that one would
            // have the same name.
            if framed.head.kind == Kind::Seal && framed.head.first_sequence > segment.header.before.sequence {
                self.anchor = Some(Anchor { offset, before: self.position });
            }
            offset += framed.bytes.len() as u64;
            self.position.pass(&framed.head);
            self.batches += 1;
            self.records += u64::from(framed.head.count);
            self.last_kind = Some(framed.head.kind);
            self.progress.bytes_done = bytes_before + offset;
            visit(&stored(&framed), self.progress).map_err(Stopped::Visitor)?;
        }
        Ok(offset)
    }

    fn verify(&self, framed: &Framed<'_>) -> Result<(), String> {
        if framed.head.number != self.position.number {
            return Err(format!(
                "batch {} stands where batch {} should",
                framed.head.number, self.position.number
            ));
        }
        if framed.head.first_sequence != self.position.sequence {
            let (found, expected) = (framed.head.first_sequence, self.position.sequence);
            return Err(format!("a batch begins with sequence {found} where {expected} should follow"));
        }
        if !framed.follows(&self.position) {
            return Err("the chain hash does not follow from the batch before".to_owned());
        }
        Ok(())
    }

    /// Whether the segment reached the one after it.
    pub(super) fn joins(&self, segment: &Listed, next_name: &str, before: &Position) -> Result<(), LogError> {
        if self.position.number != before.number {
            let detail = format!(
                "batch {} cannot be read, and segment {next_name} begins with batch {}",
                self.position.number, before.number
            );
            return Err(damaged(&segment.name, segment.end, detail));
        }
        if self.position != *before {
            return Err(damaged(next_name, 0, "the segment does not continue the one before it"));
        }
        Ok(())
    }

    /// Tells the end of the log from a torn batch and both from damage.
    pub(super) fn judge_remains(
        &self,
        segment: &Listed,
        file: &dyn FsFile,
        window: &mut Window,
    ) -> Result<Option<Cut>, LogError> {
        let failed = |error: io::Error| io_error("reading", &segment.path, &error);
        let offset = segment.end;
        let remains = window.remains(file, offset, segment.bytes, &self.position).map_err(failed)?;
        if let Some((at, number)) = remains.later_frame {
            let detail = format!(
                "batch {} cannot be read, but batch {number} stands at offset {at}",
                self.position.number
            );
            return Err(damaged(&segment.name, offset, detail));
        }
        let torn = window.torn_frame(file, offset, segment.bytes, &self.position).map_err(failed)?;
        // Only a file that was never used before is known to be empty behind the last frame.
        let trace = remains.used_until.filter(|_| !segment.header.recycled).map(|until| until - offset);
        let cut = |bytes: u64| Cut {
            segment: segment.name.clone(),
            offset,
            bytes: bytes.clamp(1, segment.bytes.saturating_sub(offset).max(1)),
        };
        Ok(torn.or(trace).map(cut))
    }
}

/// A batch that owns its payload.
pub(super) fn stored(framed: &Framed<'_>) -> StoredBatch {
    StoredBatch {
        epoch: framed.head.epoch,
        number: framed.head.number,
        first_sequence: framed.head.first_sequence,
        count: framed.head.count,
        at: framed.head.at,
        chain: framed.head.chain,
        payload: Arc::from(framed.payload),
    }
}
