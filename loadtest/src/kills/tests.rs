//! The comparison finds what is wrong: a check that never fails is none.

use std::io::Cursor;
use std::sync::mpsc;

use earmark::{
    Answer, Command, Counters, OrderId, PlaceOrder, Request, SkuCommand, SkuId, State, StockAnswer,
};

use super::child::Said;
use super::ledger::Ledger;
use super::life::read_lines;
use crate::sample;

fn placement(id: &OrderId) -> Request<Command> {
    let order = PlaceOrder::new("shop".parse().unwrap(), earmark::Currency::EUR, Vec::new());
    Command::from(order.with_id(id.clone())).into()
}

fn receipt(units: u64) -> Request<Command> {
    Command::Sku(SkuId::new("apple").unwrap(), SkuCommand::receive(units, "delivery")).into()
}

fn apples(received: u64) -> earmark::Inventory {
    sample::sku("apple", Counters { received, available: received, ..Counters::default() })
}

#[test]
fn an_acknowledged_order_that_is_gone_or_another_is_a_difference() {
    let id = OrderId::new("o1").unwrap();
    let told = sample::order(id.clone(), State::Reserved);
    let mut ledger = Ledger::default();
    ledger.asked(1, placement(&id));
    assert_eq!(ledger.differences(&sample::cut(vec![], vec![])).0, Vec::<String>::new());
    assert_eq!(ledger.answered(1, Ok(Answer::Order(told.answer()))), None);
    assert_eq!(ledger.differences(&sample::cut(vec![], vec![told])).0, Vec::<String>::new());
    let other = sample::order(id, State::Cancelled);
    for cut in [sample::cut(vec![], vec![]), sample::cut(vec![], vec![other])] {
        assert_eq!(ledger.differences(&cut).0.len(), 1);
    }
}

#[test]
fn units_lie_between_what_was_told_and_what_is_in_doubt() {
    let mut ledger = Ledger::default();
    ledger.asked(1, receipt(5));
    let answer = StockAnswer { available: 5, held: 0, version: 0 };
    assert_eq!(ledger.answered(1, Ok(Answer::Stock(answer))), None);
    ledger.asked(2, receipt(2));
    let wrong = |received| ledger.differences(&sample::cut(vec![apples(received)], vec![])).0.len();
    assert_eq!([4, 5, 7, 8].map(wrong), [1, 0, 0, 1]);
}

#[test]
fn another_answer_under_the_same_key_is_a_difference() {
    let keyed = receipt(1).with_key("shop".parse().unwrap(), "k1".parse().unwrap());
    let answer = |version| Ok(Answer::Stock(StockAnswer { available: 1, held: 0, version }));
    let mut ledger = Ledger::default();
    for (number, version, is_wrong) in [(1, 1, false), (2, 1, false), (3, 2, true)] {
        ledger.asked(number, keyed.clone());
        assert_eq!(ledger.answered(number, answer(version)).is_some(), is_wrong);
    }
    assert!(ledger.answered(9, answer(1)).is_some(), "an answer to a call that nobody made");
}

#[test]
fn a_line_that_a_kill_cut_off_was_never_received() {
    let mut bytes = Vec::new();
    let said = [Said::Open, Said::Asked(1, Box::new(receipt(3))), Said::Fault("so".to_owned())];
    for said in &said {
        bytes.extend(serde_json::to_vec(said).unwrap());
        bytes.push(b'\n');
    }
    for cut in 0..=bytes.len() {
        let (sender, inbox) = mpsc::channel();
        read_lines(Cursor::new(&bytes[..cut]), &sender).unwrap();
        drop(sender);
        let whole = bytes[..cut].iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(inbox.iter().collect::<Vec<_>>(), said[..whole], "cut at {cut}");
    }
}
