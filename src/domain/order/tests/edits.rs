//! Random edits: the preview is the commit, no unit and no cent is lost, and only the difference moves.

use proptest::prelude::*;

use super::*;
use std::collections::BTreeMap;

fn change() -> impl Strategy<Value = EditChange> {
    let amounts = || {
        (0i64..400, 0i64..100, 0i64..50).prop_map(|(gross, discount, shipping)| Amounts {
            gross,
            discount: discount.min(gross),
            shipping,
        })
    };
    prop_oneof![
        (1u32..5, 1u32..4, amounts()).prop_map(|(line, quantity, amounts)| EditChange::AddUnits {
            line,
            quantity,
            amounts
        }),
        (1u32..5, 1u32..4).prop_map(|(line, quantity)| EditChange::TakeUnits { line, quantity }),
        (1u32..5).prop_map(|line| EditChange::RemoveLine { line }),
        (1u32..5, amounts()).prop_map(|(line, amounts)| EditChange::Reprice { line, amounts }),
        (0usize..3, 1u32..4, 0i64..300).prop_map(|(sku, quantity, gross)| {
            EditChange::AddLine(line(["a", "b", "c"][sku], quantity, gross))
        }),
    ]
}

#[derive(Clone, Debug)]
enum Act {
    Edit(Vec<EditChange>),
    Pay(i64),
    Ship(u32),
    Cancel(u32),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => proptest::collection::vec(change(), 1..4).prop_map(Act::Edit),
        2 => (0i64..600).prop_map(Act::Pay),
        1 => (1u32..4).prop_map(Act::Ship),
        1 => (1u32..4).prop_map(Act::Cancel),
    ]
}

/// Units by SKU: reserved, committed.
fn claims(order: &Order) -> BTreeMap<SkuId, [u64; 2]> {
    let mut sums = BTreeMap::<SkuId, [u64; 2]>::new();
    for (sku, [reserved, committed, _]) in order.lines.iter().flat_map(|line| line.claims()) {
        let sum = sums.entry(sku.clone()).or_default();
        *sum = [sum[0] + reserved, sum[1] + committed];
    }
    sums
}

/// Edits the order, and follows every step that its SKUs are asked for on a ledger of their holds.
fn edit(life: &mut Life, changes: &[EditChange]) {
    let stage = StageEdit { order: id(), changes: changes.to_vec() };
    let limits = Limits { lines_max: 9 };
    let Ok(staged) = decide_stage(life.order(), &stage, limits, &SaleRules::default()) else { return };
    let before = life.order().clone();
    life.record_all(staged);
    assert_eq!(before.lines, life.order().lines);
    let version = life.order().version;
    let preview = preview(life.order(), Timestamp::from_millis(0)).unwrap();
    let mut held = claims(life.order());
    life.record(decide(life.order(), &accept(version)).unwrap());
    let mut moved = BTreeMap::<SkuId, (u64, u64)>::new();
    while let Some(plan) = life.order().plan() {
        for demand in plan.demand {
            let hold = held.entry(demand.sku.clone()).or_default();
            let moved = moved.entry(demand.sku.clone()).or_default();
            match demand.op {
                StepOp::Add => (hold[0], moved.0) = (hold[0] + demand.units, moved.0 + demand.units),
                StepOp::Release => {
                    let unpaid = demand.unpaid.unwrap_or(u64::MAX).min(demand.units).min(hold[0]);
                    hold[0] -= unpaid;
                    hold[1] -= demand.units - unpaid;
                    moved.1 += demand.units;
                }
                StepOp::Commit => *hold = [hold[0] - demand.units, hold[1] + demand.units],
                other => panic!("an edit asks for {other:?}"),
            }
        }
        life.record(finish(life.order(), &SagaEnd::Done));
    }
    assert_eq!(preview.order, *life.order(), "the preview is not the commit");
    held.retain(|_, units| *units != [0, 0]);
    let mut said = claims(life.order());
    said.retain(|_, units| *units != [0, 0]);
    assert_eq!(said, held);
    // Without kits a SKU is asked to add or to give back, and never both.
    assert!(moved.values().all(|(added, given)| *added == 0 || *given == 0), "{moved:?}");
}

proptest! {
    #[test]
    fn what_is_previewed_is_what_becomes_of_an_order_over_random_edits(
        acts in proptest::collection::vec(act(), 1..12),
    ) {
        let mut life = Life::of(vec![line("a", 3, 331), line("b", 2, 200)]);
        for act in acts {
            match act {
                Act::Edit(changes) => edit(&mut life, &changes),
                Act::Pay(minor) => drop(life.run(&pay(minor))),
                Act::Ship(line) => drop(life.run(&ship(&[(line, 1)]))),
                Act::Cancel(line) => drop(life.run(&cancel(&[(line, 1)]))),
            }
            let order = life.order();
            let rest: i64 = order
                .lines
                .iter()
                .map(|l| l.share_of_first(l.counters.ordered) - l.share_of_first(l.counters.cancelled))
                .sum();
            prop_assert_eq!(order.due, rest);
            prop_assert!(order.refund_due <= order.paid);
            prop_assert_eq!(life.replayed(), life.order.clone());
        }
    }
}

#[test]
fn only_states_before_the_goods_are_fetched_can_be_edited() {
    let editable = |lifecycle: &Lifecycle| {
        let states = lifecycle.states().into_iter();
        states.filter(|state| lifecycle.next(*state, Action::Edit) == Some(*state)).collect::<Vec<_>>()
    };
    let all = vec![State::Reserved, State::Paid, State::Accepted];
    let unpaid = vec![State::Reserved, State::Accepted];
    for (id, expected) in [
        (LifecycleId::SIMPLE, &all),
        (LifecycleId::PHYSICAL, &all),
        (LifecycleId::VIRTUAL, &unpaid),
        (LifecycleId::FLASH_SALE, &vec![State::Reserved, State::Paid]),
        (LifecycleId::PREORDER, &all),
        (LifecycleId::MEMBERSHIP, &unpaid),
    ] {
        assert_eq!(editable(Lifecycle::of(id).unwrap()), *expected, "{id:?}");
    }
}
