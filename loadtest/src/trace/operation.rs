//! What is asked of the engine for one event, and what it replies: plain values that also cross a pipe.

use earmark::domain::command::{
    CancelOrder, DeliverOrder, OrderAnswer, PayOrder, PlaceOrder, Request, ScopedKey, ShipOrder,
};
use earmark::domain::ids::OrderId;
use earmark::{Engine, Error};
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

/// Submits an operation to an engine.
pub(crate) async fn submit(engine: &Engine, operation: Operation) -> Result<Reply, Error> {
    fn request<C>(key: ScopedKey, command: C) -> Request<C> {
        Request::from(command).with_key(key.business, key.key)
    }
    let Operation { key, ask } = operation;
    let answer = match ask {
        Ask::Place(command) => engine.place(request(key, command)).await,
        Ask::Pay(command) => engine.pay(request(key, command)).await,
        Ask::Ship(command) => engine.ship(request(key, command)).await,
        Ask::Deliver(command) => engine.deliver(request(key, command)).await,
        Ask::Cancel(command) => engine.cancel(request(key, command)).await,
    };
    match answer {
        Ok(answer) => Ok(Reply::Accepted(answer)),
        Err(Error::Refused(refusal)) => {
            Ok(Reply::Refused { code: refusal.code().to_owned(), text: refusal.to_string() })
        }
        Err(error) => Err(error),
    }
}
