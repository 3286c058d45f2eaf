//! What is asked of the engine for one event, and what it replies: plain values that also cross a pipe.

use earmark::domain::command::{
    CancelOrder, DeliverOrder, OrderAnswer, PayOrder, PlaceOrder, Request, ScopedKey, ShipOrder,
};
use earmark::domain::ids::OrderId;
use earmark::flow::OrderContext;
use earmark::{BeginFlow, Engine, Error, Refusal};
use serde::{Deserialize, Serialize};

/// The action of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    Place,
    Pay,
    Ship,
    Deliver,
    Cancel,
}

impl Action {
    /// The action's name, as in the trace and in the names of answers.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Place => "place",
            Self::Pay => "pay",
            Self::Ship => "ship",
            Self::Deliver => "deliver",
            Self::Cancel => "cancel",
        }
    }
}

/// The command of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Ask {
    Place(PlaceOrder),
    Pay(PayOrder),
    Ship(ShipOrder),
    Deliver(DeliverOrder),
    Cancel(CancelOrder),
}

impl Ask {
    /// The action the command performs.
    pub(crate) const fn action(&self) -> Action {
        match self {
            Self::Place(_) => Action::Place,
            Self::Pay(_) => Action::Pay,
            Self::Ship(_) => Action::Ship,
            Self::Deliver(_) => Action::Deliver,
            Self::Cancel(_) => Action::Cancel,
        }
    }

    /// The chain of the default business line that does it.
    const fn chain(&self) -> &'static str {
        match self {
            Self::Place(_) => "submit",
            Self::Pay(_) => "pay",
            Self::Ship(_) => "ship",
            Self::Deliver(_) => "deliver",
            Self::Cancel(_) => "cancel",
        }
    }

    /// The order that is there already.
    const fn order(&self) -> Option<&OrderId> {
        match self {
            Self::Place(_) => None,
            Self::Pay(command) => Some(&command.order),
            Self::Ship(command) => Some(&command.order),
            Self::Deliver(command) => Some(&command.order),
            Self::Cancel(command) => Some(&command.order),
        }
    }
}

/// One event of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// The event's number in the file, from 1.
    pub(crate) number: u64,
    /// The order it is about.
    pub(crate) order: OrderId,
    /// What is to be done.
    pub(crate) ask: Ask,
}

/// One attempt at one event: executed at most once under its key, however often it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Operation {
    pub(crate) key: ScopedKey,
    pub(crate) ask: Ask,
}

/// The engine's word on an operation. A failure of the engine is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Reply {
    Accepted(OrderAnswer),
    Refused {
        /// The refusal's stable code.
        code: String,
        /// The refusal in words.
        text: String,
    },
}

fn request<C>(key: ScopedKey, command: C) -> Request<C> {
    Request::from(command).with_key(key.business, key.key)
}

/// How operations are given to an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Way {
    /// As commands.
    Commands,
    /// As flows of the default business line.
    Flows,
}

impl Way {
    /// The way that was asked for.
    pub(crate) const fn of(flows: bool) -> Self {
        if flows { Self::Flows } else { Self::Commands }
    }
}

/// Submits an operation to an engine.
pub(crate) async fn submit(engine: &Engine, operation: Operation, way: Way) -> Result<Reply, Error> {
    let answer = match way {
        Way::Commands => command(engine, operation).await,
        Way::Flows => flow(engine, operation).await,
    };
    match answer {
        Ok(answer) => Ok(Reply::Accepted(answer)),
        Err(Error::Refused(refusal)) => {
            Ok(Reply::Refused { code: refusal.code().to_owned(), text: refusal.to_string() })
        }
        Err(error) => Err(error),
    }
}

/// Runs an operation as a flow; the refusal of its command is the flow's.
async fn flow(engine: &Engine, operation: Operation) -> Result<OrderAnswer, Error> {
    let Operation { key, ask } = operation;
    let (chain, order) = (ask.chain(), ask.order().cloned());
    let context = match ask {
        Ask::Place(command) => OrderContext::placing(command),
        Ask::Pay(command) => OrderContext::paying(command),
        Ask::Ship(command) => OrderContext::shipping(command),
        Ask::Deliver(command) => OrderContext::delivering(command),
        Ask::Cancel(command) => OrderContext::cancelling(command),
    };
    let begin = BeginFlow::new(key.business.clone(), chain, &context);
    let mut begin = begin.map_err(|error| invalid(chain, &error.to_string()))?.for_scene("simple");
    begin.order = order;
    match engine.run_flow::<OrderContext>(request(key, begin)).await {
        Ok(done) => done.context.answer.ok_or_else(|| invalid(chain, "it came back without an answer")),
        Err(Error::Refused(Refusal::FlowFailed { refusal: Some(refusal), .. })) => {
            Err(Error::Refused(*refusal))
        }
        Err(error) => Err(error),
    }
}

fn invalid(chain: &str, problem: &str) -> Error {
    Error::Refused(Refusal::InvalidContext { chain: chain.into(), problem: problem.into() })
}

/// Submits an operation as a command.
async fn command(engine: &Engine, operation: Operation) -> Result<OrderAnswer, Error> {
    let Operation { key, ask } = operation;
    match ask {
        Ask::Place(command) => engine.place(request(key, command)).await,
        Ask::Pay(command) => engine.pay(request(key, command)).await,
        Ask::Ship(command) => engine.ship(request(key, command)).await,
        Ask::Deliver(command) => engine.deliver(request(key, command)).await,
        Ask::Cancel(command) => engine.cancel(request(key, command)).await,
    }
}
