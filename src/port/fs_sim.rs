//! A deterministic file system in memory that knows what a power cut would leave behind.
//!
//! Every file has a *cached* content, which reads see, and a *durable* content, which a crash leaves. Writes
//! change the cached one and wait as pending changes until a sync carries them over; names of files work
//! the same way, through [`Fs::sync_dir`]. The model is unkind where file systems are allowed to be:
//!
//! 1. [`SimFs::crash`] keeps only what was synced.
//! 2. [`SimFs::crash_torn`] lets each unsynced write survive wholly, not at all, or by sectors of 512 bytes,
//!    in any combination, and a prefix of the unsynced changes of names (metadata is journaled in order).
//! 3. [`SimFs::kill`] ends the process: the cache lives on, and is still not durable.
//! 4. After a failed sync the pending writes are gone for good while reads go on showing them, and the next
//!    sync succeeds: what Linux does with dirty pages it could not write.
//! 5. A write past the page cache is durable when it has returned, and torn like any other when it has not.
//!
//! Faults are set on the instance: a capacity, the nth write or sync to fail, or the operation at which the
//! power goes. Clones share one state; `crash`, `crash_torn` and `kill` answer a new and independent one.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::fs::{FolderEntry, Fs, FsFile, FsLock, OpenMode};

mod direct;
mod faults;

pub use faults::Injected;

/// Granularity at which a disk keeps its promise: a sector is written wholly or not at all.
const SECTOR_BYTES: usize = 512;

/// A small deterministic generator (splitmix64). The same seed gives the same numbers on every run.
#[derive(Clone, Debug)]
pub struct SplitMix {
    state: u64,
}

impl SplitMix {
    /// A generator that starts from `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 when the bound is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next_u64().checked_rem(bound).unwrap_or(0)
    }
}

/// What was done to the file system so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Operations that change something or sync it: all of those below and `set_len`.
    pub operations: u64,
    /// Writes to files.
    pub writes: u64,
    /// Syncs of files.
    pub syncs: u64,
    /// Creations, renames, removals and syncs of folders.
    pub names: u64,
}

#[derive(Clone, Debug)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Length(usize),
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write { offset, bytes } => put(content, *offset, bytes),
            Self::Length(bytes) => content.resize(*bytes, 0),
        }
    }

    /// Applies what a power cut leaves of the change; of a garbled one, sectors can have a bit turned over, among the
    /// bytes that change: blocks are written again with what they held, through the page cache as past it.
    fn apply_torn(&self, content: &mut Vec<u8>, random: &mut SplitMix, garbled: bool) {
        match (self, random.below(3)) {
            (_, 0) => {}
            (Self::Length(_), _) => self.apply(content),
            (Self::Write { .. }, 1) if !garbled => self.apply(content),
            (Self::Write { offset, bytes }, _) => {
                let mut at = 0;
                while at < bytes.len() {
                    let end = bytes.len().min(at + SECTOR_BYTES - (offset + at) % SECTOR_BYTES);
                    if let Some(sector) = bytes.get(at..end).filter(|_| random.below(2) == 0) {
                        let turned = (garbled && random.below(4) == 0)
                            .then(|| random.below(sector.len() as u64) as usize)
                            .filter(|byte| content.get(offset + at + byte) != sector.get(*byte));
                        put(content, offset + at, sector);
                        if let Some(byte) = turned.and_then(|byte| content.get_mut(offset + at + byte)) {
                            *byte ^= 1;
                        }
                    }
                    at = end;
                }
            }
        }
    }
}

fn put(content: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    if let Some(target) = content.get_mut(offset..end) {
        target.copy_from_slice(bytes);
    }
}

#[derive(Clone, Debug, Default)]
struct Inode {
    cached: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
    handles: u32,
}

#[derive(Clone, Debug)]
enum NameChange {
    Link(PathBuf, u64),
    Unlink(PathBuf),
    Move(PathBuf, PathBuf),
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<PathBuf, u64>) {
        match self {
            Self::Link(path, inode) => {
                names.insert(path.clone(), *inode);
            }
            Self::Unlink(path) => {
                names.remove(path);
            }
            Self::Move(from, to) => {
                if let Some(inode) = names.remove(from) {
                    names.insert(to.clone(), inode);
                }
            }
        }
    }

    fn touches(&self, folder: &Path) -> bool {
        match self {
            Self::Link(path, _) | Self::Unlink(path) | Self::Move(_, path) => path.parent() == Some(folder),
        }
    }
}

