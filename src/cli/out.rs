//! What a command prints, and how it ends.

use std::fmt;
use std::io::{self, BufWriter, Stdout, Write};
use std::process::ExitCode;

use serde::Serialize;

use crate::replay::ReadError;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    Fine = 0,
    /// Something is wrong with the journal or the file, or what was asked for is not in it.
    Wrong = 1,
    /// Wrong arguments.
    Usage = 2,
    /// The folder or the file cannot be read.
    Unreadable = 3,
    /// A running engine dropped segments while they were read.
    Changed = 4,
    /// An engine has the folder open, and the command needs it for itself.
    InUse = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command could not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Unreadable(String),
    #[error("{0}")]
    InUse(String),
}

impl Failure {
    const fn exit(&self) -> Exit {
        match self {
            Self::Read(ReadError::Changed { .. }) => Exit::Changed,
            Self::Read(_) | Self::Unreadable(_) => Exit::Unreadable,
            Self::Usage(_) => Exit::Usage,
            Self::InUse(_) => Exit::InUse,
        }
    }
}

/// Standard output. When nobody reads it any more, what is written goes nowhere and no one is told: that is
/// how `| head` ends.
pub(super) struct Out {
    to: BufWriter<Stdout>,
    json: bool,
    gone: bool,
    failed: Option<io::Error>,
}

#[derive(Serialize)]
struct ErrorJson<'a> {
    error: &'a str,
    exit_code: u8,
}

impl Out {
    pub(super) fn new(json: bool) -> Self {
        Self { to: BufWriter::with_capacity(1 << 16, io::stdout()), json, gone: false, failed: None }
    }

    /// Whether JSON is asked for.
    pub(super) const fn is_json(&self) -> bool {
        self.json
    }

    /// Whether nothing more can be written: nobody reads on, or writing failed.
    pub(super) const fn is_gone(&self) -> bool {
        self.gone || self.failed.is_some()
    }

    /// One line of text.
    pub(super) fn line(&mut self, text: impl fmt::Display) {
        let written = writeln!(self, "{text}");
        self.note(written);
    }

    /// One value as a line of JSON.
    pub(super) fn json(&mut self, value: &impl Serialize) {
        let written = serde_json::to_writer(&mut *self, value).map_err(io::Error::from);
        let written = written.and_then(|()| self.write_all(b"\n"));
        self.note(written);
    }

    /// For what writes by itself.
    pub(super) const fn raw(&mut self) -> &mut dyn Write {
        self
    }

    /// Tells standard error why nothing more comes.
    pub(super) fn fail(&mut self, failure: &Failure) -> Exit {
        let exit = failure.exit();
        self.complain(&failure.to_string(), exit);
        exit
    }

    /// Tells standard error something that is no error.
    pub(super) fn note_to_stderr(&self, note: &str) {
        let mut err = io::stderr().lock();
        // There is nobody left to tell that standard error cannot be written.
        let _ = if self.json {
            let note = serde_json::json!({ "note": note });
            writeln!(err, "{note}")
        } else {
            writeln!(err, "earmark: {note}")
        };
    }

    /// Tells standard error something.
    pub(super) fn complain(&mut self, message: &str, exit: Exit) {
        let mut err = io::stderr().lock();
        // There is nobody left to tell that standard error cannot be written.
        let _ = if self.json {
            let error = ErrorJson { error: message, exit_code: exit as u8 };
            serde_json::to_writer(&mut err, &error)
                .map_err(io::Error::from)
                .and_then(|()| err.write_all(b"\n"))
        } else {
            writeln!(err, "earmark: {message}")
        };
    }

    /// Writes what is left; answers how the process ends.
    pub(super) fn end(mut self, exit: Exit) -> Exit {
        let flushed = self.flush();
        self.note(flushed);
        match self.failed.take() {
            None => exit,
            Some(error) => {
                self.complain(&format!("standard output cannot be written: {error}"), Exit::Unreadable);
                Exit::Unreadable
            }
        }
    }

    fn note(&mut self, written: io::Result<()>) {
        if let Err(error) = written {
            self.failed.get_or_insert(error);
        }
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.gone {
            return Ok(bytes.len());
        }
        match self.to.write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.gone = true;
                Ok(bytes.len())
            }
            written => written,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.gone {
            return Ok(());
        }
        match self.to.flush() {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.gone = true;
                Ok(())
            }
            flushed => flushed,
        }
    }
}
