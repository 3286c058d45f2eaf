//! Looks at copies of a folder that nobody works in: every snapshot leads to the same state as the journal alone,
//! and a bit that turned over is found or does no harm.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::life::{Common, World};
use super::plan::Life;
use super::setting::config;
use super::tally::Kind;
use crate::domain::time::Timestamp;
use crate::engine::{Engine, RecoveryReport};
use crate::error::Error;
use crate::journal::{frame, segment};
use crate::port::ManualClock;
use crate::port::chaos::{Chaos, Settings};
use crate::port::fs::Fs;
use crate::port::fs_sim::{SimFs, SplitMix};
use crate::replay::{Folder, StateHash, verify};
use crate::snapshot;

/// What a copy shows when it is opened.
pub(super) struct Shown {
    hash: StateHash,
    report: RecoveryReport,
    first_sequence: u64,
}

/// A look at a folder: the same engine, the same moment, and nothing that goes wrong.
pub(super) struct Probe<'a> {
    pub(super) life: &'a Life,
    pub(super) common: Common,
    pub(super) now: Timestamp,
}

impl Probe<'_> {
    /// Opens a copy and looks at everything.
    pub(super) fn open(&self, copy: &SimFs) -> Result<Shown, Error> {
        let no_runtime = |error: std::io::Error| Error::Io {
            what: "start a runtime".to_owned(),
            detail: error.to_string(),
        };
        copy.set_capacity(None);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.map_err(no_runtime)?.block_on(async {
            let _chaos = Chaos::begin(Settings { sabotage: self.common.sabotage, ..Settings::default() });
            let clock = Arc::new(ManualClock::new(self.now));
            let engine = Engine::open(config(copy, clock, self.life, self.common)).await?;
            let cut = engine.cut().await?;
            let report = RecoveryReport { replay_millis: 0, millis: 0, ..engine.recovery().clone() };
            Ok(Shown { hash: cut.hash, report, first_sequence: engine.start().sequence })
        })
    }

    /// Whether a folder in which bits turned over as they were written is refused, and by name. If it is opened,
    /// the life that follows finds out whether it is right.
    pub(super) fn refuses_by_name(&self, world: &World, image: &SimFs) -> bool {
        let Err(error) = self.open(&image.kill()) else { return false };
        if !matches!(error.code(), "JOURNAL" | "SNAPSHOT" | "RECORD") {
            world.broken(format!("bits turned over as they were written, and it is {error}"));
        }
        let mut shared = world.lock();
        shared.tally.did(Kind::GarbledPowerCut, "named as damage");
        shared.crash = None;
        true
    }

    /// Looks at the folder in all these ways.
    pub(super) fn look(&self, world: &World, image: &SimFs) {
        let whole = match self.open(&image.kill()) {
            Ok(whole) => whole,
            Err(error) => return world.broken(format!("a sound folder is refused: {error}")),
        };
        if let Err(what) = self.verified(image) {
            return world.broken(what);
        }
        let snapshots = match snapshot::list(image, Path::new(super::life::FOLDER)) {
            Ok(listed) => listed.into_iter().map(|listed| listed.path).collect::<Vec<_>>(),
            Err(error) => return world.broken(format!("the snapshots cannot be listed: {error}")),
        };
        for kept in snapshots.iter().map(Some).chain([None]) {
            if kept.is_none() && whole.first_sequence > 1 {
                continue;
            }
            if let Err(what) = self.same_with_only(image, &snapshots, kept, &whole) {
                return world.broken(what);
            }
            world.lock().tally.compared += 1;
        }
        let mut random = SplitMix::new(self.life.seed ^ 0xf11b);
        self.flip(world, image, &snapshots, &mut random, &whole);
        for path in snapshots.iter().take(1) {
            self.flip_snapshot(world, image, path, &mut random, &whole);
        }
    }

    /// Nothing is wrong with the folder by the verdict of `replay::verify`, but that panics may have parked orders.
    fn verified(&self, image: &SimFs) -> Result<(), String> {
        let _chaos = Chaos::begin(Settings { sabotage: self.common.sabotage, ..Settings::default() });
        // Where there is no journal yet there is nothing to verify.
        let opened = Folder::open(Arc::new(image.kill()), Path::new(super::life::FOLDER));
        let Ok(mut folder) = opened else { return Ok(()) };
        let verdict = verify(&mut folder, &mut |_| ()).map_err(|error| format!("verify fails: {error}"))?;
        match verdict.findings.iter().find(|finding| !finding.what.contains("parked")) {
            None => Ok(()),
            Some(finding) => Err(format!("verify finds in a sound folder: {}", finding.what)),
        }
    }

    fn same_with_only(
        &self,
        image: &SimFs,
        snapshots: &[PathBuf],
        kept: Option<&PathBuf>,
        whole: &Shown,
    ) -> Result<(), String> {
        let copy = image.kill();
        for path in snapshots.iter().filter(|path| Some(*path) != kept) {
            copy.remove(path).map_err(|error| error.to_string())?;
        }
        let shown =
            self.open(&copy).map_err(|error| format!("with {kept:?} alone it is refused: {error}"))?;
        if shown.hash == whole.hash {
            return Ok(());
        }
        Err(format!(
            "recovered from {kept:?} the state is {}, from all there is it is {}",
            shown.hash, whole.hash
        ))
    }

    /// Turns a bit of the journal over.
    fn flip(
        &self,
        world: &World,
        image: &SimFs,
        snapshots: &[PathBuf],
        random: &mut SplitMix,
        whole: &Shown,
    ) {
        let files = image.files();
        let is_segment = |path: &&PathBuf| path.extension().is_some_and(|extension| extension == "seg");
        let segments: Vec<_> = files.keys().filter(is_segment).collect();
        let Some(path) = segments.get(random.below(segments.len() as u64) as usize).copied() else { return };
        let content = files.get(path).map(Vec::as_slice).unwrap_or_default();
        let frames = Frames::of(content);
        let offset = match random.below(5) {
            0 => random.below(160),
            _ => segment::HEADER_BYTES + random.below((frames.end - segment::HEADER_BYTES).max(1)),
        } as usize;
        let copy = image.kill();
        if !copy.flip(path, offset, random.below(8) as u8) {
            return;
        }
        let in_last_batch =
            segments.last() == Some(&path) && frames.unsealed_from.is_some_and(|at| offset >= at);
        let did = match self.open(&copy) {
            Err(error) if matches!(error.code(), "JOURNAL" | "SNAPSHOT" | "RECORD") => "named as damage",
            Err(error) => return world.broken(format!("a bit of {path:?} turned over, and it is {error}")),
            Ok(shown) if shown.hash == whole.hash && shown.report.bytes_cut > whole.report.bytes_cut => {
                "cut, nothing lost"
            }
            Ok(shown) if shown.hash == whole.hash && !snapshots.is_empty() => {
                "not needed, beside a snapshot, or in bytes that say nothing"
            }
            Ok(shown) if shown.hash == whole.hash => "in bytes that say nothing",
            Ok(shown) if in_last_batch && shown.report.bytes_cut > 0 => "reported as cut: the last batch",
            Ok(_) => {
                return world
                    .broken(format!("a bit of {path:?} at {offset} turned over, and nothing is said"));
            }
        };
        let mut shared = world.lock();
        shared.tally.injected(Kind::FlipInJournal, 1);
        shared.tally.did(Kind::FlipInJournal, did);
    }

    /// Turns a bit of the newest snapshot over.
    fn flip_snapshot(&self, world: &World, image: &SimFs, path: &Path, random: &mut SplitMix, whole: &Shown) {
        let bytes = image.files().get(path).map_or(0, Vec::len);
        let copy = image.kill();
        if !copy.flip(path, random.below(bytes as u64) as usize, random.below(8) as u8) {
            return;
        }
        let did = match self.open(&copy) {
            Err(error) if error.code() == "SNAPSHOT" => "named as damage",
            Err(error) => return world.broken(format!("a bit of {path:?} turned over, and it is {error}")),
            Ok(shown) if shown.hash != whole.hash => {
                return world.broken(format!("a bit of {path:?} turned over, and nothing is said"));
            }
            Ok(shown) if shown.report.refused.is_empty() => {
                return world.broken(format!("{path:?} is used although a bit of it turned over"));
            }
            Ok(_) => "went back to what is older, and said why",
        };
        let mut shared = world.lock();
        shared.tally.injected(Kind::FlipInSnapshot, 1);
        shared.tally.did(Kind::FlipInSnapshot, did);
    }
}

/// Where the frames of a segment are.
struct Frames {
    /// Behind the last one.
    end: u64,
    /// Where the last batch of records begins, if nothing stands behind it.
    unsealed_from: Option<usize>,
}

impl Frames {
    fn of(content: &[u8]) -> Self {
        let mut at = segment::HEADER_BYTES as usize;
        let mut unsealed_from = None;
        while let Some(Ok((head, payload))) = content.get(at..).map(frame::decode) {
            unsealed_from = (head.kind == frame::Kind::Data).then_some(at);
            at += frame::frame_bytes(payload.len());
        }
        Self { end: at as u64, unsealed_from }
    }
}