/// Whether an operation runs, takes effect as the last one before the power goes, or finds it gone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Power {
    On,
    LastOperation,
}

#[derive(Clone, Debug, Default)]
struct State {
    inodes: BTreeMap<u64, Inode>,
    next_inode: u64,
    names: BTreeMap<PathBuf, u64>,
    durable_names: BTreeMap<PathBuf, u64>,
    pending_names: Vec<NameChange>,
    locks: BTreeSet<PathBuf>,
    counters: Counters,
    capacity_bytes: Option<u64>,
    direct_refused: bool,
    failing_write: Option<u64>,
    failing_sync: Option<u64>,
    power_off_at: Option<u64>,
    powered_off: bool,
    reading: faults::Reading,
    injected: Injected,
    digest: u64,
}

fn broken(what: &str) -> io::Error {
    io::Error::other(format!("simulated: {what}"))
}

impl State {
    /// Counts one operation and says whether the power holds.
    fn operation(&mut self) -> io::Result<Power> {
        if self.powered_off {
            return Err(broken("the power is off"));
        }
        self.counters.operations += 1;
        if self.power_off_at == Some(self.counters.operations) {
            self.powered_off = true;
            return Ok(Power::LastOperation);
        }
        Ok(Power::On)
    }

    fn finish(power: Power) -> io::Result<()> {
        match power {
            Power::On => Ok(()),
            Power::LastOperation => Err(broken("the power went off")),
        }
    }

    fn used_bytes(&self) -> u64 {
        let named: BTreeSet<u64> = self.names.values().copied().collect();
        let lives = |id: &u64, inode: &Inode| inode.handles > 0 || named.contains(id);
        self.inodes
            .iter()
            .filter(|(id, inode)| lives(id, inode))
            .map(|(_, inode)| inode.cached.len() as u64)
            .sum()
    }

    fn inode(&mut self, id: u64) -> io::Result<&mut Inode> {
        self.inodes.get_mut(&id).ok_or_else(|| broken("the file is gone"))
    }

    fn name(&mut self, change: NameChange) -> io::Result<()> {
        let power = self.operation()?;
        self.counters.names += 1;
        self.note(1, self.counters.names, &[]);
        change.apply(&mut self.names);
        self.pending_names.push(change);
        Self::finish(power)
    }

    fn write(&mut self, id: u64, bytes: &[u8], offset: u64) -> io::Result<()> {
        let power = self.operation()?;
        self.counters.writes += 1;
        self.note(2 + id, offset, bytes);
        let fails = self.failing_write == Some(self.counters.writes);
        let room = self.capacity_bytes.map(|capacity| capacity.saturating_sub(self.used_bytes()));
        let inode = self.inode(id)?;
        let offset = offset as usize;
        let fits = match room {
            Some(room) => (inode.cached.len() + room as usize).saturating_sub(offset).min(bytes.len()),
            None => bytes.len(),
        };
        let kept = if fails { fits / 2 } else { fits };
        if let Some(kept) = bytes.get(..kept).filter(|kept| !kept.is_empty()) {
            let change = Change::Write { offset, bytes: kept.to_vec() };
            change.apply(&mut inode.cached);
            inode.pending.push(change);
        }
        if fails {
            self.injected.writes += 1;
            return Err(broken("the write failed"));
        }
        if fits < bytes.len() {
            self.injected.full += 1;
            return Err(io::ErrorKind::StorageFull.into());
        }
        Self::finish(power)
    }

    fn sync(&mut self, id: u64) -> io::Result<()> {
        let power = self.operation()?;
        self.counters.syncs += 1;
        self.note(2 + id, self.counters.syncs, &[]);
        let fails = self.failing_sync == Some(self.counters.syncs);
        // A sync that the power cut interrupts leaves its writes pending: the crash decides about each.
        Self::finish(power)?;
        let inode = self.inode(id)?;
        let pending = std::mem::take(&mut inode.pending);
        if fails {
            self.injected.syncs += 1;
            return Err(broken("the sync failed"));
        }
        for change in pending {
            change.apply(&mut inode.durable);
        }
        Ok(())
    }

