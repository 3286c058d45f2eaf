//! Writes past the page cache: durable when they return, whole blocks only.

use std::io;
use std::path::Path;

use super::{Change, SimFs, State, broken};
use crate::port::fs::{DIRECT_BLOCK_BYTES, Fs, FsFile, OpenMode};

#[derive(Debug)]
struct DirectFile {
    fs: SimFs,
    inode: u64,
    file: Box<dyn FsFile>,
}

/// As [`Fs::open_direct`].
pub(super) fn open(fs: &SimFs, path: &Path) -> io::Result<Box<dyn FsFile>> {
    let file = fs.open(path, OpenMode::Write)?;
    let state = fs.state();
    if state.direct_refused {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let inode = *state.names.get(path).ok_or(io::ErrorKind::NotFound)?;
    Ok(Box::new(DirectFile { fs: fs.clone(), inode, file }))
}

impl SimFs {
    /// Whether files can be written past the page cache; they can unless this was said.
    pub fn allow_direct(&self, allowed: bool) {
        self.state().direct_refused = !allowed;
    }
}

impl State {
    /// A write that is durable when it answers `Ok`. Until then it is pending like any other: a cut may tear it.
    fn write_durably(&mut self, id: u64, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write(id, bytes, offset)?;
        self.counters.syncs += 1;
        let fails = self.failing_sync == Some(self.counters.syncs);
        let range = offset as usize..offset as usize + bytes.len();
        let inode = self.inode(id)?;
        // What the page cache holds of the same bytes is written first, as the system does.
        let (settled, pending): (Vec<Change>, _) =
            std::mem::take(&mut inode.pending).into_iter().partition(|change| match change {
                Change::Write { offset, bytes } => *offset < range.end && range.start < offset + bytes.len(),
                Change::Length(_) => false,
            });
        inode.pending = pending;
        if fails {
            self.injected.syncs += 1;
            return Err(broken("the sync failed"));
        }
        settled.iter().for_each(|change| change.apply(&mut inode.durable));
        Ok(())
    }
}

impl FsFile for DirectFile {
    fn read_at(&self, _: &mut [u8], _: u64) -> io::Result<usize> {
        Err(io::ErrorKind::PermissionDenied.into())
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let places = [offset as usize, bytes.len(), bytes.as_ptr().addr()];
        if places.iter().any(|place| !place.is_multiple_of(DIRECT_BLOCK_BYTES)) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        self.fs.state().write_durably(self.inode, bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    fn bytes(&self) -> io::Result<u64> {
        self.file.bytes()
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.file.set_len(bytes)
    }
}
