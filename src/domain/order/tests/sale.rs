//! Kits, and when the stock of each SKU falls.

use super::*;
use crate::domain::inventory::{KitPart, KitProblem, SaleRule};

fn sku(name: &str) -> SkuId {
    SkuId::new(name).unwrap()
}

fn kit(parts: &[(&str, u32)]) -> SaleRule {
    let parts = parts.iter().map(|&(name, quantity)| KitPart { sku: sku(name), quantity });
    SaleRule { kit: Some(parts.collect()), deduction: None }
}

fn late() -> SaleRule {
    SaleRule { kit: None, deduction: Some(Deduction::AtPayment) }
}

fn late_kit(parts: &[(&str, u32)]) -> SaleRule {
    SaleRule { deduction: Some(Deduction::AtPayment), ..kit(parts) }
}

/// What is asked of each SKU by the saga under way.
fn asked(life: &Life) -> Vec<(String, StepOp, u64)> {
    let plan = life.order().plan().unwrap();
    plan.demand.iter().map(|d| (d.sku.to_string(), d.op, d.units)).collect()
}

fn expect(asked: &[(&str, StepOp, u64)]) -> Vec<(String, StepOp, u64)> {
    asked.iter().map(|&(sku, op, units)| (sku.to_owned(), op, units)).collect()
}

/// An order placed under these rules, its placement still under way where it has one.
fn begun(command: &PlaceOrder, terms: Terms, rules: &[(&str, SaleRule)]) -> Result<Life, Refusal> {
    let find = |asked: &SkuId| rules.iter().find(|(name, _)| *name == asked.as_str()).map(|r| r.1.clone());
    let rules = SaleRules::of(&command.lines, find);
    let limits = Limits { lines_max: 8 };
    let mut life = Life::default();
    life.record(decide_place(command, IdOrigin::Caller, limits, terms, &rules)?);
    Ok(life)
}

fn done(life: &mut Life) {
    life.record(finish(life.order(), &SagaEnd::Done));
}

/// Begins what `command` leads to, and answers what it asks of each SKU.
fn begins(life: &mut Life, command: &OrderCommand) -> Vec<(String, StepOp, u64)> {
    life.record(decide(life.order(), command).unwrap());
    asked(life)
}

#[test]
fn every_part_of_a_kit_moves_by_its_quantity_in_the_kit() {
    use StepOp::{Commit, Release, Reserve, Ship};
    let command = place(vec![line("box", 3, 900), line("a", 1, 10)]);
    let mut life = begun(&command, Terms::simple(), &[("box", kit(&[("b", 2), ("a", 1)]))]).unwrap();
    assert_eq!(asked(&life), expect(&[("a", Reserve, 4), ("b", Reserve, 6)]));
    done(&mut life);
    assert_eq!(life.order().lines[0].counters.reserved, 3);
    assert_eq!(begins(&mut life, &cancel(&[(1, 1)])), expect(&[("a", Release, 1), ("b", Release, 2)]));
    done(&mut life);
    assert_eq!(life.order().due, 610);
    assert_eq!(begins(&mut life, &pay(610)), expect(&[("a", Commit, 3), ("b", Commit, 4)]));
    done(&mut life);
    assert_eq!(begins(&mut life, &ship(&[(1, 1)])), expect(&[("a", Ship, 1), ("b", Ship, 2)]));
    done(&mut life);
    assert_eq!(begins(&mut life, &ship(&[])), expect(&[("a", Ship, 2), ("b", Ship, 2)]));
    done(&mut life);
    life.run(&deliver(&[])).unwrap();
    assert_eq!(life.state(), State::Fulfilled);
    assert_eq!(life.replayed(), life.order);
}

#[test]
fn a_kit_that_makes_no_sense_at_placement_refuses_the_order() {
    let rules = [
        ("outer", kit(&[("inner", 1)])),
        ("inner", kit(&[("a", 1)])),
        ("huge", kit(&[("a", u32::MAX), ("b", u32::MAX)])),
        ("wide", kit(&[("a", 1), ("b", 1), ("c", 1), ("d", 1)])),
    ];
    let refused = |lines| begun(&place(lines), Terms::simple(), &rules).unwrap_err();
    let nested = Refusal::InvalidKit { sku: sku("outer"), problem: KitProblem::Nested };
    assert_eq!(refused(vec![line("outer", 1, 1)]), nested);
    assert_eq!(refused(vec![line("huge", u32::MAX, 1)]), Refusal::Overflow);
    let wide = vec![line("wide", 1, 1), line("wide", 1, 1)];
    assert_eq!(refused(wide), Refusal::TooManyLines { lines: 10, max: 8 });
    begun(&place(vec![line("inner", 1, 1), line("wide", 1, 1)]), Terms::simple(), &rules).unwrap();
}