    fn sync_folder(&mut self, folder: &Path) -> io::Result<()> {
        let power = self.operation()?;
        self.counters.names += 1;
        Self::finish(power)?;
        let durable = &mut self.durable_names;
        self.pending_names.retain(|change| {
            let synced = change.touches(folder);
            if synced {
                change.apply(durable);
            }
            !synced
        });
        self.drop_orphans();
        Ok(())
    }

    /// Frees content that neither a name nor an open file nor a crash could bring back.
    fn drop_orphans(&mut self) {
        let named: BTreeSet<u64> = self.names.values().chain(self.durable_names.values()).copied().collect();
        let linked: BTreeSet<u64> = self
            .pending_names
            .iter()
            .filter_map(|change| if let NameChange::Link(_, id) = change { Some(*id) } else { None })
            .collect();
        self.inodes.retain(|id, inode| inode.handles > 0 || named.contains(id) || linked.contains(id));
    }

    /// The state after the machine came up again, given what survived of the pending changes.
    fn restarted(&self, mut survives: impl FnMut(&[Change], &mut Vec<u8>), names_surviving: usize) -> Self {
        let mut names = self.durable_names.clone();
        for change in self.pending_names.iter().take(names_surviving) {
            change.apply(&mut names);
        }
        let mut inodes = BTreeMap::new();
        for (id, inode) in &self.inodes {
            let mut durable = inode.durable.clone();
            survives(&inode.pending, &mut durable);
            if names.values().any(|named| named == id) {
                inodes.insert(*id, Inode { cached: durable.clone(), durable, ..Inode::default() });
            }
        }
        Self {
            inodes,
            next_inode: self.next_inode,
            durable_names: names.clone(),
            names,
            capacity_bytes: self.capacity_bytes,
            direct_refused: self.direct_refused,
            ..Self::default()
        }
    }
}

/// The simulated file system. Clones share one state.
#[derive(Clone, Debug, Default)]
pub struct SimFs {
    state: Arc<Mutex<State>>,
}

impl SimFs {
    /// An empty file system without bounds or faults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(state: State) -> Self {
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// What a power cut leaves when nothing survives but what was synced.
    #[must_use]
    pub fn crash(&self) -> Self {
        Self::of(self.state().restarted(|_, _| (), 0))
    }

    /// What a power cut leaves when some of the unsynced changes survive, by the seed.
    #[must_use]
    pub fn crash_torn(&self, seed: u64) -> Self {
        self.crash_by(seed, false)
    }

    fn crash_by(&self, seed: u64, garbled: bool) -> Self {
        let state = self.state();
        let mut random = SplitMix::new(seed);
        let names = random.below(state.pending_names.len() as u64 + 1) as usize;
        let tear = |pending: &[Change], content: &mut Vec<u8>| {
            for change in pending {
                change.apply_torn(content, &mut random, garbled);
            }
        };
        Self::of(state.restarted(tear, names))
    }

    /// What the end of the process leaves: the page cache lives, locks and open files are gone. What was
    /// not durable is still not durable.
    #[must_use]
    pub fn kill(&self) -> Self {
        let mut state = self.state().clone();
        state.locks.clear();
        state.counters = Counters::default();
        (state.failing_write, state.failing_sync, state.power_off_at, state.powered_off) =
            (None, None, None, false);
        (state.reading, state.injected) = (faults::Reading::default(), Injected::default());
        state.inodes.values_mut().for_each(|inode| inode.handles = 0);
        Self::of(state)
    }

