//! A copy of a folder without its snapshots, that shares what cannot change any more.

use std::path::Path;

use anyhow::{Context, Result};

/// Segments at the end of the journal that are copied: an opening writes into them, or in their place.
const COPIED: usize = 3;

/// Suffix of a segment's name.
const SEGMENT: &str = ".seg";

/// Makes `to` and puts the journal of `from` into it. Finished segments are shared by hard links where the
/// file system has them; nothing in `from` is written to.
pub(super) fn without_snapshots(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir(to).with_context(|| format!("making {}", to.display()))?;
    let mut names = Vec::new();
    for entry in std::fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let entry = entry.with_context(|| format!("reading {}", from.display()))?;
        names.extend(entry.file_name().into_string().ok());
    }
    // Of the rest, snapshots are not wanted, and spare files and the lock are made again.
    names.retain(|name| name.ends_with(SEGMENT));
    // Segments are named by their first sequence numbers, so they sort as they follow on each other.
    names.sort_unstable();
    for (name, behind) in names.iter().zip((0..names.len()).rev()) {
        let (source, target) = (from.join(name), to.join(name));
        let shared = behind >= COPIED && std::fs::hard_link(&source, &target).is_ok();
        if !shared {
            std::fs::copy(&source, &target).with_context(|| format!("copying {}", source.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_the_journal_and_no_snapshot_and_its_own_last_segments() -> Result<()> {
        use std::os::unix::fs::MetadataExt as _;
        let folder = tempfile::tempdir()?;
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        std::fs::create_dir(&from)?;
        for name in ["1.seg", "2.seg", "3.seg", "4.seg", "5.seg", "LOCK", "0001.snap", "1.spare"] {
            std::fs::write(from.join(name), name)?;
        }
        without_snapshots(&from, &to)?;
        let links = |name: &str| std::fs::metadata(to.join(name)).map(|found| found.nlink()).ok();
        assert_eq!(["1", "2", "3"].map(|n| links(&format!("{n}.seg"))), [Some(2), Some(2), Some(1)]);
        assert_eq!(std::fs::read_dir(&to)?.count(), 5);
        Ok(())
    }
}
