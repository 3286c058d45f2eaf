//! A day of a small shop, and a ledger of what its callers were told.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use earmark::domain::inventory::HoldOwner;
use earmark::{
    Answer, CartId, Command, Cut, DeliverOrder, Engine, Error, OrderAnswer, OrderCommand, OrderId, Refusal,
    Request, RetireOrder, ShipOrder, SkuCommand, SkuId, State,
};

use crate::common::{business, cancellation, cart, key, order, payment, placement, reserve, shipment, sku};

fn at(name: &str, command: SkuCommand) -> Request<Command> {
    Command::Sku(sku(name), command).into()
}

fn receive(name: &str, quantity: u64) -> Request<Command> {
    at(name, SkuCommand::receive(quantity, "delivery"))
}

fn keyed(name: &str, command: impl Into<Command>) -> Request<Command> {
    Request::from(command.into()).with_key(business(), key(name))
}

fn plain(command: impl Into<Command>) -> Request<Command> {
    command.into().into()
}

fn retirement(id: &str) -> RetireOrder {
    RetireOrder { order: order(id), refunded: true }
}

/// Steps one after the other; the commands of a step side by side.
pub fn script() -> Vec<Vec<Request<Command>>> {
    vec![
        vec![receive("a", 10), receive("b", 6), receive("c", 3)],
        vec![
            plain(placement("o1", &[("a", 2), ("b", 1)])),
            keyed("k2", placement("o2", &[("c", 2), ("a", 1)])),
        ],
        vec![
            plain(placement("o3", &[("b", 1), ("c", 2)])),
            at("a", reserve("cart-1", 3)),
            keyed("k3", placement("o4", &[("a", 1), ("never", 1)])),
        ],
        vec![plain(payment("o1", 1_000)), keyed("k4", payment("o2", 3_000))],
        vec![keyed("k5", payment("o1", 2_000)), at("a", reserve("cart-1", 2))],
        vec![plain(shipment("o1", &[(1, 1)])), plain(cancellation("o2", &[(1, 1)]))],
        vec![
            plain(placement("o5", &[("a", 1), ("b", 2), ("c", 1)])),
            at("a", SkuCommand::Commit { cart: cart("cart-1") }),
        ],
        vec![plain(payment("o5", 4_000)), keyed("k6", cancellation("o1", &[(1, 1)]))],
        vec![
            plain(ShipOrder::all(order("o5"))),
            keyed("k7", at("b", SkuCommand::adjust(-1, "count")).command),
        ],
        vec![
            plain(DeliverOrder::all(order("o5"))),
            keyed("k8", cancellation("o2", &[])),
            at("a", SkuCommand::Release { cart: cart("cart-1") }),
        ],
        vec![keyed("k9", placement("o6", &[("a", 90)])), receive("c", 1)],
        vec![keyed("k10", retirement("o2")), plain(retirement("o5")), plain(retirement("o1"))],
        vec![plain(retirement("o6")), keyed("k11", placement("o5", &[("a", 1)]))],
    ]
}

/// What callers were told of one entity's part.
#[derive(Clone, Debug, Default)]
struct Told {
    answer: Option<OrderAnswer>,
    refused: Option<Refusal>,
    /// A command is out whose outcome nobody was told.
    uncertain: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Ledger {
    orders: BTreeMap<OrderId, Told>,
    versions: BTreeMap<SkuId, u64>,
    held: BTreeMap<(SkuId, CartId), u64>,
    uncertain: BTreeSet<(SkuId, CartId)>,
    keyed: Vec<(Request<Command>, Result<Answer, Refusal>)>,
    pub answered: usize,
}

fn cart_of(command: &SkuCommand) -> Option<CartId> {
    match command {
        SkuCommand::Reserve(earmark::ReserveStock { cart, .. })
        | SkuCommand::Commit { cart }
        | SkuCommand::Release { cart } => Some(cart.clone()),
        _ => None,
    }
}

impl Ledger {
    /// Runs the script until a machine error stops it.
    pub async fn run(&mut self, engine: &Engine) -> ControlFlow<Error> {
        for step in script() {
            step.iter().for_each(|request| self.asked(&request.command));
            let mut stopped = None;
            for (request, answer) in step.iter().zip(engine.submit_all(step.clone()).await) {
                match answer {
                    Ok(answer) => self.told(request, Ok(answer)),
                    Err(Error::Refused(refusal)) => self.told(request, Err(refusal)),
                    Err(error) => stopped = Some(error),
                }
            }
            if let Some(error) = stopped {
                return ControlFlow::Break(error);
            }
        }
        ControlFlow::Continue(())
    }

