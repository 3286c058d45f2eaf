//! Progress on standard error: a bar on a terminal, a line every few seconds elsewhere.

use std::time::{Duration, Instant};

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::report;

/// How often a line is printed where there is no terminal to draw a bar on.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// How often a bar is redrawn although nothing happened, so that its clock runs on.
const TICK: Duration = Duration::from_millis(200);

/// How far a run has come.
pub(crate) struct Progress {
    bar: ProgressBar,
    is_terminal: bool,
    what: &'static str,
    next_line: Instant,
}

impl Progress {
    /// Starts counting `what` ("orders", "events") up to `total`; without a total there is only a count.
    pub(crate) fn new(what: &'static str, total: Option<u64>) -> Self {
        let bar = match total {
            Some(total) => ProgressBar::new(total),
            None => ProgressBar::no_length(),
        };
        let template = match total {
            Some(_) => "{elapsed_precise} [{bar:32}] {human_pos}/{human_len} {prefix} {per_sec} {msg}",
            None => "{elapsed_precise} {spinner} {human_pos} {prefix} {per_sec} {msg}",
        };
        bar.set_draw_target(ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(what);
        let is_terminal = !bar.is_hidden();
        if is_terminal {
            bar.enable_steady_tick(TICK);
        }
        Self { bar, is_terminal, what, next_line: Instant::now() + LINE_EVERY }
    }

    /// The count is now `position`.
    pub(crate) fn at(&mut self, position: u64) {
        self.bar.set_position(position);
        if self.is_terminal || Instant::now() < self.next_line {
            return;
        }
        self.next_line = Instant::now() + LINE_EVERY;
        let count = HumanCount(position);
        let of = match self.bar.length() {
            Some(total) => format!(" of {}", HumanCount(total)),
            None => String::new(),
        };
        let seconds = self.bar.elapsed().as_secs();
        report::note(&format!("{seconds:>4} s  {count}{of} {}", self.what));
    }

    /// An engine is replaying its journal.
    pub(crate) fn recovering(&self, bytes_done: u64, bytes_total: u64) {
        let percent = bytes_done.saturating_mul(100).checked_div(bytes_total).unwrap_or(100);
        self.bar.set_message(if percent < 100 { format!("recovering: {percent} %") } else { String::new() });
    }

    /// Something worth a line of its own happened.
    pub(crate) fn event(&self, text: &str) {
        if self.is_terminal {
            self.bar.println(text);
        } else {
            report::note(text);
        }
    }

    /// Takes the bar away; what follows is the report.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
