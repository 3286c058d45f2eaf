//! What the parent was told: the acknowledged truth that the next opening is held to.

use std::collections::BTreeMap;

use earmark::domain::command::Outcome;
use earmark::domain::inventory::HoldOwner;
use earmark::{
    Answer, CartId, Command, Cut, OrderAnswer, OrderCommand, OrderId, Refusal, Request, ReserveStock,
    ScopedKey, SkuCommand, SkuId, State,
};

/// What is known of one order.
#[derive(Clone, Debug, Default, PartialEq)]
struct Known {
    /// The order as its caller was told last.
    answer: Option<OrderAnswer>,
    /// Why its placement was refused.
    refused: Option<Refusal>,
    /// Calls whose answer never arrived.
    in_doubt: u32,
}

/// Units that came in, or went out, for good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Units {
    sure: u64,
    /// Units of calls whose answer never arrived.
    in_doubt: u64,
}

/// What is known of one SKU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Stock {
    version: u64,
    received: Units,
    written_off: Units,
}

/// A call that has not been answered.
#[derive(Clone, Debug)]
struct Call {
    request: Request<Command>,
    /// Whether its key was answered before: it changes nothing.
    is_again: bool,
}

/// Everything that was acknowledged about one folder.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    calls: BTreeMap<u64, Call>,
    orders: BTreeMap<OrderId, Known>,
    /// What carts hold; `None` where nobody was told.
    carts: BTreeMap<(SkuId, CartId), Option<u64>>,
    stock: BTreeMap<SkuId, Stock>,
    keyed: BTreeMap<ScopedKey, (Request<Command>, Outcome)>,
}

/// What a ledger and a cut were compared in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Compared {
    pub(super) orders: u64,
    pub(super) carts: u64,
    pub(super) counters: u64,
    /// Calls without an answer.
    pub(super) in_doubt: u64,
}

/// The carts whose holds a command changes.
fn carts_of(command: &Command) -> Vec<(SkuId, CartId)> {
    match command {
        Command::Sku(sku, SkuCommand::Reserve(ReserveStock { cart, .. }) | SkuCommand::Release { cart }) => {
            vec![(sku.clone(), cart.clone())]
        }
        Command::Order(_, OrderCommand::Place(place)) => {
            let lines = place.lines.iter();
            place.cart.iter().flat_map(|cart| lines.clone().map(|l| (l.sku.clone(), cart.clone()))).collect()
        }
        _ => Vec::new(),
    }
}

/// The counter of units that a command moves for good, and how many.
fn units_of<'a>(stock: &'a mut Stock, command: &SkuCommand) -> Option<(&'a mut Units, u64)> {
    match command {
        SkuCommand::Receive { quantity, .. } => Some((&mut stock.received, *quantity)),
        SkuCommand::WriteOff { quantity, .. } => Some((&mut stock.written_off, *quantity)),
        _ => None,
    }
}

impl Ledger {
    /// A call is about to be made.
    pub(super) fn asked(&mut self, number: u64, request: Request<Command>) {
        let is_again = request.key.as_ref().is_some_and(|key| self.keyed.contains_key(key));
        if !is_again {
            for place in carts_of(&request.command) {
                self.carts.insert(place, None);
            }
            match &request.command {
                Command::Order(Some(id), _) => {
                    self.orders.entry(id.clone()).or_default().in_doubt += 1;
                }
                Command::Order(None, _) | Command::Flow(..) | Command::Lock(_) => {}
                Command::Sku(sku, command) => {
                    let stock = self.stock.entry(sku.clone()).or_default();
                    if let Some((units, quantity)) = units_of(stock, command) {
                        units.in_doubt += quantity;
                    }
                }
            }
        }
        self.calls.insert(number, Call { request, is_again });
    }

    /// A call was answered; says what is wrong with that, if anything.
    pub(super) fn answered(&mut self, number: u64, outcome: Outcome) -> Option<String> {
        let Some(Call { request, is_again }) = self.calls.remove(&number) else {
            return Some(format!("an answer to a call that nobody made: {outcome:?}"));
        };
        if let (true, Some(key)) = (is_again, &request.key) {
            let (_, first) = self.keyed.get(key)?;
            return (*first != outcome)
                .then(|| format!("key {} was answered {first:?}, and then {outcome:?}", key.key));
        }
        if let Some(key) = &request.key
            && outcome.as_ref().err().is_none_or(Refusal::is_final)
        {
            self.keyed.insert(key.clone(), (request.clone(), outcome.clone()));
        }
        match &request.command {
            Command::Order(Some(id), command) => self.order_answered(id, command, &outcome),
            Command::Order(None, _) | Command::Flow(..) | Command::Lock(_) => {}
            Command::Sku(sku, command) => {
                let stock = self.stock.entry(sku.clone()).or_default();
                let is_granted = outcome.is_ok();
                if let Some((units, quantity)) = units_of(stock, command) {
                    units.in_doubt -= quantity;
                    units.sure += if is_granted { quantity } else { 0 };
                }
                if let Ok(Answer::Stock(answer)) = &outcome {
                    stock.version = stock.version.max(answer.version);
                    for place in carts_of(&request.command) {
                        self.carts.insert(place, Some(answer.held));
                    }
                }
            }
        }
        None
    }

