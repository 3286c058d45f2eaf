//! Random commands. A failure prints its seed and the shortest input; `PROPTEST_RNG_SEED` runs a seed again.

use proptest::prelude::*;

use super::*;

fn command() -> impl Strategy<Value = (OrderCommand, bool)> {
    let lines = prop::collection::vec((1..4u32, 1..4u32), 0..3);
    (0..8u8, lines, 0..400i64, prop::bool::weighted(0.2)).prop_map(|(kind, lines, minor, refusing)| {
        let command = match kind {
            0 | 1 => pay(minor),
            2 => pay_as(minor, None, Settlement::Declared),
            3 => pay_as(minor, Some("p"), Settlement::PartOnly),
            4 | 5 => ship(&lines),
            6 => deliver(&lines),
            _ => cancel(&lines),
        };
        (command, refusing)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_asked_the_order_stays_sound_and_money_adds_up(
        amounts in prop::collection::vec((1..5u32, 0..200i64, 0..50i64), 1..4),
        commands in prop::collection::vec(command(), 1..40),
    ) {
        let lines = amounts.iter().map(|(quantity, net, shipping)| {
            let mut line = line("a", *quantity, net + 7);
            (line.discount, line.shipping) = (7, *shipping);
            line
        });
        let mut life = Life::of(lines.collect());
        let whole: i64 = amounts.iter().map(|(_, net, shipping)| net + shipping).sum();
        prop_assert_eq!(life.order().due, whole);
        for (command, refusing) in &commands {
            let before = life.order.clone();
            life.refusing = *refusing;
            if life.run(command).is_err() {
                prop_assert_eq!(&life.order, &before);
            }
            let order = life.order();
            prop_assert!(order.pending.is_none());
            let cancelled: i64 = order.lines.iter().map(|l| l.share_of_first(l.counters.cancelled)).sum();
            prop_assert_eq!(order.due + cancelled, whole);
            let counted = order.lines.iter().all(|l| {
                let c = &l.counters;
                c.reserved + c.committed + c.shipped + c.cancelled == c.ordered
            });
            prop_assert!(counted, "a unit is nowhere: {:?}", order.lines);
            if order.state == State::Cancelled {
                prop_assert_eq!((order.due, order.refund_due), (0, order.paid));
            }
        }
        prop_assert_eq!(life.replayed(), life.order);
    }
}
