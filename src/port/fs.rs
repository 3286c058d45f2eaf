//! The file-system seam: the few calls the engine makes on files and folders, as traits.
//!
//! [`RealFs`] passes them on to the operating system; [`SimFs`](super::fs_sim::SimFs) keeps everything in
//! memory and knows, byte by byte, what a power cut would leave. The seam is narrow on purpose: positioned
//! reads and writes, explicit syncs of files *and* folders, an exclusive lock. What is not here (memory
//! maps, append mode, buffered writers) cannot be reasoned about after a crash and is not used.
//!
//! 1. Nothing is durable before the matching sync returned `Ok`: content by [`FsFile::sync_data`], names by
//!    [`Fs::sync_dir`].
//! 2. After a failed sync the content written since the last good one counts as lost, whatever a read says.
//! 3. A file from [`Fs::open_direct`] is the exception to the first: what it wrote is durable at once.
//! 4. A full disk is told by [`io::ErrorKind::StorageFull`], a held lock by [`io::ErrorKind::WouldBlock`].

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
#[cfg(any(target_os = "linux", target_os = "android"))]
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// For reading; the file must exist.
    Read,
    /// For reading and writing; the file must exist.
    Write,
    /// For reading and writing; the file must not exist and is created empty.
    Create,
}

/// Length and alignment of the blocks that [`Fs::open_direct`] is about, in bytes.
pub const DIRECT_BLOCK_BYTES: usize = 4096;

/// A file in a folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FolderEntry {
    /// File name without the folder.
    pub name: String,
    /// Length in bytes.
    pub bytes: u64,
}

/// A lock that is held until it is dropped.
pub trait FsLock: Send + Debug {}

/// A file system.
pub trait Fs: Send + Sync + Debug {
    /// Opens a file.
    ///
    /// # Errors
    /// `NotFound`, `AlreadyExists` by the mode, and whatever the system refuses.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn FsFile>>;

