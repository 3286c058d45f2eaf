//! What one SKU does, one call after another: the model that its histories are held against. It is written
//! from the documentation of the commands and shares no code with the engine.

use std::collections::{BTreeMap, BTreeSet};

use porcupine_rs::{Model, Operation};

use super::call::Outcome;

/// Who holds units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Owner {
    Cart(u8),
    Order(u32),
}

/// What a SKU is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    Receive(u64),
    Reserve {
        cart: u8,
        quantity: u64,
    },
    Commit(u8),
    Release(Owner),
    Ship {
        cart: u8,
        quantity: u64,
    },
    View,
    /// An order took its units.
    Take {
        order: u32,
        quantity: u64,
    },
    /// An order was refused because this SKU was short.
    Short {
        quantity: u64,
    },
    /// Everything that the order has committed leaves.
    ShipAll(u32),
}

/// A call to the SKU, or the part of an order's call that concerns it.
#[derive(Clone, Debug)]
pub(super) struct StockOp {
    pub(super) ask: Ask,
    pub(super) key: Option<u32>,
    /// `None` where nobody knows.
    pub(super) outcome: Option<Outcome>,
    /// Whether orders of several SKUs are placed beside it: counters then show units that an order has taken
    /// and gives back, because another SKU refused it.
    pub(super) provisional: bool,
}

/// The SKU between two calls.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Stock {
    known: bool,
    available: u64,
    shipped: u64,
    /// The last version that was told.
    version: u64,
    /// Reserved and committed units by owner.
    holds: BTreeMap<Owner, (u64, u64)>,
    /// Orders that took their units.
    taken: BTreeSet<u32>,
    /// What was answered under each key.
    answered: BTreeMap<u32, Outcome>,
}

/// What the model answers.
enum Answer {
    /// Units that the owner holds now.
    Done(u64),
    /// Nobody is told of it but the order.
    Silent,
    View,
    Refused {
        code: &'static str,
        available: Option<u64>,
    },
}

impl Stock {
    fn held(&self, owner: Owner) -> (u64, u64) {
        self.holds.get(&owner).copied().unwrap_or_default()
    }

    fn hold(&mut self, owner: Owner, reserved: u64, committed: u64) {
        if reserved + committed == 0 {
            self.holds.remove(&owner);
        } else {
            self.holds.insert(owner, (reserved, committed));
        }
    }

    /// Does what is asked.
    fn act(&mut self, ask: Ask) -> Answer {
        match ask {
            Ask::Receive(quantity) => {
                self.known = true;
                self.available += quantity;
                Answer::Done(0)
            }
            Ask::View => Answer::View,
            _ if !self.known => Answer::Refused { code: "UNKNOWN_SKU", available: None },
            Ask::Release(owner) => {
                let (reserved, committed) = self.held(owner);
                self.available += reserved + committed;
                self.hold(owner, 0, 0);
                if matches!(owner, Owner::Order(_)) { Answer::Silent } else { Answer::Done(0) }
            }
            Ask::Reserve { cart, quantity } => self.reserve(cart, quantity),
            Ask::Commit(cart) => match self.held(Owner::Cart(cart)) {
                (0, 0) => Answer::Refused { code: "UNKNOWN_HOLD", available: None },
                (reserved, committed) => {
                    self.hold(Owner::Cart(cart), 0, reserved + committed);
                    Answer::Done(reserved + committed)
                }
            },
            Ask::Ship { cart, quantity } => match self.held(Owner::Cart(cart)) {
                (0, 0) => Answer::Refused { code: "UNKNOWN_HOLD", available: None },
                (_, committed) if committed < quantity => {
                    Answer::Refused { code: "HOLD_EXCEEDED", available: None }
                }
                (reserved, committed) => {
                    self.shipped += quantity;
                    self.hold(Owner::Cart(cart), reserved, committed - quantity);
                    Answer::Done(reserved + committed - quantity)
                }
            },
            Ask::Take { order, quantity } => {
                if self.taken.insert(order) {
                    if self.available < quantity {
                        return Answer::Refused {
                            code: "INSUFFICIENT_STOCK",
                            available: Some(self.available),
                        };
                    }
                    self.available -= quantity;
                    self.hold(Owner::Order(order), quantity, 0);
                }
                Answer::Silent
            }
            Ask::Short { quantity } if self.available < quantity => Answer::Silent,
            Ask::Short { .. } => Answer::Refused { code: "", available: None },
            Ask::ShipAll(order) => {
                let (reserved, committed) = self.held(Owner::Order(order));
                self.shipped += reserved + committed;
                self.hold(Owner::Order(order), 0, 0);
                Answer::Silent
            }
        }
    }

    fn reserve(&mut self, cart: u8, quantity: u64) -> Answer {
        let (reserved, committed) = self.held(Owner::Cart(cart));
        let available = self.available + reserved;
        if quantity > available {
            return Answer::Refused { code: "INSUFFICIENT_STOCK", available: Some(available) };
        }
        self.available = available - quantity;
        self.hold(Owner::Cart(cart), quantity, committed);
        Answer::Done(quantity + committed)
    }

