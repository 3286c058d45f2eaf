//! What can be asked for.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::flow::FlowCommand;
use super::orders::Wish;
use super::sweep::Extent;
use crate::domain::order::Lifecycle;
use crate::domain::time::Timestamp;
use crate::replay::RecordKind;

const EXIT_CODES: &str = "\
Exit codes:
  0  fine
  1  something is wrong with the journal or the file, or what was asked for is not in it
  2  wrong arguments
  3  the folder or the file cannot be read
  4  a running engine dropped segments while they were read: run again
  5  an engine has the folder open, and the command needs it for itself

No command writes to the folder but `snapshot` and `flow retry`, `skip` and `abandon`. A folder that an engine has open is read up to what is durable.";

const SNAPSHOT: &str = "\
Take a snapshot of a folder that no engine has open. This command WRITES to the folder

It opens the engine on the folder with its lock, as a program does, takes the snapshot, and closes the engine. \
What every opening does is done too: a torn last batch is cut, orders that a crash left between two steps are \
finished or undone, and what has come due meanwhile may expire. The two newest snapshots are kept; nothing of \
the journal is dropped. A folder in use is refused with exit code 5.";

const SWEEP: &str = "\
Cut a copy of the journal behind its records and within its last batch, and recover each time

The copy is in memory; the folder is only read. At each cut an engine recovers, the power goes again, and another \
one recovers. Checked are: nothing that stood before the cut is missing or changed, and nothing behind it is \
there; every order that the cut left between two steps is finished or undone; units are conserved, and orders \
agree with the holds on their SKUs; the state, that of the journal and that behind the second crash have one hash.";

/// Looks into the folder of an Earmark engine, in use or not; what changes anything in it says so.
#[derive(Debug, Parser)]
#[command(name = "earmark", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
    /// Print JSON instead of text; errors too, to standard error
    #[arg(long, global = true)]
    pub(super) json: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Check every byte and every record: checksums, hash chain, versions, conservation of stock
    Verify {
        /// The engine's folder
        folder: PathBuf,
    },
    /// Show the state as a whole: its hash, orders by state and business, units of stock
    State {
        /// The engine's folder
        folder: PathBuf,
        /// Behind this record, or at this time: a sequence number, or an RFC 3339 time such as 2026-11-21T09:30:00Z
        #[arg(long, value_name = "SEQ|TIME", value_parser = parse_at)]
        at: Option<At>,
    },
    /// Show an order, a SKU, a flow or a named lock, and what happened to it
    Inspect {
        /// The engine's folder
        folder: PathBuf,
        /// What it is
        kind: Entity,
        /// Its id
        id: String,
        /// How many of the last entries of its history (and of a SKU's holders) to show; 0 for all
        #[arg(long, value_name = "N", default_value_t = 20)]
        last: usize,
    },
    /// List and find orders of all types, the newest first; or count them
    Orders(Wish),
    /// Say why an order was refused, or why it stands where it stands
    Why {
        /// The engine's folder
        folder: PathBuf,
        /// The order's id
        order: String,
    },
    /// Write the journal's records as JSON, one a line; or the entities that they make
    Dump(Dump),
    /// Take a snapshot of a folder that no engine has open. This command WRITES to the folder
    #[command(long_about = SNAPSHOT)]
    Snapshot {
        /// The engine's folder
        folder: PathBuf,
    },
    /// Cut a copy of the journal behind its records and within its last batch, and recover each time
    #[command(long_about = SWEEP)]
    CrashSweep {
        /// The engine's folder
        folder: PathBuf,
        #[command(flatten)]
        extent: Extent,
    },
    /// Draw the lifecycle of an order type
    Draw {
        /// Which one
        #[arg(default_value = "simple", value_parser = clap::builder::PossibleValuesParser::new(lifecycles()))]
        lifecycle: String,
        /// How
        #[arg(long, default_value = "mermaid")]
        format: Showing,
    },
    /// Flows: check and draw the files of business lines; list flows under way, and decide about those that stand still
    #[command(subcommand)]
    Flow(FlowCommand),
    /// Write a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
pub(super) struct Dump {
    /// The engine's folder
    pub(super) folder: PathBuf,
    /// The first record
    #[arg(long, value_name = "SEQ")]
    pub(super) from: Option<u64>,
    /// The last record
    #[arg(long, value_name = "SEQ")]
    pub(super) to: Option<u64>,
    /// Only records (with --entities: entities) of this kind
    #[arg(long)]
    pub(super) kind: Option<Kind>,
    /// Write the state behind the last record instead: a line for each SKU and each order
    #[arg(long, conflicts_with = "from")]
    pub(super) entities: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Entity {
    /// An order
    Order,
    /// A SKU
    Sku,
    /// A flow, by its number
    Flow,
    /// A named lock
    Lock,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(super) enum Kind {
    /// Events of orders
    Order,
    /// Movements of SKUs
    Sku,
    /// Commands as they came in
    Command,
    /// Refused commands
    Refusal,
    /// Entities parked and unparked
    Park,
    /// Idempotency keys forgotten
    KeysForgotten,
    /// Steps of flows
    Flow,
    /// Rules of business lines
    Rules,
    /// Events of named locks
    Lock,
}

impl Kind {
    pub(super) const fn of_record(self) -> RecordKind {
        match self {
            Self::Order => RecordKind::Order,
            Self::Sku => RecordKind::Sku,
            Self::Command => RecordKind::Command,
            Self::Refusal => RecordKind::Refusal,
            Self::Park => RecordKind::Park,
            Self::KeysForgotten => RecordKind::KeysForgotten,
            Self::Flow => RecordKind::Flow,
            Self::Rules => RecordKind::Rules,
            Self::Lock => RecordKind::Lock,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Format {
    /// Mermaid, for pages
    Mermaid,
    /// DOT, for Graphviz
    Dot,
}

/// What is shown of a lifecycle.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Showing {
    /// Mermaid, for pages
    Mermaid,
    /// DOT, for Graphviz
    Dot,
    /// A table of what system, merchant and buyer see in each state
    Views,
}

/// A point in the history.
#[derive(Clone, Copy, Debug)]
pub(super) enum At {
    Sequence(u64),
    Time(Timestamp),
}

fn parse_at(text: &str) -> Result<At, String> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().map(At::Sequence).map_err(|_| "the sequence number is too large".to_owned());
    }
    let time: jiff::Timestamp = text.parse().map_err(|error| {
        format!("neither a sequence number nor an RFC 3339 time such as 2026-11-21T09:30:00Z ({error})")
    })?;
    moment(time).map(At::Time)
}

/// An RFC 3339 time.
pub(super) fn parse_time(text: &str) -> Result<Timestamp, String> {
    let time = text
        .parse()
        .map_err(|error| format!("not an RFC 3339 time such as 2026-11-21T09:30:00Z ({error})"))?;
    moment(time)
}

fn moment(time: jiff::Timestamp) -> Result<Timestamp, String> {
    let millis = u64::try_from(time.as_millisecond()).map_err(|_| "the time lies before 1970".to_owned())?;
    Ok(Timestamp::from_millis(millis))
}

/// A lifecycle's name on the command line: the first word of the name that people see.
pub(super) fn lifecycle_name(lifecycle: &Lifecycle) -> &'static str {
    lifecycle.name.split(' ').next().unwrap_or(lifecycle.name)
}

fn lifecycles() -> Vec<&'static str> {
    Lifecycle::all().iter().map(|lifecycle| lifecycle_name(lifecycle)).collect()
}
