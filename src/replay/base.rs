//! What stands under a journal: nothing where it is there from its first record on, and a snapshot where its
//! beginning was dropped.

use std::ops::ControlFlow;
use std::path::PathBuf;

use super::driver::{Folder, Machine, Pace, Until};
use super::load::load;
use super::reading::{Place, ReadError, Reading};
use super::world::World;
use crate::journal::{LogError, LogMark, StoredBatch};
use crate::snapshot::{Flaw, Footer, Listed, SnapshotReader};

/// A state that a snapshot holds.
#[derive(Debug)]
pub struct Standing {
    /// The state. Whatever came between the marks may be in it or not.
    pub world: World,
    /// Its file.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// Everything before it is in the state.
    pub low: LogMark,
    /// What it holds, and the high mark, from which on nothing is in the state.
    pub footer: Footer,
}

/// A snapshot that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    /// Its file.
    pub path: PathBuf,
    /// Why not.
    pub reason: String,
}

/// The state of a folder at a point, and what it was made of.
#[derive(Debug)]
pub struct Rebuilding {
    /// The state.
    pub world: World,
    /// What was read of the journal.
    pub reading: Reading,
    /// File and low mark of the snapshot that it stands on; `None` for the journal alone.
    pub base: Option<(PathBuf, u64)>,
    /// Snapshots that were tried before and could not be used, newest first.
    pub unusable: Vec<Unusable>,
}

impl Folder {
    /// The snapshots in the folder, newest first.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn snapshots(&self) -> Result<Vec<Listed>, ReadError> {
        crate::snapshot::list(self.fs().as_ref(), self.path()).map_err(|error| {
            let what = format!("listing {}", self.path().display());
            LogError::Io { what, detail: error.to_string() }.into()
        })
    }

    /// Loads a snapshot, every byte of it verified, and checks that the journal has the batch on which it
    /// rests.
    ///
    /// # Errors
    /// A flaw of the snapshot. `Foreign` where the journal begins later or has another history.
    pub fn load(&mut self, listed: &Listed) -> Result<Standing, Flaw> {
        let reader = SnapshotReader::open(self.fs().as_ref(), &listed.path)?;
        let low = reader.header().low;
        let mut world = World::default();
        let footer = load(reader, &mut world, true, |_| ())?;
        let foreign = |detail: String| Err(Flaw::Foreign { detail });
        let first = self.first_sequence().map_err(|error| Flaw::Io { detail: error.to_string() })?;
        let sequence = low.cursor.sequence;
        if sequence < first {
            return foreign(format!(
                "its low mark is sequence {sequence}, and the journal begins at {first}"
            ));
        }
        if !self.certifies(&low) {
            return foreign(format!("the journal has another history before sequence {sequence}"));
        }
        let (path, bytes) = (listed.path.clone(), listed.bytes);
        Ok(Standing { world, path, bytes, low, footer })
    }

    /// Whether the journal stood at this mark.
    fn certifies(&mut self, low: &LogMark) -> bool {
        if self.mark_before(low.cursor.sequence).is_ok_and(|before| before == *low) {
            return true;
        }
        let mut certifier = Certifier { low: *low, found: false };
        let from = low.cursor.sequence.saturating_sub(1);
        // Whatever else is wrong with the journal is found when it is replayed.
        let _ = self.replay(from, Until::End, &mut certifier, &mut |_| ());
        certifier.found
    }

    /// Whether a snapshot that was listed has been removed since, as an engine does with older ones.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub(super) fn is_gone(&self, listed: &Listed) -> Result<bool, ReadError> {
        Ok(self.snapshots()?.iter().all(|it| it.path != listed.path))
    }

    /// Tries snapshots, newest first, until one is of use; those before it, which are not, are named. Ones that an
    /// engine removes meanwhile are passed over, and if none is left the newer ones are tried that took their
    /// places.
    fn first_of_use<T>(
        &mut self,
        mut attempt: impl FnMut(&mut Self, &Listed) -> Result<Result<T, String>, ReadError>,
    ) -> Result<(Option<T>, Vec<Unusable>), ReadError> {
        loop {
            let (mut unusable, mut gone) = (Vec::new(), false);
            for listed in self.snapshots()? {
                match attempt(self, &listed)? {
                    Ok(found) => return Ok((Some(found), unusable)),
                    Err(_) if self.is_gone(&listed)? => gone = true,
                    Err(reason) => unusable.push(Unusable { path: listed.path, reason }),
                }
            }
            if !gone {
                return Ok((None, unusable));
            }
        }
    }

    /// The newest snapshot that can be used, and those before it that cannot.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn newest_standing(&mut self) -> Result<(Option<Standing>, Vec<Unusable>), ReadError> {
        self.first_of_use(|folder, listed| Ok(folder.load(listed).map_err(|flaw| flaw.to_string())))
    }

    /// Rebuilds the state at a point: from the journal alone where it is there from its first record on, and
    /// else from the newest snapshot that was complete by then.
    ///
    /// # Errors
    /// `NoBase` where neither is possible; whatever ended reading early.
    pub fn rebuild(&mut self, until: Until, on_pace: &mut dyn FnMut(Pace)) -> Result<Rebuilding, ReadError> {
        let first = self.first_sequence()?;
        if first <= 1 {
            let mut world = World::default();
            let reading = self.replay(0, until, &mut world, on_pace).complete()?;
            return Ok(Rebuilding { world, reading, base: None, unusable: Vec::new() });
        }
        let (found, unusable) = self.first_of_use(|folder, listed| {
            let (low, high, mut world) = match folder.load(listed) {
                Ok(Standing { world, low, footer, .. }) => (low.cursor.sequence, footer.high.sequence, world),
                Err(flaw) => return Ok(Err(flaw.to_string())),
            };
            let reading = folder.replay(low, until, &mut world, on_pace).complete()?;
            if reading.next_sequence < high {
                return Ok(Err(format!("it may hold what came up to sequence {high}, and that is later")));
            }
            Ok(Ok((world, reading, Some((listed.path.clone(), low)))))
        })?;
        match found {
            Some((world, reading, base)) => Ok(Rebuilding { world, reading, base, unusable }),
            None => Err(ReadError::NoBase { folder: self.path().display().to_string(), first, unusable }),
        }
    }
}

/// Looks for the batch on which a mark rests.
struct Certifier {
    low: LogMark,
    found: bool,
}

impl Machine for Certifier {
    fn take(&mut self, batch: &StoredBatch, _: Place<'_>) -> Result<ControlFlow<()>, ReadError> {
        if batch.number + 1 < self.low.batch {
            return Ok(ControlFlow::Continue(()));
        }
        self.found = batch.number + 1 == self.low.batch && batch.chain == self.low.chain;
        Ok(ControlFlow::Break(()))
    }
}
