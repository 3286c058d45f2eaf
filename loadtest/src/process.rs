//! What processes take: memory, processor time, and whether there is room for more of it.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::report;

/// Resident memory of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Memory {
    /// Bytes before the engine was opened or orders were placed.
    pub(crate) before_bytes: u64,
    /// Bytes after.
    pub(crate) after_bytes: u64,
    /// The most that it ever had.
    pub(crate) peak_bytes: u64,
}

impl Memory {
    /// What this process has; `before_bytes` was asked for with [`Memory::now`] before.
    pub(crate) fn since(before_bytes: u64) -> Self {
        let status = status();
        Self {
            before_bytes,
            after_bytes: bytes(&status, "VmRSS:").unwrap_or(0),
            peak_bytes: bytes(&status, "VmHWM:").unwrap_or(0),
        }
    }

    /// Resident bytes of this process; zero where the system does not tell.
    pub(crate) fn now() -> u64 {
        bytes(&status(), "VmRSS:").unwrap_or(0)
    }

    /// Bytes for each of so many orders.
    pub(crate) fn per_order(&self, orders: u64) -> u64 {
        self.after_bytes.saturating_sub(self.before_bytes).checked_div(orders).unwrap_or(0)
    }
}

fn status() -> String {
    std::fs::read_to_string("/proc/self/status").unwrap_or_default()
}

/// The bytes behind `name` in lines of "name kilobytes kB".
fn bytes(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(value.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? * 1_024)
}

/// Processor time that this process took so far, in all its threads, those that have ended among them.
pub(crate) fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// What a run needs, about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Need {
    /// Memory of one process, in bytes.
    pub(crate) memory_bytes: u64,
    /// Room on the disk, in bytes.
    pub(crate) disk_bytes: u64,
}

/// What there is for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    /// Memory that the machine, or the control group that this process is in, can still give; `None` where
    /// nobody tells.
    memory_bytes: Option<u64>,
    disk_bytes: Option<u64>,
}

impl Room {
    /// Looks at this machine, and at the disk under `folder`.
    pub(crate) fn look(folder: &Path) -> Self {
        let read = |path: &str| std::fs::read_to_string(path).ok();
        let machine = read("/proc/meminfo").and_then(|text| bytes(&text, "MemAvailable:"));
        let number = |path: &str| read(path)?.trim().parse::<u64>().ok();
        let group = number("/sys/fs/cgroup/memory.max")
            .zip(number("/sys/fs/cgroup/memory.current"))
            .map(|(most, used)| most.saturating_sub(used));
        let disk = rustix::fs::statvfs(folder).ok().map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize));
        Self { memory_bytes: machine.into_iter().chain(group).min(), disk_bytes: disk }
    }

    /// Why `what` does not fit; `None` when it does, or nobody knows.
    pub(crate) fn lacks(&self, what: &str, need: Need) -> Option<String> {
        let megabytes = |bytes: u64| report::count(bytes / 1_000_000);
        let short = |need: u64, have: Option<u64>, of: &str| {
            have.filter(|have| *have < need).map(|have| {
                format!(
                    "{what}: about {} MB of {of} are needed, {} MB are free",
                    megabytes(need),
                    megabytes(have)
                )
            })
        };
        short(need.memory_bytes, self.memory_bytes, "memory")
            .or_else(|| short(need.disk_bytes, self.disk_bytes, "disk"))
    }
}

/// Starts this program again with a hidden subcommand and what it is to do, each argument as JSON; its standard
/// output comes through a pipe.
pub(crate) fn start(subcommand: &str, arguments: &[String]) -> Result<Child> {
    let program = std::env::current_exe().context("finding this program")?;
    Command::new(program)
        .arg(subcommand)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("starting a process")
}

/// Starts a process, waits for its end, and reads the one JSON document that it printed.
pub(crate) fn ask<T: serde::de::DeserializeOwned>(subcommand: &str, task: &impl Serialize) -> Result<T> {
    let child = start(subcommand, &[serde_json::to_string(task)?])?;
    let output = child.wait_with_output().context("waiting for a process")?;
    ensure!(output.status.success(), "a process ended with {}; see its message above", output.status);
    serde_json::from_slice(&output.stdout).context("reading what a process found")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_knows_its_memory_and_its_processor_time() {
        let before = processor_time();
        let mut sum = 0_u64;
        while processor_time() < before + Duration::from_millis(20) {
            sum = sum.wrapping_add(std::hint::black_box(1));
        }
        assert!(sum > 0);
        let memory = Memory::since(Memory::now());
        assert!(memory.peak_bytes >= memory.after_bytes && memory.after_bytes > 1 << 20, "{memory:?}");
    }

    #[test]
    fn what_does_not_fit_is_told_with_both_numbers() {
        let room = Room { memory_bytes: Some(8_000_000_000), disk_bytes: Some(1_000_000_000) };
        let need = |memory_bytes, disk_bytes| Need { memory_bytes, disk_bytes };
        assert_eq!(room.lacks("ten orders", need(8_000_000_000, 1_000_000_000)), None);
        assert_eq!(
            room.lacks("ten orders", need(9_000_000_000, 0)).as_deref(),
            Some("ten orders: about 9,000 MB of memory are needed, 8,000 MB are free")
        );
        assert_eq!(
            room.lacks("ten orders", need(0, 2_000_000_000)).as_deref(),
            Some("ten orders: about 2,000 MB of disk are needed, 1,000 MB are free")
        );
        let unknown = Room { memory_bytes: None, disk_bytes: None };
        assert_eq!(unknown.lacks("ten orders", need(u64::MAX, u64::MAX)), None);
    }

    #[test]
    fn this_machine_tells_how_much_room_it_has() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let room = Room::look(folder.path());
        let all = Need { memory_bytes: u64::MAX, disk_bytes: 0 };
        assert!(room.lacks("everything", all).is_some_and(|text| text.contains("of memory are needed")));
        let all = Need { memory_bytes: 0, disk_bytes: u64::MAX };
        assert!(room.lacks("everything", all).is_some_and(|text| text.contains("of disk are needed")));
        Ok(())
    }
}