#[test]
fn an_order_settles_by_committing_what_it_reserved_and_taking_the_rest() {
    use StepOp::{Commit, Release, Reserve, Take};
    let command = place(vec![line("late", 1, 100), line("b", 2, 100), line("box", 1, 100)]);
    let rules = [("late", late()), ("box", late_kit(&[("z", 3), ("a", 1)]))];
    let mut life = begun(&command, Terms::simple(), &rules).unwrap();
    assert_eq!(asked(&life), expect(&[("b", Reserve, 2)]));
    done(&mut life);
    let reserved = |life: &Life| life.order().lines.iter().map(|l| l.counters.reserved).collect::<Vec<_>>();
    assert_eq!((life.state(), reserved(&life)), (State::Reserved, vec![0, 2, 0]));
    // What was not reserved is not given back.
    let mut cancelled = life.clone();
    assert_eq!(begins(&mut cancelled, &cancel(&[])), expect(&[("b", Release, 2)]));
    let settling = expect(&[("b", Commit, 2), ("a", Take, 1), ("late", Take, 1), ("z", Take, 3)]);
    assert_eq!(begins(&mut life, &pay(300)), settling);
    // Refused, the order keeps what it reserved, and its payment is due back.
    let mut refused = life.clone();
    refused.record(finish(refused.order(), &SagaEnd::Undone(short())));
    assert_eq!((refused.state(), reserved(&refused)), (State::Reserved, vec![0, 2, 0]));
    assert_eq!(refused.order().refund_due, 300);
    assert_eq!(begins(&mut refused, &pay(300)), settling);
    done(&mut life);
    let committed: Vec<_> = life.order().lines.iter().map(|l| l.counters.committed).collect();
    assert_eq!((life.state(), committed), (State::Paid, vec![1, 2, 1]));
    assert_eq!(life.replayed(), life.order);
}

#[test]
fn an_order_all_of_whose_skus_leave_their_stock_to_the_payment_is_accepted() {
    let command = place(vec![line("late", 1, 100)]);
    let mut life = begun(&command, Terms::simple(), &[("late", late())]).unwrap();
    assert_eq!((life.state(), life.order().plan()), (State::Accepted, None));
    assert_eq!(begins(&mut life, &pay(100)), expect(&[("late", StepOp::Take, 1)]));
    let mut refused = life.clone();
    refused.record(finish(refused.order(), &SagaEnd::Undone(short())));
    assert_eq!((refused.state(), refused.order().refund_due), (State::Cancelled, 100));
    done(&mut life);
    assert_eq!(life.state(), State::Paid);
}

#[test]
fn the_rule_of_the_order_type_goes_before_those_of_the_skus() {
    let command = place(vec![line("late", 1, 100), line("b", 1, 100)]).of_type(OrderType::Physical);
    let rules = [("late", late()), ("b", SaleRule { kit: None, deduction: Some(Deduction::AtPlacement) })];
    let under = |deduction| {
        let life = begun(&command, Terms { deduction, ..Terms::physical() }, &rules).unwrap();
        (life.state(), life.order().lines.iter().map(|l| l.at_payment).collect::<Vec<_>>())
    };
    assert_eq!(under(Some(Deduction::AtPlacement)), (State::Created, vec![false, false]));
    assert_eq!(under(Some(Deduction::AtPayment)), (State::Accepted, vec![true, true]));
    assert_eq!(under(None), (State::Created, vec![true, false]));
}

/// Over any number of lines: `late` shares `a` with the kit, the kit shares `b` with a line at placement.
#[test]
fn lines_that_share_a_sku_are_deducted_at_placement_when_one_of_them_is() {
    let lines = vec![line("a", 1, 1), line("kit", 1, 1), line("b", 1, 1), line("c", 1, 1)];
    let rules = [("a", late()), ("c", late()), ("kit", late_kit(&[("a", 1), ("b", 2)]))];
    let life = begun(&place(lines), Terms::simple(), &rules).unwrap();
    let late: Vec<_> = life.order().lines.iter().map(|l| l.at_payment).collect();
    assert_eq!(late, [false, false, false, true]);
    assert_eq!(asked(&life), expect(&[("a", StepOp::Reserve, 2), ("b", StepOp::Reserve, 3)]));
}

#[test]
fn what_a_kit_needs_is_never_taken_in_part() {
    let command = place(vec![line("kit", 1, 1), line("a", 1, 1), line("c", 1, 1)]).in_part();
    let life = begun(&command, Terms::simple(), &[("kit", kit(&[("a", 1), ("b", 1)]))]).unwrap();
    let plan = life.order().plan().unwrap();
    let partial: Vec<_> = plan.demand.iter().map(|d| (d.sku.as_str(), d.partial)).collect();
    assert_eq!(partial, [("a", false), ("b", false), ("c", true)]);
}

#[test]
fn what_is_missing_at_the_payment_of_an_order_with_two_rules_is_due_back() {
    let command = place(vec![line("late", 3, 300), line("b", 2, 200)]).in_part();
    let mut life = begun(&command, Terms::simple(), &[("late", late())]).unwrap();
    done(&mut life);
    begins(&mut life, &pay(500));
    let short = vec![Short { sku: sku("late"), granted: 1 }];
    life.record(finish(life.order(), &SagaEnd::DoneInPart(short)));
    assert_eq!((life.state(), life.order().due, life.order().refund_due), (State::Paid, 300, 200));
    assert_eq!(life.order().answer().missing, parts(&[(1, 2)]));
}

#[test]
fn late_money_revives_an_order_with_two_rules_by_reserving_all_of_it() {
    let terms = Terms { deduction: None, late_payment: LatePayment::Revive, ..Terms::physical() };
    let command = place(vec![line("late", 1, 100), line("b", 1, 100)]).of_type(OrderType::Physical);
    let mut life = begun(&command, terms, &[("late", late())]).unwrap();
    done(&mut life);
    let deadline = life.order().deadline.unwrap().at;
    life.record(decide_due(life.order(), deadline));
    assert_eq!(asked(&life), expect(&[("b", StepOp::Release, 1)]));
    done(&mut life);
    let both = |op| expect(&[("b", op, 1), ("late", op, 1)]);
    assert_eq!(begins(&mut life, &pay(200)), both(StepOp::Reserve));
    done(&mut life);
    assert_eq!(asked(&life), both(StepOp::Commit));
    done(&mut life);
    assert_eq!(life.state(), State::Paid);
}
