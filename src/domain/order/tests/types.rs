//! The order types beside simple orders and physical goods: every arrow of their lifecycles; `rules` has what is
//! special about each.

mod rules;

use super::*;
use crate::domain::command::{
    ChangeDelivery, CloseOrder, Command, ExtendDeadline, ProgressOrder, ProgressStep as Step,
};
use crate::domain::ids::CustomerId;

/// An order of any type under a clock: two units of "a" and one of "b", for 1.50.
struct Lived {
    order: Option<Order>,
    now: u64,
    /// Whether a SKU refuses every step that can be undone.
    refusing: bool,
    /// Whether a SKU refuses to hand over, and nothing else.
    keeping: bool,
    /// Units of "a" that are promised and not there.
    promised: u32,
}

fn command(command: impl Into<Command>) -> OrderCommand {
    match command.into() {
        Command::Order(_, command) => command,
        Command::Sku(..) | Command::Flow(..) | Command::Lock(_) => panic!("not a command to an order"),
    }
}

fn progress(step: Step) -> OrderCommand {
    command(ProgressOrder { order: id(), step })
}

fn extend(until: u64) -> OrderCommand {
    command(ExtendDeadline { order: id(), until: Timestamp::from_millis(until) })
}

fn bought(order_type: OrderType) -> PlaceOrder {
    let lines = vec![line("a", 2, 100), line("b", 1, 50)];
    place(lines).of_type(order_type).by_customer(CustomerId::new("alice").unwrap())
}

fn terms_of(order_type: OrderType) -> Terms {
    let terms = TermsByType::default().of(order_type);
    let knows_revival = |(_, action, _): &(State, Action, State)| *action == Action::Revive;
    let revives = lifecycle(order_type).rows.iter().any(knows_revival);
    Terms { late_payment: if revives { LatePayment::Revive } else { LatePayment::Refund }, ..terms }
}

fn lifecycle(order_type: OrderType) -> &'static Lifecycle {
    Lifecycle::of(order_type.lifecycle()).unwrap()
}

fn at_placement(terms: Terms) -> Terms {
    Terms { deduction: Some(Deduction::AtPlacement), ..terms }
}

fn at_payment(terms: Terms) -> Terms {
    Terms { deduction: Some(Deduction::AtPayment), ..terms }
}

impl Lived {
    fn new() -> Self {
        Self { order: None, now: 1_000, refusing: false, keeping: false, promised: 0 }
    }

    fn placed(mut self, order_type: OrderType, terms: Terms) -> Self {
        let (place, rules) = (bought(order_type), SaleRules::default());
        self.record_all(decide_place(&place, IdOrigin::Caller, LIMITS, terms, &rules).unwrap());
        self
    }

    fn order(&self) -> &Order {
        self.order.as_ref().unwrap()
    }

    fn state(&self) -> State {
        self.order().state
    }

    fn deadline(&self) -> u64 {
        self.order().deadline.unwrap().at.as_millis()
    }

    fn run(&mut self, command: &OrderCommand) -> Result<Vec<OrderEvent>, Refusal> {
        let events = decide(self.order(), command)?;
        Ok(self.record_all(events))
    }

    fn all(mut self, commands: &[OrderCommand]) -> Self {
        commands.iter().for_each(|command| drop(self.run(command).unwrap()));
        self
    }

    /// Lets time pass up to `now`, and does what is due then, once.
    fn at(&mut self, now: u64) -> Vec<OrderEvent> {
        self.now = now;
        let due = decide_due(self.order(), Timestamp::from_millis(now));
        if due.is_empty() { Vec::new() } else { self.record_all(due) }
    }

    /// `units` of those that were promised have come, in all.
    fn filled(&mut self, units: u64) -> Vec<OrderEvent> {
        let filled = Filled { sku: SkuId::new("a").unwrap(), units };
        let events = decide_filled(self.order(), &filled);
        if events.is_empty() { Vec::new() } else { self.record_all(events) }
    }

