//! Units that an order waits for, beside a SKU that fills them: whichever way round they learn of each other,
//! they come to the same numbers.

use proptest::prelude::*;

use super::*;

fn sku(name: &str) -> SkuId {
    SkuId::new(name).unwrap()
}

fn short(name: &str, granted: u64, awaiting: u64) -> Short {
    Short { sku: sku(name), granted, awaiting, filled: 0 }
}

/// Two units of `a`, one of `b`, three of `a`, at 1.00 each; these were short at placement.
fn waiting(short: &[Short]) -> Life {
    let mut life = Life::default();
    let command = place(vec![line("a", 2, 200), line("b", 1, 100), line("a", 3, 300)]);
    let rules = SaleRules::default();
    let decided = decide_place(&command, IdOrigin::Caller, LIMITS, Terms::simple(), &rules);
    life.record(decided.unwrap());
    life.record(finish(life.order(), &SagaEnd::DoneInPart(short.to_vec())));
    life
}

fn news(life: &mut Life, name: &str, units: u64) -> Events {
    let events = decide_filled(life.order(), &Filled { sku: sku(name), units });
    if !events.is_empty() {
        life.record(events.clone());
    }
    events
}

/// What each line has reserved, committed, waiting.
fn counters(life: &Life) -> Vec<(u32, u32, u32)> {
    let of = |line: &Line| (line.counters.reserved, line.counters.committed, line.counters.backordered);
    life.order().lines.iter().map(of).collect()
}

#[test]
fn what_is_not_there_yet_waits_line_by_line_and_is_due_all_the_same() {
    let life = waiting(&[short("a", 1, 4), short("b", 0, 1)]);
    assert_eq!(counters(&life), [(1, 0, 1), (0, 0, 1), (0, 0, 3)]);
    assert_eq!((life.state(), life.order().due), (State::Reserved, 600));
    let answer = life.order().answer();
    assert_eq!((answer.backordered, answer.missing), (parts(&[(1, 1), (2, 1), (3, 3)]), vec![]));
    assert_eq!(life.replayed(), life.order);
}

#[test]
fn an_order_in_part_waits_for_what_is_sold_and_calls_off_the_rest() {
    let life = waiting(&[short("a", 1, 2)]);
    assert_eq!(counters(&life), [(1, 0, 1), (1, 0, 0), (0, 0, 1)]);
    assert_eq!((life.order().due, life.order().answer().missing), (400, parts(&[(3, 2)])));
}

#[test]
fn what_comes_is_reserved_and_once_the_order_is_paid_committed() {
    let mut life = waiting(&[short("a", 1, 4)]);
    let filled = |units| Filled { sku: sku("a"), units };
    let expected = OrderEvent::Filled { filled: filled(2), lines: parts(&[(1, 1), (3, 1)]) };
    assert_eq!(news(&mut life, "a", 2).as_slice(), [expected]);
    assert_eq!(counters(&life), [(2, 0, 0), (1, 0, 0), (1, 0, 2)]);
    for known in [0, 1, 2] {
        assert!(news(&mut life, "a", known).is_empty(), "late news of {known}");
    }
    assert!(news(&mut life, "b", 5).is_empty(), "news of a SKU that nothing waits for");
    life.run(&pay(600)).unwrap();
    assert_eq!(counters(&life), [(0, 2, 0), (0, 1, 0), (0, 1, 2)]);
    news(&mut life, "a", 9);
    assert_eq!(counters(&life), [(0, 2, 0), (0, 1, 0), (0, 3, 0)]);
    assert_eq!(life.order().filled, [filled(9)]);
    assert_eq!(life.replayed(), life.order);
}

#[test]
fn a_settlement_commits_what_waits_as_well() {
    let mut life = waiting(&[short("a", 0, 5), short("b", 0, 1)]);
    life.record(decide(life.order(), &pay(600)).unwrap());
    let demand = life.order().plan().unwrap().demand;
    let demand: Vec<_> = demand.iter().map(|d| (d.sku.as_str(), d.op, d.units)).collect();
    assert_eq!(demand, [("a", StepOp::Commit, 5), ("b", StepOp::Commit, 1)]);
    assert!(news(&mut life, "a", 1).is_empty(), "the order has a saga under way");
    life.record(finish(life.order(), &SagaEnd::Done));
    assert_eq!((life.state(), counters(&life)), (State::Paid, vec![(0, 0, 2), (0, 0, 1), (0, 0, 3)]));
}

#[test]
fn only_what_has_come_is_shipped_and_the_order_is_shipped_when_all_of_it_is() {
    let mut life = waiting(&[short("a", 3, 2)]);
    life.run(&pay(600)).unwrap();
    let events = life.run(&ship(&[])).unwrap();
    assert_eq!(events[0], OrderEvent::ShipmentStarted { lines: parts(&[(1, 2), (2, 1), (3, 1)]) });
    assert_eq!(life.state(), State::Paid);
    life.run(&deliver(&[])).unwrap();
    assert_eq!(life.state(), State::Paid);
    let nothing = Refusal::NothingLeft { action: Action::ShipPart };
    assert_eq!(life.run(&ship(&[])), Err(nothing));
    news(&mut life, "a", 2);
    life.run(&ship(&[])).unwrap();
    assert_eq!(life.state(), State::Shipped);
    life.run(&deliver(&[])).unwrap();
    assert_eq!(life.state(), State::Fulfilled);
}

