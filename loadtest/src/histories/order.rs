//! What one order does, one call after another: the model that its histories are held against. Which stock
//! there was is the business of its SKUs; here a placement may be refused for it.

use std::collections::{BTreeMap, BTreeSet};

use earmark::State;
use porcupine_rs::Model;

use super::call::{OrderCall, Outcome};

/// A call to the order.
#[derive(Clone, Debug)]
pub(super) struct OrderOp {
    pub(super) call: OrderCall,
    pub(super) key: Option<u32>,
    /// `None` where nobody knows.
    pub(super) outcome: Option<Outcome>,
}

/// The order between two calls.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Known {
    state: Option<State>,
    answered: BTreeMap<u32, Outcome>,
}

/// The codes with which an order that exists refuses what its state does not allow.
const NOT_NOW: [&str; 2] = ["WRONG_STATE", "NOTHING_LEFT"];

/// The codes with which a placement is refused for its stock.
const NO_STOCK: [&str; 3] = ["INSUFFICIENT_STOCK", "CONTENDED", "UNKNOWN_SKU"];

impl Known {
    /// Where an accepted call leads from here; `None` where it is not accepted.
    fn accepted(&self, call: &OrderCall) -> Option<State> {
        match (call, self.state) {
            (OrderCall::Place(_), None) => Some(State::Reserved),
            (OrderCall::Pay(_), Some(State::Reserved | State::Paid)) => Some(State::Paid),
            (OrderCall::Ship, Some(State::Paid)) => Some(State::Shipped),
            (OrderCall::Deliver, Some(State::Shipped)) => Some(State::Fulfilled),
            (OrderCall::Cancel, Some(State::Reserved | State::Paid)) => Some(State::Cancelled),
            _ => None,
        }
    }

    /// The order after a call that came back so.
    fn after(&self, op: &OrderOp, outcome: &Outcome) -> Option<Self> {
        if let Some(before) = op.key.and_then(|key| self.answered.get(&key)) {
            return (before == outcome).then(|| self.clone());
        }
        let state = match outcome {
            Outcome::Order(seen) if op.call == OrderCall::View => {
                // An order that is being placed can be seen, although its placement has not come back.
                let fits = self.state == Some(*seen) || (self.state.is_none() && *seen == State::Created);
                fits.then_some(self.state)?
            }
            Outcome::Nothing => self.state.is_none().then_some(None)?,
            Outcome::Order(state) => (self.accepted(&op.call)? == *state).then_some(Some(*state))?,
            Outcome::Refused { code, .. } => self.refused(&op.call, code)?,
            Outcome::Stock { .. } | Outcome::Stocked { .. } => return None,
        };
        let mut next = Self { state, answered: self.answered.clone() };
        if let Some(key) = op.key {
            next.answered.insert(key, outcome.clone());
        }
        Some(next)
    }

    /// The state after a call that was refused, if it can have been.
    fn refused(&self, call: &OrderCall, code: &str) -> Option<Option<State>> {
        match (call, self.state) {
            (OrderCall::Place(_), None) if NO_STOCK.contains(&code) => Some(Some(State::Cancelled)),
            (OrderCall::Place(_), Some(_)) if code == "ORDER_EXISTS" => Some(self.state),
            (OrderCall::Place(_), _) => None,
            (_, None) => (code == "UNKNOWN_ORDER").then_some(None),
            (_, Some(_)) => (NOT_NOW.contains(&code) && self.accepted(call).is_none()).then_some(self.state),
        }
    }

    /// Every order that a call may have left of which nothing came back.
    fn after_unknown(&self, op: &OrderOp) -> Vec<Self> {
        let mut outcomes: Vec<_> = self.accepted(&op.call).map(Outcome::Order).into_iter().collect();
        let mut refusals: Vec<&str> = vec!["ORDER_EXISTS", "UNKNOWN_ORDER"];
        refusals.extend(NOT_NOW.iter().chain(&NO_STOCK));
        outcomes.extend(refusals.into_iter().map(|code| Outcome::Refused {
            code: code.to_owned(),
            sku: None,
            available: None,
        }));
        outcomes.iter().filter_map(|outcome| self.after(op, outcome)).collect()
    }
}

/// The model: every state that the order may be in.
#[derive(Clone, Debug)]
pub(super) struct OrderModel;

impl Model for OrderModel {
    type State = BTreeSet<Known>;
    type Op = OrderOp;
    type Metadata = ();

    fn init() -> Self::State {
        BTreeSet::from([Known::default()])
    }

    fn step(states: &Self::State, op: &OrderOp) -> (bool, Self::State) {
        let next: Self::State = match &op.outcome {
            Some(outcome) => {
                let bare = bare(outcome);
                states.iter().filter_map(|state| state.after(op, &bare)).collect()
            }
            None => {
                let mut next: Self::State = states.iter().flat_map(|state| state.after_unknown(op)).collect();
                next.extend(states.iter().cloned());
                next
            }
        };
        (!next.is_empty(), next)
    }
}

/// The outcome without what only the SKU knows.
fn bare(outcome: &Outcome) -> Outcome {
    match outcome {
        Outcome::Refused { code, .. } => Outcome::Refused { code: code.clone(), sku: None, available: None },
        other => other.clone(),
    }
}
