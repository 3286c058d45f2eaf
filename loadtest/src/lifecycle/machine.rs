//! What a figure is worth depends on where it was measured.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// The machine, as far as it tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// Name of the processor.
    pub(crate) processor: String,
    /// Processors that this program may use.
    pub(crate) processors: usize,
    /// Memory in bytes.
    pub(crate) memory_bytes: u64,
    /// The operating system with its version.
    pub(crate) system: String,
    /// The file system under the data, with its device.
    pub(crate) file_system: String,
    /// How busy the machine was in the minute before: processes that ran or waited to, on average.
    pub(crate) load_before: String,
}

impl Machine {
    /// Asks the machine; what it does not tell is left out.
    pub(crate) fn look(data: &Path) -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let first_word = |text: &str| text.split_whitespace().next().unwrap_or_default().to_owned();
        let kilobytes: u64 = value_of(&read("/proc/meminfo"), "MemTotal")
            .and_then(|v| first_word(&v).parse().ok())
            .unwrap_or(0);
        Self {
            processor: value_of(&read("/proc/cpuinfo"), "model name").unwrap_or_default(),
            processors: std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
            memory_bytes: kilobytes * 1_024,
            system: format!("{} {}", std::env::consts::OS, read("/proc/sys/kernel/osrelease").trim()),
            file_system: file_system(&read("/proc/mounts"), data),
            load_before: first_word(&read("/proc/loadavg")),
        }
    }
}

/// The value behind `name` in lines of "name : value".
fn value_of(text: &str, name: &str) -> Option<String> {
    let mut pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs.find(|(found, _)| found.trim() == name).map(|(_, value)| value.trim().to_owned())
}

/// The file system of the longest mount point that `path` lies under.
fn file_system(mounts: &str, path: &Path) -> String {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mounted = mounts.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let (device, point, kind) = (words.next()?, words.next()?, words.next()?);
        path.starts_with(point).then(|| (point.len(), format!("{kind} on {device}")))
    });
    mounted.max_by_key(|(length, _)| *length).map(|(_, name)| name).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_system_is_that_of_the_nearest_mount_point() {
        let mounts = "/dev/a / ext4 rw 0 0\ntmpfs /run tmpfs rw 0 0\n/dev/b /run/data xfs rw 0 0\n";
        assert_eq!(file_system(mounts, Path::new("/run/data/here")), "xfs on /dev/b");
        assert_eq!(file_system(mounts, Path::new("/elsewhere")), "ext4 on /dev/a");
        assert_eq!(file_system("", Path::new("/elsewhere")), "");
    }
}
