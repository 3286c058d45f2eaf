//! Writing a snapshot: sections into a file under a working name, and the name when all is well.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::folder::{name, working_name};
use super::format::{Footer, HEAD_BYTES, Head, Header, Kind, LENGTH_BYTES, SECTION_BYTES};
use super::reader::verify;
use crate::journal::{Cursor, codec};
use crate::port::fs::{Fs, FsFile, OpenMode};

/// Sections after which the file is synced, so that the disk never has much to catch up with at once while
/// the journal waits for it.
const SECTIONS_PER_SYNC: u32 = 8;

/// A snapshot in the making.
#[derive(Debug)]
pub struct SnapshotWriter {
    fs: Arc<dyn Fs>,
    folder: PathBuf,
    working: PathBuf,
    file: Box<dyn FsFile>,
    offset: u64,
    paced: u64,
    hasher: blake3::Hasher,
    low: u64,
    sections: u32,
    /// The section that is being filled.
    kind: Kind,
    payload: Vec<u8>,
    count: u32,
    first: u32,
    counts: [u64; 4],
}

/// A snapshot that was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its file.
    pub path: PathBuf,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its footer.
    pub footer: Footer,
}

impl SnapshotWriter {
    /// Begins a snapshot in `folder`; what an interrupted one left there is removed.
    ///
    /// # Errors
    /// When the file cannot be made or written.
    pub fn begin(fs: Arc<dyn Fs>, folder: &Path, header: &Header) -> io::Result<Self> {
        let working = folder.join(working_name(header.low.cursor.epoch));
        match fs.remove(&working) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = fs.open(&working, OpenMode::Create)?;
        let mut writer = Self {
            fs,
            folder: folder.to_path_buf(),
            working,
            file,
            offset: 0,
            paced: 0,
            hasher: blake3::Hasher::new(),
            low: header.low.cursor.sequence,
            sections: 0,
            kind: Kind::Header,
            payload: Vec::new(),
            count: 0,
            first: 0,
            counts: [0; 4],
        };
        writer.whole(Kind::Header, header)?;
        Ok(writer)
    }

    /// Adds an entry; `true` when a section was full and went to the file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn entry(&mut self, kind: Kind, number: u32, bytes: &[u8]) -> io::Result<bool> {
        let Ok(length) = u32::try_from(bytes.len()) else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "an entry is too long for a snapshot"));
        };
        let room = SECTION_BYTES.saturating_sub(self.payload.len());
        let full = self.kind != kind || (self.count > 0 && bytes.len() + LENGTH_BYTES > room);
        if full {
            self.flush()?;
        }
        if self.count == 0 {
            (self.kind, self.first) = (kind, number);
        }
        self.payload.extend_from_slice(&length.to_le_bytes());
        self.payload.extend_from_slice(bytes);
        self.count += 1;
        let place = match kind {
            Kind::Skus => 0,
            Kind::Orders => 1,
            Kind::Works => 3,
            _ => 2,
        };
        if let Some(count) = self.counts.get_mut(place) {
            *count += 1;
        }
        Ok(full)
    }

    fn whole(&mut self, kind: Kind, value: &impl Serialize) -> io::Result<()> {
        self.kind = kind;
        codec::encode_into(&mut self.payload, value).map_err(io::Error::other)?;
        self.count = 1;
        self.flush()
    }

    /// Writes the section that was filled.
    fn flush(&mut self) -> io::Result<()> {
        if self.count == 0 {
            return Ok(());
        }
        let payload_bytes = u32::try_from(self.payload.len()).map_err(io::Error::other)?;
        let head = Head {
            kind: self.kind,
            section: self.sections,
            count: self.count,
            payload_bytes,
            first: self.first,
        };
        let head = head.encode(&self.payload);
        self.hasher.update(&head);
        self.hasher.update(&self.payload);
        self.file.write_all_at(&head, self.offset)?;
        self.file.write_all_at(&self.payload, self.offset + HEAD_BYTES as u64)?;
        self.offset += (HEAD_BYTES + self.payload.len()) as u64;
        self.sections += 1;
        if self.sections.is_multiple_of(SECTIONS_PER_SYNC) {
            self.file.sync_data()?;
        }
        (self.count, self.first) = (0, 0);
        self.payload.clear();
        Ok(())
    }

    /// Ends the snapshot: writes the footer, syncs, reads everything back, and gives the file its name. To
    /// be called only when the journal is durable up to `high`.
    ///
    /// # Errors
    /// When writing or syncing fails, or what is read back is not what was written. The snapshots that were
    /// there before are untouched then.
    pub fn publish(mut self, high: Cursor) -> io::Result<Written> {
        self.flush()?;
        let [skus, orders, keys, works] = self.counts;
        let hash = *self.hasher.finalize().as_bytes();
        let footer = Footer { high, skus, orders, keys, works, sections: self.sections, hash };
        self.whole(Kind::Footer, &footer)?;
        self.file.sync_all()?;
        verify(self.fs.as_ref(), &self.working).map_err(io::Error::other)?;
        let path = self.folder.join(name(self.low));
        self.fs.rename(&self.working, &path)?;
        self.fs.sync_dir(&self.folder)?;
        Ok(Written { path, bytes: self.offset, footer })
    }

    /// Bytes that went to the file since this was asked last: for whoever keeps a pace.
    pub const fn take_unpaced(&mut self) -> u64 {
        let written = self.offset - self.paced;
        self.paced = self.offset;
        written
    }

    /// Gives the snapshot up and removes its file.
    pub fn abandon(self) {
        // What cannot be removed now is removed when the next one begins.
        let _ = self.fs.remove(&self.working);
    }
}