#[test]
fn what_waits_is_called_off_first_and_a_line_that_gives_up_serves_one_that_waits() {
    let mut life = waiting(&[short("a", 4, 1)]);
    assert_eq!(counters(&life), [(2, 0, 0), (1, 0, 0), (2, 0, 1)]);
    // Line 1 gives up one that is there: line 3 gets it.
    life.run(&cancel(&[(1, 1)])).unwrap();
    assert_eq!(counters(&life), [(1, 0, 0), (1, 0, 0), (3, 0, 0)]);
    // The SKU learnt of the cancellation before it could tell: nothing waits any more.
    assert!(news(&mut life, "a", 1).is_empty());
    let mut paid = waiting(&[short("a", 3, 2)]);
    paid.run(&pay(600)).unwrap();
    paid.run(&cancel(&[(1, 2), (3, 1)])).unwrap();
    assert_eq!(counters(&paid), [(0, 0, 0), (0, 1, 0), (0, 2, 0)]);
    paid.run(&cancel(&[])).unwrap();
    assert_eq!((paid.state(), paid.order().refund_due), (State::Cancelled, 600));
}

#[test]
fn an_order_that_wants_what_is_there_now_never_waits() {
    let lines = || vec![line("a", 2, 200), line("kit", 1, 100)];
    let part = crate::domain::inventory::KitPart { sku: sku("b"), quantity: 1 };
    let rule = crate::domain::inventory::SaleRule { kit: Some(Box::new([part])), deduction: None };
    for (command, expected) in [
        (place(lines()), vec![("a", true), ("b", false)]),
        (place(lines()).in_stock_only(), vec![("a", false), ("b", false)]),
    ] {
        let rules = SaleRules::of(&command.lines, |sku| (sku.as_str() == "kit").then(|| rule.clone()));
        let decided = decide_place(&command, IdOrigin::Caller, LIMITS, Terms::simple(), &rules);
        let mut life = Life::default();
        life.record(decided.unwrap());
        let demand = life.order().plan().unwrap().demand;
        let may_wait: Vec<_> = demand.iter().map(|d| (d.sku.as_str(), d.may_wait)).collect();
        assert_eq!(may_wait, expected);
    }
}

/// A SKU with the order's hold, as far as the order can see it.
#[derive(Debug)]
struct Shelf {
    awaiting: u64,
    reserved: u64,
    committed: u64,
    paid: bool,
    filled: u64,
}

impl Shelf {
    fn fill(&mut self, units: u64) {
        let units = units.min(self.awaiting);
        self.awaiting -= units;
        self.filled += units;
        *(if self.paid { &mut self.committed } else { &mut self.reserved }) += units;
    }

    fn follow(&mut self, demand: &Demand) {
        match demand.op {
            StepOp::Commit => {
                assert!(demand.units == self.reserved + self.awaiting);
                (self.paid, self.committed, self.reserved) = (true, self.committed + self.reserved, 0);
            }
            StepOp::Ship => self.committed -= demand.units,
            StepOp::Release => {
                let awaiting = demand.units.min(self.awaiting);
                let reserved = (demand.units - awaiting).min(self.reserved);
                self.awaiting -= awaiting;
                self.reserved -= reserved;
                self.committed -= demand.units - awaiting - reserved;
            }
            other => panic!("{other:?} was not expected"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_order_and_its_sku_agree_whenever_the_news_has_come(
        quantities in prop::collection::vec(1..5u32, 1..4),
        here in 0..8u64,
        steps in prop::collection::vec((0..5u8, 1..4u32, 1..4u32), 1..30),
    ) {
        let all: u64 = quantities.iter().map(|units| u64::from(*units)).sum();
        let here = here.min(all);
        let mut shelf = Shelf { awaiting: all - here, reserved: here, committed: 0, paid: false, filled: 0 };
        let mut life = Life::default();
        let lines = quantities.iter().map(|units| line("a", *units, i64::from(*units) * 100)).collect();
        let rules = SaleRules::default();
        life.record(decide_place(&place(lines), IdOrigin::Caller, LIMITS, Terms::simple(), &rules).unwrap());
        let end = if here == all { SagaEnd::Done } else { SagaEnd::DoneInPart(vec![short("a", here, all - here)]) };
        life.record(finish(life.order(), &end));
        for (kind, number, units) in steps {
            let command = match kind {
                0 => {
                    shelf.fill(u64::from(units));
                    continue;
                }
                1 => {
                    news(&mut life, "a", shelf.filled);
                    continue;
                }
                2 => pay_as(0, None, Settlement::Declared),
                3 => ship(&[]),
                _ => cancel(&[(number, units)]),
            };
            let Ok(events) = decide(life.order(), &command) else { continue };
            life.record(events);
            for demand in life.order().plan().map(|plan| plan.demand).unwrap_or_default() {
                shelf.follow(&demand);
            }
            let events = finish(life.order(), &SagaEnd::Done);
            if !events.is_empty() {
                life.record(events);
            }
        }
        news(&mut life, "a", shelf.filled);
        let sum = |of: fn(&LineCounters) -> u32| {
            life.order().lines.iter().map(|line| u64::from(of(&line.counters))).sum::<u64>()
        };
        prop_assert_eq!(
            (sum(|c| c.reserved), sum(|c| c.committed), sum(|c| c.backordered)),
            (shelf.reserved, shelf.committed, shelf.awaiting)
        );
        prop_assert_eq!(life.replayed(), life.order);
    }
}