    fn order_answered(&mut self, id: &OrderId, command: &OrderCommand, outcome: &Outcome) {
        let known = self.orders.entry(id.clone()).or_default();
        known.in_doubt = known.in_doubt.saturating_sub(1);
        match (command, outcome) {
            (_, Ok(Answer::Order(answer))) => known.answer = Some(answer.clone()),
            (OrderCommand::Place(_), Err(refusal)) => known.refused = Some(refusal.clone()),
            _ => {}
        }
        if let (OrderCommand::Place(place), Ok(_)) = (command, outcome)
            && let Some(cart) = &place.cart
        {
            // What the cart held at these SKUs is the order's now.
            for line in &place.lines {
                self.carts.insert((line.sku.clone(), cart.clone()), Some(0));
            }
        }
    }

    /// Calls under a key whose answer never arrived.
    pub(super) fn keyed_in_doubt(&self) -> Vec<(u64, Request<Command>)> {
        let keyed = self.calls.iter().filter(|(_, call)| call.request.key.is_some());
        keyed.map(|(number, call)| (*number, call.request.clone())).collect()
    }

    /// Calls under keys with the answers that were acknowledged, in the order of their keys.
    pub(super) fn keyed(&self) -> impl Iterator<Item = &(Request<Command>, Outcome)> {
        self.keyed.values()
    }

    /// Everything that was acknowledged and is not so.
    pub(super) fn differences(&self, cut: &Cut) -> (Vec<String>, Compared) {
        let mut wrong = Vec::new();
        let mut compared = Compared { in_doubt: self.calls.len() as u64, ..Compared::default() };
        let found: BTreeMap<_, _> = cut.orders.iter().map(|order| (&order.id, order)).collect();
        for (id, known) in &self.orders {
            compared.orders += 1;
            let found = found.get(id).map(|order| (order.answer(), order.refusal.as_ref()));
            wrong.extend(known.difference(found).map(|why| format!("order {id}: {why}")));
        }
        for ((sku, cart), held) in &self.carts {
            let Some(held) = held else { continue };
            compared.carts += 1;
            let found = held_by(cut, sku, cart);
            if found != *held {
                wrong.push(format!("cart {cart} was told that it holds {held} of {sku}, and holds {found}"));
            }
        }
        for (sku, stock) in &self.stock {
            compared.counters += 2;
            let Some(found) = cut.skus.iter().find(|found| found.sku == *sku) else {
                if stock.version > 0 {
                    wrong.push(format!("SKU {sku} is gone"));
                }
                continue;
            };
            if found.version < stock.version {
                wrong.push(format!("SKU {sku} is at version {}, told was {}", found.version, stock.version));
            }
            for (what, found, units) in [
                ("received", found.counters.received, stock.received),
                ("written off", found.counters.written_off, stock.written_off),
            ] {
                if !(units.sure..=units.sure + units.in_doubt).contains(&found) {
                    wrong.push(format!("{found} units of {sku} are {what}, told was {units:?}"));
                }
            }
        }
        (wrong, compared)
    }

    /// Takes what is there for the truth where nobody was told: the next round begins without doubts.
    pub(super) fn settle(&mut self, cut: &Cut) {
        self.calls.clear();
        let found: BTreeMap<_, _> = cut.orders.iter().map(|order| (&order.id, order)).collect();
        self.orders.retain(|id, known| {
            known.in_doubt = 0;
            let Some(order) = found.get(id) else { return known.answer.is_some() || known.refused.is_some() };
            if known.refused.is_none() {
                known.answer = Some(order.answer());
            }
            true
        });
        for ((sku, cart), held) in &mut self.carts {
            *held = Some(held_by(cut, sku, cart));
        }
        for (sku, stock) in &mut self.stock {
            let Some(found) = cut.skus.iter().find(|found| found.sku == *sku) else { continue };
            let counters = found.counters;
            stock.version = found.version;
            stock.received = Units { sure: counters.received, in_doubt: 0 };
            stock.written_off = Units { sure: counters.written_off, in_doubt: 0 };
        }
    }
}

fn held_by(cut: &Cut, sku: &SkuId, cart: &CartId) -> u64 {
    let owner = HoldOwner::Cart(cart.clone());
    let found = cut.skus.iter().find(|found| found.sku == *sku);
    found.and_then(|found| found.hold(&owner)).and_then(|hold| hold.held()).unwrap_or(0)
}

impl Known {
    fn difference(&self, found: Option<(OrderAnswer, Option<&Refusal>)>) -> Option<String> {
        let told = self.answer.is_some() || self.refused.is_some();
        let Some((found, refusal)) = found else {
            return told.then(|| format!("is gone, told was {self:?}"));
        };
        let is_so = match (&self.answer, &self.refused) {
            (Some(answer), _) if self.in_doubt == 0 => *answer == found,
            // One call may have gone on from what was told.
            (Some(answer), _) => *answer == found || found.version > answer.version,
            (None, Some(told)) => found.state == State::Cancelled && refusal == Some(told),
            (None, None) => self.in_doubt > 0,
        };
        (!is_so).then(|| format!("is {found:?}, told was {self:?}"))
    }
}
