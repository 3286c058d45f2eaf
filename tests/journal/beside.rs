//! A reader beside a writer: what is being written is not taken for what was damaged.

use std::convert::Infallible;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use earmark::journal::{LogError, Scan, Stopped};
use earmark::port::fs::{FolderEntry, Fs, FsFile, FsLock, OpenMode};
use earmark::port::fs_sim::SimFs;

use crate::support::{append, folder, image, open, segments};

/// A file system whose segments are read as they were, for a number of reads, before they are read as they
/// are: the writer went on in between.
#[derive(Clone, Debug)]
struct Late {
    now: SimFs,
    before: SimFs,
    old_reads: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct LateFile {
    now: Box<dyn FsFile>,
    before: Box<dyn FsFile>,
    old_reads: Arc<AtomicUsize>,
}

impl Fs for Late {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn FsFile>> {
        let (now, before) = (self.now.open(path, mode)?, self.before.open(path, mode)?);
        Ok(Box::new(LateFile { now, before, old_reads: self.old_reads.clone() }))
    }
    fn list(&self, folder: &Path) -> io::Result<Vec<FolderEntry>> {
        self.before.list(folder)
    }
    fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }
    fn remove(&self, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }
    fn create_dir_all(&self, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }
    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }
    fn lock(&self, _: &Path) -> io::Result<Box<dyn FsLock>> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }
    fn is_locked(&self, path: &Path) -> io::Result<bool> {
        self.now.is_locked(path)
    }
}

impl FsFile for LateFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let old =
            self.old_reads.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if old.is_ok() { self.before.read_at(buffer, offset) } else { self.now.read_at(buffer, offset) }
    }
    fn write_all_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }
    fn sync_data(&self) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }
    fn sync_all(&self) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }
    fn bytes(&self) -> io::Result<u64> {
        self.now.bytes()
    }
    fn set_len(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }
}

/// Numbers of the batches that a scan sees, and its verdict.
fn scan(fs: Arc<dyn Fs>) -> (Vec<u64>, Result<bool, LogError>) {
    let mut numbers = Vec::new();
    let read = Scan::open(fs, folder()).unwrap().read(|batch, _| {
        numbers.push(batch.number);
        Ok::<(), Infallible>(())
    });
    let verdict = match read {
        Ok(tail) => Ok(tail.cut.is_some()),
        Err(Stopped::Log(error)) => Err(error),
        Err(Stopped::Visitor(never)) => match never {},
    };
    (numbers, verdict)
}

/// A log whose last frame at first is half written, while two more stand behind it later.
fn going_on() -> (SimFs, SimFs) {
    let fs = SimFs::new();
    let (mut log, ..) = open(&fs).unwrap();
    for index in 1..=3 {
        append(&mut log, index, 300).unwrap();
    }
    let before = SimFs::new();
    before.create_dir_all(folder()).unwrap();
    for (path, bytes) in image(&fs) {
        before.plant(&path, bytes);
    }
    let (path, mut torn) = segments(&before).remove(0);
    let end = torn.iter().rposition(|byte| *byte != 0).unwrap();
    torn[end - 100..].fill(0);
    before.plant(&path, torn);
    append(&mut log, 4, 300).unwrap();
    append(&mut log, 5, 300).unwrap();
    (before, fs)
}

#[test]
fn a_frame_that_was_read_half_written_is_read_again_before_it_is_called_torn_or_damaged() {
    let (before, now) = going_on();
    // An epoch mark and three batches, the last of them torn.
    assert_eq!(scan(Arc::new(before.clone())), (vec![1, 2, 3], Ok(true)));
    // One read is for the header, one for the frames. The third one looks again.
    for (old_reads, numbers, torn) in [
        (0, vec![1, 2, 3, 4, 5, 6], false),
        (1, vec![1, 2, 3, 4, 5, 6], false),
        (2, vec![1, 2, 3, 4, 5, 6], false),
        (3, vec![1, 2, 3], true),
    ] {
        let counter = Arc::new(AtomicUsize::new(old_reads));
        let late = Late { now: now.clone(), before: before.clone(), old_reads: counter };
        assert_eq!(scan(Arc::new(late)), (numbers, Ok(torn)), "{old_reads} old reads");
    }
}

#[test]
fn a_frame_that_stays_bad_with_newer_ones_behind_it_is_damage() {
    let (before, now) = going_on();
    let (path, torn) = segments(&before).remove(0);
    let (_, mut bytes) = segments(&now).remove(0);
    let end = torn.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[end] ^= 1;
    now.plant(&path, bytes);
    let (numbers, verdict) = scan(Arc::new(now));
    assert_eq!(numbers, vec![1, 2, 3]);
    assert!(matches!(verdict, Err(LogError::Damaged { .. })), "{verdict:?}");
}
