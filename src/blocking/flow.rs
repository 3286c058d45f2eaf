//! Flows, for callers who wait.

use serde::de::DeserializeOwned;

use super::{Engine, mirror};
use crate::domain::command::{BeginFlow, FlowAnswer, RemedyStep, Request};
use crate::domain::flow::{Flow, Rulebook};
use crate::domain::ids::{BusinessId, FlowId};
use crate::engine::{ChainView, FlowDone};
use crate::error::Error;
use crate::query::Timeline;

impl Engine {
    /// As [`crate::Engine::run_flow`], and waits for it.
    ///
    /// # Errors
    /// As for [`crate::Engine::run_flow`], and [`Error::InsideRuntime`].
    pub fn run_flow<C: DeserializeOwned>(
        &self,
        begin: impl Into<Request<BeginFlow>>,
    ) -> Result<FlowDone<C>, Error> {
        self.run(self.target().run_flow(begin))?
    }

    mirror! { "Engine":
        remedy(remedy: impl Into<Request<RemedyStep>>) -> FlowAnswer;
        flows() -> Vec<Flow>;
        flow_timeline(flow: FlowId, from: u64, limit: usize) -> Timeline;
    }

    /// As [`crate::Engine::chains`].
    #[must_use]
    pub fn chains(&self) -> Vec<ChainView> {
        self.target().chains()
    }

    /// As [`crate::Engine::rules_of`].
    #[must_use]
    pub fn rules_of(&self, business: &BusinessId) -> Option<Rulebook> {
        self.target().rules_of(business)
    }
}
