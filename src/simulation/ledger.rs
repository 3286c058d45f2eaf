//! What clients were told, and whether the journal bears it out.
//!
//! Every answer, refusal and read has to rest on what is durable: an answer is the entity's at the version that
//! it names; a refusal is what the same question is refused with at some version that the client could not
//! already know to be past; a read is the entity at its version. What was told once under a key is told again.

use std::collections::BTreeMap;

use super::changes;
use super::history::{History, OrderPast, SkuPast};
use super::moves::Deed;
use super::trips;
use crate::domain::command::{
    Answer, Command, OrderCommand, Outcome, Request, ReserveStock, ScopedKey, SkuCommand,
};
use crate::domain::ids::{CartId, OrderId, SkuId};
use crate::domain::order::{self, EditPreview, EditProblem, Order, State};
use crate::domain::refusal::Refusal;
use crate::query::SkuView;

/// Something that a client was told.
#[derive(Debug)]
enum Told {
    Outcome { command: Command, outcome: Outcome, floor: u64 },
    Order(Order),
    NoOrder(OrderId, u64),
    Sku(Box<SkuView>),
    Preview(Box<EditPreview>),
}

/// Units that clients put into a SKU or took out of it for good.
#[derive(Debug, Default)]
struct Units {
    received: u64,
    /// Units that may have come in: nobody was told.
    received_maybe: u64,
    written_off: u64,
    written_off_maybe: u64,
}

/// What a client has asked for, to be handed back with the answer.
#[derive(Debug)]
pub(super) struct Asked {
    request: Request<Command>,
    floor: u64,
    forgettings: u64,
}

/// What clients were told.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    told: Vec<Told>,
    orders: BTreeMap<OrderId, u64>,
    skus: BTreeMap<SkuId, u64>,
    units: BTreeMap<SkuId, Units>,
    /// What was told under keys, as long as nobody had them forgotten.
    keyed: BTreeMap<ScopedKey, Outcome>,
    forgettings: u64,
    /// What clients knew of the entity when a key was first used: later answers under it are the first one.
    keyed_floors: BTreeMap<ScopedKey, u64>,
    /// What was asked of orders and was done, as often as a client was told so.
    pub(super) deeds: BTreeMap<Deed, u64>,
}

fn raise<K: Clone + Ord>(known: &mut BTreeMap<K, u64>, id: &K, version: u64) {
    let known = known.entry(id.clone()).or_default();
    *known = version.max(*known);
}

fn cart_of(command: &SkuCommand) -> Option<&CartId> {
    match command {
        SkuCommand::Reserve(ReserveStock { cart, .. })
        | SkuCommand::Extend { cart, .. }
        | SkuCommand::Commit { cart }
        | SkuCommand::Release { cart }
        | SkuCommand::Ship { cart, .. } => Some(cart),
        _ => None,
    }
}

impl Ledger {
    /// A client asks.
    pub(super) fn ask(&mut self, request: &Request<Command>) -> Asked {
        let floor = match &request.command {
            Command::Order(Some(id), _) => self.orders.get(id).copied(),
            Command::Order(None, _) | Command::Flow(..) | Command::Lock(_) => None,
            Command::Sku(sku, _) => self.skus.get(sku).copied(),
        };
        if let Command::Sku(sku, command) = &request.command {
            let units = self.units.entry(sku.clone()).or_default();
            match command {
                SkuCommand::Receive { quantity, .. } => units.received_maybe += quantity,
                SkuCommand::WriteOff { quantity, .. } => units.written_off_maybe += quantity,
                _ => {}
            }
        }
        let mut floor = floor.unwrap_or(0);
        if let Some(key) = &request.key {
            floor = *self.keyed_floors.entry(key.clone()).or_insert(floor);
        }
        Asked { request: request.clone(), floor, forgettings: self.forgettings }
    }

    /// The engine has answered.
    ///
    /// # Errors
    /// When another answer was given under the same key before.
    pub(super) fn answered(&mut self, asked: Asked, outcome: Outcome) -> Result<(), String> {
        let Asked { request, floor, forgettings } = asked;
        let Request { command, key, .. } = request;
        let is_final = outcome.as_ref().err().is_none_or(Refusal::is_final);
        let mut is_first = true;
        if let Some(key) = key.filter(|_| is_final && forgettings == self.forgettings) {
            let first = self.keyed.get(&key);
            is_first = first.is_none() && self.forgettings == 0;
            if let Some(first) = first.filter(|first| **first != outcome) {
                return Err(format!("key {} is answered {first:?} and then {outcome:?}", key.key));
            }
            self.keyed.insert(key, outcome.clone());
        } else if forgettings != self.forgettings {
            // It may have been answered under a key that was forgotten since: how often it was done is not known.
            is_first = false;
        }
        match &outcome {
            Ok(Answer::Order(answer)) => raise(&mut self.orders, &answer.order, answer.version),
            Ok(Answer::Stock(answer)) => {
                if let Command::Sku(sku, command) = &command {
                    raise(&mut self.skus, sku, answer.version);
                    if is_first {
                        self.units_moved(sku, command);
                    }
                }
            }
            Ok(Answer::Flow(_) | Answer::Lock(_)) | Err(_) => {}
        }
        self.told.push(Told::Outcome { command, outcome, floor });
        Ok(())
    }

