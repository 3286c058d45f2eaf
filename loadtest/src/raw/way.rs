//! The ways in which a batch can be written so that it is durable.

use clap::ValueEnum;
use serde::Serialize;

/// What is asked of the operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Mode {
    /// Write through the page cache, then fdatasync: two calls. What the journal does with
    /// `WritePath::Cached`.
    Plain,
    /// Write through the page cache to a file opened with `O_DSYNC`: one call.
    Dsync,
    /// Write past the page cache (`O_DIRECT`), then fdatasync: two calls.
    Direct,
    /// Write past the page cache to a file opened with `O_DIRECT` and `O_DSYNC`: one call. What the
    /// journal does where the file system can.
    DirectDsync,
}

impl Mode {
    /// Whether only whole blocks can be written, from memory that is aligned to blocks.
    pub(super) const fn is_direct(self) -> bool {
        matches!(self, Self::Direct | Self::DirectDsync)
    }

    /// Whether a write is durable only after another call.
    pub(super) const fn needs_sync(self) -> bool {
        matches!(self, Self::Plain | Self::Direct)
    }

    /// Flags for opening the file; `None` where the system has no such mode.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(super) fn open_flags(self) -> Option<i32> {
        let direct = if self.is_direct() { libc::O_DIRECT } else { 0 };
        let sync = if self.needs_sync() { 0 } else { libc::O_DSYNC };
        Some(direct | sync)
    }

    /// Flags for opening the file; `None` where the system has no such mode.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(super) fn open_flags(self) -> Option<i32> {
        (self == Self::Plain).then_some(0)
    }
}

/// Where a batch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Layout {
    /// Where the last one ended. Past the page cache that means to write the last block again.
    Packed,
    /// At the next block; what is left of a block is filled with zeros.
    Padded,
}

/// A mode and a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Way {
    pub(super) mode: Mode,
    pub(super) layout: Layout,
}

impl Way {
    /// What others are compared with.
    pub(super) const YARDSTICK: Self = Self { mode: Mode::Plain, layout: Layout::Packed };

    /// The ways that differ at that length: where batches fill their blocks there is nothing to pad.
    pub(super) fn all(modes: &[Mode], batch_bytes: usize, block_bytes: usize) -> Vec<Self> {
        let layouts: &[Layout] = if batch_bytes.is_multiple_of(block_bytes) {
            &[Layout::Packed]
        } else {
            &[Layout::Packed, Layout::Padded]
        };
        let of = |layout: &Layout| modes.iter().map(|mode| Self { mode: *mode, layout: *layout }).collect();
        layouts.iter().flat_map(|layout| -> Vec<Self> { of(layout) }).collect()
    }

    /// Whether whole blocks are written.
    pub(super) fn writes_blocks(self) -> bool {
        self.mode.is_direct() || self.layout == Layout::Padded
    }

    pub(super) fn name(self) -> String {
        let mode = self.mode.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        match self.layout {
            Layout::Packed => mode,
            Layout::Padded => format!("{mode}, padded"),
        }
    }
}
