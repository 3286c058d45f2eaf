//! What is special about each order type.

use super::*;

fn placed(place: &PlaceOrder, terms: Terms) -> Result<Events, Refusal> {
    decide_place(place, IdOrigin::Caller, LIMITS, terms, &SaleRules::default())
}

#[test]
fn virtual_goods_go_straight_from_the_settlement_into_the_hands_of_the_buyer() {
    let mut lived = Lived::new().placed(OrderType::Virtual, Terms::virtual_goods());
    let events = lived.run(&pay(150)).unwrap();
    let lines = parts(&[(1, 2), (2, 1)]);
    assert_eq!(
        events[1..],
        [
            OrderEvent::SettlementStarted,
            OrderEvent::Settled,
            OrderEvent::HandOverStarted { lines },
            OrderEvent::HandedOver,
        ]
    );
    assert_eq!(lived.state(), State::Delivered);
    assert!(lived.order().shipments.is_empty());
    assert!(lived.order().lines.iter().all(|l| l.counters.delivered == l.counters.ordered));
    let confirmed = lived.at(lived.deadline());
    assert_eq!(confirmed, [OrderEvent::Confirmed { automatic: true }]);
    assert_eq!(lived.at(lived.deadline()), [OrderEvent::Completed { automatic: true }]);
}

#[test]
fn what_fell_short_at_the_settlement_of_virtual_goods_is_not_handed_over() {
    let mut lived = Lived::new();
    let place = bought(OrderType::Virtual).in_part();
    let terms = at_payment(Terms::virtual_goods());
    lived.record_all(decide_place(&place, IdOrigin::Caller, LIMITS, terms, &SaleRules::default()).unwrap());
    lived.record(decide(lived.order(), &pay(150)).unwrap());
    let short = Short { sku: SkuId::new("a").unwrap(), granted: 1, awaiting: 0, filled: 0 };
    let events = finish(lived.order(), &SagaEnd::DoneInPart(vec![short]));
    assert_eq!(
        events[..],
        [
            OrderEvent::FellShort { missing: parts(&[(1, 1)]), refund_due: 50 },
            OrderEvent::Settled,
            OrderEvent::HandOverStarted { lines: parts(&[(1, 1), (2, 1)]) },
        ]
    );
    lived.record(events);
    lived.record(finish(lived.order(), &SagaEnd::Done));
    assert_eq!((lived.state(), lived.order().refund_due), (State::Delivered, 50));
}

#[test]
fn a_hand_over_that_a_sku_refused_is_tried_again_later_and_can_be_asked_for() {
    let mut lived = come_to(OrderType::Virtual, State::Paid);
    let retry = lived.deadline();
    assert_eq!(retry - lived.now, 10 * 60 * 1_000);
    assert_eq!(lived.order().deadline.unwrap().kind, DeadlineKind::HandOver);
    assert_eq!(lived.at(retry - 1), []);
    let again = lived.at(retry);
    assert_eq!(again[1..], [OrderEvent::HandOverUndone { refusal: short() }]);
    assert!(lived.deadline() > retry, "it does not try without end");
    let next = lived.deadline();
    lived.run(&progress(Step::HandOver)).unwrap();
    assert_eq!((lived.state(), lived.deadline()), (State::Paid, next), "one asked for changes no deadline");
    lived.keeping = false;
    lived.at(next);
    assert_eq!(lived.state(), State::Delivered);
}

#[test]
fn a_flash_sale_needs_a_named_buyer_and_takes_its_stock_at_placement() {
    let terms = Terms::flash_sale();
    assert_eq!((terms.pay_within_ms, terms.units_per_buyer_max), (Some(5 * 60 * 1_000), Some(2)));
    let mut nobody = bought(OrderType::FlashSale);
    nobody.customer = None;
    assert_eq!(placed(&nobody, terms), Err(Refusal::CustomerRequired));
    let unlimited = Terms { units_per_buyer_max: None, ..terms };
    assert_eq!(placed(&nobody, unlimited), Err(Refusal::CustomerRequired), "limit or not");
    let limited = Terms { units_per_buyer_max: Some(1), ..Terms::physical() };
    nobody.order_type = OrderType::Physical;
    assert_eq!(placed(&nobody, limited), Err(Refusal::CustomerRequired), "whatever the type");
    let late = crate::domain::inventory::SaleRule { kit: None, deduction: Some(Deduction::AtPayment) };
    let bought = bought(OrderType::FlashSale);
    let rules = SaleRules::of(&bought.lines, |_| Some(late.clone()));
    let events = decide_place(&bought, IdOrigin::Caller, LIMITS, terms, &rules).unwrap();
    let OrderEvent::Placed { lines, when_short, .. } = &events[0] else { panic!("{events:?}") };
    assert!(lines.iter().all(|line| !line.at_payment) && !when_short.wait);
}

#[test]
fn a_preorder_waits_after_its_payment_ships_what_has_come_and_goes_on_when_all_has() {
    let mut lived = Lived { promised: 2, ..Lived::new() };
    let mut place = bought(OrderType::Preorder);
    place.may_wait = false;
    let placed = decide_place(&place, IdOrigin::Caller, LIMITS, Terms::preorder(), &SaleRules::default());
    lived.record_all(placed.unwrap());
    assert!(lived.order().when_short.wait, "a preorder always may wait");
    lived.run(&pay(150)).unwrap();
    assert_eq!((lived.state(), lived.order().deadline), (State::Awaiting, None));
    lived.run(&ship(&[])).unwrap();
    assert_eq!(lived.state(), State::Awaiting, "one unit of b has left");
    assert_eq!(lived.run(&ship(&[])), Err(Refusal::NothingLeft { action: Action::ShipPart }));
    lived.filled(1);
    lived.run(&ship(&[])).unwrap();
    assert_eq!(lived.state(), State::Awaiting);
    lived.filled(2);
    assert_eq!(lived.state(), State::Paid);
    lived.run(&ship(&[])).unwrap();
    lived.run(&deliver(&[])).unwrap();
    assert_eq!((lived.state(), lived.order().shipments.len()), (State::Delivered, 3));
}