    /// The SKU after an operation that took effect, if what came back can be explained so.
    fn after(&self, op: &StockOp) -> Option<Self> {
        if let Some(before) = op.key.and_then(|key| self.answered.get(&key)) {
            let same = op.outcome.as_ref().is_none_or(|outcome| same_answer(before, outcome, op.provisional));
            return same.then(|| self.clone());
        }
        let mut next = self.clone();
        if matches!(&op.outcome, Some(Outcome::Refused { code, .. }) if code == "CONTENDED") && op.provisional
        {
            return Some(next.answering(op, op.outcome.clone()));
        }
        let answer = next.act(op.ask);
        let said = match answer {
            Answer::Silent => return Some(next),
            Answer::Refused { code: "", .. } => return None,
            Answer::Done(held) => {
                let version = match &op.outcome {
                    Some(Outcome::Stock { version, .. }) => *version,
                    _ => 0,
                };
                Outcome::Stock { available: next.available, held, version }
            }
            Answer::View if !next.known => Outcome::Nothing,
            Answer::View => {
                let (reserved, committed) =
                    next.holds.values().fold((0, 0), |sum, hold| (sum.0 + hold.0, sum.1 + hold.1));
                let version = match &op.outcome {
                    Some(Outcome::Stocked { version, .. }) => *version,
                    _ => 0,
                };
                let (reserved, committed) = match &op.outcome {
                    // Which of its orders were paid is not the SKU's history.
                    Some(Outcome::Stocked { counters: [_, r, c, _], .. })
                        if !next.taken.is_empty() && r + c == reserved + committed =>
                    {
                        (*r, *c)
                    }
                    _ => (reserved, committed),
                };
                Outcome::Stocked { counters: [next.available, reserved, committed, next.shipped], version }
            }
            Answer::Refused { code, available } => {
                // A refusal changes nothing, and an order that was refused has taken nothing.
                next = self.clone();
                if matches!(op.ask, Ask::Take { .. }) {
                    return op.outcome.is_none().then_some(next);
                }
                Outcome::Refused { code: code.to_owned(), sku: None, available }
            }
        };
        match &op.outcome {
            None => Some(next.answering(op, Some(said))),
            Some(outcome) => {
                let version = version_of(outcome).unwrap_or(next.version);
                let fits = explains(&said, outcome, op.provisional) && version >= next.version;
                next.version = version;
                fits.then(|| next.answering(op, Some(outcome.clone())))
            }
        }
    }

    fn answering(mut self, op: &StockOp, outcome: Option<Outcome>) -> Self {
        if let (Some(key), Some(outcome)) = (op.key, outcome) {
            self.answered.insert(key, outcome);
        }
        self
    }
}

const fn version_of(outcome: &Outcome) -> Option<u64> {
    match outcome {
        Outcome::Stock { version, .. } | Outcome::Stocked { version, .. } => Some(*version),
        _ => None,
    }
}

/// Whether a key's second answer is its first. The version is not known of an answer that a crash took away.
fn same_answer(first: &Outcome, second: &Outcome, provisional: bool) -> bool {
    match (first, second) {
        (Outcome::Stock { version: 0, available, held }, Outcome::Stock { available: a, held: h, .. }) => {
            held == h && (available == a || provisional)
        }
        (Outcome::Refused { code, .. }, Outcome::Refused { code: second, .. }) => code == second,
        _ => first == second,
    }
}

/// Whether what the model says is what came back.
fn explains(said: &Outcome, got: &Outcome, provisional: bool) -> bool {
    match (said, got) {
        (Outcome::Stock { held, available, .. }, Outcome::Stock { held: h, available: a, .. }) => {
            held == h && (if provisional { a <= available } else { a == available })
        }
        (
            Outcome::Refused { code, available, .. },
            Outcome::Refused { code: got_code, available: got_available, .. },
        ) => code == got_code && (available == got_available || provisional),
        _ => said == got,
    }
}

/// The model: every state that the SKU may be in, since nobody knows of some calls whether they took effect.
#[derive(Clone, Debug)]
pub(super) struct StockModel;

impl Model for StockModel {
    type State = BTreeSet<Stock>;
    type Op = StockOp;
    type Metadata = ();

    fn init() -> Self::State {
        BTreeSet::from([Stock::default()])
    }

    fn step(states: &Self::State, op: &StockOp) -> (bool, Self::State) {
        let mut next: Self::State = states.iter().filter_map(|state| state.after(op)).collect();
        if op.outcome.is_none() {
            next.extend(states.iter().cloned());
        }
        (!next.is_empty(), next)
    }
}

/// An operation of the model with its place in time.
pub(super) type StockOperation = Operation<StockModel>;
