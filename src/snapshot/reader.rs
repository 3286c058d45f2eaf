//! Reading a snapshot: section by section, each verified.

use std::io;
use std::path::Path;

use super::format::{Flaw, Footer, HEAD_BYTES, Head, Header, Kind, LENGTH_BYTES, checksum};
use crate::journal::codec;
use crate::port::fs::{Fs, FsFile, OpenMode, read_full_at};

/// A section whose checksum holds.
#[derive(Debug)]
pub struct Section {
    /// What it holds.
    pub kind: Kind,
    /// Its number.
    pub section: u32,
    /// Its offset in the file.
    pub offset: u64,
    /// The number of the first order in it.
    pub first: u32,
    count: u32,
    payload: Vec<u8>,
}

impl Section {
    /// A flaw of this section.
    #[must_use]
    pub fn damaged(&self, detail: impl Into<String>) -> Flaw {
        Flaw::Damaged { section: self.section, offset: self.offset, detail: detail.into() }
    }

    /// Its entries, in order.
    ///
    /// # Errors
    /// When they do not fill the section as its head says.
    pub fn entries(&self) -> Result<Vec<&[u8]>, Flaw> {
        let mut entries = Vec::with_capacity((self.count as usize).min(self.payload.len()));
        let mut rest = self.payload.as_slice();
        while let Some((length, behind)) = rest.split_first_chunk::<LENGTH_BYTES>() {
            let length = u32::from_le_bytes(*length) as usize;
            let cut = behind.split_at_checked(length);
            let Some((entry, behind)) = cut else { return Err(self.damaged("an entry is cut off")) };
            entries.push(entry);
            rest = behind;
        }
        if rest.is_empty() && entries.len() == self.count as usize {
            Ok(entries)
        } else {
            Err(self.damaged("its entries are not as many as it says"))
        }
    }

    fn value<T: serde::de::DeserializeOwned>(&self) -> Result<T, Flaw> {
        codec::decode(&self.payload).map_err(|error| self.damaged(error.to_string()))
    }
}

/// A snapshot that is being read. Every section is verified as it comes; whether they are all there is known
/// when the footer has come.
#[derive(Debug)]
pub struct SnapshotReader {
    file: Box<dyn FsFile>,
    bytes: u64,
    offset: u64,
    sections: u32,
    counts: [u64; 4],
    hasher: blake3::Hasher,
    header: Header,
    footer: Option<Footer>,
}

fn unreadable(error: &io::Error) -> Flaw {
    Flaw::Io { detail: error.to_string() }
}

impl SnapshotReader {
    /// Opens a snapshot and reads its header.
    ///
    /// # Errors
    /// When the file cannot be read, or does not begin with a whole header.
    pub fn open(fs: &dyn Fs, path: &Path) -> Result<Self, Flaw> {
        let file = fs.open(path, OpenMode::Read).map_err(|error| unreadable(&error))?;
        let bytes = file.bytes().map_err(|error| unreadable(&error))?;
        let mut reader = Self {
            file,
            bytes,
            offset: 0,
            sections: 0,
            counts: [0; 4],
            hasher: blake3::Hasher::new(),
            header: Header::default(),
            footer: None,
        };
        let section = reader.read()?;
        if section.kind != Kind::Header {
            return Err(section.damaged("a snapshot begins with a header"));
        }
        reader.header = section.value()?;
        Ok(reader)
    }

    /// The header.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The footer, once everything before it was read.
    #[must_use]
    pub const fn footer(&self) -> Option<&Footer> {
        self.footer.as_ref()
    }

    /// Bytes read, and bytes of the file.
    #[must_use]
    pub const fn progress(&self) -> (u64, u64) {
        (self.offset, self.bytes)
    }

    /// The next section of entries; `None` behind the last one, when the footer was found to be true.
    ///
    /// # Errors
    /// The first flaw, with its section and offset.
    pub fn next_section(&mut self) -> Result<Option<Section>, Flaw> {
        if self.footer.is_some() {
            return Ok(None);
        }
        let section = self.read()?;
        let place = match section.kind {
            Kind::Skus => 0,
            Kind::Orders => 1,
            Kind::Keys => 2,
            Kind::Works => 3,
            Kind::Header => return Err(section.damaged("a second header")),
            Kind::Footer => {
                self.footer = Some(self.check_footer(&section)?);
                return Ok(None);
            }
        };
        if let Some(count) = self.counts.get_mut(place) {
            *count += u64::from(section.count);
        }
        Ok(Some(section))
    }

    /// Reads and verifies the next section, and moves behind it.
    fn read(&mut self) -> Result<Section, Flaw> {
        let (offset, number) = (self.offset, self.sections);
        let damaged = |detail: &str| Flaw::Damaged { section: number, offset, detail: detail.to_owned() };
        let mut head_bytes = [0; HEAD_BYTES];
        self.fill(&mut head_bytes, offset)?;
        let (head, crc) = Head::decode(&head_bytes, offset, number)?;
        let end = offset + (HEAD_BYTES as u64) + u64::from(head.payload_bytes);
        // The length is believed only as far as the file goes, so that no flaw makes for a large buffer.
        if end > self.bytes {
            return Err(damaged("it is cut off"));
        }
        let mut payload = vec![0; head.payload_bytes as usize];
        self.fill(&mut payload, offset + HEAD_BYTES as u64)?;
        if checksum(&head_bytes, &payload) != crc {
            return Err(damaged("its checksum does not match"));
        }
        if head.kind != Kind::Footer {
            self.hasher.update(&head_bytes);
            self.hasher.update(&payload);
        }
        self.offset = end;
        self.sections += 1;
        let Head { kind, section, count, first, .. } = head;
        Ok(Section { kind, section, offset, first, count, payload })
    }

    fn fill(&self, buffer: &mut [u8], offset: u64) -> Result<(), Flaw> {
        let read = read_full_at(self.file.as_ref(), buffer, offset).map_err(|error| unreadable(&error))?;
        if read == buffer.len() {
            return Ok(());
        }
        Err(Flaw::Damaged { section: self.sections, offset, detail: "it is cut off".to_owned() })
    }

    fn check_footer(&self, section: &Section) -> Result<Footer, Flaw> {
        let footer: Footer = section.value()?;
        let [skus, orders, keys, works] = self.counts;
        let found = (footer.skus, footer.orders, footer.keys, footer.works, footer.sections);
        if found != (skus, orders, keys, works, section.section) {
            return Err(section.damaged("the counts do not match what was read"));
        }
        if footer.hash != *self.hasher.finalize().as_bytes() {
            return Err(section.damaged("the hash over all sections does not match"));
        }
        if self.offset != self.bytes {
            return Err(section.damaged("something stands behind the footer"));
        }
        if footer.high.sequence < self.header.low.cursor.sequence {
            return Err(section.damaged("the high mark lies before the low mark"));
        }
        Ok(footer)
    }
}

/// Reads all of a snapshot and verifies checksums, counts and hash; answers header and footer.
///
/// # Errors
/// The first flaw, with its section and offset.
pub fn verify(fs: &dyn Fs, path: &Path) -> Result<(Header, Footer), Flaw> {
    let mut reader = SnapshotReader::open(fs, path)?;
    while let Some(section) = reader.next_section()? {
        section.entries()?;
    }
    match reader.footer {
        Some(footer) => Ok((reader.header, footer)),
        None => Err(Flaw::Io { detail: "it has no footer".to_owned() }),
    }
}