#[test]
fn a_preorder_whose_waiting_units_are_called_off_waits_no_longer() {
    let mut lived = come_to(OrderType::Preorder, State::Awaiting);
    lived.run(&cancel(&[(1, 1)])).unwrap();
    assert_eq!((lived.state(), lived.order().refund_due), (State::Paid, 50));
    let paid_before = come_to(OrderType::Preorder, State::Paid);
    assert!(!paid_before.order().waits());
}

#[test]
fn a_membership_is_active_from_its_payment_to_the_exact_end_of_its_period() {
    let mut lived = Lived::new().placed(OrderType::Membership, Terms::membership());
    assert_eq!(lived.state(), State::Accepted, "by default its stock is taken at the payment");
    lived.run(&pay(150)).unwrap();
    assert_eq!(lived.state(), State::Active);
    assert_eq!(lived.order().deadline.unwrap().kind, DeadlineKind::PeriodEnd);
    let end = lived.deadline();
    assert_eq!(end - lived.now, 365 * 24 * 60 * 60 * 1_000);
    lived.run(&extend(end + 10)).unwrap();
    assert_eq!(lived.at(end), []);
    let events = lived.at(end + 10);
    let lines = parts(&[(1, 2), (2, 1)]);
    assert_eq!(events, [OrderEvent::HandOverStarted { lines }, OrderEvent::HandedOver]);
    assert_eq!((lived.state(), lived.order().deadline), (State::Completed, None));
}

#[test]
fn a_membership_is_refunded_while_active_ended_by_hand_and_not_lost_where_a_sku_refuses() {
    let mut refunded = come_to(OrderType::Membership, State::Active);
    refunded.run(&cancel(&[])).unwrap();
    assert_eq!((refunded.state(), refunded.order().refund_due), (State::Cancelled, 150));
    let mut ended = come_to(OrderType::Membership, State::Active);
    ended.run(&progress(Step::Complete)).unwrap();
    assert_eq!(ended.state(), State::Completed);
    let mut kept = come_to(OrderType::Membership, State::Active);
    let end = kept.deadline();
    kept.keeping = true;
    kept.run(&progress(Step::Complete)).unwrap();
    assert_eq!((kept.state(), kept.deadline()), (State::Active, end));
    kept.at(end);
    assert_eq!((kept.state(), kept.deadline()), (State::Active, end + 10 * 60 * 1_000));
    kept.keeping = false;
    kept.at(kept.deadline());
    assert_eq!(kept.state(), State::Completed);
}

#[test]
fn terms_that_a_lifecycle_cannot_follow_are_found() {
    TermsByType::default().check().unwrap();
    let defaults = TermsByType::default();
    let late = |terms: Terms| Terms { late_payment: LatePayment::Revive, ..terms };
    let wrong = [
        TermsByType { flash_sale: at_payment(defaults.flash_sale), ..defaults },
        TermsByType { flash_sale: Terms { deduction: None, ..defaults.flash_sale }, ..defaults },
        TermsByType { flash_sale: late(defaults.flash_sale), ..defaults },
        TermsByType { preorder: Terms { active_for_ms: Some(1), ..defaults.preorder }, ..defaults },
        TermsByType { physical: Terms { units_per_buyer_max: Some(0), ..defaults.physical }, ..defaults },
    ];
    for terms in wrong {
        assert!(terms.check().is_err(), "{terms:?}");
    }
    let fine = TermsByType { preorder: late(at_payment(defaults.preorder)), ..defaults };
    assert_eq!(fine.check(), Ok(()));
}

#[test]
fn an_order_keeps_the_lifecycle_that_it_was_placed_under_when_new_orders_get_another() {
    let terms = Terms::physical();
    let place = bought(OrderType::Physical);
    let mut events = decide_place(&place, IdOrigin::Caller, LIMITS, terms, &SaleRules::default()).unwrap();
    let OrderEvent::Placed { lifecycle, .. } = &mut events[0] else { panic!("not a placement") };
    assert_eq!(*lifecycle, LifecycleId::PHYSICAL, "what a new order gets");
    *lifecycle = LifecycleId::EARLIER_PHYSICAL;
    let mut earlier = Lived::new();
    earlier.record_all(events);
    let mut present = Lived::new().placed(OrderType::Physical, terms);
    for lived in [&mut earlier, &mut present] {
        lived.run(&pay(150)).unwrap();
    }
    assert_eq!((earlier.state(), present.state()), (State::Packed, State::Paid));
    assert_eq!(earlier.order().view().unwrap().merchant, "to be sent");
    let picks = progress(Step::Pick);
    let refused = Refusal::WrongState { state: State::Packed, action: Action::Pick };
    assert_eq!(earlier.run(&picks), Err(refused));
    present.run(&picks).unwrap();
    earlier = earlier.all(&[ship(&[]), deliver(&[])]);
    assert_eq!(earlier.state(), State::Completed, "its own table ends here");
    assert!(earlier.order().is_terminal());
}