    fn units_moved(&mut self, sku: &SkuId, command: &SkuCommand) {
        let units = self.units.entry(sku.clone()).or_default();
        let (sure, maybe, quantity) = match command {
            SkuCommand::Receive { quantity, .. } => {
                (&mut units.received, &mut units.received_maybe, *quantity)
            }
            SkuCommand::WriteOff { quantity, .. } => {
                (&mut units.written_off, &mut units.written_off_maybe, *quantity)
            }
            _ => return,
        };
        *sure += quantity;
        *maybe = maybe.saturating_sub(quantity);
    }

    /// Keys were forgotten, or are about to be: what was told under them says nothing any more.
    pub(super) fn forgot_keys(&mut self) {
        self.forgettings += 1;
        self.keyed.clear();
    }

    /// A client has looked at an order.
    pub(super) fn saw_order(&mut self, id: &OrderId, found: Option<Order>, floor: u64) {
        match found {
            Some(order) => {
                raise(&mut self.orders, id, order.version);
                self.told.push(Told::Order(order));
            }
            None => self.told.push(Told::NoOrder(id.clone(), floor)),
        }
    }

    /// The version of an order that clients know of.
    pub(super) fn known_of(&self, id: &OrderId) -> u64 {
        self.orders.get(id).copied().unwrap_or(0)
    }

    /// A client has looked at a SKU.
    pub(super) fn saw_sku(&mut self, view: SkuView) {
        raise(&mut self.skus, &view.sku, view.version);
        self.told.push(Told::Sku(Box::new(view)));
    }

    /// A client has looked at what an edit would make of an order.
    pub(super) fn saw_preview(&mut self, preview: EditPreview) {
        raise(&mut self.orders, &preview.order.id, preview.version);
        self.told.push(Told::Preview(Box::new(preview)));
    }

    /// Holds everything that was told since the last time against what is durable; answers how much it was.
    ///
    /// # Errors
    /// The first thing that clients were told and that is not so, in words.
    pub(super) fn check(&mut self, history: &History) -> Result<usize, String> {
        let count = self.told.len();
        for told in self.told.drain(..) {
            let deed =
                bears_out(history, &told).map_err(|why| format!("{why}: a client was told {told:?}"))?;
            if let Some(deed) = deed {
                *self.deeds.entry(deed).or_default() += 1;
            }
        }
        for (key, outcome) in &self.keyed {
            match history.keys.get(key) {
                Some((durable, _)) if durable == outcome => {}
                None if history.has_forgotten => {}
                other => {
                    return Err(format!("key {} was answered {outcome:?}, durable is {other:?}", key.key));
                }
            }
        }
        for (sku, units) in &self.units {
            let Some(counters) = history.skus.get(sku).map(|past| past.now.counters) else { continue };
            within("received", sku, counters.received, units.received, units.received_maybe)?;
            within("written off", sku, counters.written_off, units.written_off, units.written_off_maybe)?;
        }
        Ok(count)
    }
}

fn within(what: &str, sku: &SkuId, found: u64, sure: u64, maybe: u64) -> Result<(), String> {
    if (sure..=sure + maybe).contains(&found) {
        return Ok(());
    }
    Err(format!("{found} units of {sku} are {what}; clients were told of {sure}, and not of {maybe} more"))
}

fn bears_out(history: &History, told: &Told) -> Result<Option<Deed>, String> {
    let told = match told {
        Told::Outcome { command, outcome, floor } => {
            outcome_stands(history, command, outcome, *floor)?;
            return match (command, outcome) {
                (Command::Order(_, command), Ok(Answer::Order(answer))) => {
                    changes::explain(history, command, answer)
                }
                _ => Ok(None),
            };
        }
        Told::Preview(preview) => changes::previewed(history, preview),
        Told::Order(seen) => {
            let durable = history.orders.get(&seen.id).and_then(|past| past.versions.get(&seen.version));
            let same = |order: &Order| Order { parked: None, ..seen.clone() } == *order;
            if durable.is_some_and(same) { Ok(()) } else { Err(format!("durable is {durable:?}")) }
        }
        Told::NoOrder(id, floor) if *floor > 0 => Err(format!("order {id} was there before")),
        Told::NoOrder(..) => Ok(()),
        Told::Sku(seen) => {
            let durable = history.skus.get(&seen.sku).and_then(|past| past.counters.get(&seen.version));
            if durable == Some(&seen.counters) { Ok(()) } else { Err(format!("durable is {durable:?}")) }
        }
    };
    told.map(|()| None)
}

