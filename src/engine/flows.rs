//! Flows: beginning them, looking at them, deciding about steps that stand still.

use serde::Serialize;
use serde::de::DeserializeOwned;
use smol_str::SmolStr;

use super::{Engine, works};
use crate::actor::flow::ChainView;
use crate::domain::command::{Answer, BeginFlow, FlowAnswer, RemedyStep, Request};
use crate::domain::flow::{DEFAULT, Flow, Rulebook};
use crate::domain::ids::{BusinessId, CustomerId, FlowId, OrderId};
use crate::domain::refusal::Refusal;
use crate::error::Error;

/// A flow that has come to its end, with what its nodes made of the context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowDone<C> {
    /// The flow.
    pub flow: FlowId,
    /// The order that it was about.
    pub order: Option<OrderId>,
    /// The node that ended the way forward without a failure, and why.
    pub skipped: Option<(SmolStr, SmolStr)>,
    /// The context at the end.
    pub context: C,
}

impl BeginFlow {
    /// A chain of a business line, for no scene, order or customer in particular.
    ///
    /// # Errors
    /// When the context cannot be written as JSON.
    pub fn new(
        business: BusinessId,
        chain: &str,
        context: &impl Serialize,
    ) -> Result<Self, serde_json::Error> {
        let context = serde_json::to_string(context)?.into();
        let (scene, chain) = (SmolStr::new_static(DEFAULT), chain.into());
        Ok(Self { business, scene, chain, order: None, customer: None, context })
    }

    /// The same for a scene: the name of an order type.
    #[must_use]
    pub fn for_scene(mut self, scene: impl Into<SmolStr>) -> Self {
        self.scene = scene.into();
        self
    }

    /// The same about an order. It goes by the rules that the order was placed under.
    #[must_use]
    pub fn about(mut self, order: OrderId) -> Self {
        self.order = Some(order);
        self
    }

    /// The same for a customer.
    #[must_use]
    pub fn for_customer(mut self, customer: CustomerId) -> Self {
        self.customer = Some(customer);
        self
    }
}

impl Engine {
    /// Runs a chain to its end: when it answers, the flow's end is durable. With a key it runs at most once.
    ///
    /// # Errors
    /// [`Refusal::FlowFailed`] when a node failed; what had run before it has been rolled back then, and what could
    /// not be is tried again later. [`Refusal::Parked`] when an operator has to look at it. Else as for
    /// [`Engine::submit`].
    pub async fn run_flow<C: DeserializeOwned>(
        &self,
        begin: impl Into<Request<BeginFlow>>,
    ) -> Result<FlowDone<C>, Error> {
        let begin: Request<BeginFlow> = begin.into();
        let chain = begin.command.chain.clone();
        let FlowAnswer { flow, order, skipped, context } =
            flow_answer(self.submit::<BeginFlow>(begin).await)?;
        let context = serde_json::from_str(&context).map_err(|error| {
            Error::Refused(Refusal::InvalidContext { chain, problem: error.to_string().into() })
        })?;
        Ok(FlowDone { flow, order, skipped, context })
    }

    /// Decides about a step of a flow that stands still: one that waits to be tried again, whose rollback failed for
    /// good, or whose provider this engine does not have.
    ///
    /// # Errors
    /// [`Refusal::UnknownFlow`], [`Refusal::NothingStandsStill`], [`Refusal::StepNotNamed`]; else as for
    /// [`Engine::submit`].
    pub async fn remedy(&self, remedy: impl Into<Request<RemedyStep>>) -> Result<FlowAnswer, Error> {
        flow_answer(self.submit(remedy).await)
    }

    /// Every flow that has not ended, by number.
    ///
    /// # Errors
    /// When the engine is halted or closed.
    pub async fn flows(&self) -> Result<Vec<Flow>, Error> {
        let (works, _) = works::collect(&self.inner.core).await?;
        self.flush().await?;
        Ok(works.flows.into_values().collect())
    }

    /// Every chain that has run since the engine was opened, with how often and how long each node worked and how it
    /// came out last.
    #[must_use]
    pub fn chains(&self) -> Vec<ChainView> {
        self.inner.core.flows.views()
    }

    /// The rules that a business line of this engine goes by now.
    #[must_use]
    pub fn rules_of(&self, business: &BusinessId) -> Option<Rulebook> {
        let flows = &self.inner.core.flows;
        Some((*flows.rulebook(flows.current(business)?)?).clone())
    }
}

fn flow_answer(answer: Result<Answer, Error>) -> Result<FlowAnswer, Error> {
    match answer? {
        Answer::Flow(answer) => Ok(answer),
        Answer::Order(_) | Answer::Stock(_) | Answer::Lock(_) => {
            Err(Error::KeyReused { key: "that of another command".to_owned() })
        }
    }
}