    fn record_all(&mut self, events: Events) -> Vec<OrderEvent> {
        let mut all = events.to_vec();
        self.record(events);
        while let Some(plan) = self.order().plan() {
            let undoes = plan.demand.iter().any(|demand| demand.op.undo().is_some());
            let kind = &self.order().pending.as_ref().unwrap().kind;
            let keeps = self.keeping && matches!(kind, PendingKind::HandOver(_));
            let takes = plan.demand.iter().any(|demand| demand.op.takes() && demand.may_wait);
            let end = if keeps || (self.refusing && undoes) {
                SagaEnd::Undone(short())
            } else if takes && self.promised > 0 {
                let (sku, awaiting) = (SkuId::new("a").unwrap(), u64::from(self.promised));
                SagaEnd::DoneInPart(vec![Short { sku, granted: 2 - awaiting, awaiting, filled: 0 }])
            } else {
                SagaEnd::Done
            };
            let events = finish(self.order(), &end);
            all.extend(events.iter().cloned());
            self.record(events);
        }
        all
    }

    fn record(&mut self, events: Events) {
        let version = self.order.as_ref().map_or(0, |order| order.version) + events.len() as u64;
        let at = Timestamp::from_millis(self.now);
        let record = OrderRecord { order: id(), version, at, by: None, events, mark: None };
        Order::apply(&mut self.order, &record).unwrap();
    }
}

/// An order of a type that has come to a state on the way forward, or was called off.
fn come_to(order_type: OrderType, state: State) -> Lived {
    let terms = at_placement(terms_of(order_type));
    let mut lived = Lived::new();
    if state == State::Accepted {
        return lived.placed(order_type, at_payment(terms));
    }
    lived.promised = u32::from(state == State::Awaiting);
    lived.keeping = state == State::Paid;
    lived = lived.placed(order_type, terms);
    if state == State::Cancelled {
        return lived.all(&[cancel(&[])]);
    }
    for next in [
        pay(150),
        progress(Step::Pick),
        progress(Step::Pack),
        ship(&[]),
        deliver(&[]),
        progress(Step::Confirm),
        progress(Step::Complete),
        command(CloseOrder { order: id(), reason: "done".into() }),
    ] {
        if lived.state() == state {
            break;
        }
        // A lifecycle that does not have the step goes on without.
        drop(lived.run(&next));
    }
    assert_eq!(lived.state(), state, "{order_type}");
    lived
}

/// The command that asks for an action of an order, where one does.
fn asks(action: Action) -> Option<OrderCommand> {
    let delivery = Delivery { address: "1 New Street".into(), contact: "x@y.z".into() };
    Some(match action {
        Action::PayPart => pay(1),
        Action::PayLate => pay(7),
        Action::Settle | Action::SettleAhead => pay(150),
        Action::Pick => progress(Step::Pick),
        Action::Pack => progress(Step::Pack),
        Action::Confirm => progress(Step::Confirm),
        Action::Complete => progress(Step::Complete),
        Action::HandOver => progress(Step::HandOver),
        Action::Close => command(CloseOrder { order: id(), reason: "done".into() }),
        Action::Edit => stage(),
        Action::Split => split(),
        Action::Modify => command(ChangeDelivery { order: id(), delivery }),
        Action::Extend => extend(1 << 50),
        Action::ShipPart => ship(&[(1, 1)]),
        Action::ShipAll => ship(&[]),
        Action::DeliverPart => deliver(&[(1, 1)]),
        Action::DeliverAll => deliver(&[]),
        Action::CancelPart => cancel(&[(2, 1)]),
        Action::Cancel | Action::CancelRest | Action::CancelLast => cancel(&[]),
        _ => return None,
    })
}