    /// Bounds the bytes that files may hold together; `None` for no bound.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.state().capacity_bytes = bytes;
    }

    /// Bytes that files hold together.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.state().used_bytes()
    }

    /// Makes the nth write from here fail (1 for the next), after half of it reached the cache.
    pub fn fail_write(&self, nth: u64) {
        let mut state = self.state();
        state.failing_write = Some(state.counters.writes + nth);
    }

    /// Makes the nth sync of a file from here fail (1 for the next); what it should have synced is lost.
    pub fn fail_sync(&self, nth: u64) {
        let mut state = self.state();
        state.failing_sync = Some(state.counters.syncs + nth);
    }

    /// Cuts the power at the nth operation from here (1 for the next): a write or rename still reaches the
    /// cache, a sync does nothing, and everything from it on answers an error.
    pub fn power_off_at(&self, nth: u64) {
        let mut state = self.state();
        state.power_off_at = Some(state.counters.operations + nth);
    }

    /// What was done so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.state().counters
    }

    /// Every file as a reader sees it.
    #[must_use]
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let state = self.state();
        let content = |id: &u64| state.inodes.get(id).map(|inode| inode.cached.clone()).unwrap_or_default();
        state.names.iter().map(|(path, id)| (path.clone(), content(id))).collect()
    }

    /// Puts a durable file of that content in place, as someone outside of the engine would.
    pub fn plant(&self, path: &Path, content: Vec<u8>) {
        let mut state = self.state();
        let id = state.next_inode;
        state.next_inode += 1;
        state.inodes.insert(id, Inode { cached: content.clone(), durable: content, ..Inode::default() });
        state.names.insert(path.to_path_buf(), id);
        state.durable_names.insert(path.to_path_buf(), id);
    }
}

#[derive(Debug)]
struct SimFile {
    fs: SimFs,
    inode: u64,
}

#[derive(Debug)]
struct SimLock {
    fs: SimFs,
    path: PathBuf,
}

impl FsLock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.fs.state().locks.remove(&self.path);
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        if let Ok(inode) = self.fs.state().inode(self.inode) {
            inode.handles = inode.handles.saturating_sub(1);
        }
    }
}

impl Fs for SimFs {
    fn open_direct(&self, path: &Path) -> io::Result<Box<dyn FsFile>> {
        direct::open(self, path)
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn FsFile>> {
        let mut state = self.state();
        let id = match (state.names.get(path).copied(), mode) {
            (Some(id), OpenMode::Read | OpenMode::Write) => id,
            (Some(_), OpenMode::Create) => return Err(io::ErrorKind::AlreadyExists.into()),
            (None, OpenMode::Read | OpenMode::Write) => return Err(io::ErrorKind::NotFound.into()),
            (None, OpenMode::Create) => {
                let id = state.next_inode;
                state.next_inode += 1;
                state.inodes.insert(id, Inode::default());
                state.name(NameChange::Link(path.to_path_buf(), id))?;
                id
            }
        };
        state.inode(id)?.handles += 1;
        Ok(Box::new(SimFile { fs: self.clone(), inode: id }))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<FolderEntry>> {
        let state = self.state();
        let within = state.names.iter().filter(|(path, _)| path.parent() == Some(folder));
        let entry = |(path, id): (&PathBuf, &u64)| FolderEntry {
            name: path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            bytes: state.inodes.get(id).map_or(0, |inode| inode.cached.len() as u64),
        };
        Ok(within.map(entry).collect())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        if !state.names.contains_key(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.name(NameChange::Move(from.to_path_buf(), to.to_path_buf()))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        if !state.names.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.name(NameChange::Unlink(path.to_path_buf()))
    }

    /// Folders need no creation here: a file's path alone says where it is.
    fn create_dir_all(&self, _folder: &Path) -> io::Result<()> {
        Ok(())
    }

    fn sync_dir(&self, folder: &Path) -> io::Result<()> {
        self.state().sync_folder(folder)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn FsLock>> {
        if !self.state().locks.insert(path.to_path_buf()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(SimLock { fs: self.clone(), path: path.to_path_buf() }))
    }

    fn is_locked(&self, path: &Path) -> io::Result<bool> {
        Ok(self.state().locks.contains(path))
    }
}

impl FsFile for SimFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.fs.state().read(self.inode, buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.fs.state().write(self.inode, bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.fs.state().sync(self.inode)
    }

    fn sync_all(&self) -> io::Result<()> {
        self.fs.state().sync(self.inode)
    }

    fn bytes(&self) -> io::Result<u64> {
        Ok(self.fs.state().inode(self.inode)?.cached.len() as u64)
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        let mut state = self.fs.state();
        let power = state.operation()?;
        let inode = state.inode(self.inode)?;
        let change = Change::Length(bytes as usize);
        change.apply(&mut inode.cached);
        inode.pending.push(change);
        State::finish(power)
    }
}
