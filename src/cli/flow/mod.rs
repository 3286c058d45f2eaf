//! `earmark flow`: what business lines' flows are. Each command has a file.

mod check;
mod draw;
mod list;
mod remedy;

use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::args::Format;
use super::out::{Exit, Failure, Out};
use crate::domain::flow::Remedy;
use crate::domain::ids::FlowId;
use remedy::Decision;

/// What can be asked about flows.
#[derive(Debug, Subcommand)]
pub(super) enum FlowCommand {
    /// Check files of business lines: every mistake, with its line
    Check {
        /// The files
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Draw the chains of a business line's file
    Draw {
        /// The file
        file: PathBuf,
        /// Only the chains of this name, such as submit
        #[arg(long)]
        chain: Option<String>,
        /// The chains that a flow of this scene goes through: its own, and the default ones for what it has none of
        #[arg(long)]
        scene: Option<String>,
        /// How
        #[arg(long, default_value = "mermaid")]
        format: Format,
    },
    /// List the flows that have not ended
    List {
        /// The engine's folder
        folder: PathBuf,
    },
    /// Show a flow that has not ended: how far each node is, and its context
    Show {
        /// The engine's folder
        folder: PathBuf,
        /// The flow's number
        flow: FlowId,
    },
    /// Have a step that stands still tried again. This command WRITES to the folder
    Retry(Decision),
    /// Count a step that stands still as done. This command WRITES to the folder
    Skip(Decision),
    /// Give a step that stands still up: forwards the flow is rolled back, backwards it ends. This command WRITES to
    /// the folder
    Abandon(Decision),
}

pub(super) fn run(command: &FlowCommand, out: &mut Out) -> Result<Exit, Failure> {
    match command {
        FlowCommand::Check { files } => check::run(files, out),
        FlowCommand::Draw { file, chain, scene, format } => {
            let wanted = draw::Wanted { chain: chain.as_deref(), scene: scene.as_deref() };
            draw::run(file, &wanted, *format, out)
        }
        FlowCommand::List { folder } => list::list(folder, out),
        FlowCommand::Show { folder, flow } => list::show(folder, *flow, out),
        FlowCommand::Retry(decision) => remedy::run(Remedy::Retry, decision, out),
        FlowCommand::Skip(decision) => remedy::run(Remedy::Skip, decision, out),
        FlowCommand::Abandon(decision) => remedy::run(Remedy::Abandon, decision, out),
    }
}

/// The text of a file, and its name as it was given.
fn read(file: &Path) -> Result<(String, String), Failure> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::Unreadable(format!("{name} cannot be read: {error}")))?;
    Ok((name, text))
}