/// Brings an order to where the arrow begins, and takes it.
fn take_arrow(order_type: OrderType, (from, action, _): (State, Action, State)) -> Lived {
    let terms = terms_of(order_type);
    let mut lived = match (from, action) {
        (State::Created, Action::Refuse) => Lived { refusing: true, ..Lived::new() },
        (State::Created, _) | (_, Action::Revive) => Lived::new(),
        (_, Action::SettleAhead) => Lived { promised: 1, ..Lived::new() },
        _ => come_to(order_type, from),
    };
    match (from, action) {
        (State::Created, Action::Accept) => return lived.placed(order_type, at_payment(terms)),
        (State::Created, _) => return lived.placed(order_type, at_placement(terms)),
        (State::Accepted, Action::Refuse) => {
            lived.refusing = true;
            lived.run(&pay(150)).unwrap();
        }
        (State::Accepted, Action::SettleAhead) => {
            lived = lived.placed(order_type, at_payment(terms));
            lived.run(&pay(150)).unwrap();
        }
        (State::Reserved, Action::SettleAhead) => {
            lived = lived.placed(order_type, at_placement(terms));
            lived.run(&pay(150)).unwrap();
        }
        (_, Action::Expire) => drop(lived.at(lived.deadline())),
        (_, Action::Fill) => drop(lived.filled(1)),
        (_, Action::Revive) => {
            lived = lived.placed(order_type, at_placement(terms));
            lived.at(lived.deadline());
            assert_eq!(lived.state(), State::Cancelled);
            // What settles the order that lives again is refused, so that the arrow's end is to be seen.
            let revived = finish(&begun_revival(&mut lived), &SagaEnd::Done);
            assert_eq!(revived[..], [OrderEvent::Revived, OrderEvent::SettlementStarted]);
            lived.record(revived);
        }
        (_, Action::DeliverPart) if from != State::Shipped => {
            lived = lived.all(&[ship(&[(2, 1)]), deliver(&[(2, 1)])]);
        }
        (_, Action::Edit) => {
            lived.run(&stage()).unwrap();
            let version = lived.order().version;
            lived.run(&accept(version)).unwrap();
            assert_eq!(lived.order().due, 250);
        }
        (_, Action::CancelRest) => lived = lived.all(&[ship(&[(2, 1)]), cancel(&[])]),
        (_, Action::CancelLast) => lived = lived.all(&[ship(&[(2, 1)]), deliver(&[]), cancel(&[])]),
        (_, action) => {
            lived.keeping = action == Action::Settle || (lived.keeping && action != Action::HandOver);
            assert_eq!(lived.state(), from);
            lived.run(&asks(action).unwrap()).unwrap();
        }
    }
    lived
}

/// The order that late money begins to revive.
fn begun_revival(lived: &mut Lived) -> Order {
    let events = decide(lived.order(), &pay(150)).unwrap();
    lived.record(events);
    lived.order().clone()
}

const TYPES: [OrderType; 4] =
    [OrderType::Virtual, OrderType::FlashSale, OrderType::Preorder, OrderType::Membership];

#[test]
fn every_arrow_of_every_other_order_type_is_taken() {
    for order_type in TYPES {
        for &arrow in lifecycle(order_type).rows {
            let lived = take_arrow(order_type, arrow);
            assert_eq!(lived.state(), arrow.2, "{order_type}: {arrow:?}");
            assert!(lived.order().view().is_some(), "{order_type}: {arrow:?}");
        }
    }
}

#[test]
fn every_action_without_an_arrow_is_refused_in_every_state_of_every_other_order_type() {
    use Action as A;
    let asked = [
        A::PayPart,
        A::Pick,
        A::Pack,
        A::Confirm,
        A::Close,
        A::Modify,
        A::Extend,
        A::ShipAll,
        A::DeliverAll,
        A::HandOver,
        A::Edit,
        A::Split,
    ];
    for order_type in TYPES {
        let lifecycle = lifecycle(order_type);
        for state in lifecycle.states().into_iter().filter(|state| *state != State::Created) {
            let lived = come_to(order_type, state);
            let pays = |action| action == A::PayPart && lifecycle.next(state, A::PayLate).is_some();
            let ships = |action| action == A::ShipAll && lifecycle.next(state, A::ShipPart).is_some();
            let delivers =
                |action| action == A::DeliverAll && lifecycle.next(state, A::DeliverPart).is_some();
            for action in asked {
                if lifecycle.next(state, action).is_some()
                    || pays(action)
                    || ships(action)
                    || delivers(action)
                {
                    continue;
                }
                let refused = decide(lived.order(), &asks(action).unwrap());
                assert!(
                    matches!(refused, Err(Refusal::WrongState { state: found, .. }) if found == state),
                    "{order_type} {state} {action:?}: {refused:?}"
                );
            }
        }
    }
}