fn outcome_stands(history: &History, command: &Command, outcome: &Outcome, floor: u64) -> Result<(), String> {
    match (command, outcome) {
        (Command::Flow(..), outcome) => trips::told(history, outcome),
        (_, Ok(Answer::Order(answer))) => {
            let past = history.orders.get(&answer.order);
            let durable = past.and_then(|past| past.versions.get(&answer.version)).map(Order::answer);
            let same = durable.as_ref() == Some(answer);
            if same { Ok(()) } else { Err(format!("durable is {durable:?}")) }
        }
        (Command::Sku(sku, command), Ok(Answer::Stock(answer))) => {
            let past = history.skus.get(sku).ok_or("the SKU is not there")?;
            let available = past.counters.get(&answer.version).map(|counters| counters.available);
            let held = cart_of(command).map_or(0, |cart| past.held_at(cart, answer.version));
            if available == Some(answer.available) && held == answer.held {
                Ok(())
            } else {
                Err(format!("durable is {available:?} available, {held} held"))
            }
        }
        (command, Err(refusal)) => refusal_stands(history, command, refusal, floor),
        (_, Ok(_)) => Err("the answer is about something else".to_owned()),
    }
}

/// Whether the refusal can have been decided on what is durable.
fn refusal_stands(history: &History, command: &Command, refusal: &Refusal, floor: u64) -> Result<(), String> {
    if !refusal.is_final() {
        return Ok(());
    }
    match command {
        Command::Order(Some(id), command) => {
            let past = history.orders.get(id);
            let stands = match past {
                None => *refusal == Refusal::UnknownOrder || matches!(command, OrderCommand::Place(_)),
                Some(past) => order_refuses(past, command, refusal, floor),
            };
            if stands { Ok(()) } else { Err(format!("no durable state of {id} refuses it so")) }
        }
        // The world's clients give no such commands.
        Command::Order(None, _) | Command::Flow(..) | Command::Lock(_) => Ok(()),
        Command::Sku(sku, command) => {
            let stands = match history.skus.get(sku) {
                None => matches!(refusal, Refusal::UnknownSku { .. }),
                Some(past) => sku_refuses(past, command, refusal, floor),
            };
            if stands { Ok(()) } else { Err(format!("no durable state of {sku} refuses it so")) }
        }
    }
}

fn order_refuses(past: &OrderPast, command: &OrderCommand, refusal: &Refusal, floor: u64) -> bool {
    let mut states = past.versions.range(floor..).map(|(_, order)| order);
    match (command, refusal) {
        (OrderCommand::Place(_), Refusal::OrderExists) => states.next().is_some(),
        // What is wrong with its form leaves no order.
        (OrderCommand::Place(_), Refusal::TooManyLines { .. } | Refusal::CustomerRequired) => true,
        (OrderCommand::Place(_), refusal) => past
            .now
            .as_ref()
            .is_some_and(|order| order.state == State::Cancelled && order.refusal.as_ref() == Some(refusal)),
        (_, Refusal::UnknownOrder) => floor == 0,
        // A saga that was undone: what refused it was a SKU. A cancellation is granted however the settlement
        // ends that it may lead to.
        (
            OrderCommand::Pay(_)
            | OrderCommand::Ship(_)
            | OrderCommand::ShipShort(_)
            | OrderCommand::AcceptEdit(_),
            Refusal::InsufficientStock { .. }
            | Refusal::Contended { .. }
            | Refusal::UnknownSku { .. }
            | Refusal::HoldBudgetExceeded { .. }
            | Refusal::PurchaseLimitExceeded { .. }
            | Refusal::BackorderLimitExceeded { .. },
        ) => true,
        // Units that lay elsewhere by then.
        (OrderCommand::Split(_), Refusal::HoldExceeded { .. }) => true,
        // Limits and rules of SKUs are no part of the order.
        (
            OrderCommand::StageEdit(_),
            Refusal::TooManyLines { .. } | Refusal::InvalidEdit { problem: EditProblem::TwoDeductions, .. },
        ) => true,
        (command, refusal) => states
            .any(|order| order.pending.is_none() && order::decide(order, command).as_ref() == Err(refusal)),
    }
}

fn sku_refuses(past: &SkuPast, command: &SkuCommand, refusal: &Refusal, floor: u64) -> bool {
    let mut shown = past.counters.range(floor..);
    match refusal {
        Refusal::UnknownSku { .. } => floor == 0,
        Refusal::InsufficientStock { available, .. } => shown.any(|(version, counters)| {
            let own = cart_of(command).map_or(0, |cart| past.held_at(cart, *version));
            (counters.available..=counters.available + own).contains(available)
        }),
        Refusal::BelowZero { available, .. } => shown.any(|(_, counters)| counters.available >= *available),
        Refusal::ReturnExceedsShipped { shipped, .. } => {
            shown.any(|(_, counters)| counters.shipped - counters.returned == *shipped)
        }
        Refusal::UnknownHold { .. } => cart_of(command).is_none_or(|cart| {
            past.lapsing.contains(cart) || shown.any(|(version, _)| past.held_at(cart, *version) == 0)
        }),
        _ => true,
    }
}
