//! Flows: runs of a chain of nodes, with a way forward and a way back.
//!
//! - `chain` is what a flow goes through, as data.
//! - `draw` shows it as Mermaid and DOT.

mod chain;
mod draw;

pub use chain::{
    AfterCrash, Chain, DEFAULT, Effect, KeyScope, NodeSpec, Retry, Rulebook, STANDARD_CHAINS, Switch, Work,
    default_business,
};
