//! Where commands read from: the folder, what stands under its first record, and the progress bar.

use std::path::Path;
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::out::Failure;
use crate::journal::LogError;
use crate::port::fs::RealFs;
use crate::port::{Clock, SystemClock};
use crate::replay::{Folder, Machine, Pace, ReadError, Reading, Rebuilding, Standing, Until, Unusable};

/// A folder with a progress bar on standard error, where that is a terminal.
pub(super) struct Source {
    folder: Folder,
    bar: ProgressBar,
}

impl Source {
    /// Looks whether there is a journal.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let folder = Folder::open(Arc::new(RealFs), path)?;
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(10));
        let style = ProgressStyle::with_template("{bar:40} {bytes} of {total_bytes} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Ok(Self { folder, bar })
    }

    /// No bar: the records themselves go to the terminal.
    pub(super) fn without_bar(mut self) -> Self {
        self.bar = ProgressBar::hidden();
        self
    }

    /// The folder as it was named.
    pub(super) fn name(&self) -> String {
        self.folder.path().display().to_string()
    }

    pub(super) const fn folder(&mut self) -> &mut Folder {
        &mut self.folder
    }

    /// Rebuilds the state at a point, on a snapshot where the journal's beginning was dropped.
    pub(super) fn rebuild(&mut self, until: Until) -> Result<Rebuilding, Failure> {
        let mut pace = self.pace();
        let rebuilding = self.folder.rebuild(until, &mut pace);
        self.done();
        rebuilding.map_err(failure)
    }

    /// The state to begin with where the journal's beginning was dropped, if there is one, and the snapshots that
    /// were tried before and could not be used, newest first.
    pub(super) fn standing(&mut self) -> Result<(Option<Standing>, Vec<Unusable>), Failure> {
        if self.folder.first_sequence()? <= 1 {
            return Ok((None, Vec::new()));
        }
        Ok(self.folder.newest_standing()?)
    }

    /// A function that moves the bar along.
    pub(super) fn pace(&self) -> impl FnMut(Pace) + use<> {
        let bar = self.bar.clone();
        move |pace: Pace| {
            bar.set_length(pace.bytes_total);
            bar.set_position(pace.bytes_done);
        }
    }

    /// Takes the bar away, before something is printed.
    pub(super) fn done(&self) {
        self.bar.finish_and_clear();
    }

    /// Feeds a machine; whatever ends the reading early is a failure.
    pub(super) fn replay(
        &mut self,
        from: u64,
        until: Until,
        machine: &mut dyn Machine,
    ) -> Result<Reading, Failure> {
        let mut pace = self.pace();
        let reading = self.folder.replay(from, until, machine, &mut pace).complete();
        self.done();
        reading.map_err(failure)
    }
}

fn failure(error: ReadError) -> Failure {
    match error {
        ReadError::Log(LogError::Damaged { .. }) | ReadError::Record { .. } => {
            Failure::Unreadable(format!("{error}; `earmark verify` says more"))
        }
        error => error.into(),
    }
}

/// Milliseconds on the wall, for saying how long something took.
pub(super) fn now_millis() -> u64 {
    SystemClock.now().as_millis()
}
