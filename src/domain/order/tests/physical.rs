//! Physical goods: every arrow of their lifecycle, deadlines at their exact tick, and money that comes late,
//! twice or beyond what is due.

use std::collections::BTreeSet;

use super::*;
use crate::domain::command::{
    ChangeDelivery, CloseOrder, Command, ExtendDeadline, ProgressOrder, ProgressStep as Step,
};

/// An order of physical goods under a clock, with SKUs that say yes or no.
struct Goods {
    order: Option<Order>,
    now: u64,
    refusing: bool,
    taken: BTreeSet<(State, State)>,
}

fn terms() -> Terms {
    Terms { late_payment: LatePayment::Revive, ..Terms::physical() }
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

fn close() -> OrderCommand {
    command(CloseOrder { order: id(), reason: "done".into() })
}

fn modify() -> OrderCommand {
    let delivery = Delivery { address: "1 New Street".into(), contact: "x@y.z".into() };
    command(ChangeDelivery { order: id(), delivery })
}

fn extend(until: u64) -> OrderCommand {
    command(ExtendDeadline { order: id(), until: Timestamp::from_millis(until) })
}

impl Goods {
    fn placed(terms: Terms, refusing: bool) -> Self {
        let mut goods = Self { order: None, now: 1_000, refusing, taken: BTreeSet::new() };
        let lines = vec![line("a", 2, 100), line("b", 1, 50)];
        let place = place(lines).of_type(OrderType::Physical);
        let events = decide_place(&place, IdOrigin::Caller, LIMITS, terms, &SaleRules::default()).unwrap();
        goods.record_all(events);
        goods.refusing = false;
        goods
    }

    fn after(commands: &[OrderCommand]) -> Self {
        let mut goods = Self::placed(terms(), false);
        commands.iter().for_each(|command| drop(goods.run(command).unwrap()));
        goods
    }

    fn order(&self) -> &Order {
        self.order.as_ref().unwrap()
    }

    fn state(&self) -> State {
        self.order().state
    }

    fn run(&mut self, command: &OrderCommand) -> Result<Vec<OrderEvent>, Refusal> {
        let events = decide(self.order(), command)?;
        Ok(self.record_all(events))
    }

    /// Lets time pass up to `now`, and does what is due then.
    fn at(&mut self, now: u64) -> Vec<OrderEvent> {
        self.now = now;
        let mut all = Vec::new();
        loop {
            let due = decide_due(self.order(), Timestamp::from_millis(now));
            if due.is_empty() {
                return all;
            }
            all.extend(self.record_all(due));
        }
    }

    fn deadline(&self) -> u64 {
        self.order().deadline.unwrap().at.as_millis()
    }

    fn record_all(&mut self, events: Events) -> Vec<OrderEvent> {
        let mut all = events.to_vec();
        self.record(events);
        while let Some(plan) = self.order().plan() {
            let undoes = plan.demand.iter().any(|demand| demand.op.undo().is_some());
            let end = if self.refusing && undoes { SagaEnd::Undone(short()) } else { SagaEnd::Done };
            let events = finish(self.order(), &end);
            all.extend(events.iter().cloned());
            self.record(events);
        }
        all
    }

    fn record(&mut self, events: Events) {
        let from = self.order.as_ref().map_or(State::Created, |order| order.state);
        let version = self.order.as_ref().map_or(0, |order| order.version) + events.len() as u64;
        let at = Timestamp::from_millis(self.now);
        let record = OrderRecord { order: id(), version, at, by: None, events, mark: None };
        Order::apply(&mut self.order, &record).unwrap();
        self.taken.insert((from, self.state()));
    }
}

/// The ways to a state, as commands after a placement.
fn way_to(state: State) -> Vec<OrderCommand> {
    let mut way = vec![pay(150)];
    for (reached, step) in [
        (State::Paid, None),
        (State::Picking, Some(progress(Step::Pick))),
        (State::Packed, Some(progress(Step::Pack))),
        (State::Shipped, Some(ship(&[]))),
        (State::Delivered, Some(deliver(&[]))),
        (State::Confirmed, Some(progress(Step::Confirm))),
        (State::Completed, Some(progress(Step::Complete))),
    ] {
        way.extend(step);
        if reached == state {
            return way;
        }
    }
    match state {
        State::Cancelled => vec![cancel(&[])],
        _ => Vec::new(),
    }
}

/// What each action is asked for with.
fn ask(action: Action) -> Option<OrderCommand> {
    Some(match action {
        Action::PayPart => pay(1),
        Action::PayLate => pay(7),
        Action::Settle => pay(150),
        Action::Pick => progress(Step::Pick),
        Action::Pack => progress(Step::Pack),
        Action::Confirm => progress(Step::Confirm),
        Action::Complete => progress(Step::Complete),
        Action::Close => close(),
        Action::Split => split(),
        Action::Modify => modify(),
        Action::Extend => extend(1 << 50),
        Action::ShipPart => ship(&[(1, 1)]),
        Action::ShipAll => ship(&[]),
        Action::DeliverPart => deliver(&[(1, 1)]),
        Action::DeliverAll => deliver(&[]),
        Action::CancelPart => cancel(&[(1, 1)]),
        Action::Cancel => cancel(&[]),
        _ => return None,
    })
}

#[test]
fn every_arrow_of_physical_goods_is_taken() {
    let at_payment = Terms { deduction: Some(Deduction::AtPayment), ..terms() };
    for &(from, action, to) in Lifecycle::of(LifecycleId::PHYSICAL).unwrap().rows {
        let mut goods = match from {
            State::Accepted => Goods::placed(at_payment, false),
            _ => Goods::after(&way_to(from)),
        };
        match (from, action) {
            (State::Created, Action::Refuse) => goods = Goods::placed(terms(), true),
            (State::Created, Action::Accept) => goods = Goods::placed(at_payment, false),
            (State::Created, _) => goods = Goods::placed(terms(), false),
            (State::Accepted, Action::Refuse) => {
                goods.refusing = true;
                goods.run(&pay(150)).unwrap();
            }
            (_, Action::Edit) => {
                goods.run(&stage()).unwrap();
                let version = goods.order.as_ref().unwrap().version;
                goods.run(&accept(version)).unwrap();
            }
            (_, Action::Expire) => drop(goods.at(goods.deadline())),
            (_, Action::Revive) => {
                goods = Goods::placed(terms(), false);
                goods.at(goods.deadline());
                // Revived, and settled by what came.
                goods.run(&pay(150)).unwrap();
                assert_eq!(goods.state(), State::Paid);
                continue;
            }
            (State::Packed, Action::DeliverPart) => {
                goods.run(&ship(&[(1, 1)])).unwrap();
                goods.run(&deliver(&[(1, 1)])).unwrap();
            }
            (State::Packed, Action::CancelRest) => {
                goods.run(&ship(&[(1, 1)])).unwrap();
                goods.run(&cancel(&[])).unwrap();
            }
            (State::Packed, Action::CancelLast) => {
                goods.run(&ship(&[(1, 1)])).unwrap();
                goods.run(&deliver(&[])).unwrap();
                goods.run(&cancel(&[])).unwrap();
            }
            _ => {
                assert_eq!(goods.state(), from);
                goods.run(&ask(action).unwrap()).unwrap();
            }
        }
        assert_eq!(goods.state(), to, "{from} {action:?}");
    }
}

#[test]
fn an_unpaid_order_times_out_at_its_exact_tick_and_the_customer_is_told() {
    let mut goods = Goods::placed(terms(), false);
    let deadline = goods.deadline();
    assert_eq!(deadline, 1_000 + 30 * 60 * 1_000);
    assert_eq!(goods.at(deadline - 1), []);
    let events = goods.at(deadline);
    let lines = parts(&[(1, 2), (2, 1)]);
    assert_eq!(
        events,
        [
            OrderEvent::NoticeRaised(Notice::PaymentTimedOut),
            OrderEvent::CancellationStarted { lines, reason: "not paid in time".into(), expired: true },
            OrderEvent::Cancelled { refund_due: 0 },
        ]
    );
    assert_eq!(goods.at(deadline + 1), [], "it does not time out twice");
}

#[test]
fn an_extended_deadline_is_the_one_that_counts_and_an_earlier_one_is_refused() {
    let mut goods = Goods::placed(terms(), false);
    let first = goods.deadline();
    assert_eq!(goods.run(&extend(first)), Err(Refusal::DeadlineNotLater));
    goods.run(&extend(first + 5)).unwrap();
    assert_eq!(goods.at(first + 4), []);
    assert_eq!(goods.at(first + 5).len(), 3);
}

#[test]
fn time_confirms_and_completes_what_nobody_speaks_of() {
    let mut goods = Goods::after(&way_to(State::Delivered));
    let confirmation = goods.deadline();
    assert_eq!(goods.at(confirmation), [OrderEvent::Confirmed { automatic: true }]);
    let completion = goods.deadline();
    assert_eq!(completion - 1_000, 15 * 24 * 60 * 60 * 1_000, "counted from the receipt");
    assert_eq!(goods.at(completion), [OrderEvent::Completed { automatic: true }]);
    assert_eq!(goods.order().deadline, None);
    let mut slept = Goods::after(&way_to(State::Delivered));
    assert_eq!(slept.at(1 << 45).len(), 2, "both at once after a long sleep");
}

#[test]
fn late_money_revives_an_order_whose_stock_is_there_and_is_due_back_where_it_is_not() {
    let mut goods = Goods::placed(terms(), false);
    goods.at(goods.deadline());
    let events = goods.run(&pay(150)).unwrap();
    assert_eq!(
        events[1..],
        [OrderEvent::RevivalStarted, OrderEvent::Revived, OrderEvent::SettlementStarted, OrderEvent::Settled,]
    );
    assert_eq!((goods.state(), goods.order().due, goods.order().refund_due), (State::Paid, 150, 0));

    let mut gone = Goods::placed(terms(), false);
    gone.at(gone.deadline());
    gone.refusing = true;
    let events = gone.run(&pay(150)).unwrap();
    assert_eq!(events[2], OrderEvent::RevivalUndone { refusal: short(), refund_due: 150 });
    assert_eq!((gone.state(), gone.order().refund_due), (State::Cancelled, 150));

    let mut partial = Goods::placed(terms(), false);
    partial.at(partial.deadline());
    let events = partial.run(&pay(149)).unwrap();
    assert_eq!(events[1], OrderEvent::RefundDue { amount: 149, cause: RefundCause::Late });
}

#[test]
fn an_order_that_the_buyer_cancelled_is_not_revived_by_his_late_money() {
    let mut goods = Goods::after(&[cancel(&[])]);
    let events = goods.run(&pay(150)).unwrap();
    assert_eq!(events[1], OrderEvent::RefundDue { amount: 150, cause: RefundCause::Late });
}

#[test]
fn excess_and_duplicate_money_is_due_back_and_short_money_is_recorded() {
    let mut goods = Goods::placed(terms(), false);
    let events = goods.run(&pay(170)).unwrap();
    assert_eq!(
        events[2..],
        [OrderEvent::Settled, OrderEvent::RefundDue { amount: 20, cause: RefundCause::Excess },]
    );
    let events = goods.run(&pay(150)).unwrap();
    assert_eq!(events[1], OrderEvent::RefundDue { amount: 150, cause: RefundCause::Duplicate });
    assert_eq!(goods.order().refund_due, 170);

    let mut short_paid = Goods::placed(terms(), false);
    short_paid.run(&pay_as(100, None, Settlement::Declared)).unwrap();
    assert_eq!(
        (short_paid.state(), short_paid.order().paid, short_paid.order().due),
        (State::Paid, 100, 150)
    );
    let events = short_paid.run(&pay(60)).unwrap();
    assert_eq!(events[1], OrderEvent::RefundDue { amount: 10, cause: RefundCause::Excess });
}

#[test]
fn stock_that_is_gone_at_payment_makes_all_that_was_paid_due_back() {
    let at_payment = Terms { deduction: Some(Deduction::AtPayment), ..terms() };
    let mut goods = Goods::placed(at_payment, false);
    goods.run(&pay(50)).unwrap();
    goods.refusing = true;
    let events = goods.run(&pay(100)).unwrap();
    assert_eq!(events[2], OrderEvent::SettlementUndone { refusal: short(), refund_due: 150 });
    assert_eq!((goods.state(), goods.order().refund_due), (State::Cancelled, 150));
}

#[test]
fn address_and_contact_change_until_everything_was_shipped() {
    let mut goods = Goods::after(&way_to(State::Packed));
    goods.run(&modify()).unwrap();
    assert_eq!(goods.order().delivery.as_ref().unwrap().address, "1 New Street");
    goods.run(&ship(&[])).unwrap();
    let refused = Refusal::WrongState { state: State::Shipped, action: Action::Modify };
    assert_eq!(goods.run(&modify()), Err(refused));
}