    /// Opens a file that exists for writes past the page cache. What is written is durable when the write has
    /// returned `Ok`, without a sync. Offsets, lengths and the addresses of bytes must be multiples of
    /// [`DIRECT_BLOCK_BYTES`]. Other handles of the same file see what was written. Unless a file system says
    /// otherwise, it has no such files.
    ///
    /// # Errors
    /// `Unsupported` or `InvalidInput` where this cannot be had; some file systems say so at the first write.
    fn open_direct(&self, path: &Path) -> io::Result<Box<dyn FsFile>> {
        let _ = path;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// The files (not the folders) directly in a folder, ordered by name.
    ///
    /// # Errors
    /// When the folder cannot be read.
    fn list(&self, folder: &Path) -> io::Result<Vec<FolderEntry>>;

    /// Gives a file another name and replaces, in one step, what had that name. Durable after `sync_dir`.
    ///
    /// # Errors
    /// When the file does not exist or the system refuses.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file. Durable after `sync_dir`.
    ///
    /// # Errors
    /// When the file does not exist or the system refuses.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Creates a folder and those above it where they are missing; they are durable when this returns.
    ///
    /// # Errors
    /// When the system refuses.
    fn create_dir_all(&self, folder: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable.
    ///
    /// # Errors
    /// When the system refuses.
    fn sync_dir(&self, folder: &Path) -> io::Result<()>;

    /// Takes an exclusive lock on a file, which is created where it is missing, without waiting. The lock
    /// also keeps out a second claim of the same process.
    ///
    /// # Errors
    /// `WouldBlock` when someone holds it.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn FsLock>>;

    /// Whether somebody holds the lock on a file. Creates and changes nothing: a file that is not there is
    /// not locked. The answer may be old by the time it is read.
    ///
    /// # Errors
    /// When the system refuses.
    fn is_locked(&self, path: &Path) -> io::Result<bool>;
}

/// An open file. All access is by position, so one file can be read while it is written.
pub trait FsFile: Send + Sync + Debug {
    /// Reads up to `buffer.len()` bytes at `offset`; 0 at the end of the file.
    ///
    /// # Errors
    /// When the system refuses.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes all bytes at `offset`, extending the file where needed.
    ///
    /// # Errors
    /// `StorageFull` on a full disk; after any error a part may have been written.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Makes the content durable, and of the metadata what is needed to read it back.
    ///
    /// # Errors
    /// When the system reports a failed write; what was not durable before counts as lost.
    fn sync_data(&self) -> io::Result<()>;

    /// Says that nobody will read soon what is durable of the file, so that the page cache need not keep it.
    fn forget_cached(&self) {}

    /// Makes content and metadata durable.
    ///
    /// # Errors
    /// As for [`FsFile::sync_data`].
    fn sync_all(&self) -> io::Result<()>;

    /// Length in bytes.
    ///
    /// # Errors
    /// When the system refuses.
    fn bytes(&self) -> io::Result<u64>;

    /// Cuts the file, or extends it with zeros, to `bytes`.
    ///
    /// # Errors
    /// When the system refuses.
    fn set_len(&self, bytes: u64) -> io::Result<()>;
}

/// Reads until the buffer is full or the file ends; answers the number of bytes read.
///
/// # Errors
/// When the system refuses.
pub fn read_full_at(file: &dyn FsFile, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + done as u64) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Who asks whether a lock is held takes it for a few microseconds. So that this turns nobody away who
/// wants to have it, a lock is tried this often, [`LOCK_PAUSE`] apart.
const LOCK_TRIES: u32 = 3;
const LOCK_PAUSE: Duration = Duration::from_millis(2);

/// The operating system's files.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealFs;

/// An advisory lock of the operating system; it belongs to this open file, not to the process, and ends
/// with the process whatever way that ends.
#[derive(Debug)]
struct RealLock {
    _file: File,
}

impl FsLock for RealLock {}

impl Fs for RealFs {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn FsFile>> {
        let mut options = OpenOptions::new();
        options.read(true);
        match mode {
            OpenMode::Read => {}
            OpenMode::Write => {
                options.write(true);
            }
            OpenMode::Create => {
                options.write(true).create_new(true);
            }
        }
        Ok(Box::new(options.open(path)?))
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn open_direct(&self, path: &Path) -> io::Result<Box<dyn FsFile>> {
        // The constants are libc's: what rustix calls DSYNC is O_SYNC on Linux, which makes the times of the file
        // durable too.
        let flags = libc::O_DIRECT | libc::O_DSYNC;
        Ok(Box::new(OpenOptions::new().write(true).custom_flags(flags).open(path)?))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<FolderEntry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let metadata = match entry.metadata() {
                Ok(metadata) => metadata,
                // A file renamed or removed while a tool lists the folder of a live engine is no error.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            if metadata.is_file() {
                entries.push(FolderEntry {
                    name: entry.file_name().to_string_lossy().into_owned(),
                    bytes: metadata.len(),
                });
            }
        }
        entries.sort();
        Ok(entries)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn create_dir_all(&self, folder: &Path) -> io::Result<()> {
        let missing: Vec<&Path> = folder.ancestors().take_while(|path| !path.exists()).collect();
        fs::create_dir_all(folder)?;
        for created in missing {
            // A relative path of one part has the empty path as its parent: that is the working folder.
            if let Some(parent) = created.parent() {
                self.sync_dir(if parent.as_os_str().is_empty() { Path::new(".") } else { parent })?;
            }
        }
        Ok(())
    }

    fn sync_dir(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn FsLock>> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        for _ in 0..LOCK_TRIES {
            match file.try_lock() {
                Ok(()) => return Ok(Box::new(RealLock { _file: file })),
                Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn is_locked(&self, path: &Path) -> io::Result<bool> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        // A shared lock, so that two who ask do not take each other for an owner. It ends with the file. Where it
        // is refused it is tried again: a child that is being started holds its parent's locks for an instant,
        // also that of an engine which has just been closed.
        for _ in 0..LOCK_TRIES {
            match file.try_lock_shared() {
                Ok(()) => return Ok(false),
                Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        Ok(true)
    }
}

impl FsFile for File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(self, buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        FileExt::write_all_at(self, bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        File::sync_data(self)
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn forget_cached(&self) {
        // A hint: what the cache keeps all the same costs time at most.
        let _ = rustix::fs::fadvise(self, 0, None, rustix::fs::Advice::DontNeed);
    }

    fn sync_all(&self) -> io::Result<()> {
        File::sync_all(self)
    }

    fn bytes(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        File::set_len(self, bytes)
    }
}