    fn asked(&mut self, command: &Command) {
        match command {
            Command::Order(Some(id), _) => self.orders.entry(id.clone()).or_default().uncertain = true,
            Command::Sku(sku, command) => {
                self.uncertain.extend(cart_of(command).map(|cart| (sku.clone(), cart)));
            }
            Command::Order(None, _) | Command::Flow(..) | Command::Lock(_) => {}
        }
    }

    fn told(&mut self, request: &Request<Command>, outcome: Result<Answer, Refusal>) {
        self.answered += 1;
        if request.key.is_some() {
            self.keyed.push((request.clone(), outcome.clone()));
        }
        match (&request.command, outcome) {
            (Command::Order(Some(id), command), outcome) => {
                let told = self.orders.entry(id.clone()).or_default();
                told.uncertain = false;
                match (command, outcome) {
                    (_, Ok(Answer::Order(answer))) => told.answer = Some(answer),
                    (_, Err(Refusal::OrderRetired { .. })) => {}
                    (OrderCommand::Place(_), Err(refusal)) => told.refused = Some(refusal),
                    _ => {}
                }
            }
            (Command::Sku(sku, command), Ok(Answer::Stock(answer))) => {
                self.versions.insert(sku.clone(), answer.version);
                if let Some(cart) = cart_of(command) {
                    self.uncertain.remove(&(sku.clone(), cart.clone()));
                    self.held.insert((sku.clone(), cart), answer.held);
                }
            }
            _ => {}
        }
    }

    /// What callers were told is true of the engine's state.
    pub fn assert_true_of(&self, cut: &Cut, what: &str) {
        assert_eq!(cut.violations, Vec::<String>::new(), "{what}");
        for (id, told) in &self.orders {
            if let Some(left) = cut.retired.iter().find(|left| left.id == *id) {
                let version = told.answer.as_ref().map_or(0, |answer| answer.version);
                let as_told = if told.uncertain { left.version >= version } else { left.version == version };
                assert!(as_told, "{what}: {id} was retired, and {version} was its last version");
                continue;
            }
            let found = cut.orders.iter().find(|order| order.id == *id);
            if let Some(answer) = &told.answer {
                let found = found.unwrap_or_else(|| panic!("{what}: {id} is gone"));
                assert!(found.version >= answer.version, "{what}: {id} went back");
                if !told.uncertain {
                    assert_eq!(found.answer(), *answer, "{what}");
                }
            }
            if let Some(refusal) = &told.refused {
                let found = found.unwrap_or_else(|| panic!("{what}: the refused {id} is gone"));
                assert_eq!(
                    (found.state, found.refusal.as_ref()),
                    (State::Cancelled, Some(refusal)),
                    "{what}"
                );
            }
        }
        for (sku, version) in &self.versions {
            let found = cut.skus.iter().find(|found| found.sku == *sku).map_or(0, |found| found.version);
            assert!(found >= *version, "{what}: {sku} went back");
        }
        for (place, held) in self.held.iter().filter(|(place, _)| !self.uncertain.contains(*place)) {
            let sku = cut.skus.iter().find(|found| found.sku == place.0).unwrap();
            let hold = sku.hold(&HoldOwner::Cart(place.1.clone()));
            assert_eq!(hold.map_or(0, |hold| hold.held().unwrap()), *held, "{what}: {place:?}");
        }
    }

    /// Keyed commands that were answered are answered the same again.
    pub async fn assert_keys_remembered(&self, engine: &Engine, what: &str) {
        for (request, outcome) in &self.keyed {
            let again =
                engine.submit::<Command>(request.clone()).await.map_err(|error| error.refusal().cloned());
            assert_eq!(again, outcome.clone().map_err(Some), "{what}: {:?}", request.key);
        }
    }
}
