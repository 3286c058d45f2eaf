//! What business lines bring along: the definitions of their flows, and what is theirs to provide.
//!
//! - `definition` reads a business line's file and finds every mistake in it, with file and line.
//! - `scope` is where something holds good, and how a look-up falls back.
//! - `extensions` are the places where business lines differ, as traits, and their providers.
//! - `plugins` collects all that is provided, and checks it against the definitions before anything runs.
//! - `standard` is the line that all others fall back on.
//!
//! What a flow is, and what its definition looks like as data, stands in [`crate::domain::flow`].

mod call;
mod definition;
pub(crate) mod erased;
mod extensions;
mod lineup;
mod node;
mod plugins;
mod scope;
pub mod standard;
mod stats;

pub use call::{BoxFuture, NodeCall};
pub(crate) use call::{Desk, Frame, Used};
pub use definition::{
    DEPTH_MAX, Definition, DefinitionErrors, FILE_BYTES_MAX, Mistake, NODES_MAX, RETRIES_MAX, WAIT_MS_MAX,
    repeated_businesses, scene_of, scenes,
};
pub use extensions::{ExtensionPoint, Extensions, MissingExtension};
pub use lineup::BusinessLine;
pub(crate) use lineup::{Bound, Lineup, Provider};
pub use node::{Node, NodeError, SubChain};
pub use plugins::Plugins;
pub use scope::{ByScope, Scope, Taken};
pub use standard::{OrderContext, Standard};
pub(crate) use stats::NodeStats;
