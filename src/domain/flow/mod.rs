//! Flows: runs of a chain of nodes, with a way forward and a way back.
//!
//! - `chain` is what a flow goes through, as data: what a business line's file says; `draw` shows it.
//! - `event` is what can happen to a flow, `state` what it is after that, `apply` the way from the one to the other.
//! - `next` says what comes next by the rules; `decide` what follows from what came of it.
//!
//! Applying needs no rules, so a journal can be replayed without the code of any business line.

mod apply;
mod chain;
mod decide;
mod draw;
mod event;
mod next;
mod state;

pub use apply::FlowBroken;
pub use chain::{
    AfterCrash, Chain, DEFAULT, Effect, KeyScope, NodeSpec, Retry, Rulebook, STANDARD_CHAINS, Switch, Work,
    default_business,
};
pub use decide::{Worked, decide_interrupted, decide_remedy, decide_rolled_back, decide_worked};
pub use event::{Entry, FailureKind, FlowEvent, NodeFailure, NodeRef, Phase, Remedy};
pub use next::{Call, Next, Step, advance, next};
pub use state::{Flow, Progress, Run, Stand, Undo, Verdict};
