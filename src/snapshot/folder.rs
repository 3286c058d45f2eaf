//! The snapshots of a folder. They stand beside the journal's segments, named by their low marks.

use std::io;
use std::path::{Path, PathBuf};

use crate::port::fs::Fs;

const SUFFIX: &str = ".snap";
/// Prefix and suffix of a snapshot that is being written.
const WORKING: (&str, &str) = ("new-", ".snapshot");
/// Digits of a sequence number in a name, so that names sort as numbers do.
const DIGITS: usize = 20;

/// A snapshot as its name tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Sequence number of its low mark.
    pub low: u64,
    /// Its file.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
}

/// The name under which a snapshot is written. An engine that was dropped while it wrote one may still do so
/// when the next has the folder: their epochs keep their files apart.
pub(super) fn working_name(epoch: u64) -> String {
    format!("{}{epoch}{}", WORKING.0, WORKING.1)
}

pub(super) fn name(low: u64) -> String {
    format!("{low:0DIGITS$}{SUFFIX}")
}

/// The snapshots in a folder, newest first.
///
/// # Errors
/// When the folder cannot be read.
pub fn list(fs: &dyn Fs, folder: &Path) -> io::Result<Vec<Listed>> {
    let mut found: Vec<Listed> = fs
        .list(folder)?
        .into_iter()
        .filter_map(|entry| {
            let digits = entry.name.strip_suffix(SUFFIX).filter(|digits| digits.len() == DIGITS)?;
            let low = digits.parse().ok()?;
            Some(Listed { low, path: folder.join(&entry.name), bytes: entry.bytes })
        })
        .collect();
    found.sort_by_key(|listed| std::cmp::Reverse(listed.low));
    Ok(found)
}

/// Removes all snapshots but the `kept` newest; answers the low mark of the oldest one that is left.
///
/// # Errors
/// When a file cannot be removed or the folder not synced.
pub fn remove_older(fs: &dyn Fs, folder: &Path, kept: usize) -> io::Result<Option<u64>> {
    let mut listed = list(fs, folder)?;
    let older = listed.split_off(kept.min(listed.len()));
    for snapshot in &older {
        fs.remove(&snapshot.path)?;
    }
    if !older.is_empty() {
        fs.sync_dir(folder)?;
    }
    Ok(listed.last().map(|oldest| oldest.low))
}

/// Removes what interrupted snapshots left.
///
/// # Errors
/// When the folder cannot be read, or a file is there and cannot be removed.
pub fn remove_leftovers(fs: &dyn Fs, folder: &Path) -> io::Result<()> {
    let all = fs.list(folder)?;
    let mut left = all.iter().filter(|it| it.name.starts_with(WORKING.0) && it.name.ends_with(WORKING.1));
    left.try_for_each(|entry| fs.remove(&folder.join(&entry.name)))
}
